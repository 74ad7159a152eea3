//! What cargo knows of the workspace's packages: dependencies as declared, features, targets.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use serde::Deserialize;

use crate::error::{Doing, XtaskError};
use crate::workspace;

/// One package of the workspace.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Package {
    pub(crate) name: String,
    pub(crate) version: String,
    pub(crate) manifest_path: PathBuf,
    pub(crate) dependencies: Vec<Dependency>,
    pub(crate) features: BTreeMap<String, Vec<String>>,
    /// `None`: everywhere; an empty list: nowhere.
    pub(crate) publish: Option<Vec<String>>,
    pub(crate) description: Option<String>,
    pub(crate) license: Option<String>,
    pub(crate) targets: Vec<Target>,
}

/// A dependency, as its line in `Cargo.toml` says.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Dependency {
    pub(crate) name: String,
    /// `None` for a normal one, else `dev` or `build`.
    pub(crate) kind: Option<String>,
    /// The version asked for; `*` if there is none.
    pub(crate) req: String,
    #[serde(default)]
    pub(crate) optional: bool,
}

/// A library, program or test file.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Target {
    pub(crate) name: String,
    pub(crate) kind: Vec<String>,
    pub(crate) src_path: PathBuf,
}

impl Package {
    /// Whether it lies under `crates/`: published, and bound to the crate graph.
    pub(crate) fn is_crate(&self) -> bool {
        self.manifest_path.starts_with(workspace::root().join("crates"))
    }

    /// Its integration tests: the files of its `tests` folder, or those named in `Cargo.toml`.
    pub(crate) fn tests(&self) -> impl Iterator<Item = &Target> {
        self.targets.iter().filter(|target| target.is("test"))
    }

    /// Its library and programs: the roots of its crates.
    pub(crate) fn roots(&self) -> impl Iterator<Item = &Target> {
        self.targets.iter().filter(|target| target.is("lib") || target.is("bin"))
    }
}

impl Target {
    pub(crate) fn is(&self, kind: &str) -> bool {
        self.kind.iter().any(|own| own == kind)
    }
}

/// `cargo`, at the root of the workspace: the one that runs this task, if one does.
pub(crate) fn cargo() -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.current_dir(workspace::root()).stdin(Stdio::null());
    command
}

/// The packages of the workspace, by name.
pub(crate) fn packages() -> Result<Vec<Package>, XtaskError> {
    #[derive(Deserialize)]
    struct Metadata {
        packages: Vec<Package>,
    }
    let output = output_of(cargo().args(["metadata", "--no-deps", "--format-version", "1"]))?;
    let metadata: Metadata = serde_json::from_slice(&output)
        .map_err(|source| XtaskError::Json { path: PathBuf::from("cargo metadata"), source })?;
    let mut packages = metadata.packages;
    packages.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(packages)
}

/// Runs a command to its end and answers its standard output; what it says on standard error is shown only if it
/// fails.
pub(crate) fn output_of(command: &mut Command) -> Result<Vec<u8>, XtaskError> {
    let shown = crate::kafka::shown(command);
    let output = command.output().doing(|| format!("running `{shown}`"))?;
    if output.status.success() {
        return Ok(output.stdout);
    }
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    Err(XtaskError::Command { command: shown, status: output.status.to_string(), output: text })
}
