//! Finding out about the cluster: which broker to ask, when, and what to say if none answers.

use crate::harness::*;
use bytes::Bytes;
use kp_protocol::api::MetadataResponse;
use kp_protocol::{ApiKey, BrokerId, BrokerVersions, ErrorCode, VersionRange, encode_body};
use kp_sender::Input;
use std::sync::Arc;
use std::time::Duration;

#[test]
fn the_bootstrap_list_is_announced_and_asked_at_once() {
    // MD1
    let mut harness = Harness::with(Plan { bootstrap: 3, ..Plan::default() });
    harness.answers_metadata = false;
    harness.run();
    assert_eq!(harness.listed.iter().map(|b| b.id.0).collect::<Vec<_>>(), [-3, -2, -1]);
    assert_eq!(harness.requests.len(), 1, "one request (NC26)");
    assert_eq!(harness.requests[0].api_key, ApiKey::Metadata);
    harness.answers_metadata = true;
    harness.run();
    assert_eq!(harness.listed.iter().map(|b| b.id.0).collect::<Vec<_>>(), [1, 2]);
    assert!(!harness.cluster().is_bootstrap());
}

#[test]
fn while_nobody_can_be_reached_the_reason_names_every_address_and_asking_goes_on() {
    // MD2, issue: which addresses were tried and what each said
    let mut harness = Harness::with(Plan { bootstrap: 2, ..Plan::default() });
    harness.least_loaded = Some(None);
    harness.run();
    for (id, reason) in [(-1, "connection refused"), (-2, "no such host")] {
        let address = format!("boot{}:9092", -id).into();
        harness.input(Input::Network(kp_client::Event::Disconnected {
            broker: BrokerId(id),
            address,
            reason: kp_client::DisconnectReason::ConnectFailed(reason.into()),
            reached: kp_client::Reached::Address { untried: 0 },
        }));
    }
    harness.advance(Duration::from_secs(5));
    let last = harness.metadata_failures.last().expect("the failure is told");
    assert_eq!(
        &**last,
        "boot1:9092: connect failed: connection refused; boot2:9092: connect failed: no such host"
    );
    assert!(harness.metadata_failures.len() < 30, "with backoff, not in a loop");
    harness.least_loaded = None;
    harness.advance(MS(1000));
    assert!(!harness.cluster().is_bootstrap());
}

#[test]
fn a_broker_that_connects_is_waited_for_and_asked_when_it_is_there() {
    // NC26
    let mut harness = Harness::new();
    harness.least_loaded = Some(Some(BrokerId(-1)));
    harness.moods.insert(BrokerId(-1), Mood::Wait(None));
    harness.run();
    assert!(harness.requests.is_empty() && harness.metadata_failures.is_empty());
    harness.moods.clear();
    harness.connected(BrokerId(-1));
    harness.run();
    assert!(!harness.cluster().is_bootstrap());
}

#[test]
fn an_unusable_broker_is_reported_with_its_reason() {
    // NC23
    let mut harness = Harness::new();
    harness.least_loaded = Some(Some(BrokerId(-1)));
    harness.moods.insert(BrokerId(-1), Mood::Failed("authentication failed"));
    harness.run();
    assert_eq!(&**harness.metadata_failures.last().unwrap(), "boot1:9092: authentication failed");
}

fn unauthenticated(id: i32, stage: kp_client::SecurityStage) -> Input {
    let failure = Arc::new(kp_client::SecurityFailure::new(stage, "no"));
    Input::Network(kp_client::Event::Disconnected {
        broker: BrokerId(id),
        address: format!("boot{}:9092", -id).into(),
        reason: kp_client::DisconnectReason::AuthenticationFailed(failure),
        reached: kp_client::Reached::Answer,
    })
}

// SE26
#[test]
fn refused_credentials_are_told_at_once_only_while_no_broker_is_connected() {
    use kp_client::SecurityStage::{Reauthentication, SaslToken};
    let mut harness = Harness::with(Plan { bootstrap: 2, ..Plan::default() });
    harness.least_loaded = Some(None);
    harness.run();
    harness.input(unauthenticated(-1, SaslToken));
    harness.run();
    assert_eq!(harness.security_failures, ["boot1:9092".into()]);
    assert_eq!(
        harness.metadata_failures.last().map(|last| &**last),
        Some("boot1:9092: SASL authentication failed: no"),
        "and kept for calls that wait in vain"
    );
    harness.connected(BrokerId(-2));
    harness.input(unauthenticated(-1, SaslToken));
    harness.run();
    assert_eq!(harness.security_failures.len(), 1);
    // The next connection may show newer credentials.
    harness.input(unauthenticated(-2, Reauthentication));
    harness.run();
    assert_eq!(harness.security_failures.len(), 1);
}

