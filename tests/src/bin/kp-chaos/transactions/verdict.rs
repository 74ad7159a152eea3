//! The end of a run with transactions: journals, frames and logs become the history that the simulation's laws judge too; what only
//! this world has is judged here.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::Duration;

use kp_protocol::ApiKey;
use kp_tests::laws::{Broken, Place};
use kp_tests::transaction_history::{
    Answer, Asked, EndFrame, Instance as Producer, Reach, TransactionHistory,
};
use kp_tests::transaction_laws::broken_transaction_laws;

use super::journal::Life;
use super::logs::Logs;
use super::sight::{Seen, SeenInit, SeenLate};
use super::worker::{TIMED_OUT, TOO_YOUNG};
use super::workers::Instance;
use crate::Failure;

/// All that is left of a run.
#[derive(Debug)]
pub(super) struct Evidence {
    pub(super) started_us: u64,
    pub(super) instances: Vec<Instance>,
    pub(super) lives: Vec<Life>,
    pub(super) seen: Seen,
    pub(super) logs: Logs,
    pub(super) reach: BTreeMap<Place, Reach>,
    /// By partition, as Java's reader of committed records got them.
    pub(super) java: BTreeMap<i32, Vec<u64>>,
    /// What `kafka-transactions find-hanging` said.
    pub(super) hanging: Vec<String>,
}

/// What came of it.
#[derive(Debug)]
pub(super) struct Verdict {
    pub(super) broken: Vec<Broken>,
    history: TransactionHistory,
    /// Producers that ran into their timeout and were shut out for it, as brokers before 4.0 do.
    shut_out_by_timeout: u64,
    /// Producers that were shut out for asking twice for the next epoch, the first time without an answer; brokers before 4.0 again.
    shut_out_by_bump: u64,
    /// Producers that an older instance has shut out, which asked for its next epoch and did not know yet that it is fenced; likewise.
    shut_out_by_older: u64,
}

/// PRODUCER_FENCED.
const PRODUCER_FENCED: i16 = 90;
/// CONCURRENT_TRANSACTIONS.
const CONCURRENT_TRANSACTIONS: i16 = 51;

impl Evidence {
    pub(super) fn lives_of(instances: &[Instance]) -> Result<Vec<Life>, Failure> {
        instances.iter().map(Instance::life).collect()
    }

    fn since(&self, at_us: u64) -> Duration {
        Duration::from_micros(at_us.saturating_sub(self.started_us))
    }

    /// The other instances of the same id, before it and behind it.
    fn others(&self, number: usize) -> impl Iterator<Item = &Instance> {
        let all = self.instances.iter().enumerate();
        let id = self.instances[number].id;
        all.filter(move |(other, instance)| *other != number && instance.id == id)
            .map(|(_, instance)| instance)
    }

    /// When the coordinator let an instance in, each time.
    fn let_in(&self, instance: &Instance) -> impl Iterator<Item = u64> {
        let is_own = |init: &&SeenInit| init.client == instance.client && init.code == 0;
        self.seen.inits.iter().filter(is_own).map(|init| init.at_us)
    }

    /// When another instance of the same id was let in behind it for the first time.
    fn fenced(&self, number: usize) -> Option<u64> {
        let own = self.let_in(&self.instances[number]).min()?;
        self.others(number).flat_map(|other| self.let_in(other)).filter(|at| *at > own).min()
    }

    /// The same run as the laws want it.
    fn history(&self) -> TransactionHistory {
        let mut history = TransactionHistory { reach: self.reach.clone(), ..TransactionHistory::default() };
        for (number, (instance, life)) in self.instances.iter().zip(&self.lives).enumerate() {
            history.instances.push(Producer {
                transactional_id: instance.transactional_id(),
                fenced: self.fenced(number).map(|at| self.since(at)),
                killed: instance.killed,
                closed: life.closed,
            });
            let mut ends = self.ends_of(instance, life);
            for (place, noted) in life.transactions.iter().enumerate() {
                let mut one = noted.what.clone();
                (one.instance, one.ends) = (number, ends.remove(&place).unwrap_or_default());
                history.transactions.push(one);
            }
            history.sent.extend(life.sent.clone());
        }
        history.logs.clone_from(&self.logs.records);
        history.group_offsets.clone_from(&self.logs.group_offsets);
        history
    }

    /// EndTxn requests by the place of the transaction that was open when they were written.
    fn ends_of(&self, instance: &Instance, life: &Life) -> BTreeMap<usize, Vec<EndFrame>> {
        let mut ends: BTreeMap<usize, Vec<EndFrame>> = BTreeMap::new();
        for end in self.seen.ends.iter().filter(|end| end.client == instance.client) {
            let Some(place) = transaction_at(life, end.at_us) else { continue };
            let (written, pair) = (self.since(end.at_us), end.pair);
            let frame = EndFrame { written, pair, commit: end.commit, answer: end.answer };
            ends.entry(place).or_default().push(frame);
        }
        ends
    }

