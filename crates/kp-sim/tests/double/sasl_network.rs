//! The network client and the double, with SASL between them, in virtual time: what a user meets.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use kp_network::{
    ClientRequest, DisconnectReason, Event, KafkaClient, NetworkClient, NetworkSettings, Readiness,
    SaslCredentials, SaslLogin, ScramHash, Secret, SecurityStage, SetupStage,
};
use kp_protocol::api::MetadataRequest;
use kp_protocol::{ApiKey, BrokerAddress, BrokerId, ErrorCode, Timestamp, encode_body};
use kp_sasl::UnsecuredJwt;
use kp_sim::{
    ClusterSettings, Fault, KafkaVersion, SaslFault, SaslSettings, SimClock, SimCluster, SimMechanism,
    SimNetwork, SimSelectable, Weather,
};
use kp_time::Clock;

const BROKER: BrokerId = BrokerId(1);
const JSON: &str = r#"{"status":"invalid_token"}"#;

struct Stage {
    network: SimNetwork,
    clock: SimClock,
    client: NetworkClient<SimSelectable>,
    login: Arc<SaslLogin>,
}

fn plain(password: &str) -> SaslCredentials {
    SaslCredentials::plain("alice", Secret::from(password))
}

fn scram(password: &str) -> SaslCredentials {
    SaslCredentials::scram(ScramHash::Sha256, "alice", Secret::from(password))
}

fn bearer(issued_ms: i64) -> SaslCredentials {
    let options = [("unsecuredLoginStringClaim_sub", "alice")];
    let maker = UnsecuredJwt::from_options(options).unwrap();
    SaslCredentials::oauth_bearer(maker.token(Timestamp(issued_ms)).unwrap())
}

impl Stage {
    fn new(credentials: SaslCredentials) -> Self {
        Self::of(KafkaVersion::default(), credentials)
    }

    fn of(kafka_version: KafkaVersion, credentials: SaslCredentials) -> Self {
        let sasl = SaslSettings::new(SimMechanism::ALL).with_user("alice", "alice-secret");
        Self::with(kafka_version, sasl, credentials)
    }

    /// A broker that ends sessions after ten seconds.
    fn with_sessions(credentials: SaslCredentials) -> Self {
        let sasl = SaslSettings::new(SimMechanism::ALL).with_user("alice", "alice-secret");
        Self::with(KafkaVersion::default(), sasl.with_max_reauth(Duration::from_secs(10)), credentials)
    }

    fn with(kafka_version: KafkaVersion, sasl: SaslSettings, credentials: SaslCredentials) -> Self {
        let clock = SimClock::new();
        let settings = ClusterSettings { kafka_version, sasl: Some(sasl), ..ClusterSettings::default() };
        let network = SimNetwork::new(clock.clone(), SimCluster::new(settings), Weather::FINE, 1);
        let login = Arc::new(SaslLogin::new(credentials).unwrap());
        let mut settings = NetworkSettings::default();
        settings.sasl = Some(login.clone());
        let mut client = NetworkClient::over(network.selectable(), settings, Arc::new(clock.clone()));
        let address = BrokerAddress { id: BROKER, host: "broker-1".into(), port: 9092, rack: None };
        client.set_brokers(clock.now(), &[address]);
        Self { network, clock, client, login }
    }

    fn inject(&self, fault: Fault) {
        self.network.with_cluster(|cluster| cluster.inject(fault, 1));
    }

    /// The first event that `wanted` takes, within a minute.
    fn await_event<T>(&mut self, wanted: impl Fn(&Event) -> Option<T>) -> T {
        let end = self.clock.now() + Duration::from_secs(60);
        let mut events = Vec::new();
        while self.clock.now() < end {
            if let Some(found) = events.iter().find_map(&wanted) {
                return found;
            }
            events.clear();
            let until = match self.client.readiness(self.clock.now(), BROKER) {
                Readiness::Wait { until: Some(until), .. } => until,
                _ => end,
            };
            self.client.poll(Some(until.min(end)), &mut events);
        }
        panic!("not within a minute: {events:?}")
    }

    /// Connects and is served.
    fn is_served(&mut self) {
        self.await_event(|event| matches!(event, Event::Connected { .. }).then_some(()));
        self.ask().unwrap();
    }

    /// A request on a connection that is there, or is being renewed.
    fn ask(&mut self) -> Result<(), DisconnectReason> {
        let mut events = Vec::new();
        let (connection, versions) = loop {
            if let Some(reason) = ended(&events) {
                return Err(reason);
            }
            match self.client.readiness(self.clock.now(), BROKER) {
                Readiness::Ready { connection, versions } => break (connection, versions),
                _ => self.client.poll(Some(self.clock.now() + Duration::from_secs(1)), &mut events),
            }
        };
        let version = versions.negotiate(ApiKey::Metadata).unwrap();
        let request = ClientRequest {
            token: 1,
            broker: BROKER,
            connection,
            api_key: ApiKey::Metadata,
            version,
            body: encode_body(version, &MetadataRequest::default()).unwrap(),
            timeout: Duration::from_secs(30),
            expects_response: true,
        };
        self.client.send(self.clock.now(), request).unwrap();
        self.await_event(|event| match event {
            Event::Answered { token: 1, .. } => Some(Ok(())),
            event => ended(std::slice::from_ref(event)).map(Err),
        })
    }

