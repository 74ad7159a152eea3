//! `cargo xtask test`: the tiers of tests, from a crate alone to real brokers. Each says what it ran, how long it
//! took, and loudly what it skipped and why.
//!
//! Which test belongs to which tier is told by its file or folder in `tests/tests`: `sim_*` 2, `double*` 3,
//! `real_broker*` 4, every other 1. Tier 3 also builds `tests/consumers` from the packaged crates. The first tier is also each
//! package's own tests, one package at a time, so that a crate which only works beside another is found.

use std::io::{BufRead, BufReader, Write};
use std::process::{Command, Stdio};
use std::time::Instant;

use clap::Args;

use crate::consumers;
use crate::error::{Doing, XtaskError};
use crate::kafka::{self, Version};
use crate::packages::{self, Package, cargo};

/// Which tests to run.
#[derive(Debug, Args)]
pub struct TestArgs {
    /// Only these tiers, e.g. 1,3: 1 unit and property, 2 laws, 3 double, 4 real brokers.
    #[arg(long = "tier", value_delimiter = ',', default_values_t = [1u8, 2, 3, 4],
          value_parser = clap::value_parser!(u8).range(1..=4))]
    tiers: Vec<u8>,
    /// Fail if a tier cannot run here.
    #[arg(long)]
    require_all: bool,
    /// Handed to every test program, e.g. a part of a test's name.
    #[arg(last = true)]
    args: Vec<String>,
}

/// Features that a crate's own tests need beside its default ones.
const FEATURES_FOR_TESTS: &[(&str, &str)] =
    &[("kp-config", "serde"), ("kp-producer", "futures,tracing"), ("kp-sim", "tls")];

/// The package whose tests use several crates together.
const TEST_PACKAGE: &str = "kp-tests";

/// The tier that also builds and runs the crates of `tests/consumers`.
const CONSUMERS_TIER: u8 = 3;

/// One of the four tiers.
struct Tier {
    number: u8,
    name: &'static str,
    /// The files and folders of `tests/tests` that belong to it begin with this.
    prefix: &'static str,
    /// Whether optimised: what moves hundreds of megabytes is. As `cargo xtask plants` builds: what is released is linked for minutes.
    optimised: bool,
}

const TIERS: [Tier; 4] = [
    Tier { number: 1, name: "unit and property", prefix: "", optimised: false },
    Tier { number: 2, name: "laws", prefix: "sim_", optimised: true },
    Tier { number: 3, name: "double", prefix: "double", optimised: false },
    Tier { number: 4, name: "real", prefix: "real_broker", optimised: true },
];

/// How a tier went.
enum Verdict {
    Ran(Counts),
    Skipped(String),
}

/// What the runners said, added up.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
struct Counts {
    commands: usize,
    passed: u64,
    failed: u64,
    ignored: u64,
    /// The commands that failed, for whatever reason.
    failures: Vec<String>,
}

/// Runs the tiers, all of them even if one fails.
///
/// # Errors
/// [`XtaskError::Failed`] when a test failed, or with `--require-all` a tier could not run.
pub fn run(args: &TestArgs) -> Result<(), XtaskError> {
    let packages = packages::packages()?;
    let mut lines = Vec::new();
    let mut bad = Vec::new();
    for tier in TIERS.iter().filter(|tier| args.tiers.contains(&tier.number)) {
        println!("== tier {}: {}", tier.number, tier.name);
        let started = Instant::now();
        let verdict = run_tier(tier, &packages, &args.args)?;
        let seconds = started.elapsed().as_secs_f32();
        let (word, detail) = match &verdict {
            Verdict::Ran(counts) if counts.failures.is_empty() => ("ok", counts.to_string()),
            Verdict::Ran(counts) => {
                bad.push(format!("tier {} failed: {}", tier.number, counts.failures.join("; ")));
                ("FAILED", counts.to_string())
            }
            Verdict::Skipped(why) => {
                if args.require_all {
                    bad.push(format!("tier {} could not run (--require-all): {why}", tier.number));
                }
                ("SKIPPED", why.clone())
            }
        };
        lines.push(format!("tier {} {:<18} {word:<11} {seconds:>6.1} s  {detail}", tier.number, tier.name));
    }
    println!("== tests");
    for line in &lines {
        println!("{line}");
    }
    if bad.is_empty() { Ok(()) } else { Err(XtaskError::Failed(bad.join("\n"))) }
}

fn run_tier(tier: &Tier, packages: &[Package], args: &[String]) -> Result<Verdict, XtaskError> {
    let mut commands = commands_of(tier, packages);
    if commands.is_empty() {
        return Ok(Verdict::Skipped(format!("{TEST_PACKAGE} has no test {}*", tier.prefix)));
    }
    if tier.number == 4
        && let Err(missing) = kafka::available(Version::newest())
    {
        eprintln!("SKIPPED: tests on real brokers. {missing}");
        return Ok(Verdict::Skipped(missing.to_string().lines().next().unwrap_or_default().to_owned()));
    }
    let mut counts = Counts::default();
    if tier.number == CONSUMERS_TIER {
        consumers::prepare(packages)?;
        counts.failures.extend(consumers::check_trees()?);
        commands.extend(consumers::commands());
    }
    for arguments in commands {
        run_command(&arguments, args, &mut counts)?;
    }
    if counts.passed == 0 && counts.failures.is_empty() && args.is_empty() {
        counts.failures.push("not one test ran".to_owned());
    }
    Ok(Verdict::Ran(counts))
}

