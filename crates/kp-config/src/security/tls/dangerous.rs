//! What makes connections less safe: only by calls, and by a name that stands out.

use super::Tls;

/// See [`Tls::dangerous`].
///
/// ```
/// use kp_config::Tls;
/// let tls = Tls::new().dangerous().accept_any_name();
/// assert!(!tls.checks_names() && tls.checks_certificates());
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use = "it is nothing before one of its calls"]
pub struct DangerousTls(Tls);

impl DangerousTls {
    pub(super) fn over(tls: Tls) -> Self {
        Self(tls)
    }

    /// Takes a broker's certificate although it is for another host (`ssl.endpoint.identification.algorithm=`): any host with a
    /// certificate of a trusted authority can play the broker.
    #[must_use]
    pub fn accept_any_name(mut self) -> Tls {
        self.0.checks_names = false;
        self.0
    }

    /// Takes any certificate, of any authority, for any host, at any time: any host on the way can play the broker, and
    /// read and change everything. No key of the configuration does this.
    #[must_use]
    pub fn accept_any_certificate(mut self) -> Tls {
        self.0.checks_names = false;
        self.0.checks_certificates = false;
        self.0
    }
}
