//! `kp doctor`, and the other commands, at listeners with SASL and TLS, as they are run.

#![allow(clippy::disallowed_methods, reason = "a program is started and waited for")]

mod authority;
mod others;
#[path = "../program/mod.rs"]
mod program;

use std::{
    io::{Read as _, Write as _},
    net::TcpListener,
    process::Command,
    time::Duration,
};

use kp_network::{CanonicalNames as _, SystemNames};
use kp_protocol::BrokerId;
use kp_sim::{
    ClusterSettings, SaslSettings, SimMechanism, TopicSettings,
    tcp::{EmbeddedBroker, EmbeddedOptions},
};
use serde_json::Value;

use authority::Authority;
use program::{Scratch, code, json, said};

/// Exit code and report. No secret of the tests is in any of it.
fn examined(bootstrap: &str, set: &[&str]) -> (i32, Value) {
    examined_in(&[], bootstrap, set)
}

/// With variables of the environment.
fn examined_in(environment: &[(&str, &str)], bootstrap: &str, set: &[&str]) -> (i32, Value) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_kp"));
    command.envs(environment.iter().copied());
    command.args(["doctor", "--json", "-b", bootstrap, "-t", "orders"]);
    command.args(set.iter().flat_map(|pair| ["-X", pair]));
    let output = command.output().unwrap();
    let report = json(&output);
    assert!(!format!("{report}{}", said(&output)).contains("planted"), "{report}");
    (code(&output), report)
}

/// What the steps of one name found, with verdict and remedy, as text.
fn steps(report: &Value, name: &str) -> String {
    let steps = report["steps"].as_array().unwrap().iter().filter(|step| step["step"] == name);
    steps
        .map(|step| {
            let (verdict, lines) = (step["verdict"].as_str().unwrap(), &step["lines"]);
            format!("{verdict}: {} {lines} → {}\n", step["found"], step["remedy"])
        })
        .collect()
}

fn details<'a>(report: &'a Value, name: &str) -> &'a Value {
    let step = report["steps"].as_array().unwrap().iter().find(|step| step["step"] == name);
    &step.unwrap_or_else(|| panic!("{name}: {report}"))["details"]
}

fn broker(options: EmbeddedOptions) -> EmbeddedBroker {
    let broker = EmbeddedBroker::start(options).unwrap();
    let settings = TopicSettings::of(&ClusterSettings::default());
    broker.cluster().lock().create_topic("orders", settings).unwrap();
    broker
}

fn with_users() -> EmbeddedBroker {
    let sasl = SaslSettings::new(SimMechanism::ALL)
        .with_user("alice", "planted-password")
        .with_max_reauth(Duration::from_secs(60));
    broker(EmbeddedOptions::new().with_brokers(2).with_sasl(sasl))
}

fn with_tls(authority: &Authority, days: u64) -> EmbeddedBroker {
    with_tls_for(authority, "localhost", days)
}

fn with_tls_for(authority: &Authority, name: &str, days: u64) -> EmbeddedBroker {
    broker(EmbeddedOptions::new().with_tls(authority.broker(name, days)))
}

/// The first address of the broker, by the name in its certificate.
fn by_name(broker: &EmbeddedBroker) -> String {
    called(broker, "localhost")
}

/// The first address of the broker, by a name that the cluster tells too.
fn called(broker: &EmbeddedBroker, name: &str) -> String {
    let address = broker.addresses().next().unwrap().1;
    broker.cluster().lock().advertise(BrokerId(1), name, address.port()).unwrap();
    format!("{name}:{}", address.port())
}

/// What this machine calls 127.0.0.1.
fn own_name() -> String {
    SystemNames.name_of([127, 0, 0, 1].into()).expect("this machine has a name")
}

/// A producer calls its bootstrap entries by the names of their addresses.
const CANONICAL: &str = "client.dns.lookup=resolve_canonical_bootstrap_servers_only";

const SCRAM: [&str; 4] = [
    "security.protocol=SASL_PLAINTEXT",
    "sasl.mechanism=SCRAM-SHA-512",
    "sasl.username=alice",
    "sasl.password=planted-password",
];

// A17
#[test]
fn a_login_that_works_is_told_with_the_life_of_its_session_and_every_broker_is_looked_at() {
    let broker = with_users();
    let (code, report) = examined(&broker.bootstrap(), &SCRAM);
    assert_eq!(code, 0, "{report}");
    let found = steps(&report, "sasl");
    assert!(found.contains("ok: \"SCRAM-SHA-512 is accepted; the session ends after 60 s"), "{found}");
    assert_eq!(details(&report, "sasl")["session_lifetime_ms"], 60_000);
    assert!(steps(&report, "listeners").contains("ok: \"broker 2 tells clients"), "{report}");
    assert!(steps(&report, "topic").starts_with("ok: "), "{report}");
}

