//! TLS in front of the sink: a certificate that is made for the run, TLS 1.3, AES-256.
//!
//! `rustls` makes the handshake. After it records are opened here, in the memory that the sink reads into: `rustls` reads
//! four KiB at a time from a socket and copies what it decrypts, and then the sink, not the client, would be the limit.

use rcgen::{CertificateParams, KeyPair};
use rustls::crypto::CryptoProvider;
use rustls::crypto::cipher::{
    AeadKey, InboundOpaqueMessage, Iv, MessageDecrypter, MessageEncrypter, OutboundChunks,
    OutboundPlainMessage, Tls13AeadAlgorithm,
};
use rustls::pki_types::PrivateKeyDer;
use rustls::version::TLS13;
use rustls::{
    CipherSuite, ConnectionTrafficSecrets, ContentType, ProtocolVersion, ServerConfig, ServerConnection,
};
use std::io::{self, Read, Write};
use std::sync::Arc;

/// The type, the version and the length in front of a record.
const HEAD: usize = 5;
/// The longest record of TLS 1.3: 16 KiB and what may be added to them.
const RECORD: usize = HEAD + 16 * 1024 + 256;
/// The most that a record carries.
const FRAGMENT: usize = 16 * 1024;

/// Encrypts the connections of a sink.
#[derive(Clone, Debug)]
pub struct SinkTls(Arc<ServerConfig>);

impl SinkTls {
    /// With a certificate for this machine; and that certificate in PEM, for those who are to trust it.
    ///
    /// # Errors
    /// The certificate cannot be made.
    pub fn new() -> io::Result<(Self, String)> {
        let names = vec!["localhost".to_owned(), "127.0.0.1".to_owned()];
        let key = KeyPair::generate().map_err(io::Error::other)?;
        let certificate = CertificateParams::new(names)
            .and_then(|params| params.self_signed(&key))
            .map_err(io::Error::other)?;
        let der = PrivateKeyDer::try_from(key.serialize_der()).map_err(io::Error::other)?;
        let mut config = ServerConfig::builder_with_provider(Arc::new(aes_256()))
            .with_protocol_versions(&[&TLS13])
            .and_then(|builder| {
                builder.with_no_client_auth().with_single_cert(vec![certificate.der().clone()], der)
            })
            .map_err(io::Error::other)?;
        config.enable_secret_extraction = true;
        Ok((Self(Arc::new(config)), certificate.pem()))
    }

    /// `stream`, encrypted, after its handshake.
    ///
    /// # Errors
    /// As of the socket; the handshake fails.
    pub fn over<S: Read + Write>(&self, mut stream: S) -> io::Result<Encrypted<S>> {
        let mut connection = ServerConnection::new(Arc::clone(&self.0)).map_err(io::Error::other)?;
        let mut below = RecordByRecord { stream: &mut stream, left: 0 };
        while connection.is_handshaking() {
            connection.complete_io(&mut below)?;
        }
        while connection.wants_write() {
            connection.write_tls(&mut below)?;
        }
        let secrets = connection.dangerous_extract_secrets().map_err(io::Error::other)?;
        let ((sealed, seals), (opened, opens)) = (secrets.tx, secrets.rx);
        let ((sealer, seal_key, seal_iv), (opener, open_key, open_iv)) = (keyed(seals)?, keyed(opens)?);
        Ok(Encrypted {
            stream,
            sealer: sealer.encrypter(seal_key, seal_iv),
            sealed,
            opener: opener.decrypter(open_key, open_iv),
            opened,
            rest: Vec::with_capacity(RECORD),
            closed: false,
        })
    }
}

/// One suite, so that every client speaks it, whatever it would choose.
fn aes_256() -> CryptoProvider {
    let mut provider = rustls::crypto::ring::default_provider();
    provider.cipher_suites.retain(|suite| suite.suite() == CipherSuite::TLS13_AES_256_GCM_SHA384);
    provider
}

/// The cipher of the only suite, and its key.
fn keyed(secrets: ConnectionTrafficSecrets) -> io::Result<(&'static dyn Tls13AeadAlgorithm, AeadKey, Iv)> {
    let suite = aes_256().cipher_suites.first().and_then(|suite| suite.tls13());
    match (suite, secrets) {
        (Some(suite), ConnectionTrafficSecrets::Aes256Gcm { key, iv }) => Ok((suite.aead_alg, key, iv)),
        _ => Err(io::Error::other("another suite than the only one")),
    }
}

/// Gives `rustls` no byte beyond a record, so that none is left in it when the handshake is over.
struct RecordByRecord<'a, S> {
    stream: &'a mut S,
    /// Bytes of the record that was begun.
    left: usize,
}

impl<S: Read> Read for RecordByRecord<'_, S> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        if self.left == 0 {
            let Some(head) = into.get_mut(..HEAD) else {
                return Err(io::Error::other("no room for the head of a record"));
            };
            self.stream.read_exact(head)?;
            self.left = usize::from(u16::from_be_bytes([head[3], head[4]]));
            return Ok(HEAD);
        }
        let room = into.len().min(self.left);
        let read = self.stream.read(&mut into[..room])?;
        self.left -= read;
        Ok(read)
    }
}

impl<S: Write> Write for RecordByRecord<'_, S> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.stream.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.stream.flush()
    }
}

