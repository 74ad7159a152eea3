//! The cases about logins. Every answer here was given by Apache Kafka 4.3.0 and by 3.9.1 alike.

use kp_protocol::ErrorCode;
use kp_sasl::ScramHash;

use super::sasl::{Door, SaslCase, SaslStep, Token, TokenAnswer};
use Door::{Login, Open, Sessions};
use SaslStep::{
    Closed, ClosedOn, ClosedOnHandshake, RefusedNoMore, Served, ServedNoMore, ServedThenHandshake, Wait,
};

const OK: ErrorCode = ErrorCode::NONE;
const REFUSED: ErrorCode = ErrorCode::SASL_AUTHENTICATION_FAILED;
const ILLEGAL: ErrorCode = ErrorCode::ILLEGAL_SASL_STATE;
const UNKNOWN: ErrorCode = ErrorCode::UNSUPPORTED_SASL_MECHANISM;
const ALICE: Token = Token::Bytes(b"\0alice\0alice-secret");
const BOB: Token = Token::Bytes(b"\0bob\0bob-secret");
const WRONG: Token = Token::Bytes(b"\0alice\0wrong");
/// How long a session of the listener with sessions is.
const SESSION_MS: i64 = 3000;
const WRONG_PLAIN: &str = "Authentication failed: Invalid username or password";
/// A password with which SaslAuthenticate v2 is 512 KiB long (`sasl.server.max.receive.size`): its header takes 25 bytes, the
/// lengths and tags of its body 4, the user 7.
const LARGEST: usize = (512 << 10) - 36;
const INVALID_TOKEN: &[u8] = br#"{"status":"invalid_token"}"#;
const AFTER: &str = "SaslAuthenticate request received after successful authentication";

/// Every case about logins.
#[must_use]
pub fn sasl_cases() -> Vec<SaslCase> {
    [
        before_the_login(),
        handshakes(),
        plain(),
        bare(),
        scram(),
        oauth(),
        afterwards(),
        sessions(),
        renewals(),
    ]
    .into_iter()
    .flatten()
    .collect()
}

fn versions(version: i16, software: &'static str, code: ErrorCode) -> SaslStep {
    SaslStep::Versions { version, software, code }
}

fn handshake(mechanism: &'static str) -> SaslStep {
    SaslStep::Handshake { version: 1, mechanism, code: OK, lists: true }
}

fn refused_handshake(mechanism: &'static str, code: ErrorCode) -> SaslStep {
    SaslStep::Handshake { version: 1, mechanism, code, lists: code == UNKNOWN }
}

fn token(token: Token, answer: TokenAnswer) -> SaslStep {
    SaslStep::Token { version: 2, token, answer }
}

fn refused(sent: Token, words: &'static str) -> SaslStep {
    token(sent, TokenAnswer::Refused(REFUSED, words))
}

/// A login by PLAIN, and its session.
fn login(session_ms: i64) -> [SaslStep; 2] {
    [handshake("PLAIN"), token(ALICE, TokenAnswer::In(session_ms))]
}

fn after_login(session_ms: i64, more: impl IntoIterator<Item = SaslStep>) -> Vec<SaslStep> {
    login(session_ms).into_iter().chain(more).collect()
}

// SE1, SE2
fn before_the_login() -> Vec<SaslCase> {
    vec![
        SaslCase::new(
            "ApiVersions of an unknown version may be asked again before a login",
            Login,
            [versions(99, "kp", ErrorCode::UNSUPPORTED_VERSION), versions(4, "kp", OK), handshake("PLAIN")],
        ),
        SaslCase::new(
            "a second ApiVersions before a login closes the connection",
            Login,
            // ApiVersions v0.
            [versions(4, "kp", OK), ClosedOn(b"\0\0\0\x0b\0\x12\0\0\0\0\0\x07\0\x01x")],
        ),
        SaslCase::new(
            "a client software name with a blank is refused before a login too",
            Login,
            [versions(3, "k p", ErrorCode::INVALID_REQUEST)],
        ),
        SaslCase::new(
            "Metadata before a handshake closes the connection",
            Login,
            // Metadata v0.
            [ClosedOn(b"\0\0\0\x0f\0\x03\0\0\0\0\0\x07\0\x01x\0\0\0\0")],
        ),
        SaslCase::new(
            "Metadata between handshake and token is answered with an error, and ends the connection",
            Login,
            [handshake("PLAIN"), RefusedNoMore(ILLEGAL)],
        ),
        SaslCase::new(
            "a token without a handshake closes the connection",
            Login,
            [ClosedOn(b"\0\0\0\x13\0alice\0alice-secret")],
        ),
    ]
}

