//! The cases about delegation tokens (KIP-48): what a broker makes of one that it has given out. Apache Kafka 4.3.0 and 3.9.1
//! answer all of them alike. Which token it is comes from the caller, as only the broker can say.

use std::io;

use kp_protocol::ErrorCode;
use kp_sasl::{ScramHash, Secret};

use super::Wire;
use super::asking::{Asking, Checked, same};
use super::sasl::SaslCaseResult;
use super::sasl_probe::{SaslProbe, scram_of};

/// Who logs in, and how.
#[derive(Clone, Copy)]
struct Case {
    name: &'static str,
    hash: ScramHash,
    /// `None`: the id of the token.
    user: Option<&'static str>,
    /// `None`: the HMAC of the token.
    password: Option<&'static str>,
    /// Whether the client says that it has a token.
    says_token: bool,
    is_taken: bool,
}

const GOOD: Case = Case {
    name: "a delegation token logs in by SCRAM-SHA-256 for as long as it is good",
    hash: ScramHash::Sha256,
    user: None,
    password: None,
    says_token: true,
    is_taken: true,
};

const CASES: [Case; 6] = [
    GOOD,
    Case {
        name: "a delegation token logs in by SCRAM-SHA-512 for as long as it is good",
        hash: ScramHash::Sha512,
        ..GOOD
    },
    Case {
        name: "a delegation token with another HMAC is refused",
        password: Some("aG1hYw=="),
        is_taken: false,
        ..GOOD
    },
    Case {
        name: "an unknown delegation token is refused",
        user: Some("unheard-of"),
        is_taken: false,
        ..GOOD
    },
    Case {
        name: "a delegation token without the extension is no user",
        says_token: false,
        is_taken: false,
        ..GOOD
    },
    Case {
        name: "a user with the extension has no delegation token",
        user: Some("alice"),
        password: Some("alice-secret"),
        is_taken: false,
        ..GOOD
    },
];

/// Asks the listener behind `wire` every case about delegation tokens. It is one of [`Door::Login`](super::Door::Login), and
/// `id` and `hmac` are those of a token that it has given out, which is good for at least a minute more.
///
/// # Errors
/// The broker cannot be reached. What it answers wrong is no error, but a result.
pub fn run_delegation_on(wire: &mut dyn Wire, id: &str, hmac: &Secret) -> io::Result<Vec<SaslCaseResult>> {
    let mut results = Vec::new();
    for case in &CASES {
        wire.reconnect()?;
        let outcome = ask(SaslProbe { asking: Asking::new(wire) }, case, id, hmac);
        results.push(SaslCaseResult { name: case.name, outcome });
    }
    Ok(results)
}

fn ask(mut probe: SaslProbe<'_>, case: &Case, id: &str, hmac: &Secret) -> Checked {
    let password = case.password.map(Secret::from);
    let client = scram_of(case.hash, case.user.unwrap_or(id), password.as_ref().unwrap_or(hmac))?;
    let client = if case.says_token { client.with_delegation_token() } else { client };
    probe.handshake(1, case.hash.mechanism(), ErrorCode::NONE, true)?;
    let (code, lifetime_ms) = probe.play(client)?;
    if !case.is_taken {
        same("error code", code, ErrorCode::SASL_AUTHENTICATION_FAILED)?;
        return probe.asking.expect_closed();
    }
    same("error code", code, ErrorCode::NONE)?;
    same("a session that ends with the token", lifetime_ms > 0, true)?;
    probe.served()
}
