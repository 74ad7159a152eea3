//! The syntax of Java's `.properties` files.
//! Owns: lines, comments, continuations, escapes. Never: what a key means.
//!
//! Bytes are taken as UTF-8 (a file in plain ASCII is both UTF-8 and the ISO-8859-1 of old); `\uXXXX` works in
//! either. Anything else is an error that names the line, not a guess.

use kp_protocol::text::shown;

use crate::ConfigError;

/// One `key=value`, and the line (from 1) on which it begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Property {
    pub(crate) key: String,
    pub(crate) value: String,
    pub(crate) line: usize,
}

/// The text of a file.
///
/// # Errors
/// The line of the first byte that is not UTF-8.
pub(crate) fn decode(bytes: &[u8]) -> Result<&str, ConfigError> {
    let text = std::str::from_utf8(bytes).map_err(|error| {
        let valid = &bytes[..error.valid_up_to()];
        let byte = bytes[error.valid_up_to()];
        at_line(
            1 + valid.iter().filter(|byte| **byte == b'\n').count(),
            format!("byte 0x{byte:02x} is not UTF-8; save the file as UTF-8, or write the letter as \\uXXXX"),
        )
    })?;
    Ok(text.strip_prefix('\u{feff}').unwrap_or(text))
}

/// Every property in the order of the text; a key may come more than once (the last one counts).
///
/// # Errors
/// A malformed `\uXXXX`, with its line.
pub(crate) fn parse(text: &str) -> Result<Vec<Property>, ConfigError> {
    let mut properties = Vec::new();
    let mut lines = natural_lines(text).enumerate();
    while let Some((index, line)) = lines.next() {
        let line = trim_start(line);
        if line.is_empty() || line.starts_with(['#', '!']) {
            continue;
        }
        let mut logical = line.to_owned();
        while ends_open(&logical) {
            logical.pop();
            // A backslash alone begins nothing: the next line may be a comment. (As the last line of a file it is an empty key to
            // Java, but not if the file ends in "\r\n"; here it never is one.)
            if logical.is_empty() {
                break;
            }
            match lines.next() {
                Some((_, next)) => logical.push_str(trim_start(next)),
                None => break,
            }
        }
        if logical.is_empty() {
            continue;
        }
        let (key, value) = split(&logical);
        let unescape = |part| unescape(part).map_err(|problem| at_line(index + 1, problem));
        properties.push(Property { key: unescape(key)?, value: unescape(value)?, line: index + 1 });
    }
    Ok(properties)
}

/// Lines as Java counts them: ended by `\n`, `\r` or `\r\n`.
fn natural_lines(text: &str) -> impl Iterator<Item = &str> {
    text.split_terminator('\n').flat_map(|line| {
        let line = line.strip_suffix('\r').unwrap_or(line);
        line.split('\r')
    })
}

fn is_blank(letter: char) -> bool {
    matches!(letter, ' ' | '\t' | '\x0c')
}

fn trim_start(line: &str) -> &str {
    line.trim_start_matches(is_blank)
}

/// Whether the line goes on: it ends in an odd number of backslashes.
fn ends_open(line: &str) -> bool {
    line.bytes().rev().take_while(|byte| *byte == b'\\').count() % 2 == 1
}

/// The key ends at the first `=`, `:` or blank that has no backslash; blanks around one separator are nothing.
fn split(line: &str) -> (&str, &str) {
    let mut escaped = false;
    let end = line
        .char_indices()
        .find(|(_, letter)| {
            let separates = !escaped && (matches!(letter, '=' | ':') || is_blank(*letter));
            escaped = *letter == '\\' && !escaped;
            separates
        })
        .map_or(line.len(), |(position, _)| position);
    let rest = trim_start(&line[end..]);
    let value = rest.strip_prefix(['=', ':']).map_or(rest, trim_start);
    (&line[..end], value)
}

fn unescape(part: &str) -> Result<String, String> {
    if !part.contains('\\') {
        return Ok(part.to_owned());
    }
    // Java's characters are UTF-16: `😀` stands as two escapes, which belong together.
    let mut units: Vec<u16> = Vec::with_capacity(part.len());
    let mut letters = part.chars();
    while let Some(letter) = letters.next() {
        if letter != '\\' {
            units.extend_from_slice(letter.encode_utf16(&mut [0; 2]));
            continue;
        }
        match letters.next() {
            Some('t') => units.push(u16::from(b'\t')),
            Some('n') => units.push(u16::from(b'\n')),
            Some('r') => units.push(u16::from(b'\r')),
            Some('f') => units.push(0x0c),
            Some('u') => {
                let digits: String = letters.by_ref().take(4).collect();
                let unit = Some(digits.as_str())
                    .filter(|digits| digits.len() == 4 && digits.bytes().all(|b| b.is_ascii_hexdigit()))
                    .and_then(|digits| u16::from_str_radix(digits, 16).ok())
                    .ok_or_else(|| {
                        format!("\\u{}: four hexadecimal digits have to follow \\u", shown(&digits))
                    })?;
                units.push(unit);
            }
            Some(other) => units.extend_from_slice(other.encode_utf16(&mut [0; 2])),
            None => {}
        }
    }
    String::from_utf16(&units)
        .map_err(|_| "half of a surrogate pair (\\uD800 to \\uDFFF) stands alone".to_owned())
}

