//! The judges that are not ours: Java's console consumer with `read_committed`, and `kafka-transactions find-hanging`.

use std::collections::BTreeMap;
use std::process::Stdio;

use xtask::kafka::KafkaCluster;

use super::TOPIC;
use crate::Failure;

/// The ids that Java's reader of committed records gets, by partition, in order. It waits for one more than `expected`, in vain.
pub(super) fn java_reads(
    cluster: &KafkaCluster,
    expected: usize,
) -> Result<BTreeMap<i32, Vec<u64>>, Failure> {
    let most = (expected + 1).to_string();
    let args = ["--isolation-level", "read_committed", "--max-messages", &most, "--timeout-ms", "15000"];
    let mut command = cluster.console_consumer(TOPIC, &args);
    let properties = [cluster.formatter_option(), "print.partition=true"];
    // It ends by its timeout, which it calls a failure.
    let output = command.args(properties).stdin(Stdio::null()).stderr(Stdio::null()).output()?;
    let mut read: BTreeMap<i32, Vec<u64>> = BTreeMap::new();
    for line in String::from_utf8_lossy(&output.stdout).lines() {
        let (partition, id) = line
            .strip_prefix("Partition:")
            .and_then(|line| line.split_once('\t'))
            .and_then(|(partition, id)| Some((partition.parse().ok()?, id.parse().ok()?)))
            .ok_or_else(|| format!("Java's reader says {line:?}"))?;
        read.entry(partition).or_default().push(id);
    }
    Ok(read)
}

/// What `kafka-transactions find-hanging` says of each broker, without its heading.
pub(super) fn hanging(cluster: &KafkaCluster) -> Result<Vec<String>, Failure> {
    let mut found = Vec::new();
    for broker in cluster.broker_ids() {
        let (bootstrap, id) = (cluster.bootstrap(), broker.to_string());
        // Zero minutes: by default it looks only at transactions that are open for longer than any may be.
        let args = [
            "--bootstrap-server",
            &bootstrap,
            "find-hanging",
            "--broker-id",
            &id,
            "--max-transaction-timeout",
            "0",
        ];
        let output = cluster.tool("org.apache.kafka.tools.TransactionsCommand", &args)?;
        let text = String::from_utf8_lossy(&output);
        let rows =
            text.lines().filter(|line| !line.trim().is_empty() && !line.trim_start().starts_with("Topic"));
        found.extend(rows.map(|row| format!("broker {broker}: {}", row.trim())));
    }
    Ok(found)
}
