//! A topic: is it there, may this client write to it, do its partitions have leaders and copies enough.
//! Nothing is created by asking.

use std::{
    collections::BTreeMap,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use kp_producer::{Acks, config::Settings};
use kp_protocol::{
    ApiKey, ErrorCode,
    api::{
        DescribeConfigsRequest, DescribeConfigsResource, MetadataRequest, MetadataRequestTopic,
        MetadataResponseTopic,
    },
};

use super::{
    listener::{Spoken, written},
    open_transactions,
    partitions::{Partitions, STEP},
    report::{Ailment, Report},
    rights::Rights,
    way::Way,
};
use crate::reader::ReaderError;

/// From this version on, Metadata says whether asking may create.
const ASKS_WITHOUT_CREATING: i16 = 4;

/// Kinds of resources in DescribeConfigs.
const TOPIC: i8 = 2;
const BROKER: i8 = 4;

/// A broker to ask, and its number.
pub(super) struct Asked<'a> {
    pub(super) way: &'a Way<'a>,
    pub(super) broker: i32,
    pub(super) host: &'a str,
    pub(super) port: u16,
    /// Whether it knows DescribeConfigs (0.11 and newer do).
    pub(super) tells_configs: bool,
    /// Whether it knows transactions (0.11 and newer do).
    pub(super) has_transactions: bool,
}

/// Looks at the topic. `works` are the brokers that can be reached.
pub(super) fn examine(
    report: &mut Report,
    asked: &Asked<'_>,
    spoken: &mut Spoken,
    name: &str,
    works: &BTreeMap<i32, (String, u16)>,
    settings: &Settings,
) {
    match describe(spoken, name) {
        Err(error) => report.failed(STEP, Ailment::new(error.to_string(), "look into the broker's log")),
        Ok(Some(topic)) if topic.error_code.is_ok() || !topic.partitions.is_empty() => {
            Rights::ask(spoken, Some(topic.topic_authorized_operations)).tell(report, name);
            let configs = configs(asked, TOPIC, name, &["min.insync.replicas", "max.message.bytes"]);
            let least = configs.get("min.insync.replicas").and_then(|text| text.parse().ok());
            Partitions::of(&topic, works, least).tell(report, name, settings.acks == Acks::All);
            sizes(report, name, settings, &configs);
            transactions(report, asked, &topic, works);
        }
        Ok(topic) => {
            let rights = Rights::ask(spoken, None);
            rights.tell(report, name);
            absent(report, asked, name, topic.map(|topic| topic.error_code), rights);
        }
    }
}

/// What is open in it, measured by the longest timeout that the brokers allow.
fn transactions(
    report: &mut Report,
    asked: &Asked<'_>,
    topic: &MetadataResponseTopic,
    works: &BTreeMap<i32, (String, u16)>,
) {
    if !asked.has_transactions {
        return;
    }
    let now_ms = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_millis() as i64;
    let limit = longest_transaction(asked).unwrap_or(open_transactions::MAX_TIMEOUT);
    open_transactions::examine(report, asked.way, topic, works, limit, now_ms);
}

/// For how long brokers let a transaction stay open at most; `None` if they do not tell.
pub(super) fn longest_transaction(asked: &Asked<'_>) -> Option<Duration> {
    let key = "transaction.max.timeout.ms";
    let told = configs(asked, BROKER, &asked.broker.to_string(), &[key]);
    told.get(key).and_then(|text| text.parse().ok()).map(Duration::from_millis)
}

/// What the cluster says of the topic; `None` if it is not among its topics.
fn describe(spoken: &mut Spoken, name: &str) -> Result<Option<MetadataResponseTopic>, ReaderError> {
    let version = spoken.connection.version(ApiKey::Metadata)?;
    let wanted = MetadataRequestTopic { name: Some(name.into()), ..MetadataRequestTopic::default() };
    let mut request = MetadataRequest {
        topics: Some(vec![wanted]),
        allow_auto_topic_creation: false,
        include_topic_authorized_operations: version >= 8,
        ..MetadataRequest::default()
    };
    if version < ASKS_WITHOUT_CREATING {
        // An old broker creates what is asked for by name: ask for all.
        request.allow_auto_topic_creation = true;
        request.topics = if version == 0 { Some(Vec::new()) } else { None };
    }
    let response = spoken.caller.call(&spoken.connection, version, &request)?;
    ReaderError::check("the cluster's metadata", response.error_code, None)?;
    Ok(response.topics.into_iter().find(|topic| topic.name.as_ref().is_some_and(|is| is.as_str() == name)))
}

