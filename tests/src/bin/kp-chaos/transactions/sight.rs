//! What the proxy sees of transactions: every EndTxn and what it was answered, who was let in, and what became of requests that came
//! late. It is told of frames and answers; it changes nothing.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use bytes::Bytes;
use kp_protocol::api::{EndTxnRequest, EndTxnResponse, InitProducerIdRequest, InitProducerIdResponse};
use kp_protocol::{ApiKey, Message, decode_request_header, decode_response_header};
use kp_tests::transaction_history::Pair;

use super::journal::now_us;

/// An EndTxn request.
#[derive(Clone, Debug)]
pub(super) struct SeenEnd {
    pub(super) client: String,
    pub(super) at_us: u64,
    pub(super) pair: Pair,
    pub(super) commit: bool,
    /// What the client was answered.
    pub(super) answer: Option<i16>,
}

/// An InitProducerId request of a producer that is new.
#[derive(Clone, Debug)]
pub(super) struct SeenInit {
    pub(super) client: String,
    /// When it was answered.
    pub(super) at_us: u64,
    pub(super) code: i16,
}

/// An InitProducerId request for the next epoch of a pair.
#[derive(Clone, Debug)]
pub(super) struct SeenBump {
    pub(super) client: String,
    /// When it was written.
    pub(super) at_us: u64,
    /// What the client was answered.
    pub(super) answer: Option<i16>,
}

/// A request that was delivered late.
#[derive(Clone, Debug)]
pub(super) struct SeenLate {
    pub(super) client: String,
    pub(super) api: ApiKey,
    /// When the client wrote it.
    pub(super) written_us: u64,
    pub(super) delivered_us: u64,
    /// The code of the answer, which no client has seen, if it is one that is read here.
    pub(super) answer: Option<i16>,
}

#[derive(Debug, Default)]
pub(super) struct Seen {
    pub(super) ends: Vec<SeenEnd>,
    pub(super) inits: Vec<SeenInit>,
    pub(super) bumps: Vec<SeenBump>,
    pub(super) late: Vec<SeenLate>,
}

/// What is remembered of a request until its answer comes.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    client: String,
    pub(crate) api: ApiKey,
    version: i16,
    written_us: u64,
    what: What,
}

#[derive(Clone, Copy, Debug)]
enum What {
    /// The place of an EndTxn.
    End(usize),
    /// A producer is new, and asks for its first pair.
    Init,
    /// The place of one that asks for the next epoch.
    Bump(usize),
    Other,
}

/// What was seen of all connections.
#[derive(Debug, Default)]
pub(crate) struct Sight(Mutex<Seen>);

/// Requests of one connection that wait for their answers, by correlation id.
pub(crate) type Waiting = Mutex<BTreeMap<i32, Asked>>;

