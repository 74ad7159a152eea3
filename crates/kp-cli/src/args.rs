//! The command line: every command, flag and default, as clap reads it.
//! Owns: names and help texts. Never: what a command does.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::config::skeleton::Service;
use crate::config_args::{ConfigArgs, key_value};
use crate::perf::options::PerfArgs;
use crate::produce::transaction_args::TransactionArgs;
use crate::reader::Isolation;

/// What the program was asked to do.
#[derive(Debug, Parser)]
#[command(
    name = "kp",
    version,
    about = "Produce to Kafka, and look at what is there",
    after_help = "Data and results go to stdout, progress and messages to stderr.\n\
                  Exit codes: 0 everything done, 1 something failed, 2 wrong usage or configuration,\n\
                  130 Ctrl-C (SIGTERM and SIGHUP count as Ctrl-C).\n\
                  SIGUSR1 makes `kp produce` say what waits for each partition, and why."
)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
    #[command(flatten)]
    pub(crate) output: OutputArgs,
}

/// How much is said, and in which form.
#[derive(Debug, Clone, Args)]
pub(crate) struct OutputArgs {
    /// Print results as JSON
    #[arg(long, global = true)]
    pub(crate) json: bool,
    /// Say nothing on stderr but errors
    #[arg(long, short, global = true)]
    pub(crate) quiet: bool,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Send a file through an embedded broker, read it back, and check that it is all there
    Demo(DemoArgs),
    /// Send each line of files or of stdin as a record
    Produce(ProduceArgs),
    /// Measure throughput and latency; draw a report; compare two results
    Perf(Box<PerfArgs>),
    /// Print the records of a topic
    Read(ReadArgs),
    /// Print brokers, topics, partitions, leaders and API versions
    Metadata(MetadataArgs),
    /// Look for what keeps a producer from working: names, ports, listeners, brokers, a topic
    Doctor(DoctorArgs),
    /// Say what a configuration key means and may be; check a file; print one to fill in
    Config(ConfigHelpArgs),
    /// Print the completions of a shell
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
}

#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct ConfigHelpArgs {
    /// The key; without one, all keys are listed
    #[arg(value_name = "KEY")]
    pub(crate) key: Vec<String>,
    #[command(subcommand)]
    pub(crate) command: Option<ConfigCommand>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum ConfigCommand {
    /// Say of every key of a .properties file whether it works, is ignored or is refused, and what to do
    #[command(
        after_help = "Names of Spring (spring.kafka.…) and of librdkafka are told with the key to write.\n\
                            Exit codes: 0 a producer can be built, and takes every key that is meant for it;\n\
                            1 something has to be changed; 2 the file cannot be read."
    )]
    Check {
        /// The file
        #[arg(value_name = "FILE")]
        file: PathBuf,
    },
    /// Print a configuration to fill in
    #[command(
        after_help = "What stands in <angle brackets> is for you to fill in; `kp config check FILE` then says whether it works."
    )]
    Skeleton {
        /// Whose cluster it is
        #[arg(long = "for", value_enum, value_name = "SERVICE")]
        service: Service,
    },
}

#[derive(Debug, Args)]
pub(crate) struct DoctorArgs {
    #[command(flatten)]
    pub(crate) config: ConfigArgs,
    /// Look at this topic, too
    #[arg(long, short)]
    pub(crate) topic: Option<String>,
    /// Write one record to the topic; without it, nothing is written anywhere
    #[arg(long, requires = "topic")]
    pub(crate) write: bool,
}

#[derive(Debug, Args)]
pub(crate) struct ProduceArgs {
    #[command(flatten)]
    pub(crate) config: ConfigArgs,
    /// The topic
    #[arg(long, short)]
    pub(crate) topic: String,
    /// Files to read, in this order; none, or -, is stdin
    #[arg(value_name = "FILE")]
    pub(crate) files: Vec<PathBuf>,
    /// What a line is: a record's bytes as they are, or a JSON object (key, value, headers, partition, timestamp)
    #[arg(long, value_enum, default_value_t = Format::Lines)]
    pub(crate) format: Format,
    /// The key of a line is what stands before the first SEP
    #[arg(long, short = 'K', value_name = "SEP", value_parser = separator)]
    pub(crate) key_separator: Option<String>,
    /// A header for every record; may be given many times
    #[arg(long, short = 'H', value_name = "NAME=VALUE", value_parser = key_value)]
    pub(crate) header: Vec<(String, String)>,
    /// The partition of every record
    #[arg(long, short, value_parser = clap::value_parser!(i32).range(0..))]
    pub(crate) partition: Option<i32>,
    /// Write one JSON line per record: where it is, or why it is not; with transactions, when its own has ended
    #[arg(long, value_name = "FILE")]
    pub(crate) outcomes: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) transactions: TransactionArgs,
    /// Answer Prometheus at http://ADDR/metrics while sending; port 0 is any free one
    #[arg(long, value_name = "ADDR")]
    pub(crate) metrics: Option<String>,
}

/// What a line of input is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// The bytes of a record, up to the line feed
    Lines,
    /// One JSON object
    Ndjson,
}

