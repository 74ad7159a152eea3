//! `kp config`: every configuration key, or all there is to say about some.
//! Owns: how a row of the producer's table is told to a person. Never: a fact about a key.

mod check;
#[cfg(not(any(feature = "tls", feature = "tls-aws-lc", feature = "tls-graviola")))]
mod no_stores;
pub(crate) mod skeleton;
#[cfg(any(feature = "tls", feature = "tls-aws-lc", feature = "tls-graviola"))]
mod stores;

#[cfg(not(any(feature = "tls", feature = "tls-aws-lc", feature = "tls-graviola")))]
use no_stores as stores;

use std::{
    fmt::Write as _,
    io::{self, Write as _},
};

use kp_producer::{
    ProducerConfig,
    config::{Classic, DefaultValue, KEYS, KeyInfo, nearest_keys},
};
use serde_json::{Value, json};

use crate::{
    Failure,
    args::{ConfigCommand, ConfigHelpArgs, OutputArgs},
};

/// A line of text, at most; a word that is longer stands alone.
const WIDTH: usize = 100;

/// # Errors
/// A key that is none is wrong usage; nothing is printed then.
pub(crate) fn run(args: &ConfigHelpArgs, output: &OutputArgs) -> Result<u8, Failure> {
    if let Some(command) = &args.command {
        return match command {
            ConfigCommand::Check { file } => check::run(file, output),
            ConfigCommand::Skeleton { service } => skeleton::run(*service),
        };
    }
    let asked: Vec<&KeyInfo> = args.key.iter().map(|key| find(key)).collect::<Result<_, _>>()?;
    let text = match (asked.as_slice(), output.json) {
        ([], false) => list(),
        ([], true) => line(&Value::Array(KEYS.iter().map(as_json).collect())),
        (asked, false) => asked.iter().map(|info| page(info)).collect::<Vec<_>>().join("\n"),
        ([one], true) => line(&as_json(one)),
        (asked, true) => line(&Value::Array(asked.iter().map(|info| as_json(info)).collect())),
    };
    match io::stdout().write_all(text.as_bytes()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            Err(Failure::failed(format!("stdout: {error}")))
        }
        _ => Ok(0),
    }
}

fn find(key: &str) -> Result<&'static KeyInfo, Failure> {
    KEYS.iter().find(|info| info.key == key).ok_or_else(|| {
        let meant = match nearest_keys(key).as_slice() {
            [] => "`kp config` lists all".to_owned(),
            keys => format!("did you mean {}?", keys.join(", ")),
        };
        Failure::usage(format!("no configuration key {key}: {meant}"))
    })
}

/// A line for each key, section by section.
fn list() -> String {
    let key_width = KEYS.iter().map(|info| info.key.len()).max().unwrap_or(0);
    let mut text = String::new();
    let mut section = "";
    // Writing to a String cannot fail.
    for info in KEYS {
        if info.section != section {
            let gap = if section.is_empty() { "" } else { "\n" };
            section = info.section;
            let _ = writeln!(text, "{gap}{section}");
        }
        let _ =
            writeln!(text, "  {:key_width$}  {:18}  {}", info.key, info.default.to_string(), one_line(info));
    }
    text
}

/// What the key does; or, before that, that kp does not do it.
fn one_line(info: &KeyInfo) -> String {
    match info.state.name() {
        "works" => plain(info.doc),
        state => format!("({state}) {}", plain(info.doc)),
    }
}

/// All about one key.
fn page(info: &KeyInfo) -> String {
    let mut text = format!("{}\n", info.key);
    text += &wrapped("  ", "  ", &plain(info.doc));
    text.push('\n');
    let state = match info.state.note() {
        "" => info.state.name().to_owned(),
        note => format!("{}: {}", info.state.name(), plain(note)),
    };
    for (name, value) in [
        ("type", info.kind.name().to_owned()),
        ("values", info.allowed()),
        ("default", default_now(info)),
        ("default in 0.9", default_then(info)),
        ("state", state),
        ("section", info.section.to_owned()),
    ] {
        text += &wrapped(&format!("  {name:16}"), &" ".repeat(18), &value);
    }
    text
}

fn default_now(info: &KeyInfo) -> String {
    match info.default {
        DefaultValue::Required => "none: it has to be set".to_owned(),
        DefaultValue::Null => "unset".to_owned(),
        default => default.to_string(),
    }
}

/// What 0.9 had, and what `kp.defaults=0.9` makes of it where that is not the same.
fn default_then(info: &KeyInfo) -> String {
    let had = match info.classic {
        Classic::Same => return "the same".to_owned(),
        Classic::Absent | Classic::AbsentActing(_) => "no such key".to_owned(),
        Classic::WasNull => "unset".to_owned(),
        classic => classic.to_string(),
    };
    let acts = classic_value(info);
    match (info.classic, acts) {
        (Classic::Was(was), Some(acts)) if was == acts => had,
        (Classic::WasNull, None) => had,
        (_, None) => format!("{had}; kp.defaults=0.9 leaves it unset"),
        (_, Some(acts)) if acts.is_empty() => format!("{had}; kp.defaults=0.9 takes nothing"),
        (_, Some(acts)) => format!("{had}; kp.defaults=0.9 takes {acts}"),
    }
}

