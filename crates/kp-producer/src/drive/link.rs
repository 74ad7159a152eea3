//! How handles reach the driver: commands, and the waker that ends its sleep; and where it is, which is the thread and the process
//! in which no call may wait.
//! Touched by any thread. Locks: each short, none held with another, none on the way of a record.

use crate::drive::forked::Origin;
use crate::drive::parker;
use crate::observe::question::{NetworkSide, Question};
use kp_network::{NetworkSecurity, Reconnect};
use kp_protocol::TopicName;
use kp_sender::TransactionInput;
use kp_time::Deadline;
use parking_lot::Mutex;
use std::sync::Arc;
use std::task::Waker;
use std::thread::ThreadId;

/// What a handle asks of the driver.
#[derive(Debug)]
pub(crate) enum Command {
    /// A call wants to send to this topic.
    WantTopic(TopicName),
    /// A call wants newer metadata of a topic that is known (MD20).
    RefreshTopic(TopicName),
    /// A call wants any metadata at all.
    WantMetadata,
    /// A call wants to know why nothing goes out.
    Explain(Arc<Question<NetworkSide>>),
    /// A call wants to know how connections are secured.
    Security(Arc<Question<NetworkSecurity>>),
    /// Credentials may have changed.
    ReloadCredentials(Reconnect),
    /// A call wants something of its transactions.
    Transaction(TransactionInput),
    /// Finish what was accepted by then, fail the rest, end.
    Close(Deadline),
}

/// The handles' end of the driver.
pub(crate) struct Link {
    commands: Mutex<Vec<Command>>,
    /// Ends the driver's sleep; does nothing once the driver has ended.
    waker: Mutex<Waker>,
    /// The thread that turns the driver; with a [`Stepper`](crate::Stepper), only while it does.
    network_thread: Mutex<Option<ThreadId>>,
    /// The process that has that thread.
    origin: Origin,
}

impl Link {
    pub(crate) fn new(waker: Waker) -> Self {
        Self {
            commands: Mutex::default(),
            waker: Mutex::new(waker),
            network_thread: Mutex::default(),
            origin: Origin::here(),
        }
    }

    #[inline]
    pub(crate) fn origin(&self) -> &Origin {
        &self.origin
    }

    /// Hands a command to the driver and wakes it.
    pub(crate) fn tell(&self, command: Command) {
        self.commands.lock().push(command);
        self.wake();
    }

    /// Everything that was asked since the last call.
    pub(crate) fn take_commands(&self) -> Vec<Command> {
        std::mem::take(&mut *self.commands.lock())
    }

    /// Ends the driver's sleep.
    pub(crate) fn wake(&self) {
        self.waker().wake();
    }

    pub(crate) fn waker(&self) -> Waker {
        self.waker.lock().clone()
    }

    /// The driver has ended: its waker may hold descriptors of the network, and goes.
    pub(crate) fn forget_waker(&self) {
        let waker = std::mem::replace(&mut *self.waker.lock(), Waker::noop().clone());
        drop(waker);
    }

    /// Whether this is the network thread, where waiting would never end.
    pub(crate) fn is_network_thread(&self) -> bool {
        *self.network_thread.lock() == Some(std::thread::current().id())
    }

    pub(crate) fn enter_network_thread(&self) {
        *self.network_thread.lock() = Some(std::thread::current().id());
        parker::mark_network_thread(true);
    }

    pub(crate) fn leave_network_thread(&self) {
        *self.network_thread.lock() = None;
        parker::mark_network_thread(false);
    }
}
