//! What a KDC is to a client: a question goes in, an answer comes out.

use crate::KerberosFailure;

/// The KDCs of all realms. Object-safe; called on the thread that does a client's slow work, where it may block.
pub trait Kdc: Send + Sync {
    /// The answer of a KDC of `realm` to one request of RFC 4120, without the length before it that TCP wants.
    ///
    /// # Errors
    /// [`KerberosFailure::Unreachable`] if none answers in time; [`KerberosFailure::Incomplete`] if it is not known where one is.
    fn ask(&self, realm: &str, request: &[u8]) -> Result<Vec<u8>, KerberosFailure>;
}
