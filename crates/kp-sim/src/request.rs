//! From a frame to a reply: which API and version it is, whether this broker speaks it, who answers it.
//! Reading a frame (parsing, checksums, the records inside) needs no cluster, so a host does it without the lock.

use std::time::Instant;

use bytes::Bytes;
use kp_protocol::api::{
    AddOffsetsToTxnRequest, AddOffsetsToTxnResponse, AddPartitionsToTxnRequest, ApiVersionsRequest,
    ApiVersionsResponse, CreateTopicsRequest, EndTxnRequest, EndTxnResponse, FetchRequest,
    FindCoordinatorRequest, InitProducerIdRequest, InitProducerIdResponse, ListOffsetsRequest,
    MetadataRequest, ProduceRequest, SaslAuthenticateRequest, SaslHandshakeRequest,
};
use kp_protocol::{
    ApiKey, BrokerId, ErrorCode, Message, ReceivedHeader, TopicPartition, decode_request_header,
};

use crate::cluster::SimCluster;
use crate::group_request::GroupRequest;
use crate::incoming_batch::IncomingBatch;
use crate::kafka_version::KafkaVersion;
use crate::metadata;
use crate::reply::{Moment, Reply};
use crate::settings::{ClusterSettings, needs_producer_ids};
use crate::transaction;
use crate::waiting::{Waiting, WaitingFetch};

/// Stands for a connection that is gone; no host gives it to one.
const NO_CONNECTION: u64 = u64::MAX;

/// Reads frames for a cluster. Holds no state; copies are as good as the original.
#[derive(Clone, Copy, Debug)]
pub struct RequestReader {
    kafka_version: KafkaVersion,
    producer_ids: bool,
    check_records: bool,
}

/// A request that was read and not carried out yet.
#[derive(Clone, Debug)]
pub struct IncomingRequest {
    header: Option<ReceivedHeader>,
    body: Body,
    /// What was read: of a connection whose tokens go bare it is no request at all, which only the cluster knows.
    frame: Bytes,
}

#[derive(Clone, Debug)]
enum Body {
    /// With what was found in each partition's records, topic by topic.
    Produce(ProduceRequest, Vec<Vec<IncomingBatch>>),
    Fetch(FetchRequest),
    ListOffsets(ListOffsetsRequest),
    Metadata(MetadataRequest),
    ApiVersions(ApiVersionsRequest),
    /// ApiVersions in a version this Kafka does not know: answered all the same (KIP-511).
    NewerApiVersions,
    CreateTopics(CreateTopicsRequest),
    FindCoordinator(FindCoordinatorRequest),
    InitProducerId(InitProducerIdRequest),
    AddPartitionsToTxn(AddPartitionsToTxnRequest),
    AddOffsetsToTxn(AddOffsetsToTxnRequest),
    EndTxn(EndTxnRequest),
    Group(GroupRequest),
    SaslHandshake(SaslHandshakeRequest),
    SaslAuthenticate(SaslAuthenticateRequest),
    /// A request that 0.9 neither answers nor closes on.
    Ignored,
    /// Not a request this broker takes: it closes the connection, as Kafka does.
    Refused,
    /// Produce with null for records: Kafka 4.3 fails over it, and neither answers nor closes.
    Unanswerable,
}

impl Body {
    /// The answer that says no more than this code, if the double has one.
    fn refusal(&self, header: &ReceivedHeader, error_code: ErrorCode) -> Option<Reply> {
        Some(match self {
            Self::Metadata(request) => Reply::to(header, &metadata::refusal(request, error_code)),
            Self::ApiVersions(_) => {
                Reply::to(header, &ApiVersionsResponse { error_code, ..Default::default() })
            }
            Self::InitProducerId(_) => {
                Reply::to(header, &InitProducerIdResponse { error_code, ..Default::default() })
            }
            Self::AddPartitionsToTxn(request) => {
                Reply::to(header, &transaction::refused_partitions(header.version, request, error_code))
            }
            Self::AddOffsetsToTxn(_) => {
                Reply::to(header, &AddOffsetsToTxnResponse { error_code, ..Default::default() })
            }
            Self::EndTxn(_) => Reply::to(header, &EndTxnResponse { error_code, ..Default::default() }),
            Self::Group(request) => return request.refusal(header, error_code),
            _ => return None,
        })
    }

    /// Whose coordinator the request is for.
    fn transactional_id(&self) -> Option<&str> {
        match self {
            Self::InitProducerId(request) => request.transactional_id.as_deref(),
            Self::AddPartitionsToTxn(request) => {
                let first = request.transactions.first().map(|transaction| &transaction.transactional_id);
                Some(first.unwrap_or(&request.v3_and_below_transactional_id))
            }
            Self::AddOffsetsToTxn(request) => Some(&request.transactional_id),
            Self::EndTxn(request) => Some(&request.transactional_id),
            _ => None,
        }
    }
}

impl RequestReader {
    pub(crate) fn new(settings: &ClusterSettings) -> Self {
        Self {
            kafka_version: settings.kafka_version,
            producer_ids: settings.producer_ids,
            check_records: settings.check_records,
        }
    }

