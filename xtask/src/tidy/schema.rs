//! The rows of kp-protocol's `wire!` tables against Kafka's own JSON schemas (`xtask/schemas`, with their LICENSE).
//!
//! Every message that kp-protocol declares is compared: key, versions, flexible versions, and for each struct
//! names, order, types, versions, null, tags, defaults, ignorable. Only the lowest version of a message may lie
//! below the schema's: the newest schemas have dropped what old brokers still speak. A struct has the schema's name, or that
//! name behind the API's: the schemas of several messages have a struct of one name.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Deserialize;
use serde_json::Value;

use crate::error::{Doing, XtaskError};

/// Versions, both ends included; `i16::MAX` means "and newer".
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub(crate) struct Span {
    pub(crate) min: i16,
    pub(crate) max: i16,
}

impl Span {
    /// Reads `3+`, `0-12`, `4` or `none` (no version at all).
    fn parse(text: &str) -> Option<Self> {
        if text == "none" {
            return Some(Self { min: 0, max: -1 });
        }
        if let Some(min) = text.strip_suffix('+') {
            return Some(Self { min: min.parse().ok()?, max: i16::MAX });
        }
        let (min, max) = text.split_once('-').unwrap_or((text, text));
        Some(Self { min: min.parse().ok()?, max: max.parse().ok()? })
    }

    fn and(self, other: Self) -> Self {
        Self { min: self.min.max(other.min), max: self.max.min(other.max) }
    }
}

impl std::fmt::Display for Span {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match (self.min, self.max) {
            (min, max) if max < min => f.write_str("none"),
            (min, i16::MAX) => write!(f, "{min}+"),
            (min, max) => write!(f, "{min}-{max}"),
        }
    }
}

/// A row of a `wire!` table, as the macro emits it.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Row {
    pub(crate) part: String,
    pub(crate) field: String,
    /// The schema's name of the field, if it is not the field's in camel case.
    pub(crate) json_name: String,
    pub(crate) rust_type: String,
    pub(crate) default: String,
    pub(crate) versions: Span,
    pub(crate) nullable_from: Option<i16>,
    pub(crate) tag: Option<u32>,
    pub(crate) ignorable: bool,
    /// The schema has dropped it, since it has dropped its versions.
    pub(crate) gone: bool,
}

impl Row {
    fn schema_name(&self) -> String {
        if self.json_name.is_empty() { camel_case(&self.field) } else { self.json_name.clone() }
    }
}

/// The table of one message.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Table {
    pub(crate) message: String,
    pub(crate) api_key: i16,
    pub(crate) versions: Span,
    pub(crate) flexible_from: Option<i16>,
    /// The rows of the message, then of each of its structs.
    pub(crate) parts: Vec<Vec<Row>>,
}

/// One difference, and the row it is about.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Difference {
    pub(crate) part: String,
    pub(crate) field: String,
    pub(crate) what: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Schema {
    api_key: Option<i16>,
    valid_versions: String,
    #[serde(default)]
    flexible_versions: Option<String>,
    #[serde(default)]
    latest_version_unstable: bool,
    fields: Vec<SchemaField>,
    #[serde(default)]
    common_structs: Vec<CommonStruct>,
}

#[derive(Debug, Deserialize)]
struct CommonStruct {
    name: String,
    fields: Vec<SchemaField>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct SchemaField {
    name: String,
    #[serde(rename = "type")]
    kind: String,
    versions: String,
    nullable_versions: Option<String>,
    tagged_versions: Option<String>,
    tag: Option<u32>,
    default: Option<Value>,
    #[serde(default)]
    ignorable: bool,
    flexible_versions: Option<String>,
    #[serde(default)]
    fields: Vec<SchemaField>,
}

/// Compares all tables with the schemas in `dir`.
pub(super) fn compare_all(tables: &[Table], dir: &Path) -> Result<Vec<Difference>, XtaskError> {
    let shared: BTreeMap<&str, &[Row]> = tables.iter().flat_map(named_parts).collect();
    let mut differences = Vec::new();
    for table in tables {
        let path = dir.join(format!("{}.json", table.message));
        let text =
            std::fs::read_to_string(&path).doing(|| format!("reading {}", crate::workspace::shown(&path)))?;
        let schema = parse(&text).map_err(|source| XtaskError::Json { path, source })?;
        differences.extend(Comparison::of(table, &schema, &shared));
    }
    Ok(differences)
}

/// Kafka's schemas are JSON with whole lines of `//` comments.
fn parse(text: &str) -> Result<Schema, serde_json::Error> {
    let json: Vec<_> = text.lines().filter(|line| !line.trim_start().starts_with("//")).collect();
    serde_json::from_str(&json.join("\n"))
}

fn named_parts(table: &Table) -> impl Iterator<Item = (&str, &[Row])> {
    table.parts.iter().filter_map(|rows| rows.first().map(|row| (row.part.as_str(), rows.as_slice())))
}

struct Comparison<'a> {
    schema: &'a Schema,
    /// The name of the message's API.
    api: &'a str,
    own: BTreeMap<&'a str, &'a [Row]>,
    /// The structs of every message: two messages may share one, which then stands behind the first.
    shared: &'a BTreeMap<&'a str, &'a [Row]>,
    differences: Vec<Difference>,
}

