//! What it costs to derive the keys of a store, before one is derived: a file can ask for hours. Looks through all DER
//! that is not encrypted itself; what is inside that can only be written by who knows the password.

use crate::der::{Der, Element, INTEGER, OBJECT_IDENTIFIER, OCTET_STRING, SEQUENCE};

/// 1.2.840.113549.1.5.12
const PBKDF2: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 5, 0x0c];
/// 1.2.840.113549.1.12.1, those of PKCS#12, of which one byte more says which.
const OF_PKCS12: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 0x0c, 1];
/// 1.3.6.1.4.1.11591.4.11
const SCRYPT: &[u8] = &[0x2b, 6, 1, 4, 1, 0xda, 0x47, 4, 0x0b];
/// No store is so deep.
const DEPTH: u8 = 32;

/// Of all derivations in a file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Cost {
    /// Rounds of a hash.
    iterations: u64,
    /// Bytes that scrypt goes through.
    scrypt: u64,
}

impl Cost {
    /// Seconds of a processor; Java writes 10,000, OpenSSL 2048.
    const MAX_ITERATIONS: u64 = 5_000_000;
    /// OpenSSL writes 16 MiB.
    const MAX_SCRYPT: u64 = 256 * 1024 * 1024;
    pub(super) const TOO_HIGH: &'static str = "its password is hashed more than 5,000,000 times (or through more than 256 MiB): nobody waits for that; \
         write it anew with fewer iterations";

    /// Of what is in `der`, which may be no DER at all.
    pub(super) fn of(der: &[u8]) -> Self {
        let mut cost = Self::default();
        cost.walk(Der::new(der), DEPTH);
        cost
    }

    pub(super) fn is_too_high(self) -> bool {
        self.iterations > Self::MAX_ITERATIONS || self.scrypt > Self::MAX_SCRYPT
    }

    fn walk(&mut self, mut der: Der<'_>, depth: u8) {
        let Some(depth) = depth.checked_sub(1) else { return };
        while let Some(element) = der.next() {
            let Element { tag, content, .. } = element;
            if tag == SEQUENCE {
                self.count(Der::new(content));
            }
            // Constructed ones, and strings of bytes, in which PKCS#12 packs DER.
            if tag & 0x20 != 0 || tag == OCTET_STRING {
                self.walk(Der::new(content), depth);
            }
        }
    }

    /// Adds what a sequence asks for, if it is an algorithm or the check of a whole PKCS#12 store.
    fn count(&mut self, mut sequence: Der<'_>) {
        let Some(first) = sequence.next() else { return };
        match first.tag {
            OBJECT_IDENTIFIER if first.content == PBKDF2 || is_of_pkcs12(first.content) => {
                if let Some(mut parameters) = sequence.sequence() {
                    parameters.next();
                    self.add_iterations(parameters);
                }
            }
            OBJECT_IDENTIFIER if first.content == SCRYPT => {
                if let Some(parameters) = sequence.sequence() {
                    self.add_scrypt(parameters);
                }
            }
            SEQUENCE if sequence.expect(OCTET_STRING).is_some() => self.add_iterations(sequence),
            _ => {}
        }
    }

    fn add_iterations(&mut self, mut at: Der<'_>) {
        if let Some(digits) = at.expect(INTEGER) {
            self.iterations = self.iterations.saturating_add(number(digits));
        }
    }

    fn add_scrypt(&mut self, mut parameters: Der<'_>) {
        parameters.next();
        let mut bytes = 128_u64;
        while let Some(digits) = parameters.expect(INTEGER) {
            bytes = bytes.saturating_mul(number(digits));
        }
        self.scrypt = self.scrypt.saturating_add(bytes);
    }
}

fn is_of_pkcs12(identifier: &[u8]) -> bool {
    identifier.len() == OF_PKCS12.len() + 1 && identifier.starts_with(OF_PKCS12)
}

/// What cannot be counted is too much.
fn number(digits: &[u8]) -> u64 {
    let significant = digits.iter().position(|digit| *digit != 0).map_or(&[][..], |at| &digits[at..]);
    if significant.len() > 8 || digits.first().is_none_or(|digit| *digit >= 0x80) {
        return u64::MAX;
    }
    significant.iter().fold(0, |sum, digit| sum << 8 | u64::from(*digit))
}

#[cfg(test)]
mod tests {
    use super::*;

    // H60
    #[test]
    fn what_the_stores_of_java_and_openssl_cost_is_counted() {
        let of = |content| Cost::of(content).iterations;
        // The check, the certificates and the key.
        assert_eq!(of(include_bytes!("../../tests/fixtures/java.p12")), 30_000);
        assert_eq!(of(include_bytes!("../../tests/fixtures/openssl.p12")), 3 * 2048);
        assert_eq!(of(include_bytes!("../../tests/fixtures/legacy.p12")), 3 * 2048);
    }

    // H60
    #[test]
    fn numbers_that_cannot_be_counted_are_too_high() {
        assert_eq!(number(&[0, 0x80]), 128);
        assert_eq!(number(&[0xff]), u64::MAX);
        assert_eq!(number(&[]), u64::MAX);
        assert_eq!(number(&[1; 9]), u64::MAX);
        assert_eq!(number(&[0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff]), u64::MAX);
    }
}
