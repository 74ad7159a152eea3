//! PLAIN as a broker takes it (SE10): one token, `authorization id, NUL, user, NUL, password`.

use super::settings::SaslSettings;
use super::verdict::Verdict;

/// Judges the only token.
pub(super) fn judge(settings: &SaslSettings, token: &[u8]) -> Verdict {
    let text = String::from_utf8_lossy(token);
    let parts: Vec<&str> = text.split('\0').collect();
    let [authorization, user, password] = parts[..] else {
        let words = format!("Invalid SASL/PLAIN response: expected 3 tokens, got {}", parts.len());
        return Verdict::Refused(words);
    };
    if settings.password(user).is_none_or(|known| known.expose() != password.as_bytes()) {
        return Verdict::Refused("Authentication failed: Invalid username or password".to_owned());
    }
    if !authorization.is_empty() && authorization != user {
        let words =
            "Authentication failed: Client requested an authorization id that is different from username";
        return Verdict::Refused(words.to_owned());
    }
    Verdict::accepted(user)
}

#[cfg(test)]
mod tests {
    use super::super::SimMechanism;
    use super::*;

    // SE10
    #[test]
    fn the_authorization_id_is_empty_or_the_user() {
        let settings = SaslSettings::new([SimMechanism::Plain]).with_user("alice", "pw");
        assert_eq!(judge(&settings, b"\0alice\0pw"), Verdict::accepted("alice"));
        assert_eq!(judge(&settings, b"alice\0alice\0pw"), Verdict::accepted("alice"));
        for refused in
            [&b"bob\0alice\0pw"[..], b"\0alice\0PW", b"\0bob\0pw", b"alice\0pw", b"\0alice\0pw\0", b""]
        {
            assert!(matches!(judge(&settings, refused), Verdict::Refused(_)), "{refused:?}");
        }
    }
}