    fn asked(&self, api: ApiKey) -> u64 {
        self.network.with_cluster(|cluster| cluster.requests(api))
    }

    /// Why the connection is not made.
    fn refusal(&mut self) -> DisconnectReason {
        self.await_event(|event| match event {
            Event::Disconnected { reason, .. } => Some(reason.clone()),
            Event::Connected { .. } => panic!("a connection that may not be made"),
            _ => None,
        })
    }
}

/// Why the connection ended, if it did.
fn ended(events: &[Event]) -> Option<DisconnectReason> {
    events.iter().find_map(|event| match event {
        Event::Disconnected { reason, .. } => Some(reason.clone()),
        _ => None,
    })
}

#[test]
fn each_mechanism_is_accepted_and_served() {
    let now_ms = SimClock::new().timestamp_ms();
    for credentials in [
        plain("alice-secret"),
        scram("alice-secret"),
        SaslCredentials::scram(ScramHash::Sha512, "alice", Secret::from("alice-secret")),
        bearer(now_ms),
    ] {
        Stage::new(credentials).is_served();
    }
}

// SE4
#[test]
fn tokens_go_bare_to_a_broker_before_1_0() {
    for credentials in [plain("alice-secret"), scram("alice-secret")] {
        Stage::of(KafkaVersion::V0_11, credentials).is_served();
    }
    let reason = Stage::of(KafkaVersion::V0_11, plain("wrong")).refusal();
    assert!(reason.is_security(), "{reason}");
}

// SE9, SE25
#[test]
fn a_wrong_password_is_told_with_the_brokers_words_and_a_better_one_is_taken_later() {
    for (credentials, better, words) in [
        (plain("wrong"), plain("alice-secret"), "Authentication failed: Invalid username or password"),
        (scram("wrong"), scram("alice-secret"), "invalid credentials with SASL mechanism SCRAM-SHA-256"),
    ] {
        let mut stage = Stage::new(credentials);
        let reason = stage.refusal();
        let failure = reason.security().expect("a failure of security");
        assert_eq!(failure.code(), Some(ErrorCode::SASL_AUTHENTICATION_FAILED));
        assert_eq!(failure.stage(), SecurityStage::SaslToken);
        assert!(failure.to_string().contains(words), "{failure}");
        assert!(!format!("{failure} {failure:?}").contains("wrong"));
        stage.login.replace(better).unwrap();
        stage.is_served();
    }
}

// SE14
#[test]
fn a_token_that_has_ended_is_told_with_its_status() {
    let reason = Stage::new(bearer(-86_400_000)).refusal();
    let failure = reason.security().expect("a failure of security");
    assert_eq!(failure.code(), Some(ErrorCode::SASL_AUTHENTICATION_FAILED));
    assert!(failure.to_string().contains("invalid_token"), "{failure}");
}

/// H27
#[test]
fn a_broker_that_falls_silent_is_given_up_with_the_step_that_it_owes() {
    for (api, stage) in [
        (ApiKey::ApiVersions, SetupStage::Versions),
        (ApiKey::SaslHandshake, SetupStage::SaslHandshake),
        (ApiKey::SaslAuthenticate, SetupStage::SaslToken { number: 1 }),
    ] {
        let mut silent = Stage::new(scram("alice-secret"));
        silent.inject(Fault::Stall { api, carried_out: false });
        assert_eq!(silent.refusal(), DisconnectReason::SetupTimeout(stage));
        silent.is_served();
    }
}

fn answer(number: u32, bytes: impl Into<Bytes>) -> SaslFault {
    SaslFault::Answer { number, bytes: bytes.into() }
}

/// H23, H24, H28
#[test]
fn a_refusal_is_one_of_security_whatever_comes_with_it() {
    let refused = |code, names: Vec<String>| SaslFault::RefuseHandshake { code, mechanisms: names };
    let unsupported = ErrorCode::UNSUPPORTED_SASL_MECHANISM;
    for fault in [
        refused(unsupported, Vec::new()),
        refused(unsupported, vec!["GSSAPI\u{1b}[31m".to_owned(); 1000]),
        refused(ErrorCode::ILLEGAL_SASL_STATE, vec!["PLAIN".to_owned()]),
        SaslFault::RefuseToken { message: None },
        SaslFault::RefuseToken { message: Some("no\r\n\u{1b}[31m".repeat(3_000)) },
    ] {
        let mut stage = Stage::new(plain("alice-secret"));
        stage.inject(Fault::Sasl(fault.clone()));
        let reason = stage.refusal();
        assert!(reason.is_security(), "{fault:?}: {reason}");
        let text = reason.to_string();
        assert!(text.len() < 2000 && !text.contains(char::is_control), "{text}");
        stage.is_served();
    }
}

