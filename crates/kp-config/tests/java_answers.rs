//! Thirteen thousand configurations, and what Java's producer makes of each (`testdata/java-answers.txt`; the program
//! that asked it is `xtask/java/ConfigAnswers.java`). kp makes the same of them; what it does otherwise on purpose is
//! [`DIFFERENCES`].

#[path = "java_answers/unescaped.rs"]
mod unescaped;

use kp_config::{ConfigError, KEYS, KeyInfo, KeyType, ProducerConfig, State};
use unescaped::unescaped;

const ANSWERS: &str = include_str!("../testdata/java-answers.txt");

/// What became of a configuration.
#[derive(Debug, PartialEq)]
enum Answer {
    Refused,
    /// The value of the first key, as it would stand in a file; `None` if it has none.
    Taken(Option<String>),
    /// kp only: the value is good, and kp says that it cannot do what it asks for.
    NotImplemented,
}

/// A configuration, and both answers.
struct Case {
    pairs: Vec<(&'static str, String)>,
    java: Answer,
    kp: Answer,
    /// kp's error, for the report.
    said: String,
}

impl Case {
    fn new(pairs: Vec<(&'static str, String)>, answer: &str) -> Self {
        let java = match answer.split_at_checked(1) {
            Some(("-", "")) => Answer::Refused,
            Some(("~", "")) => Answer::Taken(None),
            Some(("=", "")) => Answer::Taken(Some(java_trimmed(&pairs[0].1).to_owned())),
            Some((":", text)) => Answer::Taken(Some(unescaped(text))),
            _ => panic!("no answer: {answer:?}"),
        };
        let (kp, said) = match asked(&pairs) {
            Ok(value) => (Answer::Taken(value), String::new()),
            Err(error @ ConfigError::NotImplemented { .. }) => (Answer::NotImplemented, error.to_string()),
            Err(error) => (Answer::Refused, error.to_string()),
        };
        Self { pairs, java, kp, said }
    }

    fn key(&self) -> &'static str {
        self.pairs[0].0
    }

    fn value(&self) -> &str {
        &self.pairs[0].1
    }

    fn info(&self) -> &'static KeyInfo {
        KEYS.iter().find(|info| info.key == self.key()).expect("Java's keys are known")
    }

    fn only_kp_refuses(&self) -> bool {
        self.kp == Answer::Refused && matches!(self.java, Answer::Taken(_))
    }

    fn only_java_refuses(&self) -> bool {
        self.java == Answer::Refused && matches!(self.kp, Answer::Taken(_))
    }

    fn agrees(&self) -> bool {
        match (&self.java, &self.kp) {
            (Answer::Refused, Answer::NotImplemented) => true,
            (Answer::Taken(Some(java)), Answer::Taken(Some(kp))) if self.info().kind == KeyType::Double => {
                java.parse::<f64>().ok() == kp.parse::<f64>().ok()
            }
            (java, kp) => java == kp,
        }
    }
}