fn at_line(line: usize, problem: String) -> ConfigError {
    ConfigError::AtLine { line, source: Box::new(ConfigError::Syntax { problem }) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pairs(text: &str) -> Vec<(String, String)> {
        parse(text).unwrap().into_iter().map(|property| (property.key, property.value)).collect()
    }

    fn one(text: &str) -> (String, String) {
        let mut all = pairs(text);
        assert_eq!(all.len(), 1, "{all:?}");
        all.remove(0)
    }

    fn pair(key: &str, value: &str) -> (String, String) {
        (key.to_owned(), value.to_owned())
    }

    #[test]
    fn every_separator_of_java_separates() {
        for text in ["k=v", "k:v", "k v", "k\tv", "k = v", "  k : v", "k\x0c=\tv"] {
            assert_eq!(one(text), pair("k", "v"), "{text:?}");
        }
        assert_eq!(one("k==v"), pair("k", "=v"));
        assert_eq!(one("k:=v"), pair("k", "=v"));
        assert_eq!(one("k"), pair("k", ""));
        assert_eq!(one("k="), pair("k", ""));
        assert_eq!(one("=v"), pair("", "v"));
    }

    #[test]
    fn blanks_after_a_value_belong_to_it() {
        assert_eq!(one("k = v \t"), pair("k", "v \t"));
    }

    #[test]
    fn comments_and_blank_lines_are_nothing_and_do_not_continue() {
        assert_eq!(pairs("# c\\\nk=v\n  ! d\n\n \t\nl=w"), [pair("k", "v"), pair("l", "w")]);
    }

    #[test]
    fn a_backslash_at_the_end_goes_on_with_the_next_line() {
        assert_eq!(one("servers=a:1,\\\n      b:2,\\\r\n\tc:3"), pair("servers", "a:1,b:2,c:3"));
        // A comment sign inside a continued line is text.
        assert_eq!(one("k=a\\\n#b"), pair("k", "a#b"));
        // An even number of backslashes is text, too.
        assert_eq!(pairs("k=a\\\\\nl=b"), [pair("k", "a\\"), pair("l", "b")]);
        assert_eq!(one("k=a\\"), pair("k", "a"));
    }

    #[test]
    fn a_backslash_alone_on_its_line_begins_nothing() {
        assert_eq!(pairs("\\\nk=v\n \\\n# comment\n\\\n\nl=w"), [pair("k", "v"), pair("l", "w")]);
        assert_eq!(pairs("k=v\n\\"), [pair("k", "v")]);
    }

    #[test]
    fn escapes_become_what_they_stand_for() {
        assert_eq!(one(r"a\ b\=c\:d=x"), pair("a b=c:d", "x"));
        assert_eq!(one(r"k=\ta\nb\r\f\\\q\ "), pair("k", "\ta\nb\r\x0c\\q "));
        assert_eq!(one(r"k=\u00fC\uD83D\uDE00"), pair("k", "ü😀"));
        assert_eq!(one("k=ü"), pair("k", "ü"));
    }

    #[test]
    fn a_broken_escape_is_an_error_with_its_line() {
        let error = parse("a=b\nk=\\u12g4").unwrap_err().to_string();
        assert!(error.starts_with("line 2:") && error.contains("\\u12g4"), "{error}");
        assert!(parse("k=\\u12").is_err());
        assert!(parse("k=\\uD83D").unwrap_err().to_string().contains("surrogate"));
    }

    #[test]
    fn lines_end_in_three_ways() {
        assert_eq!(pairs("a=1\rb=2\r\nc=3\n"), [pair("a", "1"), pair("b", "2"), pair("c", "3")]);
    }

    #[test]
    fn bytes_of_latin_1_are_refused_with_their_line() {
        let error = decode(b"a=b\nclient.id=caf\xe9\n").unwrap_err().to_string();
        assert!(error.starts_with("line 2:") && error.contains("0xe9"), "{error}");
        assert_eq!(decode("\u{feff}a=b".as_bytes()).unwrap(), "a=b");
    }

    #[test]
    fn a_property_knows_its_line() {
        let lines: Vec<usize> = parse("\n# c\na=1\\\n2\nb=3").unwrap().iter().map(|p| p.line).collect();
        assert_eq!(lines, [3, 5]);
    }
}
