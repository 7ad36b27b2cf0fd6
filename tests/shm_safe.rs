//! What the derive of `ShmSafe` promises: a fixed layout, told the same in every program.
#![cfg(all(target_os = "linux", feature = "derive"))]
#![expect(unsafe_code, reason = "vouches for a pointer that points nowhere")]
#![allow(dead_code, reason = "the types are looked at, and no values are made")]

use std::collections::HashSet;
use std::marker::PhantomData;
use std::mem::offset_of;
use std::num::NonZeroU64;
use std::sync::atomic::{
    AtomicBool, AtomicI8, AtomicI16, AtomicI32, AtomicI64, AtomicIsize, AtomicU8, AtomicU16,
    AtomicU32, AtomicU64, AtomicUsize,
};

use aquifer::{Schema, SchemaArgument, SchemaPart, ShmMutex, ShmSafe};

fn all_differ<const N: usize>(fingerprints: [u64; N]) -> bool {
    HashSet::from(fingerprints).len() == N
}

#[derive(ShmSafe)]
#[repr(C)]
struct Reading {
    sensor: u16,
    value: f32,
}

mod elsewhere {
    use super::ShmSafe;

    #[derive(ShmSafe)]
    #[repr(C)]
    pub(super) struct Reading {
        sensor: u16,
        value: f32,
    }
}

mod renamed_field {
    use super::ShmSafe;

    #[derive(ShmSafe)]
    #[repr(C)]
    pub(super) struct Reading {
        gauge: u16,
        value: f32,
    }
}

mod swapped_fields {
    use super::ShmSafe;

    #[derive(ShmSafe)]
    #[repr(C)]
    pub(super) struct Reading {
        value: f32,
        sensor: u16,
    }
}

mod other_type {
    use super::ShmSafe;

    #[derive(ShmSafe)]
    #[repr(C)]
    pub(super) struct Reading {
        sensor: u16,
        value: u32,
    }
}

mod other_alignment {
    use super::ShmSafe;

    #[derive(ShmSafe)]
    #[repr(C, align(8))]
    pub(super) struct Reading {
        sensor: u16,
        value: f32,
    }
}

mod other_version {
    use super::ShmSafe;

    #[derive(ShmSafe)]
    #[shm(version = 2)]
    #[repr(C)]
    pub(super) struct Reading {
        sensor: u16,
        value: f32,
    }
}

#[derive(ShmSafe)]
#[repr(C)]
#[shm(name = "Reading")]
struct Measurement {
    sensor: u16,
    value: f32,
}

#[derive(ShmSafe)]
#[repr(C)]
struct OtherName {
    sensor: u16,
    value: f32,
}

#[test]
fn types_that_differ_have_different_fingerprints() {
    assert!(all_differ([
        Schema::fingerprint::<Reading>(),
        Schema::fingerprint::<renamed_field::Reading>(),
        Schema::fingerprint::<swapped_fields::Reading>(),
        Schema::fingerprint::<other_type::Reading>(),
        Schema::fingerprint::<other_alignment::Reading>(),
        Schema::fingerprint::<other_version::Reading>(),
        Schema::fingerprint::<OtherName>(),
    ]));
}

#[test]
fn the_same_type_has_one_fingerprint_wherever_it_stands() {
    let fingerprint = Schema::fingerprint::<Reading>();
    assert_eq!(Schema::fingerprint::<elsewhere::Reading>(), fingerprint);
    assert_eq!(Schema::fingerprint::<Measurement>(), fingerprint);
}

#[test]
#[cfg(target_pointer_width = "64")]
fn a_fingerprint_never_changes() {
    // Computed by other means: what is in a heap or a file outlives the program that wrote it.
    assert_eq!(Schema::fingerprint::<u64>(), 0xaed2_c7f5_a9d8_5160);
    assert_eq!(Schema::fingerprint::<Reading>(), 0x15de_0fa3_221a_007b);
    assert_eq!(Schema::fingerprint::<Message>(), 0xe028_8b7a_62b6_e68b);
    assert_eq!(Schema::fingerprint::<Node>(), 0x5aed_5036_1592_9fdd);
}

#[test]
fn a_schema_says_what_the_source_says() {
    assert_eq!(Reading::SCHEMA.to_string(), "Reading, version 1, 8 bytes");
    assert_eq!(other_version::Reading::SCHEMA.to_string(), "Reading, version 2, 8 bytes");
    assert_eq!(Measurement::SCHEMA.name().to_string(), "Reading");
    assert_eq!(format!("{:?}", Reading::SCHEMA.parts()), "[sensor: u16 at 0, value: f32 at 4]");
    assert_eq!(Reading::SCHEMA.version(), 1);
    assert_eq!((Reading::SCHEMA.size(), Reading::SCHEMA.align()), (8, 4));
}

