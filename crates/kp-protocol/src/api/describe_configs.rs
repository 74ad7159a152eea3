//! DescribeConfigs (API 32): reads configurations of topics and brokers.

use crate::wire::wire;
use crate::{ErrorCode, KafkaString};

wire! {
    /// Asks for configurations. Source: KIP-133, KIP-226, KIP-569.
    request DescribeConfigsRequest (api DescribeConfigs, answer DescribeConfigsResponse, versions 0..=4, flexible 4..) {
        [0..] resources: Vec<DescribeConfigsResource>,
        /// Whether to say where each value comes from.
        [1..] include_synonyms: bool,
        /// Whether to add documentation (KIP-569).
        [3..] include_documentation: bool,
    }
    /// One topic, broker or other resource.
    part DescribeConfigsResource {
        /// 2 topic, 4 broker, 8 broker logger, 16 client metrics, 32 group.
        [0..] resource_type: i8,
        [0..] resource_name: KafkaString,
        /// The keys wanted, null = all.
        [0..; nullable 0..] configuration_keys: Option<Vec<KafkaString>>,
    }
}

wire! {
    /// The configurations. Source: KIP-133, KIP-226, KIP-569.
    response DescribeConfigsResponse (api DescribeConfigs, versions 0..=4, flexible 4..) {
        /// Milliseconds the client should stay quiet, because of a quota (KIP-219).
        [0..] throttle_time_ms: i32,
        [0..] results: Vec<DescribeConfigsResult>,
    }
    /// One resource of a [`DescribeConfigsResponse`].
    part DescribeConfigsResult {
        /// What went wrong, or `NONE`.
        [0..] error_code: ErrorCode,
        /// What went wrong, in words, if the broker says.
        [0..; nullable 0..] error_message: Option<KafkaString>,
        /// 2 topic, 4 broker, 8 broker logger, 16 client metrics, 32 group.
        [0..] resource_type: i8,
        [0..] resource_name: KafkaString,
        [0..] configs: Vec<DescribeConfigsResourceResult>,
    }
    /// One setting of a [`DescribeConfigsResult`].
    part DescribeConfigsResourceResult {
        [0..] name: KafkaString,
        [0..; nullable 0..] value: Option<KafkaString>,
        [0..] read_only: bool,
        /// Whether the value is the default.
        [0..=0; gone; ignorable] is_default: bool,
        /// Where the value comes from: 1 topic, 2 broker, 3 all brokers, 4 static, 5 default, −1 unknown (KIP-226).
        [1..; ignorable] config_source: i8 = -1,
        /// Whether the value is kept secret (then it is null).
        [0..] is_sensitive: bool,
        [1..; ignorable] synonyms: Vec<DescribeConfigsSynonym>,
        /// The value's type: 1 boolean, 2 string, 3 int, 4 short, 5 long, 6 double, 7 list, 8 class, 9 password
        /// (KIP-569).
        [3..; ignorable] config_type: i8,
        [3..; nullable 0..; ignorable] documentation: Option<KafkaString>,
    }
    /// A key that stands behind a setting (KIP-226).
    part DescribeConfigsSynonym {
        [1..] name: KafkaString,
        [1..; nullable 0..] value: Option<KafkaString>,
        /// Where the value comes from, as `config_source`.
        [1..] source: i8,
    }
}