// SE4, SE8
fn handshakes() -> Vec<SaslCase> {
    vec![
        SaslCase::new(
            "an unknown mechanism is answered with the known ones, and the connection ends",
            Login,
            [refused_handshake("FOO", UNKNOWN), Closed],
        ),
        SaslCase::new(
            "a mechanism in lower case is unknown",
            Login,
            [refused_handshake("plain", UNKNOWN), Closed],
        ),
        SaslCase::new(
            "a second handshake before the token is refused",
            Login,
            [handshake("PLAIN"), refused_handshake("PLAIN", ILLEGAL), Closed],
        ),
        SaslCase::new(
            "a handshake of an unknown version closes the connection",
            Login,
            [ClosedOnHandshake(9)],
        ),
        SaslCase::new(
            "a listener without SASL refuses handshake and token, and goes on",
            Open,
            [refused_handshake("PLAIN", ILLEGAL), token(ALICE, TokenAnswer::Refused(ILLEGAL, AFTER)), Served],
        ),
    ]
}

// SE9, SE10, SE40
fn plain() -> Vec<SaslCase> {
    let plain = |name, step: SaslStep, then| SaslCase::new(name, Login, [handshake("PLAIN"), step, then]);
    let in_version = |version| SaslStep::Token { version, token: ALICE, answer: TokenAnswer::In(0) };
    let other = "Authentication failed: Client requested an authorization id that is different from username";
    vec![
        plain("PLAIN logs in by SaslAuthenticate v2", in_version(2), Served),
        plain("PLAIN logs in by SaslAuthenticate v1", in_version(1), Served),
        plain("PLAIN logs in by SaslAuthenticate v0", in_version(0), Served),
        plain("PLAIN refuses a wrong password and closes", refused(WRONG, WRONG_PLAIN), Closed),
        plain(
            "PLAIN refuses an unknown user in the same words",
            refused(Token::Bytes(b"\0unheard-of\0x"), WRONG_PLAIN),
            Closed,
        ),
        plain(
            "PLAIN refuses to log in for another",
            refused(Token::Bytes(b"bob\0alice\0alice-secret"), other),
            Closed,
        ),
        plain(
            "PLAIN logs in for the user itself",
            token(Token::Bytes(b"alice\0alice\0alice-secret"), TokenAnswer::In(0)),
            Served,
        ),
        plain(
            "PLAIN wants three parts",
            refused(Token::Bytes(b"\0alice"), "Invalid SASL/PLAIN response: expected 3 tokens, got 2"),
            Closed,
        ),
        plain(
            "PLAIN wants something",
            refused(Token::Bytes(b""), "Invalid SASL/PLAIN response: expected 3 tokens, got 1"),
            Closed,
        ),
        plain(
            "a request of 512 KiB is read before a login",
            refused(Token::Long(LARGEST), WRONG_PLAIN),
            Closed,
        ),
        SaslCase::new(
            "a request of a byte more closes the connection",
            Login,
            [handshake("PLAIN"), token(Token::Long(LARGEST + 1), TokenAnswer::Closed)],
        ),
        SaslCase::new(
            "a token of 600,000 bytes closes the connection",
            Login,
            [handshake("PLAIN"), token(Token::Long(600_000), TokenAnswer::Closed)],
        ),
    ]
}

// SE4
fn bare() -> Vec<SaslCase> {
    let old = |mechanism| SaslStep::Handshake { version: 0, mechanism, code: OK, lists: true };
    vec![
        SaslCase::new(
            "behind SaslHandshake v0 a bare token logs in",
            Login,
            [old("PLAIN"), SaslStep::BareToken(ALICE), Served],
        ),
        SaslCase::new(
            "behind SaslHandshake v0 a wrong token closes the connection",
            Login,
            [old("PLAIN"), ClosedOn(b"\0\0\0\x0c\0alice\0wrong")],
        ),
    ]
}

// SE9, SE11
fn scram() -> Vec<SaslCase> {
    let of = |hash: ScramHash, names: [&'static str; 4]| {
        let scram = |user, password, code| SaslStep::Scram { hash, user, password, code };
        let case = |name, step, then| SaslCase::new(name, Login, [handshake(hash.mechanism()), step, then]);
        let bind = Token::Bytes(b"p=tls-unique,,n=alice,r=abc");
        let words =
            "Authentication failed during authentication due to invalid credentials with SASL mechanism";
        [
            case(names[0], scram("alice", "alice-secret", OK), Served),
            case(names[1], scram("alice", "wrong", REFUSED), Closed),
            case(names[2], scram("unheard-of", "x", REFUSED), Closed),
            case(names[3], refused(bind, words), Closed),
        ]
    };
    let sha_256 = [
        "SCRAM-SHA-256 logs in",
        "SCRAM-SHA-256 refuses a wrong password and closes",
        "SCRAM-SHA-256 refuses an unknown user at the first message",
        "SCRAM-SHA-256 refuses channel binding",
    ];
    let sha_512 = [
        "SCRAM-SHA-512 logs in",
        "SCRAM-SHA-512 refuses a wrong password and closes",
        "SCRAM-SHA-512 refuses an unknown user at the first message",
        "SCRAM-SHA-512 refuses channel binding",
    ];
    [of(ScramHash::Sha256, sha_256), of(ScramHash::Sha512, sha_512)].into_iter().flatten().collect()
}

