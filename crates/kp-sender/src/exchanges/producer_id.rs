//! InitProducerId: whom to ask, and what its answer means (ID1, ID2).

use crate::exchange::{Asked, Chosen, Exchange, Question, ReadyNode};
use crate::idempotence::identity::Identity;
use crate::idempotence::{Idempotence, IdempotenceSetting};
use crate::{Output, SenderCore};
use bytes::Bytes;
use kp_accumulator::{BrokerError, FailureKind};
use kp_client::Nodes;
use kp_protocol::api::{InitProducerIdRequest, InitProducerIdResponse};
use kp_protocol::{
    ApiKey, BrokerId, BrokerVersions, ErrorCode, Message, ProducerIdentity, ProtocolError, Segments,
    encode_body,
};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// The question for a producer id of an idempotent producer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct InitProducerId;

impl Question for InitProducerId {
    const API: ApiKey = ApiKey::InitProducerId;

    fn encode(&self, version: i16) -> Result<Segments, ProtocolError> {
        let request = InitProducerIdRequest {
            transactional_id: None,
            transaction_timeout_ms: i32::MAX,
            ..Default::default()
        };
        encode_body(version, &request)
    }
}

/// Said behind the broker that was asked.
const NOT_OFFERED: &str = "speaks no InitProducerId (Kafka 0.11 and newer do), which enable.idempotence=true needs; \
                           leave the key out to send without";

impl SenderCore {
    /// A broker is about to describe the cluster, and who waits for that is about to have records accepted: what they are
    /// promised is decided by what this broker speaks.
    pub(crate) fn find_out_about_producer_ids(&mut self, broker: BrokerId, versions: &BrokerVersions) {
        let Idempotence { setting, identity, was_known, .. } = &self.idempotence;
        let is_offered = versions.negotiate(ApiKey::InitProducerId).is_some();
        match setting {
            IdempotenceSetting::Off => {}
            // One that had an id goes on with it, whoever is asked about the cluster.
            IdempotenceSetting::Preferred | IdempotenceSetting::Required if *was_known => {}
            IdempotenceSetting::Preferred => {
                let is_open = matches!(identity, Identity::Missing { exchange, .. } if !matches!(exchange, Exchange::Sent(_)));
                if is_open && !is_offered {
                    self.go_without_identity(broker);
                }
            }
            IdempotenceSetting::Required => {
                self.idempotence.unavailable = (!is_offered).then(|| self.words_of_absence(broker));
            }
        }
    }

    /// Somebody wants to send and was, or will be, refused: perhaps the brokers are newer ones by now.
    pub(crate) fn look_again_for_producer_ids(&mut self) {
        if self.idempotence.unavailable.is_some() {
            self.metadata.request_update();
        }
    }

    /// Asks for a producer id once records wait for it.
    pub(crate) fn step_identity(&mut self, now: Instant, nodes: &mut dyn Nodes) {
        let Identity::Missing { not_before, exchange: Exchange::Idle } = self.idempotence.identity else {
            return;
        };
        if not_before.is_some_and(|at| at > now) || !self.accumulator.has_incomplete() {
            return;
        }
        match self.choose(now, nodes) {
            Chosen::Ready(node) => self.send_init_producer_id(now, &node),
            Chosen::NotReady(until) => {
                let exchange = Exchange::Waiting { until };
                self.idempotence.identity = Identity::Missing { not_before: None, exchange };
            }
            Chosen::NoBroker | Chosen::Failed => self.ask_for_identity_later(now),
        }
    }

    fn send_init_producer_id(&mut self, now: Instant, node: &ReadyNode) {
        let Some(version) = node.versions.negotiate(ApiKey::InitProducerId) else {
            return self.identity_not_offered(now, node.broker);
        };
        match self.send_question(node, version, InitProducerId) {
            Ok(exchange) => self.idempotence.identity = Identity::Missing { not_before: None, exchange },
            Err(_) => self.ask_for_identity_later(now),
        }
    }

