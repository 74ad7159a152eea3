//! `application/x-www-form-urlencoded`, as Java's `URLEncoder` writes it.

use std::fmt::Write;

/// `text`, encoded.
pub(crate) fn encoded(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'.' | b'-' | b'*' | b'_' => {
                encoded.push(char::from(byte))
            }
            b' ' => encoded.push('+'),
            other => write!(encoded, "%{other:02X}").expect("a String takes all that is written"),
        }
    }
    encoded
}

/// The fields of a form, one after the other.
#[derive(Default)]
pub(crate) struct Form(String);

impl Form {
    pub(crate) fn field(mut self, name: &str, value: &str) -> Self {
        if !self.0.is_empty() {
            self.0.push('&');
        }
        self.0.push_str(name);
        self.0.push('=');
        self.0.push_str(&encoded(value));
        self
    }

    pub(crate) fn optional(self, name: &str, value: Option<&str>) -> Self {
        match value {
            Some(value) => self.field(name, value),
            None => self,
        }
    }

    pub(crate) fn into_body(self) -> Vec<u8> {
        self.0.into_bytes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // SE44
    #[test]
    fn what_a_form_cannot_hold_is_encoded_as_java_does() {
        assert_eq!(encoded("a b&c=d/é~*-._"), "a+b%26c%3Dd%2F%C3%A9%7E*-._");
        let form =
            Form::default().field("grant_type", "x:y").optional("no", None).optional("scope", Some("a b"));
        assert_eq!(form.into_body(), b"grant_type=x%3Ay&scope=a+b");
    }
}
