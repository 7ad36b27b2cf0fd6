//! What a schema tells people.

use core::cell::{Cell, UnsafeCell};
use core::marker::PhantomData;
use core::mem::MaybeUninit;
use core::num::{NonZero, Saturating, Wrapping};
use core::sync::atomic::AtomicU8;

use super::handle::{Handle, Node};
use crate::shared::schema::schema::{Schema, SchemaArgument, SchemaPart};
use crate::shared::schema::shm_safe::ShmSafe;
use crate::sync::mutex::ShmMutex;
use crate::sync::semaphore::ShmSemaphore;

fn name<T: ShmSafe>() -> String {
    T::SCHEMA.name().to_string()
}

#[test]
fn a_name_is_what_the_source_says() {
    assert_eq!(name::<u64>(), "u64");
    assert_eq!(name::<()>(), "()");
    assert_eq!(name::<AtomicU8>(), "AtomicU8");
    assert_eq!(name::<[[i128; 4]; 2]>(), "[[i128; 4]; 2]");
    assert_eq!(name::<ShmMutex<[f32; 3]>>(), "ShmMutex<[f32; 3]>");
    assert_eq!(name::<Option<NonZero<u16>>>(), "Option<NonZero<u16>>");
    assert_eq!(
        name::<PhantomData<Cell<UnsafeCell<char>>>>(),
        "PhantomData<Cell<UnsafeCell<char>>>"
    );
    assert_eq!(
        name::<MaybeUninit<Wrapping<Saturating<i8>>>>(),
        "MaybeUninit<Wrapping<Saturating<i8>>>"
    );
    assert_eq!(name::<ShmSemaphore>(), "ShmSemaphore");
}

#[test]
fn several_arguments_are_named_in_order() {
    let arguments = const { &[SchemaArgument::of::<Node>(), SchemaArgument::value(&7)] };
    let schema = Schema::new::<u8>("Ring").with_arguments(arguments);
    assert_eq!(schema.to_string(), "Ring<Node, 7>, version 1, 1 byte");
    assert_eq!(format!("{arguments:?}"), "[Node, 7]");
}

#[test]
fn it_has_the_size_and_alignment_of_its_type() {
    fn measure<T: ShmSafe>() -> bool {
        (T::SCHEMA.size(), T::SCHEMA.align()) == (size_of::<T>(), align_of::<T>())
    }
    assert!(measure::<u128>() && measure::<()>() && measure::<[u16; 5]>());
    assert!(measure::<ShmMutex<u8>>() && measure::<Option<Handle<u8>>>() && measure::<Node>());
    assert_eq!((Node::SCHEMA.size(), Node::SCHEMA.align()), (16, align_of::<u64>()));
}

#[test]
fn a_type_that_contains_itself_is_shown_without_end_of_the_program() {
    assert_eq!(Node::SCHEMA.to_string(), "Node, version 1, 16 bytes");
    assert_eq!(
        format!("{:?}", Node::SCHEMA),
        "Schema { name: Node, version: 1, size: 16, align: 8, \
         parts: [value: u64 at 0, next: Option<Handle<Node>> at 8] }"
    );
}

#[test]
fn variants_are_shown_with_their_fields() {
    let fields = const { &[SchemaPart::in_variant::<u32>("0")] };
    let parts = [SchemaPart::variant("Empty", -1, &[]), SchemaPart::variant("Full", 3, fields)];
    assert_eq!(format!("{parts:?}"), "[Empty = -1, Full = 3 [0: u32]]");
}
