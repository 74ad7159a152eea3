//! How connections are secured: put together when it is asked for, from what the network knows. Owns: the words. Never: a secret.

use crate::drive::link::Command;
use crate::observe::network_thread::{self, NetworkThread};
use crate::observe::question::Question;
use crate::shared::Shared;
use kp_network::{BrokerSecurity, CertificateSummary, NetworkSecurity, TokenFacts};
use std::fmt;
use std::sync::Arc;
use std::time::SystemTime;

const DAY: u64 = 24 * 60 * 60;

/// How the connections of a producer are secured. Printed, it has a line for each broker; no secret is in it.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct SecurityReport {
    /// Broker by broker, lowest id first: those of `bootstrap.servers` (-1, -2, …), until the cluster has told its own. Empty if
    /// the network thread has not answered.
    pub brokers: Vec<BrokerSecurity>,
    /// The certificate that is shown to brokers that ask for one: of `ssl.keystore.…` as the files were last read, or as the
    /// provider gave it last; `None` before a provider's first answer, and without either.
    pub own_certificate: Option<CertificateSummary>,
    /// The tokens of OAUTHBEARER, if a provider gives them.
    pub tokens: Option<TokenFacts>,
    /// When this was put together, by the producer's clock.
    pub taken_at: SystemTime,
    /// Whether the network thread has answered.
    pub network_thread: NetworkThread,
}

/// Asks the network thread, and waits half a second for it at most.
pub(crate) fn report(shared: &Shared) -> SecurityReport {
    put_together(shared, network_thread::asked(shared, ask))
}

fn ask(shared: &Shared) -> Arc<Question<NetworkSecurity>> {
    let question = Arc::new(Question::default());
    shared.link.tell(Command::Security(Arc::clone(&question)));
    question
}

fn put_together(shared: &Shared, network: Result<NetworkSecurity, NetworkThread>) -> SecurityReport {
    let network_thread = network.as_ref().err().copied().unwrap_or(NetworkThread::Answered);
    let network = network.unwrap_or_default();
    SecurityReport {
        brokers: network.brokers,
        own_certificate: network.own_certificate,
        tokens: network.tokens,
        taken_at: shared.clock.time_of_day(),
        network_thread,
    }
}

/// What there is to say of one broker at `now`, without its name.
pub(crate) fn line(broker: &BrokerSecurity, now: SystemTime) -> String {
    let mut parts = vec![broker.protocol.to_owned(), broker.state.to_string()];
    if let Some(encryption) = &broker.encryption {
        parts.push(format!("{} {}", encryption.protocol, encryption.cipher));
        parts.extend(encryption.certificate.as_ref().map(|certificate| {
            let names = &certificate.names;
            let whom = if names.is_empty() { certificate.subject.clone() } else { names.join(" ") };
            format!("certificate for {whom} ({})", validity(certificate, now))
        }));
    }
    match (&broker.mechanism, &broker.principal) {
        (Some(mechanism), Some(principal)) => parts.push(format!("{mechanism} as {principal}")),
        (Some(mechanism), None) => parts.push(mechanism.to_string()),
        (None, Some(principal)) => parts.push(format!("as {principal}")),
        (None, None) => {}
    }
    parts.extend(broker.session_ends_in.map(|left| format!("session ends in {left:.1?}")));
    if let Some(past) = &broker.last_failure {
        let what = if broker.refusal().is_some() { "refused" } else { "last failure" };
        parts.push(format!("{what} {:.1?} ago: {}", past.ago, past.failure));
    }
    parts.join(", ")
}

/// How long a certificate is valid.
fn validity(certificate: &CertificateSummary, now: SystemTime) -> String {
    if certificate.not_before > now {
        return "not valid yet: a clock that is wrong?".to_owned();
    }
    match certificate.not_after.duration_since(now) {
        Ok(left) if left.as_secs() >= 2 * DAY => format!("{} days left", left.as_secs() / DAY),
        Ok(left) => format!("{}h left", left.as_secs() / 3600),
        Err(_) => "expired".to_owned(),
    }
}

impl fmt::Display for SecurityReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut lines = Vec::new();
        if self.network_thread != NetworkThread::Answered {
            lines.push(self.network_thread.to_string());
        }
        let told = self.brokers.iter();
        lines.extend(
            told.map(|it| format!("broker {} at {}: {}", it.broker, it.address, line(it, self.taken_at))),
        );
        lines.extend(
            self.own_certificate
                .as_ref()
                .map(|own| format!("own certificate: {} ({})", own.subject, validity(own, self.taken_at))),
        );
        if let Some(tokens) = &self.tokens {
            let left = tokens.ends.map(|ends| ends.duration_since(self.taken_at).unwrap_or_default());
            let left = left.map_or_else(String::new, |left| format!(", the newest ends in {left:.1?}"));
            lines.push(format!(
                "tokens: {} given, {} not given{left}",
                tokens.refreshes, tokens.refreshes_failed
            ));
        }
        f.write_str(&lines.join("\n"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::BrokerId;
    use kp_network::{ConnectionEncryption, ConnectionState, PastFailure, SecurityFailure, SecurityStage};
    use std::time::Duration;

    const HOURS: fn(u64) -> Duration = |hours| Duration::from_secs(hours * 3600);

    fn certificate(left: Duration, now: SystemTime) -> CertificateSummary {
        CertificateSummary::new("CN=kafka", SystemTime::UNIX_EPOCH, now + left)
    }

    #[test]
    fn a_line_has_what_is_known_and_nothing_else() {
        let now = SystemTime::UNIX_EPOCH + HOURS(1_000_000);
        let mut broker = BrokerSecurity::new(BrokerId(1), "h:1", "SASL_SSL");
        assert_eq!(line(&broker, now), "SASL_SSL, not connected");
        let failure = Arc::new(SecurityFailure::new(SecurityStage::SaslToken, "PLAIN: no"));
        broker.last_failure = Some(PastFailure::new(failure, Duration::from_secs(2)));
        let refused = "SASL_SSL, not connected, refused 2.0s ago: SASL authentication failed: PLAIN: no";
        assert_eq!(line(&broker, now), refused);
        broker.state = ConnectionState::Ready;
        let mut encryption = ConnectionEncryption::new("TLSv1.3", "TLS_AES_128_GCM_SHA256");
        encryption.certificate = Some(certificate(HOURS(49), now));
        broker.encryption = Some(Arc::new(encryption));
        (broker.mechanism, broker.principal) = (Some("PLAIN".into()), Some("alice".into()));
        broker.session_ends_in = Some(Duration::from_secs(3));
        assert_eq!(
            line(&broker, now),
            "SASL_SSL, ready, TLSv1.3 TLS_AES_128_GCM_SHA256, certificate for CN=kafka (2 days left), PLAIN as alice, \
             session ends in 3.0s, last failure 2.0s ago: SASL authentication failed: PLAIN: no"
        );
    }

    #[test]
    fn a_certificate_is_said_to_be_over_early_and_not_yet_valid() {
        let now = SystemTime::UNIX_EPOCH + HOURS(1_000_000);
        assert_eq!(validity(&certificate(HOURS(47), now), now), "47h left");
        assert_eq!(validity(&certificate(HOURS(0), now), now + HOURS(1)), "expired");
        let early = CertificateSummary::new("CN=kafka", now + HOURS(1), now + HOURS(2));
        assert_eq!(validity(&early, now), "not valid yet: a clock that is wrong?");
    }
}
