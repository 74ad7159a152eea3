//! Exchanges with a server that keeps to no rule, over sockets of this machine.

mod faults;
mod tls;
mod ways;
