//! Which of the authorities that are trusted a chain of certificates leads to, in words. Owns: nothing; decides nothing: whether a
//! broker is believed, `verifier` says.

use crate::chain::Chain;
use crate::settings::TlsSettings;
use crate::{TlsConfigError, certificate, reading, store};
use kp_protocol::text::shown;
use rustls::RootCertStore;
use rustls::client::verify_server_cert_signed_by_trust_anchor;
use rustls::crypto::WebPkiSupportedAlgorithms;
use rustls::pki_types::UnixTime;
use rustls::server::ParsedCertificate;

/// A chain as a broker sent it, its own certificate first.
pub(crate) struct Sent<'a> {
    pub(crate) chain: &'a Chain,
    pub(crate) algorithms: &'a WebPkiSupportedAlgorithms,
    pub(crate) now: UnixTime,
}

/// Such as `entry "ca" of ssl.truststore.location=/etc/trust.jks (CN=our authority)`; `None` if it leads to none.
pub(crate) fn of(settings: &TlsSettings, sent: &Sent<'_>) -> Result<Option<String>, TlsConfigError> {
    let Some(source) = &settings.trusted else {
        let (roots, words) = reading::roots_without_store(settings, &mut Vec::new())?;
        let found = roots
            .roots
            .iter()
            .find(|anchor| sent.leads_to(&RootCertStore { roots: vec![(*anchor).clone()] }));
        return Ok(found
            .map(|anchor| format!("one of {words} ({})", certificate::name_shown(anchor.subject.as_ref()))));
    };
    for entry in store::trusted_entries(source)? {
        let Some(authority) = entry.chain.first() else { continue };
        let itself = settings.trusted_directly && sent.chain.first() == Some(authority);
        let mut root = RootCertStore::empty();
        let mut signed = || root.add(authority.clone()).is_ok() && sent.leads_to(&root);
        if !(itself || signed()) {
            continue;
        }
        let named = entry.alias.map_or_else(String::new, |alias| format!("entry \"{}\" of ", shown(&alias)));
        let subject = crate::CertificateFacts::read(authority)
            .map_or_else(String::new, |facts| format!(" ({})", facts.subject()));
        let itself = if itself { ", which has this very certificate" } else { "" };
        return Ok(Some(format!("{named}{}{subject}{itself}", source.shown())));
    }
    Ok(None)
}

impl Sent<'_> {
    fn leads_to(&self, root: &RootCertStore) -> bool {
        let Some((own, others)) = self.chain.split_first() else { return false };
        ParsedCertificate::try_from(own).is_ok_and(|own| {
            verify_server_cert_signed_by_trust_anchor(&own, root, others, self.now, self.algorithms.all)
                .is_ok()
        })
    }
}