// A17
#[test]
fn the_region_and_the_place_of_a_key_of_aws_are_told_for_each_broker_and_never_the_key() {
    let sasl = SaslSettings::new([SimMechanism::AwsMskIam]).with_aws_key(
        "AKIDALICE",
        "planted-secret",
        "User:alice",
    );
    let broker = broker(EmbeddedOptions::new().with_brokers(2).with_sasl(sasl));
    let set = ["security.protocol=SASL_PLAINTEXT", "sasl.mechanism=AWS_MSK_IAM"];
    let mut environment = [
        ("AWS_ACCESS_KEY_ID", "AKIDALICE"),
        ("AWS_SECRET_ACCESS_KEY", "planted-secret"),
        ("AWS_REGION", "eu-central-1"),
    ];
    let (code, report) = examined_in(&environment, &broker.bootstrap(), &set);
    assert_eq!(code, 0, "{report}");
    let found = steps(&report, "sasl");
    let told = "region eu-central-1, key AKIDALICE, found in the environment (AWS_ACCESS_KEY_ID)";
    // The bootstrap list has both, and both are advertised.
    assert_eq!(found.matches(told).count(), 4, "{found}");
    assert_eq!(details(&report, "sasl")["facts"]["region"], "eu-central-1");
    environment[1].1 = "planted-and-wrong";
    let (code, report) = examined_in(&environment, &broker.bootstrap(), &set);
    assert_eq!(code, 1, "{report}");
    assert!(steps(&report, "sasl").contains(told), "{report}");
}

// A17
#[test]
fn the_region_and_the_key_of_aws_are_told_where_a_token_takes_the_place_of_the_signature() {
    let sasl = SaslSettings::new([SimMechanism::OAuthBearer]);
    let sasl = sasl.with_aws_key("AKIDALICE", "planted-secret", "User:alice");
    let broker = broker(EmbeddedOptions::new().with_sasl(sasl));
    let jaas = "org.apache.kafka.common.security.oauthbearer.OAuthBearerLoginModule required;";
    let jaas = format!("sasl.jaas.config={jaas}");
    let set = [
        "security.protocol=SASL_PLAINTEXT",
        "sasl.mechanism=OAUTHBEARER",
        &jaas,
        "sasl.login.callback.handler.class=software.amazon.msk.auth.iam.IAMOAuthBearerLoginCallbackHandler",
    ];
    let mut environment = [
        ("AWS_ACCESS_KEY_ID", "AKIDALICE"),
        ("AWS_SECRET_ACCESS_KEY", "planted-secret"),
        ("AWS_REGION", "eu-central-1"),
    ];
    let (code, report) = examined_in(&environment, &broker.bootstrap(), &set);
    assert_eq!(code, 0, "{report}");
    let told = "region eu-central-1, key AKIDALICE, found in the environment (AWS_ACCESS_KEY_ID)";
    assert!(steps(&report, "sasl").contains(told), "{report}");
    assert_eq!(details(&report, "sasl")["facts"]["region"], "eu-central-1");
    environment[1].1 = "planted-and-wrong";
    let (code, report) = examined_in(&environment, &broker.bootstrap(), &set);
    let found = steps(&report, "sasl");
    assert!(code == 1 && found.contains(told) && found.contains("kafka-cluster:Connect"), "{report}");
}

#[test]
fn wrong_credentials_are_told_with_what_to_look_at() {
    let broker = with_users();
    let mut set = SCRAM;
    set[3] = "sasl.password=planted-and-wrong";
    let (code, report) = examined(&broker.bootstrap(), &set);
    assert_eq!(code, 1);
    let found = steps(&report, "sasl");
    assert!(found.contains("refuses the credentials of SCRAM-SHA-512"), "{found}");
    assert!(found.contains("a password for each mechanism"), "{found}");
}

