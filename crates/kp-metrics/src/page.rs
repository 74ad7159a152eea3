//! `docs/metrics.md`, printed from the table. `cargo xtask docs` writes it, `cargo xtask tidy` compares.

use crate::table::{MetricInfo, MetricScope, metric_infos};
use std::fmt::Write as _;

/// What stands above the tables.
const INTRODUCTION: &str = "# Metrics\n\n\
     <!-- Printed by `cargo xtask docs` from crates/kp-metrics/src/table.rs. Do not edit. -->\n\n\
     Names are those of Kafka's Java producer. `Producer::metrics()` gives a snapshot under these names at any time, \
     and needs nothing else. A program that installs a recorder of the `metrics` crate (0.24) gets the same values \
     under the names of the second column.\n\n\
     - **Nothing is done for a record.** Batches and requests are counted, with plain adds; the network thread \
     tells the recorder at most once a second, by the producer's clock, only if something happened, and once more \
     at the end. Outcomes are counted before they are told; what the network has done is at most a tenth of a \
     second old in a snapshot.\n\
     - **Rates, averages and maxima over a time** are left to the observer: counters only grow, and of a \
     distribution the snapshot has count, sum and the largest value since the producer was built. A recorder gets \
     each value rounded to the mean of its neighbours: a bucket is at most a quarter wide, sums are exact.\n\
     - **A recorder may be installed before or after the producer is built.** A later one gets the counters in \
     full, and the distributions from then on. A producer that has nothing to do tells nothing: `metadata-age` then \
     stands at the last telling.\n\
     - **When a producer is closed** the gauges of what it held go to what is left (no connections, no requests in \
     flight). The `metrics` crate has no way to take a metric back: the series stay with the recorder until it \
     drops idle ones itself. A network thread that panicked tells nothing more.\n\
     - **A gauge that has nothing to tell any more** (the certificate of a broker that is not connected, a token that was \
     refused) is not in the snapshot, and a recorder gets NaN, as Java's averages are without a value: no comparison \
     in an alarm is true of it.\n\
     - **Two producers of one `client.id`** in a process add up in the counters, and overwrite each other's gauges: \
     give each a name of its own.\n\
     - **To look at them**: `kp produce --metrics ADDR` answers Prometheus, the example `prometheus` shows how a program \
     does, and `grafana/kp-producer.json` is a dashboard over these names.\n\
     - `metrics.recording.level` (`INFO`, `DEBUG`, `TRACE`) says what is shown; what is counted does not change.\n";

/// The whole page, as Markdown.
#[must_use]
pub fn render_markdown() -> String {
    let mut page = String::from(INTRODUCTION);
    for (scope, title) in [
        (MetricScope::Producer, "The producer"),
        (MetricScope::Topic, "Each topic, from the first record sent to it on"),
        (MetricScope::Node, "Each broker, from the first connection to it on"),
        (MetricScope::Cipher, "Each version of TLS and cipher suite, from the first connection on"),
    ] {
        let labels: Vec<String> = scope.labels().iter().map(|label| format!("`{label}`")).collect();
        // Writing to a String cannot fail; the results are dropped for that reason.
        let _ = write!(
            page,
            "\n## {title}\n\nLabels: {}.{}\n\n| Java's name | name in `metrics` | kind | unit | level | meaning |\n\
             |---|---|---|---|---|---|\n",
            labels.join(", "),
            if scope == MetricScope::Node {
                " `node_id` is `node-1` for broker 1, `node--1` for the first of `bootstrap.servers`."
            } else {
                ""
            },
        );
        for info in metric_infos().filter(|info| info.scope == scope) {
            let MetricInfo { name, published, kind, unit, level, doc, .. } = info;
            let level = level.name();
            let _ = writeln!(page, "| `{name}` | `{published}` | {kind} | {unit} | {level} | {doc} |");
        }
    }
    page
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_metric_has_one_line_with_six_columns() {
        let page = render_markdown();
        for info in metric_infos() {
            let published = format!("| `{}` |", info.published);
            let lines: Vec<&str> = page.lines().filter(|line| line.contains(&published)).collect();
            assert_eq!(lines.len(), 1, "{}", info.published);
            assert_eq!(lines[0].matches('|').count(), 7, "{}", lines[0]);
        }
    }
}
