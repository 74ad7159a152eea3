//! A connection on its way from an attempt to ready: one stage after the other, each in a file of its own.
//!
//! ```text
//!   Resolving ──► Connecting ──► CheckingVersions ──► Authenticating ──► Ready
//!                     │                 └──── without SASL ───────────────▲
//!                     └─ a doubt ──► Asking (ends, or goes on with CheckingVersions)
//! ```
//! Once the socket is connected, a stage takes a whole frame and answers [`Progress`]; what follows it is decided in this
//! file alone. A further stage is a file, a row of [`Stage`] and its arms in [`Talking`]; its requests are in flight as
//! those of any connection are ([`InFlight`](super::InFlight)). All stages share one deadline
//! (`socket.connection.setup.timeout.ms`). Owned by one broker's state; told `now`, asks no clock.

use super::{
    Asking, Authenticated, Authenticating, Behind, Channel, Checked, CheckingVersions, Connecting, Doubt,
    Progress, Ready, Resolving, Session, SetupContext, Spoken,
};
use crate::known_cluster::{Found, Greeting};
use crate::{ConnectionNumber, DisconnectReason, Reached, SetupStage};
use bytes::Bytes;
use kp_protocol::BrokerVersions;
use kp_sasl::{MAX_FRAME, SaslExchange, Work, Worked};
use std::net::SocketAddr;

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
    /// The client shows who it is.
    Authenticating(Authenticating),
    /// It has nothing to show, or the broker wants nothing of it; the connection ends.
    Unauthenticated(Spoken),
    /// Another connection was lost, and this one asks what listens there.
    Asking(Asking),
}

/// What the whole set-up comes to by a frame.
#[derive(Debug)]
pub(crate) enum Step {
    /// It goes on; bytes may be waiting to be written.
    More(Setup),
    /// It goes on with what comes out of this work.
    Work(Setup, Work),
    /// The connection takes requests.
    Ready(Box<Ready>, Found),
    /// The connection has to end; why.
    Broken(Setup, DisconnectReason),
}

impl Setup {
    /// An attempt begins.
    pub(crate) fn begin(number: ConnectionNumber) -> Self {
        Self::Resolving(Resolving { number, named: None })
    }

    /// There is an address, whose name is looked for before it is connected to.
    pub(crate) fn naming(&mut self, address: SocketAddr) {
        if let Self::Resolving(resolving) = self {
            resolving.named = Some(address);
        }
    }

    /// The address whose name is being looked for.
    pub(crate) fn address_to_name(&self) -> Option<SocketAddr> {
        match self {
            Self::Resolving(resolving) => resolving.named,
            Self::Connecting(_) | Self::Talking(_) => None,
        }
    }

    /// A connection that only asks what listens at this address, where another one has left that open.
    pub(crate) fn ask(number: ConnectionNumber, address: SocketAddr, doubt: Doubt) -> Self {
        Self::Connecting(Connecting { number, address, is_encrypting: false, doubt: Some(doubt) })
    }

    /// There is an address to connect to, and perhaps a doubt to begin with. Later stages stay as they are.
    pub(crate) fn found(self, address: SocketAddr, doubt: Option<Doubt>) -> Self {
        match self {
            Self::Resolving(resolving) => Self::Connecting(resolving.found(address, doubt)),
            Self::Connecting(_) | Self::Talking(_) => self,
        }
    }

    /// The socket is connected, and is being encrypted.
    pub(crate) fn encrypting(&mut self) {
        if let Self::Connecting(connecting) = self {
            connecting.is_encrypting = true;
        }
    }