    /// Reads the content of a frame, without its size. Never fails: what cannot be read is closed on.
    #[must_use]
    pub fn read(&self, frame: &Bytes) -> IncomingRequest {
        let frame = frame.clone();
        match decode_request_header(&frame) {
            Ok((header, body)) => {
                IncomingRequest { body: self.read_body(&header, &body), header: Some(header), frame }
            }
            Err(_) => IncomingRequest { header: None, body: Body::Refused, frame },
        }
    }

    fn read_body(&self, header: &ReceivedHeader, body: &Bytes) -> Body {
        let version = header.version;
        let accepted = self.kafka_version.accepts(header.api);
        match accepted.filter(|_| self.producer_ids || !needs_producer_ids(header.api)) {
            Some(accepted) if accepted.contains(version) => {}
            Some(_) if header.api == ApiKey::ApiVersions => return Body::NewerApiVersions,
            None if header.api == ApiKey::ApiVersions && self.kafka_version.is_silent_about_versions() => {
                return Body::Ignored;
            }
            _ => return Body::Refused,
        }
        let read = match header.api {
            ApiKey::Produce => ProduceRequest::parse(body, version).map(|request| {
                let mut partitions = request.topic_data.iter().flat_map(|topic| &topic.partition_data);
                if partitions.any(|partition| partition.records.is_none()) {
                    return Body::Unanswerable;
                }
                let batches = self.read_batches(&request, version);
                Body::Produce(request, batches)
            }),
            ApiKey::Fetch => FetchRequest::parse(body, version).map(Body::Fetch),
            ApiKey::ListOffsets => ListOffsetsRequest::parse(body, version).map(Body::ListOffsets),
            ApiKey::Metadata => MetadataRequest::parse(body, version).map(Body::Metadata),
            ApiKey::ApiVersions => ApiVersionsRequest::parse(body, version).map(Body::ApiVersions),
            ApiKey::CreateTopics => CreateTopicsRequest::parse(body, version).map(Body::CreateTopics),
            ApiKey::FindCoordinator => {
                FindCoordinatorRequest::parse(body, version).map(Body::FindCoordinator)
            }
            ApiKey::InitProducerId => InitProducerIdRequest::parse(body, version).map(Body::InitProducerId),
            ApiKey::AddPartitionsToTxn => {
                AddPartitionsToTxnRequest::parse(body, version).map(Body::AddPartitionsToTxn)
            }
            ApiKey::AddOffsetsToTxn => {
                AddOffsetsToTxnRequest::parse(body, version).map(Body::AddOffsetsToTxn)
            }
            ApiKey::EndTxn => EndTxnRequest::parse(body, version).map(Body::EndTxn),
            ApiKey::SaslHandshake => SaslHandshakeRequest::parse(body, version).map(Body::SaslHandshake),
            ApiKey::SaslAuthenticate => {
                SaslAuthenticateRequest::parse(body, version).map(Body::SaslAuthenticate)
            }
            api => match GroupRequest::read(api, version, body) {
                Some(read) => read.map(Body::Group),
                None => return Body::Refused,
            },
        };
        read.unwrap_or(Body::Refused)
    }

    fn read_batches(&self, request: &ProduceRequest, version: i16) -> Vec<Vec<IncomingBatch>> {
        let topics = request.topic_data.iter();
        let read = |topic: &kp_protocol::api::TopicProduceData| {
            let records = topic.partition_data.iter().map(|partition| partition.records.as_ref());
            records.map(|records| IncomingBatch::read(records, version, self.check_records)).collect()
        };
        topics.map(read).collect()
    }
}

impl SimCluster {
    /// Reads frames for this cluster; a host does that without holding the cluster's lock.
    #[must_use]
    pub fn reader(&self) -> RequestReader {
        RequestReader::new(&self.settings)
    }

    /// Takes a frame (without its size) that arrived at `broker` on `connection`, and carries it out.
    ///
    /// `timestamp_ms` is the wall clock in milliseconds since the Unix epoch; `connection` is any number that the host
    /// gives to one connection only. Requests of one connection must be handed in in order, one after the other's reply.
    pub fn handle_request(
        &mut self,
        now: Instant,
        timestamp_ms: i64,
        broker: BrokerId,
        connection: u64,
        frame: Bytes,
    ) -> Reply {
        let request = self.reader().read(&frame);
        self.handle(now, timestamp_ms, broker, connection, request)
    }

    /// [`handle_request`](Self::handle_request) for a request that was read before.
    pub fn handle(
        &mut self,
        now: Instant,
        timestamp_ms: i64,
        broker: BrokerId,
        connection: u64,
        request: IncomingRequest,
    ) -> Reply {
        self.tick(now, timestamp_ms);
        if !self.is_up(broker) {
            return Reply::Close;
        }
        let at = Moment { now, timestamp_ms };
        if self.is_too_large_for_a_login(at, connection, request.frame.len()) {
            return Reply::Close;
        }
        if let Some(reply) = self.bare_token(at, broker, connection, &request.frame) {
            return reply;
        }
        let Some(header) = request.header.clone() else { return Reply::Close };
        self.count_request(header.api);
        if let Some(after) = self.faults.late(header.api) {
            self.hold(at, after, broker, request.frame);
            return Reply::Close;
        }
        let strike = self.faults.strike(header.api);
        let outcome = match strike {
            Some(strike) if !strike.carried_out => Reply::Silence,
            _ => self.carry_out(at, broker, connection, header, request.body),
        };
        match strike {
            Some(strike) if strike.close => Reply::Close,
            Some(_) => Reply::Stall,
            None => outcome,
        }
    }

