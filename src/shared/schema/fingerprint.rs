//! The fingerprint of a type: one number for all that its schema says.
#![forbid(unsafe_code)]

use core::any::TypeId;
use core::cell::Cell;
use core::fmt::{self, Write};
use core::hash::{Hash, Hasher};

use super::schema::{Argument, Content, Describe, Schema, SchemaPart};
use super::shm_safe::ShmSafe;

impl Schema {
    /// Returns a number that tells the type from others, the same in every program: the hash of its
    /// name, version, size and alignment, of its arguments, and of the name, offset and type of each
    /// part; and so on with those types, and with what pointers point to.
    ///
    /// A type that has been met before counts as a reference to where that was, so a type that
    /// contains itself has a fingerprint, too. Types that look the same throughout have the same.
    ///
    /// It guards against mistakes, not against attacks: the hash is not a cryptographic one.
    ///
    /// ```
    /// use aquifer::Schema;
    ///
    /// assert_eq!(Schema::fingerprint::<[u8; 4]>(), Schema::fingerprint::<[u8; 4]>());
    /// assert_ne!(Schema::fingerprint::<[u8; 4]>(), Schema::fingerprint::<u32>());
    /// ```
    #[must_use]
    #[inline]
    pub fn fingerprint<T: ShmSafe>() -> u64 {
        let of = TypeId::of::<T>();
        recall(of).unwrap_or_else(|| learn(of, T::SCHEMA))
    }
}

/// A type whose fingerprint this thread has asked for.
#[derive(Clone, Copy)]
struct Known {
    of: TypeId,
    fingerprint: u64,
}

/// How many a thread remembers, which is a power of two, and in how many places one may be.
const PLACES: usize = 64;
const NEAR: usize = 4;

std::thread_local! {
    /// Of a thread, and not of the process behind a lock: a fork could leave a lock taken.
    static KNOWN: [Cell<Option<Known>>; PLACES] = const { [const { Cell::new(None) }; PLACES] };
}

/// Returns the places in which a type may be remembered, the best one first.
#[inline]
fn places(of: TypeId) -> impl Iterator<Item = usize> {
    let mut bits = Bits(0);
    of.hash(&mut bits);
    let Bits(start) = bits;
    (0..NEAR).map(move |step| (start as usize).wrapping_add(step) % PLACES)
}

#[inline]
fn recall(of: TypeId) -> Option<u64> {
    KNOWN.with(|known| {
        let mut near = places(of).filter_map(|place| known[place].get());
        near.find(|known| known.of == of).map(|known| known.fingerprint)
    })
}

/// Computes the fingerprint of a type, and remembers it in place of another one if need be.
#[cold]
fn learn(of: TypeId, schema: Schema) -> u64 {
    let fingerprint = compute(of, &schema);
    KNOWN.with(|known| {
        let vacant = places(of).find(|place| known[*place].get().is_none());
        if let Some(place) = vacant.or_else(|| places(of).next()) {
            known[place].set(Some(Known { of, fingerprint }));
        }
    });
    fingerprint
}

/// Computes the fingerprint of a type from its schema, and from those that it refers to.
pub(crate) fn compute(of: TypeId, schema: &Schema) -> u64 {
    let mut walk = Walk { hash: Fnv::new(), visited: vec![of] };
    walk.schema(schema);
    walk.hash.0
}

/// The bits that a `TypeId` gives for hashing, as they are: they are those of a good hash already.
struct Bits(u64);

impl Hasher for Bits {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = self.0.rotate_left(8) ^ u64::from(*byte);
        }
    }

    fn write_u64(&mut self, number: u64) {
        self.0 = number;
    }
}

/// A walk through a schema and all that it refers to. What it hashes must stay the same for ever: heaps
/// in files have the fingerprints of earlier programs.
///
/// ```text
/// reference   again: place in the order in which types were met; or a type, if it is met first
/// type        tag, name, version, size, align, count of arguments, arguments, parts
/// argument    reference; or value: tag, text
/// parts       count, and for each: name, and then one of
///               field        tag, offset, reference
///               variant      tag, discriminant, parts
///               in variant   tag, reference
/// ```
///
/// A tag is a byte, a discriminant has 16 bytes and other numbers have 8, the lowest byte first. A text
/// is its bytes and 0xff.
struct Walk {
    hash: Fnv,
    /// In the order in which they were met. Only places in it are hashed: what a `TypeId` is differs
    /// from program to program.
    visited: Vec<TypeId>,
}

/// What comes next, lest one thing be taken for another whose bytes are the same.
#[derive(Clone, Copy)]
#[repr(u8)]
enum Tag {
    Type = 0,
    Again = 1,
    Value = 2,
    Field = 3,
    Variant = 4,
    InVariant = 5,
}

impl Walk {
    fn schema(&mut self, schema: &Schema) {
        let Schema { name, arguments, version, size, align, parts, .. } = *schema;
        self.hash.tag(Tag::Type);
        self.hash.text(name);
        self.hash.number(version.into());
        self.hash.number(size as u64);
        self.hash.number(align as u64);
        self.hash.number(arguments.len() as u64);
        for argument in arguments {
            match argument.0 {
                Argument::Type(describe) => self.reference(describe),
                Argument::Value(value) => {
                    self.hash.tag(Tag::Value);
                    self.hash.text(value);
                }
            }
        }
        self.parts(parts);
    }

    fn parts(&mut self, parts: &[SchemaPart]) {
        self.hash.number(parts.len() as u64);
        for SchemaPart { name, content } in parts {
            self.hash.text(name);
            match *content {
                Content::Field { offset, describe } => {
                    self.hash.tag(Tag::Field);
                    self.hash.number(offset as u64);
                    self.reference(describe);
                }
                Content::Variant { discriminant, fields } => {
                    self.hash.tag(Tag::Variant);
                    self.hash.bytes(&discriminant.to_le_bytes());
                    self.parts(fields);
                }
                Content::InVariant(describe) => {
                    self.hash.tag(Tag::InVariant);
                    self.reference(describe);
                }
            }
        }
    }

    /// Goes on to another type, unless that has been visited.
    fn reference(&mut self, describe: Describe) {
        let (of, schema) = describe();
        if let Some(index) = self.visited.iter().position(|visited| *visited == of) {
            self.hash.tag(Tag::Again);
            self.hash.number(index as u64);
        } else {
            self.visited.push(of);
            self.schema(&schema);
        }
    }
}

/// FNV-1a of 64 bits, by Glenn Fowler, Landon Curt Noll and Kiem-Phong Vo:
/// <http://www.isthe.com/chongo/tech/comp/fnv/>.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Fnv(pub(crate) u64);

impl Fnv {
    const OFFSET_BASIS: u64 = 0xcbf2_9ce4_8422_2325;
    const PRIME: u64 = 0x0100_0000_01b3;

    pub(crate) const fn new() -> Self {
        Self(Self::OFFSET_BASIS)
    }

    pub(crate) fn bytes(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = (self.0 ^ u64::from(*byte)).wrapping_mul(Self::PRIME);
        }
    }

    fn tag(&mut self, tag: Tag) {
        self.bytes(&[tag as u8]);
    }

    fn number(&mut self, number: u64) {
        self.bytes(&number.to_le_bytes());
    }

    /// Takes in a text and its end, for which there is a byte that is in no text.
    fn text(&mut self, text: impl fmt::Display) {
        // Nothing is lost: no write to a hash fails, and what is written are names and numbers.
        let _ = write!(self, "{text}");
        self.bytes(&[0xff]);
    }
}

impl Write for Fnv {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.bytes(text.as_bytes());
        Ok(())
    }
}
