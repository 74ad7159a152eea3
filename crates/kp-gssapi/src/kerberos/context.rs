//! A client's side of a Kerberos context: the token with the ticket, the proof of the service, and wrapped messages
//! (RFC 4121). Wrapped is what SASL needs: unchanged on the way, not secret.

use kerbcore::KerberosKey;
use kerbcore::client::{KU_AP_REP_ENC_PART, KU_AP_REQ_AUTH, parse_ap_rep, verify_ap_rep};
use kerbcore::gss::{
    TOK_ID_AP_REP, TOK_ID_AP_REQ, TOK_ID_KRB_ERROR, initial_context_token, parse_initial_context_token,
};
use kerbcore::messages::KrbError;
use kerbcore::types::Checksum;
use subtle::ConstantTimeEq as _;
use zeroize::Zeroizing;

use super::authenticator::{ApRequest, MUTUAL_REQUIRED};
use super::chance::{self, Chance};
use super::credential::Credential;
use super::error_code;
use super::moment::Moment;
use crate::KerberosFailure;

/// The checksum that carries what a client wants of the context (RFC 4121, 4.1.1).
const GSS_CHECKSUM: i32 = 0x8003;
const WANT_MUTUAL: u32 = 2;
const WANT_INTEGRITY: u32 = 32;
/// Wrapped messages: what they begin with, and their flags (RFC 4121, 4.2.2).
const WRAPPED: [u8; 2] = [5, 4];
const BY_ACCEPTOR: u8 = 1;
const SEALED: u8 = 2;
const ACCEPTOR_SUBKEY: u8 = 4;
const HEADER: usize = 16;
/// What the keys of wrapped messages are for (RFC 4121, 2).
const USAGE_ACCEPTOR: u32 = 22;
const USAGE_INITIATOR: u32 = 24;

const PROOF: &str = "proof that it is the service (AP-REP)";
const MESSAGE: &str = "wrapped message";

/// A context that was begun: the service has yet to prove itself.
#[derive(Debug)]
pub(crate) struct Begun {
    key: KerberosKey,
    now: Moment,
    sequence: u32,
}

/// A context with a service that has proved that it has the service's key.
#[derive(Debug)]
pub(crate) struct Established {
    key: KerberosKey,
    is_subkey: bool,
    sequence: u64,
}

impl Begun {
    /// Begins a context, and the token for the service.
    pub(crate) fn new(
        credential: &Credential,
        now: Moment,
        chance: Chance,
    ) -> Result<(Self, Vec<u8>), KerberosFailure> {
        let sequence = chance::number(chance)?;
        // The length of the channel's bindings, and sixteen zeros: there are none.
        let mut wants = vec![16, 0, 0, 0];
        wants.extend_from_slice(&[0; 16]);
        wants.extend_from_slice(&(WANT_MUTUAL | WANT_INTEGRITY).to_le_bytes());
        let request = ApRequest {
            credential,
            now,
            options: MUTUAL_REQUIRED,
            usage: KU_AP_REQ_AUTH,
            checksum: Checksum { cksumtype: GSS_CHECKSUM, checksum: wants },
            sequence: Some(sequence),
        };
        let token = initial_context_token(TOK_ID_AP_REQ, &request.encode(chance)?);
        Ok((Self { key: credential.key.clone(), now, sequence }, token))
    }

    /// The service's answer: it is believed if it could read the moment that only the holder of its key can.
    pub(crate) fn proved(self, token: &[u8]) -> Result<Established, KerberosFailure> {
        let bad = |problem: String| KerberosFailure::NotTheService { message: PROOF, problem };
        let (kind, inner) =
            parse_initial_context_token(token).map_err(|_| bad("is no token of Kerberos".to_owned()))?;
        if kind == TOK_ID_KRB_ERROR {
            return Err(bad(refusal(&inner)));
        }
        if kind != TOK_ID_AP_REP {
            return Err(bad("is a token of another kind".to_owned()));
        }
        let sealed = parse_ap_rep(&inner).map_err(|error| bad(format!("cannot be read: {error}")))?;
        if sealed.etype != self.key.enctype().to_i32() {
            return Err(bad("is encrypted with a key of another type".to_owned()));
        }
        let plain = self.key.decrypt(KU_AP_REP_ENC_PART, &sealed.cipher);
        let plain =
            plain.map_err(|_| bad("cannot be decrypted: it does not know the ticket's key".to_owned()))?;
        let plain = Zeroizing::new(plain);
        let micros = i32::try_from(self.now.micros).unwrap_or(0);
        let part = verify_ap_rep(&plain, &self.now.written(), micros).map_err(|_| {
            bad("does not repeat our moment: it is one for another client, or an old one".to_owned())
        })?;
        let (key, is_subkey) = match part.subkey {
            Some(key) => {
                let key = KerberosKey::from_i32(key.keytype, key.keyvalue);
                (key.map_err(|error| bad(format!("has a key in it that cannot be used: {error}")))?, true)
            }
            None => (self.key, false),
        };
        if super::etype::checksum_type(key.enctype()).is_none() {
            return Err(bad("has a key in it of a type that is not spoken".to_owned()));
        }
        Ok(Established { key, is_subkey, sequence: u64::from(self.sequence) })
    }
}

