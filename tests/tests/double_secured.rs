//! The producer in front of a cluster that authenticates its clients, in virtual time: who is told what when credentials are
//! refused, and what becomes of records that were accepted.

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use counting_allocator::measure;
use kp_network::{
    NetworkClient, NetworkSettings, SaslCredentials, SaslLogin, ScramHash, Secret, SecurityStage,
};
use kp_producer::{
    Certainty, FailureKind, Producer, ProducerConfig, ProducerRecord, Reconnect, SecurityError,
    SendErrorKind, Stepper,
};
use kp_protocol::{ApiKey, BrokerId, ErrorCode, TopicPartition};
use kp_sim::{
    ClusterSettings, Fault, SaslFault, SaslSettings, SimClock, SimCluster, SimMechanism, SimNetwork, Weather,
};
use kp_time::Clock;

const MS: fn(u64) -> Duration = Duration::from_millis;
const PASSWORD: &str = "alice-secret";

/// A producer and a cluster, turned by hand.
struct Stage {
    network: SimNetwork,
    clock: SimClock,
    producer: Producer,
    stepper: Stepper,
    login: Arc<SaslLogin>,
}

fn plain(password: &str) -> SaslCredentials {
    SaslCredentials::plain("alice", Secret::from(password))
}

fn users() -> SaslSettings {
    SaslSettings::new(SimMechanism::ALL).with_user("alice", PASSWORD)
}

impl Stage {
    fn new(credentials: SaslCredentials, more: &[(&str, &str)]) -> Self {
        Self::before(users(), credentials, more)
    }

    /// Three brokers that authenticate their clients like this; a topic "t" of six partitions comes with its first use.
    fn before(sasl: SaslSettings, credentials: SaslCredentials, more: &[(&str, &str)]) -> Self {
        let cluster =
            ClusterSettings { sasl: Some(sasl), default_partitions: 6, ..ClusterSettings::default() };
        Self::over(cluster.with_brokers(3), credentials, more)
    }

    /// Such a cluster.
    fn over(cluster: ClusterSettings, credentials: SaslCredentials, more: &[(&str, &str)]) -> Self {
        let login = Arc::new(SaslLogin::new(credentials).expect("they are legal"));
        let mut settings = NetworkSettings::default();
        settings.sasl = Some(login.clone());
        Self::with(settings, cluster, login, more)
    }

    /// A client that shows no login, in front of such a cluster.
    fn without_login(more: &[(&str, &str)]) -> Self {
        let cluster = ClusterSettings { sasl: Some(users()), default_partitions: 6, ..Default::default() };
        let unused = Arc::new(SaslLogin::new(plain(PASSWORD)).expect("they are legal"));
        Self::with(NetworkSettings::default(), cluster.with_brokers(3), unused, more)
    }

    fn with(
        mut settings: NetworkSettings,
        cluster: ClusterSettings,
        login: Arc<SaslLogin>,
        more: &[(&str, &str)],
    ) -> Self {
        let clock = SimClock::new();
        let cluster = SimCluster::new(cluster);
        let network = SimNetwork::new(clock.clone(), cluster, Weather::FINE, 1);
        settings.seed = 2;
        let client = NetworkClient::over(network.selectable(), settings, Arc::new(clock.clone()));
        let servers = "broker-1:9092,broker-2:9092,broker-3:9092";
        let mut config = ProducerConfig::default().bootstrap_servers(servers);
        for (key, value) in more {
            config.set(key, *value).expect("a good value");
        }
        let built = Producer::builder(config).client(client).clock(clock.clone()).seed(3).build_stepped();
        let (producer, stepper) = built.expect("it is built");
        Self { network, clock, producer, stepper, login }
    }

    /// Turns the producer until the future is done; time passes where nothing else happens.
    fn run<F: Future>(&mut self, future: F) -> F::Output {
        let mut future = pin!(future);
        let mut context = Context::from_waker(Waker::noop());
        for _ in 0..100_000 {
            if let Poll::Ready(output) = future.as_mut().poll(&mut context) {
                return output;
            }
            self.stepper.turn();
        }
        panic!("it never ends");
    }

    /// Turns the producer for so long.
    fn pass(&mut self, time: Duration) {
        let end = self.clock.now() + time;
        while self.clock.now() < end {
            self.network.set_alarm(Some(end));
            self.stepper.turn();
        }
        self.network.set_alarm(None);
    }

