//! What owns values in a heap: boxes, vectors and strings.

pub(crate) mod boxed;
pub(crate) mod buffer;
pub(crate) mod drain;
pub(crate) mod from_utf8_error;
mod leaving;
mod moves;
mod mutex_in;
mod ranges;
mod room;
pub(crate) mod string;
pub(crate) mod string_drain;
mod string_extend;
mod string_take;
mod string_traits;
pub(crate) mod text_piece;
pub(crate) mod try_clone;
mod uncounted;
pub(crate) mod vec;
mod vec_extend;
mod vec_take;
mod vec_traits;
