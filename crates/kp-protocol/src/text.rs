//! Text chosen by a broker, a name server or a file, made fit for one line of a message.
//! Owns: what is harmless to show. Every such string goes through [`shown`] before it enters an error, an event, a
//! notice, a log line or the screen; where a string is data (a name to resolve, a key to compare) it stays as it is.

use std::fmt;

/// The most characters that one text takes in a message. A legal topic name has at most 249, a host name 253.
const LONGEST: usize = 500;
/// Characters kept of a longer text: with the note behind them it is within [`LONGEST`], so showing it twice changes
/// nothing.
const KEPT: usize = 460;

/// `text` on one line, without control characters, and short.
///
/// Line feeds, terminal escapes, marks that turn the direction of writing, zero-width and other invisible characters
/// become `\n`, `\u{1b}` and so on; a text of more than 500 characters is cut and says so. Nothing is allocated.
/// Showing what was shown already changes nothing, so a string may pass two borders.
///
/// ```
/// use kp_protocol::text::shown;
/// assert_eq!(shown("broker-1.example").to_string(), "broker-1.example");
/// assert_eq!(shown("evil\n\u{1b}[31mred").to_string(), "evil\\n\\u{1b}[31mred");
/// ```
#[must_use]
pub fn shown(text: &str) -> Shown<'_> {
    Shown(text)
}

/// See [`shown`].
#[derive(Clone, Copy)]
pub struct Shown<'a>(&'a str);

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if is_plain(self.0) {
            return f.pad(self.0);
        }
        if harmless(self.0).nth(LONGEST).is_none() {
            return harmless(self.0).try_for_each(|c| fmt::Write::write_char(f, c));
        }
        harmless(self.0).take(KEPT).try_for_each(|c| fmt::Write::write_char(f, c))?;
        write!(f, "… ({} bytes in all)", self.0.len())
    }
}

impl fmt::Debug for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Whether it is shown as it is, as nearly every text is.
fn is_plain(text: &str) -> bool {
    text.len() <= LONGEST && text.bytes().all(|byte| byte == b' ' || byte.is_ascii_graphic())
}

/// The characters of `text`, each that is invisible or does something in its escaped form. Quotes and backslashes do
/// nothing in a message and stay.
fn harmless(text: &str) -> impl Iterator<Item = char> {
    text.chars().flat_map(|c| {
        let (plain, escaped) = match c {
            '"' | '\'' | '\\' => (Some(c), None),
            _ => (None, Some(c.escape_debug())),
        };
        plain.into_iter().chain(escaped.into_iter().flatten())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(of: &str) -> String {
        shown(of).to_string()
    }

    #[test]
    fn plain_text_is_shown_as_it_is() {
        for plain in ["", "broker-1.example", "C:\\kp \"a\" 'b'", "bücher.example", "主题", "emoji 🦀"] {
            assert_eq!(text(plain), plain);
        }
    }

    #[test]
    fn a_line_feed_does_not_begin_a_new_line() {
        assert_eq!(text("a\nERROR forged\r\n\tb"), "a\\nERROR forged\\r\\n\\tb");
        for separator in ['\u{b}', '\u{c}', '\u{85}', '\u{2028}', '\u{2029}'] {
            let shown = text(&format!("a{separator}b"));
            assert!(!shown.contains(separator), "{shown:?}");
        }
    }

    #[test]
    fn terminal_escapes_do_not_reach_the_terminal() {
        assert_eq!(
            text("\u{1b}[2J\u{1b}]0;title\u{7}\u{9b}31m"),
            "\\u{1b}[2J\\u{1b}]0;title\\u{7}\\u{9b}31m"
        );
        assert_eq!(text("a\0b\u{7f}\u{8}"), "a\\0b\\u{7f}\\u{8}");
    }

    #[test]
    fn marks_that_turn_or_hide_text_are_shown_by_number() {
        let marks = [
            '\u{200b}',
            '\u{200c}',
            '\u{200d}',
            '\u{200e}',
            '\u{200f}',
            '\u{202a}',
            '\u{202b}',
            '\u{202c}',
            '\u{202d}',
            '\u{202e}',
            '\u{2060}',
            '\u{2066}',
            '\u{2067}',
            '\u{2068}',
            '\u{2069}',
            '\u{61c}',
            '\u{feff}',
            '\u{ad}',
            '\u{e0041}',
            '\u{fe0f}',
            '\u{301}',
        ];
        for mark in marks {
            assert_eq!(text(&format!("a{mark}b")), format!("a\\u{{{:x}}}b", u32::from(mark)));
        }
    }

    #[test]
    fn a_text_of_a_megabyte_is_cut_and_says_so() {
        for piece in ["x", "\n", "\u{202e}", "ü", "\u{10ffff}"] {
            let long = piece.repeat(1_000_000 / piece.len());
            let shown = text(&long);
            assert!(shown.chars().count() <= LONGEST, "{}", shown.chars().count());
            assert!(shown.ends_with(&format!("… ({} bytes in all)", long.len())), "{shown}");
        }
        assert_eq!(text(&"x".repeat(LONGEST)), "x".repeat(LONGEST));
    }

    #[test]
    fn what_was_shown_is_shown_as_it_is() {
        for odd in ["a\nb\u{1b}[0m", &"\u{202e}".repeat(1_000_000), &"x".repeat(501), &"\0".repeat(250)] {
            let once = text(odd);
            assert_eq!(text(&once), once);
        }
    }
}
