//! `krb5.conf`: which realm is ours, where its KDCs are, and which realm a host belongs to.
//! Reads MIT's format, with `include` and `includedir`. What kp does not use is passed over.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use super::file::{self, File};
use crate::KerberosFailure;

/// Files that one configuration may take in, and how deep.
const MOST_FILES: usize = 200;
const DEEPEST: usize = 10;
/// How long a ticket is asked for if the file does not say: as MIT's client does. KDCs give less.
const TICKET_LIFETIME: i64 = 24 * 3600;
/// Requests up to so many bytes go by UDP first, if the file does not say otherwise: none, since all KDCs of this century speak TCP.
const UDP_PREFERENCE_LIMIT: usize = 1;

/// What a client needs of the file.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(crate) struct Krb5Conf {
    default_realm: Option<String>,
    kdcs: BTreeMap<String, Vec<String>>,
    realms_of_hosts: BTreeMap<String, String>,
    ticket_lifetime: Option<i64>,
    udp_preference_limit: Option<usize>,
    default_cache: Option<String>,
    default_keytab: Option<String>,
}

impl Krb5Conf {
    /// Reads `paths` in order; of a value that stands in several, the first counts. Files that are not there are passed over, as
    /// long as one is.
    pub(crate) fn read(paths: &[PathBuf]) -> Result<Self, KerberosFailure> {
        let mut reader = Reader { conf: Self::default(), files: 0 };
        let mut missing = None;
        for path in paths {
            match file::read(path, "krb5.conf") {
                Ok(file) => reader.take_in(&file, 0)?,
                Err(_) if !path.exists() && paths.len() > 1 => missing = Some(path),
                Err(failure) => return Err(failure),
            }
        }
        match missing {
            Some(path) if reader.files == 0 => file::read(path, "krb5.conf").map(|_| reader.conf),
            _ => Ok(reader.conf),
        }
    }

    #[cfg(any(test, fuzzing))]
    pub(crate) fn parse(text: &str) -> Result<Self, KerberosFailure> {
        let mut reader = Reader { conf: Self::default(), files: 0 };
        reader.take_in(&File::of_bytes(text.as_bytes()), 0)?;
        Ok(reader.conf)
    }

    pub(crate) fn default_realm(&self) -> Option<&str> {
        self.default_realm.as_deref()
    }

    /// The KDCs of a realm, in the order of the file. Realms that differ in upper and lower case are two.
    pub(crate) fn kdcs(&self, realm: &str) -> &[String] {
        self.kdcs.get(realm).map_or(&[], Vec::as_slice)
    }

    /// The realm of a host: by its name, then by the domains that it is in, the nearest first.
    pub(crate) fn realm_of_host(&self, host: &str) -> Option<&str> {
        let host = host.strip_suffix('.').unwrap_or(host).to_ascii_lowercase();
        let domains =
            host.match_indices('.').flat_map(|(at, _)| [host.get(at..), host.get(at + 1..)]).flatten();
        let found =
            std::iter::once(host.as_str()).chain(domains).find_map(|name| self.realms_of_hosts.get(name));
        found.map(String::as_str)
    }

    /// In seconds.
    pub(crate) fn ticket_lifetime(&self) -> i64 {
        self.ticket_lifetime.unwrap_or(TICKET_LIFETIME)
    }

    /// In bytes.
    pub(crate) fn udp_preference_limit(&self) -> usize {
        self.udp_preference_limit.unwrap_or(UDP_PREFERENCE_LIMIT)
    }

    pub(crate) fn default_cache(&self) -> Option<&str> {
        self.default_cache.as_deref()
    }

    pub(crate) fn default_keytab(&self) -> Option<&str> {
        self.default_keytab.as_deref()
    }

    fn put(&mut self, section: &str, realm: Option<&str>, key: &str, value: &str) {
        let value = value.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).unwrap_or(value);
        match (section, realm, key) {
            ("libdefaults", None, "default_realm") => first(&mut self.default_realm, value.to_owned()),
            ("libdefaults", None, "ticket_lifetime") => {
                if let Some(seconds) = duration(value) {
                    first(&mut self.ticket_lifetime, seconds);
                }
            }
            ("libdefaults", None, "udp_preference_limit") => {
                if let Ok(bytes) = value.parse() {
                    first(&mut self.udp_preference_limit, bytes);
                }
            }
            ("libdefaults", None, "default_ccache_name") => first(&mut self.default_cache, value.to_owned()),
            ("libdefaults", None, "default_client_keytab_name") => {
                first(&mut self.default_keytab, value.to_owned())
            }
            ("realms", Some(realm), "kdc") => {
                self.kdcs.entry(realm.to_owned()).or_default().push(value.to_owned());
            }
            ("domain_realm", None, host) => {
                self.realms_of_hosts.entry(host.to_ascii_lowercase()).or_insert_with(|| value.to_owned());
            }
            _ => {}
        }
    }
}

