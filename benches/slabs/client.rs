//! Who takes blocks and gives them back.
#![expect(unsafe_code, reason = "frees")]

use std::alloc::Layout;
use std::hint::black_box;
use std::ops::Range;

use super::demand::Demand;
use super::peers::Heap;

/// One that asks an allocator for what is demanded, and gives back all that it has when it is dropped.
pub(crate) struct Client<'a, H: Heap> {
    heap: H,
    demand: &'a Demand,
    /// A place is empty only while its block is replaced.
    live: Vec<Option<Taken<H>>>,
}

/// A block, and what was asked for.
type Taken<H> = (<H as Heap>::Block, Layout);

impl<'a, H: Heap> Client<'a, H> {
    pub(crate) fn new(mut heap: H, demand: &'a Demand) -> Self {
        let live = demand.live.iter().map(|&layout| Some(take(&mut heap, layout))).collect();
        Self { heap, demand, live }
    }

    /// Does some of the operations.
    #[inline]
    pub(crate) fn operate(&mut self, which: Range<usize>) {
        let Self { heap, demand, live } = self;
        let layouts = &demand.layouts[which.clone()];
        match &demand.places {
            None => pairs(heap, layouts),
            Some(places) => replace(heap, live, layouts, &places[which]),
        }
    }
}

impl<H: Heap> Drop for Client<'_, H> {
    fn drop(&mut self) {
        for (block, layout) in self.live.drain(..).flatten() {
            // SAFETY: taken with this layout, and given back once.
            unsafe { self.heap.give(block, layout) };
        }
    }
}

#[inline(never)]
fn pairs<H: Heap>(heap: &mut H, layouts: &[Layout]) {
    for &layout in layouts {
        let block = black_box(heap.take(layout)).expect("there is room");
        // SAFETY: taken just now with this layout.
        unsafe { heap.give(block, layout) };
    }
}

#[inline(never)]
fn replace<H: Heap>(
    heap: &mut H,
    live: &mut [Option<Taken<H>>],
    layouts: &[Layout],
    places: &[usize],
) {
    for (&layout, &place) in layouts.iter().zip(places) {
        if let Some((old, old_layout)) = live[place].take() {
            // SAFETY: taken before with this layout, and replaced below.
            unsafe { heap.give(old, old_layout) };
        }
        live[place] = Some(take(heap, layout));
    }
}

#[inline]
fn take<H: Heap>(heap: &mut H, layout: Layout) -> Taken<H> {
    (heap.take(layout).expect("there is room"), layout)
}
