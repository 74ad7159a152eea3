//! `docs/configuration.md`, printed from the table. `cargo xtask docs` writes it, `cargo xtask tidy` compares.

use std::fmt::Write as _;

use crate::{
    key::{DefaultValue, State},
    table::KEYS,
};

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
         State: **works** takes effect · **fixed at** a value: kp behaves like that, another value is a warning · \
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
            State::Works => "works".to_owned(),
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
    page
}

#[cfg(test)]
mod tests {
    use super::*;

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
