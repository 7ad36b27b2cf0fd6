//! The derives of aquifer.

mod kill_safe;
mod representation;
mod shm_attribute;
mod shm_safe;

use proc_macro::TokenStream;
use syn::{DeriveInput, parse_macro_input};

/// Derives `KillSafe`: the type stays valid when a process is killed while it writes to it.
///
/// A struct gets it where each of its fields has it, also where a field's type is a parameter. An
/// enum gets it if no variant has fields and it is `repr(u8)` or `repr(i8)`: what is wider, or has
/// fields, may be left half written. A union never gets it.
///
/// Deriving it is the author's word on what the derive cannot see: **no unsafe code relies on an
/// invariant between the fields**, or on a value being the only one of its kind. A kill may come
/// between the stores to two fields, or between the two halves of a swap. Safe code may rely on
/// what it likes: it then meets a wrong value at worst.
///
/// The trait of the same name says what may be left behind, and has an example.
#[proc_macro_derive(KillSafe)]
pub fn derive_kill_safe(item: TokenStream) -> TokenStream {
    let item = parse_macro_input!(item as DeriveInput);
    kill_safe::implement(&item).unwrap_or_else(syn::Error::into_compile_error).into()
}

/// Derives `ShmSafe`: values of the type may lie in memory that processes share.
///
/// A struct gets it if it is `repr(C)` or `repr(transparent)`, an enum if it is `repr(u8)`, or as another
/// integer, or `repr(C, u8)`; `align(N)` may be beside these, `packed` may not. The type of each field has to
/// be `ShmSafe`, and so has each type parameter. A union never gets it, nor does a type with lifetimes.
///
/// * `#[shm(version = 2)]` says that the bytes mean something else than in version 1, which is the default.
/// * `#[shm(name = "…")]` says what the type is called in place of its identifier.
///
/// Deriving it is the author's word on what the derive cannot see: **no integer in it is an address or a
/// descriptor that only one process has**, whoever drops it may be another process than the one that made it, and
/// **whatever unsafe code relies on holds in every process** with a type of this name, version and layout.
///
/// The trait of the same name has the whole list, and an example.
#[proc_macro_derive(ShmSafe, attributes(shm))]
pub fn derive_shm_safe(item: TokenStream) -> TokenStream {
    let item = parse_macro_input!(item as DeriveInput);
    shm_safe::implement(&item).unwrap_or_else(syn::Error::into_compile_error).into()
}
