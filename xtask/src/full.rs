//! `cargo xtask full`: everything that is too long for CI, one step after the other, with a table at the end. For a release, and
//! for who has changed something deep.

use std::process::Command;
use std::time::Instant;

use clap::Args;

use crate::consumers;
use crate::error::XtaskError;
use crate::installed::Tool;
use crate::linker_only;
use crate::packages::{cargo, output_of};
use crate::workspace;

/// How much of it.
#[derive(Debug, Args)]
pub struct FullArgs {
    /// Seeds of the simulation.
    #[arg(long, default_value_t = 1_000_000)]
    seeds: u64,
    /// Seconds of real Kafka under fire.
    #[arg(long, default_value_t = 300)]
    chaos_seconds: u64,
    /// Only steps whose name contains this.
    #[arg(long, value_name = "TEXT")]
    only: Option<String>,
    /// Print the steps and run nothing.
    #[arg(long)]
    list: bool,
}

/// Runs cargo with one set of features after the other.
const HACK: Tool = Tool { name: "cargo-hack", version: "0.6.46", flags: &[] };

/// What is built for other machines has a target directory of its own: the usual one stays as it was.
const ELSEWHERE: &str = "--target-dir target/full";

const MUSL: &str = "x86_64-unknown-linux-musl";
const AARCH64: &str = "aarch64-unknown-linux-gnu";

/// The crates that decide and do no I/O: they are compiled where there is neither a socket nor a thread.
const PURE: [&str; 11] = [
    "kp-time",
    "kp-protocol",
    "kp-record",
    "kp-config",
    "kp-memory",
    "kp-metadata",
    "kp-accumulator",
    "kp-client",
    "kp-sasl",
    "kp-msk-iam",
    "kp-sender",
];

/// A program with two providers of cryptography.
const TWO_PROVIDERS: &str = "tests/consumers/two-providers";

