//! When the files of a client are looked at while it runs. Asks a clock; the look itself is work for a thread that may wait.

use crate::{Reload, TlsClient};
use kp_network::{ConnectionNumber, Wait, Work, Worked};
use kp_time::Clock;
use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

/// The number of the work of looking: no connection comes to it.
const LOOK: ConnectionNumber = ConnectionNumber(u64::MAX);

/// A look at the files at regular times (`kp.ssl.reload.interval.ms`), for [`TlsSelector::looking`](crate::TlsSelector::looking).
///
/// ```no_run
/// # fn looking(clock: std::sync::Arc<dyn kp_time::Clock>) {
/// use kp_tls::{FileLooks, Reload};
/// let looks = FileLooks::every(std::time::Duration::from_secs(60), clock, |reload| {
///     if let Reload::Kept(error) = reload {
///         eprintln!("the certificates of before stay in use: {error}");
///     }
/// });
/// # let _ = looks;
/// # }
/// ```
#[derive(Clone)]
pub struct FileLooks {
    interval: Duration,
    clock: Arc<dyn Clock>,
    told: Arc<dyn Fn(&Reload) + Send + Sync>,
}

impl fmt::Debug for FileLooks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FileLooks").field("interval", &self.interval).finish_non_exhaustive()
    }
}

impl FileLooks {
    /// One look each `interval`, none if that is zero. `told` hears what came of each that was not
    /// [`Unchanged`](Reload::Unchanged), on the thread that looked; and where the program gives the client's certificate, of each
    /// answer that cannot be used while there is one of before ([`Kept`](Reload::Kept)), on the thread that asked.
    pub fn every(
        interval: Duration,
        clock: Arc<dyn Clock>,
        told: impl Fn(&Reload) + Send + Sync + 'static,
    ) -> Self {
        Self { interval, clock, told: Arc::new(told) }
    }

    pub(crate) fn tell(&self, reload: &Reload) {
        (self.told)(reload);
    }
}

/// Looks that have begun.
#[derive(Debug)]
pub(crate) struct Schedule {
    looks: FileLooks,
    next: Instant,
    is_under_way: bool,
}

impl Schedule {
    /// None if there is nothing to look at, or no time to do it.
    pub(crate) fn new(looks: FileLooks, client: &TlsClient) -> Option<Self> {
        let next = looks.clock.now().checked_add(looks.interval)?;
        (client.has_files() && !looks.interval.is_zero()).then_some(Self { looks, next, is_under_way: false })
    }

    /// The next look is due now.
    pub(crate) fn hurry(&mut self) {
        self.next = self.looks.clock.now();
    }

    /// Whether there is a look to wait for.
    pub(crate) fn is_hurried(&self) -> bool {
        self.is_under_way || self.next <= self.looks.clock.now()
    }

    /// A look that is due; the next is due an interval from now. One that is slow is not overtaken.
    pub(crate) fn take_due(&mut self, client: &TlsClient) -> Option<(ConnectionNumber, Work)> {
        let now = self.looks.clock.now();
        if self.is_under_way || now < self.next {
            return None;
        }
        self.next = now.checked_add(self.looks.interval)?;
        self.is_under_way = true;
        let (client, looks) = (client.clone(), self.looks.clone());
        let look = move || {
            let since_1970 = Duration::from_millis(looks.clock.timestamp_ms().try_into().unwrap_or(0));
            let reload = client.look(SystemTime::UNIX_EPOCH + since_1970);
            if reload != Reload::Unchanged {
                looks.tell(&reload);
            }
            Worked::done(())
        };
        Some((LOOK, Work::new("look at the files of TLS", look)))
    }

    /// Whether `number` is that of a look, which is over.
    pub(crate) fn is_over(&mut self, number: ConnectionNumber) -> bool {
        let is_look = number == LOOK;
        self.is_under_way &= !is_look;
        is_look
    }

    /// `wait`, but not past the next look.
    pub(crate) fn shortened(&self, wait: Wait) -> Wait {
        match wait {
            Wait::Forever if !self.is_under_way => Wait::Until(self.next),
            Wait::Until(moment) if !self.is_under_way => Wait::Until(moment.min(self.next)),
            other => other,
        }
    }
}
