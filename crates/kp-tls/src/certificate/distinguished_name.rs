//! Names of X.500 as text.

use crate::der::{Der, Element, OBJECT_IDENTIFIER};
use kp_protocol::text::shown as harmless;

const COMMON_NAME: &[u8] = &[0x55, 4, 3];
/// Who reads a message reads no more.
const PARTS_SHOWN: usize = 16;

/// The content of a Name, the most special part first: `CN=kafka, O=example`.
pub(super) fn shown(name: &[u8]) -> String {
    let mut parts: Vec<String> = attributes(name)
        .take(PARTS_SHOWN)
        .map(|(kind, value)| format!("{}={}", label(kind), harmless(&text(value))))
        .collect();
    parts.reverse();
    parts.join(", ")
}

/// The last one, as certificates for one host have several in the order of X.500.
pub(super) fn common_name(name: &[u8]) -> Option<String> {
    let named = attributes(name).filter(|(kind, _)| *kind == COMMON_NAME);
    named.last().map(|(_, value)| harmless(&text(value)).to_string())
}

/// Kinds and values, as they stand.
fn attributes<'a>(name: &'a [u8]) -> impl Iterator<Item = (&'a [u8], Element<'a>)> {
    let mut sets = Der::new(name);
    let mut set = Der::new(&[]);
    std::iter::from_fn(move || {
        loop {
            if let Some(mut attribute) = set.sequence() {
                let kind = attribute.expect(OBJECT_IDENTIFIER)?;
                return Some((kind, attribute.next()?));
            }
            // 0x31 is a SET.
            set = Der::new(sets.expect(0x31)?);
        }
    })
}

fn text(value: Element<'_>) -> String {
    // A BMPString is of two bytes a letter; all others are read as UTF-8, of which ASCII is a part.
    if value.tag == 0x1e {
        let units: Vec<u16> =
            value.content.chunks_exact(2).map(|pair| u16::from_be_bytes([pair[0], pair[1]])).collect();
        return String::from_utf16_lossy(&units);
    }
    String::from_utf8_lossy(value.content).into_owned()
}

/// As Java writes it, else in digits.
fn label(kind: &[u8]) -> String {
    let known = match kind {
        [0x55, 4, 3] => "CN",
        [0x55, 4, 5] => "SERIALNUMBER",
        [0x55, 4, 6] => "C",
        [0x55, 4, 7] => "L",
        [0x55, 4, 8] => "ST",
        [0x55, 4, 10] => "O",
        [0x55, 4, 11] => "OU",
        [0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 9, 1] => "EMAILADDRESS",
        [0x09, 0x92, 0x26, 0x89, 0x93, 0xf2, 0x2c, 0x64, 1, 1] => "UID",
        [0x09, 0x92, 0x26, 0x89, 0x93, 0xf2, 0x2c, 0x64, 1, 25] => "DC",
        _ => return digits(kind),
    };
    known.to_owned()
}

/// `1.2.840` and so on. The first two numbers share the first byte.
fn digits(kind: &[u8]) -> String {
    let mut numbers = Vec::new();
    let mut number = 0_u64;
    for byte in kind.iter().take(32) {
        number = number << 7 | u64::from(byte & 0x7f);
        if byte & 0x80 == 0 {
            if numbers.is_empty() {
                let first = (number / 40).min(2);
                numbers.extend([first, number - 40 * first]);
            } else {
                numbers.push(number);
            }
            number = 0;
        }
    }
    numbers.iter().map(u64::to_string).collect::<Vec<_>>().join(".")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_without_a_name_are_shown_in_digits() {
        assert_eq!(digits(&[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d]), "1.2.840.113549");
        assert_eq!(digits(&[0x55, 4, 12]), "2.5.4.12");
    }

    #[test]
    fn letters_that_a_message_must_not_have_are_escaped() {
        // SET { SEQUENCE { CN, "a<line feed>b" } }
        let name = [0x31, 12, 0x30, 10, 6, 3, 0x55, 4, 3, 0x0c, 3, b'a', b'\n', b'b'];
        assert_eq!(shown(&name), "CN=a\\nb");
        let wide = [0x31, 13, 0x30, 11, 6, 3, 0x55, 4, 3, 0x1e, 4, 0, b'a', 0, b'b'];
        assert_eq!(common_name(&wide).as_deref(), Some("ab"));
    }
}
