//! `docs/configuration.md`, printed from the table. `cargo xtask docs` writes it, `cargo xtask tidy` compares.

use std::fmt::Write as _;

use crate::{
    key::{DefaultValue, State},
    table::KEYS,
};

/// The rules over several keys, by the numbers that errors and warnings name.
const RULES: &[(&str, &str)] = &[
    ("V1", "`bootstrap.servers` has at least one entry, each `host:port` with a port from 1 to 65535"),
    ("V2", "`security.protocol=SASL_…` needs a `sasl.mechanism`; its default is `GSSAPI`, Kerberos"),
    (
        "V3a",
        "`acks` other than `all`, or `retries=0`, turn off idempotence that is only the default: a warning",
    ),
    ("V3b", "`enable.idempotence=true` excludes `acks` other than `all`, and `retries=0`"),
    ("V3c", "idempotence allows at most 5 `max.in.flight.requests.per.connection`"),
    (
        "V3d",
        "`transactional.id` needs idempotence, so `acks=all` and `retries` above 0; and brokers that can be asked what they speak: no `broker.version.fallback`",
    ),
    (
        "V4",
        "`delivery.timeout.ms` is at least `linger.ms` + `request.timeout.ms`; if it is not set, it is raised with a warning",
    ),
    (
        "V5",
        "a first wait above its maximum is the maximum, with a warning; if only `reconnect.backoff.ms` is set, it does not grow",
    ),
    ("V6", "`transaction.two.phase.commit.enable=true` excludes `transaction.timeout.ms`"),
    ("V7", "`partitioner.rack.aware=true` needs a `client.rack`"),
    (
        "V8",
        "keys and certificates in the configuration itself are PEM, and exclude the location and the password of their store; a certificate comes with its key, a password with its store; \
         there is one place for each, and one version of TLS at least",
    ),
    ("V9", "an OAuth assertion is a file, or has a private key and the claims `aud`, `iss` and `sub`"),
    ("V10", "`acks=0` gives up idempotence and the outcome of each record: a warning"),
    (
        "V11",
        "what is said in two places is the same in both: `sasl.username` and `sasl.password` with `sasl.jaas.config`, \
         `sasl.mechanism` with `sasl.mechanisms`, keys with typed calls",
    ),
];

/// The whole page, as Markdown.
#[must_use]
pub fn render_markdown() -> String {
    let mut page = String::from(
        "# Configuration\n\n\
         <!-- Printed by `cargo xtask docs` from crates/kp-config/src/table.rs. Do not edit. -->\n\n\
         Keys, types and defaults are those of Kafka's Java producer, so its `.properties` files load as they are. \
         The column 0.9 tells what the classic producer had: *same*, *absent*, or another default; \
         `kp.defaults=0.9` (or `ProducerConfig::kafka_0_9()`) takes that column for every key that is not set, \
         security excepted.\n\n\
         State: **works** takes effect · **works with SASL**: with `security.protocol=SASL_…`, and a warning without · **works with TLS**: with `SSL` or `SASL_SSL`, in the same way · **fixed at** a value: kp behaves like that, another value is a warning · \
         **refused**, **refused unless** a value: an error, because ignoring the key would weaken security, delivery \
         or order · **not yet**, **not planned**, **JVM only**, **gone**: a warning. An unknown key is a warning \
         that names the nearest known one. `ci` = in any case.\n",
    );
    let mut section = "";
    for info in KEYS {
        if info.section != section {
            section = info.section;
            // Writing to a String cannot fail; the results below are dropped for that reason.
            let _ = write!(
                page,
                "\n## {section}\n\n| key | type | default | 0.9 | valid | state | meaning |\n|---|---|---|---|---|---|---|\n"
            );
        }
        let default = match info.default {
            DefaultValue::Is(text) if !text.is_empty() => format!("`{text}`"),
            other => other.to_string(),
        };
        let state = match info.state {
            State::Works | State::Sasl | State::Tls => info.state.name().to_owned(),
            State::FixedAt(value, note) => format!("fixed at `{value}`: {note}"),
            State::OnlyAt(value, note) => format!("refused unless `{value}`: {note}"),
            state => format!("{}: {}", state.name(), state.note()),
        };
        let _ = writeln!(
            page,
            "| `{}` | {} | {default} | {} | {} | {state} | {} |",
            info.key,
            info.kind.name(),
            info.classic,
            info.valid,
            info.doc,
        );
    }
    page.push_str("\n## Rules over several keys\n\n| rule | |\n|---|---|\n");
    for (number, rule) in RULES {
        let _ = writeln!(page, "| {number} | {rule} |");
    }
    page
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_rule_that_the_sources_name_is_listed() {
        let sources = [
            include_str!("adjust.rs"),
            include_str!("idempotence.rs"),
            include_str!("partitioning.rs"),
            include_str!("security/encryption.rs"),
            include_str!("security/login.rs"),
            include_str!("security/mechanism.rs"),
            include_str!("security/protocol.rs"),
            include_str!("security/rules.rs"),
            include_str!("validate.rs"),
        ];
        let named = sources.iter().flat_map(|source| source.split('"')).filter(|text| {
            text.strip_prefix('V').is_some_and(|rest| rest.starts_with(|digit: char| digit.is_ascii_digit()))
        });
        let named: Vec<&str> = named.collect();
        assert!(named.len() > 8, "{named:?}");
        for number in named {
            assert!(RULES.iter().any(|(listed, _)| *listed == number), "{number}");
        }
    }

    #[test]
    fn every_key_has_one_line_with_seven_columns() {
        let page = render_markdown();
        for info in KEYS {
            let start = format!("| `{}` |", info.key);
            let lines: Vec<&str> = page.lines().filter(|line| line.starts_with(&start)).collect();
            assert_eq!(lines.len(), 1, "{}", info.key);
            assert_eq!(lines[0].matches('|').count(), 8, "{}", lines[0]);
        }
    }
}
