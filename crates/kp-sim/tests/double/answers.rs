//! The double answers what Apache Kafka was measured to answer: every conformance case, against the state machine
//! itself and, with the feature `tcp`, against the embedded broker's socket.

use std::collections::VecDeque;
use std::io;
use std::time::Duration;

use bytes::Bytes;
use kp_protocol::{BrokerId, FrameReader};
use kp_sim::conformance::{CaseResult, Door, Wire, run_delegation_on, run_on, run_sasl_on};
use kp_sim::{ClusterSettings, KafkaVersion, Reply, SaslSettings, SimCluster, SimMechanism};
use kp_time::{Clock, ManualClock};

/// A connection to the state machine, in virtual time.
pub(crate) struct SimWire {
    cluster: SimCluster,
    clock: ManualClock,
    connection: u64,
    frames: FrameReader,
    answers: VecDeque<Bytes>,
    is_closed: bool,
}

impl SimWire {
    pub(crate) fn new(settings: ClusterSettings) -> Self {
        Self {
            cluster: SimCluster::new(settings),
            clock: ManualClock::new(),
            connection: 0,
            frames: FrameReader::default(),
            answers: VecDeque::new(),
            is_closed: false,
        }
    }

    fn carry_out(&mut self, frame: Bytes) {
        let (now, timestamp_ms) = (self.clock.now(), self.clock.timestamp_ms());
        let mut reply = self.cluster.handle_request(now, timestamp_ms, BrokerId(1), self.connection, frame);
        while let Reply::Later(waiting) = reply {
            self.clock.advance_to(waiting.deadline());
            reply = self.cluster.resume(self.clock.now(), self.clock.timestamp_ms(), *waiting);
        }
        match reply {
            Reply::Answer(segments) => self.answers.push_back(segments.concat()[4..].to_vec().into()),
            Reply::LastAnswer(segments) => {
                self.answers.push_back(segments.concat()[4..].to_vec().into());
                self.is_closed = true;
            }
            Reply::Silence => {}
            Reply::Close => self.is_closed = true,
            other => panic!("no fault was planned, but: {other:?}"),
        }
    }
}

impl Wire for SimWire {
    fn send(&mut self, bytes: Bytes) -> io::Result<()> {
        // Byte by byte up to here and there: a frame may arrive in any pieces.
        for piece in bytes.chunks(1 + bytes.len() / 3) {
            self.frames.extend(piece);
            while !self.is_closed {
                match self.frames.next_frame() {
                    Ok(Some(frame)) => self.carry_out(frame),
                    Ok(None) => break,
                    Err(_) => self.is_closed = true,
                }
            }
        }
        Ok(())
    }

    fn receive(&mut self) -> io::Result<Option<Bytes>> {
        match self.answers.pop_front() {
            Some(answer) => Ok(Some(answer)),
            None if self.is_closed => Ok(None),
            None => Err(io::ErrorKind::TimedOut.into()),
        }
    }

    fn reconnect(&mut self) -> io::Result<()> {
        self.cluster.connection_closed(self.connection);
        self.connection += 1;
        self.frames = FrameReader::default();
        self.answers.clear();
        self.is_closed = false;
        Ok(())
    }

    fn pause(&mut self) {
        self.clock.advance(Duration::from_millis(10));
    }

    fn timestamp_ms(&self) -> i64 {
        self.clock.timestamp_ms()
    }
}

fn all_good(results: &[CaseResult]) {
    let differing: Vec<String> =
        results.iter().filter(|result| result.outcome.is_err()).map(ToString::to_string).collect();
    assert!(
        differing.is_empty(),
        "{} of {} differ:\n{}",
        differing.len(),
        results.len(),
        differing.join("\n")
    );
}

#[test]
fn the_state_machine_answers_every_case_in_every_produce_version_as_kafka_does() {
    let mut wire = SimWire::new(ClusterSettings::default());
    let results = run_on(&mut wire, KafkaVersion::V4_3, 3..=13, "case").unwrap();
    assert!(results.len() > 300, "every case in eleven versions, not {}", results.len());
    all_good(&results);
}

