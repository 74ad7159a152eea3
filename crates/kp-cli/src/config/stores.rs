//! What is in the key stores of a configuration: by what name, whose certificates, and until when. Never a key, nor what opens one.
//! Owns: the words. Never: a file (they are read as a producer reads them), a verdict on a key of the configuration.

use std::time::SystemTime;

use kp_producer::{CertificateFacts, EntryUse, Producer, ProducerConfig, StoreEntry};
use kp_protocol::text::shown;
use serde_json::{Value, json};

/// A store of authorities can have hundreds.
const SHOWN: usize = 20;

/// See the module.
#[derive(Default)]
pub(super) struct Stores {
    entries: Vec<StoreEntry>,
}

/// Reads the stores; nothing if connections are not encrypted.
pub(super) fn of(config: &ProducerConfig) -> Stores {
    // What is wrong with them is told where a producer is tried.
    let Ok(Some(client)) = Producer::builder(config.clone()).tls_client() else { return Stores::default() };
    Stores { entries: client.store_entries().unwrap_or_default() }
}

impl Stores {
    /// Whether a certificate that is shown to brokers is over: no broker takes it.
    pub(super) fn is_good(&self) -> bool {
        let shown = self.entries.iter().filter(|entry| entry.use_of_it() == EntryUse::Shown);
        !shown.flat_map(StoreEntry::certificates).any(is_over)
    }

    /// A line for each certificate.
    pub(super) fn to_text(&self) -> String {
        let of_store = |trusted: bool| {
            self.entries.iter().filter(move |entry| (entry.use_of_it() == EntryUse::Trusted) == trusted)
        };
        let (mut text, mut left) = (String::new(), 0);
        for (at, entry) in of_store(true).chain(of_store(false)).enumerate() {
            if at >= SHOWN && entry.use_of_it() != EntryUse::Shown {
                left += 1;
                continue;
            }
            text.extend(told(entry).enumerate().map(|(at, facts)| line(entry, at, facts)));
        }
        if left > 0 {
            text += &format!("   -  and {left} more entries; --json has them all\n");
        }
        text
    }

    pub(super) fn to_json(&self) -> Value {
        let seconds =
            |moment: SystemTime| moment.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs();
        let one = |entry: &StoreEntry, facts: &CertificateFacts| {
            json!({
                "what": what(entry), "key": entry.key(), "alias": entry.alias(), "has_private_key": entry.has_key(),
                "subject": facts.subject(), "issuer": facts.issuer(), "names": facts.names(),
                "not_before": seconds(facts.not_before()), "not_after": seconds(facts.not_after()),
                "over": is_over(facts),
            })
        };
        self.entries.iter().flat_map(|entry| told(entry).map(move |facts| one(entry, facts))).collect()
    }
}

fn what(entry: &StoreEntry) -> &'static str {
    match entry.use_of_it() {
        EntryUse::Trusted => "trusted",
        EntryUse::Shown => "shown to brokers",
        _ => "not used",
    }
}

fn is_over(facts: &CertificateFacts) -> bool {
    facts.not_after() < SystemTime::now()
}

/// Of what is shown, all that goes to brokers; of the others, the certificate that they are about.
fn told(entry: &StoreEntry) -> impl Iterator<Item = &CertificateFacts> {
    let count = if entry.use_of_it() == EntryUse::Shown { usize::MAX } else { 1 };
    entry.certificates().iter().take(count)
}

/// The certificate at `at` of an entry.
fn line(entry: &StoreEntry, at: usize, facts: &CertificateFacts) -> String {
    let named = match entry.alias() {
        Some(alias) => format!("\"{}\" of {}", shown(alias), entry.key()),
        None => format!("in {}", entry.key()),
    };
    let names = facts.names().join(", ");
    let names = if names.is_empty() { String::new() } else { format!(", for {}", shown(&names)) };
    format!(
        "   -  {}, {named}{}: {}{names}, {} {}\n",
        what(entry),
        match at {
            0 if entry.has_key() => " (with a private key)",
            0 => "",
            _ => ", behind it",
        },
        shown(facts.subject()),
        if is_over(facts) { "OVER since" } else { "valid until" },
        facts.not_after_shown()
    )
}