#[derive(Debug, Args)]
pub(crate) struct ReadArgs {
    #[command(flatten)]
    pub(crate) config: ConfigArgs,
    /// The topic
    #[arg(long, short)]
    pub(crate) topic: String,
    /// Print what is there already, then end (unless --follow); without it, wait for what comes
    #[arg(long)]
    pub(crate) from_beginning: bool,
    /// After --from-beginning, wait for more
    #[arg(long, short)]
    pub(crate) follow: bool,
    /// End after this many records
    #[arg(long, value_name = "N")]
    pub(crate) max: Option<u64>,
    /// This partition only
    #[arg(long, short, value_parser = clap::value_parser!(i32).range(0..))]
    pub(crate) partition: Option<i32>,
    /// Which records of transactions
    #[arg(long, value_enum, value_name = "LEVEL", default_value_t)]
    pub(crate) isolation: Isolation,
    /// Columns before the value, separated by tabs
    #[arg(long, value_enum, value_delimiter = ',', value_name = "COLUMN[,…]")]
    pub(crate) with: Vec<Column>,
}

/// What `kp read --with` prints before a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Column {
    /// The key's bytes
    Key,
    /// The offset
    Offset,
    /// The partition
    Partition,
    /// Milliseconds since 1970
    Timestamp,
    /// NAME=VALUE, separated by commas
    Headers,
    /// Producer id and epoch of the transaction, as ID/EPOCH; empty without one
    Transaction,
}

#[derive(Debug, Args)]
pub(crate) struct MetadataArgs {
    #[command(flatten)]
    pub(crate) config: ConfigArgs,
    /// This topic only; may be given many times
    #[arg(long, short)]
    pub(crate) topic: Vec<String>,
}

#[derive(Debug, Args)]
pub(crate) struct DemoArgs {
    #[command(flatten)]
    pub(crate) config: ConfigArgs,
    /// The file whose lines are sent; without one, lines are made up
    #[arg(value_name = "FILE")]
    pub(crate) file: Option<PathBuf>,
    /// How many lines to make up
    #[arg(long, default_value_t = 300_000, value_name = "N", conflicts_with = "file")]
    pub(crate) records: u64,
    /// The topic; it has to be new (default: a name that is)
    #[arg(long, short)]
    pub(crate) topic: Option<String>,
}

/// The usual escapes, so that a tab can be typed.
fn separator(text: &str) -> Result<String, String> {
    let text = text.replace("\\t", "\t").replace("\\0", "\0");
    if text.is_empty() {
        return Err("it may not be empty".to_owned());
    }
    if text.contains('\n') {
        return Err("a line feed ends a line, so it cannot stand inside one".to_owned());
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    fn produce(args: &[&str]) -> Result<ProduceArgs, clap::Error> {
        let all = ["kp", "produce"].iter().chain(args);
        Cli::try_parse_from(all).map(|cli| match cli.command {
            Command::Produce(args) => args,
            other => panic!("{other:?}"),
        })
    }

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn a_header_is_a_name_and_a_value() {
        let args = produce(&["-t", "t", "--header", "a=b=c", "-H", "empty="]).unwrap();
        assert_eq!(args.header, [("a".to_owned(), "b=c".to_owned()), ("empty".to_owned(), String::new())]);
        assert!(produce(&["-t", "t", "--header", "ab"]).unwrap_err().to_string().contains("= is missing"));
        assert!(produce(&["-t", "t", "--header", "=b"]).is_err());
    }

    #[test]
    fn a_key_separator_may_be_a_tab_or_several_letters_but_not_nothing() {
        assert_eq!(produce(&["-t", "t", "-K", "\\t"]).unwrap().key_separator.as_deref(), Some("\t"));
        assert_eq!(produce(&["-t", "t", "-K", "::"]).unwrap().key_separator.as_deref(), Some("::"));
        assert!(produce(&["-t", "t", "--key-separator", ""]).is_err());
    }

    #[test]
    fn a_partition_is_not_negative() {
        assert!(produce(&["-t", "t", "--partition", "-1"]).is_err());
        assert_eq!(produce(&["-t", "t", "--partition", "3"]).unwrap().partition, Some(3));
    }

    #[test]
    fn a_transaction_has_lines_or_a_time_and_at_least_one_line() {
        let size = |args: &[&str]| produce(&[&["-t", "t"], args].concat()).map(|args| args.transactions);
        assert_eq!(size(&["--transactional-id", "x", "--txn-size", "5"]).unwrap().txn_size, Some(5));
        assert!(size(&["--txn-size", "0"]).unwrap_err().to_string().contains("0 is not in 1.."));
        assert!(size(&["--txn-size", "5", "--txn-every", "1s"]).is_err());
        assert!(size(&["--txn-every", "0s"]).is_err());
    }

    #[test]
    fn columns_come_in_the_order_asked_for() {
        let cli =
            Cli::try_parse_from(["kp", "read", "-b", "h:1", "-t", "t", "--with", "offset,key"]).unwrap();
        let Command::Read(args) = cli.command else { panic!("read") };
        assert_eq!(args.with, [Column::Offset, Column::Key]);
    }
}
