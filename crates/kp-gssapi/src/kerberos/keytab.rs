//! Keytabs: the keys of clients and services in a file, as `ktutil`, `kadmin` and `ktpass` write them.

use std::collections::BTreeSet;
use std::path::Path;

use kerbcore::KerberosKey;

use super::cursor::Cursor;
use super::etype;
use super::file::{self, File};
use crate::{KerberosFailure, Principal};

/// Version 2 of the format. Version 1, in the byte order of its machine, was written last in 1993.
const VERSION_2: [u8; 2] = [5, 2];
/// Keys that are kept of one file.
const MOST_KEYS: usize = 10_000;

/// The keys of a file. None of them is in its `Debug`.
#[derive(Debug)]
pub(crate) struct Keytab {
    path: String,
    keys: Vec<Entry>,
}

#[derive(Debug)]
struct Entry {
    principal: Principal,
    version: u32,
    etype: i32,
    /// `None`: of a type that is not spoken.
    key: Option<KerberosKey>,
}

/// A key, and its number.
#[derive(Debug, Clone)]
pub(crate) struct VersionedKey {
    pub(crate) key: KerberosKey,
    pub(crate) version: u32,
}

impl Keytab {
    pub(crate) fn read(path: &Path) -> Result<Self, KerberosFailure> {
        let file = file::read(path, "the keytab")?;
        Self::parse(&file)
    }

    pub(crate) fn parse(file: &File) -> Result<Self, KerberosFailure> {
        let mut rest = Cursor::new(file.bytes());
        match rest.take(2) {
            Some(version) if version == VERSION_2 => {}
            Some([5, 1]) => return Err(file.problem("is of version 1; write it anew with ktutil")),
            _ => return Err(file.problem("is no keytab: it does not begin with 05 02")),
        }
        let mut keys = Vec::new();
        while rest.rest() > 0 {
            let broken = || file.problem("is cut off, or broken");
            // An entry that was deleted leaves a hole, whose size is negative.
            let size = rest.i32().ok_or_else(broken)?;
            let length = usize::try_from(size.unsigned_abs()).map_err(|_| broken())?;
            // Some writers end a file with zeros.
            if length == 0 {
                break;
            }
            let entry = rest.take(length).ok_or_else(broken)?;
            if size < 0 {
                continue;
            }
            if keys.len() == MOST_KEYS {
                return Err(file.problem("has more than 10,000 keys"));
            }
            keys.push(Entry::parse(entry).ok_or_else(broken)?);
        }
        Ok(Self { path: file.path().to_owned(), keys })
    }

    /// The client, if none was named: that of the first entry.
    pub(crate) fn first(&self) -> Option<&Principal> {
        self.keys.first().map(|entry| &entry.principal)
    }

    /// The encryption types that it has keys of for `who`, the best first.
    pub(crate) fn etypes(&self, who: &Principal) -> Result<Vec<i32>, KerberosFailure> {
        let usable =
            |etype: &i32| self.keys_of(who).any(|entry| entry.etype == *etype && entry.key.is_some());
        let etypes: Vec<i32> = etype::SPOKEN.into_iter().filter(usable).collect();
        if etypes.is_empty() { Err(self.no_key(who)) } else { Ok(etypes) }
    }

    /// The key of `who` with this type and this number; without a number, or if there is none with it, the newest.
    pub(crate) fn key(
        &self,
        who: &Principal,
        etype: i32,
        version: Option<u32>,
    ) -> Result<VersionedKey, KerberosFailure> {
        let of_type = || self.keys_of(who).filter(|entry| entry.etype == etype);
        let exact = of_type().find(|entry| Some(entry.version) == version);
        let entry = exact.or_else(|| of_type().max_by_key(|entry| entry.version));
        let key =
            entry.and_then(|entry| Some(VersionedKey { key: entry.key.clone()?, version: entry.version }));
        key.ok_or_else(|| self.no_key(who))
    }

    fn keys_of<'a>(&'a self, who: &'a Principal) -> impl Iterator<Item = &'a Entry> {
        self.keys.iter().filter(move |entry| entry.principal == *who)
    }

    fn no_key(&self, who: &Principal) -> KerberosFailure {
        let types: BTreeSet<i32> = self.keys_of(who).map(|entry| entry.etype).collect();
        let names: BTreeSet<&Principal> = self.keys.iter().map(|entry| &entry.principal).collect();
        let has = if types.is_empty() {
            let shown: Vec<String> = names.iter().take(5).map(ToString::to_string).collect();
            format!(
                "it has keys of {}",
                if shown.is_empty() { "nobody".to_owned() } else { shown.join(", ") }
            )
        } else {
            let types: Vec<String> = types.into_iter().map(etype::name).collect();
            format!("it has only {}", types.join(", "))
        };
        KerberosFailure::NoKey { keytab: self.path.clone(), principal: who.to_string(), has }
    }
}

impl Entry {
    fn parse(bytes: &[u8]) -> Option<Self> {
        let mut rest = Cursor::new(bytes);
        let count = rest.u16()?;
        let text = |bytes: &[u8]| Some(std::str::from_utf8(bytes).ok()?.to_owned());
        let realm = text(rest.counted_16()?)?;
        let parts = (0..count).map(|_| text(rest.counted_16()?)).collect::<Option<Vec<_>>>()?;
        let _name_type = rest.u32()?;
        let _written_at = rest.u32()?;
        let short_version = rest.u8()?;
        let etype = i32::from(rest.u16()?);
        let key = rest.counted_16()?;
        // A number of more than a byte stands at the end; zero there means that there is none.
        let version = rest.u32().filter(|&version| version > 0).unwrap_or(u32::from(short_version));
        let key = etype::is_spoken(etype).then(|| KerberosKey::from_i32(etype, key.to_vec()).ok()).flatten();
        Some(Self { principal: Principal::of_parts(parts, realm), version, etype, key })
    }
}

#[cfg(test)]
mod tests;
