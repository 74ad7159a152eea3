//! Programs from crates that a task needs in one version: found, or else installed by `cargo install`.

use std::process::Command;

use crate::error::XtaskError;
use crate::packages::{cargo, output_of};

/// A program that is published as a crate.
pub(crate) struct Tool {
    /// The crate, and the program that it installs.
    pub(crate) name: &'static str,
    /// The one version that is used.
    pub(crate) version: &'static str,
    /// How `cargo install` builds it, beside the version.
    pub(crate) flags: &'static [&'static str],
}

impl Tool {
    /// Installs it if it is not there in this version; says so, because that takes minutes.
    ///
    /// # Errors
    /// It cannot be built or fetched.
    pub(crate) fn ensure(&self) -> Result<(), XtaskError> {
        if self.is_there() {
            return Ok(());
        }
        println!("installing {} {} …", self.name, self.version);
        let mut install = cargo();
        install
            .args(["install", "--quiet", "--locked", self.name, "--version", self.version])
            .args(self.flags);
        // It runs for a second: building it should not take longer than that is worth.
        install.env("CARGO_PROFILE_RELEASE_OPT_LEVEL", "1").env("CARGO_PROFILE_RELEASE_LTO", "off");
        install.env_remove("CARGO_TARGET_DIR").env_remove("RUSTFLAGS");
        output_of(&mut install).map(drop)
    }

    fn is_there(&self) -> bool {
        // Some of cargo's subcommands know their name only as one.
        let mut command = match self.name.strip_prefix("cargo-") {
            Some(subcommand) => {
                let mut command = cargo();
                command.arg(subcommand);
                command
            }
            None => Command::new(self.name),
        };
        let output = command.arg("--version").output();
        output.is_ok_and(|output| says(&String::from_utf8_lossy(&output.stdout), self.version))
    }
}

/// Whether `tool --version` named this version: `mdbook v0.5.4`, `cargo-deny 0.20.2`.
fn says(printed: &str, version: &str) -> bool {
    printed.split_whitespace().any(|word| word.trim_start_matches('v') == version)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_is_read_from_what_a_tool_prints_of_itself() {
        assert!(says("mdbook v0.5.4\n", "0.5.4"));
        assert!(says("cargo-deny 0.20.2\n", "0.20.2"));
        assert!(!says("mdbook v0.5.40\n", "0.5.4"));
    }
}
