//! A selector that encrypts over another one. Owns the sessions; a connection is told of once its handshake is over.

use crate::Encryption;
use crate::askers::Askers;
use crate::client::{Reload, TlsClient};
use crate::file_looks::{FileLooks, Schedule};
use crate::session::{READ_SIZE, ReadOutcome, Session};
use bytes::BytesMut;
use kp_network::{
    CertificateSummary, ConnectionEncryption, ConnectionNumber, Dial, Selectable, SelectorEvent, TlsFailure,
    TlsFailureKind, Wait, Work, Worked,
};
use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, IoSlice};
use std::net::SocketAddr;
use std::task::{Poll, Waker};

/// Sockets with TLS: those of `S`, of which [`SelectorEvent::Connected`] comes when the handshake is over. A handshake
/// that fails is a [`SelectorEvent::ConnectFailed`] with a [`TlsFailure`](crate::TlsFailure); what a broker refuses
/// later, such as the certificate of this client in TLS 1.3, is inside the error of a read.
#[derive(Debug)]
pub struct TlsSelector<S> {
    below: S,
    client: TlsClient,
    sessions: BTreeMap<ConnectionNumber, Session>,
    /// Connections without TLS, which only ask what listens there.
    plain: BTreeSet<ConnectionNumber>,
    askers: Askers,
    /// Connections that are made once the program has given the client's certificate.
    waiting: BTreeMap<ConnectionNumber, (SocketAddr, Box<str>)>,
    /// Ciphertext on its way; empty between calls.
    scratch: BytesMut,
    /// What the selector below told.
    told: Vec<SelectorEvent>,
    /// Told in the next turn without a word from below.
    due: Vec<SelectorEvent>,
    /// When the files are looked at.
    schedule: Option<Schedule>,
    /// Hears of an answer of the program that cannot be used.
    looks: Option<FileLooks>,
}

impl<S: Selectable> TlsSelector<S> {
    /// TLS as `client` speaks it, over the sockets of `below`.
    pub fn new(below: S, client: TlsClient) -> Self {
        Self {
            below,
            client,
            sessions: BTreeMap::new(),
            plain: BTreeSet::new(),
            askers: Askers::default(),
            waiting: BTreeMap::new(),
            scratch: BytesMut::with_capacity(READ_SIZE),
            told: Vec::new(),
            due: Vec::new(),
            schedule: None,
            looks: None,
        }
    }

    /// Looks at the files of its client while it runs, as [`work`](Selectable::work) of the sockets below; connections
    /// that begin after a change was seen use the new ones.
    #[must_use]
    pub fn looking(mut self, looks: FileLooks) -> Self {
        self.schedule = Schedule::new(looks.clone(), &self.client);
        self.looks = Some(looks);
        self
    }

    /// How this connection is encrypted, once it is made.
    #[must_use]
    pub fn encryption(&self, number: ConnectionNumber) -> Option<Encryption> {
        self.sessions.get(&number)?.encryption(&self.askers)
    }

    /// What follows from an event below, for the client above.
    fn pass(&mut self, event: SelectorEvent) -> Option<SelectorEvent> {
        let number = event.number();
        if self.plain.contains(&number) {
            return Some(event);
        }
        match event {
            SelectorEvent::Connected { .. } if self.sessions.contains_key(&number) => {
                Some(self.shake(number).unwrap_or(SelectorEvent::Encrypting { number }))
            }
            SelectorEvent::Connected { .. } => None,
            SelectorEvent::Readable { .. } | SelectorEvent::Writable { .. } => {
                let session = self.sessions.get_mut(&number)?;
                if !session.is_made() {
                    return self.shake(number);
                }
                let passed =
                    !matches!(event, SelectorEvent::Writable { .. }) || session.on_writable(&mut self.below);
                passed.then_some(event)
            }
            SelectorEvent::ConnectFailed { .. } => {
                self.sessions.remove(&number);
                Some(event)
            }
            SelectorEvent::Worked { number, worked } => match self.waiting.remove(&number) {
                Some((address, host)) => self.asked(Dial::new(number, address, &host), worked),
                None => {
                    let was_look = self.schedule.as_mut().is_some_and(|schedule| schedule.is_over(number));
                    (!was_look).then_some(SelectorEvent::Worked { number, worked })
                }
            },
            SelectorEvent::Resolved { .. } | SelectorEvent::Encrypting { .. } => Some(event),
        }
    }

    /// The program was asked for the client's certificate, for this connection.
    fn asked(&mut self, dial: Dial<'_>, worked: Worked) -> Option<SelectorEvent> {
        let failure = match worked.take::<Result<(), TlsFailure>>("TLS") {
            Ok(Ok(())) => return self.dial(dial),
            Ok(Err(failure)) => failure,
            Err(why) => TlsFailure::new(TlsFailureKind::Lost, why.to_string()),
        };
        Some(SelectorEvent::ConnectFailed { number: dial.number, error: failure.into() })
    }

    /// Begins to connect; or why that is over already.
    fn dial(&mut self, dial: Dial<'_>) -> Option<SelectorEvent> {
        match Session::new(&self.client, dial.number, dial.host) {
            Ok(session) => {
                self.sessions.insert(dial.number, session);
                self.below.connect(dial);
                None
            }
            Err(failure) => Some(SelectorEvent::ConnectFailed { number: dial.number, error: failure.into() }),
        }
    }

