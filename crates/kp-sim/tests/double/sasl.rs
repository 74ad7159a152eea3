//! SASL from a broker's side: each answer as Kafka 4.3 and 3.9 were seen to give it.

use std::time::Duration;

use bytes::Bytes;
use kp_protocol::api::{
    ApiVersionsRequest, InitProducerIdRequest, MetadataRequest, MetadataRequestTopic,
    SaslAuthenticateRequest, SaslAuthenticateResponse, SaslHandshakeRequest, SaslHandshakeResponse,
};
use kp_protocol::{ApiKey, ErrorCode, Message, Request, Timestamp, decode_response_header};
use kp_sasl::{SaslMechanism, SaslStep, Scram, ScramHash, ScramNonce, Secret, UnsecuredJwt, Worked};
use kp_sim::{ClusterSettings, Fault, KafkaVersion, Reply, SaslFault, SaslSettings, SimMechanism};
use kp_time::Clock;

use crate::client::{Client, FIRST};

const ALICE: &[u8] = b"\0alice\0alice-secret";

fn sasl() -> SaslSettings {
    SaslSettings::new(SimMechanism::ALL).with_user("alice", "alice-secret").with_user("bob", "bob-secret")
}

fn client(sasl: SaslSettings) -> Client {
    Client::of(ClusterSettings { sasl: Some(sasl), ..Default::default() })
}

impl Client {
    fn handshake(&mut self, mechanism: &str) -> SaslHandshakeResponse {
        self.ask(FIRST, 1, &SaslHandshakeRequest { mechanism: mechanism.into(), ..Default::default() })
    }

    fn handshake_reply(&mut self, mechanism: &str, version: i16) -> Reply {
        let request = SaslHandshakeRequest { mechanism: mechanism.into(), ..Default::default() };
        self.reply(FIRST, version, &request)
    }

    fn token_reply(&mut self, version: i16, token: &[u8]) -> Reply {
        let auth_bytes = Bytes::copy_from_slice(token);
        self.reply(FIRST, version, &SaslAuthenticateRequest { auth_bytes, ..Default::default() })
    }

    fn token(&mut self, token: &[u8]) -> SaslAuthenticateResponse {
        let reply = self.token_reply(2, token);
        self.read::<SaslAuthenticateRequest>(2, reply)
    }

    /// The words of a refusal, which must come after `delay` and be the last that is heard.
    fn refusal(&mut self, token: &[u8], delay: u64) -> String {
        let reply = self.token_reply(2, token);
        let reply = self.delayed(reply, delay);
        let answer = last::<SaslAuthenticateRequest>(2, reply);
        assert_eq!(answer.error_code, ErrorCode::SASL_AUTHENTICATION_FAILED);
        answer.error_message.unwrap().to_string()
    }

    /// What comes of a reply after `delay` and not before.
    fn delayed(&mut self, reply: Reply, delay: u64) -> Reply {
        let Reply::Later(waiting) = reply else { panic!("a refusal takes its time: {reply:?}") };
        assert_eq!(waiting.deadline() - self.clock.now(), Duration::from_millis(delay));
        self.clock.advance_to(waiting.deadline());
        self.cluster.resume(self.clock.now(), self.clock.timestamp_ms(), *waiting)
    }

    fn is_served(&mut self) -> bool {
        matches!(self.reply(FIRST, 12, &MetadataRequest::default()), Reply::Answer(_))
    }

    fn plain(&mut self, token: &[u8]) -> SaslAuthenticateResponse {
        assert_eq!(self.handshake("PLAIN").error_code, ErrorCode::NONE);
        self.token(token)
    }

    fn after(&mut self, millis: u64) {
        self.clock.advance_to(self.clock.now() + Duration::from_millis(millis));
    }

    /// Plays an exchange with a client's side of it to its end.
    fn play(&mut self, mut mechanism: impl SaslMechanism) -> SaslAuthenticateResponse {
        assert_eq!(self.handshake(mechanism.name()).error_code, ErrorCode::NONE);
        let mut step = mechanism.step(None).unwrap();
        loop {
            step = match step {
                SaslStep::Send(token) => {
                    let answer = self.token(token.expose());
                    let next = mechanism.step(Some(&answer.auth_bytes)).unwrap();
                    if matches!(next, SaslStep::Done) {
                        return answer;
                    }
                    next
                }
                SaslStep::Pending(work) => {
                    let worked: Worked = work.run();
                    mechanism.resume(worked).unwrap()
                }
                SaslStep::Done => panic!("an exchange without a token"),
            };
        }
    }
}

