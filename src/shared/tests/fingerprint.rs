//! What a fingerprint tells apart, and that it is remembered.
#![expect(unsafe_code, reason = "vouches for the types of the tests")]

use core::any::TypeId;
use core::mem::offset_of;
use std::collections::HashSet;
use std::thread;

use super::handle::{Handle, Node};
use crate::shared::schema::fingerprint::{Fnv, compute};
use crate::shared::schema::schema::{Schema, SchemaArgument, SchemaPart};
use crate::shared::schema::shm_safe::ShmSafe;

/// Points to one that points back.
#[repr(C)]
struct Parent {
    child: Option<Handle<Child>>,
}

// SAFETY: it is `repr(C)`, of one such field.
unsafe impl ShmSafe for Parent {
    const SCHEMA: Schema = Schema::new::<Self>("Parent").with_parts(
        const { &[SchemaPart::field::<Option<Handle<Child>>>("child", offset_of!(Self, child))] },
    );
}

/// Points to one that points back.
#[repr(C)]
struct Child {
    parent: Option<Handle<Parent>>,
}

// SAFETY: it is `repr(C)`, of one such field.
unsafe impl ShmSafe for Child {
    const SCHEMA: Schema = Schema::new::<Self>("Child").with_parts(
        const {
            &[SchemaPart::field::<Option<Handle<Parent>>>("parent", offset_of!(Self, parent))]
        },
    );
}

fn fresh<T: ShmSafe>() -> u64 {
    compute(TypeId::of::<T>(), &T::SCHEMA)
}

#[test]
fn the_hash_is_the_one_that_others_call_by_this_name() {
    // http://www.isthe.com/chongo/src/fnv/test_fnv.c
    for (text, expected) in [
        ("", 0xcbf2_9ce4_8422_2325),
        ("a", 0xaf63_dc4c_8601_ec8c),
        ("foobar", 0x8594_4171_f739_67e8),
    ] {
        let mut hash = Fnv::new();
        hash.bytes(text.as_bytes());
        assert_eq!(hash, Fnv(expected), "{text}");
    }
}

/// The schemas that are all like one but for one thing, which is the first.
fn variations() -> Vec<Schema> {
    const fn of(parts: &'static [SchemaPart]) -> Schema {
        Schema::new::<[u64; 2]>("Pair").with_parts(parts)
    }
    let (first, second) =
        const { (SchemaPart::field::<u64>("a", 0), SchemaPart::field::<u64>("b", 8)) };
    let all: [&[SchemaPart]; 15] = [
        &[first, second],
        &[second, first],
        &[first],
        &[],
        &[first, SchemaPart::field::<u64>("c", 8)],
        &[first, SchemaPart::field::<u64>("b", 12)],
        &[first, SchemaPart::field::<i64>("b", 8)],
        &[first, SchemaPart::in_variant::<u64>("b")],
        &[first, SchemaPart::variant("b", 8, &[])],
        &[first, SchemaPart::variant("b", 9, &[])],
        &[first, SchemaPart::variant("b", 8, &[]), SchemaPart::in_variant::<u8>("c")],
        &[first, SchemaPart::variant("b", 8, const { &[SchemaPart::in_variant::<u8>("c")] })],
        &[first, SchemaPart::field::<Handle<u8>>("b", 8)],
        &[first, SchemaPart::field::<Handle<i8>>("b", 8)],
        &[first, SchemaPart::field::<Handle<Handle<i8>>>("b", 8)],
    ];
    let pair = of(const { &[SchemaPart::field::<u64>("a", 0), SchemaPart::field::<u64>("b", 8)] });
    let arguments = const {
        [
            &[SchemaArgument::of::<u8>()] as &[SchemaArgument],
            &[SchemaArgument::of::<i8>()],
            &[SchemaArgument::of::<u8>(), SchemaArgument::of::<i8>()],
            &[SchemaArgument::value(&1)],
            &[SchemaArgument::value(&2)],
            &[SchemaArgument::value(&"u8")],
        ]
    };
    let mut schemas: Vec<Schema> = all.iter().map(|parts| of(parts.to_vec().leak())).collect();
    schemas.extend(arguments.map(|arguments| pair.with_arguments(arguments)));
    schemas.push(pair.with_version(2));
    schemas.push(Schema::new::<[u64; 2]>("Twins").with_parts(pair.parts()));
    schemas.push(Schema::new::<[u64; 3]>("Pair").with_parts(pair.parts()));
    schemas.push(Schema::new::<[u32; 4]>("Pair").with_parts(pair.parts()));
    schemas
}

