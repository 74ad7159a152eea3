//! Requests about the offsets of groups, and questions of tools about transactions: read here, answered in the file of each.

use bytes::Bytes;
use kp_protocol::api::{
    DescribeProducersRequest, DescribeTransactionsRequest, ListTransactionsRequest, OffsetFetchRequest,
    TxnOffsetCommitRequest,
};
use kp_protocol::{ApiKey, BrokerId, ErrorCode, Message, ProtocolError, ReceivedHeader};

use crate::reply::{Moment, Reply};
use crate::{SimCluster, txn_offset_commit};

/// A request that was read.
#[derive(Clone, Debug)]
pub(crate) enum GroupRequest {
    TxnOffsetCommit(TxnOffsetCommitRequest),
    OffsetFetch(OffsetFetchRequest),
    DescribeProducers(DescribeProducersRequest),
    DescribeTransactions(DescribeTransactionsRequest),
    ListTransactions(ListTransactionsRequest),
}

impl GroupRequest {
    /// Reads a body; `None` if the API is none of these.
    pub(crate) fn read(api: ApiKey, version: i16, body: &Bytes) -> Option<Result<Self, ProtocolError>> {
        Some(match api {
            ApiKey::TxnOffsetCommit => {
                TxnOffsetCommitRequest::parse(body, version).map(Self::TxnOffsetCommit)
            }
            ApiKey::OffsetFetch => OffsetFetchRequest::parse(body, version).map(Self::OffsetFetch),
            ApiKey::DescribeProducers => {
                DescribeProducersRequest::parse(body, version).map(Self::DescribeProducers)
            }
            ApiKey::DescribeTransactions => {
                DescribeTransactionsRequest::parse(body, version).map(Self::DescribeTransactions)
            }
            ApiKey::ListTransactions => {
                ListTransactionsRequest::parse(body, version).map(Self::ListTransactions)
            }
            _ => return None,
        })
    }

    /// The answer that says no more than this code, if the double has one.
    pub(crate) fn refusal(&self, header: &ReceivedHeader, code: ErrorCode) -> Option<Reply> {
        match self {
            Self::TxnOffsetCommit(request) => {
                Some(Reply::to(header, &txn_offset_commit::refused_offsets(request, code)))
            }
            _ => None,
        }
    }

    /// Whose coordinator the request changes something at.
    pub(crate) fn group(&self) -> Option<&str> {
        match self {
            Self::TxnOffsetCommit(request) => Some(&request.group_id),
            _ => None,
        }
    }
}

impl SimCluster {
    pub(crate) fn answer_about_groups(
        &mut self,
        at: Moment,
        broker: BrokerId,
        header: &ReceivedHeader,
        request: GroupRequest,
    ) -> Reply {
        match request {
            GroupRequest::TxnOffsetCommit(request) => self.txn_offset_commit(at, broker, header, &request),
            GroupRequest::OffsetFetch(request) => self.offset_fetch(at, broker, header, request),
            GroupRequest::DescribeProducers(request) => self.describe_producers(broker, header, &request),
            GroupRequest::DescribeTransactions(request) => {
                self.describe_transactions(at, broker, header, &request)
            }
            GroupRequest::ListTransactions(request) => self.list_transactions(at, broker, header, &request),
        }
    }
}
