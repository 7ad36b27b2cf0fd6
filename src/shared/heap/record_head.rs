//! `RecordHead`: how the block of a root is laid out, and written.
#![expect(unsafe_code, reason = "writes parts of a block")]

use core::alloc::Layout;
use core::mem;
use core::ptr::NonNull;
use core::sync::atomic::{AtomicU32, AtomicU64};

/// What a root's block begins with.
///
/// ```text
/// ┌──────┬───────────────────────┬──────┬───────────┬───────┐
/// │ head │ marks, one a slot     │ name │ type      │ value │
/// └──────┴───────────────────────┴──────┴───────────┴───────┘
/// ```
#[repr(C)]
#[derive(Debug)]
pub(super) struct RecordHead {
    /// The handle of the next root of the list, or 0.
    pub(super) next: AtomicU64,
    pub(super) fingerprint: AtomicU64,
    /// Of the block.
    pub(super) bytes: AtomicU64,
    /// Of the value, which lies at the end.
    pub(super) value_start: AtomicU32,
    pub(super) name_bytes: AtomicU32,
    pub(super) type_bytes: AtomicU32,
    /// See [`State`].
    pub(super) state: AtomicU32,
    /// Who drops the value, in [`State::Dropping`].
    pub(super) dropper: AtomicU32,
    /// 1 if the value has to be dropped.
    pub(super) needs_drop: AtomicU32,
}

/// What has become of a root.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum State {
    /// It can be found by its name.
    Named,
    /// It cannot; and stays for those who have found it before.
    Removed,
    /// Somebody drops its value, or died doing so.
    Dropping,
}

/// How the block of a root is cut.
#[derive(Clone, Copy, Debug)]
pub(super) struct Cut {
    pub(super) layout: Layout,
    value_start: u32,
}

impl Cut {
    /// That of a root with a name and a value, which so many participants can find; none if it is too large for any heap.
    pub(super) fn of(slots: usize, name: &str, type_name: &str, value: Layout) -> Option<Self> {
        let head = Layout::new::<RecordHead>();
        let marks = Layout::array::<AtomicU32>(slots).ok()?;
        let texts = Layout::array::<u8>(name.len().checked_add(type_name.len())?).ok()?;
        let (layout, _) = head.extend(marks).ok()?;
        let (layout, _) = layout.extend(texts).ok()?;
        let (layout, value_start) = layout.extend(value).ok()?;
        Some(Self { layout, value_start: value_start.try_into().ok()? })
    }

    /// Writes all of a new root's block but its value, and returns the place of that. Nobody can find it yet.
    ///
    /// # Safety
    ///
    /// The block was taken for this cut, which was made for these texts, and nobody else knows of it.
    pub(super) unsafe fn write(
        self,
        slots: usize,
        block: NonNull<u8>,
        [name, type_name]: [&str; 2],
        head: (u64, bool),
    ) -> NonNull<u8> {
        let (fingerprint, needs_drop) = head;
        let head = RecordHead {
            next: AtomicU64::new(0),
            fingerprint: AtomicU64::new(fingerprint),
            bytes: AtomicU64::new(self.layout.size() as u64),
            value_start: AtomicU32::new(self.value_start),
            name_bytes: AtomicU32::new(name.len() as u32),
            type_bytes: AtomicU32::new(type_name.len() as u32),
            state: AtomicU32::new(State::Named as u32),
            dropper: AtomicU32::new(0),
            needs_drop: AtomicU32::new(needs_drop.into()),
        };
        // SAFETY: the block is aligned for it, and has room.
        unsafe { block.cast().write(head) };
        // SAFETY: the marks lie behind the head.
        let marks = unsafe { block.add(mem::size_of::<RecordHead>()) };
        let marks_bytes = slots * mem::size_of::<AtomicU32>();
        // SAFETY: there is room for as many.
        unsafe { marks.write_bytes(0, marks_bytes) };
        // SAFETY: the texts lie behind the marks.
        let texts = unsafe { marks.add(marks_bytes) };
        // SAFETY: there is room for the name. It may lie in this heap, where somebody has written into the tables
        // even in this block.
        unsafe { texts.copy_from(NonNull::from(name).cast(), name.len()) };
        // SAFETY: the name of the type lies behind the name.
        let type_text = unsafe { texts.add(name.len()) };
        // SAFETY: there is room for it, and it is private memory's.
        unsafe {
            type_text.copy_from_nonoverlapping(NonNull::from(type_name).cast(), type_name.len())
        };
        // SAFETY: the value lies at the end of the block.
        unsafe { block.add(self.value_start as usize) }
    }
}
