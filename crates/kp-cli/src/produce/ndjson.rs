//! A line of JSON to a record: `{"key": …, "value": …, "headers": …, "partition": 0, "timestamp": 0}`.
//! Text stands for its UTF-8 bytes, null for no bytes, any other JSON for itself as it is written; bytes that are no
//! text come as `key_base64` and `value_base64`. What `kp read --json` prints can be sent again.

use std::{borrow::Cow, fmt};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde::{
    Deserialize, Deserializer,
    de::{IgnoredAny, MapAccess, SeqAccess, Visitor},
};
use serde_json::value::RawValue;

use super::input_record::{Header, InputRecord};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Row<'a> {
    #[serde(borrow, default, deserialize_with = "present")]
    key: Option<&'a RawValue>,
    #[serde(borrow, default)]
    key_base64: Option<Cow<'a, str>>,
    #[serde(borrow, default, deserialize_with = "present")]
    value: Option<&'a RawValue>,
    #[serde(borrow, default)]
    value_base64: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    headers: Headers<'a>,
    partition: Option<i32>,
    timestamp: Option<i64>,
    // Where the record was read from says nothing about where it goes.
    #[serde(rename = "topic", default)]
    _topic: IgnoredAny,
    #[serde(rename = "offset", default)]
    _offset: IgnoredAny,
    #[serde(rename = "transaction", default)]
    _transaction: IgnoredAny,
}

/// A field that is there, null included, is `Some`.
fn present<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<&'de RawValue>, D::Error> {
    <&RawValue>::deserialize(deserializer).map(Some)
}

/// # Errors
/// What is wrong, with the column if serde_json knows one.
pub(crate) fn parse(line: &[u8]) -> Result<InputRecord<'_>, String> {
    // Serde would take an array for the fields in their order.
    match line.trim_ascii_start().first() {
        Some(b'{') => {}
        Some(_) => return Err("not a JSON object; a JSON object is needed in each line".to_owned()),
        None => return Err("not a JSON object; the line is empty, and a JSON object is needed".to_owned()),
    }
    let row: Row<'_> = serde_json::from_slice(line).map_err(|error| explain(&error))?;
    if row.value.is_none() && row.value_base64.is_none() {
        return Err("the field `value` is missing (null makes a tombstone)".to_owned());
    }
    if row.partition.is_some_and(|partition| partition < 0) {
        return Err("`partition` is negative".to_owned());
    }
    if row.timestamp.is_some_and(|timestamp| timestamp < 0) {
        return Err("`timestamp` is negative".to_owned());
    }
    Ok(InputRecord {
        key: bytes("key", row.key, row.key_base64)?,
        value: bytes("value", row.value, row.value_base64)?,
        headers: row.headers.0,
        partition: row.partition,
        timestamp_ms: row.timestamp,
    })
}

/// Without serde's "at line 1", which is a line of its own counting.
fn explain(error: &serde_json::Error) -> String {
    let text = error.to_string();
    match text.rsplit_once(" at line 1 column ") {
        Some((what, column)) => format!("not a JSON object of a record: {what}, at column {column}"),
        None => format!("not a JSON object of a record: {text}"),
    }
}

fn bytes<'a>(
    name: &str,
    plain: Option<&'a RawValue>,
    encoded: Option<Cow<'a, str>>,
) -> Result<Option<Cow<'a, [u8]>>, String> {
    match (plain, encoded) {
        (Some(_), Some(_)) => Err(format!("`{name}` and `{name}_base64` exclude each other")),
        (Some(plain), None) => json_bytes(plain),
        (None, Some(encoded)) => STANDARD
            .decode(encoded.as_bytes())
            .map(|bytes| Some(Cow::Owned(bytes)))
            .map_err(|error| format!("`{name}_base64`: {error}")),
        (None, None) => Ok(None),
    }
}

/// Text as its bytes, null as nothing, everything else as it is written.
fn json_bytes(raw: &RawValue) -> Result<Option<Cow<'_, [u8]>>, String> {
    let json = raw.get();
    if json == "null" {
        return Ok(None);
    }
    if !json.starts_with('"') {
        return Ok(Some(Cow::Borrowed(json.as_bytes())));
    }
    // Most text has no escape: then it is borrowed.
    let inside = &json[1..json.len() - 1];
    if !inside.contains('\\') {
        return Ok(Some(Cow::Borrowed(inside.as_bytes())));
    }
    serde_json::from_str::<String>(json)
        .map(|text| Some(Cow::Owned(text.into_bytes())))
        .map_err(|error| explain(&error))
}

/// An object, or an array of pairs (which can say a name twice); order is kept in both.
#[derive(Default)]
struct Headers<'a>(Vec<Header<'a>>);

