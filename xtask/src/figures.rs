//! The table of figures in `README.md`: some rows of `docs/performance.md`, which a program has measured. So the two never
//! differ, and no figure is typed by hand.

use std::fmt::Write;

/// Where the table stands in `README.md`.
const BEGIN: &str = "<!-- figures: printed by `cargo xtask docs` from docs/performance.md -->\n";
const END: &str = "<!-- end of figures -->\n";

/// The scenarios that are shown.
const SHOWN: &[&str] = &[
    "small",
    "idem",
    "keyed",
    "kib",
    "tenk",
    "lz4",
    "zstd",
    "threads-4",
    "await-10000",
    "rate",
    "rtt-10-1",
    "rtt-10-12",
];
/// The columns, in their order.
const PRODUCERS: &[&str] = &["kp", "franz-go", "librdkafka", "krafka", "java"];

/// `readme` with the figures of `performance`.
pub(crate) fn woven(readme: &str, performance: &str) -> String {
    let Some((before, rest)) = readme.split_once(BEGIN) else { return readme.to_owned() };
    let Some((_, after)) = rest.split_once(END) else { return readme.to_owned() };
    [before, BEGIN, &table(performance), END, after].concat()
}

fn table(performance: &str) -> String {
    let fact = |name: &str| {
        let begin = format!("- {name}: ");
        performance.lines().find_map(|line| line.strip_prefix(&begin)).unwrap_or("unknown")
    };
    let mut text = format!(
        "Records a second, measured on {} ({}); peers: {}. Records go to {}. The last two columns are kp's figure \
         over the best peer's: more is better for records, less for CPU.\n\n",
        fact("date"),
        fact("machine"),
        fact("peers"),
        fact("records go to"),
    );
    let _ = writeln!(text, "| scenario | {} | records/s | CPU |", PRODUCERS.join(" | "));
    let _ = writeln!(text, "|{}", "---|".repeat(PRODUCERS.len() + 3));
    for name in SHOWN {
        let heading = format!("\n## {name}\n");
        let Some((_, section)) = performance.split_once(&heading) else { continue };
        let section = section.split("\n## ").next().unwrap_or(section);
        let title = section.trim_start().lines().next().unwrap_or_default();
        let title = title.split(": ").next().unwrap_or(title);
        let rates: Vec<String> = PRODUCERS.iter().map(|producer| rate(section, producer)).collect();
        let [records, cpu] = ["records/s ", "CPU per record "].map(|what| ratio(section, what));
        let title = if name.starts_with("rtt-10") { rtt(name) } else { title.to_owned() };
        let _ = writeln!(
            text,
            "| [{title}](docs/performance.md#{name}) | {} | {records} | {cpu} |",
            rates.join(" | ")
        );
    }
    text
}

/// What `rtt-MILLISECONDS-PARTITIONS` stands for.
fn rtt(name: &str) -> String {
    let mut parts = name.split('-').skip(1);
    let (ms, partitions) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
    format!("idempotent, {ms} ms away, {partitions} partition(s)")
}

/// A producer's records a second in a section, short.
fn rate(section: &str, producer: &str) -> String {
    let begin = format!("| {producer} | ");
    let row = section.lines().find_map(|line| line.strip_prefix(&begin));
    let cell = row.and_then(|row| row.split(" | ").next()).unwrap_or("-");
    match cell.replace(',', "").parse::<f64>() {
        Ok(number) if number >= 1e6 => format!("{:.1} M", number / 1e6),
        Ok(number) => format!("{:.0} k", number / 1e3),
        Err(_) => "–".to_owned(),
    }
}

/// A ratio that the section says of kp, such as `3.31 ×`.
fn ratio(section: &str, what: &str) -> String {
    let line = section.lines().find(|line| line.starts_with("- kp: ")).unwrap_or_default();
    let number = line.split(what).nth(1).and_then(|rest| rest.split(" × ").next()).unwrap_or("-");
    if number.parse::<f64>().is_ok() { format!("{number} ×") } else { "–".to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PERFORMANCE: &str = "# Performance\n\n- date: 2026-01-02\n- machine: M\n- peers: P\n- records go to: a sink\n\
        \n## small\n\n100 B, acks=1: 16 records, `--size 100`\n\n| producer | records/s | MB/s |\n|---|---|---|\n\
        | kp | 11,783,197 | 1 |\n| java | 424,552 | 2 |\n| krafka | - | - |\n\n\
        - kp: records/s 3.34 × the best peer, 0.38 × limit; CPU per record 0.29 × the best peer, - × limit\n\
        \n## other\n\n| franz-go | 9 | 9 |\n";

    #[test]
    fn a_row_has_the_figures_of_its_section_alone() {
        let text = table(PERFORMANCE);
        let row =
            "| [100 B, acks=1](docs/performance.md#small) | 11.8 M | – | – | – | 425 k | 3.34 × | 0.29 × |";
        assert!(text.lines().any(|line| line == row), "{text}");
        assert!(
            text.starts_with("Records a second, measured on 2026-01-02 (M); peers: P. Records go to a sink.")
        );
    }

    #[test]
    fn only_what_is_between_the_marks_is_replaced() {
        let readme = format!("above\n{BEGIN}old\n{END}below\n");
        let found = woven(&readme, PERFORMANCE);
        assert!(
            found.starts_with("above\n<!-- figures") && found.ends_with("below\n") && !found.contains("old")
        );
        assert_eq!(woven("no marks", PERFORMANCE), "no marks");
    }
}