// SE30, H16, H17, H18
#[test]
fn another_protocol_is_told_at_once_as_a_refusal_is_and_a_bare_close_is_not() {
    use kp_client::OtherProtocol::{Http, Plaintext, Ssh, Tls};
    let ended = |reason| {
        let mut harness = Harness::new();
        harness.least_loaded = Some(None);
        harness.run();
        harness.input(Input::Network(kp_client::Event::Disconnected {
            broker: BrokerId(-1),
            address: "boot1:9092".into(),
            reason,
            reached: kp_client::Reached::Socket,
        }));
        harness.run();
        let told = harness.security_failures.len();
        // The call that comes later hears it too.
        harness.want("t");
        harness.run();
        (told, harness.security_failures.len())
    };
    for other in [Tls, Plaintext, Http, Ssh] {
        assert_eq!(ended(kp_client::DisconnectReason::OtherProtocol(other)), (1, 2), "{other}");
    }
    // A proxy that has lost its brokers closes like that, too.
    assert_eq!(ended(kp_client::DisconnectReason::ClosedWithoutAnswer), (0, 0));
    assert_eq!(ended(kp_client::DisconnectReason::ConnectFailed("closed".into())), (0, 0));
}

// SE26
#[test]
fn a_call_that_begins_to_wait_is_told_of_the_refusal_before_it_unless_an_attempt_is_made_for_it() {
    use kp_client::SecurityStage::SaslToken;
    let mut harness = Harness::new();
    harness.least_loaded = Some(None);
    harness.run();
    harness.input(unauthenticated(-1, SaslToken));
    harness.run();
    assert_eq!(harness.security_failures.len(), 1);
    let begun = harness.now();
    for (told, call) in [(2, Input::WantTopic("t".into())), (3, Input::WantMetadata)] {
        harness.input(call);
        harness.run();
        assert_eq!((harness.security_failures.len(), harness.now()), (told, begun), "at once");
        harness.run();
        assert_eq!(harness.security_failures.len(), told, "and once");
    }
    // Now one may be connected to, although it is too early to ask it for metadata: the call hears how that ends.
    harness.least_loaded = Some(Some(BrokerId(-1)));
    harness.moods.insert(BrokerId(-1), Mood::Wait(None));
    harness.asked.clear();
    harness.want("t");
    harness.run();
    assert_eq!((&*harness.asked, harness.security_failures.len()), (&[BrokerId(-1)][..], 3));
    harness.input(unauthenticated(-1, SaslToken));
    assert_eq!(
        {
            harness.run();
            harness.security_failures.len()
        },
        4
    );
}

// SE26
#[test]
fn a_refusal_is_over_when_a_broker_lets_the_client_in_or_its_own_fails_in_another_way() {
    use kp_client::Reached::{Address, Socket};
    use kp_client::SecurityStage::SaslToken;
    let lost = |id: i32, reached| {
        Input::Network(kp_client::Event::Disconnected {
            broker: BrokerId(id),
            address: format!("boot{}:9092", -id).into(),
            reason: kp_client::DisconnectReason::ConnectFailed("connection refused".into()),
            reached,
        })
    };
    let let_in = Input::Network(kp_client::Event::Connected {
        broker: BrokerId(-2),
        connection: kp_client::ConnectionNumber(1),
        versions: Arc::default(),
    });
    let (one_address, all_addresses) = (Address { untried: 1 }, Address { untried: 0 });
    for (news, is_told) in [
        (vec![let_in, lost(-2, Socket)], false),
        (vec![lost(-1, all_addresses)], false),
        // Another address of its name, and another broker, do not answer for it.
        (vec![lost(-1, one_address)], true),
        (vec![lost(-2, all_addresses)], true),
    ] {
        let what = format!("{news:?}");
        let mut harness = Harness::with(Plan { bootstrap: 2, ..Plan::default() });
        harness.least_loaded = Some(None);
        harness.run();
        harness.input(unauthenticated(-1, SaslToken));
        news.into_iter().for_each(|news| harness.input(news));
        harness.run();
        assert_eq!(harness.security_failures.len(), 1);
        harness.want("t");
        harness.run();
        assert_eq!(harness.security_failures.len(), 1 + usize::from(is_told), "{what}");
        let last = harness.metadata_failures.last().unwrap();
        assert_eq!(last.contains("boot1:9092: SASL"), is_told || what.contains("BrokerId(-2)"), "{last}");
    }
}

