//! `Schema`: what a type looks like in memory, for those who did not compile it.
#![forbid(unsafe_code)]

use core::any::TypeId;
use core::fmt::{self, Display};

use super::shm_safe::ShmSafe;

/// Gives a type's identity and schema when they are asked for. A schema refers to others by such, so
/// that the schema of a type that contains itself does not have to be known before it is.
pub(super) type Describe = fn() -> (TypeId, Schema);

fn describe<T: ShmSafe>() -> (TypeId, Schema) {
    (TypeId::of::<T>(), T::SCHEMA)
}

/// What a type looks like in memory: its name, version, size, alignment, and what it is made of.
///
/// It is made by `#[derive(ShmSafe)]`, or by hand beside an implementation of [`ShmSafe`]. In shared
/// memory a type is known by the [fingerprint](Schema::fingerprint) of its schema.
///
/// ```
/// use aquifer::{Schema, ShmSafe};
///
/// #[derive(ShmSafe)]
/// #[shm(version = 2)]
/// #[repr(C)]
/// struct Table<T> {
///     rows: [T; 4],
///     used: u64,
/// }
///
/// let schema = <Table<u32>>::SCHEMA;
/// assert_eq!(schema.to_string(), "Table<u32>, version 2, 24 bytes");
/// assert_ne!(Schema::fingerprint::<Table<u32>>(), Schema::fingerprint::<Table<f32>>());
/// ```
#[derive(Clone, Copy)]
pub struct Schema {
    pub(super) name: &'static str,
    /// What stands before, between and behind the arguments.
    brackets: [&'static str; 3],
    pub(super) arguments: &'static [SchemaArgument],
    pub(super) version: u32,
    pub(super) size: usize,
    pub(super) align: usize,
    pub(super) parts: &'static [SchemaPart],
}

impl Schema {
    /// Makes the schema of a type of which nothing but its size and alignment is to be seen: version 1,
    /// without arguments or parts.
    #[must_use]
    pub const fn new<T>(name: &'static str) -> Self {
        Self {
            name,
            brackets: ["<", ", ", ">"],
            arguments: &[],
            version: 1,
            size: size_of::<T>(),
            align: align_of::<T>(),
            parts: &[],
        }
    }

    /// Makes the schema of a type with one argument, which is all that its layout depends on: what
    /// wraps a `T`, holds many of it or points to it.
    pub(crate) const fn generic<Whole, T: ShmSafe>(name: &'static str) -> Self {
        Self::new::<Whole>(name).with_arguments(const { &[SchemaArgument::of::<T>()] })
    }

    /// Makes the schema of an array, whose arguments are its element and length.
    pub(super) const fn array<Array>(arguments: &'static [SchemaArgument]) -> Self {
        let array = Self::new::<Array>("").with_arguments(arguments);
        Self { brackets: ["[", "; ", "]"], ..array }
    }

    /// Returns the schema with another version. A type gets another when the same bytes come to
    /// mean something else.
    #[must_use]
    pub const fn with_version(self, version: u32) -> Self {
        Self { version, ..self }
    }

    /// Returns the schema with the generic arguments of the type, in order.
    #[must_use]
    pub const fn with_arguments(self, arguments: &'static [SchemaArgument]) -> Self {
        Self { arguments, ..self }
    }

    /// Returns the schema with the type's fields, in order, or an enum's variants.
    ///
    /// ```
    /// use aquifer::{Schema, SchemaPart};
    /// use std::mem::offset_of;
    ///
    /// #[repr(C)]
    /// struct Reading {
    ///     sensor: u16,
    ///     value: f32,
    /// }
    /// const PARTS: &[SchemaPart] = &[
    ///     SchemaPart::field::<u16>("sensor", offset_of!(Reading, sensor)),
    ///     SchemaPart::field::<f32>("value", offset_of!(Reading, value)),
    /// ];
    /// let schema = Schema::new::<Reading>("Reading").with_parts(PARTS);
    /// assert_eq!(schema.parts().len(), 2);
    /// ```
    #[must_use]
    pub const fn with_parts(self, parts: &'static [SchemaPart]) -> Self {
        Self { parts, ..self }
    }

    /// Returns the type's name with its arguments, as `Table<u64>`. Modules are left out, since the
    /// same type may have another path in another program.
    pub fn name(&self) -> impl Display + use<> {
        Name(*self)
    }