#[derive(ShmSafe)]
#[repr(C)]
struct Counters(AtomicU32, ShmMutex<[u8; 6]>);

#[derive(ShmSafe)]
#[repr(transparent)]
struct Meters(f64);

#[derive(ShmSafe)]
#[repr(C)]
struct Nothing;

#[derive(ShmSafe)]
#[repr(C, align(64))]
struct r#Raw {
    r#type: u8,
}

#[test]
fn structs_of_every_kind_derive_it() {
    let data = offset_of!(Counters, 1);
    assert_eq!(
        format!("{:?}", Counters::SCHEMA.parts()),
        format!("[0: AtomicU32 at 0, 1: ShmMutex<[u8; 6]> at {data}]"),
    );
    assert_eq!(format!("{:?}", Meters::SCHEMA.parts()), "[0: f64 at 0]");
    assert_eq!(Nothing::SCHEMA.to_string(), "Nothing, version 1, 0 bytes");
    assert_eq!(format!("{:?}", Raw::SCHEMA.parts()), "[type: u8 at 0]");
    assert_eq!((Raw::SCHEMA.size(), Raw::SCHEMA.align()), (64, 64));
}

#[derive(ShmSafe)]
#[repr(C)]
struct Table<T, const ROWS: usize = 2, const SORTED: bool = false>
where
    T: Copy,
{
    rows: [T; ROWS],
    kind: PhantomData<T>,
}

#[test]
fn generic_arguments_are_in_the_name_and_count() {
    assert_eq!(<Table<u64>>::SCHEMA.to_string(), "Table<u64, 2, false>, version 1, 16 bytes");
    assert!(all_differ([
        Schema::fingerprint::<Table<u64>>(),
        Schema::fingerprint::<Table<i64>>(),
        Schema::fingerprint::<Table<u64, 3>>(),
        Schema::fingerprint::<Table<u64, 2, true>>(),
        Schema::fingerprint::<Table<u64, 0, false>>(),
        Schema::fingerprint::<Table<i64, 0, false>>(),
    ]));
}

#[derive(ShmSafe)]
#[repr(u8)]
enum Message {
    Nothing,
    Moved { by: Meters, at: u32 } = FIRST,
    Read(Reading, Option<NonZeroU64>),
}

const FIRST: u8 = 7;

#[test]
fn an_enum_has_its_discriminants_and_fields() {
    assert_eq!(
        format!("{:?}", Message::SCHEMA.parts()),
        "[repr(u8): u8 at 0, Nothing = 0, Moved = 7 [by: Meters, at: u32], \
         Read = 8 [0: Reading, 1: Option<NonZero<u64>>]]"
    );
}