#[test]
fn a_lost_metadata_request_is_made_again_after_the_backoff() {
    // MD2
    let mut harness = Harness::new();
    harness.answers_metadata = false;
    harness.run();
    let token = harness.requests.remove(0).token;
    harness.input(Input::Network(kp_client::Event::Failed {
        token,
        written: kp_client::Written::Perhaps,
        reason: kp_client::DisconnectReason::RequestTimeout,
    }));
    harness.run();
    assert!(harness.requests.is_empty());
    harness.advance(MS(120));
    assert_eq!(harness.requests.len(), 1);
}

#[test]
fn an_unknown_topic_shows_its_error_and_is_asked_for_until_it_is_there() {
    // MD16, MD21
    let mut harness = Harness::new();
    harness.want("t");
    harness.run();
    let error = |harness: &Harness| harness.cluster().topic("t").and_then(|topic| topic.error());
    assert_eq!(error(&harness), Some(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION));
    let before = harness.clusters.len();
    harness.advance(Duration::from_secs(3));
    let asked = harness.clusters.len() - before;
    assert!((3..15).contains(&asked), "asked {asked} times in 3 s");
    harness.add_topic("t", &[1]);
    harness.advance(Duration::from_secs(1));
    assert_eq!(error(&harness), None);
    harness.send(0);
    harness.run();
    assert_eq!(harness.produces().len(), 1);
}

#[test]
fn whoever_asks_for_a_topic_that_is_known_or_refused_is_answered_at_once() {
    // MD9, MD22
    let mut harness = Harness::knowing(Plan::default(), &[1]);
    let before = harness.clusters.len();
    harness.answers_metadata = false;
    harness.want("t");
    harness.run();
    assert_eq!(harness.clusters.len(), before + 1);
    harness.answers_metadata = true;
    harness.add_topic("forbidden", &[]);
    harness.topics.get_mut("forbidden").unwrap().error = ErrorCode::TOPIC_AUTHORIZATION_FAILED;
    harness.want("forbidden");
    harness.run();
    let before = harness.clusters.len();
    harness.answers_metadata = false;
    harness.want("forbidden");
    harness.run();
    assert_eq!(harness.clusters.len(), before + 1);
}

#[test]
fn a_new_leader_is_found_within_one_backoff_however_long_the_old_one_is_left_alone() {
    // MD3
    let mut harness = Harness::knowing(Plan::default(), &[1]);
    let until = harness.now() + Duration::from_secs(60);
    harness.moods.insert(BrokerId(1), Mood::Wait(Some(until)));
    let address = "b1:9092".into();
    harness.input(Input::Network(kp_client::Event::Disconnected {
        broker: BrokerId(1),
        address,
        reason: kp_client::DisconnectReason::ConnectFailed("reset".into()),
        reached: kp_client::Reached::Address { untried: 0 },
    }));
    harness.send(0);
    harness.advance(Duration::from_secs(2));
    let before = harness.clusters.len();
    harness.advance(Duration::from_secs(1));
    let asked = harness.clusters.len() - before;
    assert!((8..=13).contains(&asked), "asked {asked} times in a second");
    harness.topics.get_mut("t").unwrap().leaders = vec![(2, 6)];
    harness.advance(MS(121));
    let taken = harness.take_produce();
    assert_eq!(taken.request.broker, BrokerId(2));
    harness.acknowledge(&taken);
    let before = harness.clusters.len();
    harness.advance(Duration::from_secs(60));
    assert!(harness.clusters.len() - before <= 1, "and nothing is asked any more");
}

#[test]
fn metadata_is_renewed_by_age() {
    // MD2
    let mut harness = Harness::knowing(Plan::default(), &[1]);
    let before = harness.clusters.len();
    harness.topics.get_mut("t").unwrap().leaders = vec![(2, 6)];
    harness.advance(Duration::from_secs(290));
    assert_eq!(harness.clusters.len(), before);
    harness.send(0);
    harness.run();
    let taken = harness.take_produce();
    assert_eq!(taken.request.broker, BrokerId(1));
    harness.acknowledge(&taken);
    harness.advance(Duration::from_secs(20));
    assert_eq!(harness.clusters.len(), before + 1);
    harness.send(0);
    harness.run();
    assert_eq!(harness.take_produce().request.broker, BrokerId(2), "leaders move");
}

