//! `kp config check FILE`: every key of a file at once, and what to do about each.
//! Owns: the words around a verdict, and the exit code. Never: a verdict, the value of a password.

use std::{fmt::Write as _, io::Write as _, path::Path};

use kp_producer::config::{Dialect, Examined, ExaminedKey, Verdict};
use kp_protocol::text::shown;
use serde_json::{Value, json};

use crate::{Failure, args::OutputArgs};

/// # Errors
/// A file that cannot be read, or is no `.properties` file, is wrong usage. What is wrong in it is exit code 1.
pub(super) fn run(file: &Path, output: &OutputArgs) -> Result<u8, Failure> {
    if file.extension().is_some_and(|name| name == "yml" || name == "yaml") {
        return Err(Failure::usage(format!(
            "{}: YAML is not read: write the keys as a .properties file, spring.kafka.producer.acks=all",
            file.display()
        )));
    }
    let examined = Examined::of_properties_file(file).map_err(Failure::usage)?;
    let text = if output.json { format!("{}\n", as_json(&examined)) } else { as_text(&examined) };
    match std::io::stdout().write_all(text.as_bytes()) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => {
            Err(Failure::failed(format!("stdout: {error}")))
        }
        _ => Ok(u8::from(!is_good(&examined))),
    }
}

/// What has become of a key, in a word, and what there is to know or to do.
struct Told {
    word: &'static str,
    text: String,
    /// Nothing has to be changed for a producer to do what the line says.
    is_good: bool,
}

impl Told {
    fn of(key: &ExaminedKey) -> Self {
        let told = |word, text, is_good| Self { word, text, is_good };
        match (key.verdict(), key.dialect()) {
            (Verdict::Refused { problems }, _) => told("refused", problems.join("; "), false),
            (Verdict::Ignored { because }, _) => told("ignored", because.clone(), true),
            (Verdict::NotJudged { because }, _) => told("open", because.clone(), true),
            (Verdict::Overridden { by_line }, _) => {
                told("overridden", format!("line {by_line} says the same key, and counts"), true)
            }
            (Verdict::Unknown { nearest }, _) => match nearest {
                Some(nearest) => told("unknown", format!("ignored; did you mean {nearest}?"), true),
                None => told(
                    "unknown",
                    "ignored; is it for another client? `kp config` lists all".to_owned(),
                    true,
                ),
            },
            (Verdict::Works { remarks }, Dialect::Java) => {
                let remarks: Vec<String> = remarks.iter().map(ToString::to_string).collect();
                told("works", remarks.join("; "), true)
            }
            (_, dialect) => {
                let java = key.key().unwrap_or_default();
                told("rename", format!("{}'s name: a producer of kp's reads {java}", name(dialect)), false)
            }
        }
    }
}

fn is_good(examined: &Examined) -> bool {
    examined.is_accepted() && examined.keys().iter().all(|key| Told::of(key).is_good)
}

fn name(dialect: Dialect) -> &'static str {
    match dialect {
        Dialect::Librdkafka => "librdkafka",
        Dialect::Spring => "Spring",
        _ => "Java",
    }
}

fn as_text(examined: &Examined) -> String {
    let written = |key: &ExaminedKey| shown(key.written()).to_string();
    let width = examined.keys().iter().map(|key| written(key).chars().count().min(48)).max().unwrap_or(0);
    let mut text = String::new();
    // Writing to a String cannot fail.
    for key in examined.keys() {
        let told = Told::of(key);
        let line = format!("{:4}  {:width$}  {:10}  {}", key.line(), written(key), told.word, told.text);
        let _ = writeln!(text, "{}", line.trim_end());
    }
    for problem in examined.missing() {
        let _ = writeln!(text, "   -  refused: {problem}");
    }
    for remark in examined.remarks() {
        let _ = writeln!(text, "   -  {remark}");
    }
    let _ = writeln!(text, "{}", conclusion(examined));
    text
}

/// How many there are of each, and what follows.
fn conclusion(examined: &Examined) -> String {
    let count = |word| examined.keys().iter().filter(|key| Told::of(key).word == word).count();
    let counted: Vec<String> = ["works", "ignored", "unknown", "overridden", "open", "rename", "refused"]
        .into_iter()
        .filter_map(|word| Some(format!("{} {word}", Some(count(word)).filter(|count| *count > 0)?)))
        .collect();
    let follows = match (examined.is_accepted(), is_good(examined)) {
        (true, true) => "a producer takes this file",
        (true, false) => "a producer takes this file once the keys are renamed",
        (false, _) => "no producer can be built with this file",
    };
    let counted = if counted.is_empty() { "no key".to_owned() } else { counted.join(", ") };
    format!("{counted}: {follows}")
}

fn as_json(examined: &Examined) -> Value {
    let key = |key: &ExaminedKey| {
        let told = Told::of(key);
        let nearest = match key.verdict() {
            Verdict::Unknown { nearest } => *nearest,
            _ => None,
        };
        json!({
            "line": key.line(), "written": key.written(), "names_of": name(key.dialect()), "key": key.key(),
            "verdict": told.word, "text": told.text, "nearest": nearest,
        })
    };
    let remark =
        |remark: &kp_producer::ConfigWarning| json!({"key": remark.key(), "text": remark.to_string()});
    json!({
        "accepted": examined.is_accepted(),
        "good": is_good(examined),
        "keys": examined.keys().iter().map(key).collect::<Vec<_>>(),
        "missing": examined.missing(),
        "remarks": examined.remarks().iter().map(remark).collect::<Vec<_>>(),
    })
}
