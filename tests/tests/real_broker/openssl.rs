//! kp through `openssl s_server`, a peer whose TLS is neither Java's nor kp's own. One stands in front of the broker double,
//! decrypts what the client sends, and encrypts what comes back. Needs openssl, and Java for its `keytool`.

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use kp_producer::blocking::Producer;
use kp_producer::{ProducerConfig, ProducerRecord};
use kp_protocol::BrokerId;
use kp_sim::tcp::{EmbeddedBroker, EmbeddedOptions};
use tempfile::TempDir;
use xtask::kafka::{free_ports, make_certificates};

use crate::turn;

/// More than TLS puts into one record, and more than `openssl` reads at once.
const LARGE: usize = 200_000;

/// A running `openssl s_server` for one connection; it ends with this value.
struct Server(Child);

impl Server {
    fn start(port: u16, certificates: &Path, flags: &[&str], broker: SocketAddr) -> Self {
        let mut command = Command::new("openssl");
        command.args(["s_server", "-quiet", "-naccept", "1", "-accept"]).arg(format!("127.0.0.1:{port}"));
        command.args(["-cert", "server.pem", "-key", "server.key", "-CAfile", "ca.pem"]).args(flags);
        command.current_dir(certificates).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut server = Self(command.stderr(Stdio::null()).spawn().expect("openssl is there"));
        let child = &mut server.0;
        let (mut stdin, mut stdout) =
            (child.stdin.take().expect("a pipe"), child.stdout.take().expect("a pipe"));
        std::thread::spawn(move || {
            // Only a client that came through the handshake has said something.
            let mut to_broker = TcpStream::connect(broker)?;
            let mut from_broker = to_broker.try_clone()?;
            std::thread::spawn(move || pump(&mut from_broker, &mut stdin));
            pump(&mut stdout, &mut to_broker)
        });
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        // It takes one connection, so it must not be tried by connecting.
        for _ in 0..200 {
            if TcpListener::bind(address).is_err() {
                return server;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        panic!("openssl does not listen at {address}");
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Passes bytes on as they come. `io::copy` would let the kernel do it (splice), which keeps the pipe locked while it waits.
fn pump(from: &mut impl Read, to: &mut impl Write) -> io::Result<()> {
    let mut bytes = vec![0; 64 << 10];
    loop {
        match from.read(&mut bytes)? {
            0 => return Ok(()),
            read => to.write_all(&bytes[..read])?,
        }
    }
}

/// Sends through one server for the bootstrap connection and one for the broker, and looks at what arrived.
fn deliver_through(flags: &[&str], client: &[(&str, &str)]) {
    let dir = TempDir::new().expect("a temporary folder");
    make_certificates(dir.path()).expect("certificates are made");
    let ports = free_ports(2).expect("free ports");
    let broker = EmbeddedBroker::start(EmbeddedOptions::default()).expect("the double starts");
    let (_, address) = broker.addresses().next().expect("one broker");
    broker.cluster().lock().advertise(BrokerId(1), "localhost", ports[1]).expect("broker 1 is there");
    let _servers = [&ports[0], &ports[1]].map(|port| Server::start(*port, dir.path(), flags, address));

    let file = |name: &str| dir.path().join(name).display().to_string();
    let mut text = format!("bootstrap.servers=localhost:{}\nsecurity.protocol=SSL\n", ports[0]);
    text += &format!("ssl.truststore.type=PEM\nssl.truststore.location={}\n", file("ca.pem"));
    for (key, value) in client {
        let value = if key.ends_with(".location") { file(value) } else { (*value).to_owned() };
        text += &format!("{key}={value}\n");
    }
    let config = ProducerConfig::from_properties_str(&text).expect("lawful settings");
    let producer = Producer::new(config).expect("it is built");
    // The double looks at each batch's checksum before it takes it.
    for value in ["small".to_owned(), "x".repeat(LARGE)] {
        let sent = producer.send(ProducerRecord::to("t").value(value.as_str())).expect("it is taken");
        sent.wait().unwrap_or_else(|error| panic!("{flags:?}: {error}"));
    }
    assert_eq!(broker.cluster().lock().record_count("t"), 2, "{flags:?}");
}

// SE36
#[test]
fn records_go_through_openssl_by_tls_1_3_and_by_tls_1_2() {
    let _turn = turn::shared();
    deliver_through(&["-tls1_3"], &[]);
    deliver_through(&["-tls1_2"], &[]);
}

// SE37
#[test]
fn a_suite_that_is_named_as_java_names_it_is_the_one_that_openssl_takes() {
    let _turn = turn::shared();
    let suites = "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256";
    let only = ["-tls1_2", "-cipher", "ECDHE-RSA-AES128-GCM-SHA256"];
    deliver_through(&only, &[("ssl.cipher.suites", suites), ("ssl.enabled.protocols", "TLSv1.2")]);
    let only = ["-tls1_3", "-ciphersuites", "TLS_CHACHA20_POLY1305_SHA256"];
    deliver_through(&only, &[("ssl.cipher.suites", "TLS_CHACHA20_POLY1305_SHA256")]);
}

// SE31
#[test]
fn openssl_takes_the_clients_certificate_that_it_wants() {
    let _turn = turn::shared();
    let wants = ["-Verify", "1", "-verify_return_error"];
    let shows = [("ssl.keystore.type", "PEM"), ("ssl.keystore.location", "client-all.pem")];
    for version in ["-tls1_3", "-tls1_2"] {
        deliver_through(&[&wants[..], &[version]].concat(), &shows);
    }
}
