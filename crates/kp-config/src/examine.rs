//! A whole `.properties` text, key by key: what works, what is ignored, what is refused, what is unknown.
//! Owns: the verdict on each line, by the checks that a producer makes when it is built, until none is left to fail. Never: a rule of
//! its own, a value in a text that is not in the check's own words.

mod judge;
mod librdkafka;
mod meaning;
mod spelling;
mod spring;

use std::{collections::BTreeMap, fs, path::Path};

pub use spelling::Dialect;

use crate::{ConfigError, ConfigWarning, ProducerConfig, properties, suggest, table::info};
use judge::Judged;
use meaning::Meaning;
use spelling::Spelled;

/// What kp makes of each key of a text, of all of them at once; for a reader who wants to put a file right in one go.
/// [`ProducerConfig::validate`] stops at the first key that is wrong.
///
/// Names of librdkafka (`queue.buffering.max.ms`) and of Spring (`spring.kafka.producer.batch-size`) are looked at as the key of
/// Java's that they stand for. A producer reads Java's names alone; [`ExaminedKey::key`] says which.
///
/// ```
/// use kp_config::{Examined, Verdict};
/// let examined = Examined::of_properties_str("bootstrap.servers=b:9092\nacks=2\nlingr.ms=5\n")?;
/// assert!(!examined.is_accepted());
/// let verdicts: Vec<&Verdict> = examined.keys().iter().map(|key| key.verdict()).collect();
/// assert!(matches!(verdicts[0], Verdict::Works { .. }));
/// assert!(matches!(verdicts[1], Verdict::Refused { .. }));
/// assert!(matches!(verdicts[2], Verdict::Unknown { nearest: Some("linger.ms") }));
/// # Ok::<(), kp_config::ConfigError>(())
/// ```
#[derive(Debug, Clone)]
pub struct Examined {
    keys: Vec<ExaminedKey>,
    missing: Vec<String>,
    remarks: Vec<ConfigWarning>,
    config: ProducerConfig,
}

/// One line of the text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExaminedKey {
    line: usize,
    written: String,
    dialect: Dialect,
    key: Option<String>,
    verdict: Verdict,
}

/// What becomes of a key.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Verdict {
    /// It takes effect; perhaps otherwise than its author thinks.
    Works {
        /// What there is to know about it.
        remarks: Vec<ConfigWarning>,
    },
    /// kp knows it, does nothing with it, and works without.
    Ignored {
        /// Why, and what there is in its place.
        because: String,
    },
    /// With it no producer is built.
    Refused {
        /// What is wrong, and what may stand there. Not empty.
        problems: Vec<String>,
    },
    /// No such key: it is ignored.
    Unknown {
        /// The key that may have been meant.
        nearest: Option<&'static str>,
    },
    /// Another line says the same key, and that one counts.
    Overridden {
        /// The line that counts.
        by_line: usize,
    },
    /// Nothing can be said before something else is put right.
    NotJudged {
        /// What that is.
        because: String,
    },
}

impl ExaminedKey {
    /// The line on which it begins, from 1.
    #[must_use]
    pub fn line(&self) -> usize {
        self.line
    }

    /// The key as it is written there.
    #[must_use]
    pub fn written(&self) -> &str {
        &self.written
    }

    /// Whose name of the key it is.
    #[must_use]
    pub fn dialect(&self) -> Dialect {
        self.dialect
    }

    /// Java's name (or kp's) of what it stands for; `None` if it stands for none.
    #[must_use]
    pub fn key(&self) -> Option<&str> {
        self.key.as_deref()
    }

    /// What becomes of it.
    #[must_use]
    pub fn verdict(&self) -> &Verdict {
        &self.verdict
    }
}

impl Examined {
    /// Looks at the text of a `.properties` file.
    ///
    /// # Errors
    /// The text is not in the syntax of such files. What its keys say is in the answer.
    pub fn of_properties_str(text: &str) -> Result<Self, ConfigError> {
        let mut lines: Vec<Line> = properties::parse(text)?.into_iter().map(Line::new).collect();
        override_earlier(&mut lines);
        Ok(Self::of_lines(lines))
    }

    /// Looks at a `.properties` file (UTF-8, or ASCII with `\uXXXX`).
    ///
    /// # Errors
    /// [`ConfigError::Unreadable`], or as [`of_properties_str`](Self::of_properties_str); each names the file.
    pub fn of_properties_file(path: impl AsRef<Path>) -> Result<Self, ConfigError> {
        let path = path.as_ref();
        let bytes =
            fs::read(path).map_err(|source| ConfigError::Unreadable { path: path.to_owned(), source })?;
        properties::decode(&bytes)
            .and_then(Self::of_properties_str)
            .map_err(|source| ConfigError::InFile { path: path.to_owned(), source: Box::new(source) })
    }

    /// The keys in the order of the text.
    #[must_use]
    pub fn keys(&self) -> &[ExaminedKey] {
        &self.keys
    }