    fn carry_out(
        &mut self,
        at: Moment,
        broker: BrokerId,
        connection: u64,
        header: ReceivedHeader,
        body: Body,
    ) -> Reply {
        if self.is_barred(at, connection, header.api) {
            return self.barred(at.now, connection, body.refusal(&header, ErrorCode::ILLEGAL_SASL_STATE));
        }
        self.dispatch(at, broker, connection, &header, body)
    }

    /// Carries out a request whose connection is gone, and was admitted while it was there.
    pub(crate) fn carry_out_unheard(&mut self, at: Moment, broker: BrokerId, frame: &Bytes) -> Reply {
        let IncomingRequest { header, body, .. } = self.reader().read(frame);
        match header {
            Some(header) if self.is_up(broker) => self.dispatch(at, broker, NO_CONNECTION, &header, body),
            _ => Reply::Close,
        }
    }

    fn dispatch(
        &mut self,
        at: Moment,
        broker: BrokerId,
        connection: u64,
        header: &ReceivedHeader,
        body: Body,
    ) -> Reply {
        match self.coordinator_strike(header.api, &body) {
            Some((log, carried_out)) => {
                if carried_out {
                    drop(self.answer(at, broker, connection, header, body.clone()));
                }
                self.coordinator_moves(&log);
                body.refusal(header, ErrorCode::NOT_COORDINATOR).unwrap_or(Reply::Close)
            }
            None => self.answer(at, broker, connection, header, body),
        }
    }

    /// Whether a planned move of the coordinator strikes a request, of which log, and whether it is carried out first.
    fn coordinator_strike(&mut self, api: ApiKey, body: &Body) -> Option<(TopicPartition, bool)> {
        let log = match body {
            Body::Group(request) => self.offsets_log(request.group()?),
            body => self.transaction_log(body.transactional_id()?),
        };
        Some((log, self.faults.coordinator_moves(api)?))
    }

    fn answer(
        &mut self,
        at: Moment,
        broker: BrokerId,
        connection: u64,
        header: &ReceivedHeader,
        body: Body,
    ) -> Reply {
        match body {
            Body::Produce(request, batches) => self.produce(at, broker, header, request, batches),
            Body::Fetch(request) => {
                self.fetch(at, WaitingFetch::new(at.now, broker, header.clone(), request))
            }
            Body::ListOffsets(request) => self.list_offsets(broker, header, &request),
            Body::Metadata(request) => self.metadata(header, request),
            Body::ApiVersions(request) => self.api_versions(connection, header, &request),
            Body::NewerApiVersions => self.api_versions_too_new(header),
            Body::CreateTopics(request) => self.create_topics(header, &request),
            Body::FindCoordinator(request) => self.find_coordinator(at, header, &request),
            Body::InitProducerId(request) => self.init_producer_id(at, broker, header, &request),
            Body::AddPartitionsToTxn(request) => self.add_partitions_to_txn(at, broker, header, &request),
            Body::AddOffsetsToTxn(request) => self.add_offsets_to_txn(at, broker, header, &request),
            Body::EndTxn(request) => self.end_txn(at, broker, header, &request),
            Body::Group(request) => self.answer_about_groups(at, broker, header, request),
            Body::SaslHandshake(request) => self.sasl_handshake(at, connection, header, &request),
            Body::SaslAuthenticate(request) => {
                self.sasl_authenticate(at, (broker, connection), header, &request)
            }
            Body::Ignored => Reply::Silence,
            Body::Refused => Reply::Close,
            Body::Unanswerable => Reply::Stall,
        }
    }

    /// Asks again about a request that was answered [`Reply::Later`].
    pub fn resume(&mut self, now: Instant, timestamp_ms: i64, waiting: Waiting) -> Reply {
        self.tick(now, timestamp_ms);
        self.look_again(Moment { now, timestamp_ms }, waiting)
    }

    pub(crate) fn look_again(&mut self, at: Moment, waiting: Waiting) -> Reply {
        match waiting {
            Waiting::Fetch(waiting) if self.is_up(waiting.broker) => self.fetch(at, waiting),
            Waiting::Produce(waiting) if self.is_up(waiting.broker) => self.resume_produce(at.now, waiting),
            Waiting::Addition(waiting) if self.is_up(waiting.broker) => self.resume_addition(at, waiting),
            Waiting::Refusal(waiting) => Self::resume_refusal(at.now, waiting),
            Waiting::Fetch(_) | Waiting::Produce(_) | Waiting::Addition(_) => Reply::Close,
        }
    }
}
