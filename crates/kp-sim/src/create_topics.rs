//! CreateTopics, and what a valid topic is (KIP-4, KIP-464, KIP-525).

use kp_protocol::api::{
    CreatableTopic, CreatableTopicConfigs, CreatableTopicResult, CreateTopicsRequest, CreateTopicsResponse,
};
use kp_protocol::{ApiKey, BrokerId, ErrorCode, ReceivedHeader, TopicId, TopicName};

use crate::topic::{Partition, Topic};
use crate::{Reply, SimCluster, TimestampType, TopicSettings};

/// More partitions than that in one topic are refused, so that a few bytes cannot ask for gigabytes.
const MAX_PARTITIONS: i32 = 100_000;

/// Why a topic is refused: the code, and the reason in words.
pub(crate) type Refusal = (ErrorCode, String);

/// The brokers that are to hold each partition, by partition number.
type Assignments = Vec<Vec<BrokerId>>;

impl SimCluster {
    pub(crate) fn create_topics(&mut self, header: &ReceivedHeader, request: &CreateTopicsRequest) -> Reply {
        let twice = |asked: &CreatableTopic| {
            request.topics.iter().filter(|other| other.name == asked.name).count() > 1
        };
        let mut topics: Vec<CreatableTopicResult> = Vec::with_capacity(request.topics.len());
        for asked in &request.topics {
            let outcome = if twice(asked) {
                Err((ErrorCode::INVALID_REQUEST, "the request names the topic twice".to_owned()))
            } else {
                self.create_as_asked(asked, request.validate_only)
            };
            // Kafka answers a name that is given twice once.
            if !topics.iter().any(|answered| answered.name == asked.name) {
                topics.push(result(asked, outcome));
            }
        }
        let throttle_time_ms = self.faults.throttle(ApiKey::CreateTopics);
        Reply::to(header, &CreateTopicsResponse { throttle_time_ms, topics, ..Default::default() })
    }

    fn create_as_asked(
        &mut self,
        asked: &CreatableTopic,
        validate_only: bool,
    ) -> Result<(TopicId, TopicSettings), Refusal> {
        let mut settings = TopicSettings::of(&self.settings);
        for config in &asked.configs {
            apply_config(&mut settings, &config.name, config.value.as_deref())?;
        }
        let assignments = self.read_assignments(asked)?;
        match &assignments {
            Some(assigned) => {
                settings.partitions = assigned.len() as i32;
                settings.replication_factor = assigned[0].len() as i16;
            }
            None => {
                // −1 asks for the broker's default (KIP-464).
                if asked.num_partitions != -1 {
                    settings.partitions = asked.num_partitions;
                }
                if asked.replication_factor != -1 {
                    settings.replication_factor = asked.replication_factor;
                }
            }
        }
        if validate_only {
            self.check_topic(&asked.name, &settings)?;
            return Ok((TopicId::ZERO, settings));
        }
        let id = self.try_create_topic(&asked.name, settings.clone(), assignments)?;
        Ok((id, settings))
    }

    fn read_assignments(&self, asked: &CreatableTopic) -> Result<Option<Assignments>, Refusal> {
        if asked.assignments.is_empty() {
            return Ok(None);
        }
        if asked.num_partitions != -1 || asked.replication_factor != -1 {
            let reason = "with assignments, partitions and replication factor must be -1";
            return Err((ErrorCode::INVALID_REQUEST, reason.to_owned()));
        }
        let invalid = |reason: &str| (ErrorCode::INVALID_REPLICA_ASSIGNMENT, reason.to_owned());
        let mut assigned = vec![Vec::new(); asked.assignments.len()];
        for assignment in &asked.assignments {
            let place =
                usize::try_from(assignment.partition_index).ok().and_then(|index| assigned.get_mut(index));
            let place = place
                .filter(|place| place.is_empty())
                .ok_or_else(|| invalid("partitions are not numbered from 0 on"))?;
            *place = assignment.broker_ids.iter().copied().map(BrokerId).collect();
            let distinct = place.iter().enumerate().all(|(at, id)| !place[..at].contains(id));
            if place.is_empty() || !distinct || place.iter().any(|id| !self.brokers.contains_key(id)) {
                return Err(invalid("a partition's brokers are none, repeated or unknown"));
            }
        }
        if assigned.iter().any(|brokers| brokers.len() != assigned[0].len()) {
            return Err(invalid("partitions have different numbers of copies"));
        }
        Ok(Some(assigned))
    }

    /// Creates a topic, or says why not. Leaders are spread over the brokers, round robin, or as assigned.
    pub(crate) fn try_create_topic(
        &mut self,
        name: &str,
        settings: TopicSettings,
        assignments: Option<Assignments>,
    ) -> Result<TopicId, Refusal> {
        self.check_topic(name, &settings)?;
        let brokers: Vec<BrokerId> = self.brokers.keys().copied().collect();
        let spread = |partition: usize| {
            let copies = 0..settings.replication_factor as usize;
            copies.map(|copy| brokers[(partition + copy) % brokers.len()]).collect()
        };
        let replicas = assignments.unwrap_or_else(|| (0..settings.partitions as usize).map(spread).collect());
        let partition = |replicas: Vec<BrokerId>| {
            let leader = replicas.iter().copied().find(|id| self.is_up(*id));
            Partition::new(replicas, leader)
        };
        let partitions = replicas.into_iter().map(partition).collect();
        let (id, name) = (self.new_topic_id(), TopicName::new(name));
        self.topic_names.insert(id, name.clone());
        self.topics.insert(name.clone(), Topic { name, id, settings, partitions });
        Ok(id)
    }

