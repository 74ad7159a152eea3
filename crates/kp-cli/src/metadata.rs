//! `kp metadata`: brokers, topics, partitions, leaders, API versions; as tables, or as one JSON object.

use std::{
    fmt::Write as _,
    io::{self, Write as _},
};

use kp_protocol::{BrokerVersions, api::MetadataResponse, text::shown};
use serde_json::{Value, json};

use crate::{
    Failure,
    args::{MetadataArgs, OutputArgs},
    configure::producer_config,
    reader,
};

/// # Errors
/// No broker, or an answer that is none. A topic that is not there is told, and is exit code 1.
pub(crate) fn run(args: &MetadataArgs, output: &OutputArgs) -> Result<u8, Failure> {
    let config = producer_config(&args.config).map_err(Failure::usage)?;
    let bootstrap = reader::bootstrap(&config).map_err(Failure::usage)?;
    let mut caller = reader::caller(&config).map_err(Failure::usage)?;
    let connection = reader::connect(&mut caller, &bootstrap).map_err(Failure::failed)?;
    let topics = (!args.topic.is_empty()).then_some(&args.topic[..]);
    let mut metadata = reader::metadata(&mut caller, &connection, topics).map_err(Failure::failed)?;
    metadata.brokers.sort_by_key(|broker| broker.node_id);
    metadata.topics.sort_by(|a, b| a.name.cmp(&b.name));
    metadata.topics.iter_mut().for_each(|topic| topic.partitions.sort_by_key(|p| p.partition_index));

    let printed = if output.json {
        writeln!(io::stdout(), "{}", as_json(&metadata, connection.versions(), connection.address()))
    } else {
        write!(io::stdout(), "{}", as_text(&metadata, connection.versions(), connection.address()))
    };
    match printed {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            Err(Failure::failed(format!("stdout: {error}")))
        }
        _ => Ok(u8::from(metadata.topics.iter().any(|topic| !topic.error_code.is_ok()))),
    }
}

fn as_json(metadata: &MetadataResponse, versions: &BrokerVersions, asked: &str) -> Value {
    let brokers: Vec<Value> = metadata
        .brokers
        .iter()
        .map(|broker| {
            json!({
                "id": broker.node_id, "host": broker.host.as_str(), "port": broker.port,
                "rack": broker.rack.as_ref().map(|rack| rack.as_str()),
            })
        })
        .collect();
    let topics: Vec<Value> = metadata
        .topics
        .iter()
        .map(|topic| {
            let partitions: Vec<Value> = topic
                .partitions
                .iter()
                .map(|partition| {
                    json!({
                        "partition": partition.partition_index, "leader": partition.leader_id,
                        "leader_epoch": partition.leader_epoch, "replicas": partition.replica_nodes,
                        "isr": partition.isr_nodes, "error": error(partition.error_code),
                    })
                })
                .collect();
            json!({
                "name": topic.name.as_ref().map(|name| name.as_str()), "internal": topic.is_internal,
                "error": error(topic.error_code), "partitions": partitions,
            })
        })
        .collect();
    let apis: Vec<Value> = versions
        .iter()
        .map(|(api, range)| {
            json!({
                "api": api.name(), "key": api.key(), "min": range.min, "max": range.max,
                "used": versions.negotiate(api),
            })
        })
        .collect();
    json!({
        "asked": asked, "cluster_id": metadata.cluster_id.as_ref().map(|id| id.as_str()),
        "controller": metadata.controller_id, "brokers": brokers, "topics": topics, "api_versions": apis,
    })
}

fn error(code: kp_protocol::ErrorCode) -> Option<String> {
    (!code.is_ok()).then(|| code.to_string())
}

