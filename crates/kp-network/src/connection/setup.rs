//! A connection on its way from an attempt to ready: one stage after the other, each in a file of its own.
//!
//! ```text
//!   Resolving ──► Connecting ──► CheckingVersions ──► (authenticating comes here) ──► Ready
//! ```
//! Once the socket is connected, a stage takes a whole frame and answers [`Progress`]; what follows it is decided in this
//! file alone. A further stage is a file, a row of [`Stage`] and its arms in [`Talking`]; its requests are in flight as
//! those of any connection are ([`InFlight`](super::InFlight)). All stages share one deadline
//! (`socket.connection.setup.timeout.ms`). Owned by one broker's state; told `now`, asks no clock.

use super::{Channel, CheckingVersions, Connecting, Progress, Ready, Resolving, SetupContext, Spoken};
use crate::known_cluster::{Found, Greeting};
use crate::{ConnectionNumber, DisconnectReason, Reached};
use bytes::Bytes;
use std::net::SocketAddr;
use std::sync::Arc;

/// See the module.
#[derive(Debug)]
pub(crate) enum Setup {
    /// The attempt has begun; its address is being found.
    Resolving(Resolving),
    /// The socket is being connected.
    Connecting(Connecting),
    /// The socket is connected, and the connection asks for itself.
    Talking(Box<Talking>),
}

/// A connected socket, and the stage that its set-up is in.
#[derive(Debug)]
pub(crate) struct Talking {
    channel: Channel,
    stage: Stage,
}

#[derive(Debug)]
enum Stage {
    /// The client asks what the broker speaks.
    CheckingVersions(CheckingVersions),
}

/// What the whole set-up comes to by a frame.
#[derive(Debug)]
pub(crate) enum Step {
    /// It goes on; bytes may be waiting to be written.
    More(Setup),
    /// The connection takes requests.
    Ready(Box<Ready>, Found),
    /// The connection has to end; why.
    Broken(Setup, DisconnectReason),
}

impl Setup {
    /// An attempt begins.
    pub(crate) fn begin(number: ConnectionNumber) -> Self {
        Self::Resolving(Resolving { number })
    }

    /// There is an address to connect to. Later stages stay as they are.
    pub(crate) fn found(self, address: SocketAddr) -> Self {
        match self {
            Self::Resolving(resolving) => Self::Connecting(resolving.found(address)),
            Self::Connecting(_) | Self::Talking(_) => self,
        }
    }

    /// The socket is connected: asks what the broker speaks (NC3), unless `greeting` says that it is known already.
    pub(crate) fn connected(self, context: &mut SetupContext<'_>, greeting: Greeting) -> Step {
        let Self::Connecting(connecting) = self else { return Step::More(self) };
        let channel = connecting.connected(context.settings.max_response_size);
        match greeting {
            Greeting::Speak(old) => versions_known(channel, context, Spoken::by(old, Found::Nothing)),
            Greeting::Ask => Talking::check_versions(channel, context, false),
            Greeting::AskAndProbe => Talking::check_versions(channel, context, true),
        }
    }

    /// Takes the broker's next answer, a whole frame.
    pub(crate) fn frame(self, context: &mut SetupContext<'_>, frame: &Bytes) -> Step {
        match self {
            // Without a channel there are no frames.
            Self::Resolving(_) | Self::Connecting(_) => Step::More(self),
            Self::Talking(talking) => talking.frame(context, frame),
        }
    }

    /// The number of the attempt or connection.
    pub(crate) fn number(&self) -> ConnectionNumber {
        match self {
            Self::Resolving(resolving) => resolving.number,
            Self::Connecting(connecting) => connecting.number,
            Self::Talking(talking) => talking.channel.number(),
        }
    }

    /// The address in use, once there is one.
    pub(crate) fn address(&self) -> Option<SocketAddr> {
        match self {
            Self::Resolving(_) => None,
            Self::Connecting(connecting) => Some(connecting.address),
            Self::Talking(talking) => Some(talking.channel.address()),
        }
    }

