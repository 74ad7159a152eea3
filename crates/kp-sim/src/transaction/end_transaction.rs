//! EndTxn: a transaction is committed or aborted (KIP-98), and since version 5 its producer gets the next epoch (KIP-890).

use kp_protocol::api::{EndTxnRequest, EndTxnResponse};
use kp_protocol::{ApiKey, BrokerId, ErrorCode, ProducerIdentity, ReceivedHeader};

use super::add_to_transaction::as_said_in;
use super::ending::{self, Ending};
use crate::SimCluster;
use crate::reply::{Moment, Reply};

/// From here on the epoch rises with every end.
const RISES_FROM: i16 = 5;
/// From here on a fenced producer is told PRODUCER_FENCED (KIP-588).
const FENCED_FROM: i16 = 2;

impl SimCluster {
    pub(crate) fn end_txn(
        &mut self,
        at: Moment,
        broker: BrokerId,
        header: &ReceivedHeader,
        request: &EndTxnRequest,
    ) -> Reply {
        let throttle_time_ms = self.faults.throttle(ApiKey::EndTxn);
        let ended = match self.faults.answer_instead(ApiKey::EndTxn) {
            Some(code) => Err(code),
            None => self.end_transaction(at, broker, header.version >= RISES_FROM, request),
        };
        let mut response = EndTxnResponse { throttle_time_ms, ..Default::default() };
        match ended {
            Ok(producer) if header.version >= RISES_FROM => {
                (response.producer_id, response.producer_epoch) = (producer.producer_id, producer.epoch);
            }
            Ok(_) => {}
            Err(code) => response.error_code = as_said_in(header.version, FENCED_FROM, code),
        }
        Reply::to(header, &response)
    }

    fn end_transaction(
        &mut self,
        at: Moment,
        broker: BrokerId,
        rises: bool,
        request: &EndTxnRequest,
    ) -> Result<ProducerIdentity, ErrorCode> {
        let id = request.transactional_id.as_str();
        if id.is_empty() {
            return Err(ErrorCode::INVALID_REQUEST);
        }
        self.coordinates(at, broker, &self.transaction_log(id))?;
        let producer = ProducerIdentity { producer_id: request.producer_id, epoch: request.producer_epoch };
        let entry = self.transactions.entries.get(id).ok_or(ErrorCode::INVALID_PRODUCER_ID_MAPPING)?;
        let judge = if rises { ending::judge_rising } else { ending::judge };
        match judge(entry, producer, request.committed)? {
            Ending::Again => Ok(entry.producer()),
            Ending::Prepare => {
                let next = (rises && entry.is_exhausted()).then(|| self.transactions.new_producer_id());
                Ok(self.prepare(at, id, request.committed, rises, next))
            }
        }
    }

    /// Decides a transaction, and plans its markers. Answers the identity after it.
    fn prepare(
        &mut self,
        at: Moment,
        id: &str,
        committed: bool,
        rises: bool,
        next_producer_id: Option<i64>,
    ) -> ProducerIdentity {
        let entry = self.transactions.entries.get_mut(id).expect("it was judged just now");
        entry.prepare(committed, rises, next_producer_id);
        let after = entry.after_the_end();
        self.begin_round(at, id, committed);
        after
    }
}