    /// Returns the version, which is 1 if the type says nothing else.
    #[must_use]
    pub const fn version(&self) -> u32 {
        self.version
    }

    /// Returns the size in bytes.
    #[must_use]
    pub const fn size(&self) -> usize {
        self.size
    }

    /// Returns the alignment in bytes.
    #[must_use]
    pub const fn align(&self) -> usize {
        self.align
    }

    /// Returns the fields, or an enum's representation and variants. There are none where they are
    /// known by the type's name, as of numbers.
    #[must_use]
    pub const fn parts(&self) -> &'static [SchemaPart] {
        self.parts
    }
}

impl Display for Schema {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { version, size, .. } = self;
        let bytes = if *size == 1 { "byte" } else { "bytes" };
        write!(formatter, "{}, version {version}, {size} {bytes}", self.name())
    }
}

impl fmt::Debug for Schema {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Schema")
            .field("name", &format_args!("{}", self.name()))
            .field("version", &self.version)
            .field("size", &self.size)
            .field("align", &self.align)
            .field("parts", &self.parts)
            .finish()
    }
}

struct Name(Schema);

impl Display for Name {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Schema { name, brackets: [before, between, behind], arguments, .. } = self.0;
        formatter.write_str(name)?;
        for (index, argument) in arguments.iter().enumerate() {
            formatter.write_str(if index == 0 { before } else { between })?;
            Display::fmt(argument, formatter)?;
        }
        formatter.write_str(if arguments.is_empty() { "" } else { behind })
    }
}

/// What a generic type is made with: a type, or the value of a `const` parameter.
#[derive(Clone, Copy)]
pub struct SchemaArgument(pub(super) Argument);

#[derive(Clone, Copy)]
pub(super) enum Argument {
    Type(Describe),
    /// The text is what counts: it is the same whatever program it is made by.
    Value(&'static (dyn Display + Send + Sync)),
}

impl SchemaArgument {
    /// Makes the argument of a type parameter.
    #[must_use]
    pub const fn of<T: ShmSafe>() -> Self {
        Self(Argument::Type(describe::<T>))
    }

    /// Makes the argument of a `const` parameter, as `const { &N }`.
    #[must_use]
    pub const fn value(value: &'static (dyn Display + Send + Sync)) -> Self {
        Self(Argument::Value(value))
    }
}

impl Display for SchemaArgument {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Argument::Type(describe) => write!(formatter, "{}", describe().1.name()),
            Argument::Value(value) => write!(formatter, "{value}"),
        }
    }
}

impl fmt::Debug for SchemaArgument {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        Display::fmt(self, formatter)
    }
}

/// What a type is made of: a field, or a variant of an enum.
#[derive(Clone, Copy)]
pub struct SchemaPart {
    pub(super) name: &'static str,
    pub(super) content: Content,
}

#[derive(Clone, Copy)]
pub(super) enum Content {
    Field { offset: usize, describe: Describe },
    Variant { discriminant: i128, fields: &'static [SchemaPart] },
    InVariant(Describe),
}

impl SchemaPart {
    /// Makes a field of a type, at its offset in bytes.
    #[must_use]
    pub const fn field<T: ShmSafe>(name: &'static str, offset: usize) -> Self {
        Self { name, content: Content::Field { offset, describe: describe::<T> } }
    }

    /// Makes a variant of an enum, with its fields in order.
    #[must_use]
    pub const fn variant(
        name: &'static str,
        discriminant: i128,
        fields: &'static [SchemaPart],
    ) -> Self {
        Self { name, content: Content::Variant { discriminant, fields } }
    }

    /// Makes a field of a variant. It has no offset of its own: that follows from the enum's
    /// representation and from the fields before it.
    #[must_use]
    pub const fn in_variant<T: ShmSafe>(name: &'static str) -> Self {
        Self { name, content: Content::InVariant(describe::<T>) }
    }
}

impl fmt::Debug for SchemaPart {
    /// Shows the part with the names of types only: a type may contain itself.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = self.name;
        match self.content {
            Content::Field { offset, describe } => {
                write!(formatter, "{name}: {} at {offset}", describe().1.name())
            }
            Content::Variant { discriminant, fields: [] } => {
                write!(formatter, "{name} = {discriminant}")
            }
            Content::Variant { discriminant, fields } => {
                write!(formatter, "{name} = {discriminant} {fields:?}")
            }
            Content::InVariant(describe) => {
                write!(formatter, "{name}: {}", describe().1.name())
            }
        }
    }
}
