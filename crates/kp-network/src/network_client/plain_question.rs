//! When a listener is asked without TLS what it is. What is asked, and what an answer means, stands in
//! `connection/plain_question.rs`.

use super::{NetworkClient, Timer};
use crate::connection::{Link, Setup};
use crate::{ConnectError, Dial, OldKafka, Selectable, SetupStage, TlsFailureKind};
use kp_protocol::BrokerId;
use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How long a broker may take to answer: what it is asked costs it nothing, and the next attempt has to wait for it.
const WITHIN: Duration = Duration::from_secs(1);

/// Whether the other side has ended the connection, with or without a farewell.
pub(super) fn is_cut_off(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionReset | io::ErrorKind::ConnectionAborted | io::ErrorKind::BrokenPipe
    )
}

impl<S: Selectable> NetworkClient<S> {
    /// Whether a listener without TLS may have ended this attempt: it closes in the handshake, without a word. A broker of
    /// Kafka 0.9 is not asked: it does not know the question, and may lose requests of others over it.
    pub(super) fn may_be_plaintext(&self, id: BrokerId, error: &ConnectError) -> bool {
        let was_closed = match error {
            ConnectError::Tls(failure) => failure.kind() == TlsFailureKind::Lost,
            ConnectError::Io(error) => is_cut_off(error),
        };
        let setup = self.brokers.get(&id).and_then(|broker| broker.link.setup());
        was_closed
            && self.selectable.is_encrypted()
            && self.settings.version_fallback != Some(OldKafka::V0_9_0)
            && setup.is_some_and(|setup| setup.stage() == SetupStage::TlsHandshake)
    }

    /// Goes on with the attempt: asks at the same address without TLS. `lost` is told if that shows nothing.
    pub(super) fn ask_plainly(&mut self, now: Instant, id: BrokerId, lost: Arc<str>) {
        let Some(broker) = self.brokers.get_mut(&id) else { return };
        let (Some(before), Some(address)) = (broker.link.number(), broker.link.address()) else { return };
        let number = self.numbers.begin(id);
        self.numbers.end(before);
        self.turns.replacement.goes_on(before, number);
        broker.link = Link::Setup(Setup::ask_plainly(number, address, lost));
        let timer = (id, Timer::Setup);
        let until = now.checked_add(WITHIN).into_iter().chain(self.timers.get(&timer)).min();
        if let Some(until) = until {
            self.timers.set(timer, until);
        }
        self.selectable.connect_plainly(Dial::new(number, address, &broker.host()));
    }
}
