//! A failure of SASL as the network tells it: where it happened, and what to change.

use crate::{DisconnectReason, SecurityFailure, SecurityStage};
use kp_protocol::{ErrorCode, KafkaString};
use kp_sasl::{OfferedMechanisms, SaslFailure, SaslStage};
use std::sync::Arc;

/// There is nothing to authenticate with.
pub(crate) fn cannot_begin(failure: &SaslFailure) -> DisconnectReason {
    told(SecurityStage::Credentials, failure)
}

/// The broker has no way to authenticate a client that this one knows.
pub(crate) fn nothing_offered(failure: &SaslFailure) -> DisconnectReason {
    told(SecurityStage::SaslHandshake, failure)
}

/// An exchange failed that had come as far as `stage`.
pub(crate) fn failed(stage: SaslStage, failure: &SaslFailure) -> DisconnectReason {
    let stage = match stage {
        SaslStage::Created => SecurityStage::Credentials,
        SaslStage::Handshake => SecurityStage::SaslHandshake,
        _ => SecurityStage::SaslToken,
    };
    told(stage, failure)
}

/// A connection that was ready could not be authenticated again.
pub(crate) fn not_renewed(failure: &SaslFailure) -> DisconnectReason {
    told(SecurityStage::Reauthentication, failure)
}

/// A listener with SASL was met by a client without; it offers these mechanisms.
pub(crate) fn login_wanted(mechanisms: &[KafkaString], is_encrypted: bool) -> DisconnectReason {
    let offered = OfferedMechanisms::listed(mechanisms);
    let offers = if offered.total() == 0 { String::new() } else { format!("; it offers {offered}") };
    let words = format!("the listener wants a login, and this client has none{offers}");
    let advice = if is_encrypted {
        "set security.protocol=SASL_SSL and sasl.mechanism, with the credentials in sasl.jaas.config; or give the port of \
         a listener without SASL"
    } else {
        "set security.protocol=SASL_PLAINTEXT and sasl.mechanism, with the credentials in sasl.jaas.config; or give the \
         port of a listener without SASL"
    };
    let told = SecurityFailure::new(SecurityStage::Connection, words).with_advice(Some(advice));
    DisconnectReason::AuthenticationFailed(Arc::new(told))
}

/// Whether a connection ended since it could not be authenticated again.
pub(crate) fn is_not_renewed(reason: &DisconnectReason) -> bool {
    reason.security().is_some_and(|failure| failure.stage() == SecurityStage::Reauthentication)
}

fn told(stage: SecurityStage, failure: &SaslFailure) -> DisconnectReason {
    let told = SecurityFailure::new(stage, failure.to_string())
        .with_code(failure.code())
        .retriable(failure.is_retriable())
        .with_advice(advice(failure));
    DisconnectReason::AuthenticationFailed(Arc::new(told))
}

/// What to change, where the words of the failure do not name it.
fn advice(failure: &SaslFailure) -> Option<&'static str> {
    match failure {
        SaslFailure::Refused { code: ErrorCode::SASL_AUTHENTICATION_FAILED, .. }
        | SaslFailure::ClosedWithoutReason { .. }
        | SaslFailure::ServerError { .. } => Some("check user and password: sasl.jaas.config"),
        SaslFailure::WrongSignature { .. } => {
            Some("check the password: sasl.jaas.config; or another host answers in place of the broker")
        }
        SaslFailure::NoHandshake => Some("a listener without SASL? security.protocol"),
        _ => None,
    }
}
