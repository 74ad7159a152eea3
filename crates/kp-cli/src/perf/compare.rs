//! Two results beside each other.
//! Owns: the ratio and what it is worth. Pure.

use std::fmt::Write as _;

use serde_json::{Value, json};

use super::{
    result::PerfResult,
    table::{Better, Row, rows},
};

/// A smaller difference says nothing.
const SAME: f64 = 0.01;

/// Two results and what they are called.
pub(crate) struct Comparison {
    pub(crate) names: [String; 2],
    pub(crate) results: [PerfResult; 2],
}

/// One figure of both.
pub(crate) struct Compared {
    pub(crate) rows: [Row; 2],
    /// The second by the first, if both have it and the first is not 0.
    pub(crate) ratio: Option<f64>,
}

impl Compared {
    /// Whether the second is better; `None` if that means nothing, or they are the same to a hundredth.
    pub(crate) fn is_better(&self) -> Option<bool> {
        let [first, second] = [self.rows[0].number?, self.rows[1].number?];
        match self.rows[0].better {
            _ if (first - second).abs() <= first.abs() * SAME => None,
            Better::More => Some(second > first),
            Better::Less => Some(second < first),
            Better::Neither => None,
        }
    }

    /// `1.25`, or nothing.
    pub(crate) fn ratio_text(&self) -> String {
        self.ratio.map_or_else(|| "–".to_owned(), |ratio| format!("{ratio:.2}"))
    }
}

impl Comparison {
    /// Row by row.
    pub(crate) fn compared(&self) -> Vec<Compared> {
        let [first, second] = self.results.each_ref().map(rows);
        let pairs = first.into_iter().zip(second);
        pairs
            .map(|(first, second)| {
                let ratio = match (first.number, second.number) {
                    (Some(first), Some(second)) if first != 0.0 => Some(second / first),
                    _ => None,
                };
                Compared { rows: [first, second], ratio }
            })
            .collect()
    }

    /// The settings that differ: name, the first's, the second's.
    pub(crate) fn different_settings(&self) -> Vec<(String, String, String)> {
        let [first, second] = &self.results;
        let value = |result: &PerfResult, name: &str| {
            let found = result.settings.iter().find(|setting| setting.name == name);
            found.map_or_else(|| "–".to_owned(), |setting| setting.value.clone())
        };
        let is_new = |name: &str| !first.settings.iter().any(|setting| setting.name == name);
        let names = first.settings.iter().map(|setting| setting.name.clone());
        let more = second.settings.iter().map(|setting| setting.name.clone()).filter(|name| is_new(name));
        names
            .chain(more)
            .map(|name| (value(first, &name), value(second, &name), name))
            .filter(|(first, second, _)| first != second)
            .map(|(first, second, name)| (name, first, second))
            .collect()
    }

    /// For people.
    pub(crate) fn text(&self) -> String {
        let [first, second] = &self.names;
        let mut text = String::new();
        let mut line = |name: &str, first: &str, second: &str, ratio: &str, verdict: &str| {
            let text = &mut text;
            // Writing to a String cannot fail.
            let _ = writeln!(
                text,
                "{}",
                format!("{name:<26}{first:>16}{second:>16}{ratio:>8}  {verdict}").trim_end()
            );
        };
        line("", "A", "B", "B/A", "");
        for compared in self.compared() {
            let [first, second] = compared.rows.each_ref().map(|row| row.text.as_str());
            let verdict = match compared.is_better() {
                Some(true) => "better",
                Some(false) => "worse",
                None => "",
            };
            line(compared.rows[0].name, first, second, &compared.ratio_text(), verdict);
        }
        let _ = writeln!(text, "\nA: {first}\nB: {second}");
        for (name, first, second) in self.different_settings() {
            let _ = writeln!(text, "they differ in {name}: A {first}, B {second}");
        }
        text
    }

    /// For programs: each figure by its name.
    pub(crate) fn to_json(&self) -> Value {
        let figure = |compared: Compared| {
            let [first, second] = compared.rows;
            let value = json!({
                "a": first.number, "b": second.number, "ratio": compared.ratio,
            });
            (first.name.to_owned(), value)
        };
        let figures: serde_json::Map<String, Value> = self.compared().into_iter().map(figure).collect();
        let settings: Vec<Value> = self
            .different_settings()
            .into_iter()
            .map(|(name, first, second)| json!({ "name": name, "a": first, "b": second }))
            .collect();
        json!({ "a": self.names[0], "b": self.names[1], "figures": figures, "different_settings": settings })
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::{
        super::result::{Setting, tests::result},
        *,
    };

    /// The second run is twice as fast, with two thirds of its latency at the 99th percentile.
    pub(crate) fn comparison() -> Comparison {
        let first = result(4);
        let mut second = result(6);
        second.totals.records_per_second = 1000.0;
        second.latency_ms = second
            .latency_ms
            .map(|latency| super::super::result::Latency { p99: latency.p99 / 1.5, ..latency });
        second.settings.push(Setting { name: "linger.ms".to_owned(), value: "5".to_owned() });
        second.totals.retries = 0;
        Comparison { names: ["a.json".to_owned(), "b<.json".to_owned()], results: [first, second] }
    }

    #[test]
    fn a_ratio_is_the_second_by_the_first_and_knows_what_is_better() {
        let text = comparison().text();
        let line = |name: &str| {
            let line =
                text.lines().find(|line| line.starts_with(name)).unwrap_or_else(|| panic!("{name}: {text}"));
            line.split_whitespace().map(str::to_owned).collect::<Vec<_>>()
        };
        assert_eq!(line("records/s"), ["records/s", "500", "1,000", "2.00", "better"]);
        assert_eq!(line("latency p99 ")[6..], ["0.67", "better"]);
        assert_eq!(line("latency max")[6..], ["1.00"]);
        assert_eq!(line("records retried")[2..], ["7", "0", "0.00", "better"]);
        assert_eq!(line("waited for memory")[7..], ["–"], "nothing can be compared with 0");
        assert!(text.contains("they differ in linger.ms: A –, B 5"), "{text}");
        assert!(!text.contains("they differ in topic"), "{text}");
    }

    #[test]
    fn more_latency_is_worse() {
        let Comparison { names, results: [first, second] } = comparison();
        let turned = Comparison { names, results: [second, first] };
        let compared = turned.compared();
        let of = |name: &str| compared.iter().find(|compared| compared.rows[0].name == name).unwrap();
        assert_eq!(of("latency p99").is_better(), Some(false));
        assert_eq!(of("records/s").is_better(), Some(false));
        assert_eq!(of("requests").is_better(), None);
        assert_eq!(turned.to_json()["figures"]["records/s"]["ratio"], 0.5);
        assert_eq!(turned.to_json()["different_settings"][0]["a"], "5");
    }
}
