//! Tokens as JSON Web Tokens: claims are read or not, and no text has the token in it.

#![no_main]

use kp_sasl::{JwtClaims, OAuthBearer, Secret};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let token = Secret::from(data.to_vec());
    let claims = JwtClaims::read(&token);
    let bearer = OAuthBearer::new(&token);
    let text = format!("{claims:?} {:?}", bearer.as_ref().map(|_| ()));
    // A text of ours could be the very input; a long one has a blank in it.
    let is_a_text = data.len() < 64 || data.contains(&b' ');
    assert!(is_a_text || !token.is_in(&text), "{text}");
});
