//! Kerberos out of keys: the options of Java's login module, keys of Java's and of kp's own, and what is missing.

use crate::*;
use std::path::PathBuf;
use std::time::Duration;

const PROTOCOL: (&str, &str) = ("security.protocol", "SASL_PLAINTEXT");
const SERVICE: (&str, &str) = ("sasl.kerberos.service.name", "kafka");
const MODULE: &str = "com.sun.security.auth.module.Krb5LoginModule required";

fn read(pairs: &[(&str, &str)]) -> Result<Kerberos, ConfigError> {
    let config = super::config(&[&[PROTOCOL][..], pairs].concat());
    match config.check_security()?.sasl {
        Some(Sasl::Kerberos(kerberos)) => Ok(kerberos),
        other => panic!("{other:?}"),
    }
}

fn with(options: &str) -> Result<Kerberos, ConfigError> {
    read(&[SERVICE, ("sasl.jaas.config", &format!("{MODULE} {options};"))])
}

// V2, A6
#[test]
fn a_login_line_of_cloudera_is_kerberos_without_a_mechanism_being_named() {
    let line =
        r#"useKeyTab=true storeKey=true doNotPrompt=true keyTab="/etc/kp.keytab" principal="kp@KP.TEST""#;
    assert_eq!(with(line).ok(), Some(Kerberos::keytab("/etc/kp.keytab", "kp@KP.TEST")));
    let file = r#"useKeyTab=TRUE useTicketCache=true keyTab="FILE:/etc/kp.keytab""#;
    let source = KerberosSource::Keytab { path: Some(PathBuf::from("/etc/kp.keytab")), principal: None };
    assert_eq!(with(file).ok(), Some(Kerberos::of(source)));
    assert_eq!(
        with(r#"useTicketCache=true ticketCache="/tmp/cc""#).ok(),
        Some(Kerberos::ticket_cache("/tmp/cc"))
    );
    let default = KerberosSource::TicketCache { path: None };
    assert_eq!(with("useTicketCache=true renewTGT=true").ok(), Some(Kerberos::of(default)));
}

// SE15
#[test]
fn the_name_of_the_service_is_needed_and_said_once() {
    let line = format!(r#"{MODULE} useTicketCache=true serviceName="brokers";"#);
    let jaas = ("sasl.jaas.config", line.as_str());
    assert_eq!(read(&[jaas]).expect("it is in the line").service_name(), "brokers");
    let both = read(&[jaas, SERVICE]).expect_err("two names");
    assert!(both.to_string().contains("sasl.kerberos.service.name=kafka and serviceName=brokers"), "{both}");
    let line = format!("{MODULE} useTicketCache=true;");
    let none = read(&[("sasl.jaas.config", &line)]).expect_err("no name");
    assert!(matches!(none, ConfigError::Missing { key: "sasl.kerberos.service.name", .. }), "{none}");
    for name in ["kafka/broker", "kafka@R"] {
        let key = ("sasl.kerberos.service.name", name);
        let wrong = read(&[key, ("sasl.jaas.config", &line)]).expect_err("no name of a service");
        assert!(wrong.to_string().contains("is the name before the /"), "{wrong}");
    }
}

#[test]
fn the_keys_of_kp_do_without_a_login_line() {
    let kerberos = read(&[
        SERVICE,
        ("kp.kerberos.keytab", "/k"),
        ("kp.kerberos.principal", "kp"),
        ("kp.kerberos.config", "/krb5.conf"),
        ("sasl.kerberos.ticket.renew.window.factor", "0.5"),
        ("sasl.kerberos.ticket.renew.jitter", "0.1"),
        ("sasl.kerberos.min.time.before.relogin", "5000"),
    ]);
    let expected = Kerberos::keytab("/k", "kp").config("/krb5.conf").renewal(0.5, 0.1);
    assert_eq!(kerberos.ok(), Some(expected.least_between_logins(Duration::from_secs(5))));
    let line = format!(r#"{MODULE} useKeyTab=true keyTab="/other";"#);
    let two =
        read(&[SERVICE, ("kp.kerberos.keytab", "/k"), ("sasl.jaas.config", &line)]).expect_err("two files");
    assert!(matches!(two, ConfigError::Conflict { rule: "V11", key: "kp.kerberos.keytab", .. }), "{two}");
}

#[test]
fn a_login_module_that_would_ask_for_a_password_is_refused() {
    for options in ["", "useKeyTab=false", "storeKey=true principal=kp"] {
        let failure = with(options).expect_err("nothing to log in with").to_string();
        assert!(failure.contains("neither useKeyTab=true nor useTicketCache=true"), "{failure}");
    }
    let other = with("useTicketCache=true").map(drop).and_then(|()| {
        read(&[
            SERVICE,
            ("sasl.jaas.config", "org.apache.kafka.common.security.plain.PlainLoginModule required;"),
        ])
        .map(drop)
    });
    assert!(other.expect_err("another module").to_string().contains("another mechanism than GSSAPI"));
}

// SE48
#[test]
fn a_program_that_renews_tickets_is_warned_about_and_keys_of_kerberos_without_it_too() {
    let line = format!("{MODULE} useTicketCache=true;");
    let warned = |pairs: &[(&str, &str)]| {
        let config = super::config(&[&[PROTOCOL][..], pairs].concat()).bootstrap_servers("a:1");
        let warnings = config.check().expect("it is right");
        warnings.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
    };
    let text = warned(&[SERVICE, ("sasl.jaas.config", &line), ("sasl.kerberos.kinit.cmd", "/opt/kinit")]);
    assert!(text.contains("sasl.kerberos.kinit.cmd") && text.contains("runs no program"), "{text}");
    let plain = [("sasl.mechanism", "PLAIN"), ("sasl.username", "a"), ("sasl.password", "b"), SERVICE];
    assert!(warned(&plain).contains("sasl.mechanism is not GSSAPI"));
}

// SE5
#[test]
fn kafka_0_9_takes_kerberos_and_no_other_mechanism() {
    let old = ("broker.version.fallback", "0.9.0");
    let line = format!("{MODULE} useTicketCache=true;");
    assert!(read(&[SERVICE, old, ("sasl.jaas.config", &line)]).is_ok());
    let plain = [PROTOCOL, old, ("sasl.mechanism", "PLAIN"), ("sasl.username", "a"), ("sasl.password", "b")];
    let refused = super::config(&plain).check_security().expect_err("0.9 has no PLAIN").to_string();
    assert!(refused.contains("knows no sasl.mechanism but GSSAPI, and not PLAIN"), "{refused}");
}
