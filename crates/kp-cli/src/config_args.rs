//! The flags that every command with a producer has: where its configuration comes from.

use std::path::PathBuf;

use clap::Args;

use crate::security_args::SecurityArgs;

/// Where the producer's configuration comes from. A later source wins: file, -X, flags.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct ConfigArgs {
    /// Brokers to ask first: HOST:PORT, several with commas (bootstrap.servers)
    #[arg(long, short, value_name = "H:P[,…]")]
    pub(crate) bootstrap: Option<String>,
    /// A .properties file, as a Java producer reads it
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// Any configuration key; may be given many times
    #[arg(short = 'X', value_name = "KEY=VALUE", value_parser = key_value)]
    pub(crate) set: Vec<(String, String)>,
    /// The defaults of this Kafka version's producer (0.9)
    #[arg(long, value_name = "VERSION")]
    pub(crate) defaults: Option<String>,
    #[command(flatten)]
    pub(crate) security: SecurityArgs,
}

/// `KEY=VALUE`; the value may hold more of `=`.
pub(crate) fn key_value(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((key, value)) if !key.trim().is_empty() => Ok((key.trim().to_owned(), value.to_owned())),
        Some(_) => Err("nothing stands before the =".to_owned()),
        None => Err("an = is missing, as in NAME=VALUE".to_owned()),
    }
}