    fn check_topic(&self, name: &str, settings: &TopicSettings) -> Result<(), Refusal> {
        if let Some(fault) = name_fault(name) {
            return Err((ErrorCode::INVALID_TOPIC_EXCEPTION, fault.to_owned()));
        }
        if self.topics.contains_key(name) {
            return Err((ErrorCode::TOPIC_ALREADY_EXISTS, format!("topic '{name}' already exists")));
        }
        if !(1..=MAX_PARTITIONS).contains(&settings.partitions) {
            return Err((
                ErrorCode::INVALID_PARTITIONS,
                format!("{} partitions: 1 to {MAX_PARTITIONS} are possible", settings.partitions),
            ));
        }
        let brokers = self.brokers.len();
        if !(1..=brokers as i64).contains(&i64::from(settings.replication_factor)) {
            let reason =
                format!("replication factor {}: 1 to {brokers} are possible", settings.replication_factor);
            return Err((ErrorCode::INVALID_REPLICATION_FACTOR, reason));
        }
        Ok(())
    }
}

/// Why no topic can have this name; `None` if one can.
pub(crate) fn name_fault(name: &str) -> Option<&'static str> {
    let legal = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-');
    match name {
        "" => Some("a topic name cannot be empty"),
        "." | ".." => Some("a topic name cannot be '.' or '..'"),
        name if name.len() > 249 => Some("a topic name cannot be longer than 249 characters"),
        name if !name.bytes().all(legal) => {
            Some("a topic name holds only ASCII letters, digits, '.', '_' and '-'")
        }
        _ => None,
    }
}

fn apply_config(settings: &mut TopicSettings, name: &str, value: Option<&str>) -> Result<(), Refusal> {
    let invalid = || {
        (
            ErrorCode::INVALID_CONFIG,
            format!("invalid value {} for configuration {name}", value.unwrap_or("null")),
        )
    };
    let value = value.ok_or_else(invalid)?;
    match name {
        "max.message.bytes" => settings.max_message_bytes = value.parse().map_err(|_| invalid())?,
        "min.insync.replicas" => {
            settings.min_insync_replicas =
                value.parse().ok().filter(|least| *least >= 1).ok_or_else(invalid)?;
        }
        "message.timestamp.type" => {
            settings.timestamp_type = match value {
                "CreateTime" => TimestampType::CreateTime,
                "LogAppendTime" => TimestampType::LogAppendTime,
                _ => return Err(invalid()),
            }
        }
        "cleanup.policy" => {
            let known = |policy: &str| matches!(policy, "delete" | "compact");
            if !value.split(',').map(str::trim).all(known) {
                return Err(invalid());
            }
            settings.compacted = value.split(',').any(|policy| policy.trim() == "compact");
        }
        // The double recompresses nothing and deletes nothing: it takes only what asks for neither.
        "compression.type" if value == "producer" => {}
        "retention.ms" | "retention.bytes" if value == "-1" => {}
        _ => {
            return Err((
                ErrorCode::INVALID_CONFIG,
                format!("the embedded development broker has no configuration {name}={value}"),
            ));
        }
    }
    Ok(())
}

fn result(
    asked: &CreatableTopic,
    outcome: Result<(TopicId, TopicSettings), Refusal>,
) -> CreatableTopicResult {
    let name = asked.name.clone();
    match outcome {
        Ok((topic_id, settings)) => CreatableTopicResult {
            name,
            topic_id,
            num_partitions: settings.partitions,
            replication_factor: settings.replication_factor,
            configs: Some(asked.configs.iter().map(as_set).collect()),
            ..Default::default()
        },
        Err((error_code, message)) => CreatableTopicResult {
            name,
            error_code,
            error_message: Some(message.into()),
            configs: Some(Vec::new()),
            ..Default::default()
        },
    }
}

fn as_set(config: &kp_protocol::api::CreatableTopicConfig) -> CreatableTopicConfigs {
    /// `ConfigSource.DYNAMIC_TOPIC_CONFIG`.
    const TOPIC: i8 = 1;
    CreatableTopicConfigs {
        name: config.name.clone(),
        value: config.value.clone(),
        config_source: TOPIC,
        ..Default::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_legal_as_kafka_says() {
        for name in ["a", "A-Z_0.9", "...", &"x".repeat(249)] {
            assert_eq!(name_fault(name), None, "{name}");
        }
        for name in ["", ".", "..", "/", "a b", "ü", &"x".repeat(250)] {
            assert!(name_fault(name).is_some(), "{name}");
        }
    }
}
