//! Carries out the cases about logins over a [`Wire`].

use std::io;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;
use kp_protocol::api::{
    ApiVersionsRequest, ApiVersionsResponse, MetadataRequest, MetadataRequestTopic, SaslAuthenticateRequest,
    SaslHandshakeRequest, SaslHandshakeResponse,
};
use kp_protocol::{ApiKey, ErrorCode, KafkaString, decode_response_header};
use kp_sasl::{SaslMechanism as _, SaslStep as ClientStep, Scram, ScramHash, ScramNonce, Secret};

use super::asking::{Asking, Checked, same};
use super::sasl::{Door, SaslCase, SaslCaseResult, SaslStep, Token, TokenAnswer};
use super::{Wire, sasl_cases};

/// The version of Metadata that shows whether a connection is open.
const METADATA: i16 = 9;

/// Asks the listener behind `wire` every case that is for `door`.
///
/// # Errors
/// The broker cannot be reached. What it answers wrong is no error, but a result.
pub fn run_sasl_on(wire: &mut dyn Wire, door: Door) -> io::Result<Vec<SaslCaseResult>> {
    let mut results = Vec::new();
    for case in sasl_cases().into_iter().filter(|case| case.door == door) {
        wire.reconnect()?;
        let outcome = SaslProbe { asking: Asking::new(wire) }.run(&case);
        results.push(SaslCaseResult { name: case.name, outcome });
    }
    Ok(results)
}

pub(super) struct SaslProbe<'a> {
    pub(super) asking: Asking<'a>,
}