#[test]
fn batches_of_a_partition_without_a_leader_ask_for_their_topic_until_it_has_one() {
    // AC12
    let mut harness = Harness::knowing(Plan::default(), &[1]);
    harness.topics.get_mut("t").unwrap().leaders = vec![(-1, 6)];
    harness.send(0);
    harness.run();
    let taken = harness.take_produce();
    harness.advance(Duration::from_secs(1)); // No backoff of metadata is running any more.
    harness.answer(&taken, |_| refused(ErrorCode::LEADER_NOT_AVAILABLE));
    harness.advance(Duration::from_secs(2));
    assert!(harness.produces().is_empty());
    harness.topics.get_mut("t").unwrap().leaders = vec![(2, 7)];
    harness.advance(Duration::from_secs(2));
    assert_eq!(harness.take_produce().request.broker, BrokerId(2));
}

#[test]
fn when_no_broker_is_usable_the_bootstrap_list_comes_back_and_delivery_goes_on() {
    // MD23
    let mut harness = Harness::knowing(Plan::default(), &[1]);
    harness.moods.insert(BrokerId(1), Mood::Wait(None));
    harness.moods.insert(BrokerId(2), Mood::Wait(None));
    harness.moods.insert(BrokerId(-1), Mood::Wait(None));
    let sent = harness.send(0);
    harness.advance(Duration::from_secs(1));
    harness.input(Input::Network(kp_client::Event::Disconnected {
        broker: BrokerId(1),
        address: "host1:9092".into(),
        reason: kp_client::DisconnectReason::ConnectFailed("gone".into()),
        reached: kp_client::Reached::Address { untried: 0 },
    }));
    harness.advance(Duration::from_secs(1));
    assert!(harness.listed.iter().all(|broker| broker.id.is_bootstrap()), "{:?}", harness.listed);
    harness.moods.clear();
    harness.advance(Duration::from_secs(2));
    let taken = harness.take_produce();
    harness.acknowledge(&taken);
    assert!(offset(&sent).is_some());
}

#[test]
fn a_connection_that_nobody_wanted_ends_without_a_refresh() {
    // NC22: an idle one
    let mut harness = Harness::knowing(Plan::default(), &[1]);
    harness.advance(MS(500));
    let before = harness.clusters.len();
    harness.input(Input::Network(kp_client::Event::Disconnected {
        broker: BrokerId(2),
        address: "host2:9092".into(),
        reason: kp_client::DisconnectReason::ConnectFailed("idle".into()),
        reached: kp_client::Reached::Address { untried: 0 },
    }));
    harness.advance(Duration::from_secs(2));
    assert_eq!(harness.clusters.len(), before);
    assert!(harness.metadata_failures.is_empty(), "no broker has failed");
}

#[test]
fn a_dead_leader_is_replaced_by_the_one_metadata_names() {
    // NC11
    let mut harness = Harness::knowing(Plan::default(), &[1]);
    harness.moods.insert(BrokerId(1), Mood::Wait(None));
    let sent = harness.send(0);
    harness.run();
    harness.topics.get_mut("t").unwrap().leaders = vec![(2, 6)];
    harness.input(Input::Network(kp_client::Event::Disconnected {
        broker: BrokerId(1),
        address: "host1:9092".into(),
        reason: kp_client::DisconnectReason::ConnectFailed("reset".into()),
        reached: kp_client::Reached::Address { untried: 0 },
    }));
    harness.advance(Duration::from_secs(1));
    let taken = harness.take_produce();
    assert_eq!(taken.request.broker, BrokerId(2));
    harness.acknowledge(&taken);
    assert!(offset(&sent).is_some());
}

#[test]
fn a_bootstrap_connection_that_is_closed_because_it_left_the_list_is_no_failure() {
    let mut harness = Harness::knowing(Plan::default(), &[1]);
    let address = "boot1:9092".into();
    harness.input(Input::Network(kp_client::Event::Disconnected {
        broker: BrokerId(-1),
        address,
        reason: kp_client::DisconnectReason::ConnectFailed("left the list".into()),
        reached: kp_client::Reached::Address { untried: 0 },
    }));
    harness.run();
    harness.least_loaded = Some(None);
    harness.advance(Duration::from_secs(301));
    assert!(harness.metadata_failures.iter().all(|reason| !reason.contains("left the list")));
}