impl<'a> Comparison<'a> {
    fn of(table: &'a Table, schema: &'a Schema, shared: &'a BTreeMap<&'a str, &'a [Row]>) -> Vec<Difference> {
        let message = table.message.as_str();
        let api = message.strip_suffix("Request").or_else(|| message.strip_suffix("Response"));
        let own = named_parts(table).collect();
        let mut this = Self { schema, api: api.unwrap_or(message), own, shared, differences: Vec::new() };
        this.header(table);
        this.part(&table.message, &schema.fields, table.versions);
        this.differences
    }

    fn differs(&mut self, part: &str, field: &str, what: String) {
        self.differences.push(Difference { part: part.to_owned(), field: field.to_owned(), what });
    }

    fn expect<T: PartialEq + std::fmt::Debug>(
        &mut self,
        (part, field): (&str, &str),
        what: &str,
        ours: T,
        theirs: T,
    ) {
        if ours != theirs {
            self.differs(part, field, format!("{what} is {ours:?}, the schema says {theirs:?}"));
        }
    }

    fn header(&mut self, table: &Table) {
        let at = (table.message.as_str(), "");
        self.expect(at, "api key", Some(table.api_key), self.schema.api_key);
        let valid = Span::parse(&self.schema.valid_versions).unwrap_or(Span { min: 0, max: -1 });
        if table.versions.min > valid.min {
            self.differs(
                at.0,
                "",
                format!("versions start at {}, the schema's at {}", table.versions.min, valid.min),
            );
        }
        let stable = valid.max - i16::from(self.schema.latest_version_unstable);
        if table.versions.max != valid.max && table.versions.max != stable {
            self.differs(
                at.0,
                "",
                format!("versions end at {}, the schema's at {}", table.versions.max, valid.max),
            );
        }
        let flexible = self.schema.flexible_versions.as_deref().and_then(Span::parse);
        let flexible = flexible.filter(|span| span.min <= span.max).map(|span| span.min);
        self.expect(at, "first flexible version", table.flexible_from, flexible);
        for row in table.parts.iter().flatten().filter(|row| row.gone && row.versions.max >= valid.min) {
            self.differs(
                &row.part,
                &row.field,
                format!("`gone` in versions {}, which the schema has", row.versions),
            );
        }
    }

    /// Compares one struct, which occurs in the versions `within`, and the structs in it.
    fn part(&mut self, part: &str, fields: &'a [SchemaField], within: Span) {
        let own = self.own.get(part).or_else(|| self.own.get(format!("{}{part}", self.api).as_str()));
        let is_own = own.is_some();
        let Some(rows) = own.or_else(|| self.shared.get(part)).copied() else {
            self.differs(part, "", format!("no struct {part}, which the schema has"));
            return;
        };
        let rows: Vec<_> = rows.iter().filter(|row| !row.gone).collect();
        for row in &rows {
            if !fields.iter().any(|field| field.name == row.schema_name()) {
                self.differs(part, &row.field, format!("the schema has no field {}", row.schema_name()));
            }
        }
        let mut order = Vec::new();
        for field in fields {
            let Some(index) = rows.iter().position(|row| row.schema_name() == field.name) else {
                self.differs(part, "", format!("no field {}, which the schema has", field.name));
                continue;
            };
            if field.tag.is_none() {
                order.push(index);
            }
            self.field(rows[index], field, if is_own { Span { min: 0, max: i16::MAX } } else { within });
            let versions = Span::parse(&field.versions).unwrap_or(within);
            if let Some((name, fields)) = self.struct_of(field) {
                self.part(name, fields, within.and(versions));
            }
        }
        if !order.is_sorted() {
            self.differs(part, "", "the fields stand in another order than in the schema".to_owned());
        }
    }

    /// The struct that a field holds, or holds an array of.
    fn struct_of(&self, field: &'a SchemaField) -> Option<(&'a str, &'a [SchemaField])> {
        let name = field.kind.strip_prefix("[]").unwrap_or(&field.kind);
        if !field.fields.is_empty() {
            return Some((name, &field.fields));
        }
        let common = self.schema.common_structs.iter().find(|common| common.name == name)?;
        Some((&common.name, &common.fields))
    }

