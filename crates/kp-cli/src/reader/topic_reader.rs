//! The records of a topic, from all its partitions, in order within each.
//! Owns: a cursor per partition and a connection per leader. A leader that moves or a connection that breaks is
//! looked up again; a partition that stays without one is given up after a while.

use std::{collections::BTreeMap, ops::ControlFlow, time::Duration};

use kp_protocol::{
    ApiKey, ErrorCode, ProducerIdentity, ProtocolError, TopicId, VersionRange,
    api::{
        FetchPartition, FetchRequest, FetchTopic, ListOffsetsPartition, ListOffsetsRequest, ListOffsetsTopic,
        PartitionData,
    },
    records::{Record, batches},
};

use super::{
    BlockingCaller, Bootstrap, Connection, Isolation, ReaderError, aborted::Aborted, connect, metadata,
};

/// What one answer may bring, all partitions together, and each.
const FETCH_BYTES: i32 = 16 << 20;
const PARTITION_BYTES: i32 = 4 << 20;

/// What one batch may become when it is decompressed.
const BATCH_BYTES: usize = 256 << 20;

/// How long a partition may be without a leader that answers.
const PATIENCE: Duration = Duration::from_secs(30);
const BETWEEN_TRIES: Duration = Duration::from_millis(200);

/// Where to begin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Position {
    /// The oldest record there is.
    Earliest,
    /// Behind the newest one.
    Latest,
}

impl Position {
    /// The timestamp that stands for it in ListOffsets (KIP-79).
    fn timestamp(self) -> i64 {
        match self {
            Self::Earliest => -2,
            Self::Latest => -1,
        }
    }
}

/// What is to be read of a topic.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Selection {
    /// This partition alone.
    pub(crate) partition: Option<i32>,
    pub(crate) position: Position,
    pub(crate) isolation: Isolation,
}

impl Selection {
    /// All partitions, committed records.
    pub(crate) fn all_from(position: Position) -> Self {
        Self { partition: None, position, isolation: Isolation::default() }
    }
}

/// A record and where it stands.
pub(crate) struct Fetched<'a> {
    pub(crate) partition: i32,
    /// Who wrote it, if it was written in a transaction.
    pub(crate) transaction: Option<ProducerIdentity>,
    pub(crate) record: Record<'a>,
}

#[derive(Debug)]
struct Cursor {
    leader: i32,
    next_offset: i64,
    /// The first offset that was not there yet when reading began.
    end: i64,
}

pub(crate) struct TopicReader {
    caller: BlockingCaller,
    bootstrap: Bootstrap,
    topic: String,
    /// All zero: the cluster is too old to have ids.
    topic_id: TopicId,
    isolation: Isolation,
    cursors: BTreeMap<i32, Cursor>,
    brokers: BTreeMap<i32, (String, u16)>,
    connections: BTreeMap<i32, Connection>,
}

impl TopicReader {
    /// Finds the leaders and the first offsets.
    ///
    /// # Errors
    /// No broker, no such topic or partition.
    pub(crate) fn open(
        caller: BlockingCaller,
        bootstrap: &Bootstrap,
        topic: &str,
        selection: Selection,
    ) -> Result<Self, ReaderError> {
        let mut reader = Self::new(caller, bootstrap, topic);
        reader.isolation = selection.isolation;
        reader.refresh()?;
        if let Some(partition) = selection.partition {
            reader.cursors.retain(|number, _| *number == partition);
            if reader.cursors.is_empty() {
                return Err(ReaderError::NoPartition { topic: topic.to_owned(), partition });
            }
        }
        reader.find_offsets(selection.position)?;
        Ok(reader)
    }

    /// Waits until a topic that was just created has leaders that answer: a cluster may need a moment until every broker knows of it.
    /// Answers the caller, connected.
    ///
    /// # Errors
    /// As [`open`](Self::open); that there is no such topic only when `within` is over.
    pub(crate) fn wait_for(
        caller: BlockingCaller,
        bootstrap: &Bootstrap,
        topic: &str,
        within: Duration,
    ) -> Result<BlockingCaller, ReaderError> {
        let mut reader = Self::new(caller, bootstrap, topic);
        let begun = reader.caller.now();
        loop {
            match reader.refresh().and_then(|()| reader.find_offsets(Position::Earliest)) {
                Err(ReaderError::Refused { .. })
                    if reader.caller.now().saturating_duration_since(begun) < within =>
                {
                    reader.caller.rest(BETWEEN_TRIES)?;
                }
                found => return found.map(|()| reader.caller),
            }
        }
    }

    fn new(caller: BlockingCaller, bootstrap: &Bootstrap, topic: &str) -> Self {
        Self {
            caller,
            bootstrap: bootstrap.clone(),
            topic: topic.to_owned(),
            topic_id: TopicId::default(),
            isolation: Isolation::default(),
            cursors: BTreeMap::new(),
            brokers: BTreeMap::new(),
            connections: BTreeMap::new(),
        }
    }

