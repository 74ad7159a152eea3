//! How the answers of Java's client are written down: everything outside printable ASCII as `\uXXXX`. For the tests that read them.

/// `\uXXXX`, in UTF-16.
pub(crate) fn unescaped(text: &str) -> String {
    let mut units = Vec::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("\\u") {
        let (digits, behind) = after.split_at(4);
        units.extend(before.encode_utf16());
        units.push(u16::from_str_radix(digits, 16).expect("four digits"));
        rest = behind;
    }
    units.extend(rest.encode_utf16());
    String::from_utf16(&units).expect("whole letters")
}