fn as_text(metadata: &MetadataResponse, versions: &BrokerVersions, asked: &str) -> String {
    let mut text = String::new();
    let cluster = metadata.cluster_id.as_ref().map_or("without an id", |id| id.as_str());
    let cluster = shown(cluster);
    // Writing to a String cannot fail.
    let _ = writeln!(text, "cluster {cluster}, controller {}, asked {asked}\n", metadata.controller_id);

    let mut rows = vec![row(["BROKER", "HOST", "PORT", "RACK"])];
    for broker in &metadata.brokers {
        let rack = broker.rack.as_ref().map_or("-", |rack| rack.as_str());
        rows.push(row([&broker.node_id.to_string(), broker.host.as_str(), &broker.port.to_string(), rack]));
    }
    text += &table(&rows);
    text.push('\n');

    let mut rows = vec![row(["TOPIC", "PARTITION", "LEADER", "EPOCH", "REPLICAS", "ISR", "ERROR"])];
    for topic in &metadata.topics {
        let name = topic.name.as_ref().map_or("-", |name| name.as_str());
        if !topic.error_code.is_ok() {
            rows.push(row([name, "-", "-", "-", "-", "-", &topic.error_code.to_string()]));
        }
        for partition in &topic.partitions {
            rows.push(row([
                name,
                &partition.partition_index.to_string(),
                &if partition.leader_id < 0 { "none".to_owned() } else { partition.leader_id.to_string() },
                &partition.leader_epoch.to_string(),
                &ids(&partition.replica_nodes),
                &ids(&partition.isr_nodes),
                &error(partition.error_code).unwrap_or_else(|| "-".to_owned()),
            ]));
        }
    }
    text += &table(&rows);
    text.push('\n');

    let mut rows = vec![row(["API", "KEY", "BROKER", "KP USES"])];
    for (api, range) in versions.iter() {
        let used = versions.negotiate(api).map_or_else(|| "-".to_owned(), |version| version.to_string());
        rows.push(row([api.name(), &api.key().to_string(), &range.to_string(), &used]));
    }
    text + &table(&rows)
}

fn row<const N: usize>(cells: [&str; N]) -> Vec<String> {
    cells.map(|cell| shown(cell).to_string()).to_vec()
}

fn ids(nodes: &[i32]) -> String {
    nodes.iter().map(ToString::to_string).collect::<Vec<_>>().join(",")
}

/// Columns as wide as their widest cell; no blanks at the end of a line.
fn table(rows: &[Vec<String>]) -> String {
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let width =
        |column: usize| rows.iter().filter_map(|row| row.get(column)).map(|c| c.chars().count()).max();
    let widths: Vec<usize> = (0..columns).map(|column| width(column).unwrap_or(0)).collect();
    let mut text = String::new();
    for row in rows {
        let cells: Vec<String> =
            row.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}")).collect();
        text += cells.join("  ").trim_end();
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use kp_protocol::{
        ApiKey, ErrorCode, VersionRange,
        api::{MetadataResponseBroker, MetadataResponsePartition, MetadataResponseTopic},
    };

    use super::*;

    fn metadata() -> MetadataResponse {
        let partition = MetadataResponsePartition {
            partition_index: 0,
            leader_id: 2,
            replica_nodes: vec![2, 3],
            isr_nodes: vec![2],
            ..MetadataResponsePartition::default()
        };
        let topic = |name: &str, error_code, partitions| MetadataResponseTopic {
            name: Some(name.into()),
            error_code,
            partitions,
            ..MetadataResponseTopic::default()
        };
        MetadataResponse {
            brokers: vec![MetadataResponseBroker {
                node_id: 2,
                host: "kafka-2".into(),
                port: 9092,
                ..MetadataResponseBroker::default()
            }],
            cluster_id: Some("abc".into()),
            topics: vec![
                topic("orders", ErrorCode::NONE, vec![partition]),
                topic("gone", ErrorCode::UNKNOWN_TOPIC_OR_PARTITION, vec![]),
            ],
            ..MetadataResponse::default()
        }
    }

    fn versions() -> BrokerVersions {
        BrokerVersions::fixed([(ApiKey::Produce, VersionRange::new(0, 99))])
    }

    #[test]
    fn the_table_lines_up() {
        let text = as_text(&metadata(), &versions(), "h:1");
        assert!(text.starts_with("cluster abc, controller -1, asked h:1\n"), "{text}");
        let line = |start: &str| text.lines().find(|line| line.starts_with(start)).unwrap();
        assert_eq!(line("orders").find('2'), line("TOPIC").find("LEADER"), "{text}");
        assert!(line("orders").contains("2,3"), "{text}");
        assert!(line("gone").contains("UNKNOWN_TOPIC_OR_PARTITION"), "{text}");
        assert!(line("Produce").ends_with("13"), "{text}");
        assert!(text.lines().all(|line| line == line.trim_end()), "{text}");
    }

    #[test]
    fn the_json_has_the_same_facts() {
        let json = as_json(&metadata(), &versions(), "h:1");
        assert_eq!((&json["cluster_id"], &json["brokers"][0]["port"]), (&"abc".into(), &9092.into()));
        assert_eq!(json["topics"][0]["partitions"][0]["replicas"], json!([2, 3]));
        assert!(json["topics"][0]["error"].is_null());
        assert!(json["topics"][1]["error"].as_str().unwrap().contains("UNKNOWN_TOPIC"));
        assert_eq!(json["api_versions"][0]["used"], 13);
    }
}
