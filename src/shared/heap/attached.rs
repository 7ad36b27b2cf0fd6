//! `Attached`: a heap that this process has mapped, found by its number.
#![expect(unsafe_code, reason = "lends heaps for good, and finds blocks in them")]

use core::iter;
use core::ptr::{self, NonNull};
use core::sync::atomic::{AtomicBool, AtomicPtr, AtomicU64, Ordering};

use super::handle::Handle;
use super::head::{Facts, Head};
use crate::region::Region;
use crate::slab::slab::Slab;
use crate::sync::attachment::Attachment;
use crate::sys::mapping::Memory;

/// A heap, and where it lies here. It stays mapped: handles lead to it.
#[derive(Debug)]
pub(crate) struct Attached {
    pub(crate) facts: Facts,
    pub(crate) head: &'static Head,
    pub(crate) slab: Slab<'static>,
    /// How far the slab's first page is from the start of the heap.
    pub(crate) pages_start: usize,
    /// All of it.
    pub(crate) region: Region,
    pub(crate) attachment: &'static Attachment,
    /// Whether this process has found a root in it, or one that it is forked from.
    pub(crate) has_roots: AtomicBool,
    pub(super) listing: Listing,
    /// All that is borrowed above lies there.
    pub(crate) memory: Memory,
}

static NEWEST: AtomicPtr<Attached> = AtomicPtr::new(ptr::null_mut());

/// The heap that is looked at first: most processes have one, and the way from a handle to a block waits for
/// no list.
static FIRST: First = First {
    is_claimed: AtomicBool::new(false),
    less_tag: AtomicU64::new(0),
    bytes: AtomicU64::new(0),
    base: AtomicPtr::new(ptr::null_mut()),
};

/// What makes an address of a handle in few instructions.
struct First {
    is_claimed: AtomicBool,
    /// This and the bits of a handle add up to its offset, and overflow, see [`Handle::tag`]; 0 for none.
    less_tag: AtomicU64,
    bytes: AtomicU64,
    /// This and the bits of a handle add up to its address.
    base: AtomicPtr<u8>,
}

/// Whether an attached heap is in the list of all.
#[derive(Default, Debug)]
pub(super) struct Listing {
    is_detached: AtomicBool,
    /// The one that was attached before this.
    before: AtomicPtr<Attached>,
}

impl Attached {
    /// Makes a heap known to this process, in which none has its number.
    pub(super) fn add(attached: Self) -> &'static Self {
        let attached: &'static Self = Box::leak(Box::new(attached));
        let add = |newest| {
            attached.listing.before.store(newest, Ordering::Relaxed);
            Some(ptr::from_ref(attached).cast_mut())
        };
        let _ = NEWEST.fetch_update(Ordering::Release, Ordering::Relaxed, add);
        FIRST.claim(attached);
        attached
    }

    /// Returns the heap that has a number, if it is attached.
    pub(crate) fn of(heap: u32) -> Option<&'static Self> {
        Self::all().find(|attached| attached.facts.heap == heap)
    }

    /// Returns the heap in which an address lies.
    pub(crate) fn around(address: usize) -> Option<&'static Self> {
        Self::all().find(|attached| attached.offset_of(address).is_some())
    }

    /// The heaps of this process, the newest first.
    pub(crate) fn all() -> impl Iterator<Item = &'static Self> {
        let find = |attached: *mut Self| {
            // SAFETY: `add` has stored it, and it is never freed.
            unsafe { attached.as_ref() }
        };
        let newest = find(NEWEST.load(Ordering::Acquire));
        iter::successors(newest, move |attached| {
            find(attached.listing.before.load(Ordering::Relaxed))
        })
        .filter(|attached| !attached.listing.is_detached.load(Ordering::Acquire))
    }

    /// Forgets it: no handle leads to it any more.
    pub(crate) fn forget(&self) {
        // Before: who does not find it any more may attach it anew, and claims the first place.
        FIRST.give_up(self);
        self.listing.is_detached.store(true, Ordering::Release);
    }

    /// How far an address is from the start, if it lies within.
    #[inline]
    pub(crate) fn offset_of(&self, address: usize) -> Option<usize> {
        let offset = address.wrapping_sub(self.region.address());
        (offset < self.facts.bytes).then_some(offset)
    }

    /// The handle of what the slab calls so.
    #[inline]
    pub(crate) fn handle(&self, slab_offset: usize) -> Option<Handle> {
        // Whatever somebody has written into the tables, this does not overflow.
        Handle::new(self.facts.heap, self.pages_start.checked_add(slab_offset)?)
    }

    /// The handle of what is so far from the start.
    #[inline]
    pub(crate) fn handle_at(&self, offset: usize) -> Option<Handle> {
        Handle::new(self.facts.heap, offset)
    }

    /// What the slab calls the block of a handle; beyond the slab, for one that leads to none.
    #[inline]
    pub(crate) fn slab_offset(&self, handle: Handle) -> usize {
        handle.offset().wrapping_sub(self.pages_start)
    }
}

