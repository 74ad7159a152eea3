//! kp against real brokers, judged by Kafka's own tools. One program, for the linking of each costs minutes in a release build.
//! Needs Java 17 and Maven; [`secured`] and [`openssl`] need openssl too, [`kerberos`] MIT's KDC.
//!
//! A part of everything unless `KP_FULL=1`: each module says what that is.

#![allow(
    clippy::disallowed_methods,
    clippy::print_stderr,
    reason = "real programs in real time, figures for the log"
)]

mod secured_cluster;
mod turn;
mod until;

mod codecs;
mod facts;
mod formats;
mod kerberos;
mod one_batch;
mod openssl;
mod own_transactions;
mod profiles;
mod secured;
mod transactions;
mod vendors;
