//! A connection on its way from an attempt to ready: one stage after the other, each in a file of its own.
//!
//! ```text
//!   Resolving ──► Connecting ──► CheckingVersions ──► (authenticating comes here) ──► Ready
//! ```
//! A stage takes a whole frame and answers [`Progress`]; what follows it is decided in this file alone. A further stage
//! is a file, a row of [`Stage`] and an arm of [`Setup::frame`]. All stages share one deadline
//! (`socket.connection.setup.timeout.ms`). Owned by one broker's state; told `now`, asks no clock.

use super::{Channel, CheckingVersions, Connecting, Ready, Resolving};
use crate::known_cluster::Greeting;
use crate::{ConnectionNumber, NetworkSettings, OldKafka, OtherProtocol, Reached};
use bytes::Bytes;
use kp_protocol::BrokerVersions;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// See the module.
#[derive(Debug)]
pub(crate) struct Setup(Stage);

#[derive(Debug)]
enum Stage {
    /// The attempt has begun; its address is being found.
    Resolving(Resolving),
    /// The socket is being connected.
    Connecting(Connecting),
    /// Connected; the client asks what the broker speaks.
    CheckingVersions(CheckingVersions),
}

/// What a stage needs of its client to go on.
pub(crate) struct SetupContext<'a> {
    pub(crate) now: Instant,
    pub(crate) settings: &'a NetworkSettings,
    /// Numbers the requests of the stages.
    pub(crate) next_id: &'a mut dyn FnMut() -> i32,
}

/// What a frame leads to within one stage.
#[derive(Debug)]
pub(crate) enum Progress<S, T> {
    /// Another answer is to come, perhaps to a request that is on its way into the channel.
    More(S),
    /// The stage is over.
    Done(T),
    /// The broker cannot be talked to; why.
    Broken(S, Arc<str>),
}

/// What the whole set-up comes to by a frame.
#[derive(Debug)]
pub(crate) enum Step {
    /// It goes on; bytes may be waiting to be written.
    More(Setup),
    /// The connection takes requests.
    Ready(Box<Ready>, Found),
    /// The broker cannot be talked to; why.
    Broken(Setup, Arc<str>),
}

/// What a set-up found out about the cluster.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Found {
    /// Nothing: nothing was asked.
    Nothing,
    /// Its brokers answer ApiVersions.
    ApiVersions,
    /// Its brokers do not know ApiVersions; what they are taken for.
    Old(OldKafka),
}

/// What the broker speaks, and what the asking cost: the end of the stage [`CheckingVersions`].
#[derive(Debug)]
pub(super) struct Spoken {
    pub(super) channel: Channel,
    pub(super) versions: BrokerVersions,
    /// How long the broker wants to be left alone (KIP-219).
    pub(super) throttle: Duration,
    pub(super) found: Found,
}

impl Setup {
    /// An attempt begins.
    pub(crate) fn begin(number: ConnectionNumber) -> Self {
        Self(Stage::Resolving(Resolving { number }))
    }

    /// There is an address to connect to. Later stages stay as they are.
    pub(crate) fn found(self, address: SocketAddr) -> Self {
        match self.0 {
            Stage::Resolving(resolving) => Self(Stage::Connecting(resolving.found(address))),
            Stage::Connecting(_) | Stage::CheckingVersions(_) => self,
        }
    }

    /// The socket is connected: asks what the broker speaks (NC3), unless `greeting` says that it is known already.
    pub(crate) fn connected(self, context: &mut SetupContext<'_>, greeting: Greeting) -> Step {
        let Stage::Connecting(connecting) = self.0 else { return Step::More(self) };
        let channel = connecting.connected(context.settings.max_response_size);
        let probing = match greeting {
            Greeting::Speak(old) => {
                let (versions, throttle) = (old.versions(), Duration::ZERO);
                return Self::spoken(
                    context.now,
                    Spoken { channel, versions, throttle, found: Found::Nothing },
                );
            }
            Greeting::Ask => false,
            Greeting::AskAndProbe => true,
        };
        Self::versions_checked(context.now, CheckingVersions::begin(channel, context, probing))
    }

    /// Takes the broker's next answer, a whole frame.
    pub(crate) fn frame(self, context: &mut SetupContext<'_>, frame: &Bytes) -> Step {
        match self.0 {
            // Without a channel there are no frames.
            Stage::Resolving(_) | Stage::Connecting(_) => Step::More(self),
            Stage::CheckingVersions(checking) => {
                Self::versions_checked(context.now, checking.frame(context, frame))
            }
        }
    }

    fn versions_checked(now: Instant, progress: Progress<CheckingVersions, Spoken>) -> Step {
        let on = |checking| Self(Stage::CheckingVersions(checking));
        match progress {
            Progress::More(checking) => Step::More(on(checking)),
            Progress::Broken(checking, why) => Step::Broken(on(checking), why),
            Progress::Done(spoken) => Self::spoken(now, spoken),
        }
    }

