//! SCRAM as a broker speaks it (RFC 5802, 3; SE11–SE13). Written apart from the client's side in kp-sasl, so that a mistake
//! in one of them is not made good by the same mistake in the other.
//! Owns: the server's two messages, and what is kept of a password. Never: a clock, randomness.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use hmac::{Hmac, KeyInit, Mac};
use kp_sasl::ScramHash;
use sha2::{Digest, Sha256, Sha512};

use super::verdict::Verdict;

/// What a broker keeps of a password.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct ScramCredential {
    salt: Vec<u8>,
    iterations: u32,
    stored_key: Vec<u8>,
    server_key: Vec<u8>,
}

impl ScramCredential {
    pub(super) fn derive(hash: ScramHash, password: &[u8], salt: &[u8], iterations: u32) -> Self {
        let salted = salted_password(hash, password, salt, iterations);
        let stored_key = digest(hash, &hmac(hash, &salted, b"Client Key"));
        let server_key = hmac(hash, &salted, b"Server Key");
        Self { salt: salt.to_vec(), iterations, stored_key, server_key }
    }

    /// Whether the proof shows that the client knows the password.
    fn is_proven(&self, hash: ScramHash, transcript: &str, proof: &[u8]) -> bool {
        let signature = hmac(hash, &self.stored_key, transcript.as_bytes());
        let client_key: Vec<u8> = signature.iter().zip(proof).map(|(left, right)| left ^ right).collect();
        proof.len() == signature.len() && digest(hash, &client_key) == self.stored_key
    }
}

/// Who a client says it is: a user, or the id of a delegation token (`tokenauth=true`).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Login {
    pub(super) name: String,
    pub(super) is_token: bool,
}

/// Whom a broker knows behind a login.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Known {
    pub(super) credential: ScramCredential,
    pub(super) principal: String,
    /// When a delegation token ends, in milliseconds since the Unix epoch.
    pub(super) ends_at_ms: Option<i64>,
}

/// The server's side of one exchange.
#[derive(Clone, Debug)]
pub(super) struct ScramServer {
    hash: ScramHash,
    /// The server's part of the nonce.
    nonce: String,
    stage: Stage,
}

#[derive(Clone, Debug)]
enum Stage {
    First,
    Final {
        known: Known,
        /// base64 of the header in front of the client's first message.
        channel: String,
        nonce: String,
        /// Both first messages, with a comma behind each.
        transcript: String,
    },
    Over,
}

impl ScramServer {
    pub(super) fn new(hash: ScramHash, nonce: String) -> Self {
        Self { hash, nonce, stage: Stage::First }
    }

    /// Judges the next token; `find` looks a login up.
    pub(super) fn judge(&mut self, token: &[u8], find: impl FnOnce(&Login) -> Option<Known>) -> Verdict {
        let stage = std::mem::replace(&mut self.stage, Stage::Over);
        let verdict = std::str::from_utf8(token).ok().and_then(|text| match stage {
            Stage::First => self.first(text, find),
            Stage::Final { known, channel, nonce, transcript } => {
                self.last(text, known, &format!("c={channel},r={nonce}"), &transcript)
            }
            Stage::Over => None,
        });
        verdict.unwrap_or_else(|| Verdict::invalid_credentials(self.hash.mechanism()))
    }

    /// `n,[a=…],n=<user>,r=<nonce>[,…]`.
    fn first(&mut self, text: &str, find: impl FnOnce(&Login) -> Option<Known>) -> Option<Verdict> {
        let mut parts = text.splitn(3, ',');
        let (binding, authorization, bare) = (parts.next()?, parts.next()?, parts.next()?);
        let mut fields = bare.split(',');
        let name = fields.next()?.strip_prefix("n=")?.replace("=2C", ",").replace("=3D", "=");
        let client_nonce = fields.next()?.strip_prefix("r=").filter(|nonce| !nonce.is_empty())?;
        if !matches!(binding, "n" | "y") || !matches!(authorization.strip_prefix("a="), None | Some("")) {
            return None;
        }
        let is_token = fields.any(|extension| extension == "tokenauth=true");
        let known = find(&Login { name, is_token })?;
        let nonce = format!("{client_nonce}{}", self.nonce);
        let salt = STANDARD.encode(&known.credential.salt);
        let answer = format!("r={nonce},s={salt},i={}", known.credential.iterations);
        let channel = STANDARD.encode(format!("{binding},{authorization},"));
        let transcript = format!("{bare},{answer},");
        self.stage = Stage::Final { known, channel, nonce, transcript };
        Some(Verdict::Challenge(answer.into_bytes()))
    }