impl Sight {
    fn with<T>(&self, look: impl FnOnce(&mut Seen) -> T) -> T {
        look(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    pub(super) fn take(&self) -> Seen {
        self.with(std::mem::take)
    }

    /// A client has written a frame; size included.
    pub(crate) fn written(&self, frame: &[u8], waiting: &Waiting) {
        let Some((correlation_id, asked)) = self.read_request(frame) else { return };
        waiting.lock().unwrap_or_else(PoisonError::into_inner).insert(correlation_id, asked);
    }

    fn read_request(&self, frame: &[u8]) -> Option<(i32, Asked)> {
        let frame = Bytes::copy_from_slice(frame.get(4..)?);
        let (header, body) = decode_request_header(&frame).ok()?;
        let (version, written_us) = (header.version, now_us());
        let client = header.client_id.map(|id| id.to_string()).unwrap_or_default();
        let what = match header.api {
            ApiKey::EndTxn => {
                let read = EndTxnRequest::parse(&body, version).ok()?;
                let pair = (read.producer_id, read.producer_epoch);
                let end = SeenEnd {
                    client: client.clone(),
                    at_us: written_us,
                    pair,
                    commit: read.committed,
                    answer: None,
                };
                What::End(self.with(|seen| {
                    seen.ends.push(end);
                    seen.ends.len() - 1
                }))
            }
            ApiKey::InitProducerId if InitProducerIdRequest::parse(&body, version).ok()?.producer_id < 0 => {
                What::Init
            }
            ApiKey::InitProducerId => What::Bump(self.with(|seen| {
                seen.bumps.push(SeenBump { client: client.clone(), at_us: written_us, answer: None });
                seen.bumps.len() - 1
            })),
            _ => What::Other,
        };
        Some((header.correlation_id, Asked { client, api: header.api, version, written_us, what }))
    }

    /// A broker has answered, and the client has it.
    pub(crate) fn answered(&self, frame: &[u8], waiting: &Waiting) {
        let Some((asked, body)) = answer_of(frame, waiting) else { return };
        let Some(code) = code_of(&asked, &body) else { return };
        self.with(|seen| match asked.what {
            What::End(place) => seen.ends[place].answer = Some(code),
            What::Bump(place) => seen.bumps[place].answer = Some(code),
            What::Init => seen.inits.push(SeenInit { client: asked.client, at_us: now_us(), code }),
            What::Other => {}
        });
    }

    /// A request was delivered late; its answer comes by [`answered_late`](Self::answered_late).
    pub(crate) fn delivered(&self, frame: &[u8], waiting: &Waiting) {
        let Some(correlation_id) = correlation_id(frame.get(4..).and_then(|frame| frame.get(4..8))) else {
            return;
        };
        let waiting = waiting.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(asked) = waiting.get(&correlation_id) else { return };
        let late = SeenLate {
            client: asked.client.clone(),
            api: asked.api,
            written_us: asked.written_us,
            delivered_us: now_us(),
            answer: None,
        };
        self.with(|seen| seen.late.push(late));
    }

    /// A broker has answered a request that came late, or whose client is gone.
    pub(crate) fn answered_late(&self, frame: &[u8], waiting: &Waiting) {
        let Some((asked, body)) = answer_of(frame, waiting) else { return };
        let code = code_of(&asked, &body);
        self.with(|seen| {
            if let (What::Init, Some(code)) = (asked.what, code) {
                seen.inits.push(SeenInit { client: asked.client.clone(), at_us: now_us(), code });
            }
            // Those before it on its connection have their places elsewhere.
            let is_it =
                |late: &&mut SeenLate| late.client == asked.client && late.written_us == asked.written_us;
            if let Some(late) = seen.late.iter_mut().rev().find(is_it) {
                late.answer = code;
            }
        });
    }
}

fn correlation_id(bytes: Option<&[u8]>) -> Option<i32> {
    bytes?.try_into().ok().map(i32::from_be_bytes)
}

fn answer_of(frame: &[u8], waiting: &Waiting) -> Option<(Asked, Bytes)> {
    let frame = Bytes::copy_from_slice(frame.get(4..)?);
    let correlation_id = correlation_id(frame.get(..4))?;
    let asked = waiting.lock().unwrap_or_else(PoisonError::into_inner).remove(&correlation_id)?;
    let (_, body) = decode_response_header(asked.api, asked.version, &frame).ok()?;
    Some((asked, body))
}

fn code_of(asked: &Asked, body: &Bytes) -> Option<i16> {
    use kp_protocol::api::{
        AddOffsetsToTxnResponse, AddPartitionsToTxnResponse, ProduceResponse, TxnOffsetCommitResponse,
    };
    let version = asked.version;
    Some(match asked.api {
        ApiKey::EndTxn => EndTxnResponse::parse(body, version).ok()?.error_code.0,
        ApiKey::InitProducerId => InitProducerIdResponse::parse(body, version).ok()?.error_code.0,
        ApiKey::AddOffsetsToTxn => AddOffsetsToTxnResponse::parse(body, version).ok()?.error_code.0,
        ApiKey::AddPartitionsToTxn => {
            let read = AddPartitionsToTxnResponse::parse(body, version).ok()?;
            let topic = read.results_by_topic_v3_and_below.into_iter().next()?;
            topic.results_by_partition.into_iter().next()?.partition_error_code.0
        }
        ApiKey::TxnOffsetCommit => {
            let topic = TxnOffsetCommitResponse::parse(body, version).ok()?.topics.into_iter().next()?;
            topic.partitions.into_iter().next()?.error_code.0
        }
        ApiKey::Produce => {
            let topic = ProduceResponse::parse(body, version).ok()?.responses.into_iter().next()?;
            topic.partition_responses.into_iter().next()?.error_code.0
        }
        _ => return None,
    })
}
