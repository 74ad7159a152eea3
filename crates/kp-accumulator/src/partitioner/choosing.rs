//! What the choice of a partition for unkeyed records goes by.

use super::Reach;
use crate::queue_lengths::QueueLengths;
use kp_metadata::Topic;

/// What a choice is made from.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Choosing<'a> {
    pub(crate) topic: &'a Topic,
    /// What partitions are weighed by; `None` where the choice is not adaptive.
    pub(crate) lengths: Option<&'a QueueLengths>,
    pub(crate) reach: &'a Reach,
}
