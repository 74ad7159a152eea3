//! An issuer of tokens beside a real broker: `kp-oidc [PORT]` prints its URL and serves `/token` and `/jwks` until it is ended.

#![forbid(unsafe_code)]

use kp_tests::oidc_issuer::OidcIssuer;
use std::process::ExitCode;

#[allow(clippy::print_stdout, clippy::print_stderr, reason = "a program for people and for scripts")]
fn main() -> ExitCode {
    let port = std::env::args().nth(1).unwrap_or_else(|| "0".into());
    let Ok(port) = port.parse() else {
        eprintln!("kp-oidc [PORT]: {port:?} is no port");
        return ExitCode::FAILURE;
    };
    let issuer = OidcIssuer::start(port);
    println!("{}", issuer.url(""));
    issuer.run();
    ExitCode::SUCCESS
}
