//! InitProducerId: hands out producer ids to idempotent producers, and identities to transactional ids (KIP-98, KIP-360).

use std::time::Duration;

use kp_protocol::api::{InitProducerIdRequest, InitProducerIdResponse};
use kp_protocol::{ApiKey, BrokerId, ErrorCode, ProducerIdentity, ReceivedHeader};

use crate::reply::Moment;
use crate::{Reply, SimCluster};

/// From here on a fenced producer is told PRODUCER_FENCED (KIP-588).
const FENCED_FROM: i16 = 4;

impl SimCluster {
    pub(crate) fn init_producer_id(
        &mut self,
        at: Moment,
        broker: BrokerId,
        header: &ReceivedHeader,
        request: &InitProducerIdRequest,
    ) -> Reply {
        let planned =
            self.faults.producer_id().or_else(|| self.faults.answer_instead(ApiKey::InitProducerId));
        let mut response = InitProducerIdResponse {
            throttle_time_ms: self.faults.throttle(ApiKey::InitProducerId),
            producer_id: -1,
            producer_epoch: -1,
            ..Default::default()
        };
        let answered = match planned {
            Some(code) => Err(code),
            None => self.identity(at, broker, request),
        };
        match answered {
            Ok(producer) => {
                (response.producer_id, response.producer_epoch) = (producer.producer_id, producer.epoch);
            }
            Err(ErrorCode::PRODUCER_FENCED) if header.version < FENCED_FROM => {
                response.error_code = ErrorCode::INVALID_PRODUCER_EPOCH;
            }
            Err(code) => response.error_code = code,
        }
        Reply::to(header, &response)
    }

    fn identity(
        &mut self,
        at: Moment,
        broker: BrokerId,
        request: &InitProducerIdRequest,
    ) -> Result<ProducerIdentity, ErrorCode> {
        let ProducerIdentity { producer_id, epoch } =
            ProducerIdentity { producer_id: request.producer_id, epoch: request.producer_epoch };
        if (producer_id == -1) != (epoch == -1) {
            return Err(ErrorCode::INVALID_REQUEST);
        }
        let Some(transactional_id) = request.transactional_id.as_deref() else {
            // Without a transactional id a broker gives a new id each time, whatever id the producer had.
            return Ok(ProducerIdentity { producer_id: self.transactions.new_producer_id(), epoch: 0 });
        };
        if transactional_id.is_empty() {
            return Err(ErrorCode::INVALID_REQUEST);
        }
        let timeout = u64::try_from(request.transaction_timeout_ms).map(Duration::from_millis);
        let timeout = timeout.ok().filter(|timeout| {
            *timeout > Duration::ZERO && *timeout <= self.settings.transactions.max_timeout
        });
        let timeout = timeout.ok_or(ErrorCode::INVALID_TRANSACTION_TIMEOUT)?;
        self.coordinates(at, broker, &self.transaction_log(transactional_id))?;
        let pair = (producer_id != -1).then_some(ProducerIdentity { producer_id, epoch });
        self.initialise(at, transactional_id, pair, timeout)
    }
}
