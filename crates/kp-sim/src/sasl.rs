//! SASL as a broker speaks it (KIP-43, KIP-152, KIP-368; SE1–SE22): which requests a connection may send, SaslHandshake,
//! SaslAuthenticate, bare tokens, and how long a session lasts.
//! Differs from Kafka in one thing: of the requests that come between the handshake and the last token, Metadata, ApiVersions
//! and InitProducerId alone are answered with an error before the connection closes; Kafka answers any.

mod delegation;
mod door;
mod msk_iam;
mod oauth;
mod plain;
mod scram;
mod settings;
mod verdict;

use std::time::{Duration, Instant};

use bytes::Bytes;
use kp_protocol::api::{
    SaslAuthenticateRequest, SaslAuthenticateResponse, SaslHandshakeRequest, SaslHandshakeResponse,
};
use kp_protocol::{ApiKey, BrokerId, ErrorCode, KafkaString, ReceivedHeader};
use kp_sasl::Secret;

pub(crate) use door::Doors;
use door::{Exchange, Session};
pub use settings::{SaslSettings, SimMechanism};
use verdict::Verdict;

use crate::SimCluster;
use crate::faults::SaslFault;
use crate::reply::{Moment, Reply};
use crate::waiting::{Waiting, WaitingRefusal};

/// Brokers refuse to authenticate a connection anew more often (SE21).
const SHORTEST_INTERVAL: Duration = Duration::from_secs(1);

/// A broker reads no larger frame before the login is over (`sasl.server.max.receive.size`; SE40).
const LARGEST_FRAME: usize = 512 << 10;

/// What a token came to.
enum Outcome {
    /// This goes to the client; the lifetime is in milliseconds, 0 for none.
    Answer { token: Bytes, lifetime_ms: i64 },
    /// The exchange is over, and so is the connection.
    Refused { message: Option<String>, delay: Duration },
}

impl SimCluster {
    /// From now on clients have to log in like this, or need not (`None`). Connections live on; those that have not logged in
    /// are closed on with their next request.
    pub fn set_sasl(&mut self, sasl: Option<SaslSettings>) {
        self.settings.sasl = sasl;
    }

    /// Changes the password of a user of PLAIN and SCRAM, or takes the user away. Sessions last until they end. Does
    /// nothing if the cluster has no SASL.
    pub fn set_password(&mut self, user: &str, password: Option<Secret>) {
        if let Some(sasl) = &mut self.settings.sasl {
            sasl.set_password(user, password);
            self.doors.forget_credentials(user);
        }
    }

    /// Changes a key of AWS (its secret, and whose it is), or takes it away. Sessions last until they end. Does nothing if the
    /// cluster has no SASL.
    pub fn set_aws_key(&mut self, id: &str, key: Option<(Secret, String)>) {
        if let Some(sasl) = &mut self.settings.sasl {
            sasl.set_aws_key(id, key);
        }
    }

    /// Gives out a delegation token, or takes it away (`None`). Sessions last until they end. Does nothing if the cluster has
    /// no SASL.
    pub fn set_delegation_token(&mut self, id: &str, token: Option<(Secret, String, i64)>) {
        if let Some(sasl) = &mut self.settings.sasl {
            sasl.set_delegation_token(id, token);
            self.doors.forget_credentials(id);
        }
    }

    /// Who the client on a connection is, once it has authenticated.
    #[must_use]
    pub fn principal(&self, connection: u64) -> Option<&str> {
        self.doors.principal(connection)
    }

    /// Whether a connection that sends this is closed on: it has not authenticated, is about to, or its session has
    /// ended. A handshake is taken all the same (SE2, SE20, SE22).
    pub(crate) fn is_barred(&mut self, at: Moment, connection: u64, api: ApiKey) -> bool {
        if self.settings.sasl.is_none() || matches!(api, ApiKey::SaslHandshake | ApiKey::SaslAuthenticate) {
            return false;
        }
        let door = self.doors.door(connection);
        let may_ask = api == ApiKey::ApiVersions && door.may_ask_versions();
        !may_ask && !door.is_open(at.now)
    }

    /// What a request is answered that may not be sent now: nothing, or, between the handshake and the last token, its
    /// own `answer`, after the delay of a refusal. The connection closes (SE20).
    pub(crate) fn barred(&self, now: Instant, connection: u64, answer: Option<Reply>) -> Reply {
        match (answer, &self.settings.sasl) {
            (Some(Reply::Answer(last_word)), Some(sasl)) if self.doors.is_in_exchange(connection) => {
                delayed(now, sasl.failure_delay(), Some(last_word))
            }
            _ => Reply::Close,
        }
    }

