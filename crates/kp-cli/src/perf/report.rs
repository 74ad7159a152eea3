//! Results as one page of HTML: no network, no other file, light and dark, and readable without its script.
//! Owns: what is on the page, for one result or two. Pure.

mod html;
mod plot;

use std::fmt::Write as _;

use self::html::escape;
use self::plot::{Axis, Line, Plot, Scale};
use super::{
    compare::Comparison,
    result::{Broker, PerfResult, Sample},
    table::{answered, milliseconds, percent, rows},
};
use crate::produce::summary::{megabytes, thousands};

const CSS: &str = include_str!("report/page.css");
const JS: &str = include_str!("report/page.js");

/// The page of one result.
pub(crate) fn of_one(result: &PerfResult) -> String {
    let runs = [Run { name: "", class: "s1", result }];
    let topic = setting(result, "topic");
    let mut body = header(&format!("kp perf: {topic}"), &[about(result)]);
    body += &warnings(&runs);
    body += &tiles(result);
    body += &plots(&runs);
    body += "<div class=\"grid tables\">\n";
    body += &errors(&runs);
    body += &figures(result);
    body += &settings(result);
    body += "</div>\n";
    page(&format!("kp perf: {topic}"), &body)
}

/// The page of two.
pub(crate) fn of_two(comparison: &Comparison) -> String {
    let [first, second] = &comparison.results;
    let runs =
        [Run { name: "A", class: "s1", result: first }, Run { name: "B", class: "s2", result: second }];
    let abouts: Vec<String> = runs
        .iter()
        .zip(&comparison.names)
        .map(|(run, name)| format!("{}: {name} – {}", run.name, about(run.result)))
        .collect();
    let mut body = header("kp perf: A and B", &abouts);
    body += &warnings(&runs);
    body += &compared_tiles(comparison);
    body += &plots(&runs);
    body += "<div class=\"grid tables\">\n";
    body += &errors(&runs);
    body += &compared(comparison);
    body += &different_settings(comparison);
    body += "</div>\n";
    page("kp perf: A and B", &body)
}

/// A result, what it is called on the page (nothing, if it is alone), and its colour.
struct Run<'a> {
    name: &'static str,
    class: &'static str,
    result: &'a PerfResult,
}

impl Run<'_> {
    fn line_name(&self, what: &str) -> String {
        format!("{} {what}", self.name).trim().to_owned()
    }
}

fn page(title: &str, body: &str) -> String {
    format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<title>{}</title>\n\
         <style>\n{CSS}</style>\n</head>\n<body>\n<main>\n{body}\
         <footer>Latency: from the call of send, or, with a rate, from when the record was due, until its outcome was \
         known; of what was acknowledged, as is the throughput.</footer>\n</main>\n<script>\n{JS}</script>\n</body>\n</html>\n",
        escape(title)
    )
}

fn header(title: &str, lines: &[String]) -> String {
    let mut html = format!("<header><h1>{}</h1>\n", escape(title));
    for line in lines {
        // Writing to a String cannot fail.
        let _ = writeln!(html, "<p>{}</p>", escape(line));
    }
    html + "</header>\n"
}

fn about(result: &PerfResult) -> String {
    format!(
        "{}; {}; {}, {}; {}; acks={}, compression {}; kp {}",
        date(result.started_ms),
        setting(result, "cluster"),
        setting(result, "target"),
        setting(result, "rate"),
        setting(result, "values"),
        setting(result, "acks"),
        setting(result, "compression.type"),
        result.kp,
    )
}

fn setting<'a>(result: &'a PerfResult, name: &str) -> &'a str {
    let found = result.settings.iter().find(|setting| setting.name == name);
    found.map_or("–", |setting| setting.value.as_str())
}

