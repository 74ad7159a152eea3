//! From a frame to a reply: which API and version it is, whether this broker speaks it, who answers it.
//! Reading a frame (parsing, checksums, the records inside) needs no cluster, so a host does it without the lock.

use std::time::Instant;

use bytes::Bytes;
use kp_protocol::api::{
    ApiVersionsRequest, ApiVersionsResponse, CreateTopicsRequest, FetchRequest, InitProducerIdRequest,
    InitProducerIdResponse, ListOffsetsRequest, MetadataRequest, ProduceRequest, SaslAuthenticateRequest,
    SaslHandshakeRequest,
};
use kp_protocol::{ApiKey, BrokerId, ErrorCode, Message, ReceivedHeader, decode_request_header};

use crate::cluster::SimCluster;
use crate::incoming_batch::IncomingBatch;
use crate::kafka_version::KafkaVersion;
use crate::metadata;
use crate::reply::{Moment, Reply};
use crate::settings::ClusterSettings;
use crate::waiting::{Waiting, WaitingFetch};

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
    InitProducerId(InitProducerIdRequest),
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
            _ => return None,
        })
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
        match accepted.filter(|_| self.producer_ids || header.api != ApiKey::InitProducerId) {
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
            ApiKey::InitProducerId => InitProducerIdRequest::parse(body, version).map(Body::InitProducerId),
            ApiKey::SaslHandshake => SaslHandshakeRequest::parse(body, version).map(Body::SaslHandshake),
            ApiKey::SaslAuthenticate => {
                SaslAuthenticateRequest::parse(body, version).map(Body::SaslAuthenticate)
            }
            _ => return Body::Refused,
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
        let Some(header) = request.header else { return Reply::Close };
        self.count_request(header.api);
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
        match body {
            Body::Produce(request, batches) => self.produce(at, broker, &header, request, batches),
            Body::Fetch(request) => self.fetch(at, WaitingFetch::new(at.now, broker, header, request)),
            Body::ListOffsets(request) => self.list_offsets(broker, &header, &request),
            Body::Metadata(request) => self.metadata(&header, request),
            Body::ApiVersions(request) => self.api_versions(connection, &header, &request),
            Body::NewerApiVersions => self.api_versions_too_new(&header),
            Body::CreateTopics(request) => self.create_topics(&header, &request),
            Body::InitProducerId(request) => self.init_producer_id(&header, &request),
            Body::SaslHandshake(request) => self.sasl_handshake(at, connection, &header, &request),
            Body::SaslAuthenticate(request) => {
                self.sasl_authenticate(at, (broker, connection), &header, &request)
            }
            Body::Ignored => Reply::Silence,
            Body::Refused => Reply::Close,
            Body::Unanswerable => Reply::Stall,
        }
    }

    /// Asks again about a request that was answered [`Reply::Later`].
    pub fn resume(&mut self, now: Instant, timestamp_ms: i64, waiting: Waiting) -> Reply {
        match waiting {
            Waiting::Fetch(waiting) if self.is_up(waiting.broker) => {
                self.fetch(Moment { now, timestamp_ms }, waiting)
            }
            Waiting::Produce(waiting) if self.is_up(waiting.broker) => self.resume_produce(now, waiting),
            Waiting::Refusal(waiting) => Self::resume_refusal(now, waiting),
            Waiting::Fetch(_) | Waiting::Produce(_) => Reply::Close,
        }
    }
}
