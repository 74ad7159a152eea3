//! One file per API; each message is one table (see `wire.rs`), each nested struct stands flat behind its message.
//! Field names are the schemas' in snake case.

mod add_offsets_to_txn;
mod add_partitions_to_txn;
mod any;
mod api_versions;
mod create_topics;
mod delete_topics;
mod describe_cluster;
mod describe_configs;
mod describe_producers;
mod describe_transactions;
mod end_txn;
mod fetch;
mod find_coordinator;
mod init_producer_id;
mod list_offsets;
mod list_transactions;
mod metadata;
mod offset_fetch;
mod produce;
mod sasl_authenticate;
mod sasl_handshake;
mod telemetry;
mod txn_offset_commit;

pub use add_offsets_to_txn::*;
pub use add_partitions_to_txn::*;
pub use any::{AnyRequest, AnyResponse};
pub use api_versions::*;
pub use create_topics::*;
pub use delete_topics::*;
pub use describe_cluster::*;
pub use describe_configs::*;
pub use describe_producers::*;
pub use describe_transactions::*;
pub use end_txn::*;
pub use fetch::*;
pub use find_coordinator::*;
pub use init_producer_id::*;
pub use list_offsets::*;
pub use list_transactions::*;
pub use metadata::*;
pub use offset_fetch::*;
pub use produce::*;
pub use sasl_authenticate::*;
pub use sasl_handshake::*;
pub use telemetry::*;
pub use txn_offset_commit::*;

use crate::SchemaTable;

/// Calls `$what! { $with Message Message .. }` with every message of the crate, requests and responses in the
/// order of
/// their APIs' numbers.
macro_rules! for_every_message {
    ($what:ident! $($with:tt)*) => {
        $what! { $($with)*
            ProduceRequest ProduceResponse FetchRequest FetchResponse ListOffsetsRequest ListOffsetsResponse
            MetadataRequest MetadataResponse OffsetFetchRequest OffsetFetchResponse
            FindCoordinatorRequest FindCoordinatorResponse
            SaslHandshakeRequest SaslHandshakeResponse ApiVersionsRequest ApiVersionsResponse
            CreateTopicsRequest CreateTopicsResponse DeleteTopicsRequest DeleteTopicsResponse
            InitProducerIdRequest InitProducerIdResponse AddPartitionsToTxnRequest AddPartitionsToTxnResponse
            AddOffsetsToTxnRequest AddOffsetsToTxnResponse EndTxnRequest EndTxnResponse
            TxnOffsetCommitRequest TxnOffsetCommitResponse DescribeConfigsRequest DescribeConfigsResponse
            SaslAuthenticateRequest SaslAuthenticateResponse DescribeClusterRequest DescribeClusterResponse
            DescribeProducersRequest DescribeProducersResponse DescribeTransactionsRequest
            DescribeTransactionsResponse ListTransactionsRequest ListTransactionsResponse
            GetTelemetrySubscriptionsRequest GetTelemetrySubscriptionsResponse
            PushTelemetryRequest PushTelemetryResponse
        }
    };
}
#[cfg(test)]
pub(crate) use for_every_message;

macro_rules! tables {
    ($($message:ident)*) => { &[$($message::TABLE),*] };
}

/// Every message's table as text, for comparison with Kafka's JSON schemas (`cargo xtask tidy`).
///
/// A struct that two messages share (`LeaderIdAndEpoch`, `NodeEndpoint`) stands in the first one's table only.
pub const SCHEMA_TABLES: &[SchemaTable] = for_every_message!(tables!);
