//! Latencies: counted while records are answered, drawn at the end.
//! Owns: the buckets and the bars. Pure.

use std::{fmt::Write as _, time::Duration};

use hdrhistogram::Histogram;

/// Latencies in microseconds, to three digits, up to an hour.
#[derive(Debug, Clone)]
pub(crate) struct Latencies(Histogram<u64>);

const LONGEST_US: u64 = 3_600_000_000;

/// What a summary says about latencies, in milliseconds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Percentiles {
    pub(crate) min: f64,
    pub(crate) p50: f64,
    pub(crate) p90: f64,
    pub(crate) p99: f64,
    pub(crate) p999: f64,
    pub(crate) max: f64,
    pub(crate) mean: f64,
}

impl Latencies {
    pub(crate) fn new() -> Self {
        Self(Histogram::new_with_bounds(1, LONGEST_US, 3).expect("1 µs to 1 h at 3 digits is in its limits"))
    }

    pub(crate) fn record(&mut self, latency: Duration) {
        let micros = u64::try_from(latency.as_micros()).unwrap_or(u64::MAX);
        self.0.saturating_record(micros.clamp(1, LONGEST_US));
    }

    /// Adds another's.
    pub(crate) fn add(&mut self, other: &Self) {
        self.0.add(&other.0).expect("all have the same bounds");
    }

    /// How many were counted.
    #[cfg(test)]
    pub(crate) fn count(&self) -> u64 {
        self.0.len()
    }

    /// (share of the latencies, the latency in milliseconds that this share does not exceed), one for each different
    /// latency: for a percentile plot.
    pub(crate) fn curve(&self) -> Vec<(f64, f64)> {
        let recorded = self.0.iter_recorded();
        recorded.map(|step| (step.quantile(), step.value_iterated_to() as f64 / 1000.0)).collect()
    }

    /// Each different latency in microseconds and how often it came: small, where few came.
    pub(crate) fn sparse(&self) -> Vec<(u64, u64)> {
        let recorded = self.0.iter_recorded();
        recorded.map(|step| (step.value_iterated_to(), step.count_at_value())).collect()
    }

    /// Adds what [`sparse`](Self::sparse) gave.
    pub(crate) fn add_sparse(&mut self, sparse: &[(u64, u64)]) {
        sparse.iter().for_each(|(micros, count)| self.0.saturating_record_n(*micros, *count));
    }

    /// `None` if nothing was counted.
    pub(crate) fn percentiles(&self) -> Option<Percentiles> {
        let ms = |micros: u64| micros as f64 / 1000.0;
        let at = |quantile| ms(self.0.value_at_quantile(quantile));
        (!self.0.is_empty()).then(|| Percentiles {
            min: ms(self.0.min()),
            p50: at(0.5),
            p90: at(0.9),
            p99: at(0.99),
            p999: at(0.999),
            max: ms(self.0.max()),
            mean: self.0.mean() / 1000.0,
        })
    }

    /// One line per bucket, the bounds of which double: `≤ 1 ms ██████ 61.3 %`. `width` is that of the longest bar.
    pub(crate) fn draw(&self, width: usize) -> String {
        let buckets = self.buckets();
        let most = buckets.iter().map(|(_, count)| *count).max().unwrap_or(0);
        let mut drawing = String::new();
        for (bound_us, count) in buckets {
            let share = count as f64 * 100.0 / self.0.len() as f64;
            let label = label(bound_us);
            // Writing to a String cannot fail.
            let _ = writeln!(drawing, "  ≤ {label:>8} {:<width$} {share:>5.1} %", bar(count, most, width));
        }
        drawing
    }

    /// (upper bound in µs, count), from the first to the last bucket that is not empty.
    fn buckets(&self) -> Vec<(u64, u64)> {
        let mut buckets = Vec::new();
        let (mut below, mut bound) = (0, 64);
        while below < self.0.len() {
            let up_to = if bound >= LONGEST_US { self.0.len() } else { self.0.count_between(0, bound) };
            if up_to > 0 {
                buckets.push((bound, up_to - below));
            }
            (below, bound) = (up_to, bound * 2);
        }
        buckets
    }
}

