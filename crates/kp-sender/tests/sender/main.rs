//! The sender core's statements (behaviours SN*, MD*, AC*, CL*), played by a scripted host without sockets or sleep.

mod fatal;
mod harness;
mod idempotence;

mod closing;
mod codes;
mod counting;
mod delivery;
mod leader_hints;
mod limits;
mod metadata;
mod new_identity;
mod old_brokers;
mod outcome_order;
mod random;
mod reasons;
mod refusals;
mod transaction_ends;
mod transaction_gap;
mod transaction_offsets;
mod transactions;
mod transactions_random;
mod transactions_v1;
