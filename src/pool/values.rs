//! Requests by type: values, slices and strings in a pool.
#![expect(unsafe_code, reason = "writes values to the memory that was handed out for them")]

use core::alloc::Layout;
use core::fmt::{self, Write};
use core::mem::{MaybeUninit, needs_drop};
use core::ptr::NonNull;

use super::growing::Growing;
use super::pool::Pool;
use super::settings::LEAST_LARGE_THRESHOLD;
use crate::error::AllocError;

/// Stops the build, called in a `const`, where a value would be forgotten that has something to
/// drop.
const fn refuse_drop<T>() {
    assert!(
        !needs_drop::<T>(),
        "this type needs `Drop`, which a pool does not run for plain values: use `alloc_drop`, or \
         keep it in a collection that uses the pool"
    );
}

/// Whether values of a type are small whatever the settings.
const fn is_surely_small<T>() -> bool {
    size_of::<T>() <= LEAST_LARGE_THRESHOLD && align_of::<T>() <= LEAST_LARGE_THRESHOLD
}

#[expect(clippy::mut_from_ref, reason = "each call hands out other memory")]
impl Pool {
    /// Moves a value into the pool.
    ///
    /// A type that needs `Drop` does not build: [`alloc_drop`](Self::alloc_drop) takes it.
    /// (`cargo check` does not find it yet.)
    ///
    /// # Errors
    /// [`AllocError`] where the limit is reached or the system has no memory.
    ///
    /// ```
    /// let pool = aquifer::Pool::new();
    /// let point = pool.alloc((3, 4))?;
    /// point.0 += 1;
    /// assert_eq!(*point, (4, 4));
    /// # Ok::<(), aquifer::AllocError>(())
    /// ```
    ///
    /// ```compile_fail
    /// let pool = aquifer::Pool::new();
    /// pool.alloc(String::from("would leak"));
    /// ```
    #[inline]
    pub fn alloc<T>(&self, value: T) -> Result<&mut T, AllocError> {
        const { refuse_drop::<T>() };
        let slot = if const { size_of::<T>() == 0 } {
            NonNull::dangling()
        } else if const { is_surely_small::<T>() } {
            match self.bump_for() {
                Some(slot) => slot,
                None if const { size_of::<T>() <= size_of::<usize>() } => {
                    return self.alloc_word_cold(value);
                }
                None => self.alloc_cold(Layout::new::<T>())?.cast(),
            }
        } else {
            self.alloc_layout(Layout::new::<T>())?.cast()
        };
        // SAFETY: fresh memory with the layout of `T`.
        Ok(unsafe { fill(slot, value) })
    }

    /// Moves the value that a closure returns into the pool. The closure is called only where
    /// there is memory for the value; it may allocate from the pool, too.
    ///
    /// # Errors
    /// [`AllocError`] where the limit is reached or the system has no memory.
    ///
    /// ```
    /// let pool = aquifer::Pool::new();
    /// let zeros = pool.alloc_with(|| [0_u8; 4096])?;
    /// assert_eq!(zeros.len(), 4096);
    /// # Ok::<(), aquifer::AllocError>(())
    /// ```
    #[inline]
    pub fn alloc_with<T>(&self, closure: impl FnOnce() -> T) -> Result<&mut T, AllocError> {
        const { refuse_drop::<T>() };
        let mut place = Growing::with_capacity(self, 1)?;
        place.push(closure())?;
        Ok(&mut place.finish()[0])
    }

    /// Copies a slice into the pool.
    ///
    /// # Errors
    /// [`AllocError`] where the limit is reached or the system has no memory.
    ///
    /// ```
    /// let pool = aquifer::Pool::new();
    /// assert_eq!(pool.alloc_slice_copy(&[1, 2, 3])?, [1, 2, 3]);
    /// # Ok::<(), aquifer::AllocError>(())
    /// ```
    #[inline]
    pub fn alloc_slice_copy<T: Copy>(&self, values: &[T]) -> Result<&mut [T], AllocError> {
        let slot = self.alloc_layout(Layout::for_value(values))?.cast::<T>();
        // SAFETY: the memory is fresh, so apart from `values`, and has their size.
        unsafe { slot.copy_from_nonoverlapping(NonNull::from(values).cast(), values.len()) };
        // SAFETY: copied above.
        Ok(unsafe { NonNull::slice_from_raw_parts(slot, values.len()).as_mut() })
    }

    /// Allocates a slice of `len` values that are yet to be written, at the cost of its memory alone.
    ///
    /// What is written there is never dropped, as with every [`MaybeUninit`].
    ///
    /// # Errors
    /// [`AllocError`] where the limit is reached, the system has no memory, or no memory has so many.
    ///
    /// ```
    /// let pool = aquifer::Pool::new();
    /// let places = pool.alloc_uninit_slice(4)?;
    /// for (n, place) in places.iter_mut().enumerate() {
    ///     place.write(n * n);
    /// }
    /// // SAFETY: all of them are written.
    /// let squares = unsafe { &*(&raw const *places as *const [usize]) };
    /// assert_eq!(squares, [0, 1, 4, 9]);
    /// # Ok::<(), aquifer::AllocError>(())
    /// ```
    #[doc(alias("new_uninit_slice", "alloc_slice_uninit"))]
    #[inline]
    pub fn alloc_uninit_slice<T>(&self, len: usize) -> Result<&mut [MaybeUninit<T>], AllocError> {
        let layout = Layout::array::<T>(len).map_err(|_| AllocError)?;
        let slot = self.alloc_layout(layout)?.cast();
        // SAFETY: fresh memory for so many, which need not be initialised.
        Ok(unsafe { NonNull::slice_from_raw_parts(slot, len).as_mut() })
    }