    fn shake(&mut self, number: ConnectionNumber) -> Option<SelectorEvent> {
        let session = self.sessions.get_mut(&number)?;
        match session.shake(&mut self.below, &mut self.scratch) {
            Poll::Pending => None,
            Poll::Ready(Ok(())) => {
                session.tell(&mut self.askers);
                Some(SelectorEvent::Connected { number })
            }
            Poll::Ready(Err(error)) => {
                self.sessions.remove(&number);
                self.below.close(number);
                Some(SelectorEvent::ConnectFailed { number, error })
            }
        }
    }
}

impl<S: Selectable> Selectable for TlsSelector<S> {
    fn resolve(&mut self, number: ConnectionNumber, host: &str, port: u16) {
        self.below.resolve(number, host, port);
    }

    fn connect(&mut self, dial: Dial<'_>) {
        match self.client.asker() {
            None => {
                let failed = self.dial(dial);
                self.due.extend(failed);
            }
            Some((asker, noted)) => {
                self.waiting.insert(dial.number, (dial.address, dial.host.into()));
                let (client, looks) = (self.client.clone(), self.looks.clone());
                let ask = move || {
                    Worked::done(client.ask(&asker, noted).map(|unusable| {
                        if let (Some(error), Some(looks)) = (unusable, looks) {
                            looks.tell(&Reload::Kept(error));
                        }
                    }))
                };
                self.below.work(dial.number, Work::new("asking for the certificate of this client", ask));
            }
        }
    }

    fn connect_plainly(&mut self, dial: Dial<'_>) {
        self.plain.insert(dial.number);
        self.below.connect(dial);
    }

    fn can_connect_plainly(&self) -> bool {
        true
    }

    fn write(&mut self, number: ConnectionNumber, slices: &[IoSlice<'_>]) -> Poll<io::Result<usize>> {
        if self.plain.contains(&number) {
            return self.below.write(number, slices);
        }
        match self.sessions.get_mut(&number) {
            Some(session) => session.write(&mut self.below, slices),
            None => Poll::Ready(Err(io::ErrorKind::NotConnected.into())),
        }
    }

    fn read(&mut self, number: ConnectionNumber, into: &mut BytesMut) -> Poll<io::Result<usize>> {
        if self.plain.contains(&number) {
            return self.below.read(number, into);
        }
        let Some(session) = self.sessions.get_mut(&number) else {
            return Poll::Ready(Err(io::ErrorKind::NotConnected.into()));
        };
        match session.read(&mut self.below, &mut self.scratch, into) {
            Ok(ReadOutcome::Read(count)) => Poll::Ready(Ok(count)),
            Ok(ReadOutcome::Pending) => Poll::Pending,
            Ok(ReadOutcome::AskAgain) => {
                self.due.push(SelectorEvent::Readable { number });
                Poll::Pending
            }
            Err(error) => Poll::Ready(Err(error)),
        }
    }

    fn work(&mut self, number: ConnectionNumber, work: Work) {
        self.below.work(number, work);
    }

    fn close(&mut self, number: ConnectionNumber) {
        self.waiting.remove(&number);
        if let Some(mut session) = self.sessions.remove(&number) {
            session.farewell(&mut self.below);
        }
        self.plain.remove(&number);
        self.below.close(number);
    }

    fn poll(&mut self, wait: Wait, events: &mut Vec<SelectorEvent>) -> bool {
        let look = self.schedule.as_mut().and_then(|schedule| schedule.take_due(&self.client));
        if let Some((number, work)) = look {
            self.below.work(number, work);
        }
        let wait = if self.due.is_empty() { wait } else { Wait::Turn };
        let wait = self.schedule.as_ref().map_or(wait, |schedule| schedule.shortened(wait));
        let mut told = std::mem::take(&mut self.told);
        let woken = self.below.poll(wait, &mut told);
        events.append(&mut self.due);
        for event in told.drain(..) {
            events.extend(self.pass(event));
        }
        self.told = told;
        woken
    }

    fn reload(&mut self) {
        if let Some(schedule) = &mut self.schedule {
            schedule.hurry();
        }
    }

    fn is_reloading(&self) -> bool {
        self.schedule.as_ref().is_some_and(Schedule::is_hurried)
    }

    fn is_encrypted(&self) -> bool {
        true
    }

    fn awaits_own_certificate(&self, number: ConnectionNumber) -> bool {
        self.waiting.contains_key(&number)
    }

    fn connection_encryption(&self, number: ConnectionNumber) -> Option<ConnectionEncryption> {
        self.encryption(number).map(|encryption| encryption.summary())
    }

    fn own_certificate(&self) -> Option<CertificateSummary> {
        self.client.own_certificate().map(|own| own.summary())
    }

    fn waker(&self) -> Waker {
        self.below.waker()
    }

    fn shutdown(&mut self) {
        for session in self.sessions.values_mut() {
            session.farewell(&mut self.below);
        }
        self.sessions.clear();
        self.plain.clear();
        self.below.shutdown();
    }
}
