//! The two files that AWS's programs share: `~/.aws/credentials` and `~/.aws/config`.
//! Owns: their grammar, and what a profile has in them together. The first one counts where both have an option. They are read anew
//! for each login, so that a key can be exchanged in place.

use std::collections::BTreeMap;
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use kp_protocol::text::shown;
use kp_sasl::Secret;
use zeroize::Zeroizing;

use crate::{AwsEnvironment, AwsFailure};

/// An honest file has some kilobytes.
const LONGEST_FILE: u64 = 1024 * 1024;

/// What the files say of one profile. Every value is kept as a secret: some are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Profile {
    name: String,
    options: BTreeMap<String, Secret>,
}

impl Profile {
    /// `None`: neither file has it, or there are no files.
    pub(crate) fn read(environment: &AwsEnvironment, name: &str) -> Result<Option<Self>, AwsFailure> {
        let mut found = None;
        let files = [
            (environment.file("AWS_CONFIG_FILE", "config"), true),
            (environment.file("AWS_SHARED_CREDENTIALS_FILE", "credentials"), false),
        ];
        for (path, is_config) in files {
            let Some(text) = path.map(|path| content(&path)).transpose()?.flatten() else { continue };
            for (section, option, value) in lines(&text) {
                if profile_of(section, is_config) != Some(name) {
                    continue;
                }
                let options: &mut BTreeMap<_, _> = found.get_or_insert_default();
                if let Some(option) = option {
                    options.insert(option.to_ascii_lowercase(), Secret::from(value));
                }
            }
        }
        Ok(found.map(|options| Self { name: name.to_owned(), options }))
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    pub(crate) fn secret(&self, option: &str) -> Option<&Secret> {
        self.options.get(option).filter(|value| !value.expose().is_empty())
    }

    pub(crate) fn text(&self, option: &str) -> Option<&str> {
        self.secret(option)?.expose_text()
    }
}

/// The name of the profile that a section is about: `[name]`, and in `config` `[profile name]` but for `default`.
fn profile_of(section: &str, is_config: bool) -> Option<&str> {
    let name = match section.strip_prefix("profile").filter(|rest| rest.starts_with([' ', '\t'])) {
        Some(rest) if is_config => rest.trim(),
        None if is_config && section != "default" => return None,
        _ => section,
    };
    let quoted = ['"', '\''].into_iter().find_map(|quote| name.strip_prefix(quote)?.strip_suffix(quote));
    Some(quoted.unwrap_or(name))
}

/// Section, option and value of each line that has an option; section and `None` of each heading. Lines that begin with a space go
/// on with the option above them, which none of ours does.
fn lines(text: &str) -> impl Iterator<Item = (&str, Option<&str>, &str)> {
    let mut section = "";
    text.lines().filter_map(move |line| {
        if line.starts_with(['#', ';', ' ', '\t']) {
            return None;
        }
        if let Some(heading) = line.strip_prefix('[') {
            section = heading.split(']').next().unwrap_or_default().trim();
            return Some((section, None, ""));
        }
        let (option, value) = line.split_once('=')?;
        let end = [" #", "\t#", " ;", "\t;"].iter().filter_map(|mark| value.find(mark)).min();
        Some((section, Some(option.trim()), value[..end.unwrap_or(value.len())].trim()))
    })
}

fn content(path: &Path) -> Result<Option<Zeroizing<String>>, AwsFailure> {
    let unreadable = |problem: String| AwsFailure::Unreadable { path: PathBuf::from(path), problem };
    match fs::metadata(path) {
        Ok(about) if about.is_file() && about.len() <= LONGEST_FILE => {}
        Ok(_) => return Err(unreadable("not a regular file of at most 1 MiB".to_owned())),
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(unreadable(error.to_string())),
    }
    let bytes = fs::read(path).map_err(|error| unreadable(error.to_string()))?;
    match String::from_utf8(bytes) {
        Ok(text) => Ok(Some(Zeroizing::new(text))),
        Err(error) => {
            drop(Zeroizing::new(error.into_bytes()));
            Err(unreadable("not UTF-8".to_owned()))
        }
    }
}

/// A name of a profile, or of another thing of the user's, in an error.
pub(crate) fn harmless(name: &str) -> String {
    shown(name).to_string()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_heading_names_its_profile_by_the_rules_of_its_file() {
        for (section, of_config, of_credentials) in [
            ("default", Some("default"), Some("default")),
            ("profile streams", Some("streams"), Some("profile streams")),
            ("profile 'with space'", Some("with space"), Some("profile 'with space'")),
            ("profile\tx", Some("x"), Some("profile\tx")),
            ("streams", None, Some("streams")),
            ("profiles", None, Some("profiles")),
        ] {
            assert_eq!(profile_of(section, true), of_config, "{section}");
            assert_eq!(profile_of(section, false), of_credentials, "{section}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_read_without_a_panic(text in "([\\[\\]#;= \\t\\n\"'a-zé_]|profile |aws_access_key_id)*") {
            for (section, option, value) in lines(&text) {
                prop_assert!(!section.contains('\n') && !value.contains('\n'));
                prop_assert!(option.is_none_or(|option| !option.contains('=')));
                let _ = (profile_of(section, true), profile_of(section, false));
            }
        }
    }
}