    /// A topic whose partitions are known.
    fn knows(&mut self, topic: &str) {
        let producer = self.producer.clone();
        self.run(producer.partitions_for(topic)).expect("it is there");
    }

    fn send(&mut self, topic: &str) -> Result<kp_producer::Delivery, kp_producer::SendError> {
        let producer = self.producer.clone();
        self.run(async move { producer.send(ProducerRecord::to(topic).value("v")).await })
    }

    /// Sends to a topic that is not known, and must be told of a refusal. Answers when.
    fn refused(&mut self, topic: &str) -> (SecurityError, Instant) {
        let refused = self.send(topic).expect_err("the credentials are refused");
        match refused.kind() {
            SendErrorKind::Security(error) => (error.clone(), self.clock.now()),
            other => panic!("{other:?}"),
        }
    }

    fn set_password(&self, password: &str) {
        self.network.with_cluster(|cluster| cluster.set_password("alice", Some(Secret::from(password))));
    }

    /// Ends all connections.
    fn cut(&self) {
        (1..=3).for_each(|broker| self.network.cut(BrokerId(broker)));
    }

    fn asked(&self, api: ApiKey) -> u64 {
        self.network.with_cluster(|cluster| cluster.requests(api))
    }

    fn leader_of(&self, partition: i32) -> BrokerId {
        let at = TopicPartition::new("t", partition);
        self.network.with_cluster(|cluster| {
            cluster.partition(&at).expect("it is there").leader().expect("it has one")
        })
    }
}

// SE26, A14
#[test]
fn a_send_to_an_unknown_topic_is_told_of_the_refusal_and_a_later_one_at_once() {
    for wrong in [plain("wrong"), SaslCredentials::scram(ScramHash::Sha256, "alice", Secret::from("wrong"))] {
        let mut stage = Stage::new(wrong, &[]);
        let begun = stage.clock.now();
        let (error, at) = stage.refused("t");
        assert_eq!(
            (error.stage(), error.code()),
            (SecurityStage::SaslToken, Some(ErrorCode::SASL_AUTHENTICATION_FAILED))
        );
        assert!(at - begun < MS(1_000), "{:?}", at - begun);
        // Three brokers may be tried one after the other; then all back off, and no send waits for that.
        let told: Vec<Duration> = (0..20)
            .map(|_| {
                let begun = stage.clock.now();
                stage.refused("another").1 - begun
            })
            .collect();
        assert!(told.iter().all(|took| *took < MS(400)), "{told:?}");
        assert!(told.iter().filter(|took| took.is_zero()).count() >= 5, "{told:?}");
        stage.login.replace(plain(PASSWORD)).expect("legal");
        stage.pass(MS(2_000));
        let delivery = stage.send("t").expect("it is accepted");
        stage.run(delivery).expect("it is acknowledged");
    }
}

// SE40, A4
#[test]
fn a_thousand_logins_on_new_connections_leave_no_memory_behind() {
    let cluster = ClusterSettings { sasl: Some(users()), retain: false, ..ClusterSettings::default() };
    let credentials = SaslCredentials::scram(ScramHash::Sha512, "alice", Secret::from(PASSWORD));
    let mut stage = Stage::over(cluster.with_brokers(3), credentials, &[("linger.ms", "0")]);
    let mut reconnect = |times: u64| {
        let before = stage.asked(ApiKey::SaslAuthenticate);
        for _ in 0..times {
            stage.cut();
            let delivery = stage.send("t").expect("it is accepted");
            stage.run(delivery).expect("it is acknowledged");
        }
        assert!(stage.asked(ApiKey::SaslAuthenticate) - before >= 2 * times, "each logs in anew");
    };
    // Lists have grown by then to what they need.
    reconnect(1_400);
    let ((), taken) = measure(|| reconnect(1_000));
    assert!(taken.left < 4 * 1024, "{taken:?}");
}

// SE26
#[test]
fn all_calls_that_wait_are_told_of_one_refusal() {
    let mut stage = Stage::new(plain("wrong"), &[]);
    let producer = stage.producer.clone();
    let mut calls: Vec<_> = (0..10)
        .map(|number| {
            let producer = producer.clone();
            Box::pin(async move { producer.send(ProducerRecord::to(&format!("t{number}")).value("v")).await })
        })
        .collect();
    // Each has begun to wait before the first is waited for.
    let mut context = Context::from_waker(Waker::noop());
    assert!(calls.iter_mut().all(|call| call.as_mut().poll(&mut context).is_pending()));
    let begun = stage.clock.now();
    for call in calls {
        let refused = stage.run(call).expect_err("the credentials are refused");
        assert!(matches!(refused.kind(), SendErrorKind::Security(_)), "{refused}");
    }
    assert!(stage.clock.now() - begun < MS(1_000));
}

