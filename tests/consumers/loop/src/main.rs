//! `cargo xtask loop`: records are read, transformed and written in transactions, offsets and all (KIP-447), by workers with
//! rdkafka's consumer and kp's producer, of which one is killed every few seconds and one is frozen until its group has given it
//! up. Then the output is held against the input.

#![allow(clippy::disallowed_methods, reason = "a program in real time")]

mod drive;
mod judge;
mod membership;
mod recipe;
mod record;
mod topics;
mod verdict;
mod worker;
mod workers;
mod wrong;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::drive::DriveArgs;
use crate::worker::WorkerArgs;

/// Reads, transforms and writes in transactions, with workers that are killed and frozen on the way: every record has to be in the
/// output once, transformed and in order. Exit code 0: it is; 1: it is not; 2: the run itself failed.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask loop", args_conflicts_with_subcommands = true)]
struct Cli {
    #[command(subcommand)]
    worker: Option<Part>,
    #[command(flatten)]
    drive: DriveArgs,
}

#[derive(Debug, Subcommand)]
enum Part {
    /// One worker, until its input ends; the driver starts them.
    Worker(WorkerArgs),
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    let done = match &cli.worker {
        Some(Part::Worker(args)) => worker::run(args).map(|()| true),
        None => drive::run(&cli.drive),
    };
    match done {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(1),
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::from(2)
        }
    }
}
