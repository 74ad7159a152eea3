//! Why a batch and a broker do not go together, in words. Pure.

use kp_protocol::api::ProduceRequest;
use kp_protocol::{ApiKey, ProtocolError};

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
            Self::NoVersion => {
                format!("{speaks}, no version of it that kp speaks ({})", ApiKey::Produce.offered())
            }
            Self::Zstd => format!(
                "{speaks}; zstd needs {} (Kafka 2.1): compression.type=lz4, snappy or gzip goes to any broker",
                ProduceRequest::ZSTD_FROM
            ),
            Self::Headers => format!(
                "{speaks}; records with headers need {} (Kafka 0.11): without headers they go to any broker",
                ProduceRequest::BATCHES_FROM
            ),
            Self::Numbered => format!(
                "{speaks}; this batch has a number of its producer id, which needs {} (Kafka 0.11): \
                 enable.idempotence=false sends without",
                ProduceRequest::BATCHES_FROM
            ),
            Self::Other(error) => format!("{speaks}; the batch cannot be converted: {error}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_words_name_the_version_and_what_would_work() {
        assert!(Unfit::Zstd.words(Some(5)).contains("up to version 5; zstd needs 7 (Kafka 2.1)"));
        assert!(Unfit::Headers.words(Some(1)).contains("without headers"));
        assert_eq!(Unfit::Numbered.words(None), "speaks no Produce");
    }
}
