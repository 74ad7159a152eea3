//! The `wire!` tables as text, so that `cargo xtask tidy` can compare them with Kafka's JSON schemas.

use crate::api_key::{ApiKey, VersionRange};

/// One row of one message's table, as text: what `cargo xtask tidy` compares with Kafka's JSON schemas.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SchemaRow {
    /// The struct: the message's name for its own fields, the nested struct's name otherwise.
    pub part: &'static str,
    /// The field's name in snake case.
    pub field: &'static str,
    /// The name in the JSON schema where it is not simply the field's name in camel case; else empty.
    pub json_name: &'static str,
    /// The Rust type, as written in the table.
    pub rust_type: &'static str,
    /// The default, as written in the table; empty = the type's own (zero, empty, null).
    pub default: &'static str,
    /// The versions that have the field; `i16::MAX` as the end means "and newer".
    pub versions: VersionRange,
    /// The first version in which null is allowed, if any.
    pub nullable_from: Option<i16>,
    /// Its tag, if it is a tagged field.
    pub tag: Option<u32>,
    /// Whether a value is dropped silently in versions that lack the field.
    pub ignorable: bool,
    /// Whether the newest schemas lack the field, since they lack its versions.
    pub gone: bool,
}

impl SchemaRow {
    /// The field's name in the JSON schema.
    #[must_use]
    pub fn name_in_schema(&self) -> String {
        name_in_schema(self.field, self.json_name)
    }
}

/// The name of a field in the JSON schema: `json_name`, or else the field's name in camel case.
pub(crate) fn name_in_schema(field: &str, json_name: &str) -> String {
    if !json_name.is_empty() {
        return json_name.to_owned();
    }
    let capitalised = |word: &str| {
        let mut letters = word.chars();
        letters.next().into_iter().flat_map(char::to_uppercase).chain(letters).collect::<String>()
    };
    field.split('_').map(capitalised).collect()
}

/// One message's table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SchemaTable {
    /// The message's name.
    pub message: &'static str,
    /// Its API.
    pub api: ApiKey,
    /// The versions this crate writes and reads.
    pub versions: VersionRange,
    /// The first flexible version, if any.
    pub flexible_from: Option<i16>,
    /// The rows of the message and of its structs, struct by struct.
    pub parts: &'static [&'static [SchemaRow]],
}
