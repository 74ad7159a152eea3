//! The comparer sees every kind of difference, and nothing where there is none.

use super::*;

const SCHEMA: &str = r#"
// A comment line.
{
  "apiKey": 77, "type": "response", "name": "ProbeResponse",
  // Another.
  "validVersions": "2-4", "flexibleVersions": "3+",
  "fields": [
    { "name": "ThrottleTimeMs", "type": "int32", "versions": "2+", "ignorable": true },
    { "name": "ErrorCode", "type": "int16", "versions": "0+" },
    { "name": "nodes", "type": "[]Node", "versions": "0+", "fields": [
      { "name": "Host", "type": "string", "versions": "0+", "nullableVersions": "3+", "default": "null" },
      { "name": "MaxBytes", "type": "int32", "versions": "4+", "default": "0x7fffffff", "taggedVersions": "4+", "tag": 1 }
    ]}
  ]
}"#;

fn row(part: &str, field: &str, rust_type: &str, versions: (i16, i16)) -> Row {
    Row {
        part: part.to_owned(),
        field: field.to_owned(),
        json_name: String::new(),
        rust_type: rust_type.to_owned(),
        default: String::new(),
        versions: Span { min: versions.0, max: versions.1 },
        nullable_from: None,
        tag: None,
        ignorable: false,
        gone: false,
    }
}

fn table() -> Table {
    let all = (0, i16::MAX);
    Table {
        message: "ProbeResponse".to_owned(),
        api_key: 77,
        versions: Span { min: 0, max: 4 },
        flexible_from: Some(3),
        parts: vec![
            vec![
                Row { ignorable: true, ..row("ProbeResponse", "throttle_time_ms", "i32", (2, i16::MAX)) },
                row("ProbeResponse", "error_code", "ErrorCode", all),
                Row { gone: true, ..row("ProbeResponse", "old_hint", "i32", (0, 1)) },
                Row { json_name: "nodes".to_owned(), ..row("ProbeResponse", "nodes", "Vec < Node >", all) },
            ],
            vec![
                Row { nullable_from: Some(3), ..row("Node", "host", "Option<KafkaString>", all) },
                Row {
                    default: "i32::MAX".to_owned(),
                    tag: Some(1),
                    ..row("Node", "max_bytes", "i32", (4, i16::MAX))
                },
            ],
        ],
    }
}

fn differences(table: &Table) -> Vec<String> {
    let shared: BTreeMap<&str, &[Row]> = named_parts(table).collect();
    let found = Comparison::of(table, &parse(SCHEMA).unwrap(), &shared);
    found.into_iter().map(|one| format!("{}.{}: {}", one.part, one.field, one.what)).collect()
}

#[test]
fn a_table_that_says_what_the_schema_says_has_no_differences() {
    assert_eq!(differences(&table()), Vec::<String>::new());
}

#[test]
fn each_changed_cell_is_one_difference() {
    type Change = fn(&mut Table);
    let changes: &[(&str, Change)] = &[
        ("ProbeResponse.: api key", |t| t.api_key = 78),
        ("ProbeResponse.: versions end", |t| t.versions.max = 5),
        ("ProbeResponse.: versions start", |t| t.versions.min = 3),
        ("ProbeResponse.: first flexible", |t| t.flexible_from = Some(2)),
        ("ProbeResponse.throttle_time_ms: versions", |t| t.parts[0][0].versions.min = 1),
        ("ProbeResponse.throttle_time_ms: ignorable", |t| t.parts[0][0].ignorable = false),
        ("ProbeResponse.error_code: type", |t| t.parts[0][1].rust_type = "i32".to_owned()),
        ("ProbeResponse.old_hint: `gone`", |t| t.parts[0][2].versions.max = 2),
        ("Node.host: nullable", |t| t.parts[1][0].nullable_from = Some(2)),
        ("Node.max_bytes: tag", |t| t.parts[1][1].tag = Some(2)),
        ("Node.max_bytes: default", |t| t.parts[1][1].default = "0".to_owned()),
        ("ProbeResponse.: the fields stand in another order", |t| t.parts[0].swap(0, 1)),
        ("Node.: no field MaxBytes", |t| drop(t.parts[1].pop())),
        ("Node.: no struct Node", |t| drop(t.parts.pop())),
    ];
    for (expected, change) in changes {
        let mut table = table();
        change(&mut table);
        let found = differences(&table);
        assert!(found.len() == 1 && found[0].starts_with(expected), "{expected}: {found:?}");
    }
}

#[test]
fn null_counts_only_in_the_versions_that_have_the_field() {
    let schema = SCHEMA.replace(
        r#""type": "string", "versions": "0+", "nullableVersions": "3+""#,
        r#""type": "string", "versions": "0-3", "nullableVersions": "3""#,
    );
    let mut table = table();
    table.parts[1][0].versions.max = 3;
    let shared: BTreeMap<&str, &[Row]> = named_parts(&table).collect();
    assert_eq!(Comparison::of(&table, &parse(&schema).unwrap(), &shared), Vec::new());
}

#[test]
fn a_row_too_many_is_a_difference() {
    let mut table = table();
    table.parts[1].push(row("Node", "rack", "KafkaString", (0, i16::MAX)));
    assert_eq!(differences(&table), ["Node.rack: the schema has no field Rack"]);
}

#[test]
fn a_struct_shared_with_an_older_message_is_compared_in_the_versions_of_this_one() {
    let mut older = table();
    let mut parts = std::mem::take(&mut older.parts);
    let mut node = parts.pop().unwrap();
    node[1].versions.min = 0; // the other message has had it for longer
    let newer = Table { parts, ..older };
    let schema =
        SCHEMA.replace(r#""type": "[]Node", "versions": "0+""#, r#""type": "[]Node", "versions": "4+""#);
    let mut table = newer.clone();
    table.parts[0][3].versions.min = 4;
    let shared: BTreeMap<&str, &[Row]> = [("Node", node.as_slice())].into();
    let mut relaxed = node.clone();
    relaxed[0].nullable_from = Some(0);
    let also: BTreeMap<&str, &[Row]> = [("Node", relaxed.as_slice())].into();
    for parts in [&shared, &also] {
        assert_eq!(Comparison::of(&table, &parse(&schema).unwrap(), parts), Vec::new());
    }
}

#[test]
fn a_struct_may_have_the_name_of_the_api_before_that_of_the_schema() {
    let mut table = table();
    table.parts[0][3].rust_type = "Vec<ProbeNode>".to_owned();
    table.parts[1].iter_mut().for_each(|row| row.part = "ProbeNode".to_owned());
    assert_eq!(differences(&table), Vec::<String>::new());
    table.parts[0][3].rust_type = "Vec<OtherNode>".to_owned();
    let found = differences(&table);
    assert!(found.len() == 1 && found[0].starts_with("ProbeResponse.nodes: type"), "{found:?}");
}

#[test]
fn every_schema_file_can_be_read() {
    let dir = crate::workspace::root().join("xtask/schemas");
    let mut count = 0;
    for entry in std::fs::read_dir(&dir).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "json") {
            parse(&std::fs::read_to_string(&path).unwrap())
                .unwrap_or_else(|e| panic!("{}: {e}", path.display()));
            count += 1;
        }
    }
    assert_eq!(count, 50);
}
