//! The tables and plots: medians, and kp's ratios to the best peer and to the limit.

use std::fmt::Write;
use std::path::Path;
use std::process::Command;

use super::measured::{Measured, Results};
use super::scenarios::Scenario;
use super::write_file;
use crate::error::XtaskError;
use crate::kafka::Version;
use crate::workspace;

/// Where there is no figure.
const NONE: &str = "-";
/// What has a price.
const TLS: &str = "TLS";
const TRANSACTIONS: &str = "transactions";

/// Everything that was measured.
#[derive(Debug)]
pub(super) struct Report {
    target: String,
    rounds: u32,
    left_out: Vec<(String, String)>,
    scenarios: Vec<(&'static Scenario, String, Vec<Results>)>,
}

impl Report {
    pub(super) fn new(target: String, rounds: u32, left_out: Vec<(String, String)>) -> Self {
        Self { target, rounds, left_out, scenarios: Vec::new() }
    }

    /// Takes a scenario's results and answers their table.
    pub(super) fn add(
        &mut self,
        scenario: &'static Scenario,
        records: u64,
        mut results: Vec<Results>,
    ) -> String {
        results.sort_by(|a, b| rate(b).unwrap_or(0.0).total_cmp(&rate(a).unwrap_or(0.0)));
        let mut table = table(scenario, records, &results);
        let plain = scenario.without_tls();
        let plain = self.scenarios.iter().find(|(measured, ..)| Some(measured.name) == plain);
        if let Some((_, _, plain)) = plain {
            table.push_str(&costs_of(TLS, plain, &results).concat());
        }
        let without = scenario.without_transactions();
        let without = self.scenarios.iter().find(|(measured, ..)| Some(measured.name) == without);
        if let Some((_, _, without)) = without {
            table.push_str(&costs_of(TRANSACTIONS, without, &results).concat());
        }
        self.scenarios.push((scenario, table.clone(), results));
        table
    }

    /// Every figure of every round, by scenario.
    pub(super) fn json(&self) -> Result<String, XtaskError> {
        let all = self.scenarios.iter().map(|(scenario, _, results)| (scenario.name, results));
        let text = serde_json::to_string_pretty(&all.collect::<std::collections::BTreeMap<_, _>>());
        text.map_err(|error| XtaskError::Failed(error.to_string()))
    }

    /// Whether a figure is missing, or a record was not acknowledged.
    pub(super) fn has_gaps(&self) -> bool {
        let is_gap = |results: &Results| results.rounds.is_empty() || results.failed() > 0;
        self.scenarios.iter().any(|(_, _, all)| all.iter().any(is_gap))
    }

    /// Writes the tables, and a plot for each scenario into `plots` beside them.
    pub(super) fn write(&self, path: &Path) -> Result<(), XtaskError> {
        let mut text = self.head();
        for (scenario, table, results) in &self.scenarios {
            text.push_str(table);
            if results.iter().any(|results| rate(results).is_some()) {
                let name = format!("plots/{}.svg", scenario.name);
                write_file(&path.with_file_name("").join(&name), &plot(scenario, results))?;
                let _ = writeln!(text, "\n![{}, records a second]({name})", scenario.name);
            }
        }
        write_file(path, &text)
    }

