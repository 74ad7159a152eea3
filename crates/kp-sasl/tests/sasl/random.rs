//! Any bytes in place of the broker's, and any user and password.

use kp_protocol::ErrorCode;
use kp_sasl::{
    JwtClaims, OAuthBearer, Plain, SaslDialect, SaslExchange, SaslExtensions, SaslFailure, SaslMechanism,
    SaslOutput, SaslStage, Scram, ScramHash, ScramNonce, Secret, UnsecuredJwt,
};
use proptest::prelude::*;

use crate::broker::{mechanisms, refusal, token_answer};

const SECRET: &str = "Tr0ub4dor-and-3";

fn mechanism(which: u8) -> Box<dyn SaslMechanism> {
    let secret = Secret::from(SECRET);
    match which % 3 {
        0 => Box::new(Plain::new("alice", &secret).expect("they are legal")),
        1 => {
            let nonce = ScramNonce::fixed("fyko").expect("it is a nonce");
            Box::new(Scram::new(ScramHash::Sha256, "alice", &secret, nonce).expect("they are legal"))
        }
        _ => Box::new(OAuthBearer::new(&secret).expect("it is a token")),
    }
}

/// Bytes of a broker: any, or nearly what each mechanism knows.
fn answer() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        prop::collection::vec(any::<u8>(), 0..200),
        "(m=[a-z]*,)?r=(fyko)?[!-~]{0,20},s=[A-Za-z0-9+/=]{0,40},i=[-0-9]{0,12}(,[a-z]=[ -~]{0,5})*"
            .prop_map(String::into_bytes),
        "r=fyko[a-z]{1,8},s=[A-Za-z0-9]{4},i=[45]0[0-9][0-9]".prop_map(String::into_bytes),
        "[ve]=[ -~]{0,60}".prop_map(String::into_bytes),
        r#"\{"status":"[ -~]{0,30}"(,"scope":"\PC{0,30}")?\}?"#.prop_map(String::into_bytes),
        Just(Vec::new()),
    ]
}

/// The exchange told one answer after the other until it ends.
fn run(
    which: u8,
    dialect: SaslDialect,
    answers: Vec<(Vec<u8>, i16)>,
) -> (SaslExchange, Result<SaslOutput, SaslFailure>) {
    let mut exchange = SaslExchange::new(mechanism(which), dialect);
    let mut output = exchange.begin();
    if which.is_multiple_of(5) && matches!(output, Ok(SaslOutput::Handshake { .. })) {
        let went = exchange.go_ahead();
        output = went.and(output);
    }
    for (token, code) in answers {
        let text = String::from_utf8_lossy(&token).into_owned();
        let code = ErrorCode(if code % 4 == 0 { code } else { 0 });
        output = match output {
            Ok(SaslOutput::Handshake { .. }) => exchange.on_handshake(&mechanisms(code, &[&text, "PLAIN"])),
            Ok(SaslOutput::Authenticate { .. } | SaslOutput::Sent) if code.is_ok() => {
                exchange.on_authenticate(&token_answer(&token))
            }
            Ok(SaslOutput::Authenticate { .. } | SaslOutput::Sent) => {
                exchange.on_authenticate(&refusal(code, Some(&text)))
            }
            Ok(SaslOutput::BareToken { .. }) => exchange.on_bare_token(&token),
            Ok(SaslOutput::Work(work)) => exchange.on_worked(work.run()),
            Ok(SaslOutput::LastBareToken { .. } | SaslOutput::Done(_)) | Err(_) => break,
        };
    }
    (exchange, output)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn whatever_a_broker_answers_the_exchange_ends_in_words_without_a_secret(
        which in any::<u8>(),
        bare in any::<bool>(),
        answers in prop::collection::vec((answer(), any::<i16>()), 1..8),
    ) {
        let dialect = if bare { SaslDialect::Bare } else { SaslDialect::Authenticate { version: 2 } };
        let (mut exchange, output) = run(which, dialect, answers);
        let mut words = format!("{output:?} {exchange:?}");
        if let Err(failure) = &output {
            prop_assert_eq!(exchange.stage(), SaslStage::Failed);
            words.push_str(&failure.to_string());
            prop_assert!(failure.to_string().chars().count() < 1_700);
        }
        if matches!(output, Ok(SaslOutput::Done(_))) {
            prop_assert!(exchange.mechanism() != "SCRAM-SHA-256", "nothing here knows the password");
        }
        if let Some(failure) = exchange.on_closed() {
            words.push_str(&failure.to_string());
        }
        prop_assert!(!words.contains(SECRET));
        prop_assert!(!words.contains(|c: char| c.is_control()), "{words:?}");
    }

    #[test]
    fn plain_and_scram_take_any_user_or_refuse_it_when_they_are_made(user in "\\PC{0,20}", password in "\\PC{0,20}") {
        let secret = Secret::from(password.clone());
        match Plain::new(&user, &secret) {
            Ok(mut plain) => {
                let token = crate::broker::sent(plain.step(None));
                let parts: Vec<&[u8]> = token.split(|byte| *byte == 0).collect();
                prop_assert_eq!(parts, [&b""[..], user.as_bytes(), password.as_bytes()]);
            }
            Err(_) => prop_assert!(user.is_empty() || password.is_empty()),
        }
        let nonce = ScramNonce::fixed("n").expect("it is a nonce");
        if let Ok(mut scram) = Scram::new(ScramHash::Sha512, &user, &secret, nonce) {
            let first = String::from_utf8(crate::broker::sent(scram.step(None))).expect("it is UTF-8");
            let name = first.strip_prefix("n,,n=").and_then(|rest| rest.strip_suffix(",r=n")).expect("it has a user");
            prop_assert!(!name.contains(','));
            prop_assert_eq!(name.replace("=2C", ",").replace("=3D", "="), user);
        }
    }

    #[test]
    fn any_text_is_a_token_or_is_refused_without_a_panic(
        token in prop_oneof![any::<String>(), "[a-zA-Z0-9_-]{0,60}\\.[a-zA-Z0-9_-]{0,60}\\.[a-z]{0,4}"],
        name in "[ -~]{0,8}",
        value in any::<String>(),
    ) {
        let secret = Secret::from(token);
        let _ = OAuthBearer::new(&secret);
        let _ = JwtClaims::read(&secret);
        let _ = SaslExtensions::new([(name.as_str(), value.as_str())]);
        for kind in ["StringClaim", "NumberClaim", "ListClaim", "Extension"] {
            let option = format!("unsecuredLogin{kind}_{name}");
            let options = [("unsecuredLoginStringClaim_sub", "alice"), (option.as_str(), value.as_str())];
            if let Ok(maker) = UnsecuredJwt::from_options(options) {
                prop_assert!(maker.token(kp_protocol::Timestamp(0)).is_ok());
            }
        }
    }
}
