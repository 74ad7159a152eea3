//! `cargo xtask chaos`: builds the program `kp-chaos` of the tests and runs it; see there.

use clap::Args;

use crate::error::{Doing, XtaskError};
use crate::programs;

/// What is handed on to `kp-chaos`; `cargo xtask chaos -- --help` lists it.
#[derive(Debug, Args)]
pub struct ChaosArgs {
    /// `--transactions` (`--spare-brokers`), `--kafka VERSION`, `--seconds N`, `--seed S`, `--records-per-second R`, `--control-seconds N`, `--secure`, `--rotate`, `--calm`, `--keep`.
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    args: Vec<String>,
}

/// Builds and runs it.
///
/// # Errors
/// It does not build, or a law is broken.
pub fn run(args: &ChaosArgs) -> Result<(), XtaskError> {
    eprintln!("building kp-chaos");
    let program = programs::build("kp-tests", "kp-chaos", true, &[])?;
    let status = std::process::Command::new(&program)
        .args(&args.args)
        .status()
        .doing(|| "running kp-chaos".to_owned())?;
    if status.success() { Ok(()) } else { Err(XtaskError::Failed(format!("kp-chaos ended with {status}"))) }
}
