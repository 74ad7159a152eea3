//! What can go wrong in a development task, with what the reader needs to fix it.

use std::io;
use std::path::PathBuf;
use std::time::Duration;

/// Why a task of `cargo xtask` did not succeed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum XtaskError {
    /// A program that the task runs is not installed, or too old.
    #[error("{program} is needed to {purpose}: {found}.\n  {install}")]
    MissingProgram {
        /// The program, as it is called.
        program: &'static str,
        /// What it is needed for.
        purpose: &'static str,
        /// What was found in its place.
        found: String,
        /// How to install it.
        install: &'static str,
    },
    /// A file, a directory or a process could not be used.
    #[error("{doing}: {source}")]
    Io {
        /// What was being done.
        doing: String,
        /// What the operating system said.
        #[source]
        source: io::Error,
    },
    /// A command ended with an error.
    #[error("`{command}` ended with {status}{}", quoted(.output))]
    Command {
        /// The command line, shortened.
        command: String,
        /// Its exit status.
        status: String,
        /// The end of what it wrote.
        output: String,
    },
    /// A version of Kafka that has no row in the table.
    #[error("Kafka {wanted} is not in the table; known: {known}")]
    UnknownVersion {
        /// What was asked for.
        wanted: String,
        /// The versions that can be started.
        known: String,
    },
    /// An option that makes no sense.
    #[error("{0}")]
    Usage(String),
    /// A cluster of that name is running.
    #[error(
        "a cluster named {name:?} is running at {bootstrap}; end it with `cargo xtask kafka down --name {name}`"
    )]
    AlreadyRunning {
        /// Its name.
        name: String,
        /// Its bootstrap addresses.
        bootstrap: String,
    },
    /// No cluster of that name was started.
    #[error("no cluster named {name:?}; `cargo xtask kafka status` lists them")]
    NoCluster {
        /// What was asked for.
        name: String,
    },
    /// No broker of that id in the cluster.
    #[error("cluster {name:?} has no broker {broker}; it has 1 to {brokers}")]
    NoBroker {
        /// The cluster.
        name: String,
        /// What was asked for.
        broker: i32,
        /// How many it has.
        brokers: usize,
    },
    /// A broker did not come up in time, or ended.
    #[error("broker {broker} {what} (after {waited:?}); its log {}{}", .log.display(), quoted(.tail))]
    Broker {
        /// Its id.
        broker: i32,
        /// What happened.
        what: String,
        /// How long it was waited for.
        waited: Duration,
        /// Where its log is.
        log: PathBuf,
        /// The last lines of the log.
        tail: String,
    },
    /// A broker answered a request with an error, or with bytes that make no sense.
    #[error("Kafka answered {request}: {answer}")]
    Answer {
        /// What was asked.
        request: String,
        /// What came back.
        answer: String,
    },
    /// A file of ours that holds JSON does not.
    #[error("{}: {source}", .path.display())]
    Json {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        #[source]
        source: serde_json::Error,
    },
    /// Checks or tests that failed (what failed was printed as it happened), or something of which there is no more
    /// to say than this.
    #[error("{0}")]
    Failed(String),
}

/// Two spaces before each line of `text`, after a line feed; nothing for nothing.
fn quoted(text: &str) -> String {
    text.lines().map(|line| format!("\n  | {line}")).collect()
}

/// Says what was being done when an [`io::Error`] came.
pub(crate) trait Doing<T> {
    /// Turns the error into [`XtaskError::Io`].
    fn doing(self, what: impl FnOnce() -> String) -> Result<T, XtaskError>;
}

impl<T> Doing<T> for io::Result<T> {
    fn doing(self, what: impl FnOnce() -> String) -> Result<T, XtaskError> {
        self.map_err(|source| XtaskError::Io { doing: what(), source })
    }
}