    /// Compares one field, in the versions `within`: all for a struct of this message, those in which this message
    /// has it for a struct it shares.
    fn field(&mut self, row: &Row, field: &SchemaField, within: Span) {
        let at = (row.part.as_str(), row.field.as_str());
        let span = |text: &Option<String>| text.as_deref().and_then(Span::parse);
        let versions = Span::parse(&field.versions).unwrap_or(within);
        self.expect(at, "versions", row.versions.and(within).to_string(), versions.and(within).to_string());
        // What may be null only where the field is not, may not be null.
        let within_field = |span: Span| span.and(versions).and(within).to_string();
        let ours = row.nullable_from.map(|min| within_field(Span { min, max: i16::MAX }));
        self.expect(at, "nullable versions", ours, span(&field.nullable_versions).map(within_field));
        self.expect(at, "tag", row.tag, field.tag);
        let tagged = span(&field.tagged_versions);
        if tagged.is_some_and(|tagged| tagged.and(within) != versions.and(within)) {
            self.differs(
                at.0,
                at.1,
                "the schema has it tagged in some versions only, which no row can say".to_owned(),
            );
        }
        if field.flexible_versions.is_some() {
            self.differs(
                at.0,
                at.1,
                "the schema gives it flexible versions of its own, which no row can say".to_owned(),
            );
        }
        self.expect(at, "ignorable", row.ignorable, field.ignorable);
        let (ours, theirs) = (without_blanks(&row.rust_type), rust_types(field));
        if !theirs.contains(&ours) && !theirs.contains(&ours.replace(self.api, "")) {
            self.differs(
                at.0,
                at.1,
                format!("type is {ours}, the schema's {} is {}", field.kind, theirs.join(" or ")),
            );
        }
        let (ours, theirs) = (row_default(row), schema_defaults(field));
        if !theirs.contains(&ours) {
            self.differs(at.0, at.1, format!("default is {ours:?}, the schema says {}", theirs.join(" or ")));
        }
    }
}

fn camel_case(snake: &str) -> String {
    let mut out = String::new();
    for word in snake.split('_') {
        let mut letters = word.chars();
        out.extend(letters.next().map(|first| first.to_ascii_uppercase()));
        out.push_str(letters.as_str());
    }
    out
}

fn without_blanks(text: &str) -> String {
    text.split_whitespace().collect()
}

/// The Rust types that a field of the schema may have.
fn rust_types(field: &SchemaField) -> Vec<String> {
    let (element, is_array) = match field.kind.strip_prefix("[]") {
        Some(element) => (element, true),
        None => (field.kind.as_str(), false),
    };
    let plain: Vec<&str> = match element {
        "bool" => vec!["bool"],
        "int8" => vec!["i8"],
        "int16" if field.name.ends_with("ErrorCode") => vec!["ErrorCode"],
        "int16" => vec!["i16"],
        "uint16" => vec!["u16"],
        "int32" => vec!["i32"],
        "int64" => vec!["i64"],
        "float64" => vec!["f64"],
        "string" => vec!["KafkaString"],
        "bytes" => vec!["Bytes"],
        "records" => vec!["Records"],
        "uuid" => vec!["TopicId", "Uuid"],
        name => vec![name],
    };
    let array = |name: &str| if is_array { format!("Vec<{name}>") } else { name.to_owned() };
    let nullable =
        |name: String| if field.nullable_versions.is_some() { format!("Option<{name}>") } else { name };
    plain.into_iter().map(|name| nullable(array(name))).collect()
}

/// A row's default as the schemas write it.
fn row_default(row: &Row) -> String {
    let text = without_blanks(&row.default);
    let kind = without_blanks(&row.rust_type);
    match text.as_str() {
        "" if kind.starts_with("Option<") => "null".to_owned(),
        "" => zero(&kind).to_owned(),
        "None" => "null".to_owned(),
        "i32::MAX" => i32::MAX.to_string(),
        "i32::MIN" => i32::MIN.to_string(),
        "i64::MAX" => i64::MAX.to_string(),
        "i64::MIN" => i64::MIN.to_string(),
        _ => text.replace('_', ""),
    }
}

/// The defaults that a field of the schema may have.
fn schema_defaults(field: &SchemaField) -> Vec<String> {
    match &field.default {
        Some(Value::String(text)) => match text.strip_prefix("0x").map(|hex| i64::from_str_radix(hex, 16)) {
            Some(Ok(number)) => vec![number.to_string()],
            _ => vec![text.clone()],
        },
        Some(other) => vec![other.to_string()],
        // Java's is empty there. Outside the tagged section that never shows on the wire, so null may stand too.
        None if field.nullable_versions.is_some() && field.tag.is_none() => {
            vec!["null".to_owned(), String::new()]
        }
        None => rust_types(field).iter().map(|kind| zero(kind).to_owned()).collect(),
    }
}

/// What a type is by itself: 0, false, or empty.
fn zero(kind: &str) -> &'static str {
    match kind {
        "bool" => "false",
        "i8" | "i16" | "u16" | "i32" | "i64" | "f64" | "ErrorCode" => "0",
        _ => "",
    }
}

#[cfg(test)]
#[path = "schema_tests.rs"]
mod tests;