    /// How many transactions later a request came than it was written for.
    fn lateness(&self, late: &SeenLate) -> usize {
        let Some(number) = self.instances.iter().position(|instance| instance.client == late.client) else {
            return 0;
        };
        let life = &self.lives[number];
        let (of, into) = (transaction_at(life, late.written_us), transaction_at(life, late.delivered_us));
        into.unwrap_or_default().saturating_sub(of.unwrap_or_default())
    }

    pub(super) fn judge(&self) -> Verdict {
        let history = self.history();
        let mut broken = broken_transaction_laws(&history);
        let (mut shut_out_by_timeout, mut shut_out_by_bump, mut shut_out_by_older) = (0, 0, 0);
        let mut more = |law: &'static str, how: String| broken.push(Broken { law, how });
        for (number, (instance, life)) in self.instances.iter().zip(&self.lives).enumerate() {
            if let Some(wrong) = &instance.wrong {
                more("a worker ends in order", format!("{}: {wrong}", instance.client));
            }
            match self.why_fenced(number, instance, life) {
                Fenced::No | Fenced::ByAnother => {}
                Fenced::ByTimeout => shut_out_by_timeout += 1,
                Fenced::ByOwnBump => shut_out_by_bump += 1,
                Fenced::ByOlderBump => shut_out_by_older += 1,
                Fenced::ByNobody(how) => more("only a newer instance fences", how),
            }
        }
        if let Some(row) = self.hanging.first() {
            let how =
                format!("kafka-transactions find-hanging says {} rows, the first: {row}", self.hanging.len());
            more("no hanging transaction", how);
        }
        if let Some(how) = self.java_differs(&history) {
            more("Java's reader sees the same", how);
        }
        Verdict { broken, history, shut_out_by_timeout, shut_out_by_bump, shut_out_by_older }
    }

    fn why_fenced(&self, number: usize, instance: &Instance, life: &Life) -> Fenced {
        let Some((at, why)) = &life.finished else { return Fenced::No };
        if why.starts_with(TOO_YOUNG) {
            return Fenced::ByNobody(format!("{} says what is not true: {why}", instance.client));
        }
        // Two that start at once are let in in any order.
        let between = life.ready_us.unwrap_or_default()..*at;
        let came_between = |other: &Instance| {
            let mut asked = self.seen.inits.iter().filter(|init| init.client == other.client);
            between.contains(&other.started_us) || asked.any(|init| between.contains(&init.at_us))
        };
        if self.others(number).any(came_between) {
            return Fenced::ByAnother;
        }
        if why.starts_with(TIMED_OUT) {
            return Fenced::ByTimeout;
        }
        if self.is_undone_bump(instance) {
            return Fenced::ByOwnBump;
        }
        // The open transaction of the newer one is aborted for it, and the older one is refused none the less (TM-L9).
        let is_asked_within = |other: &Instance| {
            let mut bumps = self.seen.bumps.iter().filter(|bump| bump.client == other.client);
            bumps.any(|bump| bump.answer == Some(CONCURRENT_TRANSACTIONS) && between.contains(&bump.at_us))
        };
        if self.others(number).any(is_asked_within) {
            return Fenced::ByOlderBump;
        }
        let age =
            life.transactions.last().map(|last| Duration::from_micros(at.saturating_sub(last.begun_us)));
        if age.is_some_and(|age| age >= instance.timeout) {
            return Fenced::ByTimeout;
        }
        Fenced::ByNobody(format!(
            "{} is finished while it was the only instance, {age:?} behind the begin of its last transaction: {why}",
            instance.client
        ))
    }

    /// Whether a producer's last request for the next epoch was refused as a fenced one's, behind one that was not answered, or whose
    /// coordinator moved or found a transaction open. Kafka before 4.0 then knows the epoch before no longer (TM-L9, TM-I4).
    fn is_undone_bump(&self, instance: &Instance) -> bool {
        let own = self.seen.bumps.iter().rev().filter(|bump| bump.client == instance.client);
        let answers: Vec<_> = own.take(2).map(|bump| bump.answer).collect();
        matches!(answers[..], [Some(PRODUCER_FENCED), None | Some(-1 | 14 | 15 | 16 | 51)])
    }

    /// Where Java's reader of committed records and the logs part.
    fn java_differs(&self, history: &TransactionHistory) -> Option<String> {
        for ((_, partition), seen) in history.visible() {
            let ours: Vec<u64> = seen.into_iter().map(|(_, id)| id).collect();
            let java = self.java.get(partition).map(Vec::as_slice).unwrap_or_default();
            if ours != java {
                let place = ours.iter().zip(java).position(|(ours, java)| ours != java);
                let (ours, java) = (ours.len(), java.len());
                return Some(format!(
                    "partition {partition}: {ours} records are visible by the log, Java's reader has {java}; \
                     the first that differs: {place:?}"
                ));
            }
        }
        None
    }

