//! `cargo xtask loop`: builds the program of `tests/consumers/loop` and runs it; see there. It is outside the workspace: rdkafka is C.

use std::process::Command;

use clap::Args;

use crate::consumers;
use crate::error::{Doing, XtaskError};
use crate::packages::{cargo, output_of};
use crate::workspace;

const FOLDER: &str = "tests/consumers/loop";
const TARGET: &str = "target/loop";

/// What is handed on to `kp-loop`; `cargo xtask loop -- --help` lists it.
#[derive(Debug, Args)]
pub struct LoopArgs {
    /// `--version V`, `--records N`, `--kill-every SECONDS`, `--membership eager|cooperative|static|broker`, `--wrong MISTAKE`, …
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    args: Vec<String>,
}

/// Builds and runs it, and its own tests before.
///
/// # Errors
/// It does not build, or the output is not what it has to be.
pub fn run(args: &LoopArgs) -> Result<(), XtaskError> {
    consumers::lock(FOLDER)?;
    for task in ["test", "build"] {
        eprintln!("kp-loop: {task}");
        output_of(&mut at_the_crate(task))?;
    }
    let program = workspace::root().join(TARGET).join("release/kp-loop");
    let status = Command::new(&program)
        .args(&args.args)
        .status()
        .doing(|| format!("running {}", workspace::shown(&program)))?;
    if status.success() { Ok(()) } else { Err(XtaskError::Failed(format!("kp-loop ended with {status}"))) }
}

fn at_the_crate(task: &str) -> Command {
    let mut command = cargo();
    command.args([task, "--quiet", "--release", "--target-dir", TARGET, "--manifest-path"]);
    command.arg(format!("{FOLDER}/Cargo.toml")).current_dir(workspace::root());
    command
}
