//! The attribute `shm`: what a type in shared memory is called, and which version of it this is.

use syn::ext::IdentExt;
use syn::meta::ParseNestedMeta;
use syn::{Attribute, Data, DeriveInput, Error, Field, LitInt, LitStr, Result};

/// What a type says of itself.
pub(crate) struct ShmAttribute {
    pub(crate) name: String,
    pub(crate) version: u32,
}

impl ShmAttribute {
    /// Reads the attributes of a type. Where they say nothing, it is version 1 of its identifier.
    pub(crate) fn of(item: &DeriveInput) -> Result<Self> {
        refuse_inside(item)?;
        let (mut name, mut version) = (None, None);
        for attribute in item.attrs.iter().filter(|attribute| is_shm(attribute)) {
            attribute.parse_nested_meta(|key| {
                if key.path.is_ident("name") {
                    set(&mut name, &key, read_name(&key)?)
                } else if key.path.is_ident("version") {
                    set(&mut version, &key, read_version(&key)?)
                } else {
                    Err(key.error("unknown key: there are `name` and `version`"))
                }
            })?;
        }
        let name = name.unwrap_or_else(|| item.ident.unraw().to_string());
        Ok(Self { name, version: version.unwrap_or(1) })
    }
}

fn is_shm(attribute: &Attribute) -> bool {
    attribute.path().is_ident("shm")
}

fn read_name(key: &ParseNestedMeta<'_>) -> Result<String> {
    let name: LitStr = key.value()?.parse()?;
    if name.value().is_empty() {
        return Err(Error::new_spanned(name, "a name has at least one letter"));
    }
    Ok(name.value())
}

fn read_version(key: &ParseNestedMeta<'_>) -> Result<u32> {
    let version: LitInt = key.value()?.parse()?;
    let too_wide = |_| Error::new_spanned(&version, "a version is a number from 0 to 4294967295");
    version.base10_parse().map_err(too_wide)
}

/// Sets what a key stands for, unless that has been done.
fn set<T>(place: &mut Option<T>, key: &ParseNestedMeta<'_>, value: T) -> Result<()> {
    match place.replace(value) {
        None => Ok(()),
        Some(_) => Err(key.error("this key is there twice")),
    }
}

/// Refuses the attribute where it would say nothing: on fields and variants.
fn refuse_inside(item: &DeriveInput) -> Result<()> {
    let of_fields = |field: &Field| field.attrs.clone();
    let attributes: Vec<Attribute> = match &item.data {
        Data::Struct(data) => data.fields.iter().flat_map(of_fields).collect(),
        Data::Enum(data) => {
            let variants = data.variants.iter();
            let fields = variants.clone().flat_map(|variant| &variant.fields).flat_map(of_fields);
            variants.flat_map(|variant| variant.attrs.clone()).chain(fields).collect()
        }
        Data::Union(_) => Vec::new(),
    };
    match attributes.iter().find(|attribute| is_shm(attribute)) {
        None => Ok(()),
        Some(attribute) => {
            Err(Error::new_spanned(attribute, "`shm` is for a whole type, not for a part of it"))
        }
    }
}
