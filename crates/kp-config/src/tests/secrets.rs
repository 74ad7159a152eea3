//! Secrets are planted wherever one can stand, and looked for in every text that a configuration can produce.

use super::config;
use crate::*;

const SECRET: &str = "hunter2-planted";

/// Texts of a configuration: what it prints of itself, its error, its settings, its warnings.
fn texts(config: &ProducerConfig) -> String {
    let mut all = format!("{config:?}\n{config:#?}\n");
    for info in KEYS {
        if let Some(value) = config.get(info.key) {
            all.push_str(&format!("{value} {value:?}\n"));
        }
    }
    match config.validate() {
        Ok(validated) => {
            all.push_str(&format!("{validated:?} {:#?}\n", validated.settings));
            validated.warnings.iter().for_each(|warning| all.push_str(&format!("{warning} {warning:?}\n")));
        }
        Err(error) => all.push_str(&format!("{error} {error:?} {error:#?}\n")),
    }
    all
}

#[test]
fn no_text_of_a_configuration_has_a_secret_in_it() {
    let module = "org.apache.kafka.common.security.plain.PlainLoginModule required";
    let good = format!(r#"{module} username="alice" password="{SECRET}";"#);
    let lines = [
        good.clone(),
        SECRET.to_owned(),
        format!("{SECRET};"),
        format!("{SECRET} required;"),
        format!("{module} {SECRET};"),
        format!("{module} username=alice password={SECRET}"),
        format!("{module} username=\"alice\" password=\"a\"{SECRET}\";"),
        format!("{module} {SECRET}=\"x\" username=\"alice\";"),
        format!("{good} {SECRET}"),
        format!("{module} username=\"alice\" password=\"{SECRET}\\0\";"),
        format!("a.OAuthBearerLoginModule required clientSecret=\"{SECRET}\";"),
    ];
    for protocol in ["PLAINTEXT", "SASL_PLAINTEXT", "SASL_SSL", "SSL"] {
        for mechanism in ["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512", "OAUTHBEARER", "GSSAPI", "plain"] {
            let base = [("security.protocol", protocol), ("sasl.mechanism", mechanism)];
            for line in &lines {
                let texts = texts(&config(&[&base[..], &[("sasl.jaas.config", line)]].concat()));
                assert!(!texts.contains(SECRET), "{line}\n{texts}");
            }
            let own = [("sasl.username", "alice"), ("sasl.password", SECRET), ("sasl.jaas.config", "a b;")];
            let texts = texts(&config(&[&base[..], &own[..]].concat()));
            assert!(!texts.contains(SECRET), "{texts}");
        }
    }
}

#[test]
fn every_password_key_is_hidden_and_so_are_typed_credentials() {
    for info in KEYS.iter().filter(|info| info.kind == KeyType::Password) {
        let config = config(&[(info.key, SECRET)]);
        assert!(!texts(&config).contains(SECRET), "{}", info.key);
        assert_eq!(config.to_map().get(info.key).map(String::as_str), Some("[hidden]"));
    }
    for sasl in
        [Sasl::plain("alice", SECRET), Sasl::scram_sha256("alice", SECRET), Sasl::scram_sha512("", SECRET)]
    {
        let typed = config(&[]).security(Security::plaintext()).sasl(sasl.clone());
        let texts = format!("{sasl:?} {sasl:#?} {}", texts(&typed));
        assert!(!texts.contains(SECRET), "{texts}");
    }
}