/// The arguments of each `cargo test` of a tier.
fn commands_of(tier: &Tier, packages: &[Package]) -> Vec<Vec<String>> {
    let mut commands = Vec::new();
    if tier.number == 1 {
        for package in packages.iter().filter(|package| package.name != TEST_PACKAGE) {
            let mut command = vec!["--package".to_owned(), package.name.clone()];
            for (_, feature) in FEATURES_FOR_TESTS.iter().filter(|(name, _)| *name == package.name) {
                command.extend(["--features".to_owned(), (*feature).to_owned()]);
            }
            commands.push(command);
        }
    }
    let package = packages.iter().find(|package| package.name == TEST_PACKAGE);
    let files = package.into_iter().flat_map(Package::tests).map(|target| &target.name);
    let mine: Vec<_> = files.filter(|name| tier_of(name) == tier.number).collect();
    if !mine.is_empty() || (tier.number == 1 && package.is_some()) {
        let mut command = vec!["--package".to_owned(), TEST_PACKAGE.to_owned()];
        if tier.optimised {
            command.extend(["--profile".to_owned(), "plants".to_owned()]);
        }
        if tier.number == 1 {
            command.push("--lib".to_owned());
        }
        for name in mine {
            command.extend(["--test".to_owned(), name.clone()]);
        }
        commands.push(command);
    }
    commands
}

/// The tier of a test file of the test package.
fn tier_of(file: &str) -> u8 {
    let found = TIERS.iter().find(|tier| !tier.prefix.is_empty() && file.starts_with(tier.prefix));
    found.map_or(1, |tier| tier.number)
}

/// Runs `cargo test`, passes its output on, and adds up what the runners say.
fn run_command(arguments: &[String], args: &[String], counts: &mut Counts) -> Result<(), XtaskError> {
    let shown = format!("cargo test {}", arguments.join(" "));
    println!("-- {shown}");
    let mut command: Command = cargo();
    command.args(["test", "--quiet", "--no-fail-fast"]).args(arguments);
    if !args.is_empty() {
        command.arg("--").args(args);
    }
    let mut child = command.stdout(Stdio::piped()).spawn().doing(|| format!("starting `{shown}`"))?;
    if let Some(stdout) = child.stdout.take() {
        let mut reader = BufReader::new(stdout);
        let mut out = std::io::stdout();
        let mut line = Vec::new();
        while reader.read_until(b'\n', &mut line).doing(|| format!("reading from `{shown}`"))? > 0 {
            out.write_all(&line).doing(|| "writing to standard output".to_owned())?;
            counts.add(&String::from_utf8_lossy(&line));
            line.clear();
        }
    }
    let status = child.wait().doing(|| format!("waiting for `{shown}`"))?;
    counts.commands += 1;
    if !status.success() {
        counts.failures.push(shown);
    }
    Ok(())
}

impl Counts {
    /// Adds a line such as `test result: ok. 12 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out; …`.
    fn add(&mut self, line: &str) {
        let Some(result) = line.trim_start().strip_prefix("test result: ") else { return };
        for part in result.split([';', '.']) {
            let mut words = part.split_whitespace();
            let (Some(Ok(number)), Some(word)) = (words.next().map(str::parse::<u64>), words.next()) else {
                continue;
            };
            match word {
                "passed" => self.passed += number,
                "failed" => self.failed += number,
                "ignored" => self.ignored += number,
                _ => {}
            }
        }
    }
}

impl std::fmt::Display for Counts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} passed, {} failed in {} command(s)", self.passed, self.failed, self.commands)?;
        if self.ignored > 0 {
            write!(f, ", {} IGNORED", self.ignored)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_runners_closing_lines_are_added_up() {
        let mut counts = Counts::default();
        counts.add("test result: ok. 12 passed; 0 failed; 1 ignored; 0 measured; 3 filtered out; finished in 0.00s\n");
        counts.add("test result: FAILED. 2 passed; 4 failed; 0 ignored; 0 measured; 0 filtered out\n");
        counts.add("running 7 tests\n");
        assert_eq!((counts.passed, counts.failed, counts.ignored), (14, 4, 1));
    }

    #[test]
    fn a_test_file_goes_to_the_tier_that_its_name_says() {
        assert_eq!(
            ["golden_bytes", "sim_laws", "sim_transactions", "double_cli", "real_broker"].map(tier_of),
            [1, 2, 2, 3, 4]
        );
    }

    #[test]
    fn every_crate_is_tested_alone_in_the_first_tier() {
        let packages = packages::packages().unwrap();
        let commands = commands_of(&TIERS[0], &packages);
        for package in packages.iter().filter(|package| package.is_crate()) {
            let alone = commands.iter().filter(|command| command[1] == package.name).count();
            assert_eq!(alone, 1, "{}", package.name);
        }
    }
}