    fn find_offsets(&mut self, position: Position) -> Result<(), ReaderError> {
        self.patiently(|reader| {
            let first = reader.list_offsets(position)?;
            let end = reader.list_offsets(Position::Latest)?;
            for (number, cursor) in &mut reader.cursors {
                cursor.next_offset = first.get(number).copied().unwrap_or(0);
                cursor.end = end.get(number).copied().unwrap_or(0);
            }
            Ok(())
        })
    }

    /// Whether everything that was there when reading began has been read.
    pub(crate) fn is_at_end(&self) -> bool {
        self.cursors.values().all(|cursor| cursor.next_offset >= cursor.end)
    }

    /// One look at every leader, waiting at most `wait` at each that has nothing. Stops when `each` breaks.
    ///
    /// # Errors
    /// What does not pass by itself.
    pub(crate) fn poll(
        &mut self,
        wait: Duration,
        mut each: impl FnMut(&Fetched<'_>) -> ControlFlow<()>,
    ) -> Result<ControlFlow<()>, ReaderError> {
        self.patiently(|reader| {
            let leaders: Vec<i32> = reader.connected_leaders()?;
            for leader in leaders {
                for (number, data) in reader.fetch(leader, wait)? {
                    if reader.hand_on(number, &data, &mut each)?.is_break() {
                        return Ok(ControlFlow::Break(()));
                    }
                }
            }
            Ok(ControlFlow::Continue(()))
        })
    }

    /// Tries again, with fresh metadata, what failed in a way that passes.
    fn patiently<T>(
        &mut self,
        mut attempt: impl FnMut(&mut Self) -> Result<T, ReaderError>,
    ) -> Result<T, ReaderError> {
        let begun = self.caller.now();
        loop {
            let error = match attempt(self) {
                Err(error) if error.is_passing() => error,
                done => return done,
            };
            let waited = self.caller.now().saturating_duration_since(begun);
            if waited > PATIENCE {
                let what = format!("topic {}", self.topic);
                return Err(ReaderError::GivenUp { what, waited, last: error.to_string() });
            }
            self.caller.rest(BETWEEN_TRIES)?;
            self.connections.clear();
            match self.refresh() {
                Err(error) if !error.is_passing() => return Err(error),
                _ => {}
            }
        }
    }

    /// Leaders and addresses anew; cursors keep their place.
    fn refresh(&mut self) -> Result<(), ReaderError> {
        let connection = connect(&mut self.caller, &self.bootstrap)?;
        let response = metadata(&mut self.caller, &connection, Some(std::slice::from_ref(&self.topic)))?;
        let port = |port: i32| u16::try_from(port).unwrap_or_default();
        self.brokers = response
            .brokers
            .iter()
            .map(|broker| (broker.node_id, (broker.host.to_string(), port(broker.port))))
            .collect();
        let is_first = self.cursors.is_empty();
        for topic in &response.topics {
            ReaderError::check(&format!("topic {}", self.topic), topic.error_code, None)?;
            self.topic_id = topic.topic_id;
            for partition in &topic.partitions {
                if is_first {
                    let cursor = Cursor { leader: partition.leader_id, next_offset: 0, end: 0 };
                    self.cursors.insert(partition.partition_index, cursor);
                } else if let Some(cursor) = self.cursors.get_mut(&partition.partition_index) {
                    cursor.leader = partition.leader_id;
                }
            }
        }
        Ok(())
    }

    /// The leaders of the cursors, each connected.
    fn connected_leaders(&mut self) -> Result<Vec<i32>, ReaderError> {
        let mut leaders: Vec<i32> = self.cursors.values().map(|cursor| cursor.leader).collect();
        leaders.sort_unstable();
        leaders.dedup();
        for leader in &leaders {
            if !self.connections.contains_key(leader) {
                let (host, port) = self.brokers.get(leader).ok_or_else(|| ReaderError::Refused {
                    what: format!("topic {}", self.topic),
                    code: ErrorCode::LEADER_NOT_AVAILABLE,
                    message: None,
                })?;
                self.connections.insert(*leader, self.caller.connect(host, *port)?);
            }
        }
        Ok(leaders)
    }

    fn list_offsets(&mut self, position: Position) -> Result<BTreeMap<i32, i64>, ReaderError> {
        let mut offsets = BTreeMap::new();
        for leader in self.connected_leaders()? {
            let led = self.cursors.iter().filter(|(_, cursor)| cursor.leader == leader);
            let partitions = led
                .map(|(number, _)| ListOffsetsPartition {
                    partition_index: *number,
                    timestamp: position.timestamp(),
                    ..ListOffsetsPartition::default()
                })
                .collect();
            let topic =
                ListOffsetsTopic { name: self.topic.as_str().into(), partitions, ..Default::default() };
            let connection = connection(&self.connections, leader)?;
            // Version 0 answers in another way, and only brokers before 0.10.1 need it.
            let version = connection.version_within(ApiKey::ListOffsets, VersionRange::new(1, i16::MAX))?;
            let knows_isolation = version >= ListOffsetsRequest::ISOLATION_FROM;
            let request = ListOffsetsRequest {
                replica_id: -1,
                isolation_level: if knows_isolation { self.isolation.level() } else { 0 },
                topics: vec![topic],
                ..Default::default()
            };
            let response = self.caller.call(connection, version, &request)?;
            for partition in response.topics.iter().flat_map(|topic| &topic.partitions) {
                let what = format!("{}-{}: its offsets", self.topic, partition.partition_index);
                ReaderError::check(&what, partition.error_code, None)?;
                offsets.insert(partition.partition_index, partition.offset);
            }
        }
        Ok(offsets)
    }

    fn fetch(&mut self, leader: i32, wait: Duration) -> Result<Vec<(i32, PartitionData)>, ReaderError> {
        let led = self.cursors.iter().filter(|(_, cursor)| cursor.leader == leader);
        let partitions = led
            .map(|(number, cursor)| FetchPartition {
                partition: *number,
                fetch_offset: cursor.next_offset,
                partition_max_bytes: PARTITION_BYTES,
                ..FetchPartition::default()
            })
            .collect();
        let topic = FetchTopic {
            topic: self.topic.as_str().into(),
            topic_id: self.topic_id,
            partitions,
            ..Default::default()
        };
        let request = FetchRequest {
            max_wait_ms: i32::try_from(wait.as_millis()).unwrap_or(i32::MAX),
            min_bytes: 1,
            max_bytes: FETCH_BYTES,
            isolation_level: self.isolation.level(),
            topics: vec![topic],
            ..FetchRequest::default()
        };
        // From version 13 on a topic goes by its id alone (KIP-516); before 4 there are no record batches.
        let newest = if self.topic_id == TopicId::default() { 12 } else { i16::MAX };
        let connection = connection(&self.connections, leader)?;
        let version = connection.version_within(ApiKey::Fetch, VersionRange::new(4, newest))?;
        let response = self.caller.call(connection, version, &request)?;
        ReaderError::check(connection.address(), response.error_code, None)?;
        let data = response.responses.into_iter().flat_map(|topic| topic.partitions);
        Ok(data.map(|data| (data.partition_index, data)).collect())
    }

    /// Records behind the cursor, one by one; the cursor moves with them.
    fn hand_on(
        &mut self,
        number: i32,
        data: &PartitionData,
        each: &mut impl FnMut(&Fetched<'_>) -> ControlFlow<()>,
    ) -> Result<ControlFlow<()>, ReaderError> {
        let what = format!("{}-{number}", self.topic);
        ReaderError::check(&what, data.error_code, None)?;
        let (Some(cursor), Some(records)) = (self.cursors.get_mut(&number), &data.records) else {
            return Ok(ControlFlow::Continue(()));
        };
        let protocol =
            |source: ProtocolError| ReaderError::Protocol { address: what.clone(), why: source.to_string() };
        let mut aborted = Aborted::of(data);
        for batch in batches(&records.to_bytes()) {
            let batch = batch.map_err(protocol)?;
            batch.verify_crc().map_err(protocol)?;
            if !aborted.hides(&batch).map_err(protocol)? {
                let identity = batch.header().identity().filter(|identity| identity.transactional);
                let transaction = identity.map(|identity| identity.producer);
                let decoded = batch.records(BATCH_BYTES).map_err(protocol)?;
                for record in &decoded {
                    let record = record.map_err(protocol)?;
                    if record.offset.0 < cursor.next_offset {
                        continue;
                    }
                    cursor.next_offset = record.offset.0 + 1;
                    if each(&Fetched { partition: number, transaction, record }).is_break() {
                        return Ok(ControlFlow::Break(()));
                    }
                }
            }
            cursor.next_offset = cursor.next_offset.max(batch.header().last_offset() + 1);
        }
        Ok(ControlFlow::Continue(()))
    }
}

fn connection(connections: &BTreeMap<i32, Connection>, leader: i32) -> Result<&Connection, ReaderError> {
    // `connected_leaders` has put it there; a leader without one is looked up again.
    connections.get(&leader).ok_or_else(|| ReaderError::Refused {
        what: format!("broker {leader}"),
        code: ErrorCode::LEADER_NOT_AVAILABLE,
        message: None,
    })
}

#[cfg(test)]
mod tests;