    fn head(&self) -> String {
        let mut text = "# Performance\n\nPrinted by a program; do not edit. Only ratios of one run count: absolute figures move \
             from machine to machine.\n\n"
            .to_owned();
        let arguments: Vec<_> = std::env::args().skip(1).collect();
        let rows = [
            ("date", said("date", &["-u", "+%Y-%m-%d"])),
            ("machine", machine()),
            ("system", said("uname", &["-srm"])),
            ("commit", said("git", &["rev-parse", "--short", "HEAD"])),
            ("compilers", format!("{}; {}", said("rustc", &["--version"]), said("go", &["version"]))),
            ("peers", peers()),
            ("records go to", self.target.clone()),
            ("rounds", format!("{}, producers in turn; medians", self.rounds)),
            ("command", format!("`cargo xtask {}`", arguments.join(" "))),
        ];
        for (name, value) in rows {
            let _ = writeln!(text, "- {name}: {value}");
        }
        for (name, reason) in &self.left_out {
            let _ = writeln!(text, "- left out: {name} could not be built ({reason})");
        }
        text.push_str(
            "\nCPU is of the whole producer process, start-up included. \"best peer\" is, for each ratio, the peer that is best \
             in that figure; `limit` is one thread that only encodes, checksums and writes, and no peer.\n",
        );
        text
    }
}

/// The versions that are built from `benches/peers`.
fn peers() -> String {
    let read = |file: &str| {
        std::fs::read_to_string(workspace::root().join("benches/peers").join(file)).unwrap_or_default()
    };
    let (lock, module) = (read("rust/Cargo.lock"), read("go/go.mod"));
    let krate = |name: &str| locked(&lock, name).unwrap_or(NONE);
    let franz_go =
        module.lines().find_map(|line| line.split_once("twmb/franz-go v")).map_or(NONE, |found| found.1);
    format!(
        "franz-go {franz_go}, krafka {}, rdkafka {} over librdkafka {}, the Java producer of Kafka {}",
        krate("krafka"),
        krate("rdkafka"),
        krate("rdkafka-sys").rsplit('+').next().unwrap_or(NONE),
        Version::newest().number,
    )
}

/// The version of a package in a lock file of cargo.
fn locked<'a>(lock: &'a str, name: &str) -> Option<&'a str> {
    let at = lock.find(&format!("name = \"{name}\"\n"))?;
    lock[at..].lines().nth(1)?.strip_prefix("version = \"")?.strip_suffix('"')
}

fn rate(results: &Results) -> Option<f64> {
    results.median(|round| round.rec_per_s)
}

/// `None` too if the run was too short for the clock of the system.
fn cpu(results: &Results) -> Option<f64> {
    results.median(|round| round.cpu_us_per_rec).filter(|micros| *micros > 0.0)
}

fn table(scenario: &Scenario, records: u64, all: &[Results]) -> String {
    let mut text = format!(
        "\n## {}\n\n{}: {records} records, `{}`, {} partition(s)\n\n",
        scenario.name, scenario.says, scenario.args, scenario.partitions
    );
    let of_commits = if scenario.has_transactions() { "commits/s" } else { "MB/s" };
    let _ = writeln!(
        text,
        "| producer | records/s | {of_commits} | CPU µs/record | peak MB | p50 ms | p99 ms | p99.9 ms | failed |"
    );
    text.push_str("|---|---|---|---|---|---|---|---|---|\n");
    for results in all {
        let show = |field: fn(&Measured) -> f64, digits| number(results.median(field), digits);
        let latency = |field| if scenario.has_latency() { show(field, 2) } else { NONE.to_owned() };
        let failed = if results.rounds.is_empty() { NONE.to_owned() } else { results.failed().to_string() };
        let _ = writeln!(
            text,
            "| {} | {} | {} | {} | {} | {} | {} | {} | {failed} |",
            results.producer,
            show(|round| round.rec_per_s, 0),
            if scenario.has_transactions() {
                show(|round| round.commits_per_s, 1)
            } else {
                show(|round| round.mb_per_s, 1)
            },
            number(cpu(results), 3),
            show(|round| round.rss_mb, 0),
            latency(|round| round.p50_ms),
            latency(|round| round.p99_ms),
            latency(|round| round.p999_ms),
        );
    }
    let mut lines = ratios(all);
    if scenario.has_transactions() {
        lines.extend(ratios_of_commits(all));
    }
    if !lines.is_empty() {
        let _ = write!(text, "\n{}", lines.concat());
    }
    text
}

/// kp's figures over those of the best peer and of the limit.
fn ratios(all: &[Results]) -> Vec<String> {
    let is_peer = |results: &&Results| !results.is_kp() && !results.is_limit();
    let best_rate = all.iter().filter(is_peer).filter_map(rate).reduce(f64::max);
    let best_cpu = all.iter().filter(is_peer).filter_map(cpu).reduce(f64::min);
    let limit = all.iter().find(|results| results.is_limit() && !results.rounds.is_empty());
    if best_rate.is_none() && limit.is_none() {
        return Vec::new();
    }
    let line = |kp: &Results| {
        format!(
            "- {}: records/s {} × the best peer, {} × limit; CPU per record {} × the best peer, {} × limit\n",
            kp.producer,
            over(rate(kp), best_rate),
            over(rate(kp), limit.and_then(rate)),
            over(cpu(kp), best_cpu),
            over(cpu(kp), limit.and_then(cpu)),
        )
    };
    all.iter().filter(|results| results.is_kp() && !results.rounds.is_empty()).map(line).collect()
}

