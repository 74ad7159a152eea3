//! GSSAPI over Kerberos (RFC 4752): the ticket, the proof of the broker, and the choice of a layer, which with Kafka is none.
//! Owns: the order of the tokens. Never: the network; its ticket was fetched before.

use kp_sasl::{SaslFailure, SaslMechanism, SaslStep, Secret};

use crate::KerberosFailure;
use crate::failure::GSSAPI;
use crate::kerberos::chance::Chance;
use crate::kerberos::context::{Begun, Established};
use crate::kerberos::credential::Credential;
use crate::kerberos::etype;
use crate::kerberos::moment::Moment;
use crate::login::Proven;

/// No integrity and no secrecy behind the exchange: Kafka has TLS for these.
const NO_LAYER: u8 = 1;

/// One exchange. It hands its ticket back when the broker has proved that it takes it, for later exchanges to take it, too.
#[derive(Debug)]
pub(crate) struct Gssapi {
    state: State,
    /// Whose ticket it is, such as `kp@EXAMPLE.ORG`.
    client: String,
    credential: Credential,
    now: Moment,
    chance: Chance,
    proven: Proven,
}

#[derive(Debug)]
enum State {
    /// Nothing was sent.
    New,
    /// The ticket was sent; the broker's proof is awaited.
    Shown(Begun),
    /// An empty token was sent; the layers that the broker offers are awaited.
    Proved(Established),
    /// The last token was sent.
    Complete,
    Failed,
}

impl Gssapi {
    pub(crate) fn new(credential: Credential, now: Moment, chance: Chance, proven: Proven) -> Self {
        let client = credential.client.to_string();
        Self { state: State::New, client, credential, now, chance, proven }
    }

    fn begin(&mut self) -> Result<SaslStep, KerberosFailure> {
        let (begun, token) = Begun::new(&self.credential, self.now, self.chance)?;
        self.state = State::Shown(begun);
        Ok(SaslStep::Send(Secret::from(token)))
    }

    fn proved(&mut self, begun: Begun, token: &[u8]) -> Result<SaslStep, KerberosFailure> {
        self.state = State::Proved(begun.proved(token)?);
        self.proven.keep(&self.credential);
        Ok(SaslStep::Send(Secret::from(Vec::new())))
    }

    /// Four bytes: the layers that the broker has, and the largest message under one.
    fn choose_layer(&mut self, mut context: Established, token: &[u8]) -> Result<SaslStep, KerberosFailure> {
        let bad = |problem: &str| KerberosFailure::NotTheService {
            message: "offer of layers",
            problem: problem.to_owned(),
        };
        let offer = context.unwrap(token)?;
        let [layers, _, _, _] = offer.as_slice() else { return Err(bad("has not four bytes")) };
        if layers & NO_LAYER == 0 {
            return Err(bad("has none without integrity or secrecy (Kafka has no others)"));
        }
        // No name behind it: the broker takes that of the ticket.
        let choice = context.wrap(&[NO_LAYER, 0, 0, 0]);
        self.state = State::Complete;
        Ok(SaslStep::Send(Secret::from(choice)))
    }
}

impl SaslMechanism for Gssapi {
    fn name(&self) -> &str {
        GSSAPI
    }

    fn step(&mut self, challenge: Option<&[u8]>) -> Result<SaslStep, SaslFailure> {
        let out_of_turn = |what| SaslFailure::OutOfTurn { mechanism: GSSAPI.to_owned(), what };
        Ok(match (std::mem::replace(&mut self.state, State::Failed), challenge) {
            (State::New, None) => self.begin()?,
            (State::Shown(begun), Some(token)) => self.proved(begun, token)?,
            (State::Proved(context), Some(token)) => self.choose_layer(context, token)?,
            (State::Complete, _) => return Err(out_of_turn("a step after the last one")),
            (State::New, Some(_)) => return Err(out_of_turn("a token before the first one")),
            (State::Shown(_) | State::Proved(_), None) => {
                return Err(out_of_turn("no token where one is awaited"));
            }
            (State::Failed, _) => return Err(out_of_turn("a step after a failure")),
        })
    }

    fn principal(&self) -> Option<&str> {
        Some(&self.client)
    }

    fn facts(&self) -> Vec<(&'static str, String)> {
        let Credential { client, service, ticket, key, .. } = &self.credential;
        vec![
            ("service", service.to_string()),
            ("client", client.to_string()),
            ("ticket", etype::name(ticket.enc_part.etype)),
            ("session key", etype::name(key.enctype().to_i32())),
        ]
    }

    fn is_complete(&self) -> bool {
        matches!(self.state, State::Complete)
    }
}