// SE27
#[test]
fn accepted_records_wait_for_the_right_password_and_arrive() {
    let mut stage = Stage::new(plain(PASSWORD), &[]);
    stage.knows("t");
    stage.set_password("newer");
    stage.cut();
    let deliveries: Vec<_> = (0..50).map(|_| stage.send("t").expect("it is accepted")).collect();
    stage.pass(Duration::from_secs(30));
    assert_eq!(stage.network.with_cluster(|cluster| cluster.record_count("t")), 0);
    // Another topic would have to be asked about: that is told at once, and nothing that was accepted is touched by it.
    stage.refused("another");
    stage.login.replace(plain("newer")).expect("legal");
    for delivery in deliveries {
        stage.run(delivery).expect("it is acknowledged");
    }
    assert_eq!(stage.network.with_cluster(|cluster| cluster.record_count("t")), 50);
}

// SE26, SE30
#[test]
fn a_client_without_a_login_is_told_at_once_that_one_is_wanted_and_so_is_each_later_call() {
    let mut stage = Stage::without_login(&[]);
    for topic in 0..20 {
        let begun = stage.clock.now();
        let (error, at) = stage.refused(&format!("t{topic}"));
        assert!(at - begun < MS(1_000), "{:?}", at - begun);
        assert_eq!((error.stage(), error.is_retriable()), (SecurityStage::Connection, false));
        let line = error.to_string();
        assert!(line.contains("wants a login, and this client has none; it offers PLAIN, "), "{line}");
        assert!(line.contains("set security.protocol=SASL_PLAINTEXT and sasl.mechanism"), "{line}");
        assert!(error.broker().starts_with("broker-"), "{line}");
    }
    assert_eq!(stage.asked(ApiKey::SaslAuthenticate), 0);
}

// SE27, SE30
#[test]
fn records_that_were_accepted_before_a_listener_wanted_a_login_keep_their_time_and_name_it() {
    let times = [("delivery.timeout.ms", "5000"), ("request.timeout.ms", "3000"), ("linger.ms", "0")];
    let mut stage = Stage::without_login(&times);
    stage.network.with_cluster(|cluster| cluster.set_sasl(None));
    stage.knows("t");
    stage.network.with_cluster(|cluster| cluster.set_sasl(Some(users())));
    stage.cut();
    let begun = stage.clock.now();
    let delivery = stage.send("t").expect("it is accepted");
    stage.refused("another");
    let failed = stage.run(delivery).expect_err("no broker takes it");
    assert!(stage.clock.now() - begun >= MS(5_000));
    assert!(matches!(failed.kind(), FailureKind::Expired), "{failed}");
    assert_eq!(failed.certainty(), Certainty::NotWritten);
    assert!(failed.to_string().contains("the listener wants a login"), "{failed}");
}

// SE27
#[test]
fn a_record_that_ran_out_of_time_names_the_refusal_and_was_not_written() {
    let times = [("delivery.timeout.ms", "5000"), ("request.timeout.ms", "3000"), ("linger.ms", "0")];
    let mut stage = Stage::new(plain(PASSWORD), &times);
    stage.knows("t");
    stage.set_password("newer");
    stage.cut();
    let begun = stage.clock.now();
    let delivery = stage.send("t").expect("it is accepted");
    let failed = stage.run(delivery).expect_err("no broker takes it");
    assert!(stage.clock.now() - begun >= MS(5_000));
    assert!(matches!(failed.kind(), FailureKind::Expired), "{failed}");
    assert_eq!(failed.certainty(), Certainty::NotWritten);
    assert!(failed.to_string().contains("Invalid username or password"), "{failed}");
}