/// kp's latency of commits over that of the peer with the least.
fn ratios_of_commits(all: &[Results]) -> Vec<String> {
    let p50 = |results: &Results| results.median(|round| round.p50_ms);
    let is_peer = |results: &&Results| !results.is_kp() && !results.is_limit();
    let best = all.iter().filter(is_peer).filter_map(p50).reduce(f64::min);
    let kp = all.iter().filter(|results| results.is_kp() && !results.rounds.is_empty() && best.is_some());
    kp.map(|kp| format!("- {}: p50 of a commit {} × the best peer\n", kp.producer, over(p50(kp), best)))
        .collect()
}

/// One figure over another one, with two digits.
fn over(own: Option<f64>, other: Option<f64>) -> String {
    number(own.zip(other).map(|(own, other)| own / other), 2)
}

/// Each producer's figures over its own without something; kp's, whatever the cryptography, over those of kp.
fn costs_of(what: &str, plain: &[Results], with: &[Results]) -> Vec<String> {
    let line = |with: &Results| {
        let own = if with.is_kp() { "kp" } else { &with.producer };
        let plain = plain.iter().find(|plain| plain.producer == own && !plain.rounds.is_empty())?;
        let (cpu, rate) = (over(cpu(with), cpu(plain)), over(rate(with), rate(plain)));
        Some(format!("- {}: CPU per record {cpu} × without {what}, records/s {rate} ×\n", with.producer))
    };
    with.iter().filter(|with| !with.rounds.is_empty()).filter_map(line).collect()
}

fn number(value: Option<f64>, digits: usize) -> String {
    let Some(value) = value else { return NONE.to_owned() };
    let text = format!("{value:.digits$}");
    let (whole, fraction) = text.split_at(text.find('.').unwrap_or(text.len()));
    let mut grouped = String::new();
    for (at, digit) in whole.chars().enumerate() {
        if at > 0 && (whole.len() - at).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped + fraction
}

/// A bar for each producer; kp's in another colour.
fn plot(scenario: &Scenario, all: &[Results]) -> String {
    const ROW: usize = 26;
    let with: Vec<_> = all.iter().filter_map(|results| Some((results, rate(results)?))).collect();
    let most = with.iter().map(|(_, rate)| *rate).fold(1.0, f64::max);
    let height = 34 + ROW * with.len();
    let mut text = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"640\" height=\"{height}\" font-family=\"sans-serif\" \
         font-size=\"13\">\n<rect width=\"640\" height=\"{height}\" fill=\"#fff\"/>\n\
         <text x=\"8\" y=\"20\" font-weight=\"bold\">{}: records/s</text>\n",
        scenario.name
    );
    for (row, (results, rate)) in with.iter().enumerate() {
        let (y, width) = (32 + ROW * row, (rate / most * 400.0).max(1.0));
        let colour = if results.is_kp() { "#c2410c" } else { "#94a3b8" };
        let _ = writeln!(
            text,
            "<text x=\"8\" y=\"{}\">{}</text><rect x=\"120\" y=\"{y}\" width=\"{width:.1}\" height=\"18\" \
             fill=\"{colour}\"/><text x=\"{:.1}\" y=\"{}\">{}</text>",
            y + 14,
            results.producer,
            126.0 + width,
            y + 14,
            number(Some(*rate), 0)
        );
    }
    text + "</svg>\n"
}

/// The first line that a program prints; "not known" if it does not.
fn said(program: &str, args: &[&str]) -> String {
    let output = Command::new(program).args(args).output().ok().filter(|output| output.status.success());
    let line = output.and_then(|output| {
        String::from_utf8_lossy(&output.stdout).lines().next().map(|line| line.trim().to_owned())
    });
    line.unwrap_or_else(|| format!("{program}: not known"))
}

/// CPU model, cores and memory.
fn machine() -> String {
    let field = |path: &str, name: &str| {
        let text = std::fs::read_to_string(path).unwrap_or_default();
        let line = text.lines().find(|line| line.starts_with(name)).map(str::to_owned);
        line.and_then(|line| line.split_once(':').map(|(_, value)| value.trim().to_owned()))
    };
    let model = field("/proc/cpuinfo", "model name").unwrap_or_else(|| "CPU not known".to_owned());
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    let memory = field("/proc/meminfo", "MemTotal")
        .and_then(|text| text.trim_end_matches(" kB").parse::<f64>().ok())
        .map_or_else(|| "memory not known".to_owned(), |kb| format!("{:.1} GiB", kb / 1024.0 / 1024.0));
    format!("{model}, {cores} cores, {memory}")
}

