//! The transports that attacks can use, and connections over each of them.

use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpSocket, TcpStream, UnixStream};
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::{ClientConfig, RootCertStore, crypto, pki_types::CertificateDer};

/// The longest time to connect: the kernel retries a full queue of connections for longer.
const CONNECT_MAX: Duration = Duration::from_secs(5);

/// How small a receive buffer is that makes the server notice at once that nothing is read.
const NARROW_BYTES: u32 = 4 << 10;

/// How clients reach the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum Transport {
    /// TCP without encryption.
    Tcp,
    /// TLS over TCP.
    Tls,
    /// A unix socket.
    Unix,
}

impl Transport {
    /// Its name, as in the command line.
    pub(super) fn name(self) -> &'static str {
        match self {
            Transport::Tcp => "tcp",
            Transport::Tls => "tls",
            Transport::Unix => "unix",
        }
    }
}

/// A connection.
pub(super) type Stream = Box<dyn Duplex>;

/// Both directions of a connection.
pub(super) trait Duplex: AsyncRead + AsyncWrite + Send + Unpin {}

impl<S: AsyncRead + AsyncWrite + Send + Unpin> Duplex for S {}

/// Where a server is, and how to speak to it.
#[derive(Clone)]
pub(super) enum Endpoint {
    Tcp(SocketAddr),
    Tls(SocketAddr, TlsConnector),
    Unix(PathBuf),
}

impl std::fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Endpoint::Tcp(address) => write!(f, "http://{address}"),
            Endpoint::Tls(address, _) => write!(f, "https://{address}"),
            Endpoint::Unix(path) => write!(f, "{}", path.display()),
        }
    }
}

impl Endpoint {
    /// Connects, with a handshake where there is one.
    pub(super) async fn connect(&self) -> io::Result<Stream> {
        let connect = async {
            Ok(match self {
                Endpoint::Tcp(address) => boxed(without_delay(TcpStream::connect(address).await?)?),
                Endpoint::Tls(address, connector) => {
                    encrypted(connector, without_delay(TcpStream::connect(address).await?)?).await?
                }
                Endpoint::Unix(path) => boxed(UnixStream::connect(path).await?),
            })
        };
        tokio::time::timeout(CONNECT_MAX, connect).await?
    }

    /// Connects with a receive buffer that is as small as the kernel allows, so that the server notices at once that nothing is read. The
    /// buffers of unix sockets belong to those who send.
    pub(super) async fn connect_narrow(&self) -> io::Result<Stream> {
        let narrow = async |address: &SocketAddr| {
            let socket = TcpSocket::new_v4()?;
            socket.set_recv_buffer_size(NARROW_BYTES)?;
            socket.connect(*address).await
        };
        let connect = async {
            match self {
                Endpoint::Tcp(address) => Ok(boxed(narrow(address).await?)),
                Endpoint::Tls(address, connector) => encrypted(connector, narrow(address).await?).await,
                Endpoint::Unix(path) => Ok(boxed(UnixStream::connect(path).await?)),
            }
        };
        tokio::time::timeout(CONNECT_MAX, connect).await?
    }

    /// Connects without a handshake.
    pub(super) async fn connect_raw(&self) -> io::Result<Stream> {
        let connect = async {
            Ok(match self {
                Endpoint::Tcp(address) | Endpoint::Tls(address, _) => boxed(TcpStream::connect(address).await?),
                Endpoint::Unix(path) => boxed(UnixStream::connect(path).await?),
            })
        };
        tokio::time::timeout(CONNECT_MAX, connect).await?
    }
}

fn boxed(stream: impl Duplex + 'static) -> Stream {
    Box::new(stream)
}

fn without_delay(stream: TcpStream) -> io::Result<TcpStream> {
    stream.set_nodelay(true)?;
    Ok(stream)
}

async fn encrypted(connector: &TlsConnector, stream: TcpStream) -> io::Result<Stream> {
    let name = "localhost".try_into().map_err(io::Error::other)?;
    Ok(boxed(connector.connect(name, stream).await?))
}

/// Makes a certificate and its key, writes both to a file, and returns what trusts the certificate.
pub(super) fn certificate(file: &Path) -> anyhow::Result<TlsConnector> {
    let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()])?;
    std::fs::write(file, made.cert.pem() + &made.signing_key.serialize_pem())?;
    connector(made.cert.der().clone())
}

fn connector(trusted: CertificateDer<'static>) -> anyhow::Result<TlsConnector> {
    let mut roots = RootCertStore::empty();
    roots.add(trusted)?;
    let provider = Arc::new(crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions()?;
    Ok(TlsConnector::from(Arc::new(config.with_root_certificates(roots).with_no_client_auth())))
}
