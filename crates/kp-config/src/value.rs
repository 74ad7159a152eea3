//! Values: parsed by the type and range of their key, typed for the settings, hidden if they are secrets.
//! Owns: the one place where text becomes a value. Never: a rule over two keys (that is `validate.rs`).

use std::{fmt, time::Duration};

use kp_protocol::{Acks, compression::Compression};
use kp_sasl::Secret;

use crate::{
    ConfigError, RecordingLevel,
    key::{KeyInfo, KeyType, Valid},
};

/// The value of one key.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Value {
    /// Of a boolean key.
    Boolean(bool),
    /// Of a short, int or long key.
    Integer(i64),
    /// Of a double key.
    Double(f64),
    /// Of a string or class key.
    Text(String),
    /// Of a list key.
    List(Vec<String>),
    /// Of a password key.
    Password(Secret),
}

/// As it would stand in a file; a password is `[hidden]`.
impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Boolean(value) => value.fmt(f),
            Self::Integer(value) => value.fmt(f),
            Self::Double(value) => write!(f, "{value:?}"),
            Self::Text(value) => value.fmt(f),
            Self::List(entries) => f.write_str(&entries.join(",")),
            Self::Password(_) => f.write_str("[hidden]"),
        }
    }
}

impl KeyInfo {
    /// Turns the text of a file into a value, by the type and the range of the key.
    ///
    /// # Errors
    /// [`ConfigError::InvalidValue`] with the key, the text and what is allowed.
    pub(crate) fn parse(&self, text: String) -> Result<Value, ConfigError> {
        let trimmed = trim(&text);
        let value = match self.kind {
            KeyType::Password => return Ok(Value::Password(trimmed_secret(text))),
            KeyType::Text | KeyType::Class => Some(Value::Text(trimmed.to_owned())),
            KeyType::Boolean => parse_boolean(trimmed).map(Value::Boolean),
            KeyType::Short => trimmed.parse::<i16>().ok().map(|n| Value::Integer(n.into())),
            KeyType::Int => trimmed.parse::<i32>().ok().map(|n| Value::Integer(n.into())),
            KeyType::Long => trimmed.parse::<i64>().ok().map(Value::Integer),
            KeyType::Double => trimmed.parse::<f64>().ok().filter(|n| n.is_finite()).map(Value::Double),
            KeyType::List => parse_list(trimmed).map(Value::List),
        };
        match value {
            Some(value) if self.allows(&value) => Ok(value),
            Some(_) | None => Err(self.invalid(text)),
        }
    }

    /// Whether a value of the right type lies in the range of the key.
    pub(crate) fn allows(&self, value: &Value) -> bool {
        let in_type = match (self.kind, value) {
            (KeyType::Short, Value::Integer(n)) => i16::try_from(*n).is_ok(),
            (KeyType::Int, Value::Integer(n)) => i32::try_from(*n).is_ok(),
            _ => true,
        };
        in_type
            && match (self.valid, value) {
                (Valid::AtLeast(low), Value::Integer(n)) => *n >= low,
                (Valid::Between(low, high), Value::Integer(n)) => (low..=high).contains(n),
                (Valid::BetweenOr(low, high, also), Value::Integer(n)) => {
                    (low..=high).contains(n) || *n == also
                }
                (Valid::Fraction(low, high), Value::Double(n)) => (low..=high).contains(n),
                (Valid::OneOf(values), Value::Text(text)) => values.contains(&text.as_str()),
                (Valid::OneOfAnyCase(values), Value::Text(text)) => {
                    values.iter().any(|allowed| allowed.eq_ignore_ascii_case(text))
                }
                (Valid::NonEmpty, Value::Text(text)) => !text.is_empty(),
                // An empty bootstrap list is V1's to refuse: it is the same error as none at all.
                _ => true,
            }
    }

    pub(crate) fn invalid(&self, value: String) -> ConfigError {
        ConfigError::InvalidValue { key: self.key, value, allowed: self.allowed() }
    }
}

/// What Java's `String.trim` leaves, which Java applies to every value of whatever type: control characters go like blanks,
/// white space beyond ASCII stays.
fn trim(text: &str) -> &str {
    text.trim_matches(|letter| letter <= ' ')
}

/// A password without the blanks around it; the text it comes from is overwritten.
fn trimmed_secret(text: String) -> Secret {
    let given = Secret::from(text);
    match given.expose_text() {
        Some(text) if trim(text).len() < text.len() => Secret::from(trim(text)),
        _ => given,
    }
}