#[test]
fn the_state_machine_answers_as_kafka_3_9_does_when_told_to() {
    let kafka_version = KafkaVersion::V3_9;
    let mut wire = SimWire::new(ClusterSettings { kafka_version, ..Default::default() });
    all_good(&run_on(&mut wire, kafka_version, 3..=11, "case").unwrap());
}

#[test]
fn a_double_that_answers_otherwise_is_found_out() {
    // The suite itself is worth something only if it can fail: a broker that reads no records takes too much.
    let mut wire = SimWire::new(ClusterSettings { check_records: false, ..Default::default() });
    let results = run_on(&mut wire, KafkaVersion::V4_3, 13..=13, "case").unwrap();
    let differing: Vec<&str> =
        results.iter().filter(|result| result.outcome.is_err()).map(|result| result.name).collect();
    assert!(
        differing.contains(&"data that its codec cannot read is an error of the server"),
        "{differing:?}"
    );
}

/// The listener that the cases about logins are for.
fn with_logins(door: Door) -> ClusterSettings {
    let sasl = SaslSettings::new(SimMechanism::ALL)
        .with_user("alice", "alice-secret")
        .with_user("bob", "bob-secret");
    let sasl = match door {
        Door::Open => None,
        Door::Sessions => Some(sasl.with_max_reauth(Duration::from_secs(3))),
        _ => Some(sasl),
    };
    ClusterSettings { sasl, ..Default::default() }
}

// SE1, SE2, SE4, SE8, SE9, SE10, SE11, SE14, SE18, SE20, SE21, SE22
#[test]
fn the_state_machine_answers_every_case_about_logins_as_kafka_does() {
    let mut asked = 0;
    for door in [Door::Open, Door::Login, Door::Sessions] {
        let results = run_sasl_on(&mut SimWire::new(with_logins(door)), door).unwrap();
        asked += results.len();
        let differing: Vec<String> =
            results.iter().filter(|result| result.outcome.is_err()).map(ToString::to_string).collect();
        assert!(differing.is_empty(), "{door:?}:\n{}", differing.join("\n"));
    }
    assert!(asked > 40, "only {asked} cases");
}

// SE17
#[test]
fn the_state_machine_answers_every_case_about_delegation_tokens_as_kafka_does() {
    let settings = |ends_at_ms| {
        let sasl = with_logins(Door::Login).sasl.unwrap();
        let sasl = Some(sasl.with_delegation_token("id-1", "b25seSBmb3IgdGVzdHM=", "alice", ends_at_ms));
        ClusterSettings { sasl, ..Default::default() }
    };
    let differing = |ends_at_ms| {
        let mut wire = SimWire::new(settings(ends_at_ms));
        let results = run_delegation_on(&mut wire, "id-1", &"b25seSBmb3IgdGVzdHM=".into()).unwrap();
        assert_eq!(results.len(), 6);
        results.iter().filter(|result| result.outcome.is_err()).count()
    };
    assert_eq!(differing(i64::MAX), 0);
    assert_eq!(differing(0), 2, "a token that has ended is found out");
}

#[test]
fn a_double_that_judges_logins_otherwise_is_found_out() {
    // No sessions where they are expected.
    let mut wire = SimWire::new(with_logins(Door::Login));
    let results = run_sasl_on(&mut wire, Door::Sessions).unwrap();
    let differing: Vec<&str> =
        results.iter().filter(|result| result.outcome.is_err()).map(|result| result.name).collect();
    assert!(differing.contains(&"a session is as long as the listener says"), "{differing:?}");
}

#[cfg(feature = "tcp")]
#[test]
fn the_embedded_broker_answers_every_case_over_a_socket() {
    use kp_sim::tcp::{EmbeddedBroker, EmbeddedOptions};
    let broker = EmbeddedBroker::start(EmbeddedOptions::default()).unwrap();
    let (_, address) = broker.addresses().next().unwrap();
    for version in [10, 13] {
        all_good(&kp_sim::conformance::run(address, KafkaVersion::V4_3, version..=version, "case").unwrap());
    }
    broker.shutdown();
}
