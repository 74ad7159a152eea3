//! Files that change while a client runs.

use crate::authority::{Authority, Issued, provider};
use crate::wire::Stage;
use kp_network::Wait;
use kp_time::{Clock, ManualClock};
use kp_tls::{FileLooks, Reload, StoreSource, TlsClient, TlsSettings};
use rcgen::date_time_ymd;
use rustls::pki_types::CertificateDer;
use rustls::version::TLS13;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

const MINUTE: Duration = Duration::from_secs(60);

/// A moment at which the certificates of the tests are valid.
fn now() -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(1_796_000_000)
}

/// A client whose certificate and key are files, and what it is made of.
struct Rotation {
    directory: tempfile::TempDir,
    authority: Authority,
    client: TlsClient,
    /// Seconds that the next file is newer.
    age: u64,
}

impl Rotation {
    fn new() -> (Self, Issued) {
        let (directory, authority) = (tempfile::tempdir().unwrap(), Authority::new());
        let first = authority.issue(&["first"], |_| ());
        write(&directory.path().join("chain.pem"), &first.pem, 0);
        write(&directory.path().join("key.pem"), &first.key.serialize_pem(), 0);
        let source = |key, file: &str| StoreSource::file(key, directory.path().join(file));
        let settings = authority.trusted().identified_by(
            source("ssl.keystore.certificate.chain", "chain.pem"),
            source("ssl.keystore.key", "key.pem"),
        );
        let client = TlsClient::new(&settings, &provider()).unwrap();
        (Self { directory, authority, client, age: 0 }, first)
    }

    fn chain(&mut self, pem: &str) {
        self.age += 1;
        write(&self.directory.path().join("chain.pem"), pem, self.age);
    }

    fn key(&mut self, issued: &Issued) {
        self.age += 1;
        write(&self.directory.path().join("key.pem"), &issued.key.serialize_pem(), self.age);
    }

    /// What a new connection shows.
    fn shown(&self) -> Vec<CertificateDer<'static>> {
        let broker = self.authority.asking_broker(&[&TLS13]);
        let mut stage = Stage::new(self.client.clone(), broker, "broker");
        stage.shake().unwrap();
        stage.broker.peer_certificates().unwrap().to_vec()
    }
}

/// All of one length; and files that are written within one tick of the clock would have one age.
fn write(path: &Path, text: &str, age: u64) {
    std::fs::write(path, format!("{text:\n<2000}")).unwrap();
    let moment = SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000 + age);
    std::fs::File::options().write(true).open(path).unwrap().set_modified(moment).unwrap();
}

fn kept(reload: &Reload, words: &str) {
    let Reload::Kept(error) = reload else { panic!("{reload:?}") };
    assert!(error.to_string().contains(words), "{error}");
}

// C13, A13, U1
#[test]
fn a_certificate_that_was_replaced_is_shown_by_new_connections() {
    let (mut rotation, first) = Rotation::new();
    let at = now();
    assert_eq!(rotation.client.look(at), Reload::Unchanged);
    assert_eq!(rotation.shown(), first.chain);
    let second = rotation.authority.issue(&["second"], |_| ());
    rotation.chain(&second.pem);
    rotation.key(&second);
    assert_eq!(rotation.shown(), first.chain, "nobody looked yet");
    assert_eq!(rotation.client.look(at), Reload::Reloaded);
    assert_eq!(rotation.shown(), second.chain);
    assert_eq!(rotation.client.own_certificate().unwrap().names(), ["DNS:second"]);
    assert_eq!(rotation.client.look(at), Reload::Unchanged);
}

// H61
#[test]
fn files_that_cannot_be_used_leave_what_is_there_and_are_told_once_for_each_change() {
    let (mut rotation, first) = Rotation::new();
    let at = now();
    let second = rotation.authority.issue(&["second"], |_| ());
    rotation.chain(&second.pem[..second.pem.len() / 2]);
    kept(&rotation.client.look(at), "before its -----END");
    assert_eq!(rotation.client.look(at), Reload::Unchanged, "not told again");
    rotation.chain(&second.pem);
    kept(&rotation.client.look(at), "the key is not that of the first certificate");
    assert_eq!(rotation.shown(), first.chain);
    std::fs::remove_file(rotation.directory.path().join("key.pem")).unwrap();
    kept(&rotation.client.look(at), "key.pem");
    rotation.key(&second);
    assert_eq!(rotation.client.look(at), Reload::Reloaded);
    assert_eq!(rotation.shown(), second.chain);
}

// H61
#[test]
fn a_certificate_that_has_expired_takes_no_place() {
    let (mut rotation, first) = Rotation::new();
    let second = rotation.authority.issue(&["second"], |params| params.not_after = date_time_ymd(2031, 2, 3));
    rotation.chain(&second.pem);
    rotation.key(&second);
    let at = |seconds| SystemTime::UNIX_EPOCH + Duration::from_secs(seconds);
    kept(&rotation.client.look(at(1_990_000_000)), "expired on 2031-02-03");
    assert_eq!(rotation.shown(), first.chain);
    assert_eq!(rotation.client.reload(at(1_780_000_000)), Reload::Reloaded);
}