fn absent(report: &mut Report, asked: &Asked<'_>, name: &str, code: Option<ErrorCode>, rights: Rights) {
    let create =
        format!("create it: kafka-topics.sh --create --topic {name} --partitions … --bootstrap-server …");
    match code {
        None | Some(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION) => {
            let broker = asked.broker.to_string();
            let creates = configs(asked, BROKER, &broker, &["auto.create.topics.enable"]);
            match creates.get("auto.create.topics.enable").map(String::as_str) {
                // A right to create this one topic is not told of: it may be there.
                Some("true") if rights.may_create() == Some(false) => report.warning(STEP, Ailment::new(
                    format!("{name} is not there; the first send creates it only if this client may create just it: it may not create topics"),
                    create,
                )),
                Some("true") => report.warning(STEP, Ailment::new(
                    format!("{name} is not there; the first send would create it, with the brokers' defaults"),
                    format!("if that is not what you want, {create}"),
                )),
                Some(_) => report.failed(STEP, Ailment::new(
                    format!("{name} is not there, and brokers do not create topics by themselves (auto.create.topics.enable=false)"),
                    create,
                )),
                None => report.failed(STEP, Ailment::new(
                    format!("{name} is not there; whether the first send would create it, the brokers do not tell"),
                    format!("is the name right? Else {create}"),
                )),
            }
        }
        Some(ErrorCode::TOPIC_AUTHORIZATION_FAILED) => {
            report.failed(
                STEP,
                Ailment::new(format!("{name}: this client may not even see it"), allow_writing(name)),
            );
        }
        Some(ErrorCode::INVALID_TOPIC_EXCEPTION) => report.failed(
            STEP,
            Ailment::new(
                format!("{name} is no name for a topic"),
                "letters, digits, dots, hyphens and underscores, at most 249 of them",
            ),
        ),
        Some(code) => {
            report.failed(STEP, Ailment::new(format!("{name}: {code}"), "look into the brokers' logs"))
        }
    }
}

fn allow_writing(name: &str) -> String {
    format!(
        "allow it: kafka-acls.sh --add --producer --topic {name} --allow-principal User:… --bootstrap-server …"
    )
}

fn sizes(report: &mut Report, name: &str, settings: &Settings, configs: &BTreeMap<String, String>) {
    let allowed: Option<usize> = configs.get("max.message.bytes").and_then(|text| text.parse().ok());
    if let Some(allowed) = allowed.filter(|allowed| *allowed < settings.max_request_size) {
        let wanted = settings.max_request_size;
        report.warning(STEP, Ailment::new(
            format!("{name}: takes batches of at most max.message.bytes={allowed}, this producer sends up to max.request.size={wanted}"),
            format!("records above {allowed} bytes will be refused by the broker: set max.request.size={allowed}, or raise the topic's limit"),
        ));
    }
}

/// Some settings of a topic or a broker, as far as the cluster has them and tells this client. On a connection of its
/// own: a refusal may end it.
fn configs(asked: &Asked<'_>, resource_type: i8, name: &str, keys: &[&str]) -> BTreeMap<String, String> {
    if !asked.tells_configs {
        return BTreeMap::new();
    }
    let ask = || -> Result<BTreeMap<String, String>, ReaderError> {
        let (host, port) = (asked.host, asked.port);
        let changed =
            |ailment: Ailment| ReaderError::Connect { address: written(host, port), why: ailment.found };
        let mut caller = asked.way.caller(None).map_err(changed)?;
        let connection = caller.connect(asked.host, asked.port)?;
        let version = connection.version(ApiKey::DescribeConfigs)?;
        let resource = DescribeConfigsResource {
            resource_type,
            resource_name: name.into(),
            configuration_keys: Some(keys.iter().map(|key| (*key).into()).collect()),
            ..Default::default()
        };
        let request = DescribeConfigsRequest { resources: vec![resource], ..Default::default() };
        let answer = caller.call(&connection, version, &request)?;
        let configs = answer
            .results
            .into_iter()
            .filter(|result| result.error_code.is_ok())
            .flat_map(|result| result.configs);
        Ok(configs.filter_map(|config| Some((config.name.to_string(), config.value?.to_string()))).collect())
    };
    // Not to be told is no ailment: what is known without is said.
    ask().unwrap_or_default()
}
