//! Java and Maven: finding them, and the jars of one Kafka version.
//!
//! Owns: `target/kafka/<version>/libs`, filled once. Several processes may ask at the same time: a lock file
//! lets one fetch while the others wait.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::versions::Version;
use crate::error::{Doing, XtaskError};
use crate::workspace;

const INSTALL_JAVA: &str = "Debian, Ubuntu: apt-get install openjdk-17-jdk-headless · Fedora: dnf install \
     java-17-openjdk-devel · macOS: brew install openjdk@17 · or set JAVA_HOME";
const INSTALL_MAVEN: &str =
    "Debian, Ubuntu: apt-get install maven · Fedora: dnf install maven · macOS: brew install maven";
const OLDEST_JAVA: u32 = 17;

/// A Java of at least version 17, with the jars of one Kafka version.
#[derive(Debug, Clone)]
pub(crate) struct Java {
    program: PathBuf,
    libs: PathBuf,
}

impl Java {
    /// Finds Java and makes sure of the jars; Maven is needed only when they are not there yet.
    pub(crate) fn with_jars_of(version: &Version) -> Result<Self, XtaskError> {
        Self::with_jars_in(version.number)
    }

    /// The same for a folder of `xtask/kafka` that need not be a version of the broker.
    pub(crate) fn with_jars_in(folder: &str) -> Result<Self, XtaskError> {
        let program = find_java()?;
        let libs = jars(folder)?;
        Ok(Self { program, libs })
    }

    /// As [`Self::command`], with classes of our own in front of the jars.
    pub(crate) fn command_with(&self, classes: &Path, flags: &[&str]) -> Command {
        let mut path = classes.as_os_str().to_owned();
        path.push(":");
        path.push(self.libs.join("*"));
        let mut command = Command::new(&self.program);
        command.args(flags).arg("-cp").arg(path);
        command
    }

    /// `javac` with the jars.
    pub(crate) fn compiler(&self) -> Command {
        let mut command = Command::new(self.program.with_file_name("javac"));
        command.arg("-cp").arg(self.libs.join("*"));
        command
    }

    /// `keytool`, for key stores.
    pub(crate) fn key_tool(&self) -> Command {
        Command::new(self.program.with_file_name("keytool"))
    }

    /// `java` with the class path and `flags`, ready for a class name and its arguments.
    pub(crate) fn command(&self, flags: &[&str]) -> Command {
        let mut command = Command::new(&self.program);
        command.args(flags).arg("-cp").arg(self.libs.join("*"));
        command
    }
}

/// Says whether real Kafka can be started here; the error tells what is missing and how to install it.
///
/// # Errors
/// [`XtaskError::MissingProgram`] without Java 17, or without Maven while the jars are not there yet.
pub fn available(version: &Version) -> Result<(), XtaskError> {
    find_java()?;
    if libs_are_complete(&libs_dir(version.number), &pom_text(version.number)?) {
        Ok(())
    } else {
        find_maven().map(drop)
    }
}

fn find_java() -> Result<PathBuf, XtaskError> {
    let missing = |found: String| XtaskError::MissingProgram {
        program: "java",
        purpose: "run Apache Kafka (Java 17 or newer)",
        found,
        install: INSTALL_JAVA,
    };
    let home = std::env::var_os("JAVA_HOME").map(|home| Path::new(&home).join("bin/java"));
    let program = home.filter(|java| java.is_file()).unwrap_or_else(|| PathBuf::from("java"));
    let output = Command::new(&program)
        .arg("-version")
        .stdin(Stdio::null())
        .output()
        .map_err(|error| missing(format!("`{} -version` cannot be run ({error})", program.display())))?;
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    match java_major(&said) {
        Some(major) if major >= OLDEST_JAVA => Ok(program),
        _ => Err(missing(format!(
            "`{} -version` says {:?}",
            program.display(),
            said.lines().next().unwrap_or("")
        ))),
    }
}

