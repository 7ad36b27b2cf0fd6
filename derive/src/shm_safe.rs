//! The derive of `ShmSafe`: whose layout is fixed, and the schema that tells it.

use proc_macro2::{Literal, TokenStream};
use quote::{ToTokens, quote};
use syn::ext::IdentExt;
use syn::punctuated::Punctuated;
use syn::{
    Data, DataEnum, DeriveInput, Error, Field, Fields, GenericParam, Generics, Ident, Member, Meta,
    Result, Token, TypeParam, Variant, parse_quote,
};

use crate::representation::representation;
use crate::shm_attribute::ShmAttribute;

/// Returns the implementation for a type, or the reason why it has none.
pub(crate) fn implement(item: &DeriveInput) -> Result<TokenStream> {
    let ShmAttribute { name, version } = ShmAttribute::of(item)?;
    let hints = representation(&item.attrs)?;
    let parts = match &item.data {
        Data::Struct(data) => {
            check_struct(item, &hints)?;
            fields_of_a_struct(&data.fields)
        }
        Data::Enum(data) => parts_of_an_enum(data, &tag(item, &hints)?),
        Data::Union(data) => {
            return Err(Error::new_spanned(
                data.union_token,
                "`ShmSafe` cannot be derived for a union: what its bytes mean is known only to \
                 those who read them",
            ));
        }
    };
    let arguments = arguments(&item.generics)?;
    let generics = bounded(&item.generics);
    let (parameters, generic_arguments, bounds) = generics.split_for_impl();
    let identifier = &item.ident;
    Ok(quote! {
        #[automatically_derived]
        unsafe impl #parameters ::aquifer::ShmSafe for #identifier #generic_arguments #bounds {
            const SCHEMA: ::aquifer::Schema = ::aquifer::Schema::new::<Self>(#name)
                .with_version(#version)
                .with_arguments(const { &[#(#arguments),*] })
                .with_parts(const { &[#(#parts),*] });
        }
    })
}

/// Accepts a struct whose fields lie where the language says.
fn check_struct(item: &DeriveInput, hints: &[Meta]) -> Result<()> {
    refuse_packed(hints)?;
    if hints.iter().any(|hint| hint.path().is_ident("C") || hint.path().is_ident("transparent")) {
        return Ok(());
    }
    Err(Error::new_spanned(
        &item.ident,
        "`ShmSafe` asks of a struct to be `repr(C)`, or `repr(transparent)`: without it each compiler \
         may lay it out in another way",
    ))
}

/// A packed field cannot be borrowed, so nothing in it could be locked or be an atomic.
fn refuse_packed(hints: &[Meta]) -> Result<()> {
    match hints.iter().find(|hint| hint.path().is_ident("packed")) {
        None => Ok(()),
        Some(packed) => Err(Error::new_spanned(
            packed,
            "`ShmSafe` cannot be derived for a packed type: its fields are not aligned, so what is \
             shared in them cannot be borrowed",
        )),
    }
}

/// What tells the variants of an enum apart: an integer at its front.
struct Tag {
    integer: Ident,
    /// Whether the fields of all variants begin at one offset behind the tag (`repr(C, u8)`), or each
    /// as if the tag were the first of them (`repr(u8)`).
    apart: bool,
}

const INTEGERS: [&str; 10] =
    ["u8", "u16", "u32", "u64", "usize", "i8", "i16", "i32", "i64", "isize"];

/// Returns the tag of an enum whose variants lie as RFC 2195 says.
fn tag(item: &DeriveInput, hints: &[Meta]) -> Result<Tag> {
    let mut names = hints.iter().filter_map(|hint| hint.path().get_ident());
    match names.clone().find(|name| INTEGERS.iter().any(|integer| name == integer)) {
        Some(integer) => Ok(Tag { integer: integer.clone(), apart: names.any(|name| name == "C") }),
        None => Err(Error::new_spanned(
            &item.ident,
            "`ShmSafe` asks of an enum to be `repr(u8)`, or as another integer, or `repr(C, u8)`: \
             without it each compiler may lay it out in another way",
        )),
    }
}

/// Returns the arguments that the type's schema has. Types with lifetimes have none.
fn arguments(generics: &Generics) -> Result<Vec<TokenStream>> {
    let arguments = generics.params.iter().map(|parameter| match parameter {
        GenericParam::Type(TypeParam { ident, .. }) => {
            Ok(quote! { ::aquifer::SchemaArgument::of::<#ident>() })
        }
        GenericParam::Const(parameter) => {
            let name = &parameter.ident;
            Ok(quote! { ::aquifer::SchemaArgument::value(const { &#name }) })
        }
        GenericParam::Lifetime(lifetime) => Err(Error::new_spanned(
            lifetime,
            "`ShmSafe` cannot be derived for a type with a lifetime: what is shared outlives every \
             function",
        )),
    });
    arguments.collect()
}

/// Returns the generics with the bound on each type parameter, and none on the types of fields: those
/// would be a circle where a type contains itself.
fn bounded(generics: &Generics) -> Generics {
    let mut generics = generics.clone();
    for parameter in generics.type_params_mut() {
        parameter.bounds.push(parse_quote!(::aquifer::ShmSafe));
    }
    generics
}

fn fields_of_a_struct(fields: &Fields) -> Vec<TokenStream> {
    let part = |(member, field): (Member, &Field)| {
        let (name, field_type) = (name(&member), &field.ty);
        quote! {
            ::aquifer::SchemaPart::field::<#field_type>(
                #name,
                ::core::mem::offset_of!(Self, #member),
            )
        }
    };
    fields.members().zip(fields).map(part).collect()
}

/// Returns the tag, which is called what the representation is, and the variants.
fn parts_of_an_enum(data: &DataEnum, tag: &Tag) -> Vec<TokenStream> {
    let Tag { integer, apart } = tag;
    let representation =
        if *apart { format!("repr(C, {integer})") } else { format!("repr({integer})") };
    let tag = quote! {
        ::aquifer::SchemaPart::field::<::core::primitive::#integer>(#representation, 0)
    };
    let variants = data.variants.iter().zip(discriminants(&data.variants, integer));
    let variants = variants.map(|(variant, discriminant)| {
        let name = variant.ident.unraw().to_string();
        let fields = fields_of_a_variant(&variant.fields);
        quote! {
            ::aquifer::SchemaPart::variant(#name, #discriminant, const { &[#(#fields),*] })
        }
    });
    core::iter::once(tag).chain(variants).collect()
}

fn fields_of_a_variant(fields: &Fields) -> Vec<TokenStream> {
    let part = |(member, field): (Member, &Field)| {
        let (name, field_type) = (name(&member), &field.ty);
        quote! { ::aquifer::SchemaPart::in_variant::<#field_type>(#name) }
    };
    fields.members().zip(fields).map(part).collect()
}

/// Returns the discriminants of all variants: each is given, or one more than the one before.
fn discriminants(variants: &Punctuated<Variant, Token![,]>, integer: &Ident) -> Vec<TokenStream> {
    let mut given = None;
    let mut since = 0;
    let discriminant = |variant: &Variant| {
        if let Some((_, expression)) = &variant.discriminant {
            (given, since) = (Some(expression.clone()), 0);
        }
        let more = Literal::i128_suffixed(since);
        since += 1;
        match &given {
            None => more.to_token_stream(),
            Some(expression) => quote! {
                { let given: ::core::primitive::#integer = #expression; given as i128 + #more }
            },
        }
    };
    variants.iter().map(discriminant).collect()
}

/// Returns what a field is called: its identifier, or its number.
fn name(member: &Member) -> String {
    match member {
        Member::Named(identifier) => identifier.unraw().to_string(),
        Member::Unnamed(index) => index.index.to_string(),
    }
}
