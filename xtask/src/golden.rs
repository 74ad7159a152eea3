//! Test data made by the Java client: run once, and kept in `tests/data`.

use std::path::PathBuf;

use clap::Subcommand;

use crate::error::{Doing, XtaskError};
use crate::kafka::{self, Version};
use crate::workspace;

/// What can be made.
#[derive(Debug, Clone, Copy, Subcommand)]
pub enum Golden {
    /// tests/data/murmur2_java.csv: keys, their hash, their partition of 7 and of 1000.
    Murmur2,
}

impl Golden {
    fn source(self) -> &'static str {
        match self {
            Self::Murmur2 => "xtask/java/Murmur2Vectors.java",
        }
    }

    fn output(self) -> PathBuf {
        workspace::root().join(match self {
            Self::Murmur2 => "tests/data/murmur2_java.csv",
        })
    }

    /// Makes it anew with the newest Java client.
    ///
    /// # Errors
    /// Java or Maven is missing, the program fails, the file cannot be written.
    pub fn make(self) -> Result<(), XtaskError> {
        let mut java = kafka::java_command(Version::newest())?;
        let output = kafka::run(java.arg(workspace::root().join(self.source())))?;
        let path = self.output();
        std::fs::write(&path, &output).doing(|| format!("writing {}", path.display()))?;
        println!(
            "{}: {} lines",
            workspace::shown(&path),
            output.iter().filter(|&&byte| byte == b'\n').count()
        );
        Ok(())
    }
}
