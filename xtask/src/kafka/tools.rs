//! Commands of Kafka's own tools: run to their end, or handed to the caller to run. They are the judges that are
//! not ours.

use std::collections::VecDeque;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::KafkaCluster;
use crate::error::{Doing, XtaskError};
use crate::workspace;

/// For programs that run for seconds: little memory, quick start, only warnings on stderr.
pub(crate) const TOOL_FLAGS: &[&str] = &[
    "-Xmx256m",
    "-XX:+UseSerialGC",
    "-XX:TieredStopAtLevel=1",
    "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn",
];

impl KafkaCluster {
    /// A Java tool of this version, e.g. `org.apache.kafka.tools.GetOffsetShell`, for the caller to run.
    pub fn tool_command(&self, class: &str) -> Command {
        let mut command = self.java.command(TOOL_FLAGS);
        if self.version.has_log4j {
            let settings = workspace::root().join("xtask/kafka/log4j-tools.properties");
            command.arg(format!("-Dlog4j.configuration=file:{}", settings.display()));
        }
        command.arg(class);
        command
    }

    /// `java` with the jars of this version, for a program of our own.
    pub fn java_command(&self) -> Command {
        self.java.command(&["-Xmx512m", "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn"])
    }

    /// Runs a Java tool of this version to its end and answers what it wrote to standard output.
    ///
    /// # Errors
    /// [`XtaskError::Command`] when it fails.
    pub fn tool(&self, class: &str, args: &[&str]) -> Result<Vec<u8>, XtaskError> {
        run(self.tool_command(class).args(args))
    }

    /// Java's console consumer, from the beginning of `topic`, with further arguments, for the caller to run.
    pub fn console_consumer(&self, topic: &str, args: &[&str]) -> Command {
        let mut command = self.tool_command(self.version.console_consumer);
        command
            .args(self.version.consumer_arguments)
            .args(["--bootstrap-server", &self.bootstrap(), "--topic", topic, "--from-beginning"])
            .args(args);
        command
    }

    /// The option of this version's console consumer that sets a property of its formatter, e.g. `print.partition=true`.
    pub fn formatter_option(&self) -> &'static str {
        self.version.formatter_option
    }

    /// Java's console consumer for `count` records from the beginning of `topic`, for the caller to run, e.g. with
    /// its output in a file. It also ends when nothing came for 20 s, so the caller counts. `properties` are its
    /// formatter's, e.g. `print.key=true`, `key.separator=|`, `print.partition=true`, `print.offset=true`.
    pub fn consumer_of(&self, topic: &str, count: u64, properties: &[&str]) -> Command {
        let count = count.to_string();
        let mut args = vec!["--max-messages", &count, "--timeout-ms", "20000"];
        for property in properties {
            args.extend([self.version.formatter_option, property]);
        }
        self.console_consumer(topic, &args)
    }

    /// Runs [`Self::consumer_of`] to its end and answers what it wrote: a line per record.
    ///
    /// # Errors
    /// [`XtaskError::Command`] when it fails.
    pub fn consume(&self, topic: &str, count: u64, properties: &[&str]) -> Result<Vec<u8>, XtaskError> {
        run(&mut self.consumer_of(topic, count, properties))
    }

    /// How many records the partitions of a topic hold, by their end offsets as Kafka's own tool tells them.
    ///
    /// # Errors
    /// [`XtaskError::Command`] when it fails.
    pub fn records_in(&self, topic: &str) -> Result<u64, XtaskError> {
        let (class, brokers) = self.version.get_offsets;
        let output = self.tool(class, &[brokers, &self.bootstrap(), "--topic", topic, "--time", "-1"])?;
        let text = String::from_utf8_lossy(&output);
        Ok(text.lines().filter_map(|line| line.rsplit(':').next()?.parse::<u64>().ok()).sum())
    }

    /// The segments of a partition on its leader's disk, oldest first.
    ///
    /// # Errors
    /// No leader, or its directory cannot be read.
    pub fn segments(&self, topic: &str, partition: i32) -> Result<Vec<PathBuf>, XtaskError> {
        let leader = self.leader(topic, partition)?.ok_or_else(|| XtaskError::Answer {
            request: format!("the segments of {topic}-{partition}"),
            answer: "the partition has no leader".to_owned(),
        })?;
        let dir = self.data_directory(leader).join(format!("{topic}-{partition}"));
        let entries = fs::read_dir(&dir).doing(|| format!("reading {}", dir.display()))?.flatten();
        let is_segment = |path: &PathBuf| path.extension().is_some_and(|extension| extension == "log");
        let mut segments: Vec<PathBuf> = entries.map(|entry| entry.path()).filter(is_segment).collect();
        segments.sort();
        Ok(segments)
    }

    /// What `DumpLogSegments --deep-iteration --print-data-log` says of a partition's segments, as they lie on
    /// the disk of its leader.
    ///
    /// # Errors
    /// No leader, no segments, or the tool fails.
    pub fn dump_log(&self, topic: &str, partition: i32) -> Result<String, XtaskError> {
        self.dump(topic, partition, &["--deep-iteration", "--print-data-log"])
    }

    /// The same without looking into batches and wrappers: what lies in the log, one line each.
    ///
    /// # Errors
    /// As [`dump_log`](Self::dump_log).
    pub fn dump_entries(&self, topic: &str, partition: i32) -> Result<String, XtaskError> {
        self.dump(topic, partition, &[])
    }

    fn dump(&self, topic: &str, partition: i32, flags: &[&str]) -> Result<String, XtaskError> {
        let segments = self.segments(topic, partition)?;
        let segments: Vec<String> = segments.iter().map(|path| path.display().to_string()).collect();
        let segments = segments.join(",");
        let args = [flags, &["--files", &segments]].concat();
        let output = self.tool(self.version.dump_log, &args)?;
        Ok(String::from_utf8_lossy(&output).into_owned())
    }
}

/// Runs `command` to its end and answers its standard output.
///
/// # Errors
/// [`XtaskError::Command`] with the end of its output when it fails.
pub(crate) fn run(command: &mut Command) -> Result<Vec<u8>, XtaskError> {
    let shown = shown(command);
    let output = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .output()
        .doing(|| format!("running `{shown}`"))?;
    if output.status.success() {
        return Ok(output.stdout);
    }
    let text =
        format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    Err(XtaskError::Command {
        command: shown,
        status: output.status.to_string(),
        output: last_lines(&text, 25),
    })
}

/// The command line without its class path, cut to a readable length.
pub(crate) fn shown(command: &Command) -> String {
    let mut text = command.get_program().to_string_lossy().into_owned();
    for arg in command.get_args() {
        let arg = arg.to_string_lossy();
        text.push(' ');
        text.push_str(if arg.contains("/libs/*") { "…" } else { &arg });
    }
    if text.chars().count() > 300 {
        text = text.chars().take(300).collect::<String>() + " …";
    }
    text
}

/// The last `count` lines of `text`.
pub(crate) fn last_lines(text: &str, count: usize) -> String {
    let mut lines = VecDeque::with_capacity(count);
    for line in text.lines() {
        if lines.len() == count {
            lines.pop_front();
        }
        lines.push_back(line);
    }
    Vec::from(lines).join("\n")
}

/// The last `count` lines of a file; what cannot be read is said in their place.
pub(crate) fn last_lines_of(path: &Path, count: usize) -> String {
    match std::fs::read(path) {
        Ok(bytes) => last_lines(&String::from_utf8_lossy(&bytes), count),
        Err(error) => format!("({error})"),
    }
}