    /// Makes a slice of `len` values in the pool, each of which a closure makes from its index.
    /// The closure may allocate from the pool, too; where it panics, the memory is given back.
    ///
    /// # Errors
    /// [`AllocError`] where the limit is reached or the system has no memory.
    ///
    /// ```
    /// let pool = aquifer::Pool::new();
    /// assert_eq!(pool.alloc_slice_fill_with(4, |n| n * n)?, [0, 1, 4, 9]);
    /// # Ok::<(), aquifer::AllocError>(())
    /// ```
    pub fn alloc_slice_fill_with<T>(
        &self,
        len: usize,
        mut closure: impl FnMut(usize) -> T,
    ) -> Result<&mut [T], AllocError> {
        const { refuse_drop::<T>() };
        let mut slice = Growing::with_capacity(self, len)?;
        for index in 0..len {
            slice.push(closure(index))?;
        }
        Ok(slice.finish())
    }

    /// Collects an iterator into a slice in the pool. What the iterator says of its length is
    /// taken as a hint; it may allocate from the pool, too.
    ///
    /// # Errors
    /// [`AllocError`] where the limit is reached or the system has no memory.
    ///
    /// ```
    /// let pool = aquifer::Pool::new();
    /// let even = pool.alloc_slice_from_iter((0..10).filter(|n| n % 2 == 0))?;
    /// assert_eq!(even, [0, 2, 4, 6, 8]);
    /// # Ok::<(), aquifer::AllocError>(())
    /// ```
    pub fn alloc_slice_from_iter<T>(
        &self,
        values: impl IntoIterator<Item = T>,
    ) -> Result<&mut [T], AllocError> {
        /// A hint is not trusted with more memory than this.
        const MOST_TRUSTED_BYTES: usize = 4096;
        const { refuse_drop::<T>() };
        let values = values.into_iter();
        let trusted = MOST_TRUSTED_BYTES / size_of::<T>().max(1);
        let mut slice = Growing::with_capacity(self, values.size_hint().0.min(trusted))?;
        for value in values {
            slice.push(value)?;
        }
        Ok(slice.finish())
    }

    /// Copies a string into the pool.
    ///
    /// # Errors
    /// [`AllocError`] where the limit is reached or the system has no memory.
    ///
    /// ```
    /// let pool = aquifer::Pool::new();
    /// let name = pool.alloc_str("aquifer")?;
    /// name.make_ascii_uppercase();
    /// assert_eq!(name, "AQUIFER");
    /// # Ok::<(), aquifer::AllocError>(())
    /// ```
    #[doc(alias = "ngx_pstrdup")]
    #[inline]
    pub fn alloc_str(&self, text: &str) -> Result<&mut str, AllocError> {
        let bytes = self.alloc_slice_copy(text.as_bytes())?;
        // SAFETY: a copy of a string.
        Ok(unsafe { core::str::from_utf8_unchecked_mut(bytes) })
    }

    /// Formats into the pool: `pool.alloc_fmt(format_args!("{name}: {value}"))`.
    ///
    /// # Errors
    /// [`AllocError`] where the limit is reached or the system has no memory.
    ///
    /// # Panics
    /// As [`std::format!`] does, where a value's own formatting returns an error.
    ///
    /// ```
    /// let pool = aquifer::Pool::new();
    /// let line = pool.alloc_fmt(format_args!("{:>4}|", 7))?;
    /// assert_eq!(line, "   7|");
    /// # Ok::<(), aquifer::AllocError>(())
    /// ```
    #[doc(alias("ngx_sprintf", "ngx_snprintf"))]
    pub fn alloc_fmt(&self, arguments: fmt::Arguments<'_>) -> Result<&mut str, AllocError> {
        if let Some(text) = arguments.as_str() {
            return self.alloc_str(text);
        }
        let mut text = Text { bytes: Growing::with_capacity(self, 0)?, refused: false };
        let written = text.write_fmt(arguments);
        if text.refused {
            return Err(AllocError);
        }
        written.expect("a formatting trait implementation returned an error");
        // SAFETY: made of whole strings.
        Ok(unsafe { core::str::from_utf8_unchecked_mut(text.bytes.finish()) })
    }

    /// Takes a value that fits a register along, so that the hot path ends in a jump and has
    /// nothing to keep across a call. A larger value would be passed in memory, and the hot path
    /// would have to write it there first.
    #[cold]
    #[inline(never)]
    fn alloc_word_cold<T>(&self, value: T) -> Result<&mut T, AllocError> {
        let slot = self.alloc_cold(Layout::new::<T>())?.cast();
        // SAFETY: fresh memory with the layout of `T`.
        Ok(unsafe { fill(slot, value) })
    }
}

/// Writes a value to its place in a pool.
///
/// # Safety
/// The place is fresh memory for a `T`, and stays until `'pool` is over.
#[inline(always)]
unsafe fn fill<'pool, T>(mut slot: NonNull<T>, value: T) -> &'pool mut T {
    // SAFETY: the caller's promise.
    unsafe { slot.write(value) };
    // SAFETY: written above; the memory is nobody else's.
    unsafe { slot.as_mut() }
}

/// A string under construction.
struct Text<'pool> {
    bytes: Growing<'pool, u8>,
    refused: bool,
}

impl Write for Text<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.bytes.extend_from_slice(text.as_bytes()).map_err(|AllocError| {
            self.refused = true;
            fmt::Error
        })
    }
}
