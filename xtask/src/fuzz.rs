//! `cargo xtask fuzz`: a while of each target of `fuzz`, from the corpus that is kept. What is found new stays in
//! `target/fuzz-corpus`.

use std::process::{Command, Stdio};
use std::time::Instant;

use clap::Args;

use crate::error::{Doing, XtaskError};
use crate::installed::Tool;
use crate::packages::output_of;
use crate::turns::Turns;
use crate::workspace;

/// Runs libFuzzer targets, with a nightly compiler.
const CARGO_FUZZ: Tool = Tool { name: "cargo-fuzz", version: "0.13.1", flags: &[] };

/// Which targets, and how long.
#[derive(Debug, Args)]
pub struct FuzzArgs {
    /// Only these; the files of `fuzz/fuzz_targets`.
    #[arg(value_name = "TARGET", conflicts_with = "pick")]
    only: Vec<String>,
    #[command(flatten)]
    turns: Turns,
    /// Seconds of each.
    #[arg(long, default_value_t = 10)]
    seconds: u32,
}

/// Runs one target after the other, all of them even if one fails.
///
/// # Errors
/// [`XtaskError::Failed`] names the targets that found something, or that do not compile.
pub fn run(args: &FuzzArgs) -> Result<(), XtaskError> {
    let all = targets()?;
    if let Some(unknown) = args.only.iter().find(|name| !all.contains(name)) {
        return Err(XtaskError::Usage(format!("fuzz {unknown}: not known; there are {}", all.join(", "))));
    }
    let wanted = if args.only.is_empty() { &all } else { &args.only };
    ensure_nightly()?;
    CARGO_FUZZ.ensure()?;
    let chosen = args.turns.of(wanted, |name| name)?;
    // A target's feature is its name: what no chosen one needs is not built.
    let features = chosen.iter().map(|name| name.as_str()).collect::<Vec<_>>().join(",");
    let mut bad = Vec::new();
    for name in chosen {
        let started = Instant::now();
        let verdict = match run_target(name, &features, args.seconds) {
            Ok(executions) => format!("ok, {executions} executions"),
            Err(error) => {
                eprintln!("{error}");
                bad.push(name.as_str());
                "FAILED".to_owned()
            }
        };
        println!("{name:<12} {verdict} ({} s)", started.elapsed().as_secs());
    }
    if bad.is_empty() { Ok(()) } else { Err(XtaskError::Failed(format!("fuzz: {}", bad.join(", ")))) }
}

/// The names of the targets, in their order.
fn targets() -> Result<Vec<String>, XtaskError> {
    let folder = workspace::root().join("fuzz/fuzz_targets");
    let mut names = Vec::new();
    for entry in std::fs::read_dir(&folder).doing(|| format!("listing {}", workspace::shown(&folder)))? {
        let path = entry.doing(|| format!("listing {}", workspace::shown(&folder)))?.path();
        if path.extension().is_some_and(|extension| extension == "rs") {
            names.extend(path.file_stem().map(|name| name.to_string_lossy().into_owned()));
        }
    }
    names.sort();
    Ok(names)
}

fn ensure_nightly() -> Result<(), XtaskError> {
    let rustup = |arguments: &[&str]| output_of(Command::new("rustup").args(arguments).stdin(Stdio::null()));
    if rustup(&["run", "nightly", "cargo", "--version"]).is_err() {
        rustup(&["toolchain", "install", "nightly", "--profile", "minimal", "--no-self-update"])?;
    }
    Ok(())
}

/// Builds a target and runs it; answers how often it was executed.
fn run_target(name: &str, features: &str, seconds: u32) -> Result<String, XtaskError> {
    let target_dir = workspace::target_dir();
    let scratch = target_dir.join("fuzz-corpus").join(name);
    std::fs::create_dir_all(&scratch).doing(|| format!("making {}", workspace::shown(&scratch)))?;
    let mut fuzz = Command::new("cargo");
    fuzz.args(["+nightly", "fuzz", "run", "--no-default-features", "--features", features, "--target-dir"]);
    fuzz.arg(target_dir.join("fuzz")).arg(name).arg(scratch).arg(format!("corpus/{name}"));
    fuzz.arg("--").arg(format!("-max_total_time={seconds}"));
    fuzz.args(["-max_len=65536", "-rss_limit_mb=4096", "-verbosity=0", "-print_final_stats=1"]);
    // Set by the cargo that runs this task, for its own toolchain.
    for variable in ["CARGO", "RUSTC", "RUSTDOC", "RUSTUP_TOOLCHAIN"] {
        fuzz.env_remove(variable);
    }
    fuzz.current_dir(workspace::root().join("fuzz")).stdin(Stdio::null());
    let output = fuzz.output().doing(|| format!("running fuzz target {name}"))?;
    let said = String::from_utf8_lossy(&output.stderr);
    if output.status.success() {
        return Ok(executions(&said).unwrap_or("no").to_owned());
    }
    Err(XtaskError::Command {
        command: format!("cargo +nightly fuzz run {name}"),
        status: output.status.to_string(),
        output: said.into_owned(),
    })
}

/// What libFuzzer counted, from what it printed.
fn executions(said: &str) -> Option<&str> {
    said.lines().find_map(|line| line.strip_prefix("stat::number_of_executed_units:")).map(str::trim)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_number_of_executions_is_read_from_what_the_fuzzer_says() {
        let said =
            "INFO: seed 7\nstat::number_of_executed_units: 477802\nstat::average_exec_per_sec: 43436\n";
        assert_eq!(executions(said), Some("477802"));
    }

    #[test]
    fn each_target_has_a_program_a_feature_and_a_corpus() {
        let manifest = std::fs::read_to_string(workspace::root().join("fuzz/Cargo.toml")).unwrap();
        let targets = targets().unwrap();
        assert!(targets.len() >= 10, "{targets:?}");
        for name in &targets {
            for line in [
                format!("name = \"{name}\""),
                format!("path = \"fuzz_targets/{name}.rs\""),
                format!("required-features = [\"{name}\"]"),
                format!("\n{name} = ["),
            ] {
                assert!(manifest.contains(&line), "fuzz/Cargo.toml lacks {line}");
            }
            assert!(workspace::root().join("fuzz/corpus").join(name).is_dir(), "{name} has no corpus");
        }
    }
}
