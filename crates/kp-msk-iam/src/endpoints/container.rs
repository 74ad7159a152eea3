//! The endpoint of a container: of ECS, of EKS Pod Identity, of Greengrass. The environment says where it is.

use std::fs;
use std::time::SystemTime;

use kp_http::HttpRequest;
use kp_sasl::AwsCredentials;

use super::{Endpoint, Endpoints};
use crate::{AwsEnvironment, AwsFailure};

const CONTAINER: Endpoint = Endpoint("the endpoint of the container");
const OF_ECS: &str = "http://169.254.170.2";
/// Where plain `http` may go besides this machine: ECS, and EKS by both protocols.
const NEAR: [&str; 3] = ["169.254.170.2", "169.254.170.23", "fd00:ec2::23"];
/// An honest token has some kilobytes.
const LONGEST_TOKEN: u64 = 64 * 1024;

impl Endpoints {
    /// `None`: the environment names no such endpoint.
    pub(crate) fn container(
        &self,
        environment: &AwsEnvironment,
        now: SystemTime,
    ) -> Option<Result<AwsCredentials, AwsFailure>> {
        let relative = environment.get("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI");
        let full = environment.get("AWS_CONTAINER_CREDENTIALS_FULL_URI");
        let text = match relative {
            // Without the slash the host could become another.
            Some(path) if path.starts_with('/') => format!("{OF_ECS}{path}"),
            Some(_) => {
                let problem = "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI does not begin with a slash";
                return Some(Err(CONTAINER.failed(problem)));
            }
            None => full?,
        };
        Some(self.ask_container(&text, environment, now))
    }

    fn ask_container(
        &self,
        text: &str,
        environment: &AwsEnvironment,
        now: SystemTime,
    ) -> Result<AwsCredentials, AwsFailure> {
        let url = CONTAINER.url(text)?;
        let host = url.host().trim_matches(['[', ']']);
        let is_near = url.is_loopback() || NEAR.contains(&host);
        let client = match (is_near, url.is_https()) {
            (_, true) => self.far(CONTAINER)?,
            (true, false) => self.near.clone(),
            (false, false) => {
                let problem = "http to another machine is refused: AWS_CONTAINER_CREDENTIALS_FULL_URI has to be https there";
                return Err(CONTAINER.failed(problem));
            }
        };
        let mut request = HttpRequest::get(url).header("Accept", "application/json");
        if let Some(token) = authorization(environment)? {
            request = request.header("Authorization", token);
        }
        CONTAINER.key_of_json(CONTAINER.answer(&client, &request)?.into_body(), now)
    }
}

/// What the endpoint wants to see; the file is read anew each time, since it changes.
fn authorization(environment: &AwsEnvironment) -> Result<Option<String>, AwsFailure> {
    let Some(path) = environment.get("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE") else {
        return Ok(environment.get("AWS_CONTAINER_AUTHORIZATION_TOKEN"));
    };
    token_file(&path).map(Some)
}

/// A token in a file, without the space around it.
pub(super) fn token_file(path: &str) -> Result<String, AwsFailure> {
    let unreadable = |problem: String| AwsFailure::Unreadable { path: path.into(), problem };
    let about = fs::metadata(path).map_err(|error| unreadable(error.to_string()))?;
    if !about.is_file() || about.len() > LONGEST_TOKEN {
        return Err(unreadable("not a regular file of at most 64 KiB".to_owned()));
    }
    let token = fs::read_to_string(path).map_err(|error| unreadable(error.to_string()))?;
    Ok(token.trim().to_owned())
}