    /// The bytes in and out, once the socket is connected.
    pub(crate) fn channel(&self) -> Option<&Channel> {
        match self {
            Self::Resolving(_) | Self::Connecting(_) => None,
            Self::Talking(talking) => Some(&talking.channel),
        }
    }

    /// As [`channel`](Self::channel), to read and write.
    pub(crate) fn channel_mut(&mut self) -> Option<&mut Channel> {
        match self {
            Self::Resolving(_) | Self::Connecting(_) => None,
            Self::Talking(talking) => Some(&mut talking.channel),
        }
    }

    /// Whether it waits for its socket.
    pub(crate) fn is_connecting(&self) -> bool {
        matches!(self, Self::Connecting(_))
    }

    /// Whether the broker has answered anything on this connection.
    pub(crate) fn has_answered(&self) -> bool {
        matches!(self, Self::Talking(talking) if talking.has_answered())
    }

    /// How far it has come. The broker's name has so many addresses that are `untried`.
    pub(crate) fn reached(&self, untried: usize) -> Reached {
        match self {
            Self::Resolving(_) => Reached::Name,
            Self::Connecting(_) => Reached::Address { untried },
            Self::Talking(talking) if talking.has_answered() => Reached::Answer,
            Self::Talking(_) => Reached::Socket,
        }
    }

    /// Whether it only asks for versions, without a probe that would tell a broker of 0.9 from one that hangs.
    pub(crate) fn only_asks(&self) -> bool {
        matches!(self, Self::Talking(talking) if talking.only_asks())
    }
}

impl Talking {
    fn check_versions(mut channel: Channel, context: &mut SetupContext<'_>, probing: bool) -> Step {
        let (checking, progress) = CheckingVersions::begin(&mut channel, context, probing);
        let talking = Self { channel, stage: Stage::CheckingVersions(checking) };
        talking.go_on(progress, |channel, spoken| versions_known(channel, context, spoken))
    }

    fn frame(mut self, context: &mut SetupContext<'_>, frame: &Bytes) -> Step {
        match &mut self.stage {
            Stage::CheckingVersions(checking) => {
                let progress = checking.frame(&mut self.channel, context, frame);
                self.go_on(progress, |channel, spoken| versions_known(channel, context, spoken))
            }
        }
    }

    /// Goes where a stage's progress leads: `next` after its end.
    fn go_on<T>(self, progress: Progress<T>, next: impl FnOnce(Channel, T) -> Step) -> Step {
        match progress {
            Progress::More => Step::More(Setup::Talking(Box::new(self))),
            Progress::Done(found) => next(self.channel, found),
            Progress::Broken(why) => Step::Broken(Setup::Talking(Box::new(self)), why),
        }
    }

    fn has_answered(&self) -> bool {
        match &self.stage {
            Stage::CheckingVersions(checking) => checking.knows_api_versions(),
        }
    }

    fn only_asks(&self) -> bool {
        match &self.stage {
            Stage::CheckingVersions(checking) => checking.only_asks(),
        }
    }
}

/// Behind the stage of versions, which is the last one today.
fn versions_known(channel: Channel, context: &SetupContext<'_>, spoken: Spoken) -> Step {
    let Spoken { versions, throttle, found } = spoken;
    let has_answered = found != Found::Nothing;
    let ready = Ready::new(channel, Arc::new(versions), context.now, throttle, has_answered);
    Step::Ready(Box::new(ready), found)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::correlation_ids::CorrelationIds;
    use crate::{NetworkSettings, OldKafka};
    use kp_time::{Clock, ManualClock};

    fn connecting() -> Setup {
        Setup::begin(ConnectionNumber(7)).found("10.0.0.1:9092".parse().unwrap())
    }

    fn step(then: impl FnOnce(&mut SetupContext<'_>) -> Step) -> Step {
        let (settings, mut correlation_ids) = (NetworkSettings::default(), CorrelationIds::default());
        let now = ManualClock::new().now();
        then(&mut SetupContext { now, settings: &settings, correlation_ids: &mut correlation_ids })
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
