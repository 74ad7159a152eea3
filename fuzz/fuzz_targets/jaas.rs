//! Login lines (`sasl.jaas.config`): read or refused, in words without control characters.

#![no_main]

use kp_config::ProducerConfig;
use libfuzzer_sys::fuzz_target;

const MECHANISMS: [&str; 6] =
    ["PLAIN", "SCRAM-SHA-512", "OAUTHBEARER", "GSSAPI", "AWS_MSK_IAM", "SCRAM-SHA-256"];

fuzz_target!(|data: &[u8]| {
    let [choice, line @ ..] = data else { return };
    let Ok(line) = std::str::from_utf8(line) else { return };
    // What stands elsewhere would be read, from files and variables of this machine.
    if line.contains("${") {
        return;
    }
    let mechanism = MECHANISMS[usize::from(*choice) % MECHANISMS.len()];
    let pairs = [
        ("bootstrap.servers", "localhost:9092"),
        ("security.protocol", "SASL_PLAINTEXT"),
        ("sasl.mechanism", mechanism),
        ("sasl.jaas.config", line),
    ];
    match ProducerConfig::from_map(pairs).and_then(|config| config.check().map(|_| ())) {
        Ok(()) => {}
        Err(error) => assert!(!error.to_string().contains(char::is_control), "{error:?}"),
    }
});