/// The default that a configuration of the classic profile has.
fn classic_value(info: &KeyInfo) -> Option<String> {
    ProducerConfig::kafka_0_9()
        .get(info.key)
        .filter(|_| info.key != "kp.defaults")
        .map(|value| value.to_string())
}

fn as_json(info: &KeyInfo) -> Value {
    let default = match info.default {
        DefaultValue::Is(text) => Some(text),
        _ => None,
    };
    json!({
        "key": info.key, "meaning": plain(info.doc), "type": info.kind.name(), "values": info.allowed(),
        "required": info.default == DefaultValue::Required, "default": default,
        "in_0_9": !matches!(info.classic, Classic::Absent | Classic::AbsentActing(_)),
        "default_of_kp_defaults_0_9": classic_value(info),
        "state": info.state.name(), "note": plain(info.state.note()), "section": info.section,
    })
}

/// The table's texts are Markdown; a terminal shows letters.
fn plain(markdown: &str) -> String {
    markdown.replace('`', "")
}

fn line(value: &Value) -> String {
    format!("{value}\n")
}

/// Words in lines of [`WIDTH`], the first behind `first`, the others behind `other`.
fn wrapped(first: &str, other: &str, words: &str) -> String {
    let mut lines = vec![first.to_owned()];
    let mut is_fresh = true;
    for word in words.split_whitespace() {
        let last = lines.len() - 1;
        if !is_fresh && lines[last].chars().count() + 1 + word.chars().count() > WIDTH {
            lines.push(format!("{other}{word}"));
            continue;
        }
        if !is_fresh {
            lines[last].push(' ');
        }
        lines[last].push_str(word);
        is_fresh = false;
    }
    lines.iter().map(|line| format!("{}\n", line.trim_end())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page_of(key: &str) -> String {
        page(find(key).unwrap_or_else(|failure| panic!("{failure:?}")))
    }

    #[test]
    fn a_page_has_both_defaults_and_the_bounds() {
        let text = page_of("linger.ms");
        for line in [
            "linger.ms\n  How long an open batch waits",
            "type            long\n",
            "values          a whole number of 64 bits, 0 or more\n",
            "default         5\n",
            "default in 0.9  0\n",
            "state           works\n",
        ] {
            assert!(text.contains(line), "{line}: {text}");
        }
        assert!(page_of("batch.size").contains("default in 0.9  the same\n"));
        assert!(page_of("bootstrap.servers").contains("default         none: it has to be set\n"));
    }

    #[test]
    fn what_0_9_did_not_have_says_what_its_profile_does() {
        assert!(page_of("kp.batch.growth.max.bytes").contains("no such key; kp.defaults=0.9 takes 0\n"));
        assert!(page_of("delivery.timeout.ms").contains("no such key; kp.defaults=0.9 takes 120000\n"));
        assert!(page_of("transactional.id").contains("no such key; kp.defaults=0.9 leaves it unset\n"));
        // Security is today's in both profiles.
        assert!(page_of("ssl.protocol").contains("TLS; kp.defaults=0.9 takes TLSv1.3\n"));
    }

    #[test]
    fn a_key_that_does_nothing_says_so_and_why() {
        assert!(
            page_of("interceptor.classes").contains("state           JVM only: hand interceptors to Produ")
        );
        assert!(list().contains("(not planned)"));
    }

    #[test]
    fn every_key_has_its_line_and_no_markdown() {
        let text = list();
        for info in KEYS {
            let start = format!("  {} ", info.key);
            assert_eq!(text.lines().filter(|line| line.starts_with(&start)).count(), 1, "{}", info.key);
            assert!(!page(info).contains('`'), "{}", info.key);
        }
    }

    #[test]
    fn an_unknown_key_is_wrong_usage_and_names_what_may_be_meant() {
        let failure = find("linger").unwrap_err();
        assert_eq!(
            (failure.code, failure.message.as_str()),
            (2, "no configuration key linger: did you mean linger.ms?")
        );
        assert!(find("auto.offset.reset").unwrap_err().message.ends_with("`kp config` lists all"));
    }

    #[test]
    fn json_tells_a_default_from_none() {
        let of = |key| as_json(find(key).unwrap_or_else(|failure| panic!("{failure:?}")));
        let linger = of("linger.ms");
        assert_eq!((&linger["default"], &linger["default_of_kp_defaults_0_9"]), (&"5".into(), &"0".into()));
        assert_eq!((&linger["in_0_9"], &linger["required"]), (&true.into(), &false.into()));
        assert!(of("transactional.id")["default"].is_null());
        assert_eq!(of("bootstrap.servers")["required"], true);
    }

    #[test]
    fn long_text_is_broken_between_words() {
        let text = wrapped("a ", "  ", &"word ".repeat(60));
        assert!(text.lines().count() > 2 && text.lines().all(|line| line.len() <= WIDTH), "{text}");
        assert!(text.starts_with("a word") && text.lines().skip(1).all(|line| line.starts_with("  word")));
    }
}