/// An answer behind which the connection closes.
fn last<R: Request>(version: i16, reply: Reply) -> R::Response {
    let Reply::LastAnswer(segments) = reply else { panic!("a last answer was expected: {reply:?}") };
    let frame = Bytes::from(segments.concat()).slice(4..);
    let (_, body) = decode_response_header(R::KEY, version, &frame).unwrap();
    R::Response::parse(&body, version).unwrap()
}

fn scram(hash: ScramHash, password: &str) -> Scram {
    Scram::new(hash, "alice", &Secret::from(password), ScramNonce::random().unwrap()).unwrap()
}

fn bearer(token: &Secret) -> Vec<u8> {
    [b"n,,\x01auth=Bearer ", token.expose(), b"\x01\x01"].concat()
}

/// An unsecured token that was issued at `issued_ms` for a minute.
fn token_of(issued_ms: i64) -> Secret {
    let options = [("unsecuredLoginStringClaim_sub", "alice"), ("unsecuredLoginLifetimeSeconds", "60")];
    UnsecuredJwt::from_options(options).unwrap().token(Timestamp(issued_ms)).unwrap()
}

// SE1, SE2
#[test]
fn before_it_has_authenticated_a_client_is_told_the_versions_once_and_nothing_else() {
    let mut client = client(sasl());
    assert!(matches!(client.reply(FIRST, 12, &MetadataRequest::default()), Reply::Close));
    let request = ApiVersionsRequest {
        client_software_name: "kp".into(),
        client_software_version: "1".into(),
        ..Default::default()
    };
    let answer = client.ask(FIRST, 4, &request);
    let newest = |api: ApiKey| {
        let row = answer.api_keys.iter().find(|row| row.api_key == api.key());
        row.map(|row| (row.min_version, row.max_version))
    };
    assert_eq!(newest(ApiKey::SaslHandshake), Some((0, 1)));
    assert_eq!(newest(ApiKey::SaslAuthenticate), Some((0, 2)));
    assert!(matches!(client.reply(FIRST, 4, &request), Reply::Close));
    assert!(matches!(client.token_reply(2, ALICE), Reply::Close), "a token without a handshake");
    client.plain(ALICE);
    assert!(matches!(client.reply(FIRST, 4, &request), Reply::Answer(_)));
}

// SE8
#[test]
fn a_mechanism_that_is_not_there_is_refused_with_those_that_are() {
    for name in ["GSSAPI", "plain", ""] {
        let mut client = client(sasl());
        let reply = client.handshake_reply(name, 1);
        let answer = last::<SaslHandshakeRequest>(1, reply);
        assert_eq!(answer.error_code, ErrorCode::UNSUPPORTED_SASL_MECHANISM);
        let names: Vec<&str> = answer.mechanisms.iter().map(|name| &**name).collect();
        assert_eq!(names, ["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512", "OAUTHBEARER"]);
    }
    let mut client = client(sasl());
    client.handshake("PLAIN");
    let again = client.handshake_reply("PLAIN", 1);
    let answer = last::<SaslHandshakeRequest>(1, again);
    assert_eq!((answer.error_code, answer.mechanisms.len()), (ErrorCode::ILLEGAL_SASL_STATE, 0));
}

// SE8
#[test]
fn a_connection_that_needs_no_authentication_refuses_it_and_goes_on() {
    let without = Client::of(ClusterSettings::default());
    let mut with = client(sasl());
    with.plain(ALICE);
    for mut client in [without, with] {
        assert_eq!(client.handshake("PLAIN").error_code, ErrorCode::ILLEGAL_SASL_STATE);
        let answer = client.token(ALICE);
        assert_eq!(answer.error_code, ErrorCode::ILLEGAL_SASL_STATE);
        let words = "SaslAuthenticate request received after successful authentication";
        assert_eq!(answer.error_message.as_deref(), Some(words));
        assert!(client.is_served());
    }
}

// SE9, SE10
#[test]
fn plain_takes_the_password_and_refuses_another_after_its_delay() {
    let mut client = client(sasl());
    let answer = client.plain(ALICE);
    assert_eq!((answer.error_code, answer.session_lifetime_ms), (ErrorCode::NONE, 0));
    assert!(client.is_served());
    assert_eq!(client.cluster.principal(1), Some("alice"));
    for (token, words) in [
        (&b"\0alice\0wrong"[..], "Authentication failed: Invalid username or password"),
        (b"\0carol\0alice-secret", "Authentication failed: Invalid username or password"),
        (b"", "Invalid SASL/PLAIN response: expected 3 tokens, got 1"),
    ] {
        let mut client = self::client(sasl());
        client.handshake("PLAIN");
        assert_eq!(client.refusal(token, 100), words);
        assert!(!client.is_served());
    }
}