    pub(crate) fn sasl_handshake(
        &mut self,
        at: Moment,
        connection: u64,
        header: &ReceivedHeader,
        request: &SaslHandshakeRequest,
    ) -> Reply {
        let listed = |error_code, names: Vec<KafkaString>| {
            Reply::to(header, &SaslHandshakeResponse { error_code, mechanisms: names, ..Default::default() })
        };
        let Some(sasl) = &self.settings.sasl else {
            return listed(ErrorCode::ILLEGAL_SASL_STATE, Vec::new());
        };
        let door = self.doors.door(connection);
        if door.exchange.is_some() {
            return listed(ErrorCode::ILLEGAL_SASL_STATE, Vec::new()).and_close();
        }
        let former = door.session.as_ref().map(|session| (session.mechanism, session.ends.is_some()));
        if let Some((_, may_renew)) = former {
            let is_too_soon =
                door.renewal_began.is_some_and(|began| at.now.duration_since(began) < SHORTEST_INTERVAL);
            if !may_renew || is_too_soon {
                return listed(ErrorCode::ILLEGAL_SASL_STATE, Vec::new());
            }
            door.renewal_began = Some(at.now);
        }
        let refusal = self.faults.sasl(|fault| match fault {
            SaslFault::RefuseHandshake { code, mechanisms } => Some((*code, mechanisms.clone())),
            _ => None,
        });
        if let Some((code, mechanisms)) = refusal {
            return listed(code, mechanisms.iter().map(|name| name.as_str().into()).collect()).and_close();
        }
        let names = sasl.names().map(KafkaString::from).collect();
        let Some(mechanism) = sasl.mechanism(&request.mechanism) else {
            return listed(ErrorCode::UNSUPPORTED_SASL_MECHANISM, names).and_close();
        };
        // Kafka answers that all is well, and closes when a token comes.
        let is_changed = former.is_some_and(|(former, _)| former != mechanism);
        let server = (!is_changed).then(|| self.doors.server(mechanism));
        let exchange = Exchange { mechanism, is_bare: header.version == 0, tokens: 0, server };
        self.doors.door(connection).exchange = Some(exchange);
        listed(ErrorCode::NONE, names)
    }

    pub(crate) fn sasl_authenticate(
        &mut self,
        at: Moment,
        (broker, connection): (BrokerId, u64),
        header: &ReceivedHeader,
        request: &SaslAuthenticateRequest,
    ) -> Reply {
        let Some(exchange) = self.doors.door(connection).exchange.take() else {
            let is_served = self.settings.sasl.is_none() || self.doors.door(connection).session.is_some();
            let words = "SaslAuthenticate request received after successful authentication";
            let code = ErrorCode::ILLEGAL_SASL_STATE;
            return if is_served { refusal(header, code, Some(words)) } else { Reply::Close };
        };
        match self.next_token(at, (broker, connection), exchange, &request.auth_bytes) {
            None => Reply::Close,
            Some(Outcome::Answer { token, lifetime_ms }) => {
                // The first version cannot tell a lifetime; the session ends all the same (SE18).
                let session_lifetime_ms = if header.version == 0 { 0 } else { lifetime_ms };
                let answer =
                    SaslAuthenticateResponse { auth_bytes: token, session_lifetime_ms, ..Default::default() };
                Reply::to(header, &answer)
            }
            Some(Outcome::Refused { message, delay }) => {
                let code = ErrorCode::SASL_AUTHENTICATION_FAILED;
                match refusal(header, code, message.as_deref()) {
                    Reply::Answer(last_word) => delayed(at.now, delay, Some(last_word)),
                    other => other,
                }
            }
        }
    }

    /// Whether a frame is larger than a client may send that has not authenticated.
    pub(crate) fn is_too_large_for_a_login(&mut self, at: Moment, connection: u64, size: usize) -> bool {
        size > LARGEST_FRAME && self.settings.sasl.is_some() && !self.doors.door(connection).is_open(at.now)
    }

    /// Takes a frame that is a token; `None` if it is a request (SE4).
    pub(crate) fn bare_token(
        &mut self,
        at: Moment,
        broker: BrokerId,
        connection: u64,
        frame: &Bytes,
    ) -> Option<Reply> {
        if !self.doors.awaits_bare_token(connection) {
            return None;
        }
        let exchange = self.doors.door(connection).exchange.take()?;
        Some(match self.next_token(at, (broker, connection), exchange, frame) {
            None => Reply::Close,
            Some(Outcome::Answer { token, .. }) => {
                let size = u32::try_from(token.len()).unwrap_or(u32::MAX).to_be_bytes();
                Reply::Answer(vec![Bytes::copy_from_slice(&size), token])
            }
            Some(Outcome::Refused { delay, .. }) => delayed(at.now, delay, None),
        })
    }