/// Finds `bytes` bytes, aligned to `align`, a power of two and at most a page; none if the heap is not attached,
/// or the handle leads out of it.
#[inline]
pub(crate) fn resolve(handle: Handle, bytes: usize, align: usize) -> Option<NonNull<u8>> {
    if FIRST.has(handle, bytes as u64) && handle.bits() % align as u64 == 0 {
        let place = FIRST.base.load(Ordering::Relaxed).wrapping_add(handle.bits() as usize);
        // SAFETY: within the mapping or at its end, as was looked at above, where no address is 0.
        return Some(unsafe { NonNull::new_unchecked(place) });
    }
    resolve_slowly(handle, bytes, align)
}

#[cold]
fn resolve_slowly(handle: Handle, bytes: usize, align: usize) -> Option<NonNull<u8>> {
    let attached = Attached::of(handle.heap())?;
    let is_aligned = handle.offset() % align == 0;
    attached.region.at(handle.offset(), bytes).filter(|_| is_aligned)
}

impl First {
    /// Whether so many bytes lie within.
    #[inline]
    fn has(&self, handle: Handle, bytes: u64) -> bool {
        // The handle of a heap with a lower number does not overflow, that of one with a higher is too far away,
        // and where there is none, whatever else is just written here, none overflows.
        let (offset, overflows) =
            handle.bits().overflowing_add(self.less_tag.load(Ordering::Acquire));
        // What overflows is so much less than the greatest number.
        overflows
            && bytes <= Handle::MAX_BYTES
            && offset.wrapping_add(bytes) <= self.bytes.load(Ordering::Relaxed)
    }

    fn claim(&self, attached: &Attached) {
        if !self.is_claimed.swap(true, Ordering::Acquire) {
            let tag = Handle::tag(attached.facts.heap);
            let base = attached.region.start().as_ptr().wrapping_sub(tag as usize);
            self.base.store(base, Ordering::Relaxed);
            self.bytes.store(attached.facts.bytes as u64, Ordering::Relaxed);
            self.less_tag.store(tag.wrapping_neg(), Ordering::Release);
        }
    }

    fn give_up(&self, attached: &Attached) {
        let less_tag = Handle::tag(attached.facts.heap).wrapping_neg();
        if self.less_tag.load(Ordering::Relaxed) == less_tag {
            self.less_tag.store(0, Ordering::Relaxed);
            self.is_claimed.store(false, Ordering::Release);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn first(less_tag: u64, bytes: u64) -> First {
        First {
            is_claimed: AtomicBool::new(true),
            less_tag: AtomicU64::new(less_tag),
            bytes: AtomicU64::new(bytes),
            base: AtomicPtr::new(ptr::null_mut()),
        }
    }

    /// Numbers around a few that matter.
    fn around(numbers: &[u64]) -> impl Iterator<Item = u64> {
        numbers
            .iter()
            .flat_map(|number| (0..5).map(|step| number.wrapping_add(step).wrapping_sub(2)))
    }

    #[test]
    fn the_first_heap_has_what_lies_within_and_nothing_else() {
        let most = Handle::MAX_BYTES;
        let mut within = 0;
        for heap in [1, 2, 3, Handle::HEAPS / 2, Handle::HEAPS - 1] {
            for heap_bytes in [4096, 1 << 20, most - 1, most] {
                let (start, end) = (Handle::tag(heap), Handle::tag(heap) + heap_bytes);
                let first = first(start.wrapping_neg(), heap_bytes);
                for bits in around(&[
                    0,
                    4096,
                    most,
                    start,
                    start + 4096,
                    end,
                    end.wrapping_add(4096),
                    u64::MAX,
                ]) {
                    let Some(handle) = Handle::from_bits(bits) else { continue };
                    for bytes in around(&[2, 4096, heap_bytes, most, 1 << 63, u64::MAX - 2]) {
                        let ends = u128::from(bits) + u128::from(bytes);
                        let lies_within = bits >= start && ends <= u128::from(end);
                        assert_eq!(first.has(handle, bytes), lies_within, "{handle:?} {bytes}");
                        within += u32::from(lies_within);
                    }
                }
            }
        }
        assert!(within > 100);
    }

    #[test]
    fn what_is_not_yet_or_no_more_the_first_heap_has_nothing() {
        let first = first(0, 1 << 20);
        for bits in around(&[2, 4096, Handle::tag(1), u64::MAX - 2]) {
            let Some(handle) = Handle::from_bits(bits) else { continue };
            assert!([0, 8, 4096].into_iter().all(|bytes| !first.has(handle, bytes)), "{handle:?}");
        }
    }
}