impl SaslProbe<'_> {
    fn run(mut self, case: &SaslCase) -> Checked {
        for (number, step) in (1..).zip(&case.steps) {
            self.step(step).map_err(|difference| format!("step {number} ({step:?}): {difference}"))?;
        }
        Ok(())
    }

    fn step(&mut self, step: &SaslStep) -> Checked {
        match step {
            SaslStep::Versions { version, software, code } => self.versions(*version, software, *code),
            SaslStep::Handshake { version, mechanism, code, lists } => {
                self.handshake(*version, mechanism, *code, *lists)
            }
            SaslStep::Token { version, token, answer } => self.token(*version, *token, *answer),
            SaslStep::BareToken(token) => {
                let bytes = self.bytes_of(*token);
                self.asking.send(Bytes::from(framed(&bytes)))?;
                same("an empty frame", self.receive()?, Some(Bytes::new()))
            }
            SaslStep::Scram { hash, user, password, code } => self.scram(*hash, user, password, *code),
            SaslStep::Served => self.served(),
            SaslStep::ServedThenHandshake => self.served_then_handshake(),
            SaslStep::ServedNoMore => {
                self.asking.send_request(METADATA, &no_topics())?;
                match self.receive()? {
                    Some(_) => self.asking.expect_closed(),
                    None => self.asking.wire.reconnect().map_err(|error| error.to_string()),
                }
            }
            SaslStep::RefusedNoMore(code) => {
                let topic = MetadataRequestTopic { name: Some("t".into()), ..Default::default() };
                let request = MetadataRequest { topics: Some(vec![topic]), ..Default::default() };
                let answer = self.asking.ask(METADATA, &request)?;
                let codes: Vec<_> = answer.topics.iter().map(|topic| topic.error_code).collect();
                same("error codes", codes, vec![*code])?;
                self.asking.expect_closed()
            }
            SaslStep::ClosedOn(bytes) => {
                self.asking.send(Bytes::from_static(bytes))?;
                self.asking.expect_closed()
            }
            SaslStep::ClosedOnHandshake(version) => self.closed_on_handshake(*version),
            SaslStep::Closed => self.asking.expect_closed(),
            SaslStep::Wait(ms) => {
                let until = self.asking.wire.timestamp_ms() + ms;
                while self.asking.wire.timestamp_ms() < until {
                    self.asking.wire.pause();
                }
                Ok(())
            }
        }
    }

    pub(super) fn handshake(
        &mut self,
        version: i16,
        mechanism: &str,
        code: ErrorCode,
        lists: bool,
    ) -> Checked {
        let request = SaslHandshakeRequest { mechanism: mechanism.into(), ..Default::default() };
        let answer = self.asking.ask(version, &request)?;
        handshake_is(&answer, code, lists)
    }

    pub(super) fn served(&mut self) -> Checked {
        self.asking.ask(METADATA, &no_topics()).map(drop)
    }

    fn versions(&mut self, version: i16, software: &'static str, code: ErrorCode) -> Checked {
        let request = ApiVersionsRequest {
            client_software_name: software.into(),
            client_software_version: KafkaString::from_static("1"),
            ..Default::default()
        };
        let known = version.min(ApiKey::ApiVersions.versions().max);
        let frame = with_version(&self.asking.encode(known, &request)?, version);
        self.asking.send(frame)?;
        let answered_in = if code == ErrorCode::UNSUPPORTED_VERSION { 0 } else { known };
        let expected = self.asking.correlation_id;
        let answer = self.asking.answer_as::<ApiVersionsResponse>(answered_in, expected)?;
        same("error code", answer.error_code, code)
    }

    fn closed_on_handshake(&mut self, version: i16) -> Checked {
        let request = SaslHandshakeRequest { mechanism: "PLAIN".into(), ..Default::default() };
        let frame = with_version(&self.asking.encode(1, &request)?, version);
        self.asking.send(frame)?;
        self.asking.expect_closed()
    }

    fn token(&mut self, version: i16, token: Token, expected: TokenAnswer) -> Checked {
        let auth_bytes = self.bytes_of(token).into();
        let request = SaslAuthenticateRequest { auth_bytes, ..Default::default() };
        let correlation_id = self.asking.send_request(version, &request)?;
        if expected == TokenAnswer::Closed {
            return self.asking.expect_closed();
        }
        let answer = self.asking.answer::<SaslAuthenticateRequest>(version, correlation_id)?;
        let text = answer.error_message.as_ref().map_or("", |text| text.as_str());
        match expected {
            TokenAnswer::In(at_most_ms) => {
                same("error code", answer.error_code, ErrorCode::NONE)?;
                same("token", &answer.auth_bytes[..], b"")?;
                let session_ms = answer.session_lifetime_ms;
                let least = if at_most_ms == 0 { 0 } else { at_most_ms / 2 };
                same("a session of that length", (least..=at_most_ms).contains(&session_ms), true)
                    .map_err(|difference| format!("{difference}: {session_ms} ms"))
            }
            TokenAnswer::Challenge(bytes) => {
                same("error code", answer.error_code, ErrorCode::NONE)?;
                same("token", &answer.auth_bytes[..], bytes)
            }
            TokenAnswer::Refused(code, words) => {
                same("error code", answer.error_code, code)?;
                same("the words", text.starts_with(words), true)
                    .map_err(|difference| format!("{difference}: {text:?}"))
            }
            TokenAnswer::Closed => Ok(()),
        }
    }

    fn scram(&mut self, hash: ScramHash, user: &str, password: &str, code: ErrorCode) -> Checked {
        let (answered, _) = self.play(scram_of(hash, user, &Secret::from(password))?)?;
        same("error code", answered, code)
    }

    /// A whole exchange: how it ended, and for how many milliseconds. The client is the one that users have; what it is given
    /// to read comes from the broker that is judged.
    pub(super) fn play(&mut self, mut client: Scram) -> Checked<(ErrorCode, i64)> {
        let (mut challenge, mut lifetime_ms): (Option<Bytes>, i64) = (None, 0);
        loop {
            let mut step = client.step(challenge.as_deref()).map_err(|error| error.to_string())?;
            while let ClientStep::Pending(work) = step {
                step = client.resume(work.run()).map_err(|error| error.to_string())?;
            }
            let ClientStep::Send(token) = step else { return Ok((ErrorCode::NONE, lifetime_ms)) };
            let request = SaslAuthenticateRequest { auth_bytes: token.into_bytes(), ..Default::default() };
            let answer = self.asking.ask(2, &request)?;
            if !answer.error_code.is_ok() {
                return Ok((answer.error_code, 0));
            }
            lifetime_ms = answer.session_lifetime_ms;
            challenge = Some(answer.auth_bytes);
        }
    }

    fn served_then_handshake(&mut self) -> Checked {
        let first = self.asking.encode(METADATA, &no_topics())?;
        let served = self.asking.correlation_id;
        let request = SaslHandshakeRequest { mechanism: "PLAIN".into(), ..Default::default() };
        let second = self.asking.encode(1, &request)?;
        let shaken = self.asking.correlation_id;
        self.asking.send(Bytes::from([first, second].concat()))?;
        let frame = self.receive()?.ok_or("the connection was closed")?;
        let (answered, _) =
            decode_response_header(ApiKey::Metadata, METADATA, &frame).map_err(|error| error.to_string())?;
        same("correlation id", answered, served)?;
        let answer = self.asking.answer_as::<SaslHandshakeResponse>(1, shaken)?;
        handshake_is(&answer, ErrorCode::NONE, true)
    }

    fn receive(&mut self) -> Checked<Option<Bytes>> {
        self.asking.wire.receive().map_err(|error| format!("no answer: {error}"))
    }

    fn bytes_of(&self, token: Token) -> Vec<u8> {
        match token {
            Token::Bytes(bytes) => bytes.to_vec(),
            Token::Long(size) => [b"\0alice\0".as_slice(), &vec![b'a'; size]].concat(),
            Token::Bearer { subject, ends_in_s, extensions } => {
                let now_s = self.asking.wire.timestamp_ms() / 1000;
                let (issued_s, ends_s) = (now_s + ends_in_s.min(0) - 60, now_s + ends_in_s);
                let claims = format!(r#"{{"sub":"{subject}","iat":{issued_s},"exp":{ends_s}}}"#);
                let [header, claims] =
                    [r#"{"alg":"none"}"#, &claims].map(|text| URL_SAFE_NO_PAD.encode(text));
                format!("n,,\x01auth=Bearer {header}.{claims}.\x01{extensions}\x01").into_bytes()
            }
        }
    }
}

/// A client of SCRAM with the same nonce each time.
pub(super) fn scram_of(hash: ScramHash, user: &str, password: &Secret) -> Checked<Scram> {
    let nonce = ScramNonce::fixed("fyko+d2lbbFgONRv9qkxdawL").map_err(|error| error.to_string())?;
    Scram::new(hash, user, password, nonce).map_err(|error| error.to_string())
}

fn handshake_is(answer: &SaslHandshakeResponse, code: ErrorCode, lists: bool) -> Checked {
    same("error code", answer.error_code, code)?;
    let mut names: Vec<&str> = answer.mechanisms.iter().map(|name| name.as_str()).collect();
    names.sort_unstable();
    let all = vec!["OAUTHBEARER", "PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"];
    same("mechanisms", names, if lists { all } else { Vec::new() })
}

fn no_topics() -> MetadataRequest {
    MetadataRequest { topics: Some(Vec::new()), ..Default::default() }
}

fn framed(bytes: &[u8]) -> Vec<u8> {
    [&(bytes.len() as u32).to_be_bytes()[..], bytes].concat()
}

/// The frame, claiming another version.
fn with_version(frame: &[u8], version: i16) -> Bytes {
    let mut frame = frame.to_vec();
    frame[6..8].copy_from_slice(&version.to_be_bytes());
    Bytes::from(frame)
}
