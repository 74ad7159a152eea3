//! The store that Java wrote before PKCS#12. Big-endian, with the texts of Java's `DataOutputStream`:
//!
//! | | |
//! |---|---|
//! | head | `feedfeed`, version 1 or 2, number of entries: 4 bytes each |
//! | entry | tag (1: key, 2: trusted certificate), alias, date in 8 bytes |
//! | a key | length and bytes of the protected key (see `sun_key`), number of certificates, certificates |
//! | a certificate | version 2: its type, as text; length and bytes |
//! | tail | SHA-1 of the password in UTF-16, `Mighty Aphrodite`, and all before |
//!
//! Allocates no more than what is there; checks the tail if there is a password.

use super::opened::{KeyEntry, Opened, StoredKey, TrustedEntry};
use super::sun_key::utf16;
use crate::chain::Chain;
use crate::{StoreSource, TlsConfigError};
use rustls::pki_types::CertificateDer;
use sha1::{Digest, Sha1};

const TAIL: usize = 20;
/// Part of the format.
const SALT: &[u8] = b"Mighty Aphrodite";

/// Opens `content`.
pub(super) fn open(source: &StoreSource, content: &[u8]) -> Result<Opened, TlsConfigError> {
    let cut = || source.wrong("the JKS store is cut off or damaged: copy it anew");
    let (body, tail) = content.split_last_chunk::<TAIL>().ok_or_else(cut)?;
    if let Some(password) = source.store_password()? {
        let digest = Sha1::new().chain_update(&*utf16(password)).chain_update(SALT).chain_update(body);
        if digest.finalize().as_slice() != tail {
            return Err(source.wrong(format!(
                "the password does not open the JKS store, or the store was changed ({})",
                source.password_key()
            )));
        }
    }
    entries(body).ok_or_else(cut)
}

fn entries(body: &[u8]) -> Option<Opened> {
    let mut reader = Reader { rest: body, version: 0 };
    let _magic = reader.number()?;
    reader.version = reader.number()?;
    if !matches!(reader.version, 1 | 2) {
        return None;
    }
    let mut opened = Opened::default();
    for _ in 0..reader.number()? {
        let (tag, alias, _date) = (reader.number()?, reader.text()?, reader.take(8)?);
        match tag {
            1 => {
                let key = StoredKey::Protected(reader.bytes()?.to_vec());
                let chain = (0..reader.number()?).map(|_| reader.certificate()).collect::<Option<Chain>>()?;
                opened.keys.push(KeyEntry { alias, chain, key });
            }
            2 => opened.trusted.push(TrustedEntry { alias, certificate: reader.certificate()? }),
            _ => return None,
        }
    }
    reader.rest.is_empty().then_some(opened)
}

struct Reader<'a> {
    rest: &'a [u8],
    version: u32,
}

impl<'a> Reader<'a> {
    fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.rest.split_at_checked(count)?;
        self.rest = rest;
        Some(taken)
    }

    fn number(&mut self) -> Option<u32> {
        let (number, rest) = self.rest.split_first_chunk()?;
        self.rest = rest;
        Some(u32::from_be_bytes(*number))
    }

    fn bytes(&mut self) -> Option<&'a [u8]> {
        let length = self.number()?;
        self.take(usize::try_from(length).ok()?)
    }

    fn text(&mut self) -> Option<String> {
        let length = self.take(2)?;
        let text = self.take(usize::from(u16::from_be_bytes([length[0], length[1]])))?;
        Some(String::from_utf8_lossy(text).into_owned())
    }

    fn certificate(&mut self) -> Option<CertificateDer<'static>> {
        if self.version == 2 {
            self.text()?;
        }
        Some(self.bytes()?.to_vec().into())
    }
}