    /// `None`: the broker closes without a word.
    fn next_token(
        &mut self,
        at: Moment,
        (broker, connection): (BrokerId, u64),
        mut exchange: Exchange,
        token: &[u8],
    ) -> Option<Outcome> {
        let sasl = self.settings.sasl.as_ref()?;
        exchange.tokens += 1;
        let message = self.faults.sasl(|fault| match fault {
            SaslFault::RefuseToken { message } => Some(message.clone()),
            SaslFault::RefuseTokensAt { broker: stubborn, message } if *stubborn == broker => {
                Some(message.clone())
            }
            _ => None,
        });
        if let Some(message) = message {
            return Some(Outcome::Refused { message, delay: Duration::ZERO });
        }
        let verdict = self.doors.judge(sasl, &mut exchange, token, at.timestamp_ms)?;
        let (own, lifetime_ms) = match verdict {
            Verdict::Challenge(challenge) => {
                let own = self.answer_to(&exchange, challenge);
                self.doors.door(connection).exchange = Some(exchange);
                return Some(Outcome::Answer { token: own, lifetime_ms: 0 });
            }
            Verdict::Refused(words) => {
                return Some(Outcome::Refused { message: Some(words), delay: sasl.failure_delay() });
            }
            Verdict::Accepted { token, principal, ends_at_ms } => {
                let lifetime_ms = lifetime_ms(sasl, ends_at_ms, at.timestamp_ms);
                let delay = sasl.failure_delay();
                if let Err(words) = self.admit(at.now, connection, &exchange, principal, lifetime_ms) {
                    return Some(Outcome::Refused { message: Some(words), delay });
                }
                (token, lifetime_ms)
            }
        };
        let told = self.faults.sasl(|fault| match fault {
            SaslFault::Lifetime { millis } => Some(*millis),
            _ => None,
        });
        Some(Outcome::Answer {
            token: self.answer_to(&exchange, own),
            lifetime_ms: told.unwrap_or(lifetime_ms),
        })
    }

    /// The broker's own bytes, or what a fault has in their place.
    fn answer_to(&mut self, exchange: &Exchange, own: Vec<u8>) -> Bytes {
        let planned = self.faults.sasl(|fault| match fault {
            SaslFault::Answer { number, bytes } if *number == exchange.tokens => Some(bytes.clone()),
            SaslFault::Iterations { asked } if exchange.tokens == 1 => scram::with_iterations(&own, *asked),
            _ => None,
        });
        planned.unwrap_or_else(|| own.into())
    }

    /// Begins or renews a session.
    fn admit(
        &mut self,
        now: Instant,
        connection: u64,
        exchange: &Exchange,
        principal: String,
        lifetime_ms: i64,
    ) -> Result<(), String> {
        let door = self.doors.door(connection);
        if let Some(former) = door.session.as_ref().filter(|former| former.principal != principal) {
            return Err(format!(
                "Cannot change principals during re-authentication from User.{}: User.{principal}",
                former.principal
            ));
        }
        let lifetime =
            u64::try_from(lifetime_ms).ok().filter(|millis| *millis > 0).map(Duration::from_millis);
        let ends = lifetime.and_then(|lifetime| now.checked_add(lifetime));
        door.session = Some(Session { mechanism: exchange.mechanism, principal, ends });
        Ok(())
    }

    pub(crate) fn resume_refusal(now: Instant, waiting: WaitingRefusal) -> Reply {
        if now < waiting.due {
            return Reply::Later(Box::new(Waiting::Refusal(waiting)));
        }
        waiting.last_word.map_or(Reply::Close, Reply::LastAnswer)
    }
}

/// The lower of `connections.max.reauth.ms` and what is left of the credentials; 0 if there is neither (SE18).
fn lifetime_ms(sasl: &SaslSettings, ends_at_ms: Option<i64>, now_ms: i64) -> i64 {
    let most = sasl.max_reauth().map(|most| i64::try_from(most.as_millis()).unwrap_or(i64::MAX));
    let left = ends_at_ms.map(|ends| ends.saturating_sub(now_ms));
    most.into_iter().chain(left).min().unwrap_or(0)
}

fn refusal(header: &ReceivedHeader, error_code: ErrorCode, message: Option<&str>) -> Reply {
    let error_message = message.map(KafkaString::from);
    Reply::to(header, &SaslAuthenticateResponse { error_code, error_message, ..Default::default() })
}

fn delayed(now: Instant, delay: Duration, last_word: Option<Vec<Bytes>>) -> Reply {
    SimCluster::resume_refusal(now, WaitingRefusal { due: now + delay, last_word })
}