// SE11, SE13
#[test]
fn both_scrams_end_with_a_signature_that_the_client_believes() {
    for hash in [ScramHash::Sha256, ScramHash::Sha512] {
        let mut client = client(sasl().with_iterations(5000));
        assert_eq!(client.play(scram(hash, "alice-secret")).error_code, ErrorCode::NONE);
        assert!(client.is_served());
    }
}

// SE9
#[test]
fn scram_refuses_an_unknown_user_at_the_first_message_and_a_wrong_password_at_the_last() {
    let words = "Authentication failed during authentication due to invalid credentials with SASL mechanism \
                 SCRAM-SHA-256";
    let mut client = client(sasl().with_failure_delay(Duration::from_millis(300)));
    client.handshake("SCRAM-SHA-256");
    assert_eq!(client.refusal(b"n,,n=carol,r=abc", 300), words);

    let mut client = self::client(sasl());
    client.handshake("SCRAM-SHA-256");
    let mut mechanism = scram(ScramHash::Sha256, "wrong");
    let SaslStep::Send(first) = mechanism.step(None).unwrap() else { panic!("a message") };
    let answer = client.token(first.expose());
    let SaslStep::Pending(work) = mechanism.step(Some(&answer.auth_bytes)).unwrap() else { panic!("work") };
    let SaslStep::Send(proof) = mechanism.resume(work.run()).unwrap() else { panic!("a proof") };
    assert_eq!(client.refusal(proof.expose(), 100), words);
}

/// A login by a delegation token, or by a user who says the same.
fn delegated(hash: ScramHash, id: &str, hmac: &str) -> Scram {
    let nonce = ScramNonce::random().unwrap();
    Scram::new(hash, id, &Secret::from(hmac), nonce).unwrap().with_delegation_token()
}

// SE17, SE18
#[test]
fn a_delegation_token_logs_its_owner_in_for_as_long_as_it_is_good() {
    for hash in [ScramHash::Sha256, ScramHash::Sha512] {
        let mut client = client(sasl());
        let ends_at_ms = client.clock.timestamp_ms() + 60_000;
        let token = (Secret::from("aG1hYw=="), "bob".to_owned(), ends_at_ms);
        client.cluster.set_delegation_token("id-1", Some(token));
        let answer = client.play(delegated(hash, "id-1", "aG1hYw=="));
        assert_eq!((answer.error_code, answer.session_lifetime_ms), (ErrorCode::NONE, 60_000));
        assert_eq!(client.cluster.principal(1), Some("bob"));
        client.after(59_999);
        assert!(client.is_served());
        client.after(1);
        assert!(!client.is_served(), "the session ends with the token");
        client.handshake(hash.mechanism());
        let SaslStep::Send(first) = delegated(hash, "id-1", "aG1hYw==").step(None).unwrap() else {
            panic!("a message")
        };
        assert!(client.refusal(first.expose(), 100).contains("invalid credentials"), "it has ended");
    }
}

// SE17
#[test]
fn a_delegation_token_is_no_user_and_a_user_no_delegation_token() {
    let ends_at_ms = i64::MAX;
    let settings = sasl().with_delegation_token("id-1", "aG1hYw==", "bob", ends_at_ms);
    assert!(!format!("{settings:?}").contains("aG1hYw"));
    for first in ["n,,n=id-1,r=abc", "n,,n=alice,r=abc,tokenauth=true", "n,,n=id-2,r=abc,tokenauth=true"] {
        let mut client = client(settings.clone());
        client.handshake("SCRAM-SHA-512");
        assert!(client.refusal(first.as_bytes(), 100).ends_with("SCRAM-SHA-512"), "{first}");
    }
    let mut client = client(settings);
    client.cluster.set_delegation_token("id-1", None);
    client.handshake("SCRAM-SHA-512");
    assert!(client.refusal(b"n,,n=id-1,r=abc,tokenauth=true", 100).ends_with("SCRAM-SHA-512"), "taken away");
}

// SE14, SE18
#[test]
fn a_bearer_session_lasts_as_long_as_its_token() {
    let mut client = client(sasl());
    client.handshake("OAUTHBEARER");
    let now_ms = client.clock.timestamp_ms();
    let answer = client.token(&bearer(&token_of(now_ms)));
    assert_eq!((answer.error_code, answer.session_lifetime_ms), (ErrorCode::NONE, 60_000));
    client.after(59_999);
    assert!(client.is_served());
    client.after(1);
    assert!(!client.is_served());
}

