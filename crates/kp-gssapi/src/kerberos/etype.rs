//! Encryption types: their numbers, their names, and the ones that are spoken.

use kerbcore::Enctype;

/// Those that a client asks for, the best first. Keys of RFC 3962 come first, as MIT's client has them: every broker's Java knows
/// these, and those of RFC 8009 only since 11.
pub(crate) const SPOKEN: [i32; 4] = [18, 17, 20, 19];

pub(crate) fn is_spoken(etype: i32) -> bool {
    SPOKEN.contains(&etype)
}

/// `aes256-cts-hmac-sha1-96 (18)`.
pub(crate) fn name(etype: i32) -> String {
    let name = match etype {
        1..=3 => "des",
        16 => "des3-cbc-sha1",
        17 => "aes128-cts-hmac-sha1-96",
        18 => "aes256-cts-hmac-sha1-96",
        19 => "aes128-cts-hmac-sha256-128",
        20 => "aes256-cts-hmac-sha384-192",
        23 => "arcfour-hmac",
        25 => "camellia128-cts-cmac",
        26 => "camellia256-cts-cmac",
        _ => "encryption type",
    };
    format!("{name} ({etype})")
}

/// The type of the checksum that goes with a key (RFC 3961, RFC 8009); `None` for one that is not spoken.
pub(crate) fn checksum_type(etype: Enctype) -> Option<i32> {
    match etype.to_i32() {
        17 => Some(15),
        18 => Some(16),
        19 => Some(19),
        20 => Some(20),
        _ => None,
    }
}
