//! Tokens that stand in a file.

use crate::endpoint::{Asker, NOW_MS, jwt};
use kp_config::Oidc;

// SE45
#[test]
fn a_token_in_a_file_is_read_without_white_space_and_anew_each_time() {
    let file = tempfile::NamedTempFile::new().expect("a file");
    let exp = NOW_MS / 1000 + 60;
    let token = |subject: &str| jwt(&format!(r#"{{"sub":"{subject}","exp":{exp}}}"#));
    let asker = Asker::new(Oidc::file(file.path()));
    for subject in ["alice", "bob"] {
        std::fs::write(file.path(), format!("\n {}\r\n", token(subject))).expect("written");
        let given = asker.ask().expect("a token");
        assert_eq!(given.value().expose_text(), Some(token(subject).as_str()));
        assert_eq!(given.of_principal(), Some(subject));
    }
}

#[test]
fn a_file_that_holds_no_token_is_named() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("token");
    let asker = Asker::new(Oidc::file(&path));
    let gone = asker.refused().to_string();
    assert!(gone.starts_with("sasl.oauthbearer.token.endpoint.url: ") && gone.contains("token"), "{gone}");
    for (content, problem) in
        [("", "it is empty"), (" \n", "it is empty"), ("hunter2", "three parts"), ("hun ter2", "RFC 6750")]
    {
        std::fs::write(&path, content).expect("written");
        let text = asker.refused().to_string();
        assert!(text.contains(problem), "{text}");
    }
    let ended = jwt(r#"{"sub":"a","exp":1}"#);
    std::fs::write(&path, ended).expect("written");
    assert!(asker.refused().to_string().contains("1970-01-01T00:00:01Z"));
    let text = Asker::new(Oidc::file(directory.path())).refused().to_string();
    assert!(text.contains("not a regular file"), "{text}");
}
