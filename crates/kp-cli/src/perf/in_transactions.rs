//! Records in transactions, one behind the other, each committed when it is full or nothing more follows.
//! Owns nothing; what a commit took is noted in [`Tally`](super::tally::Tally).

use std::time::Instant;

use kp_producer::TransactionalProducer;

use super::{pace::Pace, records::Records};
use crate::produce::gate::Gate;

/// Sends all of them, `size` in each transaction.
///
/// # Errors
/// A transaction that is not committed, which ends the run: its figures would be those of something else.
pub(super) fn send_all(
    producer: &mut TransactionalProducer,
    size: u64,
    records: &mut Records<'_>,
    pace: &Pace,
) -> Result<(), String> {
    let (mut sent, mut goes_on) = (0, true);
    while goes_on {
        // Ctrl-C ends a wait for the beginning, and never a commit.
        let Some(begun) = records.gate.wait_for(records.waiter, producer.begin()) else { return Ok(()) };
        let transaction = begun.map_err(|error| error.to_string())?;
        let before = sent;
        goes_on = records.send(pace, &mut sent, size, &async |record, token| {
            transaction.send_tagged(record, token).await
        })?;
        if sent == before {
            return Ok(()); // Nothing is in it, and nothing follows.
        }
        let at = Instant::now();
        match Gate::wait_to_the_end(records.waiter, transaction.commit()) {
            Ok(_) => records.tally.committed(at.elapsed()),
            Err(error) => return Err(format!("a transaction is not committed: {error}")),
        }
    }
    Ok(())
}