/// The major version in what `java -version` says: 17 of `openjdk version "17.0.15"`, 8 of `"1.8.0"`.
fn java_major(said: &str) -> Option<u32> {
    let quoted = said.split('"').nth(1)?;
    let mut numbers = quoted.split(|c: char| !c.is_ascii_digit()).filter_map(|part| part.parse::<u32>().ok());
    match numbers.next()? {
        1 => numbers.next(),
        major => Some(major),
    }
}

fn find_maven() -> Result<PathBuf, XtaskError> {
    let program = PathBuf::from("mvn");
    match Command::new(&program).arg("-v").stdin(Stdio::null()).output() {
        Ok(output) if output.status.success() => Ok(program),
        Ok(output) => Err(missing_maven(format!("`mvn -v` ended with {}", output.status))),
        Err(error) => Err(missing_maven(format!("`mvn -v` cannot be run ({error})"))),
    }
}

fn missing_maven(found: String) -> XtaskError {
    XtaskError::MissingProgram {
        program: "mvn",
        purpose: "fetch the jars of Apache Kafka",
        found,
        install: INSTALL_MAVEN,
    }
}

fn libs_dir(folder: &str) -> PathBuf {
    workspace::target_dir().join("kafka").join(folder).join("libs")
}

fn pom_path(folder: &str) -> PathBuf {
    workspace::root().join("xtask/kafka").join(folder).join("pom.xml")
}

fn pom_text(folder: &str) -> Result<String, XtaskError> {
    let path = pom_path(folder);
    fs::read_to_string(&path).doing(|| format!("reading {}", workspace::shown(&path)))
}

/// The jars are whole when the pom they were fetched with lies beside them: it is written last.
fn libs_are_complete(libs: &Path, pom: &str) -> bool {
    fs::read_to_string(libs.join("fetched-with.xml")).is_ok_and(|fetched| fetched == pom)
}

fn jars(folder: &str) -> Result<PathBuf, XtaskError> {
    let libs = libs_dir(folder);
    let pom = pom_text(folder)?;
    if libs_are_complete(&libs, &pom) {
        return Ok(libs);
    }
    let parent = libs.with_file_name("");
    fs::create_dir_all(&parent).doing(|| format!("making {}", parent.display()))?;
    let lock_path = parent.join("fetch.lock");
    let lock = File::create(&lock_path).doing(|| format!("making {}", lock_path.display()))?;
    lock.lock().doing(|| format!("waiting for {}", lock_path.display()))?;
    if libs_are_complete(&libs, &pom) {
        return Ok(libs); // another process fetched them while this one waited
    }
    fetch_jars(folder, &libs)?;
    let marker = libs.join("fetched-with.xml");
    fs::write(&marker, pom).doing(|| format!("writing {}", marker.display()))?;
    Ok(libs)
}

fn fetch_jars(folder: &str, libs: &Path) -> Result<(), XtaskError> {
    let maven = find_maven()?;
    eprintln!("kafka {folder}: fetching jars with Maven into {} (up to 55 MB, once)", libs.display());
    if libs.exists() {
        fs::remove_dir_all(libs).doing(|| format!("removing {}", libs.display()))?;
    }
    let mut command = Command::new(maven);
    command
        .args(["--quiet", "--batch-mode", "-f"])
        .arg(pom_path(folder))
        .arg("dependency:copy-dependencies")
        .arg(format!("-DoutputDirectory={}", libs.display()))
        .stdin(Stdio::null());
    super::tools::run(&mut command).map(drop)
}

#[cfg(test)]
mod tests {
    use super::java_major;

    #[test]
    fn old_and_new_ways_of_numbering_java_are_understood() {
        assert_eq!(java_major("openjdk version \"17.0.15\" 2025-04-15"), Some(17));
        assert_eq!(java_major("openjdk version \"21\" 2023-09-19"), Some(21));
        assert_eq!(java_major("java version \"1.8.0_412\""), Some(8));
        assert_eq!(java_major("bash: java: command not found"), None);
    }
}
