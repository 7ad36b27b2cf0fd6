//! How to drop the values of types that this process has found as roots.
#![expect(unsafe_code, reason = "drops values by their place, and lends entries for good")]

use core::alloc::Layout;
use core::mem;
use core::ptr::{self, NonNull};
use core::sync::atomic::{AtomicPtr, Ordering};

use crate::shared::schema::schema::Schema;
use crate::shared::schema::shm_safe::ShmSafe;

/// The way to drop a value, of which only the place is known.
///
/// # Safety
///
/// A value of the type lies there, and nobody uses it from here on.
pub(super) type DropAt = unsafe fn(NonNull<u8>);

#[derive(Debug)]
pub(super) struct Dropper {
    fingerprint: u64,
    /// That of a value.
    pub(super) layout: Layout,
    pub(super) drop_at: DropAt,
    before: AtomicPtr<Dropper>,
}

static NEWEST: AtomicPtr<Dropper> = AtomicPtr::new(ptr::null_mut());

/// Remembers how to drop values of a type, if they have to be.
pub(super) fn remember<T: ShmSafe>() {
    let fingerprint = Schema::fingerprint::<T>();
    if !mem::needs_drop::<T>() || of(fingerprint).is_some() {
        return;
    }
    let before = AtomicPtr::new(ptr::null_mut());
    let layout = Layout::new::<T>();
    let entry = Dropper { fingerprint, layout, drop_at: drop_at::<T>, before };
    let entry = Box::leak(Box::new(entry));
    let add = |newest| {
        entry.before.store(newest, Ordering::Relaxed);
        Some(ptr::from_ref(&*entry).cast_mut())
    };
    let _ = NEWEST.fetch_update(Ordering::Release, Ordering::Relaxed, add);
}

/// Returns how to drop values of a type, by its fingerprint.
pub(super) fn of(fingerprint: u64) -> Option<&'static Dropper> {
    let mut next = NEWEST.load(Ordering::Acquire);
    loop {
        // SAFETY: `remember` has stored it, and it is never freed.
        let dropper = unsafe { next.as_ref() }?;
        if dropper.fingerprint == fingerprint {
            return Some(dropper);
        }
        next = dropper.before.load(Ordering::Relaxed);
    }
}

/// # Safety
///
/// See [`DropAt`].
unsafe fn drop_at<T>(place: NonNull<u8>) {
    // SAFETY: the caller's duty.
    unsafe { ptr::drop_in_place(place.cast::<T>().as_ptr()) };
}
