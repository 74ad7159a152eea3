//! What every kind of store gives for a client's certificates. Owns: the name of it.

use rustls::pki_types::CertificateDer;

/// A certificate of this client, behind it those of its authorities.
pub(crate) type Chain = Vec<CertificateDer<'static>>;