fn parse_boolean(text: &str) -> Option<bool> {
    if text.eq_ignore_ascii_case("true") {
        Some(true)
    } else if text.eq_ignore_ascii_case("false") {
        Some(false)
    } else {
        None
    }
}

/// Entries between commas, without the blanks around each (Java's `\s*,\s*`); an entry that stands there again is left out.
fn parse_list(text: &str) -> Option<Vec<String>> {
    let is_blank = |letter| matches!(letter, ' ' | '\t' | '\n' | '\x0b' | '\x0c' | '\r');
    let mut entries = Vec::new();
    for entry in text.split(',').filter(|_| !text.is_empty()) {
        let entry = entry.trim_matches(is_blank);
        if entry.is_empty() {
            return None;
        }
        if !entries.iter().any(|known| known == entry) {
            entries.push(entry.to_owned());
        }
    }
    Some(entries)
}

/// A Rust type that stands for the value of a key in [`Settings`](crate::Settings) and in the typed setters.
pub(crate) trait Setting: Sized {
    /// `None` if the value has another type, which the table and its test rule out.
    fn from_value(value: &Value) -> Option<Self>;
    fn into_value(self) -> Value;
}

impl Setting for bool {
    fn from_value(value: &Value) -> Option<Self> {
        if let Value::Boolean(value) = value { Some(*value) } else { None }
    }
    fn into_value(self) -> Value {
        Value::Boolean(self)
    }
}

impl Setting for String {
    fn from_value(value: &Value) -> Option<Self> {
        if let Value::Text(text) = value { Some(text.clone()) } else { None }
    }
    fn into_value(self) -> Value {
        Value::Text(trim(&self).to_owned())
    }
}

impl Setting for Vec<String> {
    fn from_value(value: &Value) -> Option<Self> {
        if let Value::List(entries) = value { Some(entries.clone()) } else { None }
    }
    fn into_value(self) -> Value {
        Value::List(self)
    }
}

/// Saturating at both ends; the range of the key has been checked before.
macro_rules! integer_setting {
    ($($type:ty),*) => { $(
        impl Setting for $type {
            fn from_value(value: &Value) -> Option<Self> {
                let Value::Integer(value) = value else { return None };
                Some(Self::try_from(*value).unwrap_or(if *value < 0 { Self::MIN } else { Self::MAX }))
            }
            fn into_value(self) -> Value {
                Value::Integer(i64::try_from(self).unwrap_or(i64::MAX))
            }
        }
    )* };
}
integer_setting!(i32, u32, usize);

/// Whole milliseconds, rounded up; a negative number is none.
impl Setting for Duration {
    fn from_value(value: &Value) -> Option<Self> {
        let Value::Integer(value) = value else { return None };
        Some(Self::from_millis(u64::try_from(*value).unwrap_or(0)))
    }
    fn into_value(self) -> Value {
        Value::Integer(i64::try_from(self.as_nanos().div_ceil(1_000_000)).unwrap_or(i64::MAX))
    }
}

/// Negative is `None`: never (`connections.max.idle.ms`), or left to the system (`send.buffer.bytes`).
impl<T: Setting> Setting for Option<T> {
    fn from_value(value: &Value) -> Option<Self> {
        match value {
            Value::Integer(..0) => Some(None),
            _ => T::from_value(value).map(Some),
        }
    }
    fn into_value(self) -> Value {
        self.map_or(Value::Integer(-1), T::into_value)
    }
}

impl Setting for Acks {
    fn from_value(value: &Value) -> Option<Self> {
        let Value::Text(text) = value else { return None };
        match text.as_str() {
            "0" => Some(Self::None),
            "1" => Some(Self::Leader),
            "all" | "-1" => Some(Self::All),
            _ => None,
        }
    }
    fn into_value(self) -> Value {
        Value::Text(
            match self {
                Self::None => "0",
                Self::Leader => "1",
                Self::All => "all",
            }
            .to_owned(),
        )
    }
}

impl Setting for RecordingLevel {
    fn from_value(value: &Value) -> Option<Self> {
        if let Value::Text(text) = value { Self::from_name(text) } else { None }
    }
    fn into_value(self) -> Value {
        Value::Text(self.name().to_owned())
    }
}

impl Setting for Compression {
    fn from_value(value: &Value) -> Option<Self> {
        if let Value::Text(text) = value { text.parse().ok() } else { None }
    }
    fn into_value(self) -> Value {
        Value::Text(self.name().to_owned())
    }
}
