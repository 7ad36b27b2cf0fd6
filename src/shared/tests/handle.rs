//! A pointer into a heap that is not there, for schemas of types that point to others.
#![expect(unsafe_code, reason = "vouches for the types of the tests")]

use core::marker::PhantomData;
use core::mem::offset_of;
use core::num::NonZero;

use crate::shared::schema::schema::{Schema, SchemaPart};
use crate::shared::schema::shm_safe::{NicheOption, ShmSafe};

/// Points to a `T`.
#[repr(transparent)]
pub(super) struct Handle<T> {
    offset: NonZero<u64>,
    target: PhantomData<T>,
}

// SAFETY: a number, and no code takes it for more.
unsafe impl<T: ShmSafe> ShmSafe for Handle<T> {
    const SCHEMA: Schema = Schema::generic::<Self, T>("Handle");
}

// SAFETY: it is `repr(transparent)` around a `NonZero`.
unsafe impl<T: ShmSafe> NicheOption for Handle<T> {}

/// Points to another of its kind.
#[repr(C)]
pub(super) struct Node {
    value: u64,
    next: Option<Handle<Node>>,
}

// SAFETY: it is `repr(C)`, of two such fields.
unsafe impl ShmSafe for Node {
    const SCHEMA: Schema = Schema::new::<Self>("Node").with_parts(
        const {
            &[
                SchemaPart::field::<u64>("value", offset_of!(Self, value)),
                SchemaPart::field::<Option<Handle<Self>>>("next", offset_of!(Self, next)),
            ]
        },
    );
}
