//! What a store is written in, by its first bytes. Names and settings of a type are not believed: since Java 9 a file of
//! PKCS#12 opens where JKS was said, so many files have the wrong name.

/// What a store is written in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    /// Text with sections; also what is none of the others, so that its reader says what is missing.
    Pem,
    /// Java's old store.
    Jks,
    /// Java's store for secret keys.
    Jceks,
    /// That of Bouncy Castle.
    Bks,
    /// PFX of RFC 7292.
    Pkcs12,
    /// One certificate in DER.
    Certificate,
    /// DER of something else, or with indefinite lengths.
    OtherDer,
}

impl Form {
    /// By content.
    pub(crate) fn of(content: &[u8]) -> Self {
        match content {
            [0xfe, 0xed, 0xfe, 0xed, ..] => Self::Jks,
            [0xce, 0xce, 0xce, 0xce, ..] => Self::Jceks,
            [0, 0, 0, 1 | 2, ..] => Self::Bks,
            [0x30, length @ 0x80..=0x84, rest @ ..] => {
                match rest.get(usize::from(length & 0x7f)..) {
                    // The version, 3.
                    Some([2, 1, 3, ..]) => Self::Pkcs12,
                    Some([0x30, ..]) => Self::Certificate,
                    _ => Self::OtherDer,
                }
            }
            _ => Self::Pem,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // SE39
    #[test]
    fn a_store_is_known_by_its_first_bytes() {
        let fixtures = [
            (&include_bytes!("../tests/fixtures/client.jks")[..], Form::Jks),
            (include_bytes!("../tests/fixtures/client.jceks"), Form::Jceks),
            (include_bytes!("../tests/fixtures/java.p12"), Form::Pkcs12),
            (include_bytes!("../tests/fixtures/legacy.p12"), Form::Pkcs12),
            (include_bytes!("../tests/fixtures/ca.pem"), Form::Pem),
            (&[0, 0, 0, 2, 0, 0], Form::Bks),
            (&[0x30, 0x80, 2, 1, 3], Form::Pkcs12),
            (&[0x30, 0x82, 1, 1, 0x30], Form::Certificate),
            (&[0x30, 0x82, 1, 1], Form::OtherDer),
            (&[0x30], Form::Pem),
            (&[], Form::Pem),
        ];
        for (content, form) in fixtures {
            assert_eq!(Form::of(content), form, "{:?}", &content[..content.len().min(8)]);
        }
    }
}