    /// `c=<channel>,r=<nonce>[,…],p=<proof>`.
    fn last(&self, text: &str, known: Known, beginning: &str, transcript: &str) -> Option<Verdict> {
        let Known { credential, principal, ends_at_ms } = known;
        let (without_proof, proof) = text.rsplit_once(",p=")?;
        let rest = without_proof.strip_prefix(beginning)?;
        let proof = STANDARD.decode(proof).ok()?;
        let transcript = format!("{transcript}{without_proof}");
        if !(rest.is_empty() || rest.starts_with(','))
            || !credential.is_proven(self.hash, &transcript, &proof)
        {
            return None;
        }
        let signature = hmac(self.hash, &credential.server_key, transcript.as_bytes());
        let token = format!("v={}", STANDARD.encode(signature)).into_bytes();
        Some(Verdict::Accepted { token, principal, ends_at_ms })
    }
}

/// The server's first message with another number of iterations; `None` if it is none.
pub(super) fn with_iterations(first: &[u8], asked: i64) -> Option<Bytes> {
    let (rest, _) = std::str::from_utf8(first).ok()?.rsplit_once(",i=")?;
    Some(format!("{rest},i={asked}").into())
}

/// A salt that belongs to a user and a seed.
pub(super) fn salt_of(seed: u64, user: &str) -> Vec<u8> {
    hmac(ScramHash::Sha256, &seed.to_be_bytes(), user.as_bytes())[..16].to_vec()
}

fn hmac(hash: ScramHash, key: &[u8], text: &[u8]) -> Vec<u8> {
    match hash {
        ScramHash::Sha256 => keyed::<Hmac<Sha256>>(key).chain_update(text).finalize().into_bytes().to_vec(),
        ScramHash::Sha512 => keyed::<Hmac<Sha512>>(key).chain_update(text).finalize().into_bytes().to_vec(),
    }
}

fn keyed<M: KeyInit>(key: &[u8]) -> M {
    M::new_from_slice(key).expect("HMAC takes a key of any length")
}

fn digest(hash: ScramHash, text: &[u8]) -> Vec<u8> {
    match hash {
        ScramHash::Sha256 => Sha256::digest(text).to_vec(),
        ScramHash::Sha512 => Sha512::digest(text).to_vec(),
    }
}

fn salted_password(hash: ScramHash, password: &[u8], salt: &[u8], iterations: u32) -> Vec<u8> {
    let mut last = hmac(hash, password, &[salt, &1u32.to_be_bytes()].concat());
    let mut sum = last.clone();
    for _ in 1..iterations {
        last = hmac(hash, password, &last);
        sum.iter_mut().zip(&last).for_each(|(byte, other)| *byte ^= other);
    }
    sum
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_exchange_is_that_of_rfc_7677() {
        let salt = STANDARD.decode("W22ZaJ0SNY7soEsUEjb6gQ==").unwrap();
        let credential = ScramCredential::derive(ScramHash::Sha256, b"pencil", &salt, 4096);
        let nonce = "%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0".to_owned();
        let mut server = ScramServer::new(ScramHash::Sha256, nonce);
        let known = Known { credential, principal: "user".to_owned(), ends_at_ms: None };
        let user = Login { name: "user".to_owned(), is_token: false };
        let find = |login: &Login| (*login == user).then_some(known);
        let answer = server.judge(b"n,,n=user,r=rOprNGfwEbeRWgbNEkqO", find);
        let first = "r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096";
        assert_eq!(answer, Verdict::Challenge(first.into()));
        let last = "c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,\
                    p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=";
        let token = b"v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=".to_vec();
        let accepted = Verdict::Accepted { token, principal: "user".to_owned(), ends_at_ms: None };
        assert_eq!(server.clone().judge(last.as_bytes(), |_| None), accepted);
        let wrong = last.replace("dHz", "eHz");
        assert!(matches!(server.judge(wrong.as_bytes(), |_| None), Verdict::Refused(_)));
    }
}
