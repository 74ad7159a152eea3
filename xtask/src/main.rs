//! `cargo xtask`: the project's own tools. `cargo xtask --help` lists them.
#![forbid(unsafe_code)]
#![allow(clippy::print_stderr, reason = "errors of a program go to standard error")]

use std::process::ExitCode;

use clap::{Parser, Subcommand};
use xtask::XtaskError;
use xtask::api::ApiArgs;
use xtask::bench::BenchCommand;
use xtask::chaos::ChaosArgs;
use xtask::deny::DenyArgs;
use xtask::features::FeaturesArgs;
use xtask::full::FullArgs;
use xtask::fuzz::FuzzArgs;
use xtask::golden::Golden;
use xtask::group_loop::LoopArgs;
use xtask::kafka::commands::KafkaCommand;
use xtask::plants::PlantsArgs;
use xtask::report::ReportArgs;
use xtask::shape::ShapeArgs;
use xtask::test::TestArgs;

/// Development tasks of kp: real Kafka clusters, tests, checks, generated files.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
struct Cli {
    #[command(subcommand)]
    task: Task,
}

#[derive(Debug, Subcommand)]
enum Task {
    /// Start, watch and end real Apache Kafka clusters (needs Java 17 and Maven).
    #[command(subcommand)]
    Kafka(KafkaCommand),
    /// Run the tests, tier by tier, up to real brokers.
    Test(TestArgs),
    /// Put known bugs back, one at a time, and see that a law or a test notices each.
    Plants(PlantsArgs),
    /// Real Kafka under fire: brokers killed, frozen and cut off; then every law checked on what is in the logs.
    Chaos(ChaosArgs),
    /// Read, transform and write in transactions, with rdkafka's consumers that are killed and frozen (needs CMake and a C compiler).
    Loop(LoopArgs),
    /// Run everything that is too long for CI: seeds, planted bugs, brokers and codecs, chaos, features, targets.
    Full(FullArgs),
    /// Compile the facade with each of its features alone, with none, with all.
    Features(FeaturesArgs),
    /// Run the fuzz targets for a while (needs a nightly toolchain; installs cargo-fuzz if it is not there).
    Fuzz(FuzzArgs),
    /// kp beside other producers, on this machine.
    #[command(subcommand)]
    Bench(BenchCommand),
    /// Open the report of `kp perf` in a headless Chromium, and check that the plots are there.
    Report(ReportArgs),
    /// Check what a compiler does not: who imports whom, wire rows, generated docs, file shape.
    Tidy,
    /// Print the table of shape: each crate's files, functions, structs, imports between files, circles.
    Shape(ShapeArgs),
    /// Write the docs that are printed from the code.
    Docs {
        /// Write nothing; fail if a file is stale.
        #[arg(long)]
        check: bool,
    },
    /// Build the pages of `docs` as a book (installs mdBook if it is not there).
    Book,
    /// Write the public API of each published library to `api` (needs a nightly toolchain; installs cargo-public-api).
    Api(ApiArgs),
    /// Check the licences, sources and advisories of everything in the tree (installs cargo-deny if it is not there).
    Deny(DenyArgs),
    /// Compile the published crates with the oldest versions that their manifests allow (needs a nightly cargo).
    Minimal,
    /// Make test data anew with the Java client (needs Java 17 and Maven).
    #[command(subcommand)]
    Golden(Golden),
}

fn run(task: Task) -> Result<(), XtaskError> {
    match task {
        Task::Kafka(command) => command.run(),
        Task::Test(args) => xtask::test::run(&args),
        Task::Plants(args) => xtask::plants::run(&args),
        Task::Chaos(args) => xtask::chaos::run(&args),
        Task::Loop(args) => xtask::group_loop::run(&args),
        Task::Features(args) => xtask::features::run(&args),
        Task::Fuzz(args) => xtask::fuzz::run(&args),
        Task::Full(args) => xtask::full::run(&args),
        Task::Bench(command) => command.run(),
        Task::Report(args) => xtask::report::run(&args),
        Task::Shape(args) => xtask::shape::run(&args),
        Task::Tidy => xtask::tidy::run(),
        Task::Docs { check } => xtask::generate::run(check),
        Task::Book => xtask::book::run(),
        Task::Api(args) => xtask::api::run(&args),
        Task::Deny(args) => xtask::deny::run(&args),
        Task::Minimal => xtask::minimal::run(),
        Task::Golden(golden) => golden.make(),
    }
}

fn main() -> ExitCode {
    match run(Cli::parse().task) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}
