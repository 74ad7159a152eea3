//! Carries out the cases about transactions over a [`Wire`]: keeps what the broker has told of each transactional id, asks, and
//! compares.

use std::io;

use kp_protocol::{ErrorCode, KafkaString, ProducerIdentity, TopicId};

use crate::KafkaVersion;

use super::asking::{Asking, Checked, TRIES, same};
use super::transaction::{
    Needs, Pair, Told, TransactionAnswer, TransactionAsk, TransactionCase, TransactionCaseResult,
    TransactionStep, WhichId,
};
use super::transaction_requests::{self as requests, Asker, CaseTopic, Found};
use super::{Wire, fresh_topic, transaction_cases};

/// Asks the broker behind `wire`, which is of `kafka`, every case that needs nothing but what is in `has`.
///
/// Each case has a topic, a group and two transactional ids of its own, named after `prefix`, which none in the cluster may
/// begin with.
///
/// # Errors
/// The broker cannot be reached. What it answers wrong is no error, but a result.
pub fn run_transactions_on(
    wire: &mut dyn Wire,
    kafka: KafkaVersion,
    has: &[Needs],
    prefix: &str,
) -> io::Result<Vec<TransactionCaseResult>> {
    let mut results = Vec::new();
    for (number, case) in transaction_cases().into_iter().enumerate() {
        if case.since > kafka || !(case.needs == Needs::Nothing || has.contains(&case.needs)) {
            continue;
        }
        wire.reconnect()?;
        let outcome = Probe::new(wire, kafka, format!("{prefix}-{number}")).run(&case);
        let TransactionCase { name, version, rows, .. } = case;
        results.push(TransactionCaseResult { name, version, rows, outcome });
    }
    Ok(results)
}

struct Probe<'a> {
    asking: Asking<'a>,
    kafka: KafkaVersion,
    prefix: String,
    topic: CaseTopic,
    /// What the broker has told of the two transactional ids, oldest first.
    told: [Vec<ProducerIdentity>; 2],
}

impl<'a> Probe<'a> {
    fn new(wire: &'a mut dyn Wire, kafka: KafkaVersion, prefix: String) -> Self {
        let topic = CaseTopic { name: prefix.as_str().into(), id: TopicId::ZERO };
        Self { asking: Asking::new(wire), kafka, prefix, topic, told: Default::default() }
    }

    fn run(mut self, case: &TransactionCase) -> Checked {
        self.set_up(case).map_err(|reason| format!("setting up: {reason}"))?;
        for (number, step) in (1..).zip(&case.steps) {
            self.step(step).map_err(|difference| format!("step {number} ({step:?}): {difference}"))?;
        }
        Ok(())
    }

    fn set_up(&mut self, case: &TransactionCase) -> Checked {
        let writes = |step: &TransactionStep| {
            !matches!(
                step.ask,
                TransactionAsk::FindCoordinator { .. } | TransactionAsk::Init(_) | TransactionAsk::End(_)
            )
        };
        if case.steps.iter().any(writes) {
            self.topic.id = fresh_topic::create(&mut self.asking, &self.prefix, &[])?;
        }
        if case.needs == Needs::FreshCluster {
            return Ok(());
        }
        self.find_coordinators(1, &[WhichId::First, WhichId::Second, WhichId::Unknown])?;
        let offsets = |step: &TransactionStep| {
            matches!(step.ask, TransactionAsk::AddOffsets { .. } | TransactionAsk::CommitOffset(_))
        };
        if case.steps.iter().any(offsets) { self.find_coordinators(0, &[WhichId::First]) } else { Ok(()) }
    }

    fn find_coordinators(&mut self, key_type: i8, names: &[WhichId]) -> Checked {
        let names: Vec<_> = names.iter().map(|id| self.name(*id).unwrap_or_default()).collect();
        self.asking.until_ready(|asking| {
            let found = requests::find_coordinator(asking, 4, key_type, names.clone())?.ok_or("closed")?;
            Ok(found.codes.iter().all(|code| code.is_ok()).then_some(()))
        })
    }

