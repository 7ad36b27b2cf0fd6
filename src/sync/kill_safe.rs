//! Types that are valid in every state in which a killed process may leave them.
#![expect(unsafe_code, reason = "vouches for types of the core library")]

use core::marker::PhantomData;
use core::num::{NonZeroI8, NonZeroU8, Saturating, Wrapping};
use core::sync::atomic;

/// Marks types that are still valid when a process was killed while it wrote to them.
///
/// A killed process leaves a value between any two of its stores, which the compiler may have put
/// in another order, or within one of them: a copy may stop between any two bytes. So what the next
/// owner of a lock finds may be any mixture, byte by byte, of the values that were there and those
/// that were on their way. For a `KillSafe` type that mixture is a value, too, and safe code may
/// look at it.
///
/// Valid is not consistent: the amount may have left one account and not yet reached the other. To
/// find that and to put it right is up to whoever comes next.
///
/// Integers, floats, `bool` and atomics are `KillSafe`, and so are arrays, tuples and structs of
/// such. `#[derive(KillSafe)]` is for structs, and for enums without fields that are one byte.
///
/// ```
/// #[derive(aquifer::KillSafe)]
/// struct Account {
///     cents: i32,
///     open: bool,
/// }
///
/// fn sure<T: aquifer::KillSafe>() -> usize {
///     size_of::<T>()
/// }
/// assert_eq!(sure::<[Account; 4]>(), 32);
/// ```
///
/// # What is not
///
/// - **`NonZeroU16` and wider**: 0x0001, half overwritten with 0x0100, is 0. One byte cannot be
///   half written, so `NonZeroU8` is `KillSafe`.
/// - **`char`**: U+0041, half overwritten with U+1D800, is U+D800, which is a surrogate.
/// - **`Duration`**: half of one count of nanoseconds and half of another may be more than a second.
/// - **Enums wider than a byte**: two discriminants mix to a third, which none of the variants has.
/// - **Enums with fields**, as `Option<u32>`: the variant of one value and the fields of another,
///   or bytes that were never written.
/// - **References, `Box`, `Vec`, `String`**: half of one address and half of another. A `Vec` that
///   is whole is not safe either: a swap that was cut short leaves it in two places, with two owners.
/// - **[`ShmBox`], [`ShmVec`], [`ShmString`]**: a word leads to what they own, and a swap that was cut
///   short leaves it in two places, with two owners; so does a [`remove`] from the middle of a vector with
///   its elements. An assignment to a box drops the old value before it stores the new one: between the
///   two the word leads to a block that is free. Repair is by [`OwnerDied::replace`], which forgets the old
///   value; or by `unsafe` [`OwnerDied::into_guard`], for boxes that are changed by
///   [`ShmBox::insert_in`] and [`ShmBox::remove_from`] alone, and for strings, and vectors of what owns
///   nothing, that are never swapped, moved or replaced.
/// - **`ShmMutex`, `ShmSemaphore`**: unsafe code relies on their words, one of which says who may use a value
///   beside it. A swap of two locks that was cut short leaves one in two places, or its word with the other's value.
/// - **Raw pointers and `AtomicPtr`**: any address is valid, but none in another process.
/// - **`MaybeUninit`**: any bytes are valid, but what tells which of them are initialised lies
///   elsewhere, and a kill comes between the two.
/// - **`Cell` and `UnsafeCell`**: a lock lends its value for writing, and beside a lock there are
///   atomics.
///
/// [`ShmBox`]: crate::ShmBox
/// [`ShmBox::insert_in`]: crate::ShmBox::insert_in
/// [`ShmBox::remove_from`]: crate::ShmBox::remove_from
/// [`ShmVec`]: crate::ShmVec
/// [`remove`]: crate::ShmVec::remove
/// [`ShmString`]: crate::ShmString
/// [`OwnerDied::replace`]: crate::OwnerDied::replace
/// [`OwnerDied::into_guard`]: crate::OwnerDied::into_guard
///
/// # Safety
///
/// Whoever implements it vouches, for every field:
///
/// 1. The type owns nothing and points to nothing. Where one value is in two places after a swap
///    that was cut short, both may be used and dropped.
/// 2. Every mixture, byte by byte, of valid values of the type is a valid value. For a struct, a
///    tuple or an array this holds if it does for each field and element; padding does not count.
/// 3. No unsafe code relies on more than that: not on two fields that fit together, not on the order
///    in which they are written, not on a value being the only one of its kind.
/// 4. No unsafe code stores, be it for a moment, a byte that no valid value has in this place.
///
/// The rest is the compiler's part: that code stores nothing in a value but what the program stores
/// there. No language promises this of a killed process, and all shared memory rests on it.
#[diagnostic::on_unimplemented(
    message = "a process that is killed may leave no valid `{Self}` behind",
    label = "not `KillSafe`",
    note = "integers, floats, `bool` and atomics are `KillSafe`, and arrays and tuples of such",
    note = "a struct of such derives it, and so does an enum without fields that is `repr(u8)`"
)]
pub unsafe trait KillSafe {}