    /// Versions are known: the last stage today.
    fn spoken(now: Instant, spoken: Spoken) -> Step {
        let Spoken { channel, versions, throttle, found } = spoken;
        Step::Ready(Box::new(Ready::new(channel, Arc::new(versions), now, throttle)), found)
    }

    /// The number of the attempt or connection.
    pub(crate) fn number(&self) -> ConnectionNumber {
        match &self.0 {
            Stage::Resolving(resolving) => resolving.number,
            Stage::Connecting(connecting) => connecting.number,
            Stage::CheckingVersions(checking) => checking.channel.number(),
        }
    }

    /// The address in use, once there is one.
    pub(crate) fn address(&self) -> Option<SocketAddr> {
        match &self.0 {
            Stage::Resolving(_) => None,
            Stage::Connecting(connecting) => Some(connecting.address),
            Stage::CheckingVersions(checking) => Some(checking.channel.address()),
        }
    }

    /// The bytes in and out, once the socket is connected.
    pub(crate) fn channel(&self) -> Option<&Channel> {
        match &self.0 {
            Stage::Resolving(_) | Stage::Connecting(_) => None,
            Stage::CheckingVersions(checking) => Some(&checking.channel),
        }
    }

    /// As [`channel`](Self::channel), to read and write.
    pub(crate) fn channel_mut(&mut self) -> Option<&mut Channel> {
        match &mut self.0 {
            Stage::Resolving(_) | Stage::Connecting(_) => None,
            Stage::CheckingVersions(checking) => Some(&mut checking.channel),
        }
    }

    /// Whether it waits for its socket.
    pub(crate) fn is_connecting(&self) -> bool {
        matches!(self.0, Stage::Connecting(_))
    }

    /// Whether the broker has answered anything on this connection.
    pub(crate) fn has_answered(&self) -> bool {
        match &self.0 {
            Stage::Resolving(_) | Stage::Connecting(_) => false,
            Stage::CheckingVersions(checking) => checking.knows_api_versions(),
        }
    }

    /// How far it has come. The broker's name has so many addresses that are `untried`.
    pub(crate) fn reached(&self, untried: usize) -> Reached {
        match &self.0 {
            Stage::Resolving(_) => Reached::Name,
            Stage::Connecting(_) => Reached::Address { untried },
            Stage::CheckingVersions(checking) if checking.knows_api_versions() => Reached::Answer,
            Stage::CheckingVersions(_) => Reached::Socket,
        }
    }

    /// Whether it only asks for versions, without a probe that would tell a broker of 0.9 from one that hangs.
    pub(crate) fn only_asks(&self) -> bool {
        matches!(&self.0, Stage::CheckingVersions(checking) if checking.only_asks())
    }

    /// The protocol that the other side speaks, if it is none of Kafka's and was recognised.
    pub(crate) fn other_protocol(&self) -> Option<OtherProtocol> {
        if self.has_answered() {
            return None;
        }
        OtherProtocol::recognise(self.channel()?.unread())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use kp_time::{Clock, ManualClock};

    fn connecting() -> Setup {
        Setup::begin(ConnectionNumber(7)).found("10.0.0.1:9092".parse().unwrap())
    }

    fn step(then: impl FnOnce(&mut SetupContext<'_>) -> Step) -> Step {
        let (settings, mut ids) = (NetworkSettings::default(), 0..);
        let mut next_id = || ids.next().unwrap();
        let now = ManualClock::new().now();
        then(&mut SetupContext { now, settings: &settings, next_id: &mut next_id })
    }

    #[test]
    fn the_stages_follow_each_other_and_keep_their_number() {
        let setup = Setup::begin(ConnectionNumber(7));
        assert!((setup.address(), setup.channel().is_some()) == (None, false));
        let setup = connecting();
        assert!(setup.address().is_some() && setup.channel().is_none());
        let Step::More(setup) = step(|context| setup.connected(context, Greeting::Ask)) else { panic!() };
        assert!(setup.channel().is_some() && setup.only_asks() && !setup.has_answered());
        assert_eq!(setup.number(), ConnectionNumber(7));
    }

    #[test]
    fn a_broker_that_is_taken_for_an_old_one_is_ready_without_a_question() {
        let greeting = Greeting::Speak(OldKafka::V0_9_0);
        let step = step(|context| connecting().connected(context, greeting));
        assert!(matches!(step, Step::Ready(_, Found::Nothing)), "{step:?}");
    }

    #[test]
    fn a_frame_before_there_is_a_socket_changes_nothing() {
        let step = step(|context| connecting().frame(context, &Bytes::from_static(&[0; 8])));
        assert!(matches!(step, Step::More(setup) if setup.address().is_some()));
    }
}
