//! What is in the logs, held against what the senders were told.

use std::fmt::Write as _;
use std::io::{BufReader, Read};
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use xtask::kafka::KafkaCluster;

use crate::Failure;
use crate::faults::{Counts, Gap};
use crate::ledger::{Ledger, Told};
use crate::producers::Logins;

const ROW: usize = 20;
/// Of each kind, so many are named.
const NAMED: usize = 5;

/// Where a record was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Seen {
    No,
    Elsewhere,
    /// Or anywhere, if no place was told.
    WhereTold,
}

/// How the laws fared.
#[derive(Clone, Debug, Default)]
pub(crate) struct Verdict {
    pub(crate) sent: u64,
    pub(crate) acked: u64,
    pub(crate) not_written: u64,
    pub(crate) unknown: u64,
    pub(crate) in_log: u64,
    /// Acknowledged, and not there.
    pub(crate) lost: u64,
    /// There a second time.
    pub(crate) doubled: u64,
    /// Behind a younger one of the same task and partition.
    pub(crate) reordered: u64,
    /// Said not to be written, and there.
    pub(crate) false_certainty: u64,
    /// There, but not at the place that was told.
    pub(crate) misplaced: u64,
    /// Damaged, or never sent.
    pub(crate) broken: u64,
    /// Of the producers, by their own count.
    pub(crate) logins: Logins,
    /// Sends that were not taken, since brokers let the producer not in.
    pub(crate) refused: u64,
    examples: Vec<String>,
}

