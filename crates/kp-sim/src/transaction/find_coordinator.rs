//! FindCoordinator: who keeps a transactional id or a group (KIP-98, KIP-699). The first question creates the log of the coordinators.

use kp_protocol::api::{Coordinator, FindCoordinatorRequest, FindCoordinatorResponse};
use kp_protocol::{ApiKey, BrokerAddress, ErrorCode, KafkaString, ReceivedHeader};

use super::coordinator_log::{CONSUMER_OFFSETS, TRANSACTION_STATE};
use crate::SimCluster;
use crate::reply::{Moment, Reply};

const GROUP: i8 = 0;
const TRANSACTION: i8 = 1;
/// From here on a request names several keys.
const KEYS_FROM: i16 = 4;

impl SimCluster {
    pub(crate) fn find_coordinator(
        &mut self,
        at: Moment,
        header: &ReceivedHeader,
        request: &FindCoordinatorRequest,
    ) -> Reply {
        let throttle_time_ms = self.faults.throttle(ApiKey::FindCoordinator);
        let instead = self.faults.answer_instead(ApiKey::FindCoordinator);
        let (key_type, version) = (request.key_type, header.version);
        let mut look_up = |key: &KafkaString| match instead {
            Some(code) => Err(code),
            None => self.look_up_coordinator(at, key_type, key),
        };
        let response = if version >= KEYS_FROM {
            let keys = request.coordinator_keys.iter();
            let coordinators = keys.map(|key| one_of_many(key, look_up(key))).collect();
            FindCoordinatorResponse { throttle_time_ms, coordinators, ..Default::default() }
        } else {
            only_one(throttle_time_ms, look_up(&request.key))
        };
        Reply::to(header, &response)
    }

    fn look_up_coordinator(
        &mut self,
        at: Moment,
        key_type: i8,
        key: &str,
    ) -> Result<BrokerAddress, ErrorCode> {
        let (topic, log) = match key_type {
            GROUP => (CONSUMER_OFFSETS, self.offsets_log(key)),
            TRANSACTION => (TRANSACTION_STATE, self.transaction_log(key)),
            _ => return Err(ErrorCode::INVALID_REQUEST),
        };
        if !self.ensure_coordinators(at, topic) {
            return Err(ErrorCode::COORDINATOR_NOT_AVAILABLE);
        }
        let leader = self.coordinator(&log).ok_or(ErrorCode::COORDINATOR_NOT_AVAILABLE)?;
        let broker = self.brokers.get(&leader).ok_or(ErrorCode::COORDINATOR_NOT_AVAILABLE)?;
        Ok(broker.address.clone())
    }
}

fn only_one(throttle_time_ms: i32, found: Result<BrokerAddress, ErrorCode>) -> FindCoordinatorResponse {
    let code = found.as_ref().err().copied().unwrap_or_default();
    let (node_id, host, port) = place(found);
    let error_message = Some(if code == ErrorCode::NONE { "NONE" } else { words(code) }.into());
    FindCoordinatorResponse {
        throttle_time_ms,
        error_code: code,
        error_message,
        node_id,
        host,
        port,
        ..Default::default()
    }
}

fn one_of_many(key: &KafkaString, found: Result<BrokerAddress, ErrorCode>) -> Coordinator {
    let error_code = found.as_ref().err().copied().unwrap_or_default();
    let (node_id, host, port) = place(found);
    let error_message = Some(words(error_code).into());
    Coordinator { key: key.clone(), node_id, host, port, error_code, error_message, ..Default::default() }
}

fn place(found: Result<BrokerAddress, ErrorCode>) -> (i32, KafkaString, i32) {
    match found {
        Ok(address) => (address.id.0, (&*address.host).into(), i32::from(address.port)),
        Err(_) => (-1, KafkaString::default(), -1),
    }
}

fn words(code: ErrorCode) -> &'static str {
    match code {
        ErrorCode::NONE => "",
        ErrorCode::COORDINATOR_NOT_AVAILABLE => "The coordinator is not available.",
        ErrorCode::COORDINATOR_LOAD_IN_PROGRESS => {
            "The coordinator is loading and hence can't process requests."
        }
        ErrorCode::INVALID_REQUEST => {
            "This most likely occurs because of a request being malformed by the client library or the message was \
             sent to an incompatible broker. See the broker logs for more details."
        }
        _ => "The coordinator cannot be told.",
    }
}