/// H29 to H37: the broker says that all is well, and only the client can tell that it is not.
#[test]
fn an_answer_that_does_not_prove_the_broker_is_not_believed() {
    let long = format!("r=x,s={},i=4096", "A".repeat(400_000));
    for (fault, of_bearer) in [
        (answer(1, "r=elsewhere,s=c2FsdA==,i=4096"), false),
        (answer(1, "r=,s=c2FsdA==,i=4096"), false),
        (answer(1, "v=c2lnbmF0dXJl"), false),
        (answer(1, ""), false),
        (answer(1, long), false),
        (answer(2, "v=c2lnbmF0dXJl"), false),
        (answer(2, "e=other-error"), false),
        (answer(2, ""), false),
        (answer(1, JSON), true),
        (answer(1, vec![b'x'; 400_000]), true),
    ] {
        let issued_ms = if of_bearer { -86_400_000 } else { 0 };
        let mut stage = Stage::new(if of_bearer { bearer(issued_ms) } else { scram("alice-secret") });
        stage.inject(Fault::Sasl(fault));
        let reason = stage.refusal();
        assert!(reason.is_security(), "{reason}");
        assert!(reason.to_string().len() < 2000);
        assert_eq!(stage.network.with_cluster(|cluster| cluster.requests(ApiKey::Metadata)), 0);
    }
}

/// H30, H31
#[test]
fn a_number_of_iterations_out_of_bounds_costs_no_work() {
    for (asked, words) in [(0, "4096"), (-1, "4096"), (4095, "4096"), (i64::from(i32::MAX), "1000000")] {
        let mut stage = Stage::new(scram("alice-secret"));
        stage.inject(Fault::Sasl(SaslFault::Iterations { asked }));
        let reason = stage.refusal();
        assert!(reason.is_security() && reason.to_string().replace(',', "").contains(words), "{reason}");
    }
}

/// H38, H39, H40, H42
#[test]
fn a_strange_last_answer_of_plain_does_no_harm() {
    for fault in [
        answer(1, "surprise"),
        SaslFault::Lifetime { millis: 0 },
        SaslFault::Lifetime { millis: -1 },
        SaslFault::Lifetime { millis: i64::MAX },
    ] {
        let mut stage = Stage::new(plain("alice-secret"));
        stage.inject(Fault::Sasl(fault));
        stage.is_served();
    }
}

// SE18, SE19, SE22
#[test]
fn sessions_are_renewed_under_load_and_no_request_meets_their_end() {
    for credentials in [plain("alice-secret"), scram("alice-secret"), bearer(SimClock::new().timestamp_ms())]
    {
        let mut stage = Stage::with_sessions(credentials);
        stage.is_served();
        let end = stage.clock.now() + Duration::from_secs(100);
        while stage.clock.now() < end {
            stage.ask().unwrap();
            stage.clock.advance_to(stage.clock.now() + Duration::from_millis(250));
        }
        assert_eq!(stage.asked(ApiKey::ApiVersions), 1, "one connection all the time");
        let exchanges = stage.asked(ApiKey::SaslHandshake);
        assert!((10..=13).contains(&exchanges), "{exchanges}");
    }
}

// SE22: a connection that was idle beyond the end of its session is renewed before its next request.
#[test]
fn a_session_that_ended_while_nothing_was_sent_is_renewed_late() {
    let mut stage = Stage::with_sessions(plain("alice-secret"));
    stage.is_served();
    stage.clock.advance_to(stage.clock.now() + Duration::from_secs(60));
    stage.ask().unwrap();
    assert_eq!((stage.asked(ApiKey::SaslHandshake), stage.asked(ApiKey::ApiVersions)), (2, 1));
}

/// H44
#[test]
fn a_renewal_with_a_password_that_is_no_longer_good_ends_the_connection_and_the_newest_one_is_tried() {
    let mut stage = Stage::with_sessions(plain("alice-secret"));
    stage.is_served();
    stage.network.with_cluster(|cluster| cluster.set_password("alice", Some(Secret::from("newer"))));
    stage.ask().unwrap();
    stage.clock.advance_to(stage.clock.now() + Duration::from_secs(9) + Duration::from_millis(600));
    let reason = stage.ask().unwrap_err();
    assert!(reason.to_string().contains("Invalid username or password"), "{reason}");
    stage.login.replace(plain("newer")).unwrap();
    stage.is_served();
}
