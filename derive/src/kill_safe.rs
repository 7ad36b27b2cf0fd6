//! The derive of `KillSafe`: who may have it, and under which bounds.

use proc_macro2::TokenStream;
use quote::{ToTokens, quote};
use syn::spanned::Spanned;
use syn::{
    Data, DataEnum, DeriveInput, Error, Field, Meta, Result, WherePredicate, parse_quote_spanned,
};

use crate::representation::representation;

/// Returns the implementation for a type, or the reason why it has none.
pub(crate) fn implement(item: &DeriveInput) -> Result<TokenStream> {
    let mut generics = item.generics.clone();
    match &item.data {
        Data::Struct(data) => {
            generics.make_where_clause().predicates.extend(data.fields.iter().map(bound));
        }
        Data::Enum(data) => check_enum(item, data)?,
        Data::Union(data) => {
            return Err(Error::new_spanned(
                data.union_token,
                "`KillSafe` cannot be derived for a union: what its bytes mean is known only to \
                 those who read them",
            ));
        }
    }
    let name = &item.ident;
    let (parameters, arguments, bounds) = generics.split_for_impl();
    Ok(quote! {
        #[automatically_derived]
        unsafe impl #parameters ::aquifer::KillSafe for #name #arguments #bounds {}
    })
}

/// Returns the bound that a field brings. It points at the field's type where it does not hold.
fn bound(field: &Field) -> WherePredicate {
    let field_type = &field.ty;
    parse_quote_spanned! { field_type.span() => #field_type: ::aquifer::KillSafe }
}

/// Accepts an enum that is one byte, so that no kill can mix two of its values.
fn check_enum(item: &DeriveInput, data: &DataEnum) -> Result<()> {
    if let Some(variant) = data.variants.iter().find(|variant| !variant.fields.is_empty()) {
        return Err(Error::new_spanned(
            &variant.fields,
            "`KillSafe` cannot be derived for an enum with fields: a kill may leave the variant \
             of one value with the fields of another",
        ));
    }
    let hints = representation(&item.attrs)?;
    if hints.iter().any(|hint| hint.path().is_ident("u8") || hint.path().is_ident("i8")) {
        return Ok(());
    }
    Err(Error::new_spanned(
        hints.first().map_or_else(|| item.ident.to_token_stream(), Meta::to_token_stream),
        "`KillSafe` asks of an enum to be `repr(u8)` or `repr(i8)`: where it is wider, a kill may \
         leave half of one variant and half of another, which is none",
    ))
}