    fn name(&self, id: WhichId) -> Option<KafkaString> {
        match id {
            WhichId::First => Some(format!("{}-first", self.prefix).into()),
            WhichId::Second => Some(format!("{}-second", self.prefix).into()),
            WhichId::Unknown => Some(format!("{}-unknown", self.prefix).into()),
            WhichId::Empty => Some(KafkaString::default()),
            WhichId::Null => None,
        }
    }

    fn group(&self, has_group: bool) -> KafkaString {
        if has_group { self.prefix.as_str().into() } else { KafkaString::default() }
    }

    fn newest(&self, of: usize) -> ProducerIdentity {
        let before = ProducerIdentity { producer_id: 12_345, epoch: 3 };
        self.told[of].last().copied().unwrap_or(before)
    }

    fn pair(&self, id: WhichId, pair: Pair) -> Checked<ProducerIdentity> {
        let of = index(id);
        let newest = self.newest(of);
        Ok(match pair {
            Pair::None => ProducerIdentity { producer_id: -1, epoch: -1 },
            Pair::Current => newest,
            Pair::Old(ago) => *self.told[of].iter().rev().nth(ago).ok_or("the case has no pair that old")?,
            Pair::TooHigh => ProducerIdentity { epoch: newest.epoch + 1, ..newest },
            Pair::Other => ProducerIdentity { producer_id: newest.producer_id + 1_000_000, ..newest },
            Pair::WithoutEpoch => ProducerIdentity { epoch: -1, ..newest },
            Pair::OfTheOther => self.newest(1 - of),
        })
    }

    fn step(&mut self, step: &TransactionStep) -> Checked {
        match step.ask {
            TransactionAsk::Wait(ms) => {
                let until = self.asking.wire.timestamp_ms() + ms;
                while self.asking.wire.timestamp_ms() < until {
                    self.asking.wire.pause();
                }
                return Ok(());
            }
            TransactionAsk::InitUntil(epoch) => return self.init_until(step, epoch),
            _ => {}
        }
        let answer = match &step.answer_of_3_9 {
            Some(answer) if self.kafka < KafkaVersion::V4_3 => answer,
            _ => &step.answer,
        };
        for tries in 0..TRIES {
            let found = self.ask(step)?;
            let code = found.as_ref().and_then(|found| found.codes.first().copied());
            if tries == 0 && step.first.is_some() {
                same("first answer", code, step.first)?;
            }
            if !self.passes(code, step, answer) {
                return self.compare(step, found, answer);
            }
            self.asking.wire.pause();
        }
        Err("answered so for too long".to_owned())
    }

    /// Whether an answer with this code is one that passes, while another must come.
    fn passes(&self, code: Option<ErrorCode>, step: &TransactionStep, answer: &TransactionAnswer) -> bool {
        let expected = match answer {
            TransactionAnswer::Codes { codes, .. } => codes.first().copied(),
            TransactionAnswer::Closed => None,
        };
        let passing = [
            Some(ErrorCode::COORDINATOR_LOAD_IN_PROGRESS),
            // A coordinator is found before it knows that it is one.
            Some(ErrorCode::NOT_COORDINATOR),
            Some(ErrorCode::CONCURRENT_TRANSACTIONS),
            Some(ErrorCode::UNSTABLE_OFFSET_COMMIT),
            step.first,
        ];
        code.is_some() && code != expected && passing.contains(&code)
    }

    fn init_until(&mut self, step: &TransactionStep, epoch: i16) -> Checked {
        while self.newest(index(step.id)).epoch < epoch {
            let asker = self.asker(step)?;
            let found = requests::init(&mut self.asking, &asker, 60_000)?.ok_or("closed")?;
            same("error codes", found.codes, vec![ErrorCode::NONE])?;
            self.told[index(step.id)].extend(found.pair);
        }
        Ok(())
    }