#[test]
fn a_backoff_of_zero_does_not_make_the_core_spin() {
    let mut plan = Plan::default();
    plan.metadata.retry_backoff = kp_time::Backoff::new(MS(0), MS(1000));
    plan.sender.retry_backoff = kp_time::Backoff::new(MS(0), MS(1000));
    let mut harness = Harness::with(plan);
    harness.least_loaded = Some(None);
    harness.advance(Duration::from_secs(1));
    harness.least_loaded = None;
    harness.add_topic("t", &[1]);
    harness.want("t");
    harness.advance(Duration::from_secs(1));
    let sent = harness.send(0);
    harness.run();
    let taken = harness.take_produce();
    harness.answer(&taken, |_| refused(ErrorCode::NOT_ENOUGH_REPLICAS));
    let taken = harness.take_produce();
    harness.acknowledge(&taken);
    assert!(offset(&sent).is_some());
}

/// Asks for metadata anew and answers it with this.
fn answer_anew(harness: &mut Harness, response: &MetadataResponse) {
    harness.answers_metadata = false;
    harness.advance(Duration::from_secs(1));
    harness.want("another");
    harness.run();
    let request = harness.requests.remove(0);
    assert_eq!(request.api_key, ApiKey::Metadata);
    let body = Bytes::from(encode_body(request.version, response).unwrap().concat());
    harness.event(kp_client::Event::Answered { token: request.token, body });
    harness.run();
}

#[test]
fn a_broker_that_asks_to_start_over_gets_every_connection_closed_and_the_bootstrap_list_back() {
    // MD24
    let mut harness = Harness::knowing(Plan::default(), &[1]);
    let start_over = MetadataResponse { error_code: ErrorCode::REBOOTSTRAP_REQUIRED, ..Default::default() };
    answer_anew(&mut harness, &start_over);
    assert_eq!(harness.disconnected, [BrokerId(1), BrokerId(2)]);
    assert!(harness.listed.iter().all(|broker| broker.id.is_bootstrap()), "{:?}", harness.listed);
    assert!(harness.metadata_failures.is_empty(), "that is no failure");
}

#[test]
fn another_error_of_the_whole_answer_keeps_what_is_known_and_tells_the_reason() {
    // MD2
    let mut harness = Harness::knowing(Plan::default(), &[1]);
    let before = harness.clusters.len();
    let failed = MetadataResponse { error_code: ErrorCode::UNKNOWN_SERVER_ERROR, ..Default::default() };
    answer_anew(&mut harness, &failed);
    assert!(harness.disconnected.is_empty());
    assert_eq!(harness.clusters.len(), before);
    assert!(harness.metadata_failures.last().unwrap().contains("UNKNOWN_SERVER_ERROR"));
}

#[test]
fn a_throttled_metadata_answer_is_honoured_from_the_version_on_that_leaves_it_to_the_client() {
    // KIP-219
    for (newest, throttled) in [(13, 1), (6, 1), (5, 0)] {
        let mut harness = Harness::new();
        let metadata = (ApiKey::Metadata, VersionRange::new(0, newest));
        let produce = (ApiKey::Produce, VersionRange::new(0, 9));
        harness.versions = Arc::new(BrokerVersions::fixed([metadata, produce]));
        harness.run();
        answer_anew(&mut harness, &MetadataResponse { throttle_time_ms: 300, ..Default::default() });
        assert_eq!(harness.throttled.len(), throttled, "version {newest}");
    }
    let mut harness = Harness::new();
    harness.run();
    answer_anew(&mut harness, &MetadataResponse::default());
    assert!(harness.throttled.is_empty());
}

#[test]
fn an_answer_to_a_request_that_is_not_under_way_is_nobodys() {
    let mut harness = Harness::new();
    harness.answers_metadata = false;
    harness.run();
    harness.event(kp_client::Event::Answered { token: 9_999, body: Bytes::from_static(b"?") });
    harness.run();
    assert!(harness.disconnected.is_empty());
    harness.answers_metadata = true;
    harness.run();
    assert!(!harness.cluster().is_bootstrap(), "the request that is under way is still answered");
}

#[test]
fn whoever_asks_for_the_cluster_gets_it_at_once_if_it_is_known() {
    // MD22
    let mut harness = Harness::new();
    harness.answers_metadata = false;
    harness.run();
    harness.input(Input::WantMetadata);
    harness.run();
    assert!(harness.clusters.iter().all(|cluster| cluster.is_bootstrap()));
    assert!(harness.clusters.len() <= 1, "nothing is known yet");
    harness.answers_metadata = true;
    harness.run();
    let before = harness.clusters.len();
    harness.input(Input::WantMetadata);
    harness.run();
    assert_eq!(harness.clusters.len(), before + 1);
}
