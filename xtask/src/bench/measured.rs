//! A producer's line of results, and the medians of several.

use serde::{Deserialize, Serialize};

use crate::error::XtaskError;

/// What is taken of the line that each producer prints.
#[derive(Debug, Clone, Deserialize, Serialize)]
pub(super) struct Measured {
    pub(super) rec_per_s: f64,
    pub(super) mb_per_s: f64,
    pub(super) cpu_us_per_rec: f64,
    pub(super) rss_mb: f64,
    pub(super) p50_ms: f64,
    pub(super) p99_ms: f64,
    pub(super) p999_ms: f64,
    pub(super) failed: u64,
    /// Not of every program.
    #[serde(default)]
    pub(super) commits_per_s: f64,
}

impl Measured {
    pub(super) fn read(line: &str) -> Result<Self, XtaskError> {
        serde_json::from_str(line).map_err(|error| XtaskError::Failed(format!("{error} in {line}")))
    }
}

/// All rounds of one producer in one scenario.
#[derive(Debug, Serialize)]
pub(super) struct Results {
    pub(super) producer: String,
    pub(super) rounds: Vec<Measured>,
}

impl Results {
    pub(super) fn of(producer: String) -> Self {
        Self { producer, rounds: Vec::new() }
    }

    pub(super) fn is_kp(&self) -> bool {
        self.producer == "kp" || self.producer.starts_with("kp ")
    }

    pub(super) fn is_limit(&self) -> bool {
        self.producer == "limit"
    }

    /// The median of a field over all rounds; `None` without a round.
    pub(super) fn median(&self, field: impl Fn(&Measured) -> f64) -> Option<f64> {
        let mut values: Vec<_> = self.rounds.iter().map(field).collect();
        values.sort_by(f64::total_cmp);
        let middle = values.len() / 2;
        let upper = *values.get(middle)?;
        Some(if values.len() % 2 == 1 { upper } else { (values[middle - 1] + upper) / 2.0 })
    }

    pub(super) fn failed(&self) -> u64 {
        self.rounds.iter().map(|round| round.failed).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_the_middle_or_the_mean_of_the_two_in_it() {
        let line = r#"{"peer":"kp","rec_per_s":1,"mb_per_s":1,"cpu_us_per_rec":1,"rss_mb":1,"p50_ms":0,"p99_ms":0,"p999_ms":0,"failed":2}"#;
        let with = |rec_per_s| Measured { rec_per_s, ..Measured::read(line).unwrap() };
        let mut results = Results::of("kp".to_owned());
        assert_eq!(results.median(|round| round.rec_per_s), None);
        results.rounds = [9.0, 1.0, 4.0].map(with).to_vec();
        assert_eq!((results.median(|round| round.rec_per_s), results.failed()), (Some(4.0), 6));
        results.rounds.push(with(5.0));
        assert_eq!(results.median(|round| round.rec_per_s), Some(4.5));
    }
}