    /// What no key of the text is to blame for: a key that has to be set and is not.
    #[must_use]
    pub fn missing(&self) -> &[String] {
        &self.missing
    }

    /// Warnings about keys that are not in the text: what follows from those that are.
    #[must_use]
    pub fn remarks(&self) -> &[ConfigWarning] {
        &self.remarks
    }

    /// Whether a producer could be built with these keys, by Java's names.
    #[must_use]
    pub fn is_accepted(&self) -> bool {
        let is_refused = |key: &ExaminedKey| matches!(key.verdict, Verdict::Refused { .. });
        self.missing.is_empty() && !self.keys.iter().any(is_refused)
    }

    /// The configuration that the text comes to by Java's names, without the keys that are refused.
    #[must_use]
    pub fn config(&self) -> &ProducerConfig {
        &self.config
    }

    fn of_lines(mut lines: Vec<Line>) -> Self {
        let mut config = ProducerConfig::default();
        let mut refused_values = Vec::new();
        for line in &mut lines {
            if let Some((key, value)) = line.in_force()
                && let Err(error) = config.set(&key, value)
            {
                line.problems.push(error.to_string());
                refused_values.push(key);
            }
        }
        let mut judged = Judged::of(config, &refused_values);
        let keys = lines.into_iter().map(|line| line.judged(&mut judged)).collect();
        let missing = judged.errors.iter().map(ToString::to_string).collect();
        Self { keys, missing, remarks: judged.warnings, config: judged.config }
    }
}

/// A line on the way to its verdict.
struct Line {
    line: usize,
    written: String,
    spelled: Spelled,
    overridden_by: Option<usize>,
    problems: Vec<String>,
}

impl Line {
    fn new(property: properties::Property) -> Self {
        let spelled = Spelled::of(&property.key, &property.value);
        Self {
            line: property.line,
            written: property.key,
            spelled,
            overridden_by: None,
            problems: Vec::new(),
        }
    }

    /// Java's key and the value, if this is the line that counts.
    fn in_force(&self) -> Option<(String, String)> {
        match &self.spelled.meaning {
            Meaning::Key { key, value } if self.overridden_by.is_none() => {
                Some((key.clone(), value.expose_text().unwrap_or_default().to_owned()))
            }
            _ => None,
        }
    }

    /// Takes what is said about its key out of what was judged.
    fn judged(mut self, judged: &mut Judged) -> ExaminedKey {
        let (key, verdict) = match self.spelled.meaning {
            Meaning::Without(because) => (None, Verdict::Ignored { because: because.to_owned() }),
            Meaning::Refused(problem) => (None, Verdict::Refused { problems: vec![problem] }),
            Meaning::Key { key, .. } => {
                let verdict = match self.overridden_by {
                    Some(by_line) => Verdict::Overridden { by_line },
                    None => {
                        self.problems.extend(judged.take_errors(&key).iter().map(ToString::to_string));
                        verdict(self.problems, judged, &key)
                    }
                };
                (Some(key).filter(|key| info(key).is_some()), verdict)
            }
        };
        ExaminedKey { line: self.line, written: self.written, dialect: self.spelled.dialect, key, verdict }
    }
}

fn verdict(problems: Vec<String>, judged: &mut Judged, key: &str) -> Verdict {
    if !problems.is_empty() {
        return Verdict::Refused { problems };
    }
    if let Some(because) = judged.why_not_judged(key) {
        return Verdict::NotJudged { because };
    }
    let remarks = judged.take_warnings(key);
    let ignored = remarks.iter().find_map(|warning| match warning {
        ConfigWarning::UnknownKey { .. } => Some(Verdict::Unknown { nearest: suggest::nearest_key(key) }),
        ConfigWarning::NotImplemented { note, .. } => Some(Verdict::Ignored { because: (*note).to_owned() }),
        ConfigWarning::JvmOnly { offers, .. } => {
            Some(Verdict::Ignored { because: format!("only a JVM can use it: {offers}") })
        }
        ConfigWarning::Gone { replaced_by, .. } => {
            Some(Verdict::Ignored { because: format!("a key of older clients: {replaced_by}") })
        }
        ConfigWarning::NoEffect { because, .. } => Some(Verdict::Ignored { because: (*because).to_owned() }),
        _ => None,
    });
    ignored.unwrap_or(Verdict::Works { remarks })
}

/// Of several lines for one key of Java's, the last counts; of Spring's, the one that is more of the producer.
fn override_earlier(lines: &mut [Line]) {
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    for at in 0..lines.len() {
        let Some((key, _)) = lines[at].in_force() else { continue };
        match counts.get(&key).copied() {
            Some(other) if lines[other].spelled.rank > lines[at].spelled.rank => {
                lines[at].overridden_by = Some(lines[other].line);
            }
            other => {
                if let Some(other) = other {
                    lines[other].overridden_by = Some(lines[at].line);
                }
                counts.insert(key, at);
            }
        }
    }
}