impl Verdict {
    /// Reads the topic with Kafka's own consumer.
    pub(crate) fn read(cluster: &KafkaCluster, topic: &str, ledger: &Ledger) -> Result<Self, Failure> {
        let mut verdict = Self { sent: ledger.records(), ..Self::default() };
        let program = Path::new(env!("CARGO_MANIFEST_DIR")).join("java/ChaosReader.java");
        let mut child = cluster
            .java_command()
            .arg(program)
            .arg(cluster.bootstrap())
            .arg(topic)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::inherit())
            .spawn()?;
        let mut out = BufReader::with_capacity(1 << 20, child.stdout.take().ok_or("no standard output")?);
        let mut seen: Vec<Vec<Seen>> = ledger.tasks.iter().map(|task| vec![Seen::No; task.len()]).collect();
        // The newest number of each task in each partition.
        let mut newest: Vec<Vec<Option<u64>>> = vec![vec![None; 256]; ledger.tasks.len()];
        let mut row = [0; ROW];
        while out.read_exact(&mut row).is_ok() {
            verdict.take_row(&row, ledger, &mut seen, &mut newest);
        }
        if !child.wait()?.success() {
            return Err("Kafka's consumer did not read to the end".into());
        }
        for (task, records) in ledger.tasks.iter().enumerate() {
            for (number, packed) in records.iter().enumerate() {
                match Told::unpack(*packed) {
                    Some(Told::Written { .. }) => {
                        verdict.acked += 1;
                        match seen[task][number] {
                            Seen::No => {
                                verdict.lost += 1;
                                verdict.name(format!("lost: record {number} of task {task}"));
                            }
                            Seen::Elsewhere => {
                                verdict.misplaced += 1;
                                verdict
                                    .name(format!("not where it was told: record {number} of task {task}"));
                            }
                            Seen::WhereTold => {}
                        }
                    }
                    Some(Told::NotWritten) => verdict.not_written += 1,
                    Some(Told::Unknown) => verdict.unknown += 1,
                    None => return Err("a record without an outcome".into()),
                }
            }
        }
        Ok(verdict)
    }

    fn take_row(
        &mut self,
        row: &[u8; ROW],
        ledger: &Ledger,
        seen: &mut [Vec<Seen>],
        newest: &mut [Vec<Option<u64>>],
    ) {
        let number_at =
            |at: usize| row[at..at + 8].iter().fold(0u64, |sum, byte| sum << 8 | u64::from(*byte));
        let partition = u16::from_be_bytes([row[0], row[1]]);
        let (is_whole, task, number, offset) =
            (row[2] == 1, usize::from(row[3]), number_at(4), number_at(12));
        self.in_log += 1;
        let Some(packed) =
            ledger.tasks.get(task).and_then(|task| task.get(number as usize)).filter(|_| is_whole)
        else {
            self.broken += 1;
            return self.name(format!("damaged or never sent: {partition}@{offset}"));
        };
        let told = Told::unpack(*packed);
        let place = &mut seen[task][number as usize];
        let was = *place;
        *place = match told {
            Some(Told::Written { partition: told, offset: Some(at) })
                if (told, at) != (partition, offset) =>
            {
                if was == Seen::WhereTold {
                    was
                } else {
                    Seen::Elsewhere
                }
            }
            _ => Seen::WhereTold,
        };
        if was != Seen::No {
            self.doubled += 1;
            return self.name(format!("twice: record {number} of task {task} at {partition}@{offset}"));
        }
        let before = newest[task][usize::from(partition)].replace(number);
        if before.is_some_and(|before| before > number) {
            self.reordered += 1;
            self.name(format!(
                "out of order: record {number} of task {task} at {partition}@{offset}, behind {before:?}"
            ));
        }
        if told == Some(Told::NotWritten) {
            self.false_certainty += 1;
            self.name(format!(
                "said not to be written: record {number} of task {task} at {partition}@{offset}"
            ));
        }
    }

    fn name(&mut self, example: String) {
        if self.examples.len() < NAMED {
            self.examples.push(example);
        }
    }

    /// Whether every law holds.
    pub(crate) fn is_clean(&self) -> bool {
        self.lost + self.doubled + self.reordered + self.false_certainty + self.misplaced + self.broken == 0
    }

    pub(crate) fn table(&self, what: &str, counts: &Counts) -> String {
        let mut text = format!("## {what}\n\n| | |\n|---|---|\n");
        let rows = [
            ("records sent", self.sent),
            ("acknowledged", self.acked),
            ("failed, not written", self.not_written),
            ("failed, unknown", self.unknown),
            ("in the logs", self.in_log),
            ("lost", self.lost),
            ("doubled", self.doubled),
            ("reordered", self.reordered),
            ("certainty claimed falsely", self.false_certainty),
            ("offset told wrong", self.misplaced),
            ("damaged", self.broken),
            ("faults", counts.by_kind.values().sum()),
        ];
        for (name, count) in rows {
            let _ = writeln!(text, "| {name} | {count} |");
        }
        for (kind, count) in &counts.by_kind {
            let _ = writeln!(text, "| … {kind} | {count} |");
        }
        if self.logins.done > 0 {
            let Logins { done, refused, renewed, not_renewed } = self.logins;
            let _ = writeln!(text, "| logins (refused) | {done} ({refused}) |");
            let _ = writeln!(text, "| sessions renewed (refused) | {renewed} ({not_renewed}) |");
            let _ = writeln!(text, "| sends refused while not let in, sent again | {} |", self.refused);
        }
        if let Some(gap) = counts.gaps.iter().map(|gap| gap.whole).max() {
            let in_ms = |pick: fn(&Gap) -> Duration| {
                let mut all: Vec<_> = counts.gaps.iter().map(|gap| pick(gap).as_millis()).collect();
                all.sort_unstable();
                format!("{all:?}")
            };
            let _ = writeln!(
                text,
                "| longest silence of a partition whose leader was killed | {} ms |\n\
                 | … after the new leader was elected, each kill, ms | {} |\n\
                 | … the same with acks=1, without waiting for followers | {} |",
                gap.as_millis(),
                in_ms(|gap| gap.behind),
                in_ms(|gap| gap.behind_leader_alone),
            );
        }
        for example in &self.examples {
            let _ = writeln!(text, "\n{example}");
        }
        text
    }
}
