//! `ShmSafe`: types that mean the same in every process.
#![expect(unsafe_code, reason = "vouches for types of the core library and of this crate")]

use core::cell::{Cell, UnsafeCell};
use core::marker::PhantomData;
use core::mem::MaybeUninit;
use core::num::{NonZero, Saturating, Wrapping};
use core::sync::atomic::{
    AtomicBool, AtomicI8, AtomicI16, AtomicI32, AtomicI64, AtomicIsize, AtomicU8, AtomicU16,
    AtomicU32, AtomicU64, AtomicUsize,
};

use super::schema::{Schema, SchemaArgument};
use crate::sync::mutex::ShmMutex;
use crate::sync::semaphore::ShmSemaphore;

/// Marks types that may lie in memory that processes share.
///
/// Other processes have other things at the same addresses, run other programs in which the same type
/// may be laid out in another way, and live longer or shorter than who made a value. So a `ShmSafe` type
/// has no address in it, its layout is fixed, and it owns nothing that belongs to a process.
///
/// Integers, floats, `bool`, `char`, atomics, `NonZero` numbers, boxes, vectors and strings of a heap, `Option`s of
/// the last four, and arrays are `ShmSafe`. `#[derive(ShmSafe)]` is for structs that are `repr(C)` or
/// `repr(transparent)`, and for enums that are `repr(u8)`, or as another integer, or `repr(C, u8)`. It asks of each
/// field to be `ShmSafe`, and of each type parameter.
///
/// ```
/// use aquifer::{Schema, ShmSafe};
///
/// #[derive(ShmSafe)]
/// #[repr(u8)]
/// enum State {
///     Empty,
///     Full { bytes: u32 },
/// }
/// assert_eq!(State::SCHEMA.to_string(), "State, version 1, 8 bytes");
/// assert_ne!(Schema::fingerprint::<State>(), Schema::fingerprint::<u64>());
/// ```
///
/// `#[shm(version = 2)]` on the type gives it another version than 1: raise it when the same bytes come
/// to mean something else. `#[shm(name = "…")]` gives it another name than its identifier: two types
/// of one name that look alike are one to those who compare fingerprints.
///
/// # What is not
///
/// - **References, raw pointers, `AtomicPtr`, functions**: an address means nothing elsewhere.
/// - **`Box`, `Vec`, `String`, `Rc`, `Arc`**: their memory is that of one process. There are `ShmBox`,
///   `ShmVec` and `ShmString` in their place.
/// - **Locks of `std`**: their waiters are those of one process, and they know nothing of the death of
///   others. There is [`ShmMutex`].
/// - **Files, sockets, thread handles**: numbers in a table that another process does not share.
/// - **Tuples but `()`, `Duration`, `RefCell`, ranges**: their layout is the compiler's choice, another one
///   with each version. A struct of one's own does, and a count of nanoseconds.
/// - **`Option`**: the same, unless a value that the type does not have stands for `None`, and the
///   language says which. That is so for `NonZero` numbers and for `ShmBox`, `ShmVec` and `ShmString`. An enum of
///   one's own does for others.
/// - **Types with a lifetime**: what is shared outlives every function.
///
/// # Safety
///
/// Whoever implements it vouches, and so does, but for the first two, who derives it:
///
/// 1. **The layout is fixed**: by `repr(C)`, `repr(transparent)` or the `repr` of an integer, and by
///    fields for which the same holds. No compiler has a choice, of whatever version and with whatever
///    options.
/// 2. **The schema is true**: [`Schema::new`] is told the type itself, the parts are its fields with
///    their types and offsets, in order, or all its variants; the arguments are its arguments.
/// 3. **There is no address in it**: no reference (not even `&'static`), no raw pointer, no function, no
///    vtable, and no integer that unsafe code takes for an address of its process.
/// 4. **It owns nothing of a process**: no memory of its allocator, no descriptor, no thread or its
///    identity, no lock or condition of `std` or `libc`, nothing that is thread-local.
/// 5. **It is dropped anywhere**: by a thread of any process, which need not be the one that made it and may
///    come long after; with what is in the value alone. It may never be dropped, if that one is killed.
/// 6. **It is valid everywhere**: what is a valid value in one process, for its fields and for the unsafe
///    code that relies on them, is one in every process whose type has the same fingerprint. A change
///    to what unsafe code relies on raises the version.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot lie in memory that processes share",
    label = "not `ShmSafe`",
    note = "no address may be in it: for `Box`, `Vec`, `String` and `Mutex` there are `ShmBox`, \
            `ShmVec`, `ShmString` and `ShmMutex`",
    note = "its layout must be fixed: numbers, atomics, arrays and `()` are `ShmSafe`, tuples are not",
    note = "a struct that is `repr(C)` or `repr(transparent)` derives it, and so does an enum that is \
            `repr(u8)` or the like"
)]
pub unsafe trait ShmSafe: Send + 'static {
    /// What the type looks like in memory.
    const SCHEMA: Schema;
}