fn label(micros: u64) -> String {
    match micros {
        0..1000 => format!("{micros} µs"),
        1000..1_000_000 => format!("{:.1} ms", micros as f64 / 1000.0),
        _ => format!("{:.1} s", micros as f64 / 1_000_000.0),
    }
}

/// A bar in eighths of a letter; a count that is not zero is never invisible.
fn bar(count: u64, most: u64, width: usize) -> String {
    const EIGHTHS: [char; 8] = [' ', '▏', '▎', '▍', '▌', '▋', '▊', '▉'];
    if count == 0 || most == 0 {
        return String::new();
    }
    let eighths = ((count as f64 / most as f64) * (width * 8) as f64).round() as usize;
    let eighths = eighths.max(1);
    let mut bar = "█".repeat(eighths / 8);
    if !eighths.is_multiple_of(8) {
        bar.push(EIGHTHS[eighths % 8]);
    }
    bar
}

#[cfg(test)]
mod tests {
    use super::*;

    fn latencies(micros: &[u64]) -> Latencies {
        let mut latencies = Latencies::new();
        micros.iter().for_each(|micros| latencies.record(Duration::from_micros(*micros)));
        latencies
    }

    #[test]
    fn every_record_is_in_one_bucket() {
        let latencies = latencies(&[10, 64, 100, 100, 5000, 4_000_000_000]);
        let buckets = latencies.buckets();
        assert_eq!(buckets.iter().map(|(_, count)| count).sum::<u64>(), 6);
        assert_eq!(buckets[0], (64, 2));
        assert_eq!(buckets[1], (128, 2));
        assert_eq!(buckets.iter().find(|(bound, _)| *bound == 8192), Some(&(8192, 1)));
    }

    #[test]
    fn the_longest_bar_is_as_wide_as_asked_and_the_least_is_visible() {
        let mut many = vec![100; 1000];
        many.push(1000);
        let drawing = latencies(&many).draw(20);
        let lines: Vec<&str> = drawing.lines().collect();
        assert_eq!(lines[0].matches('█').count(), 20);
        assert!(lines[0].contains("≤   128 µs") && lines[0].ends_with("99.9 %"), "{}", lines[0]);
        assert!(lines.last().unwrap().contains('▏'), "{drawing}");
        assert!(lines.last().unwrap().contains("1.0 ms"), "{drawing}");
    }

    #[test]
    fn nothing_counted_draws_nothing() {
        assert_eq!(latencies(&[]).draw(20), "");
        assert_eq!(latencies(&[]).percentiles(), None);
    }

    #[test]
    fn a_sparse_copy_adds_up_to_the_same() {
        let all = latencies(&[1, 10, 10, 5000, 3_000_000, 4_000_000_000]);
        let mut copy = latencies(&[]);
        copy.add_sparse(&all.sparse());
        assert_eq!((copy.percentiles(), copy.count()), (all.percentiles(), 6));
        copy.add(&all);
        assert_eq!((copy.percentiles().unwrap().max, copy.count()), (all.percentiles().unwrap().max, 12));
        assert_eq!(all.sparse().len(), 5);
        assert_eq!(all.curve().last().unwrap().0, 1.0);
        assert!(all.curve().is_sorted_by(|a, b| a.0 < b.0 && a.1 < b.1), "{:?}", all.curve());
    }

    #[test]
    fn percentiles_are_milliseconds() {
        let values: Vec<u64> = (1..=1000).map(|n| n * 1000).collect();
        let percentiles = latencies(&values).percentiles().unwrap();
        assert!((percentiles.p50 - 500.0).abs() < 1.0, "{percentiles:?}");
        assert!((percentiles.p99 - 990.0).abs() < 1.0, "{percentiles:?}");
        assert!((percentiles.max - 1000.0).abs() < 1.0, "{percentiles:?}");
        assert!((percentiles.min - 1.0).abs() < 0.01, "{percentiles:?}");
    }
}