    /// Late requests: by API how many, how many in a later transaction, and their answers.
    fn late_rows(&self) -> Vec<String> {
        let mut by_api: BTreeMap<&str, (u64, u64, BTreeMap<String, u64>)> = BTreeMap::new();
        for late in &self.seen.late {
            let (count, later, answers) = by_api.entry(ApiKey::name(late.api)).or_default();
            *count += 1;
            *later += u64::from(self.lateness(late) > 0);
            let answer = late.answer.map_or("none".to_owned(), |code| code.to_string());
            *answers.entry(answer).or_default() += 1;
        }
        let row = |(api, (count, later, answers)): (&str, (u64, u64, BTreeMap<String, u64>))| {
            let answers: Vec<_> =
                answers.iter().map(|(answer, count)| format!("{answer} × {count}")).collect();
            format!(
                "| … late {api}; in a later transaction; answers | {count}; {later}; {} |",
                answers.join(", ")
            )
        };
        by_api.into_iter().map(row).collect()
    }

    /// Everything that the verdict was made from, for a reader of its failure.
    pub(super) fn write_down(&self, directory: &std::path::Path) -> Result<(), Failure> {
        let mut frames = String::new();
        for end in &self.seen.ends {
            let _ = writeln!(frames, "{} {end:?}", end.at_us);
        }
        for init in &self.seen.inits {
            let _ = writeln!(frames, "{} {init:?}", init.at_us);
        }
        for bump in &self.seen.bumps {
            let _ = writeln!(frames, "{} {bump:?}", bump.at_us);
        }
        for late in &self.seen.late {
            let _ = writeln!(frames, "{} {late:?}", late.delivered_us);
        }
        std::fs::write(directory.join("frames.txt"), frames)?;
        let mut logs = String::new();
        for (place, log) in &self.logs.records {
            for (offset, entry) in log {
                let _ = writeln!(logs, "{}-{} {offset} {entry:?}", place.0, place.1);
            }
        }
        for offset in &self.logs.group_offsets {
            let _ = writeln!(logs, "{offset:?}");
        }
        std::fs::write(directory.join("logs.txt"), logs)?;
        std::fs::write(directory.join("instances.txt"), format!("{:#?}", self.instances))?;
        std::fs::write(directory.join("java.txt"), format!("{:?}", self.java))?;
        Ok(())
    }
}

enum Fenced {
    No,
    ByAnother,
    ByTimeout,
    ByOwnBump,
    ByOlderBump,
    ByNobody(String),
}

/// The transaction that was the newest at a moment.
fn transaction_at(life: &Life, at_us: u64) -> Option<usize> {
    life.transactions.partition_point(|noted| noted.begun_us <= at_us).checked_sub(1)
}

impl Verdict {
    /// What happened how often.
    fn rows(&self, evidence: &Evidence) -> Vec<(&'static str, usize)> {
        let history = &self.history;
        let all = &history.transactions;
        let told = |answer| all.iter().filter(|one| one.outcome() == Some(answer)).count();
        let visible: usize = history.visible().values().map(Vec::len).sum();
        vec![
            ("producers", history.instances.len()),
            ("transactions", all.len()),
            ("… told Committed", told(Answer::Committed)),
            ("… told Aborted", told(Answer::Aborted)),
            (
                "… told Unresolved first",
                all.iter().filter(|one| one.told.contains(&Answer::Unresolved)).count(),
            ),
            ("… told Unknown", told(Answer::Unknown)),
            ("… told Fatal (not committed)", told(Answer::Fatal)),
            (
                "… without an end: their producer was killed",
                all.iter().filter(|one| is_cut_short(one)).count(),
            ),
            ("records sent", history.sent.len()),
            ("… visible", visible),
            ("offsets sent", all.iter().map(|one| one.offsets.len()).sum()),
            ("… committed", history.group_offsets.len()),
            ("EndTxn requests", evidence.seen.ends.len()),
            ("… without an answer", evidence.seen.ends.iter().filter(|end| end.answer.is_none()).count()),
            ("shut out for their timeout", self.shut_out_by_timeout as usize),
            ("shut out for an unanswered bump of their own", self.shut_out_by_bump as usize),
            ("shut out by a bump of an older instance", self.shut_out_by_older as usize),
        ]
    }