    pub(crate) fn on_identity_answer(&mut self, now: Instant, asked: Asked<InitProducerId>, body: &Bytes) {
        let Asked { broker, version, .. } = asked;
        self.brokers.event(broker);
        let response = match InitProducerIdResponse::parse(body, version) {
            Ok(response) => response,
            Err(error) => {
                let reason = Arc::from(format!("undecodable answer to InitProducerId: {error}"));
                self.put(Output::Disconnect { broker, reason });
                return self.ask_for_identity_later(now);
            }
        };
        let throttle = u64::try_from(response.throttle_time_ms).unwrap_or(0);
        if throttle > 0 {
            self.throttle(now, broker, Duration::from_millis(throttle));
        }
        let identity = ProducerIdentity { producer_id: response.producer_id, epoch: response.producer_epoch };
        match response.error_code {
            code if code.is_ok() && identity.producer_id >= 0 && identity.epoch >= 0 => {
                self.idempotence.identity = Identity::Known(identity);
                self.idempotence.was_known = true;
                self.idempotence.last_refusal = None;
                if self.idempotence.unavailable.take().is_some() {
                    self.publish_cluster(); // Another broker had said that there is none.
                }
            }
            code if code.is_ok() || code.is_retriable() => {
                let words = match code {
                    ErrorCode::NONE => {
                        format!("no producer id: {} under epoch {}", identity.producer_id, identity.epoch)
                    }
                    code => format!("no producer id: {code}"),
                };
                self.idempotence.last_refusal = Some(self.said_by(broker, code, &words));
                self.ask_for_identity_later(now);
            }
            code => {
                // ID2: what waits fails; who sends later makes it be asked again.
                let words = format!("no producer id: {code}");
                self.idempotence.identity = Identity::missing(None);
                self.fail_all_queued(now, FailureKind::Refused(code), broker, code, &words);
            }
        }
    }

    /// The request is lost, was refused, or there was nobody to ask.
    pub(crate) fn ask_for_identity_later(&mut self, now: Instant) {
        let backoff = self.settings.retry_backoff.delay(0, &mut self.jitter);
        self.idempotence.identity = Identity::missing(now.checked_add(backoff));
    }

    /// A broker that gives no producer ids, although the one that described the cluster does: a cluster that is being
    /// upgraded.
    fn identity_not_offered(&mut self, now: Instant, broker: BrokerId) {
        match self.idempotence.setting {
            IdempotenceSetting::Required => {
                let code = ErrorCode::UNSUPPORTED_VERSION;
                self.ask_for_identity_later(now);
                self.fail_all_queued(now, FailureKind::UnsupportedVersion, broker, code, NOT_OFFERED);
            }
            // Batches are numbered already, and none of them may go out under no number (rule iii).
            _ if self.idempotence.was_known => self.ask_for_identity_later(now),
            _ => {
                self.go_without_identity(broker);
                // Whoever was asked in vain may take something now.
                self.brokers.begin_cycle(now);
            }
        }
    }

    /// The cluster gives no producer ids: one batch of a partition at a time keeps the order at least.
    fn go_without_identity(&mut self, broker: BrokerId) {
        self.idempotence.identity = Identity::Without;
        let reason = self.words_of_absence(broker);
        self.put(Output::WithoutIdempotence { reason });
    }

    fn words_of_absence(&self, broker: BrokerId) -> Arc<str> {
        Arc::from(format!("broker {broker} ({}) speaks no InitProducerId", self.address_of(broker)))
    }

    fn said_by(&self, broker: BrokerId, code: ErrorCode, words: &str) -> BrokerError {
        let message = format!("broker {broker} ({}): {words}", self.address_of(broker));
        BrokerError { code, message: Some(Arc::from(message)), broker: Some(broker) }
    }

    fn fail_all_queued(
        &mut self,
        now: Instant,
        kind: FailureKind,
        broker: BrokerId,
        code: ErrorCode,
        words: &str,
    ) {
        let last = self.said_by(broker, code, words);
        for mut batch in self.accumulator.take_undrained() {
            batch.remember_error(last.clone());
            self.fail_queued(now, batch, kind);
        }
    }
}
