//! Prints, as one JSON object, what `cargo xtask docs` and `cargo xtask tidy` take from the crates' own tables.
//!
//! A program of its own, so that `cargo xtask` itself needs none of the crates: real brokers can be started, and
//! tests run, while a crate does not compile.
#![forbid(unsafe_code)]
#![allow(clippy::print_stdout, reason = "its answer goes to standard output")]

use kp_protocol::{SchemaRow, SchemaTable, VersionRange};
use serde_json::{Value, json};

fn main() {
    let wire: Vec<Value> = kp_protocol::api::SCHEMA_TABLES.iter().map(table).collect();
    let (configuration, metrics) =
        (kp_producer::config::render_markdown(), kp_producer::metrics::render_markdown());
    println!("{}", json!({ "wire": wire, "configuration": configuration, "metrics": metrics }));
}

fn table(table: &SchemaTable) -> Value {
    let parts: Vec<Vec<Value>> = table.parts.iter().map(|rows| rows.iter().map(row).collect()).collect();
    json!({
        "message": table.message,
        "api_key": table.api as i16,
        "versions": span(table.versions),
        "flexible_from": table.flexible_from,
        "parts": parts,
    })
}

fn row(row: &SchemaRow) -> Value {
    json!({
        "part": row.part,
        "field": row.field,
        "json_name": row.json_name,
        "rust_type": row.rust_type,
        "default": row.default,
        "versions": span(row.versions),
        "nullable_from": row.nullable_from,
        "tag": row.tag,
        "ignorable": row.ignorable,
        "gone": row.gone,
    })
}

fn span(versions: VersionRange) -> Value {
    json!({ "min": versions.min, "max": versions.max })
}
