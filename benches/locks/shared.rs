//! A value in memory that forked children share.
#![expect(unsafe_code, reason = "maps memory")]

use std::io;
use std::ops::{Deref, DerefMut};
use std::ptr::{self, NonNull};

/// A value at the start of a page, which stays the same for children that are forked later.
#[derive(Debug)]
pub(crate) struct Shared<T> {
    value: NonNull<T>,
}

// SAFETY: it lends references to its value, and nothing else.
unsafe impl<T: Sync> Sync for Shared<T> {}

impl<T> Shared<T> {
    /// # Panics
    ///
    /// There is no memory.
    pub(crate) fn new(value: T) -> Self {
        let protection = libc::PROT_READ | libc::PROT_WRITE;
        let flags = libc::MAP_SHARED | libc::MAP_ANONYMOUS;
        // SAFETY: the kernel chooses an address where nothing is mapped.
        let start =
            unsafe { libc::mmap(ptr::null_mut(), size_of::<T>(), protection, flags, -1, 0) };
        assert!(start != libc::MAP_FAILED, "{}", io::Error::last_os_error());
        let place = NonNull::new(start.cast::<T>()).expect("the kernel maps nothing at zero");
        // SAFETY: mapped above, with this size, and aligned as a page is.
        unsafe { place.write(value) };
        Self { value: place }
    }
}

impl<T> Deref for Shared<T> {
    type Target = T;

    fn deref(&self) -> &T {
        // SAFETY: written in `new`, mapped until `drop`.
        unsafe { self.value.as_ref() }
    }
}

impl<T> DerefMut for Shared<T> {
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: as above; the children have copies of `self` that they do not use so.
        unsafe { self.value.as_mut() }
    }
}

impl<T> Drop for Shared<T> {
    fn drop(&mut self) {
        // SAFETY: written in `new`, and used for the last time.
        unsafe { self.value.drop_in_place() };
        // SAFETY: mapped in `new` with this size.
        unsafe { libc::munmap(self.value.as_ptr().cast(), size_of::<T>()) };
    }
}