    fn asker(&self, step: &TransactionStep) -> Checked<Asker> {
        let pair = self.pair(step.id, step.pair)?;
        Ok(Asker { version: step.version, transactional_id: self.name(step.id), pair })
    }

    /// What the broker says; `None` if it closes.
    fn ask(&mut self, step: &TransactionStep) -> Checked<Option<Found>> {
        let (asker, topic) = (self.asker(step)?, self.topic.clone());
        let asking = &mut self.asking;
        match &step.ask {
            TransactionAsk::FindCoordinator { key_type, names, .. } => {
                let names = names.iter().map(|id| self.name(*id).unwrap_or_default()).collect();
                requests::find_coordinator(&mut self.asking, step.version, *key_type, names)
            }
            TransactionAsk::Init(timeout_ms) => requests::init(asking, &asker, *timeout_ms),
            TransactionAsk::Add(places) => requests::add(asking, &asker, &topic, places, false),
            TransactionAsk::Verify(places) => requests::add(asking, &asker, &topic, places, true),
            TransactionAsk::AddOffsets { has_group } => {
                let group = self.group(*has_group);
                requests::add_offsets(&mut self.asking, &asker, group)
            }
            TransactionAsk::Produce { acks, writes } => {
                let other = self.newest(1 - index(step.id));
                requests::produce(&mut self.asking, &asker, &topic, (*acks, writes), other)
            }
            TransactionAsk::End(committed) => requests::end(asking, &asker, *committed),
            TransactionAsk::CommitOffset(offset) => {
                let group = self.group(offset.has_group);
                requests::commit_offset(&mut self.asking, &asker, &topic, group, offset)
            }
            TransactionAsk::FetchOffset { require_stable } => {
                let group = self.group(true);
                requests::fetch_offset(&mut self.asking, step.version, &topic, group, *require_stable)
            }
            TransactionAsk::EndOffset { partition, isolation } => {
                requests::end_offset(asking, &topic, *partition, *isolation)
            }
            TransactionAsk::Wait(_) | TransactionAsk::InitUntil(_) => Ok(None),
        }
    }

    fn compare(
        &mut self,
        step: &TransactionStep,
        found: Option<Found>,
        answer: &TransactionAnswer,
    ) -> Checked {
        let TransactionAnswer::Codes { codes, told, offset } = answer else {
            return same("closed", found.is_none(), true);
        };
        let found = found.ok_or("the connection was closed")?;
        same("error codes", &found.codes, codes)?;
        if let TransactionAsk::FindCoordinator { words, names, .. } = &step.ask {
            let count = if step.version < 4 { 1 } else { names.len() };
            same("words", found.words, vec![(*words).to_owned(); count])?;
        }
        if offset.is_some() {
            same("offset", found.offset, *offset)?;
        }
        self.compare_pair(index(step.id), found.pair, *told)
    }

    fn compare_pair(&mut self, of: usize, found: Option<ProducerIdentity>, told: Told) -> Checked {
        let newest = self.newest(of);
        let is_right = match (told, found) {
            (Told::Nothing, _) => true,
            (_, None) => false,
            (Told::New, Some(pair)) => {
                let mut ids = self.told.iter().flatten().map(|before| before.producer_id);
                pair.epoch == 0 && ids.all(|before| before != pair.producer_id)
            }
            (Told::Same, Some(pair)) => pair == newest,
            (Told::Raised(by), Some(pair)) => {
                (pair.producer_id, pair.epoch) == (newest.producer_id, newest.epoch + by)
            }
        };
        if !is_right {
            return Err(format!("the pair is {found:?}, not {told:?} after {newest:?}"));
        }
        if told != Told::Nothing && told != Told::Same {
            self.told[of].extend(found);
        }
        Ok(())
    }
}

fn index(id: WhichId) -> usize {
    usize::from(id == WhichId::Second)
}