    pub(super) fn table(&self, evidence: &Evidence, faults: &BTreeMap<&'static str, u64>) -> String {
        let mut text = "| | |\n|---|---|\n".to_owned();
        for (name, count) in self.rows(evidence) {
            let _ = writeln!(text, "| {name} | {count} |");
        }
        let _ = writeln!(text, "| faults | {} |", faults.values().sum::<u64>());
        for (kind, count) in faults {
            let _ = writeln!(text, "| … {kind} | {count} |");
        }
        for row in evidence.late_rows() {
            let _ = writeln!(text, "{row}");
        }
        let mut reasons: BTreeMap<&str, u64> = BTreeMap::new();
        evidence
            .lives
            .iter()
            .flat_map(|life| &life.reasons)
            .for_each(|why| *reasons.entry(why).or_default() += 1);
        let reasons: Vec<_> = reasons.iter().map(|(why, count)| format!("{why} × {count}")).collect();
        let _ = writeln!(text, "| not committed, why | {} |", reasons.join(", "));
        let _ = writeln!(
            text,
            "| partial, aborted and seen, committed and lost, out of order, hanging | {} |",
            {
                if self.broken.is_empty() {
                    "0, 0, 0, 0, 0".to_owned()
                } else {
                    format!("{} laws broken", self.broken.len())
                }
            }
        );
        text
    }
}

fn is_cut_short(one: &kp_tests::transaction_history::Transacted) -> bool {
    one.told.is_empty() && (one.asked == Asked::Nothing || one.outcome().is_none())
}

#[cfg(test)]
mod tests {
    use kp_tests::laws::{Sent, Told};
    use kp_tests::transaction_history::{Entry, Transacted};

    use super::super::journal::Noted;
    use super::super::logs::Log;
    use super::*;

    /// One producer, which committed a transaction of two records.
    fn evidence() -> Evidence {
        let place: Place = ("t".to_owned(), 0);
        let written = || Sent {
            accepted: Some(1),
            told: vec![Told::Written { place: ("t".to_owned(), 0), offset: None }],
        };
        let (asked, told) = (Asked::Commit, vec![Answer::Committed]);
        let what = Transacted { records: vec![1, 2], asked, told, ..Transacted::default() };
        let life = Life {
            ready_us: Some(10),
            transactions: vec![Noted { begun_us: 20, what }],
            sent: [(1, written()), (2, written())].into(),
            closed: true,
            ..Life::default()
        };
        let pair = (5, 0);
        let log: Log = vec![
            (0, Entry::Record { pair, id: 1 }),
            (1, Entry::Record { pair, id: 2 }),
            (2, Entry::Marker { pair, commit: true }),
        ];
        Evidence {
            started_us: 0,
            instances: vec![Instance::of("worker-0.0", 1)],
            lives: vec![life],
            seen: Seen::default(),
            logs: Logs { records: [(place.clone(), log)].into(), group_offsets: Vec::new() },
            reach: [(place, Reach { stable: 3, high: 3 })].into(),
            java: [(0, vec![1, 2])].into(),
            hanging: Vec::new(),
        }
    }

    fn broken(evidence: &Evidence) -> Vec<&'static str> {
        evidence.judge().broken.iter().map(|broken| broken.law).collect()
    }

    // L1, L2, L3, L9
    #[test]
    fn evidence_that_is_tampered_with_breaks_its_law() {
        assert!(broken(&evidence()).is_empty(), "{:?}", evidence().judge().broken);
        let mut half = evidence();
        half.lives[0].transactions[0].what.records.push(3);
        assert!(broken(&half).contains(&"committed is whole"));
        let mut aborted = evidence();
        aborted.lives[0].transactions[0].what.told = vec![Answer::Aborted];
        assert!(broken(&aborted).contains(&"aborted is invisible"));
        let mut stuck = evidence();
        stuck.reach.insert(("t".to_owned(), 0), Reach { stable: 1, high: 3 });
        assert_eq!(broken(&stuck), ["no hanging transaction"]);
        let mut hanging = evidence();
        hanging.hanging.push("broker 1: t 0".to_owned());
        assert_eq!(broken(&hanging), ["no hanging transaction"]);
        let mut other = evidence();
        other.java.insert(0, vec![2, 1]);
        assert_eq!(broken(&other), ["Java's reader sees the same"]);
    }

    // L11, TC12
    #[test]
    fn who_is_fenced_needs_another_instance_that_was_there_at_that_time() {
        let mut alone = evidence();
        alone.lives[0].closed = false;
        alone.lives[0].finished = Some((100, "fenced another producer".to_owned()));
        assert_eq!(broken(&alone), ["only a newer instance fences"]);
        for (started_us, is_lawful) in [(5, false), (50, true), (150, false)] {
            let mut two = evidence();
            two.lives[0].finished = Some((100, "fenced another producer".to_owned()));
            two.instances.push(Instance::of("worker-0.1", started_us));
            two.lives.push(Life::default());
            assert_eq!(broken(&two).is_empty(), is_lawful, "started at {started_us}");
        }
    }
}