// H46, SE25
#[test]
fn one_broker_that_refuses_holds_up_its_own_partitions_alone_and_is_named() {
    let mut stage = Stage::new(plain(PASSWORD), &[("linger.ms", "0")]);
    stage.knows("t");
    let stubborn = stage.leader_of(0);
    stage.cut();
    let fault = Fault::Sasl(SaslFault::RefuseTokensAt { broker: stubborn, message: Some("not here".into()) });
    stage.network.with_cluster(|cluster| cluster.inject(fault, u32::MAX));
    let mut held = Vec::new();
    for partition in 0..6 {
        let producer = stage.producer.clone();
        let record = ProducerRecord::to("t").partition(partition).value("v");
        let delivery = stage.run(producer.send(record)).expect("it is accepted");
        if stage.leader_of(partition) == stubborn {
            held.push(delivery);
        } else {
            stage.run(delivery).expect("this broker takes it");
        }
    }
    // A topic that is new is asked of the others.
    stage.knows("another");
    stage.pass(Duration::from_secs(10));
    let unreachable = stage.producer.unreachable();
    let named = [format!("broker-{}:9092", stubborn.0)];
    assert_eq!(unreachable.iter().map(|broker| broker.address.to_string()).collect::<Vec<_>>(), named);
    assert!(unreachable[0].reason.contains("not here"), "{}", unreachable[0].reason);
    stage.network.with_cluster(SimCluster::clear_faults);
    assert!(!held.is_empty());
    for delivery in held {
        stage.run(delivery).expect("it takes them now");
    }
}

// SE19, SE23
#[test]
fn records_flow_while_sessions_are_renewed_and_each_arrives_once() {
    let sessions = users().with_max_reauth(MS(3_000));
    for credentials in
        [plain(PASSWORD), SaslCredentials::scram(ScramHash::Sha512, "alice", Secret::from(PASSWORD))]
    {
        let mut stage = Stage::before(sessions.clone(), credentials, &[("linger.ms", "5")]);
        stage.knows("t");
        let mut deliveries = Vec::new();
        for round in 0..300 {
            let (producer, record) = (stage.producer.clone(), ProducerRecord::to("t").partition(round % 6));
            deliveries.push(stage.run(producer.send(record.value("v"))).expect("it is accepted"));
            stage.pass(MS(100));
        }
        for delivery in deliveries {
            stage.run(delivery).expect("it is acknowledged");
        }
        assert_eq!(stage.network.with_cluster(|cluster| cluster.record_count("t")), 300);
        assert!(
            stage.asked(ApiKey::ApiVersions) <= 6,
            "no connection was lost: {}",
            stage.asked(ApiKey::ApiVersions)
        );
        assert!(stage.asked(ApiKey::SaslHandshake) > 20, "{}", stage.asked(ApiKey::SaslHandshake));
    }
}

// H44, SE26
#[test]
fn a_password_that_changes_under_sessions_costs_no_record() {
    let mut stage = Stage::before(users().with_max_reauth(MS(3_000)), plain(PASSWORD), &[("linger.ms", "5")]);
    stage.knows("t");
    let mut deliveries = Vec::new();
    for round in 0..100 {
        if round == 40 {
            stage.set_password("newer");
        }
        if round == 80 {
            stage.login.replace(plain("newer")).expect("legal");
        }
        deliveries.push(stage.send("t").expect("it is accepted"));
        stage.pass(MS(100));
    }
    for delivery in deliveries {
        stage.run(delivery).expect("it is acknowledged");
    }
    assert_eq!(stage.network.with_cluster(|cluster| cluster.record_count("t")), 100);
}

// A13
#[test]
fn credentials_are_reloaded_under_load_and_each_record_arrives_once() {
    let mut stage = Stage::new(plain(PASSWORD), &[("linger.ms", "5")]);
    stage.knows("t");
    let (mut deliveries, mut before) = (Vec::new(), 0);
    for round in 0..120 {
        let (producer, record) = (stage.producer.clone(), ProducerRecord::to("t").partition(round % 6));
        deliveries.push(stage.run(producer.send(record.value("v"))).expect("it is accepted"));
        if round == 60 {
            stage.set_password("newer");
            stage.login.replace(plain("newer")).expect("legal");
            before = stage.asked(ApiKey::SaslAuthenticate);
            stage.producer.reload_credentials(Reconnect::Yes);
        }
        stage.pass(MS(10));
    }
    for delivery in deliveries {
        stage.run(delivery).expect("it is acknowledged");
    }
    let records = stage.network.with_cluster(|cluster| cluster.record_count("t"));
    let anew = stage.asked(ApiKey::SaslAuthenticate) - before;
    assert_eq!((records, anew), (120, 3), "each connection, once");
    assert!(stage.producer.unreachable().is_empty());
}

