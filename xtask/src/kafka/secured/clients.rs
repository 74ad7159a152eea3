//! Files of client properties, one for each way into a secured cluster: Java's clients and `kp` take them as they are.

use std::fmt::Write as _;
use std::path::Path;

use super::super::services::{ISSUER_SECRET, Services};
use super::listeners::{Login, SecuredListener};
use super::{STORE_PASSWORD, USERS};

const MODULES: &str = "org.apache.kafka.common.security";

/// In which form certificates are handed to a client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stores {
    /// Text.
    Pem,
    /// What Java's users have: a JKS trust store, a PKCS#12 key store.
    Java,
}

/// One file.
#[derive(Debug)]
pub(super) struct ClientFile {
    row: SecuredListener,
    login: Option<Login>,
    stores: Stores,
    text: String,
}

impl ClientFile {
    /// All files of one listener.
    pub(super) fn all(
        row: SecuredListener,
        bootstrap: &str,
        certificates: &Path,
        services: &Services,
    ) -> Vec<Self> {
        let logins: Vec<Option<Login>> = match row.logins {
            [] => vec![None],
            logins => logins.iter().copied().map(Some).collect(),
        };
        // One listener of each protocol is enough to show the other form.
        let forms: &[Stores] = if row.name == "MTLS" || row.name == "SASL_SSL" {
            &[Stores::Pem, Stores::Java]
        } else {
            &[Stores::Pem]
        };
        let all = logins.into_iter().flat_map(|login| forms.iter().map(move |stores| (login, *stores)));
        all.map(|(login, stores)| {
            let mut file = Self { row, login, stores, text: String::new() };
            file.write(bootstrap, certificates, services);
            file
        })
        .collect()
    }

    /// Its name: listener, login, and the form of stores if it is not text.
    pub(super) fn name(&self) -> String {
        let mut name = self.row.name.to_ascii_lowercase();
        if let Some(login) = self.login {
            name = format!("{name}-{}", login.mechanism().to_ascii_lowercase());
        }
        if self.stores == Stores::Java {
            name.push_str("-stores");
        }
        name + ".properties"
    }

    /// The name of the listener it leads to.
    pub(super) fn listener(&self) -> &'static str {
        self.row.name
    }

    /// What stands in it.
    pub(super) fn text(&self) -> &str {
        &self.text
    }

    fn write(&mut self, bootstrap: &str, certificates: &Path, services: &Services) {
        let row = self.row;
        let mut lines = vec![
            ("bootstrap.servers", bootstrap.to_owned()),
            ("security.protocol", row.protocol.name().to_owned()),
        ];
        if row.protocol.has_tls() {
            lines.extend(self.trust(certificates));
        }
        if row.asks_for_certificate() {
            lines.extend(self.identity(certificates));
        }
        if let Some(login) = self.login {
            lines.push(("sasl.mechanism", login.mechanism().to_owned()));
            lines.extend(login_lines(login, services));
        }
        let _ = writeln!(self.text, "# {}: {}", row.name, row.about);
        for (key, value) in lines {
            let _ = writeln!(self.text, "{key}={value}");
        }
    }

    fn trust(&self, certificates: &Path) -> Vec<(&'static str, String)> {
        let (kind, file) = match self.stores {
            Stores::Pem => ("PEM", format!("{}.pem", self.row.authority)),
            Stores::Java => ("JKS", "truststore.jks".to_owned()),
        };
        let mut lines = vec![
            ("ssl.truststore.type", kind.to_owned()),
            ("ssl.truststore.location", certificates.join(file).display().to_string()),
        ];
        if self.stores == Stores::Java {
            lines.push(("ssl.truststore.password", STORE_PASSWORD.to_owned()));
        }
        lines
    }

    fn identity(&self, certificates: &Path) -> Vec<(&'static str, String)> {
        let (kind, file) = match self.stores {
            Stores::Pem => ("PEM", "client-all.pem"),
            Stores::Java => ("PKCS12", "client.p12"),
        };
        let mut lines = vec![
            ("ssl.keystore.type", kind.to_owned()),
            ("ssl.keystore.location", certificates.join(file).display().to_string()),
        ];
        if self.stores == Stores::Java {
            lines.push(("ssl.keystore.password", STORE_PASSWORD.to_owned()));
            lines.push(("ssl.key.password", STORE_PASSWORD.to_owned()));
        }
        lines
    }
}

/// The login of the first user, of the issuer's client, or of one of the realm.
fn login_lines(login: Login, services: &Services) -> Vec<(&'static str, String)> {
    let (user, password) = USERS[0];
    let line = match login {
        Login::Plain => {
            format!("{MODULES}.plain.PlainLoginModule required username=\"{user}\" password=\"{password}\";")
        }
        Login::Scram256 | Login::Scram512 => {
            format!("{MODULES}.scram.ScramLoginModule required username=\"{user}\" password=\"{password}\";")
        }
        Login::OAuthBearer => {
            format!(
                "{MODULES}.oauthbearer.OAuthBearerLoginModule required unsecuredLoginStringClaim_sub=\"{user}\";"
            )
        }
        Login::Oidc => return issued(services),
        Login::Kerberos => return of_the_realm(services),
    };
    vec![("sasl.jaas.config", line)]
}

fn issued(services: &Services) -> Vec<(&'static str, String)> {
    let issuer = services.issuer.as_deref().unwrap_or_default();
    vec![
        (
            "sasl.login.callback.handler.class",
            format!("{MODULES}.oauthbearer.OAuthBearerLoginCallbackHandler"),
        ),
        ("sasl.oauthbearer.token.endpoint.url", format!("{issuer}/token")),
        (
            "sasl.jaas.config",
            format!(
                "{MODULES}.oauthbearer.OAuthBearerLoginModule required clientId='kp' clientSecret='{ISSUER_SECRET}' scope='kafka';"
            ),
        ),
    ]
}

/// Java's clients take the `krb5.conf` from a flag of their JVM, and pass over the key.
fn of_the_realm(services: &Services) -> Vec<(&'static str, String)> {
    let Some(kdc) = &services.kdc else { return Vec::new() };
    vec![
        ("sasl.kerberos.service.name", "kafka".to_owned()),
        ("sasl.jaas.config", kdc.client_login("kp18")),
        ("kp.kerberos.config", kdc.conf().display().to_string()),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_login_over_tls_has_a_file_for_each_mechanism_and_form_of_store() {
        let row = SecuredListener::find("SASL_SSL").unwrap();
        let files = ClientFile::all(*row, "localhost:1", Path::new("c"), &Services::default());
        assert_eq!(files.len(), Login::ALONE.len() * 2);
        let plain = files.iter().find(|file| file.name() == "sasl_ssl-plain.properties").unwrap();
        assert!(plain.text().contains("\nssl.truststore.location=c/ca.pem\n"), "{}", plain.text());
        assert!(plain.text().contains("\nsasl.mechanism=PLAIN\n"), "{}", plain.text());
    }

    #[test]
    fn a_client_shows_its_certificate_only_where_it_is_asked_for() {
        for row in super::super::LISTENERS {
            for file in ClientFile::all(*row, "localhost:1", Path::new("c"), &Services::default()) {
                let shows = file.text().contains("ssl.keystore.location=");
                assert_eq!(shows, row.name.starts_with("MTLS"), "{}", file.name());
            }
        }
    }
}
