//! How does a record get in? The ways to hand one in, what such a call may wait for, and what it is sent by.

mod acceptance;
pub(crate) mod bulk;
pub(crate) mod metadata_wait;
pub(crate) mod old_cluster;
pub(crate) mod send_wait;
mod sending;
#[cfg(feature = "futures")]
pub(crate) mod sink;
pub(crate) mod topic;
pub(crate) mod typed;
pub(crate) mod view;
mod waiting;
pub(crate) mod waits;

pub(crate) use self::acceptance::AtOnce;
pub(crate) use self::waiting::Waited;