/// What kp makes of it. That this build may lack a codec is no matter of the configuration.
fn asked(pairs: &[(&'static str, String)]) -> Result<Option<String>, ConfigError> {
    let mut config = ProducerConfig::default();
    for (key, value) in pairs {
        config.set(key, value.as_str())?;
    }
    if !config.is_set("bootstrap.servers") {
        config.set("bootstrap.servers", "localhost:9092")?;
    }
    match config.check() {
        Ok(_) | Err(ConfigError::FeatureOff { .. }) => {}
        Err(error) => return Err(error),
    }
    Ok(config.get(pairs[0].0).map(|value| match value {
        kp_config::Value::Password(secret) => String::from_utf8_lossy(secret.expose()).into_owned(),
        other => other.to_string(),
    }))
}

/// Java's `String::trim`: all that is not above a blank, and no other white space.
fn java_trimmed(text: &str) -> &str {
    text.trim_matches(|letter| letter <= ' ')
}

fn cases() -> Vec<Case> {
    let mut values = Vec::new();
    let mut cases = Vec::new();
    for line in ANSWERS.lines().filter(|line| !line.starts_with('#')) {
        let columns: Vec<&'static str> = line.split('\t').collect();
        match columns[..] {
            ["value", value] => values.push(unescaped(value)),
            ["key", key, ref answers @ ..] => {
                assert_eq!(answers.len(), values.len(), "{key}");
                let both = values.iter().zip(answers);
                cases.extend(both.map(|(value, answer)| Case::new(vec![(key, value.clone())], answer)));
            }
            ["set", ref pairs @ .., answer] => {
                let pairs = pairs.iter().map(|pair| {
                    let (key, value) = pair.split_once('=').expect("a key and a value");
                    (key, unescaped(value))
                });
                cases.push(Case::new(pairs.collect(), answer));
            }
            _ => panic!("no such row: {line}"),
        }
    }
    cases
}

/// Something that kp does otherwise than Java on purpose.
struct Difference {
    what: &'static str,
    why: &'static str,
    /// Whether it is what makes these two answers different.
    explains: fn(&Case) -> bool,
}

const DIFFERENCES: &[Difference] = &[
    Difference {
        what: "a class that cannot be loaded",
        why: "kp loads no classes: a key that names one is a warning, and a partitioner of one's own is asked for by the builder",
        explains: |case| case.info().kind == KeyType::Class && case.only_java_refuses(),
    },
    Difference {
        what: "an explicit value of a key that kp does not implement",
        why: "ignoring it would weaken security, delivery or order",
        explains: |case| {
            matches!(case.info().state, State::Refused(_) | State::OnlyAt(..))
                && case.kp == Answer::NotImplemented
                && matches!(case.java, Answer::Taken(_))
        },
    },
    Difference {
        what: "acks=all reads back as -1",
        why: "it is shown as it was set; both mean the same",
        explains: |case| {
            case.key() == "acks"
                && case.java == Answer::Taken(Some("-1".to_owned()))
                && case.kp == Answer::Taken(Some("all".to_owned()))
        },
    },
    Difference {
        what: "digits of other scripts in whole numbers",
        why: "an accident of Java's parser; a file that has them has them by mistake",
        explains: |case| {
            matches!(case.info().kind, KeyType::Short | KeyType::Int | KeyType::Long)
                && case.only_kp_refuses()
                && case.value().chars().any(|letter| letter.is_numeric() && !letter.is_ascii())
        },
    },
    Difference {
        what: "NaN, infinity, and the suffixes f and d in decimal numbers",
        why: "they are Java's notation for literals; no such key means anything with them",
        explains: |case| {
            let value = case.value();
            case.info().kind == KeyType::Double
                && case.only_kp_refuses()
                && (["NaN", "Infinity"].contains(&value) || value.ends_with(['f', 'd']))
        },
    },
    Difference {
        what: "an address without a host, with port 0, or of IPv6 without both its brackets",
        why: "Java fails to connect to it later, or to another host than was meant",
        explains: |case| {
            [":9092", "localhost:0", "::1:9092", "[::1:9092", "::1]:9092"].contains(&case.value())
                && case.key() == "bootstrap.servers"
                && case.only_kp_refuses()
        },
    },
    Difference {
        what: "control characters in client.id",
        why: "it names a thread, labels metrics and stands in the logs of brokers",
        explains: |case| {
            case.key() == "client.id"
                && case.only_kp_refuses()
                && java_trimmed(case.value()).contains(|letter: char| letter.is_control())
        },
    },
];

#[test]
fn thirteen_thousand_configurations_come_to_what_they_come_to_in_java() {
    let cases = cases();
    assert!(cases.len() > 13_000, "{}", cases.len());
    let mut used = vec![0; DIFFERENCES.len()];
    let mut unexplained = Vec::new();
    for case in cases.iter().filter(|case| !case.agrees()) {
        let reasons: Vec<usize> =
            (0..DIFFERENCES.len()).filter(|&i| (DIFFERENCES[i].explains)(case)).collect();
        reasons.iter().for_each(|&reason| used[reason] += 1);
        if reasons.len() != 1 {
            let reasons: Vec<&str> = reasons.iter().map(|&i| DIFFERENCES[i].what).collect();
            unexplained.push(format!(
                "{:?}: Java {:?}, kp {:?} {} {reasons:?}",
                case.pairs, case.java, case.kp, case.said
            ));
        }
    }
    assert!(unexplained.is_empty(), "{} answers differ:\n{}", unexplained.len(), unexplained.join("\n"));
    for (difference, used) in DIFFERENCES.iter().zip(used) {
        assert!(used > 0, "nothing differs by this any more: {} ({})", difference.what, difference.why);
    }
}
