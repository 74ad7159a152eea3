//! Secrets that stand elsewhere: `${env:NAME}`, `${file:/path}`, `${file:/path:key}`, `${directory:/path:file}` in the value of a
//! password key, as with Java's `EnvVarConfigProvider`, `FileConfigProvider` and `DirectoryConfigProvider`.
//! Owns: their grammar and the reading. A secret that was read is not looked at for more of them. What is none of these stays as
//! it is.

use std::{fs, path::Path};

use kp_protocol::text::shown;
use kp_sasl::Secret;

use crate::{ConfigError, properties};

/// No secret is longer; a file that is, is another file.
const LONGEST_FILE: u64 = 1024 * 1024;

/// Where a secret stands.
#[derive(Debug, PartialEq, Eq)]
enum Place<'a> {
    Variable(&'a str),
    File(&'a str),
    Property { file: &'a str, key: &'a str },
    InDirectory { directory: &'a str, file: &'a str },
}

impl<'a> Place<'a> {
    /// What stands between `${` and `}`.
    fn read(text: &'a str) -> Option<Self> {
        let (provider, rest) = text.split_once(':')?;
        let halves = rest.rsplit_once(':').filter(|(path, _)| !is_drive(path));
        match (provider, halves) {
            _ if rest.is_empty() => None,
            ("env", _) => Some(Self::Variable(rest)),
            ("file", Some((file, key))) => Some(Self::Property { file, key }),
            ("file", None) => Some(Self::File(rest)),
            ("directory", Some((directory, file))) => Some(Self::InDirectory { directory, file }),
            _ => None,
        }
    }

    fn secret(&self) -> Result<Secret, String> {
        match self {
            Self::Variable(name) => Secret::from_env(name).map_err(|failure| failure.to_string()),
            Self::File(path) => whole_file(Path::new(path)),
            Self::InDirectory { directory, file } => whole_file(&Path::new(directory).join(file)),
            Self::Property { file, key } => {
                let content = read(Path::new(file))?;
                let broken = |_| format!("{}: not a .properties file", shown(file));
                let text = properties::decode(content.expose()).map_err(broken)?;
                let lines = properties::parse(text).map_err(broken)?;
                // As in Java, the last of a key counts. Each value is overwritten when it is let go.
                let mut values = lines.into_iter().map(|line| (line.key, Secret::from(line.value)));
                let found = values.rfind(|(name, _)| name == key);
                found
                    .map(|(_, value)| value)
                    .ok_or_else(|| format!("{}: has no key {}", shown(file), shown(key)))
            }
        }
    }
}

/// `C` of `C:\secrets`.
fn is_drive(path: &str) -> bool {
    path.len() == 1 && path.bytes().all(|letter| letter.is_ascii_alphabetic())
}

/// Whether a part of the secret stands elsewhere.
pub(super) fn is_in(secret: &Secret) -> bool {
    let text = secret.expose_text().unwrap_or_default();
    let mut from = 0;
    while let Some((begin, inside)) = next(text, from) {
        if Place::read(inside).is_some() {
            return true;
        }
        from = begin + 2;
    }
    false
}

/// `secret` with what its placeholders stand for; itself if it has none.
///
/// # Errors
/// What cannot be read: its name, and never what was read.
pub(super) fn filled_in(key: &'static str, secret: &Secret) -> Result<Secret, ConfigError> {
    let Some(text) = secret.expose_text() else { return Ok(secret.clone()) };
    let mut parts: Vec<Secret> = Vec::new();
    let mut rest = text;
    let mut kept = 0;
    while let Some((begin, inside)) = next(rest, kept) {
        let Some(place) = Place::read(inside) else {
            kept = begin + 2;
            continue;
        };
        let found = place.secret().map_err(|problem| ConfigError::credential(key, problem))?;
        parts.push(Secret::from(&rest[..begin]));
        parts.push(found);
        rest = &rest[begin + 2 + inside.len() + 1..];
        kept = 0;
    }
    if parts.is_empty() {
        return Ok(secret.clone());
    }
    // Its capacity is right from the start: a buffer that grows leaves copies of its contents behind.
    let length = parts.iter().map(|part| part.expose().len()).sum::<usize>() + rest.len();
    let mut whole = Vec::with_capacity(length);
    parts.iter().for_each(|part| whole.extend_from_slice(part.expose()));
    whole.extend_from_slice(rest.as_bytes());
    Ok(Secret::from(whole))
}

/// Where the next `${…}` behind the first `from` bytes begins, and what is in it.
fn next(text: &str, from: usize) -> Option<(usize, &str)> {
    let begin = from + text.get(from..)?.find("${")?;
    let behind = text.get(begin + 2..)?;
    Some((begin, behind.get(..behind.find('}')?)?))
}

/// Without the line feed that editors put at the end.
fn whole_file(path: &Path) -> Result<Secret, String> {
    let content = read(path)?;
    let bytes = content.expose();
    let bytes = bytes.strip_suffix(b"\n").unwrap_or(bytes);
    let bytes = bytes.strip_suffix(b"\r").unwrap_or(bytes);
    Ok(Secret::from(bytes.to_vec()))
}

fn read(path: &Path) -> Result<Secret, String> {
    let name = path.display().to_string();
    let problem = |error: std::io::Error| format!("{}: {error}", shown(&name));
    let about = fs::metadata(path).map_err(problem)?;
    if !about.is_file() || about.len() > LONGEST_FILE {
        return Err(format!("{}: not a regular file of at most 1 MiB", shown(&name)));
    }
    fs::read(path).map(Secret::from).map_err(problem)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_read_as_java_reads_it() {
        assert_eq!(Place::read("env:PW"), Some(Place::Variable("PW")));
        assert_eq!(Place::read("file:/a/b"), Some(Place::File("/a/b")));
        assert_eq!(Place::read("file:/a/b:k"), Some(Place::Property { file: "/a/b", key: "k" }));
        assert_eq!(Place::read(r"file:C:\a"), Some(Place::File(r"C:\a")));
        let mounted = Place::InDirectory { directory: "/a", file: "b" };
        assert_eq!(Place::read("directory:/a:b"), Some(mounted));
        for other in ["", "x", "env:", "file:", "vault:a:b", "directory:/a"] {
            assert_eq!(Place::read(other), None, "{other}");
        }
    }

    #[test]
    fn what_is_no_placeholder_stays_as_it_is() {
        for text in ["", "$", "${", "a${b", "${}", "${a}", "${vault:a:b}", "}${", "ü${x:y}ü"] {
            let secret = Secret::from(text);
            assert_eq!(filled_in("sasl.password", &secret).expect("it is no placeholder"), secret, "{text}");
        }
    }

    #[test]
    fn a_variable_stands_for_its_value_wherever_it_stands() {
        // Set for every test by cargo.
        let secret = Secret::from("a${vault:x}b${env:CARGO_PKG_NAME}c${env:CARGO_PKG_NAME}");
        let filled = filled_in("sasl.password", &secret).expect("the variable is set");
        assert_eq!(filled, Secret::from("a${vault:x}bkp-configckp-config"));
        assert!(is_in(&secret) && !is_in(&filled));
        let error =
            filled_in("sasl.password", &Secret::from("${env:KP_NOT_SET}")).expect_err("it is not set");
        assert_eq!(error.to_string(), "sasl.password: the environment variable KP_NOT_SET is not set");
    }
}
