//! The name of a broker, as certificates have it.

use kp_protocol::text::shown;
use rustls::pki_types::ServerName;

/// The broker's name as a certificate has it; or why it cannot be in one.
pub(crate) fn server_name(host: &str) -> Result<ServerName<'static>, String> {
    let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
    ServerName::try_from(bare.to_owned()).map_err(|_| {
        let why = if bare.is_ascii() {
            "no certificate can be for it"
        } else {
            "a certificate has such a name in its ASCII form, which begins with xn--; use that"
        };
        format!("the host name {:?} cannot be checked: {why}", shown(bare))
    })
}
