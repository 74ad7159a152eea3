//! Programs of the workspace, built for tests that run them as a user would.

use std::path::PathBuf;

use serde::Deserialize;

use crate::error::XtaskError;
use crate::packages::{cargo, output_of};

/// Builds the program `name` of `package` with these features beside the default ones and answers where it lies. Quick when it is
/// built already. Cargo must not be compiling in the same target directory: within a test it is not.
///
/// # Errors
/// The build fails, or the package has no such program.
pub fn build(package: &str, name: &str, release: bool, features: &[&str]) -> Result<PathBuf, XtaskError> {
    #[derive(Deserialize)]
    struct Target {
        name: String,
    }
    #[derive(Deserialize)]
    struct Message {
        target: Option<Target>,
        executable: Option<PathBuf>,
    }
    let mut command = cargo();
    command.args([
        "build",
        "--message-format",
        "json-render-diagnostics",
        "--package",
        package,
        "--bin",
        name,
    ]);
    if release {
        command.arg("--release");
    }
    if !features.is_empty() {
        command.arg("--features").arg(features.join(","));
    }
    let output = output_of(&mut command)?;
    let messages =
        output.split(|&byte| byte == b'\n').filter_map(|line| serde_json::from_slice::<Message>(line).ok());
    let executables =
        messages.filter(|message| message.target.as_ref().is_some_and(|target| target.name == name));
    let found = executables.filter_map(|message| message.executable).next_back();
    found.ok_or_else(|| XtaskError::Failed(format!("`{package}` built no program `{name}`")))
}
