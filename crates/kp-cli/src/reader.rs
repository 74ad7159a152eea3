//! A small blocking reader: enough of a client to look at a cluster and to read a topic back.
//! Owns: which requests are sent, one at a time. The network is a producer's own. It is not a consumer: no groups, no commits.

mod aborted;
mod blocking_caller;
mod canonical;
mod connection;
mod error;
mod isolation;
mod topic_reader;

use kp_producer::{BuildError, ConfigError, ProducerConfig};
use kp_protocol::{
    ApiKey, ErrorCode,
    api::{CreatableTopic, CreateTopicsRequest, MetadataRequest, MetadataRequestTopic, MetadataResponse},
    text::shown,
};

pub(crate) use self::{
    blocking_caller::BlockingCaller,
    canonical::Canonical,
    connection::Connection,
    error::ReaderError,
    isolation::Isolation,
    topic_reader::{Fetched, Position, Selection, TopicReader},
};

/// Hosts and ports to ask first.
pub(crate) type Bootstrap = Vec<(String, u16)>;

/// `bootstrap.servers` as a producer understands it, with `client.dns.lookup`; may ask name servers.
///
/// # Errors
/// As for a producer.
pub(crate) fn bootstrap(config: &ProducerConfig) -> Result<Bootstrap, ConfigError> {
    let settings = config.validate()?.settings;
    Ok(Canonical::of(&settings).expand(settings.bootstrap_servers))
}

/// A caller whose connections are encrypted and authenticated as a producer's with this configuration.
///
/// # Errors
/// A file that the configuration names, or what the build lacks.
pub(crate) fn caller(config: &ProducerConfig) -> Result<BlockingCaller, BuildError> {
    BlockingCaller::secured(config, None, true).map(|(caller, _)| caller)
}

/// A connection to the first broker of the list that answers.
///
/// # Errors
/// What each of them said.
pub(crate) fn connect(caller: &mut BlockingCaller, bootstrap: &Bootstrap) -> Result<Connection, ReaderError> {
    let mut said = Vec::new();
    for (host, port) in bootstrap {
        match caller.connect(host, *port) {
            Ok(connection) => return Ok(connection),
            Err(ReaderError::Interrupted) => return Err(ReaderError::Interrupted),
            Err(error) => said.push(error.to_string()),
        }
    }
    Err(ReaderError::NoBroker(said))
}

/// What a broker knows of these topics (`None`: of all); no topic is created by asking.
///
/// # Errors
/// The connection, or the answer.
pub(crate) fn metadata(
    caller: &mut BlockingCaller,
    connection: &Connection,
    topics: Option<&[String]>,
) -> Result<MetadataResponse, ReaderError> {
    let version = connection.version(ApiKey::Metadata)?;
    let mut request = MetadataRequest {
        allow_auto_topic_creation: version < MetadataRequest::AUTO_CREATION_FROM,
        ..MetadataRequest::default()
    };
    request.topics = topics.map(|names| {
        let topic = |name: &String| MetadataRequestTopic {
            name: Some(name.as_str().into()),
            ..MetadataRequestTopic::default()
        };
        names.iter().map(topic).collect()
    });
    if version == 0 {
        // No list is not among its words yet: an empty one is all topics.
        request.topics.get_or_insert_default();
    }
    let response = caller.call(connection, version, &request)?;
    ReaderError::check("the cluster's metadata", response.error_code, None)?;
    Ok(response)
}

/// Creates a topic with the cluster's own replication factor.
///
/// # Errors
/// The connection, or the broker's refusal.
pub(crate) fn create_topic(
    caller: &mut BlockingCaller,
    connection: &Connection,
    name: &str,
    partitions: i32,
) -> Result<(), ReaderError> {
    let version = connection.version(ApiKey::CreateTopics)?;
    // Version 4 and newer leave the factor to the cluster (KIP-464).
    let replication_factor = if version >= 4 { -1 } else { 1 };
    let topic = CreatableTopic {
        name: name.into(),
        num_partitions: partitions,
        replication_factor,
        ..CreatableTopic::default()
    };
    let request = CreateTopicsRequest { topics: vec![topic], timeout_ms: 30_000, ..Default::default() };
    let response = caller.call(connection, version, &request)?;
    for topic in &response.topics {
        if topic.error_code != ErrorCode::NONE {
            return Err(ReaderError::Refused {
                what: format!("creating topic {name}"),
                code: topic.error_code,
                message: topic.error_message.as_ref().map(|text| shown(text).to_string()),
            });
        }
    }
    Ok(())
}