/// A connection after its handshake. New keys in the middle are an error: clients ask for them after 2^24 records only.
pub struct Encrypted<S> {
    stream: S,
    sealer: Box<dyn MessageEncrypter>,
    /// Records that were written.
    sealed: u64,
    opener: Box<dyn MessageDecrypter>,
    /// Records that were read.
    opened: u64,
    /// The beginning of a record.
    rest: Vec<u8>,
    /// The client has said farewell.
    closed: bool,
}

impl<S> Encrypted<S> {
    /// Opens the records that are whole in `bytes`, moves what was in them to the front, and keeps the rest. How much
    /// there is.
    fn open(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        let (mut at, mut count) = (0, 0);
        while let Some(head) = bytes[at..].first_chunk::<HEAD>() {
            let length = usize::from(u16::from_be_bytes([head[3], head[4]]));
            let (kind, start) = (ContentType::from(head[0]), at + HEAD);
            if HEAD + length > RECORD {
                return Err(io::ErrorKind::InvalidData.into());
            }
            let Some(sealed) = bytes.get_mut(start..start + length) else { break };
            at = start + length;
            let message = InboundOpaqueMessage::new(kind, ProtocolVersion::TLSv1_2, sealed);
            let plain = self.opener.decrypt(message, self.opened).map_err(io::Error::other)?;
            self.opened += 1;
            match plain.typ {
                ContentType::ApplicationData => {
                    let length = plain.payload.len();
                    bytes.copy_within(start..start + length, count);
                    count += length;
                }
                ContentType::Alert => self.closed = true,
                other => return Err(io::Error::other(format!("a record of {other:?} after the handshake"))),
            }
        }
        self.rest.clear();
        self.rest.extend_from_slice(&bytes[at..]);
        Ok(count)
    }
}

impl<S: Read> Read for Encrypted<S> {
    /// `into` must have room for a whole record.
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        if into.len() < RECORD {
            return Err(io::ErrorKind::InvalidInput.into());
        }
        while !self.closed {
            let kept = self.rest.len();
            into[..kept].copy_from_slice(&self.rest);
            let read = self.stream.read(&mut into[kept..])?;
            if read == 0 {
                return Ok(0);
            }
            let count = self.open(&mut into[..kept + read])?;
            if count > 0 {
                return Ok(count);
            }
        }
        Ok(0)
    }
}

impl<S: Write> Write for Encrypted<S> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        for fragment in bytes.chunks(FRAGMENT) {
            let message = OutboundPlainMessage {
                typ: ContentType::ApplicationData,
                version: ProtocolVersion::TLSv1_2,
                payload: OutboundChunks::Single(fragment),
            };
            let sealed = self.sealer.encrypt(message, self.sealed).map_err(io::Error::other)?;
            self.sealed += 1;
            self.stream.write_all(&sealed.encode())?;
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.stream.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustls::pki_types::pem::PemObject;
    use rustls::pki_types::{CertificateDer, ServerName};
    use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};
    use std::net::{TcpListener, TcpStream};

    fn client(certificate: &str, to: TcpStream) -> StreamOwned<ClientConnection, TcpStream> {
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_slice(certificate.as_bytes()).unwrap()).unwrap();
        let config = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        let name = ServerName::try_from("localhost").unwrap();
        StreamOwned::new(ClientConnection::new(Arc::new(config), name).unwrap(), to)
    }

    fn pattern(length: usize) -> Vec<u8> {
        (0..length).map(|at| (at / 7) as u8).collect()
    }

    /// A client that writes `writes` and hears `answer`; what the sink's side reads until the farewell.
    fn carried(writes: &'static [usize], answer: usize) -> Vec<u8> {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let (tls, certificate) = SinkTls::new().unwrap();
        let writer = std::thread::spawn(move || {
            let mut client = client(&certificate, TcpStream::connect(address).unwrap());
            for length in writes {
                client.write_all(&pattern(*length)).unwrap();
            }
            let mut heard = vec![0; answer];
            client.read_exact(&mut heard).unwrap();
            client.conn.send_close_notify();
            client.flush().unwrap();
            heard
        });
        let mut sink = tls.over(listener.accept().unwrap().0).unwrap();
        sink.write_all(&pattern(answer)).unwrap();
        let (mut came, mut buffer) = (Vec::new(), vec![0; 1 << 17]);
        loop {
            match sink.read(&mut buffer).unwrap() {
                0 => break,
                read => came.extend_from_slice(&buffer[..read]),
            }
        }
        assert!(writer.join().unwrap() == pattern(answer));
        came
    }

    #[test]
    fn what_a_client_writes_comes_out_whole_and_in_order_whatever_its_sizes() {
        const SIZES: &[usize] = &[1, 100, 16_384, 16_385, 1, 300_000, 70_000];
        let expected: Vec<u8> = SIZES.iter().flat_map(|length| pattern(*length)).collect();
        assert!(carried(SIZES, 40_000) == expected);
    }

    #[test]
    fn a_record_that_was_changed_on_its_way_is_an_error() {
        let (tls, certificate) = SinkTls::new().unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let writer = std::thread::spawn(move || {
            let mut client = client(&certificate, TcpStream::connect(address).unwrap());
            client.flush().unwrap();
            let mut sealed = Vec::new();
            client.conn.writer().write_all(b"records").unwrap();
            client.conn.write_tls(&mut sealed).unwrap();
            *sealed.last_mut().unwrap() ^= 1;
            client.sock.write_all(&sealed).unwrap();
        });
        let mut sink = tls.over(listener.accept().unwrap().0).unwrap();
        assert!(sink.read(&mut vec![0; RECORD]).is_err());
        writer.join().unwrap();
    }
}