/// One step: its name, cargo's arguments, what is set for it, and what has to be there before.
struct Step {
    name: &'static str,
    arguments: Vec<String>,
    variables: Vec<(&'static str, String)>,
    needs: Option<Needs>,
    /// Whether it has to do without a C compiler.
    links_only: bool,
}

/// What a machine may lack; it is installed by the step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Needs {
    Hack,
    /// The standard library for a target.
    Target(&'static str),
    /// The versions of the workspace, in a crate that is outside.
    Lock(&'static str),
}

impl Needs {
    fn install(self) -> Result<(), XtaskError> {
        match self {
            Self::Hack => HACK.ensure(),
            Self::Lock(folder) => consumers::lock(folder),
            Self::Target(target) => {
                output_of(Command::new("rustup").args(["target", "add", target])).map(drop)
            }
        }
    }
}

impl Step {
    fn new(name: &'static str, arguments: &str) -> Self {
        let arguments = arguments.split(' ').map(str::to_owned).collect();
        Self { name, arguments, variables: Vec::new(), needs: None, links_only: false }
    }

    /// Cargo for another machine than this one.
    fn elsewhere(name: &'static str, command: &str, target: &'static str) -> Self {
        let (command, rest) = command.split_once(' ').unwrap_or((command, ""));
        let arguments = format!("{command} --quiet {ELSEWHERE} --target {target} {rest}");
        Self::new(name, arguments.trim_end()).needing(Needs::Target(target))
    }

    fn needing(mut self, needs: Needs) -> Self {
        self.needs = Some(needs);
        self
    }

    fn with(mut self, variable: &'static str, value: impl ToString) -> Self {
        self.variables.push((variable, value.to_string()));
        self
    }

    fn without_c(mut self) -> Self {
        self.links_only = true;
        self
    }

    fn command(&self) -> Result<Command, XtaskError> {
        let mut command = cargo();
        if self.links_only {
            command.env("PATH", linker_only::search_path()?).env_remove("CC").env_remove("CXX");
        }
        command.args(&self.arguments).envs(self.variables.iter().map(|(name, value)| (name, value)));
        command.current_dir(workspace::root());
        Ok(command)
    }

    /// What it needs, and then itself.
    fn run(&self) -> Result<bool, XtaskError> {
        self.needs.map_or(Ok(()), Needs::install)?;
        Ok(self.command()?.status().is_ok_and(|status| status.success()))
    }
}

fn steps(args: &FullArgs) -> Vec<Step> {
    let chaos = format!("xtask chaos --seconds {} --control-seconds 30", args.chaos_seconds);
    let transactions =
        |kafka| format!("xtask chaos --transactions --kafka {kafka} --seconds {}", args.chaos_seconds);
    let secured_chaos = format!("xtask chaos --secure --seconds {} --control-seconds 0", args.chaos_seconds);
    let rotation = format!(
        "xtask chaos --secure --rotate --calm --seconds {} --control-seconds 0 --records-per-second 4000",
        args.chaos_seconds
    );
    let mut steps = vec![
        Step::new("seeds", "test --quiet --release --package kp-tests --test sim_laws")
            .with("KP_SEEDS", args.seeds),
        Step::new("seeds, transactions", "test --quiet --release --package kp-tests --test sim_transactions")
            .with("KP_SEEDS", args.seeds),
        Step::new("planted bugs, all", "xtask plants"),
        Step::new(
            "brokers, codecs, 100,000 lines",
            "test --quiet --release --package kp-tests --test real_broker profiles:: -- --nocapture",
        )
        .with("KP_FULL", 1),
        Step::new(
            "secured brokers, each way in",
            "test --quiet --release --package kp-tests --test real_broker -- secured:: kerberos:: vendors:: --nocapture",
        )
        .with("KP_FULL", 1),
        Step::new("chaos", &chaos),
        Step::new("chaos, secured", &secured_chaos),
        Step::new("chaos, transactions, 4.3.0", &transactions("4.3.0")),
        Step::new("chaos, transactions, 3.9.1", &transactions("3.9.1")),
        Step::new("rotation under load", &rotation),
        Step::new("kp perf's report in a browser", "xtask report"),
        // A minute of each target.
        Step::new("fuzz", "xtask fuzz --seconds 60"),
    ];
    steps.extend(turns());
    steps.extend(cryptography());
    steps.extend(features());
    steps.extend(targets());
    steps.push(Step::new("public API", "xtask api --check"));
    steps.push(Step::new("licences, sources, advisories", "xtask deny"));
    steps.push(Step::new("oldest versions", "xtask minimal"));
    steps.push(Step::new("publishing", "publish --quiet --workspace --dry-run --allow-dirty"));
    steps
}

/// What takes turns in `.ci/run`.
fn turns() -> [Step; 5] {
    [
        Step::new(
            "tests: zstd",
            "test --quiet --locked -p kp-sender -p kp-accumulator -p kp-protocol --features kp-protocol/zstd",
        ),
        Step::new("bench: compare", "xtask bench compare --smoke"),
        Step::new(
            "bench: protocol",
            "bench --quiet --locked --manifest-path benches/protocol/Cargo.toml --target-dir target/bench -- --test",
        ),
        Step::new("allocations", "test --quiet --release --locked --package kp-benches --test allocations"),
        Step::new("features, each alone", "xtask features"),
    ]
}

/// Every set of features: what CI compiles by chance is compiled here on purpose. The three codecs of the default go together,
/// each of them alone is kp-protocol's. Which provider of cryptography is on changes nothing else: CI compiles each alone.
fn features() -> [Step; 2] {
    let powerset = |name, rest: &str| {
        let arguments =
            format!("hack check --quiet {ELSEWHERE} --feature-powerset --exclude-features default {rest}");
        Step::new(name, &arguments).needing(Needs::Hack).with("RUSTFLAGS", "-Dwarnings")
    };
    [
        powerset("features", "--package kp-protocol --package kp-network --package kp-sim --package kp-cli"),
        powerset(
            "features of the facade",
            "--package kp-producer --group-features gzip,snappy,lz4 --exclude-features tls,tls-aws-lc,tls-graviola,tls-java-stores,tls-keylog,tls-platform-verifier,tls-webpki-roots",
        ),
    ]
}

/// What each provider of cryptography needs, and how two of them get on.
fn cryptography() -> [Step; 4] {
    let two = format!("test --quiet {ELSEWHERE} --manifest-path {TWO_PROVIDERS}/Cargo.toml");
    let aws_lc = format!("test --quiet {ELSEWHERE} --package kp-tls --features aws-lc,java-stores");
    let build = |rest: &str| format!("build --quiet --target-dir target/full/without-c {rest}");
    [
        Step::new("library with TLS, no C compiler", &build("--package kp-producer --features tls-graviola"))
            .without_c(),
        Step::new("kp, no C compiler", &build("--package kp-cli")).without_c(),
        Step::new("aws-lc", &aws_lc),
        Step::new("ring and aws-lc in one program", &two).needing(Needs::Lock(TWO_PROVIDERS)),
    ]
}

/// Machines that are not at hand: what is for them compiles at least.
fn targets() -> [Step; 9] {
    let pure = PURE.map(|name| format!("--package {name}")).join(" ");
    [
        Step::elsewhere("WebAssembly, pure crates", &format!("check {pure}"), "wasm32-unknown-unknown"),
        // Runs here as well, without the system's C library.
        Step::elsewhere("musl", "run --package kp-cli -- --version", MUSL),
        Step::elsewhere("musl, library", "check --package kp-producer", MUSL),
        Step::elsewhere(
            "musl, library with TLS",
            "check --package kp-producer --features tls-graviola",
            MUSL,
        ),
        Step::elsewhere("aarch64, library", "check --package kp-producer", AARCH64),
        Step::elsewhere(
            "aarch64, library with TLS",
            "check --package kp-producer --features tls-graviola",
            AARCH64,
        ),
        Step::elsewhere("aarch64, kp", "check --package kp-cli", AARCH64),
        Step::elsewhere("Windows", "check --package kp-producer", "x86_64-pc-windows-gnu"),
        Step::elsewhere("macOS", "check --package kp-producer", "x86_64-apple-darwin"),
    ]
}

/// Runs every step, whatever becomes of the others.
///
/// # Errors
/// One has failed.
pub fn run(args: &FullArgs) -> Result<(), XtaskError> {
    let wanted = |step: &Step| args.only.as_ref().is_none_or(|text| step.name.contains(text.as_str()));
    let (mut lines, mut failed) = (Vec::new(), 0);
    for step in steps(args).into_iter().filter(wanted) {
        let shown = step.arguments.join(" ");
        eprintln!("\n=== {}: cargo {shown}", step.name);
        if args.list {
            continue;
        }
        let started = Instant::now();
        let is_good = step.run().unwrap_or_else(|error| {
            eprintln!("{error}");
            false
        });
        failed += usize::from(!is_good);
        let verdict = if is_good { "ok" } else { "FAILED" };
        lines.push(format!("{:<32} {verdict:<8} {:>6} s  {shown}", step.name, started.elapsed().as_secs()));
    }
    println!("\n{}", lines.join("\n"));
    if failed == 0 { Ok(()) } else { Err(XtaskError::Failed(format!("{failed} of the steps failed"))) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_step_is_a_command_of_cargo_and_has_a_name() {
        let args = FullArgs { seeds: 5, chaos_seconds: 7, only: None, list: false };
        let steps = steps(&args);
        assert!(steps.iter().all(|step| !step.name.is_empty() && step.arguments.len() > 1));
        assert!(
            steps.iter().any(|step| step.arguments.contains(&"7".to_owned())),
            "the chaos lasts as long as asked"
        );
        assert!(steps.iter().any(|step| step.variables == [("KP_SEEDS", "5".to_owned())]));
    }

    // C3
    #[test]
    fn what_has_to_do_without_c_finds_a_compiler_that_only_links_first() {
        let steps = cryptography();
        let without: Vec<&str> = steps.iter().filter(|step| step.links_only).map(|step| step.name).collect();
        assert_eq!(without, ["library with TLS, no C compiler", "kp, no C compiler"]);
        let command = steps[0].command().unwrap();
        let (_, path) = command.get_envs().find(|(name, _)| *name == "PATH").unwrap();
        let first = std::env::split_paths(path.unwrap()).next().unwrap();
        assert!(first.join("cc").is_file() && first.ends_with("linker-only"), "{}", first.display());
    }

    #[test]
    fn what_takes_turns_in_ci_is_a_step_here() {
        let ci = std::fs::read_to_string(workspace::root().join(".ci/run")).unwrap();
        let args = FullArgs { seeds: 5, chaos_seconds: 7, only: None, list: false };
        let steps = steps(&args);
        let in_turn = ci.lines().filter_map(|line| line.strip_prefix("in_turn ")?.split('\'').nth(1));
        let in_turn: Vec<_> = in_turn.collect();
        assert!(in_turn.len() >= 3, "{in_turn:?}");
        for name in in_turn {
            assert!(steps.iter().any(|step| step.name == name), "{name} runs whole nowhere");
        }
        // A part of these each time.
        for task in ["fuzz", "features", "plants"] {
            assert!(ci.contains(&format!("cargo xtask {task} $(pick ")), "{task}");
            let whole = |step: &Step| step.arguments.starts_with(&["xtask".into(), task.into()]);
            assert!(steps.iter().any(whole), "{task}");
        }
    }

    #[test]
    fn a_step_for_another_machine_names_its_target_and_installs_it() {
        let steps = targets();
        for step in &steps {
            let Some(Needs::Target(target)) = step.needs else { panic!("{} needs no target", step.name) };
            let at = step.arguments.iter().position(|argument| argument == "--target").unwrap();
            assert_eq!(step.arguments[at + 1], target);
            assert!(step.arguments.iter().all(|argument| !argument.is_empty()), "{:?}", step.arguments);
        }
        assert_eq!(steps[1].arguments[0], "run");
        assert_eq!(steps[1].arguments.last().map(String::as_str), Some("--version"));
    }
}
