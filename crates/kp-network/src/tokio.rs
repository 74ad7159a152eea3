//! The sockets under the default network (feature `tokio`). The only file and folder of this crate that know a
//! runtime, a thread or a socket.

mod bell;
mod desk;
mod resolver;
mod selector;
mod system_names;
#[cfg(test)]
mod tests;
mod work_thread;

pub use selector::TokioSelector;
pub use system_names::SystemNames;

use crate::{NetworkClient, NetworkSettings};
use kp_time::Clock;
use std::sync::Arc;

/// The network client over tokio sockets. Its runtime is made by the first `poll`, on the thread that polls, which
/// must be a plain one; before that, and to drop it, any thread will do.
///
/// ```
/// use kp_network::{KafkaClient, NetworkSettings, Readiness, TokioClient};
/// use kp_protocol::{BrokerAddress, BrokerId};
/// use kp_time::Clock;
/// use std::{sync::Arc, time::Instant};
///
/// struct SystemClock;
/// impl Clock for SystemClock {
///     fn now(&self) -> Instant {
///         Instant::now()
///     }
///     fn timestamp_ms(&self) -> i64 {
///         std::time::UNIX_EPOCH.elapsed().map_or(0, |since| since.as_millis() as i64)
///     }
/// }
///
/// let mut client = TokioClient::new(NetworkSettings::default(), Arc::new(SystemClock));
/// let here = BrokerAddress { id: BrokerId(-1), host: "127.0.0.1".into(), port: 9092, rack: None };
/// client.set_brokers(Instant::now(), &[here]);
/// // Asking begins to connect; the next `poll` tells how that goes.
/// assert!(matches!(client.readiness(Instant::now(), BrokerId(-1)), Readiness::Wait { .. }));
/// ```
pub type TokioClient = NetworkClient<TokioSelector>;

impl TokioClient {
    /// A client that holds its settings only, until the first `poll`. `clock` must show the system's monotonic time.
    #[must_use]
    pub fn new(settings: NetworkSettings, clock: Arc<dyn Clock>) -> Self {
        Self::over(TokioSelector::of(&settings), settings, clock)
    }
}
