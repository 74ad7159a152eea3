//! TLS in front of the sink: a certificate that is made for the run, TLS 1.3, AES-256. What it costs the sink is the sink's.

use rcgen::{CertificateParams, KeyPair};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::PrivateKeyDer;
use rustls::version::TLS13;
use rustls::{CipherSuite, ServerConfig, ServerConnection, StreamOwned};
use std::io;
use std::net::TcpStream;
use std::sync::Arc;

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
        let config = ServerConfig::builder_with_provider(Arc::new(aes_256()))
            .with_protocol_versions(&[&TLS13])
            .and_then(|builder| {
                builder.with_no_client_auth().with_single_cert(vec![certificate.der().clone()], der)
            })
            .map_err(io::Error::other)?;
        Ok((Self(Arc::new(config)), certificate.pem()))
    }

    /// `stream`, encrypted; the handshake is made by the first read.
    ///
    /// # Errors
    /// As of the socket.
    pub fn over(&self, stream: TcpStream) -> io::Result<StreamOwned<ServerConnection, TcpStream>> {
        stream.set_nodelay(true)?;
        let connection = ServerConnection::new(Arc::clone(&self.0)).map_err(io::Error::other)?;
        Ok(StreamOwned::new(connection, stream))
    }
}

/// One suite, so that every client speaks it, whatever it would choose.
fn aes_256() -> CryptoProvider {
    let mut provider = rustls::crypto::ring::default_provider();
    provider.cipher_suites.retain(|suite| suite.suite() == CipherSuite::TLS13_AES_256_GCM_SHA384);
    provider
}
