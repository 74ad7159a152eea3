//! What a question to a broker has to say of itself, and the steps that are the same for all: choose a broker, send, take the
//! answer, the failure or the refusal.
//! Owns nothing: where a question stands is its [`Exchange`], in the part that wants the answer.

use crate::Output;
use crate::context::Context;
use crate::exchange::{Asked, Exchange, ReadyNode};
use crate::rooms::Rooms;
use bytes::Bytes;
use kp_client::{ClientRequest, Nodes, Readiness, Written};
use kp_protocol::{ApiKey, BrokerId, ProtocolError, Segments};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Why there is no answer.
pub(crate) struct Loss {
    /// Whether the broker can have acted on the request.
    pub(crate) written: Written,
    pub(crate) reason: Arc<str>,
}

/// A question. Its value is kept until the answer, which it helps to read.
pub(crate) trait Question: Sized {
    const API: ApiKey;

    /// What a broker says to it.
    type Answer;

    /// Where it stands.
    fn exchange(rooms: &mut Rooms) -> &mut Exchange<Self>;

    /// When it is to be asked next, perhaps in the past; `None`: not before something happens.
    fn due(cx: &Context<'_>, rooms: &Rooms) -> Option<Instant>;

    /// It is due, and a broker is being looked for.
    fn begin(_cx: &Context<'_>, _rooms: &mut Rooms) {}

    /// The broker to ask; `None` if none can be. What any broker knows is asked of the least loaded one.
    fn target(cx: &Context<'_>, _rooms: &Rooms, nodes: &mut dyn Nodes) -> Option<BrokerId> {
        nodes.least_loaded(cx.now)
    }

    /// What to ask this broker, which takes the request.
    fn compose(cx: &mut Context<'_>, rooms: &mut Rooms, node: &ReadyNode) -> Self;

    /// The version to ask it in; `None`: this broker speaks none.
    fn version(_rooms: &Rooms, node: &ReadyNode) -> Option<i16> {
        node.versions.negotiate(Self::API)
    }

    /// The body in `version`.
    ///
    /// # Errors
    /// It cannot be said in that version.
    fn encode(&self, version: i16) -> Result<Segments, ProtocolError>;

    /// Reads an answer.
    ///
    /// # Errors
    /// The bytes are none.
    fn parse(body: &Bytes, version: i16) -> Result<Self::Answer, ProtocolError>;

    /// How long the answer wants its broker to be left alone.
    fn throttle(answer: &Self::Answer) -> Duration;

    /// What the answer means.
    fn answered(self, cx: &mut Context<'_>, rooms: &mut Rooms, broker: BrokerId, answer: Self::Answer);

    /// There is no answer to what was asked, or nothing was asked since no broker takes the question.
    fn failed(cx: &mut Context<'_>, rooms: &mut Rooms, asked: Option<Self>);

    /// It was sent, or handed to the network at least, and gets no answer.
    fn lost(self, cx: &mut Context<'_>, rooms: &mut Rooms, _loss: &Loss) {
        Self::failed(cx, rooms, Some(self));
    }

    /// No broker is connected or may be connected to now.
    fn found_no_broker(cx: &mut Context<'_>, rooms: &mut Rooms) {
        Self::failed(cx, rooms, None);
    }

    /// The broker speaks no version of it that this client speaks.
    fn not_offered(cx: &mut Context<'_>, rooms: &mut Rooms, broker: BrokerId) {
        let words = format!("speaks no version of {} that this client speaks", Self::API);
        rooms.cluster.note_unreachable(broker, Arc::from(words));
        Self::failed(cx, rooms, None);
    }
}

/// The throttle time of an answer; one below 0 is none.
pub(crate) fn wait_of(throttle_time_ms: i32) -> Duration {
    Duration::from_millis(u64::try_from(throttle_time_ms).unwrap_or(0))
}

/// Asks if it is time to. Says whether the network was asked for a broker.
pub(crate) fn step<Q: Question>(cx: &mut Context<'_>, rooms: &mut Rooms, nodes: &mut dyn Nodes) -> bool {
    if !Q::exchange(rooms).is_idle() || Q::due(cx, rooms).is_none_or(|at| at > cx.now) {
        return false;
    }
    Q::begin(cx, rooms);
    let Some(broker) = Q::target(cx, rooms, nodes) else {
        Q::found_no_broker(cx, rooms);
        return true;
    };
    match rooms.ask(cx, broker, nodes) {
        Readiness::Ready { connection, versions } => {
            send::<Q>(cx, rooms, &ReadyNode { broker, connection, versions });
        }
        Readiness::Wait { until, .. } => *Q::exchange(rooms) = Exchange::Waiting { until },
        Readiness::Failed { reason, .. } => {
            rooms.cluster.note_unreachable(broker, reason);
            Q::failed(cx, rooms, None);
        }
    }
    true
}

fn send<Q: Question>(cx: &mut Context<'_>, rooms: &mut Rooms, node: &ReadyNode) {
    let broker = node.broker;
    let Some(version) = Q::version(rooms, node) else { return Q::not_offered(cx, rooms, broker) };
    let question = Q::compose(cx, rooms, node);
    let body = match question.encode(version) {
        Ok(body) => body,
        Err(error) => {
            rooms.cluster.note_unreachable(broker, Arc::from(format!("{} request: {error}", Q::API)));
            return Q::failed(cx, rooms, Some(question));
        }
    };
    debug_assert!(Q::exchange(rooms).is_idle(), "one {} request at a time", Q::API);
    let token = cx.take_token();
    rooms.cluster.brokers.may_take_more(broker);
    cx.put(Output::Send(ClientRequest {
        token,
        broker,
        connection: node.connection,
        api_key: Q::API,
        version,
        body,
        timeout: cx.settings.request_timeout,
        expects_response: true,
    }));
    *Q::exchange(rooms) = Exchange::Sent(Asked { token, broker, version, question });
}

/// Takes the answer, if this token is its own.
pub(crate) fn answered<Q: Question>(
    cx: &mut Context<'_>,
    rooms: &mut Rooms,
    token: u64,
    body: &Bytes,
) -> bool {
    let Some(Asked { broker, version, question, .. }) = Q::exchange(rooms).take(token) else { return false };
    rooms.cluster.brokers.event(broker);
    match Q::parse(body, version) {
        Ok(answer) => {
            let throttle = Q::throttle(&answer);
            if Q::API.is_throttled_by_client(version) && !throttle.is_zero() {
                rooms.cluster.throttle(cx, broker, throttle);
            }
            question.answered(cx, rooms, broker, answer);
        }
        Err(error) => {
            let reason: Arc<str> = Arc::from(format!("undecodable answer to {}: {error}", Q::API));
            rooms.cluster.note_unreachable(broker, Arc::clone(&reason));
            cx.put(Output::Disconnect { broker, reason: Arc::clone(&reason) });
            question.lost(cx, rooms, &Loss { written: Written::Perhaps, reason });
        }
    }
    true
}

/// No answer will come, or the network did not take the request: says whom it was for, if this token is its own.
pub(crate) fn failed<Q: Question>(
    cx: &mut Context<'_>,
    rooms: &mut Rooms,
    token: u64,
    loss: &Loss,
) -> Option<BrokerId> {
    let asked = Q::exchange(rooms).take(token)?;
    rooms.cluster.note_unreachable(asked.broker, Arc::clone(&loss.reason));
    asked.question.lost(cx, rooms, loss);
    Some(asked.broker)
}

/// When [`step`] has something to do without anything happening.
pub(crate) fn next<Q: Question>(cx: &Context<'_>, rooms: &mut Rooms) -> Option<Instant> {
    let due = Q::due(cx, rooms)?;
    Q::exchange(rooms).next(due)
}
