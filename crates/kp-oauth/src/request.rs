//! What an endpoint is asked, for each grant (RFC 6749, RFC 7523).
//! Owns: the headers and the form, as Kafka's Java client sends them.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use kp_http::{HttpRequest, HttpUrl};
use kp_sasl::{Credentials, Secret};

use crate::form::{Form, encoded};

const JWT_BEARER: &str = "urn:ietf:params:oauth:grant-type:jwt-bearer";
const BY_JWT: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/// A request, and what in it must not be shown.
pub(crate) struct Asking {
    pub(crate) request: HttpRequest,
    pub(crate) secrets: Vec<Secret>,
}

impl Asking {
    /// Whether a text repeats a secret that is sent.
    pub(crate) fn is_secret_in(&self, text: &str) -> bool {
        self.secrets.iter().any(|secret| secret.is_in(text))
    }

    /// `client_credentials`, with an id and a secret.
    pub(crate) fn with_secret(
        url: &HttpUrl,
        client: &Credentials,
        is_encoded: bool,
        scope: Option<&str>,
    ) -> Self {
        let password = client.password().expose_text().unwrap_or_default();
        let pair = if is_encoded {
            format!("{}:{}", encoded(client.user()), encoded(password))
        } else {
            format!("{}:{password}", client.user())
        };
        let basic = STANDARD.encode(pair);
        let form = Form::default().field("grant_type", "client_credentials").optional("scope", scope);
        let request = posted(url, form).header("Authorization", format!("Basic {basic}"));
        Self { request, secrets: vec![client.password().clone(), Secret::from(basic)] }
    }

    /// `client_credentials`, with an assertion.
    pub(crate) fn with_assertion(
        url: &HttpUrl,
        id: Option<&str>,
        assertion: Secret,
        scope: Option<&str>,
    ) -> Self {
        let form = Form::default()
            .field("client_assertion_type", BY_JWT)
            .field("client_assertion", assertion.expose_text().unwrap_or_default())
            .field("grant_type", "client_credentials")
            .optional("client_id", id)
            .optional("scope", scope);
        Self { request: posted(url, form), secrets: vec![assertion] }
    }

    /// `jwt-bearer`.
    pub(crate) fn for_assertion(url: &HttpUrl, assertion: Secret, scope: Option<&str>) -> Self {
        let form = Form::default()
            .field("grant_type", JWT_BEARER)
            .field("assertion", assertion.expose_text().unwrap_or_default())
            .optional("scope", scope);
        Self { request: posted(url, form), secrets: vec![assertion] }
    }
}

fn posted(url: &HttpUrl, form: Form) -> HttpRequest {
    HttpRequest::post(url.clone())
        .header("Accept", "application/json")
        .header("Cache-Control", "no-cache")
        .header("Content-Type", "application/x-www-form-urlencoded")
        .body(form.into_body())
}
