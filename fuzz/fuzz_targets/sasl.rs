//! SASL: byte 0 chooses the mechanism and how tokens travel; the rest are a broker's answers, each a code, a length
//! of two bytes and its bytes. Whatever they are, the exchange ends in words without a secret.

#![no_main]

use kp_protocol::ErrorCode;
use kp_protocol::api::{SaslAuthenticateResponse, SaslHandshakeResponse};
use kp_sasl::{
    OAuthBearer, Plain, SaslDialect, SaslExchange, SaslMechanism, SaslOutput, Scram, ScramHash, ScramNonce,
    Secret,
};
use libfuzzer_sys::fuzz_target;

const SECRET: &str = "Tr0ub4dor-and-3";

fuzz_target!(|data: &[u8]| {
    let [choice, answers @ ..] = data else { return };
    let dialect = match choice / 4 % 3 {
        0 => SaslDialect::Authenticate { version: 2 },
        1 => SaslDialect::Bare,
        _ => SaslDialect::BareWithoutHandshake,
    };
    let mut exchange = SaslExchange::new(mechanism(choice % 4), dialect);
    let mut output = exchange.begin();
    if choice / 12 % 2 == 1 && matches!(output, Ok(SaslOutput::Handshake { .. })) {
        let went = exchange.go_ahead();
        output = went.and(output);
    }
    let mut answers = Answers(answers);
    loop {
        let shown = format!("{exchange:?} {output:?}");
        assert!(!shown.contains(SECRET), "{shown}");
        output = match output {
            Ok(SaslOutput::Work(work)) => exchange.on_worked(work.run()),
            Ok(SaslOutput::LastBareToken { .. } | SaslOutput::Done(_)) => {
                // What proves the password cannot be guessed.
                assert!(!exchange.mechanism().starts_with("SCRAM"));
                return;
            }
            Err(failure) => {
                let text = failure.to_string();
                assert!(!text.contains(SECRET) && !text.contains(char::is_control), "{text}");
                return;
            }
            Ok(waiting) => {
                let Some((code, bytes)) = answers.next() else { return };
                answer(&mut exchange, &waiting, ErrorCode(code), bytes)
            }
        };
    }
});

fn mechanism(which: u8) -> Box<dyn SaslMechanism> {
    let secret = Secret::from(SECRET);
    let hash = match which {
        0 => return Box::new(Plain::new("alice", &secret).expect("they are legal")),
        1 => return Box::new(OAuthBearer::new(&secret).expect("it is a token")),
        2 => ScramHash::Sha256,
        _ => ScramHash::Sha512,
    };
    let nonce = ScramNonce::fixed("fyko").expect("it is a nonce");
    let scram = Scram::new(hash, "alice", &secret, nonce).expect("they are legal");
    // A run of the fuzzer must not spend its time on what an honest broker is allowed to ask for.
    Box::new(scram.max_iterations(4100))
}

fn answer(
    exchange: &mut SaslExchange,
    waiting: &SaslOutput,
    error_code: ErrorCode,
    bytes: &[u8],
) -> Result<SaslOutput, kp_sasl::SaslFailure> {
    let text = String::from_utf8_lossy(bytes);
    match waiting {
        SaslOutput::Handshake { .. } => {
            let mechanisms = text.split(' ').map(Into::into).collect();
            exchange.on_handshake(&SaslHandshakeResponse { error_code, mechanisms, ..Default::default() })
        }
        SaslOutput::Authenticate { .. } | SaslOutput::Sent => exchange.on_authenticate(&SaslAuthenticateResponse {
            error_code,
            error_message: Some(text.as_ref().into()),
            auth_bytes: bytes.to_vec().into(),
            ..Default::default()
        }),
        _ => exchange.on_bare_token(bytes),
    }
}

/// A code and bytes, one after the other.
struct Answers<'a>(&'a [u8]);

impl<'a> Answers<'a> {
    fn next(&mut self) -> Option<(i16, &'a [u8])> {
        let [code, high, low, rest @ ..] = self.0 else { return None };
        let length = usize::from(u16::from_be_bytes([*high, *low])).min(rest.len());
        let (bytes, rest) = rest.split_at(length);
        self.0 = rest;
        Some((i16::from(*code), bytes))
    }
}
