//! Lines of `server.properties` that secure a broker's listeners.

use std::path::Path;

use super::super::services::Services;
use super::listeners::{Login, SecuredListener};
use super::{SERVICE_USERS, STORE_PASSWORD, USERS};

const MODULES: &str = "org.apache.kafka.common.security";

/// The lines for `rows`, with key stores of `certificates`.
pub(super) fn lines(
    rows: &[SecuredListener],
    certificates: &Path,
    services: &Services,
    is_old: bool,
) -> Vec<(String, String)> {
    let store = |name: &str| certificates.join(name).display().to_string();
    let mut lines = if is_old { old_lines(store("server.jks")) } else { quorum_lines(store("server.p12")) };
    lines.push(("ssl.truststore.location", store("truststore.jks")));
    lines.push(("ssl.truststore.type", "JKS".to_owned()));
    for key in ["ssl.keystore.password", "ssl.key.password", "ssl.truststore.password"] {
        lines.push((key, STORE_PASSWORD.to_owned()));
    }
    if services.kdc.is_some() {
        lines.push(("sasl.kerberos.service.name", "kafka".to_owned()));
    }
    let mut lines: Vec<(String, String)> =
        lines.into_iter().map(|(key, value)| (key.to_owned(), value)).collect();
    if !is_old {
        rows.iter().for_each(|row| lines.extend(lines_of(*row, services, &store)));
    }
    lines
}

/// For all listeners of a broker that has no settings for one of them.
fn old_lines(key_store: String) -> Vec<(&'static str, String)> {
    vec![
        ("ssl.keystore.location", key_store),
        ("ssl.keystore.type", "JKS".to_owned()),
        ("ssl.client.auth", "requested".to_owned()),
    ]
}

fn quorum_lines(key_store: String) -> Vec<(&'static str, String)> {
    vec![
        ("ssl.keystore.location", key_store),
        ("ssl.keystore.type", "PKCS12".to_owned()),
        ("authorizer.class.name", "org.apache.kafka.metadata.authorizer.StandardAuthorizer".to_owned()),
        // Brokers among each other, and tools: the listener without security.
        ("super.users", "User:ANONYMOUS".to_owned()),
        ("allow.everyone.if.no.acl.found", "true".to_owned()),
        ("delegation.token.secret.key", "the-key-of-delegation-tokens".to_owned()),
        ("connection.failed.authentication.delay.ms", "100".to_owned()),
    ]
}

/// Lines of one listener, all behind `listener.name.<name>.`.
fn lines_of(
    row: SecuredListener,
    services: &Services,
    store: &impl Fn(&str) -> String,
) -> Vec<(String, String)> {
    let prefix = format!("listener.name.{}.", row.name.to_ascii_lowercase());
    let mut lines = vec![("num.network.threads".to_owned(), "1".to_owned())];
    if row.certificate != "server" {
        lines.push(("ssl.keystore.location".to_owned(), store(&format!("{}.p12", row.certificate))));
    }
    lines.extend(row.lines.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())));
    if !row.logins.is_empty() {
        let mechanisms: Vec<_> = row.logins.iter().map(|login| login.mechanism()).collect();
        lines.push(("sasl.enabled.mechanisms".to_owned(), mechanisms.join(",")));
    }
    for login in row.logins {
        let mechanism = login.mechanism().to_ascii_lowercase();
        lines.extend(
            login_lines(*login, services)
                .into_iter()
                .map(|(key, value)| (format!("{mechanism}.{key}"), value)),
        );
        if row.session_ms > 0 {
            lines.push((format!("{mechanism}.connections.max.reauth.ms"), row.session_ms.to_string()));
        }
    }
    lines.into_iter().map(|(key, value)| (prefix.clone() + &key, value)).collect()
}