/// Declares enums of one name, in modules of their own, each with one thing changed.
macro_rules! signals {
    ($($module:ident: #[repr($($hint:ident),*)] { $($variants:tt)* })*) => {
        $(
            mod $module {
                #[derive(aquifer::ShmSafe)]
                #[repr($($hint),*)]
                pub(super) enum Signal {
                    $($variants)*
                }
            }
        )*
    };
}

signals! {
    signal: #[repr(u8)] { Off, On(u8, u64) }
    other_discriminant: #[repr(u8)] { Off, On(u8, u64) = 2 }
    other_order: #[repr(u8)] { On(u8, u64) = 1, Off = 0 }
    other_field: #[repr(u8)] { Off, On(i8, u64) }
    one_field: #[repr(u8)] { Off, On(u64) }
    named_fields: #[repr(u8)] { Off, On { size: u8, weight: u64 } }
    renamed_variant: #[repr(u8)] { Off, Up(u8, u64) }
    signed_tag: #[repr(i8)] { Off, On(u8, u64) }
    tag_apart: #[repr(C, u8)] { Off, On(u8, u64) }
    tag_apart_signed: #[repr(i8, C)] { Off, On(u8, u64) }
    small_beside_large: #[repr(u8)] { Small(u8), Large(u64) }
    small_beside_large_apart: #[repr(C, u8)] { Small(u8), Large(u64) }
}

#[test]
fn enums_that_differ_have_different_fingerprints() {
    assert!(all_differ([
        Schema::fingerprint::<signal::Signal>(),
        Schema::fingerprint::<other_discriminant::Signal>(),
        Schema::fingerprint::<other_order::Signal>(),
        Schema::fingerprint::<other_field::Signal>(),
        Schema::fingerprint::<one_field::Signal>(),
        Schema::fingerprint::<named_fields::Signal>(),
        Schema::fingerprint::<renamed_variant::Signal>(),
        Schema::fingerprint::<signed_tag::Signal>(),
        Schema::fingerprint::<tag_apart::Signal>(),
        Schema::fingerprint::<tag_apart_signed::Signal>(),
    ]));
}

#[test]
fn where_fields_begin_counts_also_if_the_size_is_the_same() {
    use {small_beside_large::Signal, small_beside_large_apart::Signal as Apart};
    // The small field is at 1 in the one, and at 8 in the other.
    assert_eq!(size_of::<Signal>(), size_of::<Apart>());
    assert!(all_differ([Schema::fingerprint::<Signal>(), Schema::fingerprint::<Apart>()]));
}

#[derive(ShmSafe)]
#[repr(i16)]
enum Signed {
    Low = -300,
    Lower = Signed::LOWEST + 1,
    Lowest,
}

impl Signed {
    const LOWEST: i16 = i16::MIN;
}

#[test]
fn discriminants_may_be_negative_and_computed() {
    assert_eq!(
        format!("{:?}", Signed::SCHEMA.parts()),
        "[repr(i16): i16 at 0, Low = -300, Lower = -32767, Lowest = -32766]"
    );
}

/// Points to a `T` somewhere, as a box in shared memory would.
#[repr(transparent)]
struct Pointer<T> {
    offset: u64,
    target: PhantomData<T>,
}

// SAFETY: a number, and no code takes it for more.
unsafe impl<T: ShmSafe> ShmSafe for Pointer<T> {
    const SCHEMA: Schema =
        Schema::new::<Self>("Pointer").with_arguments(const { &[SchemaArgument::of::<T>()] });
}

#[derive(ShmSafe)]
#[repr(C)]
struct Node {
    value: u64,
    next: Pointer<Node>,
    all: Pointer<[Self; 2]>,
}

#[derive(ShmSafe)]
#[repr(C)]
struct Tree<T> {
    value: T,
    children: [Pointer<Tree<T>>; 2],
}

#[derive(ShmSafe)]
#[repr(u32)]
enum List {
    End,
    More(Pointer<List>),
}

#[test]
fn a_type_may_contain_itself_behind_a_pointer() {
    assert_eq!(Node::SCHEMA.to_string(), "Node, version 1, 24 bytes");
    assert!(all_differ([
        Schema::fingerprint::<Node>(),
        Schema::fingerprint::<Pointer<Node>>(),
        Schema::fingerprint::<Tree<u8>>(),
        Schema::fingerprint::<Tree<i8>>(),
        Schema::fingerprint::<List>(),
    ]));
}

#[test]
fn a_schema_by_hand_is_that_of_the_derive() {
    const PARTS: &[SchemaPart] = &[
        SchemaPart::field::<u16>("sensor", offset_of!(Reading, sensor)),
        SchemaPart::field::<f32>("value", offset_of!(Reading, value)),
    ];
    #[repr(transparent)]
    struct ByHand(Reading);
    // SAFETY: it is a `Reading`.
    unsafe impl ShmSafe for ByHand {
        const SCHEMA: Schema = Schema::new::<Reading>("Reading").with_parts(PARTS);
    }
    assert_eq!(Schema::fingerprint::<ByHand>(), Schema::fingerprint::<Reading>());
}

#[test]
fn numbers_and_atomics_of_every_width_have_it_and_all_differ() {
    fn sure<T: ShmSafe>() -> u64 {
        let bytes = (T::SCHEMA.size(), T::SCHEMA.align());
        assert_eq!(bytes, (size_of::<T>(), align_of::<T>()), "{}", T::SCHEMA);
        Schema::fingerprint::<T>()
    }
    assert!(all_differ([
        sure::<u8>(),
        sure::<u16>(),
        sure::<u32>(),
        sure::<u64>(),
        sure::<u128>(),
        sure::<usize>(),
        sure::<i8>(),
        sure::<i16>(),
        sure::<i32>(),
        sure::<i64>(),
        sure::<i128>(),
        sure::<isize>(),
        sure::<f32>(),
        sure::<f64>(),
        sure::<bool>(),
        sure::<char>(),
        sure::<AtomicBool>(),
        sure::<AtomicU8>(),
        sure::<AtomicU16>(),
        sure::<AtomicU32>(),
        sure::<AtomicU64>(),
        sure::<AtomicUsize>(),
        sure::<AtomicI8>(),
        sure::<AtomicI16>(),
        sure::<AtomicI32>(),
        sure::<AtomicI64>(),
        sure::<AtomicIsize>(),
        sure::<()>(),
    ]));
}