/// Implements [`KillSafe`] for numbers that may have any bytes.
macro_rules! any_bytes {
    ($($number:ty)*) => {
        $(
            // SAFETY: any bytes are a valid number, so any mixture is; it owns nothing.
            unsafe impl KillSafe for $number {}
        )*
    };
}

any_bytes! { u8 u16 u32 u64 u128 usize i8 i16 i32 i64 i128 isize f32 f64 }

#[cfg(target_has_atomic = "8")]
any_bytes! { atomic::AtomicU8 atomic::AtomicI8 }
#[cfg(target_has_atomic = "16")]
any_bytes! { atomic::AtomicU16 atomic::AtomicI16 }
#[cfg(target_has_atomic = "32")]
any_bytes! { atomic::AtomicU32 atomic::AtomicI32 }
#[cfg(target_has_atomic = "64")]
any_bytes! { atomic::AtomicU64 atomic::AtomicI64 }
#[cfg(target_has_atomic = "ptr")]
any_bytes! { atomic::AtomicUsize atomic::AtomicIsize }

/// Implements [`KillSafe`] for types of one byte that may not have every value of it.
macro_rules! one_byte {
    ($($byte:ty)*) => {
        $(
            // SAFETY: a mixture of values of one byte is one of them; it owns nothing.
            unsafe impl KillSafe for $byte {}
            const _: () = assert!(size_of::<$byte>() == 1);
        )*
    };
}

one_byte! { bool NonZeroU8 NonZeroI8 }

#[cfg(target_has_atomic = "8")]
one_byte! { atomic::AtomicBool }

// SAFETY: it has no bytes.
unsafe impl<T: ?Sized> KillSafe for PhantomData<T> {}

// SAFETY: it is a `T` with another arithmetic.
unsafe impl<T: KillSafe> KillSafe for Wrapping<T> {}

// SAFETY: it is a `T` with another arithmetic.
unsafe impl<T: KillSafe> KillSafe for Saturating<T> {}

// SAFETY: no byte belongs to two elements, so a mixture of arrays is an array of mixtures.
unsafe impl<T: KillSafe, const N: usize> KillSafe for [T; N] {}

/// Implements [`KillSafe`] for a tuple of the named types, and for every shorter one.
macro_rules! tuples {
    ($first:ident $($other:ident)*) => {
        // SAFETY: no byte belongs to two fields, so a mixture of tuples is a tuple of mixtures.
        unsafe impl<$first: KillSafe, $($other: KillSafe),*> KillSafe for ($first, $($other,)*) {}
        tuples! { $($other)* }
    };
    () => {
        // SAFETY: it has no bytes.
        unsafe impl KillSafe for () {}
    };
}

tuples! { A B C D E F G H I J K L }