fn first<T>(place: &mut Option<T>, value: T) {
    place.get_or_insert(value);
}

/// `1d 2h 3m 4s`, `36000`, `10h`, `8:30` or `8:30:00`, in seconds.
fn duration(text: &str) -> Option<i64> {
    if let Ok(seconds) = text.parse::<i64>() {
        return (seconds > 0).then_some(seconds);
    }
    if text.contains(':') {
        let mut parts = text
            .splitn(3, ':')
            .map(|part| part.parse::<i64>().ok().filter(|number| (0..=99_999).contains(number)));
        let (hours, minutes, seconds) = (parts.next()??, parts.next()??, parts.next().unwrap_or(Some(0))?);
        return Some(hours * 3600 + minutes * 60 + seconds);
    }
    let (mut total, mut number) = (0_i64, None);
    for character in text.chars().filter(|character| !character.is_whitespace()) {
        if let Some(digit) = character.to_digit(10) {
            number = Some(number.unwrap_or(0_i64).checked_mul(10)?.checked_add(i64::from(digit))?);
            continue;
        }
        let unit = match character {
            'd' => 86_400,
            'h' => 3600,
            'm' => 60,
            's' => 1,
            _ => return None,
        };
        total = total.checked_add(number.take()?.checked_mul(unit)?)?;
    }
    (number.is_none() && total > 0).then_some(total)
}

struct Reader {
    conf: Krb5Conf,
    files: usize,
}

impl Reader {
    fn take_in(&mut self, file: &File, depth: usize) -> Result<(), KerberosFailure> {
        self.files += 1;
        if self.files > MOST_FILES || depth > DEEPEST {
            return Err(file.problem("takes in too many files, or itself (include, includedir)"));
        }
        let Ok(text) = std::str::from_utf8(file.bytes()) else {
            return Err(file.problem("is not UTF-8"));
        };
        let (mut section, mut realm, mut braces) = (String::new(), None, 0_usize);
        for (number, line) in text.lines().enumerate() {
            let line = line.trim();
            let problem = |what: &str| file.problem(&format!("line {}: {what}", number + 1));
            if line.is_empty() || line.starts_with(['#', ';']) || line.starts_with("module ") {
            } else if let Some(path) = line.strip_prefix("include ") {
                self.take_in(&file::read(Path::new(path.trim()), "krb5.conf")?, depth + 1)?;
            } else if let Some(path) = line.strip_prefix("includedir ") {
                self.take_in_all_of(Path::new(path.trim()), file, depth)?;
            } else if let Some(name) = line.strip_prefix('[') {
                let (name, _) = name.split_once(']').ok_or_else(|| problem("a section without ]"))?;
                (section, realm, braces) = (name.trim().to_owned(), None, 0);
            } else if line.starts_with('}') {
                braces = braces.saturating_sub(1);
                realm = realm.filter(|_| braces > 0);
            } else {
                let (key, value) =
                    line.split_once('=').ok_or_else(|| problem("neither a section nor key = value"))?;
                let (key, value) = (key.trim().trim_end_matches('*'), value.trim());
                if let Some(inside) = value.strip_prefix('{') {
                    braces += 1;
                    realm = realm.or_else(|| Some(key.to_owned()));
                    // All on one line: Java cannot read it, MIT can only read an empty one.
                    if inside.trim_end().ends_with('}') {
                        braces -= 1;
                        realm = realm.filter(|_| braces > 0);
                    }
                } else if braces <= 1 {
                    self.conf.put(&section, realm.as_deref(), key, value);
                }
            }
        }
        if braces > 0 { Err(file.problem("ends before its last }")) } else { Ok(()) }
    }

    /// All files of a directory whose names MIT's library takes, in the order of their names.
    fn take_in_all_of(&mut self, path: &Path, by: &File, depth: usize) -> Result<(), KerberosFailure> {
        let cannot = |error: std::io::Error| by.problem(&format!("includedir {}: {error}", path.display()));
        let mut paths = Vec::new();
        for entry in fs::read_dir(path).map_err(cannot)?.take(MOST_FILES * 10) {
            let path = entry.map_err(cannot)?.path();
            let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
            let is_plain = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte));
            let is_conf = name.ends_with(".conf") && !name.starts_with('.');
            if (is_plain || is_conf) && path.is_file() {
                paths.push(path);
            }
        }
        paths.sort();
        paths.iter().try_for_each(|path| self.take_in(&file::read(path, "krb5.conf")?, depth + 1))
    }
}

#[cfg(test)]
mod tests;