#[test]
fn whatever_a_schema_says_counts() {
    let of = TypeId::of::<()>();
    let schemas = variations();
    for (index, schema) in schemas.iter().enumerate() {
        let fingerprint = compute(of, schema);
        assert_eq!(fingerprint, compute(of, &{ *schema }));
        for other in &schemas[..index] {
            assert_ne!(fingerprint, compute(of, other), "{schema:?} and {other:?}");
        }
    }
}

#[test]
fn what_a_pointer_points_to_counts() {
    let fingerprints = [
        fresh::<Handle<u8>>(),
        fresh::<Handle<u16>>(),
        fresh::<Handle<Handle<u8>>>(),
        fresh::<Option<Handle<u8>>>(),
        fresh::<Handle<Node>>(),
        fresh::<Handle<Parent>>(),
    ];
    assert_eq!(HashSet::from(fingerprints).len(), fingerprints.len());
}

#[test]
fn the_walk_through_types_that_contain_each_other_ends() {
    let fingerprints = [fresh::<Node>(), fresh::<Parent>(), fresh::<Child>()];
    assert_eq!(HashSet::from(fingerprints).len(), fingerprints.len());
}

/// Types that are called the same as those of [`super::handle`], as if of another program.
mod elsewhere {
    use super::{Handle, Schema, SchemaPart, ShmSafe};

    #[repr(C)]
    pub(super) struct Node(u64, Option<Handle<Node>>);

    // SAFETY: it is `repr(C)`, of two such fields.
    unsafe impl ShmSafe for Node {
        const SCHEMA: Schema = Schema::new::<Self>("Node").with_parts(
            const {
                &[
                    SchemaPart::field::<u64>("value", 0),
                    SchemaPart::field::<Option<Handle<Self>>>("next", 8),
                ]
            },
        );
    }

    #[repr(C)]
    pub(super) struct Stranger(u64, Option<Handle<super::Node>>);

    // SAFETY: it is `repr(C)`, of two such fields.
    unsafe impl ShmSafe for Stranger {
        const SCHEMA: Schema = Schema::new::<Self>("Node").with_parts(
            const {
                &[
                    SchemaPart::field::<u64>("value", 0),
                    SchemaPart::field::<Option<Handle<super::Node>>>("next", 8),
                ]
            },
        );
    }
}

#[test]
fn the_same_type_of_another_program_is_the_same() {
    assert_eq!(fresh::<elsewhere::Node>(), fresh::<Node>());
}

#[test]
fn one_that_points_to_itself_is_not_one_that_points_to_its_like() {
    assert_ne!(fresh::<elsewhere::Stranger>(), fresh::<Node>());
}

/// Asks for twelve fingerprints, remembered and fresh.
fn ask<const ROWS: usize>(told: &mut Vec<u64>) {
    fn one<T: ShmSafe>() -> u64 {
        let fingerprint = Schema::fingerprint::<T>();
        assert_eq!(fingerprint, fresh::<T>());
        assert_eq!(fingerprint, Schema::fingerprint::<T>());
        fingerprint
    }
    told.extend([
        one::<[[u8; 0]; ROWS]>(),
        one::<[[u8; 1]; ROWS]>(),
        one::<[[u8; 2]; ROWS]>(),
        one::<[[u8; 3]; ROWS]>(),
        one::<[[u8; 4]; ROWS]>(),
        one::<[[u8; 5]; ROWS]>(),
        one::<[[i8; 0]; ROWS]>(),
        one::<[[i8; 1]; ROWS]>(),
        one::<[[i8; 2]; ROWS]>(),
        one::<[[i8; 3]; ROWS]>(),
        one::<[[i8; 4]; ROWS]>(),
        one::<[[i8; 5]; ROWS]>(),
    ]);
}

#[test]
fn more_types_than_a_thread_remembers_are_still_told_apart() {
    let all = || {
        let mut told = Vec::new();
        ask::<0>(&mut told);
        ask::<1>(&mut told);
        ask::<2>(&mut told);
        ask::<3>(&mut told);
        ask::<4>(&mut told);
        ask::<5>(&mut told);
        ask::<6>(&mut told);
        ask::<7>(&mut told);
        told
    };
    let told = all();
    assert_eq!(told.iter().collect::<HashSet<_>>().len(), 96);
    assert_eq!(told, all());
    assert_eq!(told, thread::spawn(all).join().unwrap());
}
