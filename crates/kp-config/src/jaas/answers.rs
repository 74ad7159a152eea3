//! Nine hundred lines, and what Java's client reads in each (`testdata/jaas-answers.txt`).

#[path = "../../tests/java_answers/unescaped.rs"]
mod unescaped;

use std::collections::BTreeMap;

use super::JaasEntry;
use unescaped::unescaped;

const ANSWERS: &str = include_str!("../../testdata/jaas-answers.txt");

/// Module and options; `None` if the line is refused.
type Read = Option<(String, BTreeMap<String, String>)>;

fn javas(answer: &[&str]) -> Read {
    let [module, _flag, options @ ..] = answer else { return None };
    let options = options.iter().map(|option| {
        let (key, value) = option.split_once('=').expect("a key and a value");
        (unescaped(key), unescaped(value))
    });
    Some((unescaped(module), options.collect()))
}

fn kps(line: &str) -> Read {
    let entry = JaasEntry::parse(line).ok()?;
    let options = entry
        .options()
        .map(|(key, value)| (key.to_owned(), value.expose_text().expect("it was text").to_owned()));
    Some((entry.module().to_owned(), options.collect()))
}

// A7, U15
#[test]
fn every_line_is_read_as_java_reads_it() {
    let mut differ = Vec::new();
    let mut rows = 0;
    for row in ANSWERS.lines().filter(|row| !row.starts_with('#')) {
        rows += 1;
        let columns: Vec<&str> = row.split('\t').collect();
        let (line, answer) = (unescaped(columns[0]), &columns[1..]);
        let (java, kp) = (javas(answer), kps(&line));
        // Java takes an option whose name is none, and two modules that it then refuses by name: kp refuses both later or now.
        let nameless = answer.iter().any(|column| column.starts_with("~="));
        let forbidden = line.contains("JndiLoginModule") || line.contains("LdapLoginModule");
        if java != kp && !nameless && !forbidden {
            differ.push(format!("{row}\n    kp: {kp:?}"));
        }
    }
    assert_eq!(rows, 900);
    assert!(differ.is_empty(), "{} differ:\n{}", differ.len(), differ.join("\n"));
}

#[test]
fn no_error_repeats_a_word_of_the_line() {
    for line in [
        "hunter2",
        "hunter2;",
        "a hunter2;",
        "a required hunter2;",
        "a required hunter2=;",
        "a required b='c'hunter2;",
        "a required b=c; hunter2",
        "a required b=\"hunter2",
    ] {
        let error = JaasEntry::parse(line).err().unwrap_or_else(|| panic!("{line} is no entry"));
        assert!(!error.contains("hunter2"), "{error}");
    }
}

#[test]
fn an_error_says_where_the_line_is_wrong() {
    let error = |line| JaasEntry::parse(line).err().unwrap_or_default();
    assert!(error("a required b=c d=7;").contains("at character 16"), "{}", error("a required b=c d=7;"));
    assert!(error("a required b=c; d required;").contains("at character 17"));
    assert!(error("a required b=\"c;").contains("semicolon"));
}
