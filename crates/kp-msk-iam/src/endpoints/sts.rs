//! AWS's Security Token Service: a role for the identity of a workload (`AssumeRoleWithWebIdentity`), or for a key (`AssumeRole`).

use std::time::SystemTime;

use kp_http::HttpRequest;
use kp_sasl::{AwsCredentials, Secret};
use zeroize::Zeroizing;

use super::container::token_file;
use super::{Endpoint, Endpoints};
use crate::amz_date::AmzDate;
use crate::sigv4::{Signed, Unsigned, push_pair};
use crate::{AwsEnvironment, AwsFailure, AwsRegion};

const STS: Endpoint = Endpoint("the Security Token Service");
const VERSION: &str = "2011-06-15";
/// A request is under way for seconds, not minutes.
const EXPIRES_SECONDS: u64 = 60;

/// The identity of a workload: a token that its platform keeps in a file, and the role that it may take on.
pub(crate) struct WebIdentity {
    pub(crate) token_file: String,
    pub(crate) role_arn: String,
    pub(crate) session_name: String,
}

/// A role that is taken on with a key.
pub(crate) struct Assumption<'a> {
    pub(crate) key: &'a AwsCredentials,
    pub(crate) role_arn: &'a str,
    pub(crate) session_name: &'a str,
    pub(crate) external_id: Option<&'a str>,
}

impl Endpoints {
    pub(crate) fn web_identity(
        &self,
        environment: &AwsEnvironment,
        identity: &WebIdentity,
        region: &AwsRegion,
        now: SystemTime,
    ) -> Result<AwsCredentials, AwsFailure> {
        let token = Secret::from(token_file(&identity.token_file)?);
        let text = token.expose_text().unwrap_or_default();
        // Its capacity is right from the start: a buffer that grows leaves copies of its contents behind.
        let mut body = Zeroizing::new(String::with_capacity(1024 + 3 * text.len()));
        push_pair(&mut body, "Action", "AssumeRoleWithWebIdentity");
        push_pair(&mut body, "RoleArn", &identity.role_arn);
        push_pair(&mut body, "RoleSessionName", &identity.session_name);
        push_pair(&mut body, "Version", VERSION);
        push_pair(&mut body, "WebIdentityToken", text);
        let url = STS.url(&format!("{}/", base(environment, region)))?;
        let request = HttpRequest::post(url)
            .header("Content-Type", "application/x-www-form-urlencoded")
            .body(body.as_bytes());
        self.ask_sts(&request, &token, now)
    }

    pub(crate) fn assume(
        &self,
        environment: &AwsEnvironment,
        assumption: &Assumption<'_>,
        region: &AwsRegion,
        now: SystemTime,
    ) -> Result<AwsCredentials, AwsFailure> {
        let date = AmzDate::of(now).ok_or_else(|| STS.failed("the clock of this machine is wrong"))?;
        let base = base(environment, region);
        let Some((_, host)) = base.split_once("://").filter(|(_, host)| !host.contains('/')) else {
            return Err(STS.failed("AWS_ENDPOINT_URL_STS is no URL of a host alone"));
        };
        let mut parameters = vec![
            ("Action", "AssumeRole"),
            ("RoleArn", assumption.role_arn),
            ("RoleSessionName", assumption.session_name),
            ("Version", VERSION),
        ];
        parameters.extend(assumption.external_id.map(|id| ("ExternalId", id)));
        let request =
            Unsigned { service: "sts", host, region, date, expires_seconds: EXPIRES_SECONDS, parameters };
        let Signed { query, signature, .. } = request.sign(assumption.key);
        let text = |secret: &Secret| Zeroizing::new(secret.expose_text().unwrap_or_default().to_owned());
        let url = Zeroizing::new(format!("{base}/?{}&X-Amz-Signature={}", *text(&query), *text(&signature)));
        self.ask_sts(&HttpRequest::get(STS.url(&url)?), &signature, now)
    }

    fn ask_sts(
        &self,
        request: &HttpRequest,
        sent: &Secret,
        now: SystemTime,
    ) -> Result<AwsCredentials, AwsFailure> {
        let answer = self.far(STS)?.send(request).map_err(|error| STS.failed(error))?;
        match answer.status() {
            200 => STS.key_of_xml(answer.into_body(), now),
            status => Err(STS.refusal(status, answer.body(), sent)),
        }
    }
}

/// Scheme and host of the service in a region, without a slash at the end.
fn base(environment: &AwsEnvironment, region: &AwsRegion) -> String {
    if let Some(named) =
        environment.get("AWS_ENDPOINT_URL_STS").or_else(|| environment.get("AWS_ENDPOINT_URL"))
    {
        return named.trim_end_matches('/').to_owned();
    }
    let domain = if region.as_str().starts_with("cn-") { "amazonaws.com.cn" } else { "amazonaws.com" };
    format!("https://sts.{region}.{domain}")
}
