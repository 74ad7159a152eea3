//! The region of AWS that a signature is for.
//! Owns: where it stands in the name of a broker. Never: the environment, which is asked by who signs.

use std::fmt;

/// A region, such as `eu-central-1`. A signature for another one than the cluster's is refused.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct AwsRegion(String);

/// Labels that stand before the region in the names of brokers.
const SERVICES: [&str; 2] = ["kafka", "kafka-serverless"];
/// No region has a longer name.
const LONGEST: usize = 64;

impl AwsRegion {
    /// The region of this name; `None` if it is empty, longer than 64 letters, or has others than `a-z`, `0-9` and `-`.
    #[must_use]
    pub fn new(name: &str) -> Option<Self> {
        let is_legal = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        let is_region = !name.is_empty() && name.len() <= LONGEST && name.bytes().all(is_legal);
        is_region.then(|| Self(name.to_owned()))
    }

    /// The region in the name of a broker of MSK: the label behind `kafka` or `kafka-serverless`, if a domain of AWS
    /// follows (`amazonaws.com`, that of China, or any other).
    ///
    /// ```
    /// use kp_msk_iam::AwsRegion;
    /// let region = |host| AwsRegion::of_host(host).map(|region| region.to_string());
    /// assert_eq!(region("b-1.demo.abc123.c2.kafka.eu-central-1.amazonaws.com").as_deref(), Some("eu-central-1"));
    /// assert_eq!(region("kafka.example.com"), None);
    /// ```
    #[must_use]
    pub fn of_host(host: &str) -> Option<Self> {
        let host = host.trim_end_matches('.').to_ascii_lowercase();
        let labels: Vec<&str> = host.split('.').collect();
        let service = labels.iter().rposition(|label| SERVICES.contains(label))?;
        let region = labels.get(service + 1)?;
        // Of a name such as kafka.example.com no label is a region: those have a number at the end.
        let is_region = region.contains('-') && region.ends_with(|last: char| last.is_ascii_digit());
        (is_region && labels.len() > service + 3).then(|| Self::new(region)).flatten()
    }

    /// Its name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for AwsRegion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // C17
    #[test]
    fn the_region_stands_in_the_name_of_a_broker_of_msk() {
        for (host, region) in [
            ("b-1.example.kafka.us-east-1.amazonaws.com", Some("us-east-1")),
            ("B-1.Example.Kafka.US-EAST-1.amazonaws.com.", Some("us-east-1")),
            ("boot-1a2b.c1.kafka-serverless.ap-southeast-2.amazonaws.com", Some("ap-southeast-2")),
            ("b-1.example.abc123.c4.kafka.cn-north-1.amazonaws.com.cn", Some("cn-north-1")),
            ("b-1.kafka.abc123.c4.kafka.us-gov-west-1.amazonaws.com", Some("us-gov-west-1")),
            ("b-1.example.abc123.c4.kafka.eu-west-1.api.aws", Some("eu-west-1")),
            ("localhost", None),
            ("10.0.0.1", None),
            ("kafka", None),
            ("broker.kafka.example.com", None),
            ("kafka.us-east-1", None),
            ("kafka..amazonaws.com", None),
            ("", None),
        ] {
            assert_eq!(AwsRegion::of_host(host).as_ref().map(AwsRegion::as_str), region, "{host}");
        }
    }

    #[test]
    fn what_could_not_stand_in_a_signature_is_no_region() {
        for name in ["", "us east", "us-east-1\n", "us/east", "US-EAST-1", &"a".repeat(65)] {
            assert_eq!(AwsRegion::new(name), None, "{name}");
        }
    }
}