/// What a service says of a ticket that it does not take.
fn refusal(error: &[u8]) -> String {
    let Ok(error) = KrbError::decode(error) else { return "is an error that cannot be read".to_owned() };
    let words = error.e_text.unwrap_or_default();
    format!(
        "is the error {} ({}) {}",
        error_code::name(error.error_code),
        error.error_code,
        kp_protocol::text::shown(&words)
    )
}

impl Established {
    #[cfg(fuzzing)]
    pub(crate) fn with_key(key: KerberosKey) -> Self {
        Self { key, is_subkey: false, sequence: 0 }
    }

    /// Takes a wrapped message of the service apart.
    pub(crate) fn unwrap(&self, token: &[u8]) -> Result<Vec<u8>, KerberosFailure> {
        let bad =
            |problem: &str| KerberosFailure::NotTheService { message: MESSAGE, problem: problem.to_owned() };
        let (header, body) = token.split_first_chunk::<HEADER>().ok_or_else(|| bad("is too short"))?;
        let (extra, rotation) = ([header[4], header[5]], [header[6], header[7]]);
        if header[..2] != WRAPPED || header[3] != 0xff {
            return Err(bad("is no wrapped message"));
        }
        let flags = header[2];
        if flags & BY_ACCEPTOR == 0 || flags & SEALED != 0 || (flags & ACCEPTOR_SUBKEY != 0) != self.is_subkey
        {
            return Err(bad("is wrapped in another way than was agreed"));
        }
        let mut body = body.to_vec();
        if !body.is_empty() {
            let by = usize::from(u16::from_be_bytes(rotation)) % body.len();
            body.rotate_left(by);
        }
        let of_data = body.len().checked_sub(usize::from(u16::from_be_bytes(extra)));
        let checksum = body.split_off(of_data.ok_or_else(|| bad("is too short"))?);
        let right = self.key.checksum(USAGE_ACCEPTOR, &checked(&body, header));
        if !bool::from(right.as_slice().ct_eq(&checksum)) {
            return Err(bad("was changed on the way (its checksum is wrong)"));
        }
        Ok(body)
    }

    /// Wraps a message for the service.
    pub(crate) fn wrap(&mut self, data: &[u8]) -> Vec<u8> {
        let flags = if self.is_subkey { ACCEPTOR_SUBKEY } else { 0 };
        let mut token = vec![WRAPPED[0], WRAPPED[1], flags, 0xff, 0, 0, 0, 0];
        token.extend_from_slice(&self.sequence.to_be_bytes());
        self.sequence = self.sequence.wrapping_add(1);
        let mut header = [0; HEADER];
        header.copy_from_slice(&token);
        let checksum = self.key.checksum(USAGE_INITIATOR, &checked(data, &header));
        let length = u16::try_from(checksum.len()).unwrap_or(u16::MAX);
        token[4..6].copy_from_slice(&length.to_be_bytes());
        token.extend_from_slice(data);
        token.extend_from_slice(&checksum);
        token
    }
}

/// What the checksum of a wrapped message is over: the data, then the header as if nothing were appended or turned round.
fn checked(data: &[u8], header: &[u8; HEADER]) -> Vec<u8> {
    let mut all = data.to_vec();
    all.extend_from_slice(&header[..4]);
    all.extend_from_slice(&[0; 4]);
    all.extend_from_slice(&header[8..]);
    all
}
