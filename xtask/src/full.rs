//! `cargo xtask full`: everything that is too long for CI, one step after the other, with a table at the end. For a release, and
//! for who has changed something deep.

use std::process::Command;
use std::time::Instant;

use clap::Args;

use crate::error::XtaskError;
use crate::packages::cargo;
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

/// One step: its name, cargo's arguments, and what is set for it.
struct Step {
    name: &'static str,
    arguments: Vec<String>,
    variables: Vec<(&'static str, String)>,
}

impl Step {
    fn new(name: &'static str, arguments: &str) -> Self {
        let arguments = arguments.split(' ').map(str::to_owned).collect();
        Self { name, arguments, variables: Vec::new() }
    }

    fn with(mut self, variable: &'static str, value: impl ToString) -> Self {
        self.variables.push((variable, value.to_string()));
        self
    }

    fn command(&self) -> Command {
        let mut command = cargo();
        command.args(&self.arguments).envs(self.variables.iter().map(|(name, value)| (name, value)));
        command.current_dir(workspace::root());
        command
    }
}

fn steps(args: &FullArgs) -> Vec<Step> {
    let chaos = format!("xtask chaos --seconds {} --control-seconds 30", args.chaos_seconds);
    let mut steps = vec![
        Step::new("seeds", "test --quiet --release --package kp-tests --test sim_laws")
            .with("KP_SEEDS", args.seeds),
        Step::new("planted bugs, all", "xtask plants"),
        Step::new(
            "brokers, codecs, 100,000 lines",
            "test --quiet --release --package kp-tests --test real_broker_profiles -- --nocapture",
        )
        .with("KP_FULL", 1),
        Step::new("chaos", &chaos),
    ];
    // Each feature alone: what is not compiled in CI by chance is compiled here.
    for feature in ["", "tokio", "gzip", "snappy", "lz4", "zstd", "serde", "tokio,gzip,snappy,lz4,zstd,serde"]
    {
        let arguments = match feature {
            "" => "check --quiet --package kp-producer --no-default-features --lib".to_owned(),
            feature => {
                format!(
                    "check --quiet --package kp-producer --no-default-features --lib --features {feature}"
                )
            }
        };
        steps.push(Step::new("features", &arguments));
    }
    steps.push(Step::new("licences, sources, advisories", "xtask deny"));
    steps.push(Step::new("oldest versions", "xtask minimal"));
    steps.push(Step::new("publishing", "publish --quiet --workspace --dry-run --allow-dirty"));
    steps
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
        let is_good = step.command().status().is_ok_and(|status| status.success());
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
}
