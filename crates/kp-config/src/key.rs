//! What the table says about one key, and the words its rows are written in.
//! Owns: no value and no decision; `table.rs` fills these, `value.rs` parses by them, `validate.rs` acts on
//! them, `docs.rs` prints them.

use std::fmt;

/// One row of [`KEYS`](crate::KEYS): everything kp knows about a configuration key.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct KeyInfo {
    /// The key, exactly as Java spells it (or as kp does, in the last section).
    pub key: &'static str,
    /// The heading of the table under which it stands.
    pub section: &'static str,
    /// What its value has to look like.
    pub kind: KeyType,
    /// Today's default.
    pub default: DefaultValue,
    /// What the classic (0.9) producer had in its place.
    pub classic: Classic,
    /// Which values are allowed.
    pub valid: Valid,
    /// Whether kp acts on it.
    pub state: State,
    /// One line: what it does. Markdown.
    pub doc: &'static str,
}

/// The types of Kafka's configuration.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum KeyType {
    /// `true` or `false`, in any case.
    Boolean,
    /// 16 bits.
    Short,
    /// 32 bits.
    Int,
    /// 64 bits.
    Long,
    /// A floating-point number.
    Double,
    /// Text.
    Text,
    /// Comma-separated; entries are trimmed, an empty one is an error, a repeated one is not.
    List,
    /// Text that is never printed.
    Password,
    /// The name of a Java class.
    Class,
}

impl KeyType {
    /// Java's name of the type, as in `docs/configuration.md`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Boolean => "boolean",
            Self::Short => "short",
            Self::Int => "int",
            Self::Long => "long",
            Self::Double => "double",
            Self::Text => "string",
            Self::List => "list",
            Self::Password => "password",
            Self::Class => "class",
        }
    }

    /// What a value of this type is, in words, for an error message.
    pub(crate) const fn described(self) -> &'static str {
        match self {
            Self::Boolean => "true or false",
            Self::Short => "a whole number of 16 bits",
            Self::Int => "a whole number of 32 bits",
            Self::Long => "a whole number of 64 bits",
            Self::Double => "a number",
            Self::Text | Self::Password => "text",
            Self::List => "a comma-separated list without empty entries",
            Self::Class => "the name of a Java class",
        }
    }
}

/// A default.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum DefaultValue {
    /// There is none: the user has to say.
    Required,
    /// Unset.
    Null,
    /// This, as it would stand in a file.
    Is(&'static str),
}

impl fmt::Display for DefaultValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Required => f.write_str("required"),
            Self::Null => f.write_str("null"),
            Self::Is("") => f.write_str("empty"),
            Self::Is(text) => f.write_str(text),
        }
    }
}

/// What stood in the place of a key in Kafka 0.9.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Classic {
    /// The same key with the same default.
    Same,
    /// The same key with another default. The classic profile takes it, except for security keys.
    Was(&'static str),
    /// The key had no default.
    WasNull,
    /// No such key; the classic profile leaves today's default.
    Absent,
    /// No such key; the classic profile behaves as if it stood at this value.
    AbsentActing(&'static str),
}

impl fmt::Display for Classic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Same => f.write_str("same"),
            Self::Was("") => f.write_str("empty"),
            Self::Was(text) => f.write_str(text),
            Self::WasNull => f.write_str("null"),
            Self::Absent | Self::AbsentActing(_) => f.write_str("absent"),
        }
    }
}

/// The values a key allows, beyond its type.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub enum Valid {
    /// All of the type.
    Any,
    /// Text of at least one character.
    NonEmpty,
    /// A list of at least one entry.
    NonEmptyList,
    /// This or more.
    AtLeast(i64),
    /// From … to, both included.
    Between(i64, i64),
    /// From … to, or the third number.
    BetweenOr(i64, i64, i64),
    /// From … to, for [`KeyType::Double`].
    Fraction(f64, f64),
    /// One of these, letter by letter.
    OneOf(&'static [&'static str]),
    /// One of these, in any case.
    OneOfAnyCase(&'static [&'static str]),
}

