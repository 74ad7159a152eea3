//! The metadata service of an EC2 instance, in its second version (IMDSv2): a token first, then the name of the role, then its key.
//! The first version, which answers without a token, is not asked: what talks a client into a request would get the key.

use std::time::SystemTime;

use kp_http::{HttpRequest, HttpUrl};
use kp_sasl::AwsCredentials;

use super::{Endpoint, Endpoints};
use crate::{AwsEnvironment, AwsFailure};

const INSTANCE: Endpoint = Endpoint("the metadata service of the instance");
const ROLES: &str = "/latest/meta-data/iam/security-credentials/";
/// One login takes less; a token that was stolen is good for nothing soon.
const TOKEN_SECONDS: &str = "60";
/// Names of roles have 64 characters at most.
const LONGEST_NAME: usize = 128;

impl Endpoints {
    /// `None`: the environment says that there is no such service.
    pub(crate) fn instance(
        &self,
        environment: &AwsEnvironment,
        now: SystemTime,
    ) -> Option<Result<AwsCredentials, AwsFailure>> {
        let is_off =
            environment.get("AWS_EC2_METADATA_DISABLED").is_some_and(|off| off.eq_ignore_ascii_case("true"));
        (!is_off).then(|| self.ask_instance(&base(environment), now))
    }

    fn ask_instance(&self, base: &str, now: SystemTime) -> Result<AwsCredentials, AwsFailure> {
        let url = |path: &str| INSTANCE.url(&format!("{base}{path}"));
        let ask = HttpRequest::put(url("/latest/api/token")?)
            .header("X-aws-ec2-metadata-token-ttl-seconds", TOKEN_SECONDS);
        let token = INSTANCE.answer(&self.near, &ask)?.into_body();
        let token = String::from_utf8(token).map_err(|_| INSTANCE.failed("gives a token that is no text"))?;
        let get = |url: HttpUrl| {
            let get = HttpRequest::get(url).header("X-aws-ec2-metadata-token", token.trim());
            INSTANCE.answer(&self.near, &get)
        };
        let roles = get(url(ROLES)?)?.into_body();
        let role = String::from_utf8_lossy(&roles).lines().next().unwrap_or_default().trim().to_owned();
        // It becomes a part of the next address.
        let is_in_name = |byte: u8| byte.is_ascii_alphanumeric() || b"+=,.@_-".contains(&byte);
        if role.is_empty() || role.len() > LONGEST_NAME || !role.bytes().all(is_in_name) {
            return Err(INSTANCE.failed("names no role that could have a key"));
        }
        INSTANCE.key_of_json(get(url(&format!("{ROLES}{role}"))?)?.into_body(), now)
    }
}

fn base(environment: &AwsEnvironment) -> String {
    let named = environment.get("AWS_EC2_METADATA_SERVICE_ENDPOINT");
    let is_ipv6 = || {
        let mode = environment.get("AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE");
        mode.is_some_and(|mode| mode.eq_ignore_ascii_case("IPv6"))
    };
    match named {
        Some(named) => named.trim_end_matches('/').to_owned(),
        None if is_ipv6() => "http://[fd00:ec2::254]".to_owned(),
        None => "http://169.254.169.254".to_owned(),
    }
}