#[test]
fn a_mechanism_that_is_not_offered_is_told_with_those_that_are() {
    let sasl = SaslSettings::new([SimMechanism::Plain, SimMechanism::ScramSha256]);
    let broker = broker(EmbeddedOptions::new().with_sasl(sasl));
    let (code, report) = examined(&broker.bootstrap(), &SCRAM);
    assert_eq!(code, 1);
    let found = steps(&report, "sasl");
    assert!(found.contains("does not offer SCRAM-SHA-512, but PLAIN, SCRAM-SHA-256"), "{found}");
    assert!(found.contains("set sasl.mechanism"), "{found}");
    // Without a login the listener says what it wants.
    let (_, report) = examined(&broker.bootstrap(), &[]);
    let found = steps(&report, "kafka");
    assert!(found.contains("wants SASL authentication (PLAIN, SCRAM-SHA-256)"), "{found}");
    assert!(found.contains("security.protocol=SASL_PLAINTEXT"), "{found}");
}

#[test]
fn a_login_at_a_listener_without_one_is_told_apart() {
    let broker = broker(EmbeddedOptions::default());
    let (code, report) = examined(&broker.bootstrap(), &SCRAM);
    assert_eq!(code, 1);
    assert!(steps(&report, "sasl").contains("a listener without SASL"), "{report}");
}

#[test]
fn a_token_is_told_by_what_stands_in_it() {
    let broker = with_users();
    let (code, report) = examined(
        &broker.bootstrap(),
        &[
            "security.protocol=SASL_PLAINTEXT",
            "sasl.mechanism=OAUTHBEARER",
            "sasl.jaas.config=org.apache.kafka.common.security.oauthbearer.OAuthBearerLoginModule required unsecuredLoginStringClaim_sub=\"alice\";",
        ],
    );
    assert_eq!(code, 0, "{report}");
    assert!(steps(&report, "sasl").contains("the token: ends in "), "{report}");
    assert_eq!(details(&report, "sasl")["token"]["sub"], "alice");
}

// A17, SE30
#[test]
fn a_tls_listener_is_told_with_its_version_its_certificates_and_their_names() {
    let authority = Authority::new();
    let broker = with_tls(&authority, 400);
    let ca = Scratch::new("doctor-ca.pem").holding(authority.pem().as_bytes());
    let trusting = format!("ssl.truststore.location={}", ca.path());
    let set = ["security.protocol=SSL", "ssl.truststore.type=PEM", &trusting];
    let (code, report) = examined(&by_name(&broker), &set);
    assert_eq!(code, 0, "{report}");
    let found = steps(&report, "tls");
    for words in ["ok: ", "speaks TLS 1.3, TLS13_", "DNS:localhost", "the tests' authority", "valid until 20"]
    {
        assert!(found.contains(words), "{words}: {found}");
    }
    let authority = format!("trusted by ssl.truststore.location={} (CN=the tests' authority)", ca.path());
    assert!(found.contains(&authority), "{authority}: {found}");
    let tls = details(&report, "tls");
    assert_eq!(tls["chain"][0]["names"][0], "DNS:localhost");
    assert_eq!(tls["is_for_host"], true);
    assert_eq!(details(&report, "tls")["asks_for_certificate"], false);
    assert!(steps(&report, "topic").starts_with("ok: "), "{report}");
    // Without TLS the listener is named, with the key to change.
    let (code, report) = examined(&by_name(&broker), &[]);
    assert_eq!(code, 1);
    assert!(steps(&report, "kafka").contains("set security.protocol=SSL"), "{report}");
}

// H1
#[test]
fn a_broker_that_is_not_trusted_is_told_with_what_it_shows() {
    let (theirs, other) = (Authority::new(), Authority::new());
    let broker = with_tls(&theirs, 400);
    let ca = Scratch::new("doctor-other-ca.pem").holding(other.pem().as_bytes());
    let trusting = format!("ssl.truststore.location={}", ca.path());
    let set = ["security.protocol=SSL", "ssl.truststore.type=PEM", &trusting];
    let (code, report) = examined(&by_name(&broker), &set);
    assert_eq!(code, 1);
    let found = steps(&report, "tls");
    assert!(found.contains("ok: ") && found.contains("DNS:localhost"), "{found}");
    assert!(!found.contains("trusted by"), "{found}");
    assert!(found.contains("failed: ") && found.contains("ssl.truststore.location"), "{found}");
}

