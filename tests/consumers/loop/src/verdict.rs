//! What is found behind the run: by a reader that is not kp's, by the ends of the logs, and by Kafka's own tool.

use std::fmt;

use xtask::kafka::KafkaCluster;

use crate::drive::{OUTPUT, PARTITIONS_OF_INPUT, PARTITIONS_OF_OUTPUT};
use crate::judge::{Judge, Verdict};
use crate::recipe::Failure;
use crate::topics::{Ends, read_all};

/// Of `kafka-transactions.sh`.
const TRANSACTIONS: &str = "org.apache.kafka.tools.TransactionsCommand";

/// The group's offsets, which transactions write.
const OFFSETS: (&str, i32) = ("__consumer_offsets", 3);

/// All of it.
#[derive(Debug)]
pub struct Found {
    verdict: Verdict,
    /// Records in the log that no reader of committed ones sees: proof that transactions were cut.
    pub invisible: u64,
    /// Partitions in which a transaction is open, and transactions that have not ended.
    hanging: Vec<String>,
}

impl Found {
    /// Whether it is as it has to be.
    pub fn is_good(&self) -> bool {
        self.verdict.is_good() && self.hanging.is_empty()
    }
}

impl fmt::Display for Found {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}\n{} transactions hang", self.verdict, self.hanging.len())?;
        self.hanging.iter().try_for_each(|line| write!(f, "\n    {line}"))
    }
}

/// Looks at everything.
pub fn find(cluster: &KafkaCluster, ends: &Ends, records: u64) -> Result<Found, Failure> {
    let (bootstrap, output) = (cluster.bootstrap(), (OUTPUT, PARTITIONS_OF_OUTPUT));
    let mut judge = Judge::new(records, PARTITIONS_OF_INPUT, PARTITIONS_OF_OUTPUT);
    let (mut visible, mut all) = (0, 0);
    read_all(&bootstrap, output, "read_committed", |partition, key, value| {
        visible += 1;
        judge.see(partition, key, value);
    })?;
    read_all(&bootstrap, output, "read_uncommitted", |_, _, _| all += 1)?;
    let mut hanging = Vec::new();
    for (topic, partitions) in [output, OFFSETS] {
        let stable = ends.last_stable(topic, partitions)?;
        let high = ends.high_watermarks(topic, partitions)?;
        for (partition, (stable, high)) in stable.iter().zip(&high).enumerate().filter(|(_, (a, b))| a != b) {
            hanging.push(format!(
                "{topic}-{partition}: a transaction is open at {stable}, the log ends at {high}"
            ));
        }
    }
    let answer = cluster.tool(TRANSACTIONS, &["--bootstrap-server", &bootstrap, "list"])?;
    hanging.extend(unended(&String::from_utf8_lossy(&answer)));
    Ok(Found { verdict: judge.end(), invisible: all - visible, hanging })
}

/// The lines of `kafka-transactions.sh list` that tell a transaction in another state than ended ones.
fn unended(list: &str) -> Vec<String> {
    let ended = ["Empty", "CompleteCommit", "CompleteAbort"];
    let rows = list.lines().skip(1).filter(|line| !line.trim().is_empty());
    let open = rows.filter(|line| !ended.iter().any(|state| line.contains(state)));
    open.map(|line| line.trim().to_owned()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    // L9
    #[test]
    fn a_transaction_that_has_not_ended_is_told() {
        let list = "TransactionalId\tCoordinator\tProducerId\tTransactionState\n\
                    loop-0         \t1          \t2000      \tCompleteCommit  \n\
                    loop-1         \t2          \t2001      \tOngoing         \n\n";
        assert_eq!(unended(list), ["loop-1         \t2          \t2001      \tOngoing"]);
    }
}
