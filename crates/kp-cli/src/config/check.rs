//! `kp config check FILE`: every key of a file at once, and what to do about each.
//! Owns: the words around a verdict, and the exit code. Never: a verdict, the value of a password.

use std::{fmt::Write as _, io::Write as _, path::Path};

use kp_producer::{
    Producer,
    config::{Dialect, Examined, ExaminedKey, Verdict},
};
use kp_protocol::text::shown;
use serde_json::{Value, json};

use super::stores::{self, Stores};
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
    let checked = Checked::of(examined);
    let text = if output.json { format!("{}\n", checked.to_json()) } else { checked.to_text() };
    match std::io::stdout().write_all(text.as_bytes()) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => {
            Err(Failure::failed(format!("stdout: {error}")))
        }
        _ => Ok(u8::from(!checked.is_good())),
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

fn name(dialect: Dialect) -> &'static str {
    match dialect {
        Dialect::Librdkafka => "librdkafka",
        Dialect::Spring => "Spring",
        _ => "Java",
    }
}

/// A file, its keys, and what only a look beyond it tells.
struct Checked {
    examined: Examined,
    /// Why no producer can be built, although each key is right: a file that is named, or what this build lacks.
    problem: Option<String>,
    stores: Stores,
}

impl Checked {
    fn of(examined: Examined) -> Self {
        let builder = Producer::builder(examined.config().clone());
        let problem = builder.network(|_| {}).err().filter(|_| examined.is_accepted());
        let stores = stores::of(examined.config());
        Self { examined, problem: problem.map(|error| error.to_string()), stores }
    }

    fn can_be_built(&self) -> bool {
        self.examined.is_accepted() && self.problem.is_none()
    }

    fn is_good(&self) -> bool {
        let keys = self.examined.keys();
        self.can_be_built() && self.stores.is_good() && keys.iter().all(|key| Told::of(key).is_good)
    }

    fn to_text(&self) -> String {
        let written = |key: &ExaminedKey| shown(key.written()).to_string();
        let keys = self.examined.keys();
        let width = keys.iter().map(|key| written(key).chars().count().min(48)).max().unwrap_or(0);
        let mut text = String::new();
        // Writing to a String cannot fail.
        for key in keys {
            let told = Told::of(key);
            let line = format!("{:4}  {:width$}  {:10}  {}", key.line(), written(key), told.word, told.text);
            let _ = writeln!(text, "{}", line.trim_end());
        }
        for problem in self.examined.missing().iter().chain(&self.problem) {
            let _ = writeln!(text, "   -  refused: {problem}");
        }
        for remark in self.examined.remarks() {
            let _ = writeln!(text, "   -  {remark}");
        }
        text += &self.stores.to_text();
        let _ = writeln!(text, "{}", self.conclusion());
        text
    }

    /// How many keys there are of each, and what follows.
    fn conclusion(&self) -> String {
        let words = ["works", "ignored", "unknown", "overridden", "open", "rename", "refused"];
        let count = |word| self.examined.keys().iter().filter(|key| Told::of(key).word == word).count();
        let counted: Vec<String> = words
            .into_iter()
            .map(|word| (count(word), word))
            .filter(|(count, _)| *count > 0)
            .map(|(count, word)| format!("{count} {word}"))
            .collect();
        let follows = match (self.can_be_built(), self.is_good()) {
            (true, true) => "a producer takes this file",
            (true, false) => "a producer takes this file once the above is changed",
            (false, _) => "no producer can be built with this file",
        };
        let counted = if counted.is_empty() { "no key".to_owned() } else { counted.join(", ") };
        format!("{counted}: {follows}")
    }

    fn to_json(&self) -> Value {
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
            "accepted": self.examined.is_accepted(),
            "good": self.is_good(),
            "keys": self.examined.keys().iter().map(key).collect::<Vec<_>>(),
            "missing": self.examined.missing(),
            "problem": self.problem,
            "remarks": self.examined.remarks().iter().map(remark).collect::<Vec<_>>(),
            "stores": self.stores.to_json(),
        })
    }
}
