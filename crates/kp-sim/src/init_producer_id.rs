//! InitProducerId: hands out producer ids to idempotent producers (KIP-98, KIP-360). Transactional ids have no
//! coordinator in this double yet.

use kp_protocol::api::{InitProducerIdRequest, InitProducerIdResponse};
use kp_protocol::{ApiKey, ErrorCode, ReceivedHeader};

use crate::{Reply, SimCluster};

impl SimCluster {
    pub(crate) fn init_producer_id(
        &mut self,
        header: &ReceivedHeader,
        request: &InitProducerIdRequest,
    ) -> Reply {
        let refused = self.faults.producer_id().or_else(|| refusal(request));
        let mut response = InitProducerIdResponse {
            throttle_time_ms: self.faults.throttle(ApiKey::InitProducerId),
            producer_id: -1,
            producer_epoch: -1,
            ..Default::default()
        };
        match refused {
            Some(code) => response.error_code = code,
            // Without a transactional id a broker gives a new id each time, whatever id the producer had.
            None => {
                response.producer_id = self.next_producer_id;
                response.producer_epoch = 0;
                self.next_producer_id += 1;
            }
        }
        Reply::to(header, &response)
    }
}

fn refusal(request: &InitProducerIdRequest) -> Option<ErrorCode> {
    if (request.producer_id == -1) != (request.producer_epoch == -1) {
        return Some(ErrorCode::INVALID_REQUEST);
    }
    match request.transactional_id.as_deref() {
        None => None,
        Some("") => Some(ErrorCode::INVALID_REQUEST),
        Some(_) => Some(ErrorCode::COORDINATOR_NOT_AVAILABLE),
    }
}
