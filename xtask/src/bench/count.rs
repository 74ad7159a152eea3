//! `cargo xtask bench count`: how many instructions a record costs, counted by valgrind's callgrind, beside the numbers that are
//! kept in `benches/instructions.txt`. The same program counts the same on a busy machine and on an idle one.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use clap::Args;

use super::write_file;
use crate::error::{Doing, XtaskError};
use crate::packages::{cargo, output_of};
use crate::workspace;

/// What is counted, and what it does for each record.
const STAGES: [(&str, &str); 4] = [
    ("append", "append, and what a batch costs at least"),
    ("seal", "the same, the batch drained with its header and checksum"),
    ("answer", "the whole way: numbered, sent, answered, settled"),
    ("token", "the same with a token for each record"),
];
/// The second run has as many records more than the first.
const RECORDS: u64 = 100_000;
/// So much more than is kept is a failure, so much less a reason to keep the new number.
const TOLERANCE: f64 = 0.05;

/// How many instructions a record costs, and whether that is more than it was.
#[derive(Debug, Args)]
pub struct CountArgs {
    /// Keep the numbers of this run. Say in the commit why they changed.
    #[arg(long)]
    write: bool,
}

impl CountArgs {
    pub(super) fn run(&self) -> Result<(), XtaskError> {
        let program = build()?;
        let kept = read_kept()?;
        let (mut counted, mut worse) = (BTreeMap::new(), Vec::new());
        println!("| stage | instructions a record | kept | change | what it does |\n|---|---|---|---|---|");
        for (stage, says) in STAGES {
            let of = |records| instructions(&program, stage, records);
            let each = of(2 * RECORDS)?.saturating_sub(of(RECORDS)?) as f64 / RECORDS as f64;
            let before = kept.get(stage).copied();
            let change = before.map(|before| each / before - 1.0);
            let shown = before.zip(change).map_or(("-".to_owned(), "-".to_owned()), |(before, change)| {
                (format!("{before:.1}"), format!("{:+.1} %", 100.0 * change))
            });
            println!("| {stage} | {each:.1} | {} | {} | {says} |", shown.0, shown.1);
            if change.is_none_or(|change| change > TOLERANCE) {
                worse.push(stage);
            } else if change.is_some_and(|change| change < -TOLERANCE) {
                eprintln!("{stage} became cheaper: keep it with `cargo xtask bench count --write`");
            }
            counted.insert(stage.to_owned(), each);
        }
        if self.write {
            return write_kept(&counted);
        }
        if worse.is_empty() {
            return Ok(());
        }
        Err(XtaskError::Failed(format!(
            "{}: more than {:.0} % above what is kept in {}. Mend it, or keep the new numbers with `cargo xtask bench count --write` \
             and say why in the commit",
            worse.join(", "),
            100.0 * TOLERANCE,
            workspace::shown(&kept_file()),
        )))
    }
}

/// The program with nothing but the rooms in it: what the network needs does not run under valgrind.
fn build() -> Result<PathBuf, XtaskError> {
    let target = workspace::target_dir();
    let mut command = cargo();
    command.args(["build", "--quiet", "--release", "--package", "kp-benches", "--bin", "kp-count"]);
    command.args(["--no-default-features", "--features", "count", "--target-dir"]).arg(&target);
    output_of(&mut command)?;
    Ok(target.join("release").join("kp-count"))
}

fn instructions(program: &PathBuf, stage: &str, records: u64) -> Result<u64, XtaskError> {
    let mut command = Command::new("valgrind");
    command.stdin(Stdio::null()).args(["--tool=callgrind", "--callgrind-out-file=/dev/null", "--log-fd=1"]);
    command.arg(program).args([stage, &records.to_string()]);
    if Command::new("valgrind").arg("--version").output().is_err() {
        return Err(XtaskError::MissingProgram {
            program: "valgrind",
            purpose: "count instructions",
            found: "it is not installed".to_owned(),
            install: "Debian: apt-get install valgrind",
        });
    }
    collected(&String::from_utf8_lossy(&output_of(&mut command)?))
}

/// The number in callgrind's last words.
fn collected(log: &str) -> Result<u64, XtaskError> {
    let number = log.lines().find_map(|line| line.split_once("Collected :")?.1.trim().parse().ok());
    number.ok_or_else(|| XtaskError::Failed(format!("valgrind counted nothing; it said: {}", log.trim())))
}

fn kept_file() -> PathBuf {
    workspace::root().join("benches/instructions.txt")
}

fn read_kept() -> Result<BTreeMap<String, f64>, XtaskError> {
    let path = kept_file();
    let text = std::fs::read_to_string(&path).doing(|| format!("reading {}", workspace::shown(&path)))?;
    Ok(parse_kept(&text))
}

fn parse_kept(text: &str) -> BTreeMap<String, f64> {
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    lines
        .filter_map(|line| {
            let (stage, number) = line.split_once(' ')?;
            Some((stage.to_owned(), number.trim().parse().ok()?))
        })
        .collect()
}

fn write_kept(counted: &BTreeMap<String, f64>) -> Result<(), XtaskError> {
    let mut text =
        "# Instructions for each record, by `cargo xtask bench count --write`. CI fails above +5 %.\n"
            .to_owned();
    for (stage, _) in STAGES {
        text.push_str(&format!("{stage} {:.1}\n", counted[stage]));
    }
    write_file(&kept_file(), &text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_number_is_found_in_callgrinds_words_and_nothing_else_is_one() {
        let log = "==1== Events    : Ir\n==1== Collected : 116459143\n==1==\n";
        assert_eq!(collected(log).unwrap(), 116_459_143);
        assert!(collected("==1== Aborted").unwrap_err().to_string().contains("Aborted"));
    }

    #[test]
    fn what_is_kept_is_read_back() {
        let kept = parse_kept("# words\nappend 580.7\nseal 623.6\n");
        assert_eq!(kept, BTreeMap::from([("append".to_owned(), 580.7), ("seal".to_owned(), 623.6)]));
    }
}
