//! `kp`: the command line of the kp Kafka producer.
//!
//! Data and results go to stdout, progress and messages to stderr. Exit codes: 0 everything done, 1 something
//! failed, 2 wrong usage or configuration, 130 Ctrl-C.

#![forbid(unsafe_code)]
#![allow(clippy::disallowed_methods, reason = "a program is where clocks, threads and sockets come from")]

mod args;
mod config;
mod config_args;
mod configure;
mod console;
mod demo;
mod doctor;
mod duration;
mod histogram;
mod interrupt;
mod metadata;
mod perf;
mod produce;
mod prometheus;
mod read;
mod reader;
mod security_args;
mod watched;

use std::{
    fmt,
    io::{self, Write as _},
    process::ExitCode,
};

use clap::{CommandFactory as _, Parser as _};

use crate::{
    args::{Cli, Command},
    console::Console,
};

/// Why a command did not do what it was asked to, and the exit code for that.
#[derive(Debug)]
pub(crate) struct Failure {
    code: u8,
    message: String,
}

impl Failure {
    /// The command line or the configuration is wrong.
    pub(crate) fn usage(message: impl fmt::Display) -> Self {
        Self { code: 2, message: message.to_string() }
    }

    /// It was tried and did not work.
    pub(crate) fn failed(message: impl fmt::Display) -> Self {
        Self { code: 1, message: message.to_string() }
    }
}

fn main() -> ExitCode {
    // Exits by itself with 2 for wrong usage and 0 for `--help`.
    let cli = Cli::parse();
    let console = Console::new(cli.output.quiet);
    let done = match &cli.command {
        Command::Demo(args) => demo::run(args, &cli.output, &console),
        Command::Produce(args) => produce::run(args, &cli.output, &console),
        Command::Perf(args) => perf::run(args, &cli.output, &console),
        Command::Read(args) => read::run(args, &cli.output, &console),
        Command::Metadata(args) => metadata::run(args, &cli.output),
        Command::Doctor(args) => doctor::run(args, &cli.output),
        Command::Config(args) => config::run(args, &cli.output),
        Command::Completions { shell } => {
            let mut script = Vec::new();
            clap_complete::generate(*shell, &mut Cli::command(), "kp", &mut script);
            io::stdout().write_all(&script).map(|()| 0).map_err(Failure::failed)
        }
    };
    match done {
        Ok(code) => ExitCode::from(code),
        Err(failure) => {
            console.error(&failure.message);
            ExitCode::from(failure.code)
        }
    }
}
