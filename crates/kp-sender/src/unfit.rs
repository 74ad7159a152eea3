//! Batches and brokers that do not go together: which record format all brokers have in common, and what to say of a
//! batch that a broker cannot take.
//! Owner: the sender core.

use crate::produce::{self, PartRecords};
use crate::{Output, SenderCore};
use kp_accumulator::{Batch, InFlight, Payload, WireBatch};
use kp_protocol::records::MessageFormat;
use kp_protocol::{BrokerId, BrokerVersions, ProtocolError};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Why a batch cannot go to a broker.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Unfit {
    /// There is no version of Produce that both speak.
    NoVersion,
    Zstd,
    Headers,
    /// It has a number, which message sets have no place for.
    Numbered,
    /// Whatever else the conversion says.
    Other(ProtocolError),
}

impl Unfit {
    /// What the broker lacks, and what would work.
    pub(crate) fn words(&self, offered: Option<i16>) -> String {
        let speaks = match offered {
            Some(version) => format!("speaks Produce up to version {version}"),
            None => return "speaks no Produce".to_owned(),
        };
        match self {
            Self::NoVersion => format!("{speaks}, no version of it that kp speaks (0 to 13)"),
            Self::Zstd => format!(
                "{speaks}; zstd needs 7 (Kafka 2.1): compression.type=lz4, snappy or gzip goes to any broker"
            ),
            Self::Headers => format!(
                "{speaks}; records with headers need 3 (Kafka 0.11): without headers they go to any broker"
            ),
            Self::Numbered => format!(
                "{speaks}; this batch has a number of its producer id, which needs 3 (Kafka 0.11): \
                 enable.idempotence=false sends without"
            ),
            Self::Other(error) => format!("{speaks}; the batch cannot be converted: {error}"),
        }
    }
}

/// The records of a batch as Produce in this version carries them.
pub(crate) fn records_for(
    version: i16,
    batch: &mut Batch<InFlight>,
    wire: WireBatch,
    level: Option<i32>,
) -> Result<PartRecords<Payload>, Unfit> {
    if !produce::knows_codec(version, batch.compression()) {
        return Err(Unfit::Zstd);
    }
    let Some(format) = MessageFormat::of_produce(version) else {
        return Ok(PartRecords::Batch { header: wire.header, payload: wire.payload });
    };
    if batch.identity().is_some() {
        return Err(Unfit::Numbered);
    }
    match batch.as_message_set(format, level) {
        Ok(set) => Ok(PartRecords::MessageSet(set)),
        Err(ProtocolError::NotConvertible { .. }) => Err(Unfit::Headers),
        Err(error) => Err(Unfit::Other(error)),
    }
}

/// The record format that each broker takes, as far as heard of.
#[derive(Debug, Default)]
pub(crate) struct Formats {
    /// `None` = batches.
    by_broker: BTreeMap<BrokerId, Option<MessageFormat>>,
    /// The newest that all of them take.
    common: Option<MessageFormat>,
}

impl Formats {
    /// Takes in what a broker speaks. If the format that all have in common is another one by that, says which.
    fn heard(&mut self, broker: BrokerId, versions: &BrokerVersions) -> Option<Option<MessageFormat>> {
        let version = produce::choose_version(versions, true)?;
        self.by_broker.insert(broker, MessageFormat::of_produce(version));
        self.change()
    }

    /// Forgets whoever left the list. Nobody left: what was common stays until somebody is heard again.
    fn retain(&mut self, is_known: impl Fn(BrokerId) -> bool) -> Option<Option<MessageFormat>> {
        self.by_broker.retain(|broker, _| is_known(*broker));
        if self.by_broker.is_empty() { None } else { self.change() }
    }

    fn change(&mut self) -> Option<Option<MessageFormat>> {
        let common = self.by_broker.values().copied().flatten().min();
        (std::mem::replace(&mut self.common, common) != common).then_some(common)
    }

    /// One that takes no newer format than the common one.
    fn oldest(&self) -> Option<BrokerId> {
        let oldest = self.by_broker.iter().find(|(_, format)| **format == self.common);
        oldest.map(|(broker, _)| *broker)
    }
}

impl SenderCore {
    /// A broker is ready: it may be older or newer than what was known.
    pub(crate) fn note_versions(&mut self, broker: BrokerId, versions: &BrokerVersions) {
        if let Some(format) = self.formats.heard(broker, versions) {
            let offered = produce::newest_offered(versions);
            self.tell_format(format, broker, Unfit::Headers.words(offered));
        }
    }

    pub(crate) fn forget_formats(&mut self, is_known: impl Fn(BrokerId) -> bool) {
        let changed = self.formats.retain(is_known);
        if let (Some(format), Some(broker)) = (changed, self.formats.oldest()) {
            let oldest = if format == Some(MessageFormat::V0) { 1 } else { 2 };
            self.tell_format(format, broker, Unfit::Headers.words(Some(oldest)));
        }
    }

    fn tell_format(&mut self, format: Option<MessageFormat>, broker: BrokerId, words: String) {
        let reason = Arc::from(format!("broker {broker} ({}) {words}", self.address_of(broker)));
        self.put(Output::RecordFormat { format, reason });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use kp_protocol::{ApiKey, VersionRange};

    fn up_to(produce: i16) -> BrokerVersions {
        BrokerVersions::fixed([(ApiKey::Produce, VersionRange::new(0, produce))])
    }

    #[test]
    fn the_oldest_broker_decides_which_format_all_have_in_common() {
        let (one, two, bootstrap) = (BrokerId(1), BrokerId(2), BrokerId(-1));
        let mut formats = Formats::default();
        assert_eq!(formats.heard(bootstrap, &up_to(1)), Some(Some(MessageFormat::V0)));
        assert_eq!(formats.heard(bootstrap, &up_to(1)), None, "told once");
        assert_eq!(formats.retain(|broker| !broker.is_bootstrap()), None, "nobody left to ask");
        assert_eq!(formats.heard(one, &up_to(2)), Some(Some(MessageFormat::V1)));
        assert_eq!(formats.heard(two, &up_to(13)), None, "a newer one changes nothing");
        assert_eq!(formats.oldest(), Some(one));
        assert_eq!(formats.heard(one, &up_to(9)), Some(None), "it was upgraded");
        assert_eq!(formats.heard(two, &up_to(1)), Some(Some(MessageFormat::V0)));
        assert_eq!(formats.retain(|broker| broker == one), Some(None));
    }

    #[test]
    fn a_broker_without_produce_is_nobodys_measure() {
        assert_eq!(Formats::default().heard(BrokerId(1), &BrokerVersions::default()), None);
    }

    #[test]
    fn the_words_name_the_version_and_what_would_work() {
        assert!(Unfit::Zstd.words(Some(5)).contains("up to version 5; zstd needs 7 (Kafka 2.1)"));
        assert!(Unfit::Headers.words(Some(1)).contains("without headers"));
        assert_eq!(Unfit::Numbered.words(None), "speaks no Produce");
    }
}