fn warnings(runs: &[Run<'_>]) -> String {
    let mut html = String::new();
    for run in runs {
        let name = if run.name.is_empty() { String::new() } else { format!("{}: ", run.name) };
        for warning in warnings_of(run.result) {
            let _ = writeln!(html, "<p class=\"warning\">{}</p>", escape(&(name.clone() + &warning)));
        }
    }
    html
}

fn warnings_of(result: &PerfResult) -> Vec<String> {
    let totals = &result.totals;
    let mut warnings = Vec::new();
    if result.interrupted {
        warnings.push("interrupted before its end".to_owned());
    }
    warnings.extend(result.stopped.as_ref().map(|reason| format!("stopped: {reason}")));
    for (records, what) in [
        (totals.failed, "failed and were not written"),
        (totals.unknown, "failed and may be written"),
        (totals.missed, "were due and could not be sent before the end"),
    ] {
        if records > 0 {
            warnings.push(format!("{} records {what}", thousands(records)));
        }
    }
    warnings
}

/// The figures that are looked for first.
const TILES: [&str; 6] =
    ["records/s", "volume/s", "latency p50", "latency p99", "latency p99.9", "latency max"];

fn tiles(result: &PerfResult) -> String {
    let rows = rows(result);
    let mut html = "<div class=\"tiles\">\n".to_owned();
    for row in TILES.iter().filter_map(|name| rows.iter().find(|row| row.name == *name)) {
        let _ = writeln!(html, "<div class=\"tile\"><span>{}</span><b>{}</b></div>", row.name, row.text);
    }
    html + "</div>\n"
}

fn compared_tiles(comparison: &Comparison) -> String {
    let all = comparison.compared();
    let mut html = "<div class=\"tiles\">\n".to_owned();
    for compared in TILES.iter().filter_map(|name| all.iter().find(|all| all.rows[0].name == *name)) {
        let [first, second] = &compared.rows;
        let (class, verdict) = verdict(compared.is_better());
        let _ = writeln!(
            html,
            "<div class=\"tile\"><span>{}, B/A</span><b class=\"{class}\">{} ×</b><small>{} → {}<br>{verdict}</small></div>",
            first.name,
            compared.ratio_text(),
            first.text,
            second.text,
        );
    }
    html + "</div>\n"
}

/// Class and word: colour alone says nothing to some.
fn verdict(is_better: Option<bool>) -> (&'static str, &'static str) {
    match is_better {
        Some(true) => ("good", "better"),
        Some(false) => ("bad", "worse"),
        None => ("", ""),
    }
}

fn plots(runs: &[Run<'_>]) -> String {
    let mut html = "<div class=\"grid\">\n".to_owned();
    for plot in [throughput(runs), latency(runs), distribution(runs), fill(runs), in_flight(runs)] {
        html += &plot.draw();
    }
    html += &brokers(runs);
    html + "</div>\n"
}

/// A line over time for each run.
fn over_time(runs: &[Run<'_>], what: &str, number: fn(&Sample) -> Option<f64>) -> Vec<Line> {
    let line = |run: &Run<'_>| Line {
        name: run.line_name(what),
        class: run.class,
        points: run.result.series.iter().map(|sample| (middle(sample), number(sample))).collect(),
    };
    runs.iter().map(line).collect()
}

fn middle(sample: &Sample) -> f64 {
    sample.seconds - sample.span_seconds / 2.0
}

const TIME: Axis = Axis { scale: Scale::Linear, tick: seconds, label: seconds };
const MILLISECONDS: Axis = Axis { scale: Scale::Log, tick: round_milliseconds, label: milliseconds };
const COUNT: Axis = Axis { scale: Scale::Linear, tick: compact, label: compact };

fn throughput(runs: &[Run<'_>]) -> Plot {
    let mut spans: Vec<String> = runs
        .iter()
        .filter_map(|run| run.result.series.first())
        .map(|first| milliseconds(first.span_seconds * 1000.0))
        .collect();
    spans.dedup();
    Plot {
        id: "throughput",
        title: "Throughput",
        note: format!("Records acknowledged per second; each point is {}.", spans.join(" and ")),
        x: TIME,
        y: COUNT,
        lines: over_time(runs, "records/s", |sample| {
            (sample.span_seconds > 0.0).then(|| sample.records as f64 / sample.span_seconds)
        }),
    }
}

fn latency(runs: &[Run<'_>]) -> Plot {
    let mut lines = over_time(runs, "p50", |sample| sample.p50_ms);
    lines.extend(over_time(runs, "p99", |sample| sample.p99_ms));
    match runs {
        // Alone, each has a colour of its own; two runs have theirs, and the medians are dashed.
        [_] => lines[1].class = "s2",
        _ => {
            let medians = lines.iter_mut().take(runs.len());
            medians.zip(["s1 dashed", "s2 dashed"]).for_each(|(line, class)| line.class = class);
            lines.sort_by(|first, second| first.name.cmp(&second.name));
        }
    }
    Plot {
        id: "latency",
        title: "Latency over time",
        note: "Of the records answered then, half (p50) and 99 of 100 (p99) were not slower; logarithmic."
            .to_owned(),
        x: TIME,
        y: MILLISECONDS,
        lines,
    }
}

fn distribution(runs: &[Run<'_>]) -> Plot {
    let records = runs.iter().map(|run| run.result.totals.acked).max().unwrap_or(0);
    let line = |run: &Run<'_>| Line {
        name: run.line_name("latency"),
        class: run.class,
        points: run.result.latency_curve.iter().map(|(share, ms)| (*share, Some(*ms))).collect(),
    };
    Plot {
        id: "distribution",
        title: "Latency by percentile",
        note:
            "So large a share of the records was not slower; each step to the right is a tenth of the rest."
                .to_owned(),
        x: Axis { scale: Scale::Tail(records), tick: share, label: share },
        y: MILLISECONDS,
        lines: runs.iter().map(line).collect(),
    }
}

fn fill(runs: &[Run<'_>]) -> Plot {
    Plot {
        id: "fill",
        title: "Batch fill",
        note: "The average batch as it was sent (compressed, with its header), by batch.size; a batch that waits for its turn may outgrow it.".to_owned(),
        x: TIME,
        y: Axis { scale: Scale::Linear, tick: |share| format!("{:.0} %", share * 100.0), label: percent },
        lines: over_time(runs, "fill", |sample| sample.batch_fill),
    }
}

fn in_flight(runs: &[Run<'_>]) -> Plot {
    Plot {
        id: "in-flight",
        title: "Records in flight",
        note: "Accepted and without an outcome.".to_owned(),
        x: TIME,
        y: COUNT,
        lines: over_time(runs, "records", |sample| Some(sample.in_flight as f64)),
    }
}

fn brokers(runs: &[Run<'_>]) -> String {
    let mut html = "<figure id=\"brokers\"><figcaption><h2>Share of each broker</h2><p>Of the bytes that were written; the \
                    time is that of an average Produce request.</p></figcaption>\n<div class=\"bars\">\n"
        .to_owned();
    let mut all: Vec<(&Broker, &Run<'_>)> =
        runs.iter().flat_map(|run| run.result.brokers.iter().map(move |broker| (broker, run))).collect();
    all.sort_by_key(|(broker, run)| (broker.id, run.name));
    for (broker, run) in &all {
        let _ = writeln!(
            html,
            "<span>{}</span><div class=\"track\"><div class=\"bar {}\" style=\"width:{:.2}%\"></div></div><span>{} · {} · {}</span>",
            escape(&run.line_name(&format!("broker {}", broker.id))),
            run.class,
            broker.share * 100.0,
            percent(broker.share),
            megabytes(broker.bytes as f64),
            answered(broker.request_ms),
        );
    }
    html += "</div>\n";
    if all.is_empty() {
        html += "<p class=\"nothing\">Nothing was written.</p>\n";
    }
    html + "</figure>\n"
}

/// A table under a heading; nothing if it has no rows. The cells are HTML.
fn table(id: &str, title: &str, head: &[&str], rows: &[Vec<String>]) -> String {
    if rows.is_empty() {
        return String::new();
    }
    let mut html = format!("<section id=\"{id}\"><h2>{title}</h2>\n<table>\n");
    if !head.is_empty() {
        let _ = writeln!(html, "<tr>{}</tr>", head.concat());
    }
    for row in rows {
        let _ = writeln!(html, "<tr>{}</tr>", row.concat());
    }
    html + "</table></section>\n"
}

fn text(cell: &str) -> String {
    format!("<td>{}</td>", escape(cell))
}

fn number(cell: &str) -> String {
    format!("<td class=\"number\">{}</td>", escape(cell))
}

fn figures(result: &PerfResult) -> String {
    let rows: Vec<_> = rows(result).iter().map(|row| vec![text(row.name), number(&row.text)]).collect();
    table("figures", "All figures", &[], &rows)
}

fn settings(result: &PerfResult) -> String {
    let rows: Vec<_> =
        result.settings.iter().map(|setting| vec![text(&setting.name), text(&setting.value)]).collect();
    table("settings", "Settings", &[], &rows)
}

fn errors(runs: &[Run<'_>]) -> String {
    let all = runs.iter().flat_map(|run| run.result.errors.iter().map(move |problem| (run, problem)));
    let rows: Vec<_> = all
        .map(|(run, problem)| vec![text(&run.line_name(&problem.error)), number(&thousands(problem.records))])
        .collect();
    table("errors", "Errors", &["<th>error</th>", "<th class=\"number\">records</th>"], &rows)
}

fn compared(comparison: &Comparison) -> String {
    let head = [
        "<th></th>",
        "<th class=\"number\">A</th>",
        "<th class=\"number\">B</th>",
        "<th class=\"number\">B/A</th>",
        "<th></th>",
    ];
    let row = |compared: super::compare::Compared| {
        let (class, verdict) = verdict(compared.is_better());
        let [first, second] = &compared.rows;
        let verdict = format!("<td class=\"{class}\">{verdict}</td>");
        vec![
            text(first.name),
            number(&first.text),
            number(&second.text),
            number(&compared.ratio_text()),
            verdict,
        ]
    };
    let rows: Vec<_> = comparison.compared().into_iter().map(row).collect();
    table("figures", "All figures", &head, &rows)
}

fn different_settings(comparison: &Comparison) -> String {
    let different = comparison.different_settings();
    let rows: Vec<_> =
        different.iter().map(|(name, first, second)| vec![text(name), text(first), text(second)]).collect();
    table("settings", "Settings that differ", &["<th></th>", "<th>A</th>", "<th>B</th>"], &rows)
}

/// `12 s`, `0.25 s`, `3 min`.
fn seconds(seconds: f64) -> String {
    let trim = |text: String| text.trim_end_matches('0').trim_end_matches('.').to_owned();
    match seconds {
        0.0 => "0".to_owned(),
        ..600.0 => format!("{} s", trim(format!("{seconds:.2}"))),
        _ => format!("{} min", trim(format!("{:.1}", seconds / 60.0))),
    }
}

/// `250k`, `1.2M`: three digits.
fn compact(number: f64) -> String {
    let (scaled, unit) = match number {
        ..1e3 => (number, ""),
        ..1e6 => (number / 1e3, "k"),
        ..1e9 => (number / 1e6, "M"),
        _ => (number / 1e9, "G"),
    };
    let places = if scaled >= 100.0 || scaled.fract().abs() < 1e-6 { 0 } else { 1 };
    format!("{scaled:.places$}{unit}")
}

/// `1 ms`, `500 µs`, `10 s`: a digit and its zeros.
fn round_milliseconds(ms: f64) -> String {
    match ms {
        ..0.9 => format!("{:.0} µs", ms * 1000.0),
        ..900.0 => format!("{ms:.0} ms"),
        _ => format!("{:.0} s", ms / 1000.0),
    }
}

/// `99.9 %`, with as many nines as there are.
fn share(share: f64) -> String {
    let text = format!("{:.6}", share * 100.0);
    format!("{} %", text.trim_end_matches('0').trim_end_matches('.'))
}

/// `2026-01-01 00:00:00 UTC`, of milliseconds since 1970.
fn date(ms: u64) -> String {
    let (days, of_day) = (ms / 86_400_000, ms / 1000 % 86_400);
    // Years begin in March here, so that a leap day is the last of its year; eras have 400 years.
    let shifted = days + 719_468;
    let (era, of_era) = (shifted / 146_097, shifted % 146_097);
    let year = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * month + 2) / 5 + 1;
    let (month, next_year) = if month < 10 { (month + 3, 0) } else { (month - 9, 1) };
    format!(
        "{:04}-{month:02}-{day:02} {:02}:{:02}:{:02} UTC",
        era * 400 + year + next_year,
        of_day / 3600,
        of_day / 60 % 60,
        of_day % 60
    )
}

#[cfg(test)]
mod tests {
    use super::{
        super::{compare::tests::comparison, result::tests::result},
        *,
    };

    /// (name of the line, its points) of each path of the figure.
    fn lines(page: &str, id: &str) -> Vec<(String, usize)> {
        let figure = page.split(&format!("id=\"{id}\"")).nth(1).unwrap_or_else(|| panic!("no {id}"));
        let figure = figure.split("</figure>").next().unwrap();
        figure
            .split("data-name=\"")
            .skip(1)
            .map(|path| {
                let name = path.split('"').next().unwrap().to_owned();
                let d = path.split(" d=\"").nth(1).unwrap().split('"').next().unwrap();
                (name, d.matches(['M', 'L']).count())
            })
            .collect()
    }

    #[test]
    fn a_plot_has_a_line_for_each_series_with_a_point_for_each_sample() {
        let result = result(37);
        let page = of_one(&result);
        let one = |name: &str| vec![(name.to_owned(), 37)];
        assert_eq!(lines(&page, "throughput"), one("records/s"));
        assert_eq!(lines(&page, "latency"), [one("p50"), one("p99")].concat());
        assert_eq!(lines(&page, "fill"), one("fill"));
        assert_eq!(lines(&page, "in-flight"), one("records"));
        assert_eq!(lines(&page, "distribution"), vec![("latency".to_owned(), result.latency_curve.len())]);
        assert_eq!(page.matches("class=\"bar s1\"").count(), 2);
        for row in rows(&result) {
            assert!(page.contains(row.name) && page.contains(&row.text), "{}", row.name);
        }
    }

    #[test]
    fn two_results_are_drawn_over_each_other_and_compared() {
        let page = of_two(&comparison());
        let names = |id| lines(&page, id);
        assert_eq!(names("throughput"), [("A records/s".to_owned(), 4), ("B records/s".to_owned(), 6)]);
        assert_eq!(names("latency").len(), 4);
        assert!(page.contains("b&lt;.json"), "names of files are text");
        assert!(page.contains("<td class=\"number\">2.00</td><td class=\"good\">better</td>"), "{page}");
        assert!(page.contains("<td>linger.ms</td><td>–</td><td>5</td>"));
        assert_eq!(page.matches("class=\"bar s2\"").count(), 2);
    }

    #[test]
    fn the_page_needs_nothing_else_and_lets_nothing_out() {
        for page in [of_one(&result(3)), of_two(&comparison())] {
            for outside in ["http:", "https:", "src=", "href=", "@import", "url("] {
                assert!(!page.contains(outside), "{outside}");
            }
            assert!(page.contains("t-1: &lt;refused&gt; &amp; gone") && !page.contains("<refused>"));
            assert!(page.contains("prefers-color-scheme: dark"));
            assert!(page.contains("1 records failed and may be written"));
            assert_eq!(page.matches("<svg").count(), 5);
        }
    }

    #[test]
    fn a_run_without_an_outcome_has_a_page_too() {
        let mut nothing = result(0);
        nothing.latency_curve.clear();
        nothing.latency_ms = None;
        nothing.brokers.clear();
        nothing.stopped = Some("no <topic>".to_owned());
        let page = of_one(&nothing);
        assert_eq!(page.matches("Nothing to draw.").count(), 5);
        assert!(page.contains("stopped: no &lt;topic&gt;"));
    }

    #[test]
    fn numbers_are_short() {
        assert_eq!(
            [0.0, 0.25, 12.0, 599.0, 600.0, 630.0].map(seconds),
            ["0", "0.25 s", "12 s", "599 s", "10 min", "10.5 min"]
        );
        assert_eq!(
            [0.0, 999.0, 1500.0, 250_000.0, 1.25e6, 3e9].map(compact),
            ["0", "999", "1.5k", "250k", "1.2M", "3G"]
        );
        assert_eq!(
            [0.05, 1.0, 500.0, 1000.0, 20_000.0].map(round_milliseconds),
            ["50 µs", "1 ms", "500 ms", "1 s", "20 s"]
        );
        assert_eq!([0.0, 0.5, 0.999, 0.99999].map(share), ["0 %", "50 %", "99.9 %", "99.999 %"]);
    }

    #[test]
    fn a_date_is_the_calendars() {
        assert_eq!(date(0), "1970-01-01 00:00:00 UTC");
        assert_eq!(date(951_782_400_000), "2000-02-29 00:00:00 UTC");
        assert_eq!(date(1_767_225_599_999), "2025-12-31 23:59:59 UTC");
        assert_eq!(date(1_767_225_600_000), "2026-01-01 00:00:00 UTC");
    }
}
