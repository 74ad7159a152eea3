//! How the connections of a run were secured, as JSON for a program (`--json`).
//! Pure. No secret is in it.

use std::time::{SystemTime, UNIX_EPOCH};

use kp_producer::{BrokerSecurity, CertificateSummary, SecurityReport};
use serde_json::{Value, json};

/// `summary`, and beside what it says, as `security`, an object for each broker.
pub(crate) fn beside(mut summary: Value, report: Option<&SecurityReport>) -> Value {
    summary["security"] = report.map(|report| report.brokers.iter().map(broker).collect::<Value>()).into();
    summary
}

fn broker(broker: &BrokerSecurity) -> Value {
    json!({
        "broker": broker.broker.0,
        "address": &*broker.address,
        "protocol": broker.protocol,
        "state": broker.state.to_string(),
        "tls": broker.encryption.as_ref().map(|encryption| json!({
            "version": encryption.protocol,
            "cipher": &*encryption.cipher,
            "resumed": encryption.is_resumed,
            "client_certificate": encryption.shows_certificate,
            "certificate": encryption.certificate.as_ref().map(certificate),
        })),
        "mechanism": broker.mechanism.as_deref(),
        "principal": broker.principal.as_deref(),
        "session_ends_in_seconds": broker.session_ends_in.map(|left| left.as_secs()),
        "last_failure": broker.last_failure.as_ref().map(|past| past.failure.to_string()),
    })
}

fn certificate(certificate: &CertificateSummary) -> Value {
    json!({
        "subject": certificate.subject,
        "names": certificate.names,
        "not_before": seconds(certificate.not_before),
        "not_after": seconds(certificate.not_after),
    })
}

/// Since 1970.
fn seconds(time: SystemTime) -> u64 {
    time.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs()
}