/// What a broker needs to judge a login, behind the mechanism's name.
fn login_lines(login: Login, services: &Services) -> Vec<(&'static str, String)> {
    match login {
        Login::Plain => {
            let all = USERS.iter().chain(&SERVICE_USERS);
            let users: Vec<_> = all.map(|(name, password)| format!("user_{name}=\"{password}\"")).collect();
            let users = users.join(" ");
            vec![("sasl.jaas.config", format!("{MODULES}.plain.PlainLoginModule required {users};"))]
        }
        Login::Scram256 | Login::Scram512 => {
            vec![("sasl.jaas.config", format!("{MODULES}.scram.ScramLoginModule required;"))]
        }
        Login::OAuthBearer => {
            let module = format!("{MODULES}.oauthbearer.OAuthBearerLoginModule required");
            let judge = "internals.unsecured.OAuthBearerUnsecuredValidatorCallbackHandler";
            vec![
                ("sasl.jaas.config", format!("{module} unsecuredLoginStringClaim_sub=\"broker\";")),
                ("sasl.server.callback.handler.class", format!("{MODULES}.oauthbearer.{judge}")),
            ]
        }
        Login::Oidc => {
            let module = format!("{MODULES}.oauthbearer.OAuthBearerLoginModule required;");
            let judge = format!("{MODULES}.oauthbearer.OAuthBearerValidatorCallbackHandler");
            let issuer = services.issuer.clone().unwrap_or_default();
            vec![
                ("sasl.jaas.config", module),
                ("sasl.server.callback.handler.class", judge),
                ("sasl.oauthbearer.jwks.endpoint.url", format!("{issuer}/jwks")),
                ("sasl.oauthbearer.expected.audience", "kafka".to_owned()),
                ("sasl.oauthbearer.expected.issuer", issuer),
            ]
        }
        Login::Kerberos => services.kdc.iter().map(|kdc| ("sasl.jaas.config", kdc.broker_login())).collect(),
    }
}

/// Arguments of the tool that formats storage, so that SCRAM's users are there from the first moment.
pub(super) fn users_to_format() -> Vec<String> {
    let mut args = Vec::new();
    for (name, password) in USERS {
        args.push("--add-scram".to_owned());
        args.push(format!("SCRAM-SHA-256=[name={name},password={password}]"));
        args.push("--add-scram".to_owned());
        args.push(format!("SCRAM-SHA-512=[name={name},iterations=8192,password={password}]"));
    }
    args
}

#[cfg(test)]
mod tests {
    use super::super::super::Kdc;
    use super::*;

    fn services() -> Services {
        let kdc = Some(Kdc::at(Path::new("k").to_path_buf()));
        Services { kdc, issuer: Some("http://issuer".to_owned()) }
    }

    fn lines_for(name: &str) -> Vec<(String, String)> {
        let row = SecuredListener::find(name).unwrap();
        lines(&[*row], Path::new("c"), &services(), false)
    }

    #[test]
    fn a_faulty_certificate_is_shown_by_its_own_listener_only() {
        let lines = lines_for("EXPIRED");
        let stores: Vec<_> = lines.iter().filter(|(key, _)| key.ends_with("ssl.keystore.location")).collect();
        assert_eq!(stores[0], &("ssl.keystore.location".to_owned(), "c/server.p12".to_owned()));
        let own = "listener.name.expired.ssl.keystore.location".to_owned();
        assert_eq!(stores[1], &(own, "c/server-expired.p12".to_owned()));
    }

    #[test]
    fn a_session_is_limited_for_each_mechanism() {
        let limited = |name| {
            let lines = lines_for(name);
            lines.iter().filter(|(key, _)| key.ends_with(".connections.max.reauth.ms")).count()
        };
        assert_eq!((limited("REAUTH"), limited("SASL_SSL")), (Login::ALONE.len(), 0));
        assert_eq!((limited("KERBEROS_REAUTH"), limited("KERBEROS")), (1, 0));
    }

    #[test]
    fn an_old_broker_has_no_lines_of_one_listener() {
        let row = SecuredListener::find("SSL").unwrap();
        let lines = lines(&[*row], Path::new("c"), &services(), true);
        assert!(lines.iter().all(|(key, _)| !key.starts_with("listener.name.")), "{lines:?}");
    }

    #[test]
    fn only_kerberos_asks_for_the_brokers_keytab_and_only_oidc_for_the_keys_of_the_issuer() {
        for row in super::super::LISTENERS {
            let lines = lines_for(row.name);
            let has = |text: &str| lines.iter().any(|(_, value)| value.contains(text));
            assert_eq!(has("kafka.keytab"), row.logins.contains(&Login::Kerberos), "{}", row.name);
            assert_eq!(has("http://issuer/jwks"), row.logins.contains(&Login::Oidc), "{}", row.name);
        }
    }
}
