//! What every kind of store gives: certificates, with their names in it. Owns: these types. Never: a key.

use rustls::pki_types::CertificateDer;

/// A certificate of this client, behind it those of its authorities.
pub(crate) type Chain = Vec<CertificateDer<'static>>;

/// An entry of a store: a certificate, behind it those of who signed it.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    /// PEM has none.
    pub(crate) alias: Option<String>,
    pub(crate) has_key: bool,
    pub(crate) chain: Chain,
}
