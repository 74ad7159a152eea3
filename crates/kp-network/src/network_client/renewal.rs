//! Authenticating a ready connection again (KIP-368): the steps of the exchange are carried between its
//! [`Session`](crate::connection::Session), the channel and the selector. When, the session decides.

use super::{NetworkClient, Timer};
use crate::connection::{Broken, Own, Ready, token_body};
use crate::{DisconnectReason, Event, Readiness, Selectable, WaitReason, sasl};
use kp_protocol::{ApiKey, BrokerId, ProtocolError, Segments, encode_body};
use kp_sasl::{SaslOutput, SaslSession, Worked};
use std::time::Instant;

impl<S: Selectable> NetworkClient<S> {
    /// The answer to a caller who wants to send when the session is nearly over: it is renewed first (SE19, SE23).
    pub(super) fn renew(&mut self, now: Instant, id: BrokerId) -> Readiness {
        if let (Some(provider), Some(broker)) = (self.settings.sasl.clone(), self.brokers.get(&id)) {
            let host = broker.host();
            self.go_on_renewing(now, id, |ready| {
                ready.renew(now, provider.begin(&host).map_err(Broken::Refused)?)
            });
        }
        let ready = self.brokers.get_mut(&id).and_then(|broker| broker.link.ready_mut());
        match ready {
            Some(ready) => ready.readiness(now, self.settings.max_in_flight),
            None => Readiness::Wait { until: None, why: WaitReason::BackingOff },
        }
    }

    /// The broker answered a request of the connection itself.
    pub(super) fn renewal_answered(&mut self, now: Instant, id: BrokerId, answer: &Own) {
        self.go_on_renewing(now, id, |ready| ready.renewal_answered(answer));
    }

    /// Work for a renewal is done.
    pub(super) fn renewal_worked(&mut self, now: Instant, id: BrokerId, worked: Worked) {
        self.go_on_renewing(now, id, |ready| ready.renewal_worked(worked));
    }

    fn go_on_renewing(
        &mut self,
        now: Instant,
        id: BrokerId,
        step: impl FnOnce(&mut Ready) -> Result<SaslOutput, Broken>,
    ) {
        let Some(ready) = self.brokers.get_mut(&id).and_then(|broker| broker.link.ready_mut()) else {
            return;
        };
        let done = match step(ready) {
            Ok(output) => self.carry_out(now, id, output),
            Err(broken) => Err(broken),
        };
        match done {
            Ok(()) => {}
            Err(Broken::Refused(failure)) => self.end(now, id, sasl::not_renewed(&failure)),
            Err(Broken::Protocol(words)) => self.end(now, id, DisconnectReason::ProtocolError(words)),
        }
    }

    fn carry_out(&mut self, now: Instant, id: BrokerId, output: SaslOutput) -> Result<(), Broken> {
        let unsayable = |error: ProtocolError| Broken::Protocol(error.to_string().into());
        match output {
            SaslOutput::Handshake { request, version } => {
                let body = encode_body(version, &request).map_err(unsayable)?;
                self.ask_itself(now, id, ApiKey::SaslHandshake, version, body).map_err(unsayable)
            }
            SaslOutput::Authenticate { token, version } => {
                let body = token_body(token, version).map_err(unsayable)?;
                self.ask_itself(now, id, ApiKey::SaslAuthenticate, version, body).map_err(unsayable)
            }
            SaslOutput::Work(work) => {
                let ready = self.brokers.get_mut(&id).and_then(|broker| broker.link.ready_mut());
                if let (Some(ready), Some(provider)) = (ready, &self.settings.sasl) {
                    let (number, until) = (ready.number(), ready.waits_for_work(now)?);
                    self.selectable.work(number, sasl::kept(provider, work));
                    self.late_at(id, until);
                }
                Ok(())
            }
            SaslOutput::Sent => Ok(()),
            SaslOutput::Done(session) => {
                self.renewed(now, id, session);
                Ok(())
            }
            // Such tokens are for brokers that know no sessions.
            SaslOutput::BareToken { .. } | SaslOutput::LastBareToken { .. } => {
                Err(Broken::Protocol("a bare token on a connection that is ready".into()))
            }
        }
    }

    fn ask_itself(
        &mut self,
        now: Instant,
        id: BrokerId,
        api_key: ApiKey,
        version: i16,
        body: Segments,
    ) -> Result<(), ProtocolError> {
        let (correlation_id, client_id) = (self.correlation_ids.next(), self.settings.client_id.as_deref());
        let Some(ready) = self.brokers.get_mut(&id).and_then(|broker| broker.link.ready_mut()) else {
            return Ok(());
        };
        let deadline = ready.ask_itself(now, api_key, version, body, (correlation_id, client_id))?;
        self.late_at(id, deadline);
        self.write(now, id);
        Ok(())
    }

    /// What the renewal waits for is late then, if nothing else is late earlier.
    fn late_at(&mut self, id: BrokerId, deadline: Instant) {
        let timer = (id, Timer::Request);
        if self.timers.get(&timer).is_none_or(|at| at > deadline) {
            self.timers.set(timer, deadline);
        }
    }

    fn renewed(&mut self, now: Instant, id: BrokerId, session: SaslSession) {
        let chance = self.jitter.unit();
        let Some(ready) = self.brokers.get_mut(&id).and_then(|broker| broker.link.ready_mut()) else {
            return;
        };
        let (began, is_awaited) = ready.renewed(now, session, chance);
        let took = now.saturating_duration_since(began);
        let totals = &mut self.counters.totals;
        totals.reauthentications += 1;
        totals.reauthentication_time += took;
        totals.reauthentication_time_max = totals.reauthentication_time_max.max(took);
        self.pending.extend(is_awaited.then_some(Event::Writable { broker: id }));
        self.notice_short_session(id);
    }
}