// SE14, SE18
fn oauth() -> Vec<SaslCase> {
    let bearer = |ends_in_s, extensions| Token::Bearer { subject: "alice", ends_in_s, extensions };
    let case = |name, steps: Vec<SaslStep>| {
        SaslCase::new(name, Login, [vec![handshake("OAUTHBEARER")], steps].concat())
    };
    let garbage = Token::Bytes(b"n,,\x01auth=Bearer a.b.c\x01\x01");
    let told = |sent| token(sent, TokenAnswer::Challenge(INVALID_TOKEN));
    let words = "Authentication failed during authentication due to invalid credentials with SASL mechanism";
    vec![
        case(
            "OAUTHBEARER logs in for as long as the token is good",
            vec![token(bearer(60, ""), TokenAnswer::In(60_000)), Served],
        ),
        case(
            "OAUTHBEARER takes an extension",
            vec![token(bearer(60, "traceId=7\x01"), TokenAnswer::In(60_000)), Served],
        ),
        case(
            "OAUTHBEARER tells of a token that has ended, and refuses it after one more answer",
            vec![
                told(bearer(-9, "")),
                refused(Token::Bytes(b"\x01"), r#"{"status":"invalid_token"}"#),
                Closed,
            ],
        ),
        case("OAUTHBEARER tells of a token that is none", vec![told(garbage)]),
        case(
            "OAUTHBEARER refuses a message in another form at once",
            vec![refused(Token::Bytes(b"hello"), words), Closed],
        ),
    ]
}

// SE8
fn afterwards() -> Vec<SaslCase> {
    vec![
        SaslCase::new(
            "a handshake after the login is refused, and the connection goes on",
            Login,
            after_login(0, [refused_handshake("PLAIN", ILLEGAL), Served]),
        ),
        SaslCase::new(
            "a token after the login is refused, and the connection goes on",
            Login,
            after_login(0, [token(ALICE, TokenAnswer::Refused(ILLEGAL, AFTER)), Served]),
        ),
    ]
}

// SE18, SE22
fn sessions() -> Vec<SaslCase> {
    let old = |answer| SaslStep::Token { version: 0, token: ALICE, answer };
    let bearer = Token::Bearer { subject: "alice", ends_in_s: 60, extensions: "" };
    vec![
        SaslCase::new(
            "a session is as long as the listener says",
            Sessions,
            after_login(SESSION_MS, [Served]),
        ),
        SaslCase::new(
            "a session is no longer than the listener says, whatever the token says",
            Sessions,
            [handshake("OAUTHBEARER"), token(bearer, TokenAnswer::In(SESSION_MS)), Served],
        ),
        SaslCase::new(
            "a client that is not told of its session is cut off all the same",
            Sessions,
            [handshake("PLAIN"), old(TokenAnswer::In(0)), Wait(3500), ServedNoMore],
        ),
        SaslCase::new(
            "a request after the end of a session closes the connection",
            Sessions,
            after_login(SESSION_MS, [Wait(3500), ServedNoMore]),
        ),
        SaslCase::new(
            "a handshake after the end of a session begins another",
            Sessions,
            after_login(SESSION_MS, [Wait(3500)].into_iter().chain(login(SESSION_MS)).chain([Served])),
        ),
    ]
}

// SE20, SE21, SE22
fn renewals() -> Vec<SaslCase> {
    let renewed = |name, more: Vec<SaslStep>| SaslCase::new(name, Sessions, after_login(SESSION_MS, more));
    let mut again = vec![Wait(1200)];
    again.extend(login(SESSION_MS));
    let mut soon: Vec<SaslStep> = login(SESSION_MS).into();
    let at_once = [soon.clone(), vec![Served]].concat();
    soon.extend([refused_handshake("PLAIN", ILLEGAL), Served]);
    let cannot = "Cannot change principals during re-authentication from User.alice: User.bob";
    vec![
        renewed("a session is renewed on the same connection", [again, vec![Served]].concat()),
        renewed("the first renewal may come at once", at_once),
        renewed("the next one within a second is refused, and the connection goes on", soon),
        renewed(
            "what was asked before a renewal is answered first",
            vec![ServedThenHandshake, token(ALICE, TokenAnswer::In(SESSION_MS)), Served],
        ),
        renewed(
            "another user may not renew a session",
            vec![handshake("PLAIN"), refused(BOB, cannot), Closed],
        ),
        renewed(
            "a wrong password does not renew a session",
            vec![handshake("PLAIN"), refused(WRONG, WRONG_PLAIN), Closed],
        ),
        renewed(
            "Metadata between handshake and token of a renewal is refused, and ends the connection",
            vec![handshake("PLAIN"), RefusedNoMore(ILLEGAL)],
        ),
    ]
}