// A13
#[test]
fn a_reload_now_reads_files_that_look_unchanged() {
    let (rotation, _) = Rotation::new();
    let second = rotation.authority.issue(&["other"], |_| ());
    write(&rotation.directory.path().join("chain.pem"), &second.pem, 0);
    write(&rotation.directory.path().join("key.pem"), &second.key.serialize_pem(), 0);
    assert_eq!(rotation.client.look(now()), Reload::Unchanged);
    assert_eq!(rotation.client.reload(now()), Reload::Reloaded);
    assert_eq!(rotation.shown(), second.chain);
}

// SE42
#[test]
fn sessions_are_resumed_until_the_files_are_read_again() {
    let (rotation, _) = Rotation::new();
    let broker = rotation.authority.broker(&["broker"]);
    let mut stage = Stage::new(rotation.client.clone(), Arc::clone(&broker), "broker");
    stage.shake().unwrap();
    assert!(!stage.encryption().unwrap().is_resumed());
    let resumed = |stage: &mut Stage| {
        // A ticket comes behind the handshake.
        let _ = stage.read(&mut bytes::BytesMut::with_capacity(64));
        stage.dial(Arc::clone(&broker), "broker");
        stage.shake().unwrap();
        stage.encryption().unwrap().is_resumed()
    };
    assert!(resumed(&mut stage));
    assert_eq!(rotation.client.reload(now()), Reload::Reloaded);
    assert!(!resumed(&mut stage));
}

// C13, A10
#[test]
fn files_are_looked_at_each_interval_by_the_thread_for_work_and_never_by_the_one_that_polls() {
    let (mut rotation, _) = Rotation::new();
    let clock = Arc::new(ManualClock::new());
    let told = Arc::new(Mutex::new(Vec::new()));
    let heard = Arc::clone(&told);
    let looks = FileLooks::every(MINUTE, Arc::clone(&clock) as Arc<dyn Clock>, move |reload| {
        heard.lock().unwrap().push(reload.clone());
    });
    let broker = rotation.authority.asking_broker(&[&TLS13]);
    let mut stage = Stage::new(rotation.client.clone(), Arc::clone(&broker), "broker").looking(looks);
    stage.shake().unwrap();
    let second = rotation.authority.issue(&["second"], |_| ());
    rotation.chain(&second.pem);
    rotation.key(&second);
    clock.advance(MINUTE - Duration::from_millis(1));
    stage.turn();
    assert_eq!(stage.do_work(), 0);
    clock.advance(Duration::from_millis(1));
    stage.turn();
    stage.turn();
    assert!(told.lock().unwrap().is_empty(), "it is work for another thread");
    assert_eq!(stage.do_work(), 1, "and asked for once");
    assert_eq!(*told.lock().unwrap(), [Reload::Reloaded]);
    assert!(stage.turn().is_empty(), "the client above hears nothing of it");
    stage.dial(broker, "broker");
    stage.shake().unwrap();
    assert_eq!(stage.broker.peer_certificates().unwrap(), &second.chain[..]);
    clock.advance(MINUTE);
    stage.turn();
    assert_eq!(stage.do_work(), 1);
    assert_eq!(told.lock().unwrap().len(), 1, "nothing has changed");
}

// A10
#[test]
fn a_client_that_waits_for_nothing_else_wakes_for_the_next_look() {
    let (rotation, _) = Rotation::new();
    let clock = Arc::new(ManualClock::new());
    let looks = |interval| FileLooks::every(interval, Arc::clone(&clock) as Arc<dyn Clock>, |_| ());
    let waited = |client: &TlsClient, interval| {
        let broker = rotation.authority.broker(&["broker"]);
        let mut stage = Stage::new(client.clone(), broker, "broker").looking(looks(interval));
        stage.wait_forever();
        stage.wire(|wire| wire.waited.unwrap())
    };
    let next = clock.now() + MINUTE;
    assert_eq!(waited(&rotation.client, MINUTE), Wait::Until(next));
    assert_eq!(waited(&rotation.client, Duration::ZERO), Wait::Forever);
    let no_files = TlsClient::new(&rotation.authority.trusted(), &provider()).unwrap();
    assert_eq!(waited(&no_files, MINUTE), Wait::Forever);
    assert_eq!(TlsClient::from_rustls(no_files.config()).reload(now()), Reload::Unchanged);
}

// A13
#[test]
fn a_trust_store_that_was_replaced_is_believed_by_new_connections() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("ca.pem");
    let (old, new) = (Authority::new(), Authority::new());
    write(&path, &old.pem(), 0);
    let settings = TlsSettings::new().trusting(StoreSource::file("ssl.truststore.location", &path));
    let client = TlsClient::new(&settings, &provider()).unwrap();
    let shake = |authority: &Authority| {
        Stage::new(client.clone(), authority.broker(&["broker"]), "broker").shake().is_ok()
    };
    assert_eq!((shake(&old), shake(&new)), (true, false));
    write(&path, &new.pem(), 1);
    assert_eq!(client.look(now()), Reload::Reloaded);
    assert_eq!((shake(&old), shake(&new)), (false, true));
}
