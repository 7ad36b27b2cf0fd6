//! What types look like in memory, for those who have not compiled them.

pub(crate) mod fingerprint;
#[expect(clippy::module_inception, reason = "the room of `Schema` in the folder of schemas")]
pub(crate) mod schema;
pub(crate) mod shm_safe;
