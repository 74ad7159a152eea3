//! The broker's side for the tests: its answers, and SCRAM computed independently of the crate.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use hmac::{Hmac, KeyInit, Mac};
use kp_protocol::ErrorCode;
use kp_protocol::api::{SaslAuthenticateResponse, SaslHandshakeResponse};
use kp_sasl::{SaslFailure, SaslMechanism, SaslOutput, SaslStep, Work};
use sha2::{Digest, Sha256};

pub(crate) fn token_answer(token: &[u8]) -> SaslAuthenticateResponse {
    lasting(token, 0)
}

pub(crate) fn lasting(token: &[u8], session_lifetime_ms: i64) -> SaslAuthenticateResponse {
    SaslAuthenticateResponse {
        auth_bytes: Bytes::copy_from_slice(token),
        session_lifetime_ms,
        ..Default::default()
    }
}

pub(crate) fn refusal(code: ErrorCode, message: Option<&str>) -> SaslAuthenticateResponse {
    SaslAuthenticateResponse {
        error_code: code,
        error_message: message.map(Into::into),
        ..Default::default()
    }
}

pub(crate) fn mechanisms(code: ErrorCode, names: &[&str]) -> SaslHandshakeResponse {
    SaslHandshakeResponse {
        error_code: code,
        mechanisms: names.iter().map(|name| (*name).into()).collect(),
        ..Default::default()
    }
}

/// The token of a step that sends one.
pub(crate) fn sent(step: Result<SaslStep, SaslFailure>) -> Vec<u8> {
    match step.expect("the step is fine") {
        SaslStep::Send(token) => token.expose().to_vec(),
        other => panic!("sends nothing: {other:?}"),
    }
}

/// The work of a step that hands some out.
pub(crate) fn work(step: Result<SaslStep, SaslFailure>) -> Work {
    match step.expect("the step is fine") {
        SaslStep::Pending(work) => work,
        other => panic!("no work: {other:?}"),
    }
}

/// The token of an exchange's output.
pub(crate) fn token_of(output: Result<SaslOutput, SaslFailure>) -> Vec<u8> {
    match output.expect("the exchange goes on") {
        SaslOutput::Authenticate { token, .. } | SaslOutput::BareToken { token } => token.expose().to_vec(),
        other => panic!("no token: {other:?}"),
    }
}

/// The first failure of a mechanism that is told `answers` one after the other; work is run at once.
pub(crate) fn failure_of(mechanism: &mut dyn SaslMechanism, answers: &[&[u8]]) -> SaslFailure {
    let mut step = mechanism.step(None);
    let mut answers = answers.iter();
    loop {
        step = match step {
            Ok(SaslStep::Pending(work)) => mechanism.resume(work.run()),
            Ok(SaslStep::Send(_)) => mechanism.step(Some(answers.next().expect("there is one more answer"))),
            Ok(SaslStep::Done) => panic!("it was accepted"),
            Err(failure) => return failure,
        };
    }
}

/// A broker's side of SCRAM-SHA-256 that knows the password.
pub(crate) struct ScramBroker {
    pub(crate) password: &'static str,
    pub(crate) salt: &'static [u8],
    pub(crate) iterations: u32,
}

impl ScramBroker {
    /// What follows the client's nonce in the first answer.
    const NONCE: &str = "of-the-broker";

    pub(crate) fn first(&self, client_first: &[u8]) -> Vec<u8> {
        let text = std::str::from_utf8(client_first).expect("it is UTF-8");
        let nonce = text.split(',').find_map(|field| field.strip_prefix("r=")).expect("it has a nonce");
        let (salt, iterations) = (STANDARD.encode(self.salt), self.iterations);
        format!("r={nonce}{},s={salt},i={iterations}", Self::NONCE).into_bytes()
    }

    /// The last answer, after the proof was checked.
    pub(crate) fn last(&self, client_first: &[u8], client_final: &[u8]) -> Vec<u8> {
        let bare = std::str::from_utf8(client_first).expect("UTF-8").strip_prefix("n,,").expect("no binding");
        let client_final = std::str::from_utf8(client_final).expect("it is UTF-8");
        let (without_proof, proof) = client_final.split_once(",p=").expect("it has a proof");
        let first = String::from_utf8(self.first(client_first)).expect("it is UTF-8");
        let transcript = format!("{bare},{first},{without_proof}");

        let salted = self.salted_password();
        let stored_key = Sha256::digest(hmac(&salted, b"Client Key"));
        let signature = hmac(&stored_key, transcript.as_bytes());
        let proof = STANDARD.decode(proof).expect("it is base64");
        let client_key: Vec<u8> = proof.iter().zip(&signature).map(|(a, b)| a ^ b).collect();
        assert_eq!(Sha256::digest(client_key)[..], stored_key[..], "the proof is wrong");
        let signature = hmac(&hmac(&salted, b"Server Key"), transcript.as_bytes());
        format!("v={}", STANDARD.encode(signature)).into_bytes()
    }

    fn salted_password(&self) -> Vec<u8> {
        let mut last = hmac(self.password.as_bytes(), &[self.salt, &[0, 0, 0, 1]].concat());
        let mut sum = last.clone();
        for _ in 1..self.iterations {
            last = hmac(self.password.as_bytes(), &last);
            sum.iter_mut().zip(&last).for_each(|(sum, byte)| *sum ^= byte);
        }
        sum
    }
}

fn hmac(key: &[u8], text: &[u8]) -> Vec<u8> {
    let mac = Hmac::<Sha256>::new_from_slice(key).expect("any key will do");
    mac.chain_update(text).finalize().into_bytes().to_vec()
}
