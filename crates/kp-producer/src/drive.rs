//! What makes it go? The network thread and how it is reached, how it ends, and how a caller blocks without a runtime.

pub(crate) mod census;
pub(crate) mod driver;
pub(crate) mod ended;
pub(crate) mod forked;
pub(crate) mod link;
pub(crate) mod parker;
pub(crate) mod seal_workers;
pub(crate) mod stepper;
pub(crate) mod system_clock;