impl fmt::Display for Valid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Any => f.write_str("any"),
            Self::NonEmpty => f.write_str("non-empty"),
            Self::NonEmptyList => f.write_str("non-empty list"),
            Self::AtLeast(low) => write!(f, "[{low},…]"),
            Self::Between(low, high) => write!(f, "[{low},…,{high}]"),
            Self::BetweenOr(low, high, also) => write!(f, "[{low},…,{high}] or {also}"),
            Self::Fraction(low, high) => write!(f, "[{low:?},…,{high:?}]"),
            Self::OneOf(values) => write!(f, "[{}]", values.join(", ")),
            Self::OneOfAnyCase(values) => write!(f, "ci [{}]", values.join(", ")),
        }
    }
}

/// Whether kp acts on a key, and what it says if not. The notes are Markdown without a full stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum State {
    /// It takes effect.
    Works,
    /// kp behaves as this value says. Another value is a warning with the note.
    FixedAt(&'static str, &'static str),
    /// kp behaves as this value says. Another value is an error with the note, because ignoring it would
    /// weaken security, delivery or order.
    OnlyAt(&'static str, &'static str),
    /// Known, of no effect yet: a warning with the note.
    NotYet(&'static str),
    /// Known, and refused whenever it is set: ignoring it would weaken security, delivery or order.
    Refused(&'static str),
    /// It takes effect with SASL (`security.protocol=SASL_…`) and its mechanism; without, it is a warning.
    Sasl,
    /// It takes effect with TLS (`security.protocol=SSL` or `SASL_SSL`); without, it is a warning.
    Tls,
    /// Part of TLS or SASL that is not there yet. Without the protocol or the mechanism that it belongs to it is of no
    /// effect (in Java neither): a warning. With it, an error with the note.
    Security(&'static str),
    /// Known, and not planned: a warning with the reason.
    NotPlanned(&'static str),
    /// Names something that only a JVM has: a warning that says what kp offers in its place.
    Jvm(&'static str),
    /// No longer a key of Java's: a warning that names what replaced it.
    Gone(&'static str),
}

impl State {
    /// The state in a word or two, as in `docs/configuration.md`.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Works => "works",
            Self::Sasl => "works with SASL",
            Self::Tls => "works with TLS",
            Self::FixedAt(..) => "fixed",
            Self::OnlyAt(..) => "refused if different",
            Self::NotYet(_) | Self::Security(_) => "not yet",
            Self::Refused(_) => "refused",
            Self::NotPlanned(_) => "not planned",
            Self::Jvm(_) => "JVM only",
            Self::Gone(_) => "gone",
        }
    }

    /// What the state adds: when it comes, what kp does or offers in its place. Empty for what takes effect.
    #[must_use]
    pub const fn note(&self) -> &'static str {
        match self {
            Self::Works | Self::Sasl | Self::Tls => "",
            Self::FixedAt(_, note)
            | Self::OnlyAt(_, note)
            | Self::NotYet(note)
            | Self::Refused(note)
            | Self::Security(note)
            | Self::NotPlanned(note)
            | Self::Jvm(note)
            | Self::Gone(note) => note,
        }
    }
}

impl KeyInfo {
    /// Whether the key belongs to TLS or SASL, whose defaults are today's in both profiles.
    pub(crate) fn is_security(&self) -> bool {
        self.key.starts_with("ssl.") || self.key.starts_with("sasl.") || self.key.starts_with("security.")
    }

    /// Whether the key says how connections are encrypted.
    pub(crate) fn is_of_tls(&self) -> bool {
        self.key.starts_with("ssl.") || self.key.starts_with("kp.ssl.")
    }

    /// What a value may be, in words: type and range, as in the error for a bad value.
    #[must_use]
    pub fn allowed(&self) -> String {
        let kind = self.kind.described();
        match self.valid {
            Valid::Any => kind.to_owned(),
            Valid::NonEmpty => "text of at least one character".to_owned(),
            Valid::NonEmptyList => {
                "a comma-separated list of at least one entry, without empty entries".to_owned()
            }
            Valid::AtLeast(low) => format!("{kind}, {low} or more"),
            Valid::Between(low, high) => format!("{kind}, {low} to {high}"),
            Valid::BetweenOr(low, high, also) => format!("{kind}, {low} to {high}, or {also}"),
            Valid::Fraction(low, high) => format!("{kind}, {low} to {high}"),
            Valid::OneOf(values) => format!("one of {}", values.join(", ")),
            Valid::OneOfAnyCase(values) => format!("one of {}, in any case", values.join(", ")),
        }
    }
}
