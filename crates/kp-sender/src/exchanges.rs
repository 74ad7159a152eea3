//! The questions that the sender asks besides Produce, a file each: what is asked, and what its answer means.

pub(crate) mod metadata;
pub(crate) mod producer_id;
