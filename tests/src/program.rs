//! The program `kp`, run as a user would.

use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::OnceLock;

/// Where `kp` lies; built in release mode when it is not there yet.
///
/// # Panics
/// When it does not build.
pub fn kp_path() -> &'static Path {
    static PATH: OnceLock<PathBuf> = OnceLock::new();
    let features: &[&str] = if cfg!(feature = "zstd") { &["zstd"] } else { &[] };
    PATH.get_or_init(|| xtask::programs::build("kp-cli", "kp", true, features).expect("kp builds"))
}

/// `kp` with these arguments, nothing on standard input, outputs captured.
pub fn kp<'a>(arguments: impl IntoIterator<Item = &'a str>) -> Command {
    let mut command = Command::new(kp_path());
    command.args(arguments).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// What a program wrote to standard error, for messages of failing tests.
#[must_use]
pub fn told(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// The one JSON object that `--json` prints.
///
/// # Panics
/// When standard output is something else; shows both outputs then.
#[must_use]
pub fn json(output: &Output) -> Value {
    let text = String::from_utf8_lossy(&output.stdout);
    serde_json::from_str(text.trim())
        .unwrap_or_else(|error| panic!("no JSON object ({error}): {text}\nstandard error: {}", told(output)))
}
