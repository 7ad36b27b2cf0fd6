//! What a type's `repr` attributes ask for.

use syn::punctuated::Punctuated;
use syn::{Attribute, Meta, Result, Token};

/// Returns what all `repr` attributes of a type ask for.
pub(crate) fn representation(attributes: &[Attribute]) -> Result<Vec<Meta>> {
    let mut hints = Vec::new();
    for attribute in attributes.iter().filter(|attribute| attribute.path().is_ident("repr")) {
        hints.extend(attribute.parse_args_with(Punctuated::<_, Token![,]>::parse_terminated)?);
    }
    Ok(hints)
}