// H47
#[test]
fn an_advertised_name_that_is_not_in_the_certificate_is_told_as_a_pair() {
    let authority = Authority::new();
    let broker = with_tls(&authority, 400);
    let bootstrap = by_name(&broker);
    let port = broker.addresses().next().unwrap().1.port();
    broker.cluster().lock().advertise(BrokerId(1), "127.0.0.1", port).unwrap();
    let ca = Scratch::new("doctor-pair-ca.pem").holding(authority.pem().as_bytes());
    let trusting = format!("ssl.truststore.location={}", ca.path());
    let set = ["security.protocol=SSL", "ssl.truststore.type=PEM", &trusting];
    let (code, report) = examined(&bootstrap, &set);
    assert_eq!(code, 1);
    let found = steps(&report, "listeners");
    assert!(found.contains("broker 1 tells clients to use 127.0.0.1:"), "{found}");
    let remedy = "connect by a name that is in it (bootstrap.servers, the broker's advertised.listeners), or add the host \
                  to its subjectAltName";
    let line = format!(
        "failed: \"broker 1 tells clients to use 127.0.0.1:{port}, and that does not work from here: 127.0.0.1:{port}: TLS \
         handshake failed: the broker's certificate is not for 127.0.0.1, but for DNS:localhost ({remedy})\" [] → \"set \
         advertised.listeners of broker 1 to a host and port that its clients can reach; {remedy}\"\n"
    );
    assert_eq!(found, line);
    assert!(found.contains("is not for 127.0.0.1, but for") && found.contains("localhost"), "{found}");
    assert!(found.contains("set advertised.listeners of broker 1"), "{found}");
}

// A9, H47
#[test]
fn a_name_that_is_not_in_the_certificate_is_a_warning_where_names_are_not_checked() {
    let authority = Authority::new();
    let broker = with_tls(&authority, 400);
    let ca = Scratch::new("doctor-unchecked-ca.pem").holding(authority.pem().as_bytes());
    let trusting = format!("ssl.truststore.location={}", ca.path());
    let set = [
        "security.protocol=SSL",
        "ssl.truststore.type=PEM",
        &trusting,
        "ssl.endpoint.identification.algorithm=",
    ];
    let (code, report) = examined(&broker.bootstrap(), &set);
    assert_eq!(code, 0, "{report}");
    let found = steps(&report, "tls");
    assert!(
        found.contains("warning: ") && found.contains("is not for 127.0.0.1, but for DNS:localhost"),
        "{found}"
    );
    let (_, report) = examined(&by_name(&broker), &set);
    assert!(!steps(&report, "tls").contains("is not for"), "{report}");
}

// SE49
#[test]
fn an_address_is_called_by_its_own_name_where_a_producer_would() {
    let (authority, name) = (Authority::new(), own_name());
    let broker = with_tls_for(&authority, &name, 400);
    called(&broker, &name);
    let ca = Scratch::new("doctor-canonical-ca.pem").holding(authority.pem().as_bytes());
    let trusting = format!("ssl.truststore.location={}", ca.path());
    let set = ["security.protocol=SSL", &trusting, CANONICAL];
    let (code, report) = examined(&broker.bootstrap(), &set);
    assert_eq!(code, 0, "{report}");
    let found = steps(&report, "resolve");
    assert!(found.contains(&format!("127.0.0.1 is called {name} (client.dns.lookup)")), "{found}");
    assert_eq!(details(&report, "tls")["is_for_host"], true);
    let (code, report) = examined(&broker.bootstrap(), &set[..2]);
    assert_eq!(code, 1, "{report}");
}

// A17
#[test]
fn a_certificate_that_ends_within_a_month_is_a_warning() {
    let authority = Authority::new();
    let broker = with_tls(&authority, 12);
    let ca = Scratch::new("doctor-soon-ca.pem").holding(authority.pem().as_bytes());
    let trusting = format!("ssl.truststore.location={}", ca.path());
    let set = ["security.protocol=SSL", "ssl.truststore.type=PEM", &trusting];
    let (code, report) = examined(&by_name(&broker), &set);
    assert_eq!(code, 0, "{report}");
    let found = steps(&report, "tls");
    assert!(found.contains("warning: ") && found.contains("ends in 12 days"), "{found}");
}

// H16, H18
#[test]
fn what_speaks_in_the_place_of_tls_is_told_apart() {
    let broker = broker(EmbeddedOptions::default());
    let (code, report) = examined(&broker.bootstrap(), &["security.protocol=SSL"]);
    assert_eq!(code, 1);
    assert!(steps(&report, "tls").contains("is a Kafka listener without TLS"), "{report}");
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    std::thread::spawn(move || {
        // Ends with the program of the tests.
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut request = [0; 512];
            let _ = stream.read(&mut request);
            let _ = stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n");
        }
    });
    let (code, report) = examined(&address, &["security.protocol=SSL"]);
    assert_eq!(code, 1);
    assert!(report.to_string().contains("an HTTP server"), "{report}");
}