/// Everything that the producer says of itself and of this error.
fn texts(stage: &mut Stage, error: &kp_producer::SendError) -> String {
    let producer = stage.producer.clone();
    let explained = std::thread::scope(|scope| {
        let asked = scope.spawn(|| producer.explain());
        while !asked.is_finished() {
            stage.stepper.turn();
        }
        asked.join().expect("it does not panic")
    });
    let producer = &stage.producer;
    let said = (producer.notices(), producer.unreachable(), producer.warnings(), producer.metrics());
    format!("{error} {error:?} {error:#?} {explained} {explained:?} {said:?} {producer:?} {:?}", stage.login)
}

/// The producer's own texts, when a broker repeats the secret that it was shown.
#[test]
fn no_text_of_a_producer_has_a_secret_in_it_though_the_broker_repeats_it() {
    let secret = "planted.in.the.test";
    let hmac = SaslCredentials::Scram {
        hash: ScramHash::Sha256,
        user: "token-id".to_owned(),
        password: Secret::from(secret),
        is_token: true,
        max_iterations: 1_000_000,
    };
    let all = [
        plain(secret),
        SaslCredentials::scram(ScramHash::Sha512, "alice", Secret::from(secret)),
        SaslCredentials::oauth_bearer(Secret::from(secret)),
        hmac,
    ];
    for credentials in all {
        let mut stage = Stage::new(credentials.clone(), &[]);
        let message = Some(format!("no user has {secret}, {}", secret.repeat(9)));
        let fault = Fault::Sasl(SaslFault::RefuseToken { message });
        stage.network.with_cluster(|cluster| cluster.inject(fault, u32::MAX));
        let refused = stage.send("t").expect_err("it is refused");
        stage.pass(MS(3_000));
        let texts = format!("{credentials:?} {}", texts(&mut stage, &refused));
        assert!(texts.contains("refused by the broker") && texts.contains("broker-1"), "{texts}");
        assert!(!texts.contains(secret), "{texts}");
    }
}

/// The same of a configuration that is good, and of each of these that is not.
#[test]
fn no_text_of_a_configuration_has_a_secret_in_it() {
    let secret = "planted-in-the-test";
    let line = |end: &str| format!(r#"a.b.PlainLoginModule required username="u" password="{secret}"{end}"#);
    let pem = format!("-----BEGIN PRIVATE KEY-----\n{secret}\n-----END PRIVATE KEY-----");
    let module = format!(
        r#"org.apache.kafka.common.security.plain.PlainLoginModule required username="u" password="{secret}";"#
    );
    let configurations: [&[(&str, &str)]; 8] = [
        &[
            ("security.protocol", "SASL_PLAINTEXT"),
            ("sasl.mechanism", "PLAIN"),
            ("sasl.jaas.config", &module),
        ],
        &[
            ("security.protocol", "SASL_PLAINTEXT"),
            ("sasl.mechanism", "PLAIN"),
            ("sasl.jaas.config", &line(";")),
        ],
        &[
            ("security.protocol", "SASL_PLAINTEXT"),
            ("sasl.mechanism", "PLAIN"),
            ("sasl.jaas.config", &line("")),
        ],
        &[("security.protocol", "SASL_PLAINTEXT"), ("sasl.mechanism", "PLAIN"), ("sasl.jaas.config", secret)],
        &[("security.protocol", "SASL_PLAINTEXT"), ("sasl.username", "u"), ("sasl.password", secret)],
        &[("security.protocol", "SSL"), ("ssl.keystore.type", "PEM"), ("ssl.keystore.key", &pem)],
        &[("security.protocol", "SSL"), ("ssl.keystore.location", "/nowhere"), ("ssl.key.password", secret)],
        &[
            ("security.protocol", "SSL"),
            ("ssl.truststore.location", "/no"),
            ("ssl.truststore.password", secret),
        ],
    ];
    for pairs in configurations {
        let mut config = ProducerConfig::default().bootstrap_servers("nowhere:1");
        let mut texts = String::new();
        for (key, value) in pairs {
            if let Err(error) = config.set(*key, *value) {
                texts += &format!("{error} {error:?} ");
            }
        }
        texts += &format!("{config:?} {config:#?} {:?} ", config.clone().validate());
        match Producer::builder(config).build_stepped() {
            Ok((producer, _)) => texts += &format!("{producer:?} {:?}", producer.warnings()),
            Err(error) => texts += &format!("{error} {error:?} {error:#?}"),
        }
        assert!(!texts.contains(secret), "{pairs:?}: {texts}");
    }
}