// SE14
#[test]
fn a_token_that_is_not_taken_is_refused_when_the_client_has_said_that_it_heard() {
    for message in [bearer(&token_of(-120_000)), b"n,,\x01auth=Bearer garbage\x01\x01".to_vec()] {
        let mut client = client(sasl());
        client.handshake("OAUTHBEARER");
        let answer = client.token(&message);
        assert_eq!(answer.error_code, ErrorCode::NONE);
        assert_eq!(&answer.auth_bytes[..], br#"{"status":"invalid_token"}"#);
        assert_eq!(client.refusal(b"\x01", 100), r#"{"status":"invalid_token"}"#);
    }
    let mut client = client(sasl());
    client.handshake("OAUTHBEARER");
    let words = "Authentication failed during authentication due to invalid credentials with SASL mechanism \
                 OAUTHBEARER";
    assert_eq!(client.refusal(b"nonsense", 100), words);
}

// SE4
#[test]
fn after_a_handshake_of_version_0_the_tokens_go_bare() {
    let settings =
        ClusterSettings { sasl: Some(sasl()), kafka_version: KafkaVersion::V0_10, ..Default::default() };
    for (token, is_good) in [(ALICE, true), (b"\0alice\0wrong", false)] {
        let mut client = Client::of(settings.clone());
        assert!(matches!(client.handshake_reply("PLAIN", 1), Reply::Close), "0.10 knows version 0 alone");
        assert!(matches!(client.handshake_reply("PLAIN", 0), Reply::Answer(_)));
        let (now, wall) = (client.clock.now(), client.clock.timestamp_ms());
        match client.cluster.handle_request(now, wall, FIRST, 1, Bytes::copy_from_slice(token)) {
            Reply::Answer(frame) => assert!(is_good && frame.concat() == [0; 4]),
            Reply::Later(waiting) => {
                assert!(!is_good);
                let reply = client.cluster.resume(waiting.deadline(), wall, *waiting);
                assert!(matches!(reply, Reply::Close), "Kafka before 1.0 gives no reason");
            }
            other => panic!("{other:?}"),
        }
        let is_served = matches!(client.reply(FIRST, 1, &MetadataRequest::default()), Reply::Answer(_));
        assert_eq!(is_served, is_good);
    }
}

// SE18, SE20, SE22
#[test]
fn a_session_that_has_ended_takes_a_handshake_and_nothing_else() {
    let mut client = client(sasl().with_max_reauth(Duration::from_secs(3)));
    assert_eq!(client.plain(ALICE).session_lifetime_ms, 3000);
    client.after(3000);
    assert!(!client.is_served());
    client.handshake("PLAIN");
    assert!(!client.is_served(), "nothing is taken between handshake and token");
    assert_eq!(client.token(ALICE).session_lifetime_ms, 3000);
    assert!(client.is_served());
}

// SE20
#[test]
fn a_request_between_handshake_and_token_is_answered_with_an_error_that_is_the_last_word() {
    let topic = MetadataRequestTopic { name: Some("t".into()), ..Default::default() };
    let metadata = MetadataRequest { topics: Some(vec![topic]), ..Default::default() };
    for is_renewal in [false, true] {
        let mut client = client(sasl().with_max_reauth(Duration::from_secs(3)));
        if is_renewal {
            client.plain(ALICE);
        }
        client.handshake("PLAIN");
        let reply = client.reply(FIRST, 12, &metadata);
        let answer = last::<MetadataRequest>(12, client.delayed(reply, 100));
        assert_eq!(answer.topics.len(), 1);
        assert_eq!(answer.topics[0].error_code, ErrorCode::ILLEGAL_SASL_STATE);
        assert!(answer.topics[0].partitions.is_empty() && answer.brokers.is_empty());
        let reply = client.reply(FIRST, 3, &ApiVersionsRequest::default());
        let answer = last::<ApiVersionsRequest>(3, client.delayed(reply, 100));
        assert_eq!(answer.error_code, ErrorCode::ILLEGAL_SASL_STATE);
        let reply = client.reply(FIRST, 4, &InitProducerIdRequest::default());
        let answer = last::<InitProducerIdRequest>(4, client.delayed(reply, 100));
        assert_eq!(answer.error_code, ErrorCode::ILLEGAL_SASL_STATE);
    }
    let mut client = client(sasl());
    assert!(matches!(client.reply(FIRST, 12, &metadata), Reply::Close), "no handshake came before");
}

// SE40
#[test]
fn before_a_login_a_frame_of_512_kib_is_read_and_a_byte_more_closes_the_connection() {
    // The first version has a length of 4 bytes whatever it is, so only the token grows.
    let around = |client: &mut Client| client.frame(1, &SaslAuthenticateRequest::default()).len();
    for (more, is_read) in [(0, true), (1, false)] {
        let mut client = client(sasl());
        client.handshake("PLAIN");
        let size = (512 << 10) + more - around(&mut client);
        let token = [b"\0alice\0".as_slice(), &vec![b'a'; size - 7]].concat();
        let reply = client.token_reply(1, &token);
        assert_eq!(matches!(reply, Reply::Later(_)), is_read, "{reply:?}");
        assert!(is_read || matches!(reply, Reply::Close), "{reply:?}");
    }
    let mut client = client(sasl());
    client.plain(ALICE);
    let name = "a".repeat(30_000);
    let topic = MetadataRequestTopic { name: Some(name.as_str().into()), ..Default::default() };
    let request = MetadataRequest { topics: Some(vec![topic; 20]), ..Default::default() };
    assert!(matches!(client.reply(FIRST, 12, &request), Reply::Answer(_)), "after it, larger ones are taken");
}

// SE18
#[test]
fn a_client_that_cannot_be_told_the_lifetime_is_cut_off_all_the_same() {
    let mut client = client(sasl().with_max_reauth(Duration::from_secs(3)));
    client.handshake("PLAIN");
    assert!(matches!(client.token_reply(0, ALICE), Reply::Answer(_)));
    assert!(client.is_served());
    client.after(3000);
    assert!(!client.is_served());
}

// SE21
#[test]
fn the_first_renewal_may_come_at_once_and_each_further_one_a_second_later() {
    let mut client = client(sasl().with_max_reauth(Duration::from_secs(3)));
    client.plain(ALICE);
    assert_eq!(client.plain(ALICE).error_code, ErrorCode::NONE);
    assert_eq!(client.handshake("PLAIN").error_code, ErrorCode::ILLEGAL_SASL_STATE);
    assert!(client.is_served(), "the connection stays");
    client.after(1000);
    assert_eq!(client.plain(ALICE).error_code, ErrorCode::NONE);
}

// SE22
#[test]
fn a_renewal_keeps_user_and_mechanism() {
    let settings = sasl().with_max_reauth(Duration::from_secs(3));
    let mut client = client(settings.clone());
    client.plain(ALICE);
    client.handshake("PLAIN");
    let words = "Cannot change principals during re-authentication from User.alice: User.bob";
    assert_eq!(client.refusal(b"\0bob\0bob-secret", 100), words);

    let mut client = self::client(settings.clone());
    client.plain(ALICE);
    client.handshake("SCRAM-SHA-256");
    assert!(matches!(client.token_reply(2, b"n,,n=alice,r=abc"), Reply::Close));

    let mut client = self::client(settings);
    client.plain(ALICE);
    client.cluster.set_password("alice", Some(Secret::from("newer")));
    assert!(client.is_served(), "a session outlives its password");
    client.handshake("PLAIN");
    assert_eq!(client.refusal(ALICE, 100), "Authentication failed: Invalid username or password");
}

#[test]
fn a_planned_fault_takes_the_place_of_an_answer() {
    let mut client = client(sasl());
    let code = ErrorCode::ILLEGAL_SASL_STATE;
    let mechanisms = vec!["PLAIN".to_owned()];
    client.cluster.inject(Fault::Sasl(SaslFault::RefuseHandshake { code, mechanisms }), 1);
    let reply = client.handshake_reply("PLAIN", 1);
    let answer = last::<SaslHandshakeRequest>(1, reply);
    assert_eq!((answer.error_code, answer.mechanisms.len()), (code, 1));

    client.cluster.inject(Fault::Sasl(SaslFault::RefuseToken { message: None }), 1);
    client.handshake("PLAIN");
    let reply = client.token_reply(2, ALICE);
    let answer = last::<SaslAuthenticateRequest>(2, reply);
    assert_eq!((answer.error_code, answer.error_message), (ErrorCode::SASL_AUTHENTICATION_FAILED, None));

    let bytes = Bytes::from_static(b"r=elsewhere");
    client.cluster.inject(Fault::Sasl(SaslFault::Answer { number: 1, bytes: bytes.clone() }), 1);
    client.cluster.inject(Fault::Sasl(SaslFault::Lifetime { millis: i64::MAX }), 1);
    let answer = client.plain(ALICE);
    assert_eq!((answer.auth_bytes, answer.session_lifetime_ms), (bytes, i64::MAX));
    assert_eq!(client.cluster.faults_left(), 0);
}
