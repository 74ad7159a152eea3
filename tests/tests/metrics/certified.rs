//! A network in virtual time whose connections are said to be encrypted: each with a certificate that ends a day after it was
//! made. Owns: what is said. Never: a byte; those go over the simulated network as they are.

use bytes::BytesMut;
use kp_network::{
    CertificateSummary, ConnectionEncryption, ConnectionNumber, Dial, Selectable, SelectorEvent, Wait, Work,
};
use kp_sim::{SimClock, SimSelectable};
use kp_time::Clock;
use std::collections::BTreeMap;
use std::io::{self, IoSlice};
use std::task::{Poll, Waker};
use std::time::{Duration, SystemTime};

pub(crate) const DAY: Duration = Duration::from_secs(24 * 60 * 60);

pub(crate) struct Certified {
    network: SimSelectable,
    clock: SimClock,
    /// When each connection was dialled.
    dialled: BTreeMap<ConnectionNumber, SystemTime>,
}

impl Certified {
    pub(crate) fn over(network: SimSelectable, clock: SimClock) -> Self {
        Self { network, clock, dialled: BTreeMap::new() }
    }
}

impl Selectable for Certified {
    fn connect(&mut self, dial: Dial<'_>) {
        let since_1970 = self.clock.timestamp_ms().try_into().expect("it is after 1970");
        let now = SystemTime::UNIX_EPOCH + Duration::from_millis(since_1970);
        self.dialled.insert(dial.number, now);
        self.network.connect(dial);
    }

    fn connection_encryption(&self, number: ConnectionNumber) -> Option<ConnectionEncryption> {
        let at = *self.dialled.get(&number)?;
        let mut encryption = ConnectionEncryption::new("TLSv1.3", "TLS_AES_256_GCM_SHA384");
        encryption.certificate = Some(CertificateSummary::new("CN=kafka", at, at + DAY));
        Some(encryption)
    }

    fn resolve(&mut self, number: ConnectionNumber, host: &str, port: u16) {
        self.network.resolve(number, host, port);
    }

    fn write(&mut self, number: ConnectionNumber, slices: &[IoSlice<'_>]) -> Poll<io::Result<usize>> {
        self.network.write(number, slices)
    }

    fn read(&mut self, number: ConnectionNumber, into: &mut BytesMut) -> Poll<io::Result<usize>> {
        self.network.read(number, into)
    }

    fn work(&mut self, number: ConnectionNumber, work: Work) {
        self.network.work(number, work);
    }

    fn close(&mut self, number: ConnectionNumber) {
        self.network.close(number);
    }

    fn poll(&mut self, wait: Wait, events: &mut Vec<SelectorEvent>) -> bool {
        self.network.poll(wait, events)
    }

    fn waker(&self) -> Waker {
        self.network.waker()
    }

    fn shutdown(&mut self) {
        self.network.shutdown();
    }
}