/// Marks types of which an `Option` has a layout that the language guarantees: that of the type itself,
/// with a value that the type does not have for `None`.
///
/// # Safety
///
/// The type is a [`NonZero`] number, or a `repr(transparent)` struct around one: those the language
/// lists (<https://doc.rust-lang.org/core/option/index.html#representation>).
#[diagnostic::on_unimplemented(
    message = "`Option<{Self}>` cannot lie in memory that processes share",
    label = "an `Option` of this has no fixed layout",
    note = "it has one for `NonZero` numbers, `ShmBox`, `ShmVec` and `ShmString`",
    note = "for others there is an enum of your own: `#[derive(ShmSafe)] #[repr(u8)]`"
)]
pub(crate) unsafe trait NicheOption: ShmSafe {}

// SAFETY: the language gives it the layout of a `T`, which is `ShmSafe`.
unsafe impl<T: NicheOption> ShmSafe for Option<T> {
    const SCHEMA: Schema = Schema::generic::<Self, T>("Option");
}

/// Implements [`ShmSafe`] for types without arguments, which are known by their names.
macro_rules! plain {
    ($($plain:ident)*) => {
        $(
            // SAFETY: a number or the like, the same for all compilers of a target; what differs from
            // target to target is its size or alignment, which are in the schema.
            unsafe impl ShmSafe for $plain {
                const SCHEMA: Schema = Schema::new::<Self>(stringify!($plain));
            }
        )*
    };
}

plain! { u8 u16 u32 u64 u128 usize i8 i16 i32 i64 i128 isize f32 f64 bool char }

plain! { AtomicBool AtomicU8 AtomicU16 AtomicU32 AtomicU64 AtomicUsize }
plain! { AtomicI8 AtomicI16 AtomicI32 AtomicI64 AtomicIsize }

// SAFETY: one word, `repr(transparent)`; its waiters sleep on it by a futex that processes share.
unsafe impl ShmSafe for ShmSemaphore {
    const SCHEMA: Schema = Schema::new::<Self>("ShmSemaphore");
}

// SAFETY: it has no bytes.
unsafe impl ShmSafe for () {
    const SCHEMA: Schema = Schema::new::<Self>("()");
}

/// Implements [`ShmSafe`] for the numbers that are not 0, and for `Option`s of them.
macro_rules! non_zero {
    ($($number:ident)*) => {
        $(
            // SAFETY: it has the layout of the number.
            unsafe impl ShmSafe for NonZero<$number> {
                const SCHEMA: Schema = Schema::generic::<Self, $number>("NonZero");
            }

            // SAFETY: it is one of the numbers.
            unsafe impl NicheOption for NonZero<$number> {}
        )*
    };
}

non_zero! { u8 u16 u32 u64 u128 usize i8 i16 i32 i64 i128 isize }

/// Implements [`ShmSafe`] for types that are a `T` and nothing else.
macro_rules! around {
    ($($around:ident)*) => {
        $(
            // SAFETY: it is `repr(transparent)` around a `T`, and guaranteed to be laid out as one.
            unsafe impl<T: ShmSafe> ShmSafe for $around<T> {
                const SCHEMA: Schema = Schema::generic::<Self, T>(stringify!($around));
            }
        )*
    };
}

// A cell is not `Sync`, so in shared memory it is behind a lock, or in a type that vouches for it.
around! { Wrapping Saturating MaybeUninit Cell UnsafeCell }

// SAFETY: it has no bytes. It asks for a `ShmSafe` type so that the type is in the schema.
unsafe impl<T: ShmSafe> ShmSafe for PhantomData<T> {
    const SCHEMA: Schema = Schema::generic::<Self, T>("PhantomData");
}

// SAFETY: the elements lie one behind another, each as a `T`.
unsafe impl<T: ShmSafe, const N: usize> ShmSafe for [T; N] {
    const SCHEMA: Schema =
        Schema::array::<Self>(const { &[SchemaArgument::of::<T>(), SchemaArgument::value(&N)] });
}

// SAFETY: it is `repr(C)`: words of fixed layout and the data. Its owner is known by a place in a table
// that is in shared memory, too, and its waiters sleep on a futex that processes share.
unsafe impl<T: ShmSafe> ShmSafe for ShmMutex<T> {
    const SCHEMA: Schema = Schema::generic::<Self, T>("ShmMutex");
}
