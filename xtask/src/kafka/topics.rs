//! Topics of a running cluster: made, and asked for, with the hand-written requests of `wire.rs`.

use std::time::{Duration, Instant};

use super::KafkaCluster;
use super::versions::Quorum;
use super::wire::{self, PartitionView};
use crate::error::{Doing, XtaskError};

impl KafkaCluster {
    /// All partitions as the first answering broker knows them.
    ///
    /// # Errors
    /// When no broker answers.
    pub fn partitions(&self) -> Result<Vec<PartitionView>, XtaskError> {
        let brokers = self.state().brokers.clone();
        let mut said = Vec::new();
        for broker in brokers.iter().filter(|broker| broker.is_running()) {
            match wire::metadata(broker.port) {
                Ok(view) => return Ok(view.partitions),
                Err(error) => said.push(format!("broker {}: {error}", broker.id)),
            }
        }
        Err(XtaskError::Answer {
            request: "Metadata".to_owned(),
            answer: format!("nothing ({})", said.join("; ")),
        })
    }

    /// The id of the broker that leads a partition, `None` while it has no leader.
    ///
    /// # Errors
    /// When no broker answers, or none knows the partition.
    pub fn leader(&self, topic: &str, partition: i32) -> Result<Option<i32>, XtaskError> {
        let partitions = self.partitions()?;
        let found = partitions.iter().find(|view| view.topic == topic && view.partition == partition);
        let leader = found.map(|view| view.leader).ok_or_else(|| XtaskError::Answer {
            request: format!("Metadata of {topic}-{partition}"),
            answer: "no such partition".to_owned(),
        })?;
        Ok((leader >= 0).then_some(leader))
    }

    /// Waits until every replica of every partition is in sync again, as after a [`Self::restart`]: only then does
    /// killing the next broker lose nothing.
    ///
    /// # Errors
    /// Some are not within `limit`; the error names one.
    pub fn wait_until_in_sync(&self, limit: Duration) -> Result<(), XtaskError> {
        let until = Instant::now() + limit;
        loop {
            let partitions = self.partitions()?;
            let behind =
                partitions.iter().find(|view| view.leader < 0 || view.in_sync.len() < view.replicas.len());
            let Some(view) = behind else { return Ok(()) };
            if Instant::now() > until {
                let answer = format!("after {limit:?}: in sync {:?} of {:?}", view.in_sync, view.replicas);
                let request = format!("Metadata of {}-{}", view.topic, view.partition);
                return Err(XtaskError::Answer { request, answer });
            }
            std::thread::sleep(Duration::from_millis(100));
        }
    }

    /// Makes a topic and returns when every running broker knows the leaders of its partitions, and those know it too: a
    /// producer that never tries again loses nothing then.
    ///
    /// # Errors
    /// What the broker says, e.g. 36 when it exists.
    pub fn create_topic(&self, name: &str, partitions: i32, replication: i16) -> Result<(), XtaskError> {
        self.create_topic_with(name, partitions, replication, &[])
    }

    /// [`Self::create_topic`] with topic settings, e.g. `("max.message.bytes", "2097152")`.
    ///
    /// # Errors
    /// What the broker says.
    pub fn create_topic_with(
        &self,
        name: &str,
        partitions: i32,
        replication: i16,
        settings: &[(&str, &str)],
    ) -> Result<(), XtaskError> {
        let request = || format!("CreateTopics of {name}");
        let brokers = self.state().brokers.clone();
        let running: Vec<_> = brokers.iter().filter(|broker| broker.is_running()).collect();
        let port = running.first().map(|broker| broker.port).ok_or_else(|| XtaskError::Answer {
            request: request(),
            answer: "nothing: no broker is up".to_owned(),
        })?;
        let topic = wire::NewTopic { name, partitions, replication, settings };
        match (&self.version.quorum, self.zookeeper()) {
            (Quorum::ZooKeeper { topic_command, .. }, Some(zookeeper)) => {
                self.create_in_zookeeper(topic_command, &zookeeper, &topic)?;
            }
            _ => {
                let (code, message) = wire::create_topic(port, &topic).doing(request)?;
                if code != 0 {
                    let answer = format!("error {code} {}", message.unwrap_or_default());
                    return Err(XtaskError::Answer { request: request(), answer });
                }
            }
        }
        let until = Instant::now() + Duration::from_secs(30);
        let led = |view: &wire::View| {
            let led = view.partitions.iter().filter(|part| part.topic == name && part.leader >= 0);
            led.count() == partitions as usize
        };
        while !running.iter().all(|broker| wire::metadata(broker.port).is_ok_and(|view| led(&view)))
            || !self.leaders_know(name, partitions)?
        {
            if Instant::now() > until {
                return Err(XtaskError::Answer {
                    request: request(),
                    answer: "no leaders within 30 s".to_owned(),
                });
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        Ok(())
    }

    /// Waits until the leader of each of a topic's `partitions` partitions takes itself for that, as after a
    /// [`Self::restart`]: a broker answers before it leads.
    ///
    /// # Errors
    /// Not within 30 s, or no broker answers.
    pub fn wait_until_led(&self, topic: &str, partitions: i32) -> Result<(), XtaskError> {
        let until = Instant::now() + Duration::from_secs(30);
        while !self.leaders_know(topic, partitions)? {
            if Instant::now() > until {
                let answer = "some that is no leader, for 30 s".to_owned();
                return Err(XtaskError::Answer { request: format!("ListOffsets of {topic}"), answer });
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        Ok(())
    }

    /// Whether each partition's leader, as Metadata names it, takes itself for the leader.
    fn leaders_know(&self, topic: &str, partitions: i32) -> Result<bool, XtaskError> {
        let version = match self.version.quorum {
            Quorum::KRaft { .. } => 1,
            Quorum::ZooKeeper { .. } => 0,
        };
        let views = self.partitions()?;
        let mut knowing = 0;
        for view in views.iter().filter(|view| view.topic == topic && view.leader >= 0) {
            let port = self.with_broker(view.leader, |broker| broker.port)?;
            let code = wire::list_offsets(port, topic, view.partition, version);
            knowing += i32::from(code.is_ok_and(|code| code == 0));
        }
        Ok(knowing == partitions)
    }

    /// Before CreateTopics (KIP-4) topics were made by a tool, past the brokers.
    fn create_in_zookeeper(
        &self,
        topic_command: &str,
        zookeeper: &str,
        topic: &wire::NewTopic<'_>,
    ) -> Result<(), XtaskError> {
        let (partitions, replication) = (topic.partitions.to_string(), topic.replication.to_string());
        let settings: Vec<String> =
            topic.settings.iter().map(|(key, value)| format!("{key}={value}")).collect();
        let mut args = vec!["--zookeeper", zookeeper, "--create", "--topic", topic.name];
        args.extend(["--partitions", &partitions, "--replication-factor", &replication]);
        args.extend(settings.iter().flat_map(|setting| ["--config", setting.as_str()]));
        self.tool(topic_command, &args).map(drop)
    }
}