    /// The socket is connected: asks what the broker speaks (NC3), unless `greeting` says that it is known already.
    pub(crate) fn connected(self, context: &mut SetupContext<'_>, greeting: Greeting) -> Step {
        let Self::Connecting(mut connecting) = self else { return Step::More(self) };
        let doubt = connecting.doubt.take();
        // H26: before the broker has authenticated itself and the client, nothing needs a larger frame.
        let most = context.settings.max_response_size;
        let is_unknown = context.settings.sasl.is_some() || doubt.is_some();
        let channel = connecting.connected(if is_unknown { most.min(MAX_FRAME) } else { most });
        if let Some(doubt) = doubt {
            return Talking::ask(channel, context, doubt);
        }
        match greeting {
            Greeting::Speak(old) => {
                let spoken = Spoken::by(old, Found::Nothing);
                versions_known(channel, context, Checked { spoken, ahead: None })
            }
            Greeting::Ask => Talking::check_versions(channel, context, Behind::Nothing),
            Greeting::AskAndProbe => Talking::check_versions(channel, context, Behind::Probe),
            Greeting::AskAndGoAhead(ahead) => {
                let ahead = Authenticating::ahead(ahead, context);
                let behind = ahead.map_or(Behind::Nothing, |ahead| Behind::Exchange(Box::new(ahead)));
                Talking::check_versions(channel, context, behind)
            }
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

    /// Work that a stage handed out is done.
    pub(crate) fn worked(self, context: &mut SetupContext<'_>, worked: Worked) -> Step {
        match self {
            Self::Talking(talking) => talking.worked(context, worked),
            Self::Resolving(_) | Self::Connecting(_) => Step::More(self),
        }
    }

    /// Whether it ends when the channel is empty, without another answer.
    pub(crate) fn ends_with_a_write(&self) -> bool {
        matches!(self, Self::Talking(talking)
            if matches!(&talking.stage, Stage::Authenticating(stage) if stage.ends_with_a_write()))
    }

    /// The channel is empty.
    pub(crate) fn written(self, context: &mut SetupContext<'_>) -> Step {
        match self {
            Self::Talking(talking) => talking.written(context),
            Self::Resolving(_) | Self::Connecting(_) => Step::More(self),
        }
    }

    /// The broker has closed: what that means, if it means more than a lost connection.
    pub(crate) fn on_closed(&mut self) -> Option<DisconnectReason> {
        match self {
            Self::Talking(talking) => talking.on_closed(),
            Self::Resolving(_) | Self::Connecting(_) => None,
        }
    }

    /// Which step it is in.
    pub(crate) fn stage(&self) -> SetupStage {
        match self {
            Self::Resolving(_) => SetupStage::Resolving,
            Self::Connecting(connecting) if connecting.is_encrypting => SetupStage::TlsHandshake,
            Self::Connecting(_) => SetupStage::Connecting,
            Self::Talking(talking) => talking.stage(),
        }
    }

    /// Whether the first messages of its exchange went out before the broker had said what it speaks.
    pub(crate) fn went_ahead(&self) -> bool {
        matches!(self, Self::Talking(talking) if match &talking.stage {
            Stage::CheckingVersions(stage) => stage.went_ahead(),
            Stage::Authenticating(stage) => stage.went_ahead(),
            Stage::Unauthenticated(_) | Stage::Asking(_) => false,
        })
    }

    /// Whether the broker is to learn who the client is.
    pub(crate) fn is_authenticating(&self) -> bool {
        matches!(self, Self::Talking(talking) if matches!(talking.stage, Stage::Authenticating(_)))
    }

    /// The exchange that it is in, if it is in one.
    pub(crate) fn exchange(&self) -> Option<&SaslExchange> {
        match self {
            Self::Talking(talking) => match &talking.stage {
                Stage::Authenticating(stage) => Some(stage.exchange()),
                Stage::CheckingVersions(_) | Stage::Unauthenticated(_) | Stage::Asking(_) => None,
            },
            Self::Resolving(_) | Self::Connecting(_) => None,
        }
    }

    /// Whether it only asks what listens there, where another one was lost.
    pub(crate) fn is_asking(&self) -> bool {
        self.doubt().is_some_and(Doubt::is_of_a_loss)
    }

    /// The version of SaslHandshake in which the next attempt is to ask first whether a login is wanted, if this one ended so.
    pub(crate) fn login_wanted(&self, reason: &DisconnectReason) -> Option<i16> {
        self.doubt()?.login_wanted(reason)
    }

    /// Whether it stands in the place of a connection that was ready, and asks what ended that.
    pub(crate) fn follows_a_connection(&self) -> bool {
        self.doubt().is_some_and(Doubt::follows_a_connection)
    }

    /// What the attempt ends with, if this stage of it ends so.
    pub(crate) fn settled(&self, reason: DisconnectReason) -> DisconnectReason {
        match self.doubt() {
            Some(doubt) => doubt.settled(reason),
            None => reason,
        }
    }

    fn doubt(&self) -> Option<&Doubt> {
        match self {
            Self::Resolving(_) => None,
            Self::Connecting(connecting) => connecting.doubt.as_ref(),
            Self::Talking(talking) => match &talking.stage {
                Stage::Asking(asking) => Some(asking.doubt()),
                Stage::CheckingVersions(_) | Stage::Authenticating(_) | Stage::Unauthenticated(_) => None,
            },
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
        if let Some(reached) = self.doubt().and_then(Doubt::reached) {
            return reached;
        }
        match self {
            Self::Resolving(_) => Reached::Name,
            Self::Connecting(connecting) if connecting.is_encrypting => Reached::Socket,
            Self::Connecting(_) => Reached::Address { untried },
            Self::Talking(talking) if talking.has_answered() => Reached::Answer,
            Self::Talking(_) => Reached::Socket,
        }
    }

    /// What the broker speaks, if it has said that and owes the answer to the first request behind it.
    pub(crate) fn unserved(&self) -> Option<&BrokerVersions> {
        match self {
            Self::Talking(talking) => match &talking.stage {
                Stage::CheckingVersions(checking) => checking.unserved(),
                Stage::Authenticating(_) | Stage::Unauthenticated(_) | Stage::Asking(_) => None,
            },
            Self::Resolving(_) | Self::Connecting(_) => None,
        }
    }

    /// Whether it only asks for versions, without a probe that would tell a broker of 0.9 from one that hangs.
    pub(crate) fn only_asks(&self) -> bool {
        matches!(self, Self::Talking(talking) if talking.only_asks())
    }
}

impl Talking {
    fn check_versions(mut channel: Channel, context: &mut SetupContext<'_>, behind: Behind) -> Step {
        let (checking, progress) = CheckingVersions::begin(&mut channel, context, behind);
        let talking = Self { channel, stage: Stage::CheckingVersions(checking) };
        talking.go_on(progress, |channel, checked| versions_known(channel, context, checked))
    }

    fn ask(mut channel: Channel, context: &mut SetupContext<'_>, doubt: Doubt) -> Step {
        let (asking, progress) = Asking::begin(&mut channel, context, doubt);
        let talking = Self { channel, stage: Stage::Asking(asking) };
        talking.go_on(progress, |_, never| match never {})
    }

    /// A connection whose stage of authentication begins.
    fn authenticate(
        channel: Channel,
        context: &mut SetupContext<'_>,
        begun: Result<Authenticating, DisconnectReason>,
        spoken: Spoken,
    ) -> Step {
        match begun {
            Ok(stage) => Self { channel, stage: Stage::Authenticating(stage) }
                .authenticating(context, Authenticating::greet),
            Err(why) => {
                let talking = Self { channel, stage: Stage::Unauthenticated(spoken) };
                Step::Broken(Setup::Talking(Box::new(talking)), why)
            }
        }
    }

    fn frame(mut self, context: &mut SetupContext<'_>, frame: &Bytes) -> Step {
        match &mut self.stage {
            Stage::CheckingVersions(checking) => {
                let progress = checking.frame(&mut self.channel, context, frame);
                self.go_on(progress, |channel, checked| versions_known(channel, context, checked))
            }
            Stage::Authenticating(_) => {
                self.authenticating(context, |stage, channel, context| stage.frame(channel, context, frame))
            }
            Stage::Asking(asking) => match asking.frame(frame) {
                Some(reason) => Step::Broken(Setup::Talking(Box::new(self)), reason),
                None => Self::check_versions(self.channel, context, Behind::Nothing),
            },
            Stage::Unauthenticated(_) => Step::More(Setup::Talking(Box::new(self))),
        }
    }

    fn worked(self, context: &mut SetupContext<'_>, worked: Worked) -> Step {
        self.authenticating(context, |stage, channel, context| stage.worked(channel, context, worked))
    }

    fn written(self, context: &mut SetupContext<'_>) -> Step {
        self.authenticating(context, |stage, _, _| stage.written())
    }

    /// Takes a step of the stage of authentication, if it is that one.
    fn authenticating<'a>(
        mut self,
        context: &mut SetupContext<'a>,
        step: impl FnOnce(&mut Authenticating, &mut Channel, &mut SetupContext<'a>) -> Progress<Authenticated>,
    ) -> Step {
        let Stage::Authenticating(stage) = &mut self.stage else {
            return Step::More(Setup::Talking(Box::new(self)));
        };
        let progress = step(stage, &mut self.channel, context);
        self.go_on(progress, |channel, authenticated| {
            let spoken = authenticated.spoken.clone();
            let session = Session::new(authenticated, context.now, context.jitter.unit());
            ready(channel, context, spoken, Some(session))
        })
    }

    /// Goes where a stage's progress leads: `next` after its end.
    fn go_on<T>(self, progress: Progress<T>, next: impl FnOnce(Channel, T) -> Step) -> Step {
        match progress {
            Progress::More => Step::More(Setup::Talking(Box::new(self))),
            Progress::Work(work) => Step::Work(Setup::Talking(Box::new(self)), work),
            Progress::Done(found) => next(self.channel, found),
            Progress::Broken(why) => Step::Broken(Setup::Talking(Box::new(self)), why),
        }
    }

    fn on_closed(&mut self) -> Option<DisconnectReason> {
        match &mut self.stage {
            Stage::Authenticating(stage) => stage.on_closed(),
            Stage::CheckingVersions(_) | Stage::Unauthenticated(_) | Stage::Asking(_) => None,
        }
    }

    fn stage(&self) -> SetupStage {
        match &self.stage {
            Stage::CheckingVersions(_) => SetupStage::Versions,
            Stage::Asking(asking) => asking.doubt().stage(),
            Stage::Authenticating(stage) => stage.stage(),
            Stage::Unauthenticated(_) => SetupStage::SaslHandshake,
        }
    }

    fn has_answered(&self) -> bool {
        match &self.stage {
            Stage::CheckingVersions(checking) => checking.knows_api_versions(),
            Stage::Authenticating(stage) => stage.spoken().found == Found::ApiVersions,
            Stage::Unauthenticated(spoken) => spoken.found == Found::ApiVersions,
            Stage::Asking(_) => false,
        }
    }

    fn only_asks(&self) -> bool {
        match &self.stage {
            Stage::CheckingVersions(checking) => checking.only_asks(),
            Stage::Authenticating(_) | Stage::Unauthenticated(_) | Stage::Asking(_) => false,
        }
    }
}

/// Behind the stage of versions.
fn versions_known(channel: Channel, context: &mut SetupContext<'_>, checked: Checked) -> Step {
    let Checked { spoken, ahead } = checked;
    if let Some(mut ahead) = ahead {
        let known = ahead.known(spoken);
        let stage = Stage::Authenticating(*ahead);
        let setup = Setup::Talking(Box::new(Talking { channel, stage }));
        return match known {
            Ok(()) => Step::More(setup),
            Err(why) => Step::Broken(setup, why),
        };
    }
    match &context.settings.sasl {
        Some(provider) => {
            let begun = Authenticating::with(&**provider, &spoken, context);
            Talking::authenticate(channel, context, begun, spoken)
        }
        None => ready(channel, context, spoken, None),
    }
}

/// Behind the last stage.
fn ready(mut channel: Channel, context: &SetupContext<'_>, spoken: Spoken, session: Option<Session>) -> Step {
    let Spoken { versions, throttle, found } = spoken;
    channel.set_max_frame(context.settings.max_response_size);
    let has_answered = found != Found::Nothing;
    let ready = Ready::new(channel, versions, context.now, throttle, has_answered, session);
    Step::Ready(Box::new(ready), found)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::correlation_ids::CorrelationIds;
    use crate::{NetworkSettings, OldKafka};
    use kp_time::{Clock, Jitter, ManualClock};

    fn connecting() -> Setup {
        Setup::begin(ConnectionNumber(7)).found("10.0.0.1:9092".parse().unwrap(), None)
    }

    fn step(then: impl FnOnce(&mut SetupContext<'_>) -> Step) -> Step {
        let (settings, mut correlation_ids) = (NetworkSettings::default(), CorrelationIds::default());
        let now = ManualClock::new().now();
        let (correlation_ids, jitter) = (&mut correlation_ids, &mut Jitter::seeded(1));
        then(&mut SetupContext { now, settings: &settings, host: "10.0.0.1", jitter, correlation_ids })
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