#[cfg(test)]
mod tests {
    use super::super::scenarios::{SCENARIOS, named};
    use super::*;

    fn results(producer: &str, rec_per_s: f64, cpu_us_per_rec: f64) -> Results {
        let mut results = Results::of(producer.to_owned());
        let (mb_per_s, rss_mb, p50_ms, p99_ms, p999_ms, failed) = (1.0, 1.0, 0.0, 0.0, 0.0, 0);
        let commits_per_s = rec_per_s / 100.0;
        results.rounds.push(Measured {
            rec_per_s,
            mb_per_s,
            cpu_us_per_rec,
            rss_mb,
            p50_ms,
            p99_ms,
            p999_ms,
            failed,
            commits_per_s,
        });
        results
    }

    #[test]
    fn ratios_are_to_the_best_peer_in_each_figure_and_the_limit_is_no_peer() {
        let all = [
            results("limit", 20e6, 0.05),
            results("kp", 10e6, 0.1),
            results("a", 2e6, 1.0),
            results("b", 1e6, 0.5),
        ];
        let line = ratios(&all).concat();
        assert!(line.contains("records/s 5.00 × the best peer, 0.50 × limit"), "{line}");
        assert!(line.contains("CPU per record 0.20 × the best peer, 2.00 × limit"), "{line}");
    }

    #[test]
    fn transactions_have_commits_their_latency_beside_the_least_and_what_they_cost() {
        let mut report = Report::new("x".to_owned(), 1, Vec::new());
        let [without, with] = ["txn-none", "txn-100"].map(|name| named(&[name.to_owned()]).unwrap()[0]);
        let peer = |producer, p50_ms| {
            let mut results = results(producer, 1_000_000.0, 0.2);
            results.rounds[0].p50_ms = p50_ms;
            results
        };
        report.add(without, 100, vec![results("kp", 2_000_000.0, 0.1)]);
        let table = report.add(with, 100, vec![peer("kp", 2.0), peer("a", 8.0), peer("b", 4.0)]);
        assert!(table.contains("| producer | records/s | commits/s |"), "{table}");
        assert!(table.contains("| kp | 1,000,000 | 10,000.0 |"), "{table}");
        assert!(table.contains("- kp: p50 of a commit 0.50 × the best peer"), "{table}");
        assert!(
            table.contains("- kp: CPU per record 2.00 × without transactions, records/s 0.50 ×"),
            "{table}"
        );
        assert!(report.json().unwrap().contains("commits_per_s"));
    }

    #[test]
    fn what_tls_costs_is_said_of_each_producer_by_its_own_figures_without_it() {
        let plain = [results("kp", 10e6, 0.1), results("a", 2e6, 1.0), Results::of("b".to_owned())];
        let tls = [results("kp graviola", 5e6, 0.2), results("a", 1e6, 1.5), results("b", 1e6, 1.0)];
        let lines = costs_of(TLS, &plain, &tls);
        assert_eq!(
            lines,
            [
                "- kp graviola: CPU per record 2.00 × without TLS, records/s 0.50 ×\n",
                "- a: CPU per record 1.50 × without TLS, records/s 0.50 ×\n"
            ]
        );
    }

    #[test]
    fn a_version_is_found_in_a_lock_file_by_the_whole_name() {
        let lock = "[[package]]\nname = \"rdkafka-sys\"\nversion = \"4.10.0+2.12.1\"\n\n[[package]]\nname = \"rdkafka\"\nversion = \"0.39.0\"\n";
        assert_eq!(
            (locked(lock, "rdkafka"), locked(lock, "rdkafka-sys")),
            (Some("0.39.0"), Some("4.10.0+2.12.1"))
        );
        assert_eq!(locked(lock, "krafka"), None);
        assert!(peers().contains("franz-go 1.") && !peers().contains('-'.to_string().repeat(2).as_str()));
    }

    #[test]
    fn a_producer_without_a_figure_has_a_dash_and_is_a_gap() {
        let mut report = Report::new("x".to_owned(), 1, Vec::new());
        let table = report.add(
            &SCENARIOS[0],
            100,
            vec![Results::of("a".to_owned()), results("kp", 1_234_567.0, 0.1)],
        );
        assert!(table.contains("| a | - | - | - | - | - | - | - | - |"), "{table}");
        assert!(table.contains("| kp | 1,234,567 |") && !table.contains("best peer"), "{table}");
        assert!(report.has_gaps());
    }
}
