//! The mechanisms and the exchange against published and recorded exchanges, against a broker that keeps to no rule,
//! and with secrets planted everywhere.

mod broker;
mod deferred;
mod exchange;
mod oauth;
mod plain;
mod random;
mod scram;
mod secrets;