impl<'de: 'a, 'a> Deserialize<'de> for Headers<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(HeadersVisitor)
    }
}

struct HeadersVisitor;

impl<'de> Visitor<'de> for HeadersVisitor {
    type Value = Headers<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("headers as an object, or as an array of [name, value]")
    }

    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(Headers::default())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut headers = Vec::new();
        while let Some((name, value)) = map.next_entry::<String, &'de RawValue>()? {
            headers.push((Cow::Owned(name), json_bytes(value).map_err(serde::de::Error::custom)?));
        }
        Ok(Headers(headers))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
        let mut headers = Vec::new();
        while let Some((name, value)) = seq.next_element::<(String, &'de RawValue)>()? {
            headers.push((Cow::Owned(name), json_bytes(value).map_err(serde::de::Error::custom)?));
        }
        Ok(Headers(headers))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(bytes: &Option<Cow<'_, [u8]>>) -> Option<String> {
        bytes.as_ref().map(|bytes| String::from_utf8_lossy(bytes).into_owned())
    }

    fn error(line: &[u8]) -> String {
        parse(line).unwrap_err()
    }

    #[test]
    fn every_field_finds_its_place() {
        let line =
            br#"{"key":"k","value":"a\n\u00fc","headers":{"b":"1","a":null},"partition":2,"timestamp":7}"#;
        let record = parse(line).unwrap();
        assert_eq!((text(&record.key), text(&record.value)), (Some("k".to_owned()), Some("a\nü".to_owned())));
        assert_eq!((record.partition, record.timestamp_ms), (Some(2), Some(7)));
        let headers: Vec<(&str, Option<String>)> =
            record.headers.iter().map(|(name, value)| (&**name, text(value))).collect();
        assert_eq!(headers, [("b", Some("1".to_owned())), ("a", None)]);
    }

    #[test]
    fn json_that_is_no_text_is_the_value_as_it_is_written() {
        assert_eq!(
            text(&parse(br#"{"value": {"a": [1, 2.50]}}"#).unwrap().value).unwrap(),
            r#"{"a": [1, 2.50]}"#
        );
        assert_eq!(text(&parse(br#"{"key":17,"value":true}"#).unwrap().key).unwrap(), "17");
    }

    #[test]
    fn null_is_no_bytes_and_a_missing_value_is_an_error() {
        let record = parse(br#"{"value":null}"#).unwrap();
        assert_eq!((record.key, record.value), (None, None));
        assert!(error(br#"{"key":"k"}"#).contains("`value` is missing"));
    }

    #[test]
    fn bytes_come_as_base64() {
        assert_eq!(parse(br#"{"value_base64":"/wA="}"#).unwrap().value.as_deref(), Some(&b"\xff\0"[..]));
        assert!(error(br#"{"value_base64":"?"}"#).starts_with("`value_base64`:"));
        assert!(error(br#"{"value":"","value_base64":""}"#).contains("exclude"));
    }

    #[test]
    fn headers_may_repeat_a_name_in_pairs() {
        let record = parse(br#"{"value":"","headers":[["a","1"],["a","2"]]}"#).unwrap();
        assert_eq!(record.headers.len(), 2);
        assert!(error(br#"{"value":"","headers":"a"}"#).contains("array of [name, value]"));
    }

    #[test]
    fn what_read_prints_can_be_sent() {
        let line =
            br#"{"topic":"t","partition":0,"offset":5,"timestamp":1,"key":null,"value":"v","headers":[]}"#;
        assert_eq!(text(&parse(line).unwrap().value).unwrap(), "v");
    }

    #[test]
    fn only_an_object_is_a_record() {
        // An array in the order of the fields among them.
        let array = br#"["k",null,"v",null,{},0,0,null,null]"#;
        for line in [&array[..], b"[1]", b"17", b"\"text\"", b" null", b"true"] {
            assert!(error(line).contains("a JSON object is needed"), "{}", error(line));
        }
        assert!(parse(br#" {"value":"v"}"#).is_ok());
    }

    #[test]
    fn a_bad_line_is_told_with_what_and_where() {
        assert!(error(b"{\"value\":\"x\"").contains("column"), "{}", error(b"{\"value\":\"x\""));
        assert!(error(br#"{"valeu":"x"}"#).contains("valeu"));
        assert!(error(b"").contains("a JSON object is needed"));
        assert!(error(b"{\"value\":\"\xff\"}").contains("not a JSON object"));
        assert!(error(br#"{"value":"","partition":-1}"#).contains("negative"));
        assert!(error(br#"{"value":"","partition":"0"}"#).contains("expected i32"));
    }
}
