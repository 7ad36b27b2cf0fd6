//! What the platform offers: the one floor that knows of targets and foreign functions.

pub(crate) mod shadow;
