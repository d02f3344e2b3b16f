//! TLS: certificates read from files, read again on request, and handshakes that are bounded in time. What is sent through the
//! encrypted connection is left to `server`.

use std::io::{self, Cursor};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use rustls::pki_types::pem::{self, PemObject as _};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::Acceptor;
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use rustls::{InconsistentKeys, ServerConfig};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, Chain, Join};
use tokio_rustls::LazyConfigAcceptor;
use tokio_rustls::server::TlsStream;

use super::gate::{Gate, Turn};

/// How long a handshake may take.
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);

/// As many bytes as tell a handshake from a request.
const FIRST_BYTES: usize = 5;

/// What Go answers to a request that is not encrypted.
const NOT_ENCRYPTED: &[u8] = b"HTTP/1.0 400 Bad Request\r\n\r\nClient sent an HTTP request to an HTTPS server.\n";

/// How many bytes of such a request are read, so that the client gets to read the answer.
const DROPPED_BYTES_MAX: u64 = 1 << 20;

/// Why a certificate and its key cannot be used. Displays with the setting and the file.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file cannot be read.
    #[error("[http] {setting}: can't read {}: {error}", path.display())]
    Read {
        /// The key in the configuration.
        setting: &'static str,
        /// The file.
        path: PathBuf,
        /// The reason.
        error: io::Error,
    },
    /// A file does not hold what it should.
    #[error("[http] {setting}: {}: {problem}", path.display())]
    Invalid {
        /// The key in the configuration.
        setting: &'static str,
        /// The file.
        path: PathBuf,
        /// The reason.
        problem: String,
    },
    /// The key is of another certificate.
    #[error(
        "[http] https-private-key: the key in {} does not belong to the certificate in {} (https-certificate)",
        key.display(),
        certificate.display()
    )]
    Mismatch {
        /// The file of the key.
        key: PathBuf,
        /// The file of the certificate.
        certificate: PathBuf,
    },
}

/// The certificate that a server shows, and its key. Clones share what is read again.
#[derive(Debug, Clone)]
pub struct Tls {
    certificate: Arc<Path>,
    key: Arc<Path>,
    config: Arc<ArcSwap<ServerConfig>>,
}

impl Tls {
    /// Reads the certificate (with those that lead to a trusted one, if any) and the key from files in PEM. An empty path of the key
    /// is that of the certificate.
    ///
    /// # Errors
    /// If a file cannot be read or used, or the two do not belong together.
    pub fn load(certificate: &Path, key: &Path) -> Result<Tls, TlsError> {
        let key = if key.as_os_str().is_empty() { certificate } else { key };
        let config = read(certificate, key)?;
        Ok(Tls { certificate: certificate.into(), key: key.into(), config: Arc::new(ArcSwap::from(config)) })
    }

    /// Reads the files again, for connections from now on.
    ///
    /// # Errors
    /// As [`Tls::load`]. What was read before is kept then.
    pub fn reload(&self) -> Result<(), TlsError> {
        self.config.store(read(&self.certificate, &self.key)?);
        Ok(())
    }

    /// Does the handshake with a client. Returns `None` if it sent a request instead, which has been answered.
    ///
    /// The costly part takes turns at `handshakes`, between which others are served: many handshakes at once delay nobody for long.
    pub(super) async fn accept<R, W>(
        &self,
        mut reader: R,
        writer: W,
        handshakes: &Gate,
        turn: Turn,
    ) -> io::Result<Option<TlsStream<Encrypted<R, W>>>>
    where
        R: AsyncRead + Unpin,
        W: AsyncWrite + Unpin,
    {
        let accepting = async {
            let mut first = [0; FIRST_BYTES];
            reader.read_exact(&mut first).await?;
            if looks_like_http(first) {
                refuse(reader, writer).await?;
                return Ok(None);
            }
            let stream = tokio::io::join(Cursor::new(first).chain(reader), writer);
            let begun = LazyConfigAcceptor::new(Acceptor::default(), stream).await?;
            let pass = handshakes.pass(turn).await;
            tokio::task::yield_now().await;
            // The key exchange and the signature are computed here, at once.
            let accepting = begun.into_stream(self.config.load_full());
            drop(pass);
            Ok(Some(accepting.await?))
        };
        tokio::time::timeout(HANDSHAKE_TIMEOUT, accepting).await?
    }
}

/// The bytes of an encrypted connection, the first of which have been read before.
pub(super) type Encrypted<R, W> = Join<Chain<Cursor<[u8; FIRST_BYTES]>, R>, W>;

/// As Go decides it.
fn looks_like_http(first: [u8; FIRST_BYTES]) -> bool {
    matches!(&first, b"GET /" | b"HEAD " | b"POST " | b"PUT /" | b"OPTIO")
}

/// Answers a request that is not encrypted, and reads some of what follows: closing a connection with unread bytes resets it.
async fn refuse(reader: impl AsyncRead + Unpin, mut writer: impl AsyncWrite + Unpin) -> io::Result<()> {
    writer.write_all(NOT_ENCRYPTED).await?;
    writer.shutdown().await?;
    tokio::io::copy(&mut reader.take(DROPPED_BYTES_MAX), &mut tokio::io::sink()).await?;
    Ok(())
}

/// The setting that names the file of the certificate.
const CERTIFICATE: &str = "https-certificate";

/// The setting that names the file of the key.
const KEY: &str = "https-private-key";

fn read(certificate: &Path, key: &Path) -> Result<Arc<ServerConfig>, TlsError> {
    let invalid = |setting, path: &Path, problem: String| TlsError::Invalid { setting, path: path.to_owned(), problem };
    let chain: Vec<_> = {
        let read = CertificateDer::pem_slice_iter(&contents(CERTIFICATE, certificate)?).collect::<Result<_, _>>();
        read.map_err(|error| invalid(CERTIFICATE, certificate, error.to_string()))?
    };
    if chain.is_empty() {
        return Err(invalid(CERTIFICATE, certificate, "it has no certificate in PEM".to_owned()));
    }
    // One file may hold both.
    let key_setting = if key == certificate { CERTIFICATE } else { KEY };
    let pem = contents(key_setting, key)?;
    let private = PrivateKeyDer::from_pem_slice(&pem).map_err(|error| {
        let is_locked = pem.windows(ENCRYPTED_KEY.len()).any(|part| part == ENCRYPTED_KEY);
        let problem = match error {
            pem::Error::NoItemsFound if is_locked => "its key is protected by a password".to_owned(),
            pem::Error::NoItemsFound => "it has no private key in PEM".to_owned(),
            error => error.to_string(),
        };
        invalid(key_setting, key, problem)
    })?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let private = provider
        .key_provider
        .load_private_key(private)
        .map_err(|error| invalid(key_setting, key, format!("its key cannot be used: {error}")))?;
    let pair = CertifiedKey::new(chain, private);
    match pair.keys_match() {
        Ok(()) | Err(rustls::Error::InconsistentKeys(InconsistentKeys::Unknown)) => {}
        Err(rustls::Error::InconsistentKeys(_)) => {
            return Err(TlsError::Mismatch { key: key.to_owned(), certificate: certificate.to_owned() });
        }
        Err(error) => {
            return Err(invalid(CERTIFICATE, certificate, format!("its certificate cannot be used: {error}")));
        }
    }
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| invalid(CERTIFICATE, certificate, error.to_string()))?
        .with_no_client_auth()
        .with_cert_resolver(Arc::new(SingleCertAndKey::from(pair)));
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}

/// What the heads of keys with a password have in common.
const ENCRYPTED_KEY: &[u8] = b"ENCRYPTED";

fn contents(setting: &'static str, path: &Path) -> Result<Vec<u8>, TlsError> {
    std::fs::read(path).map_err(|error| TlsError::Read { setting, path: path.to_owned(), error })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A certificate and its key, as PEM.
    fn pair() -> (String, String) {
        let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
        (made.cert.pem(), made.signing_key.serialize_pem())
    }

    /// The error of loading a certificate and a key with these contents, with the directory cut out.
    fn error_of(certificate: &str, key: Option<&str>) -> Option<String> {
        let directory = tempfile::tempdir().unwrap();
        let [certificate_path, key_path] = ["c.pem", "k.pem"].map(|name| directory.path().join(name));
        std::fs::write(&certificate_path, certificate).unwrap();
        let key_path = if let Some(key) = key {
            std::fs::write(&key_path, key).unwrap();
            key_path
        } else {
            PathBuf::new()
        };
        let error = Tls::load(&certificate_path, &key_path).err()?.to_string();
        Some(error.replace(&format!("{}/", directory.path().display()), ""))
    }

    // spec: http.tls.2
    #[test]
    fn one_file_may_hold_both() {
        let (certificate, key) = pair();
        assert_eq!(error_of(&certificate, Some(&key)), None);
        assert_eq!(error_of(&format!("{certificate}{key}"), None), None);
        assert_eq!(error_of(&format!("text\n{key}\n{certificate}"), None), None);
    }

    // spec: http.tls.3
    #[test]
    fn what_cannot_be_used_is_named() {
        let ((certificate, key), (other, _)) = (pair(), pair());
        let locked = "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n";
        let broken = "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n";
        for (certificate, key, expected) in [
            ("", None, "[http] https-certificate: c.pem: it has no certificate in PEM"),
            (&*certificate, None, "[http] https-certificate: c.pem: it has no private key in PEM"),
            (&*certificate, Some(""), "[http] https-private-key: k.pem: it has no private key in PEM"),
            (&*certificate, Some(locked), "[http] https-private-key: k.pem: its key is protected by a password"),
            (&*certificate, Some(broken), "[http] https-private-key: k.pem: its key cannot be used"),
            (
                &*other,
                Some(&*key),
                "[http] https-private-key: the key in k.pem does not belong to the certificate in c.pem (https-certificate)",
            ),
        ] {
            let error = error_of(certificate, key).unwrap();
            assert!(error.starts_with(expected), "{error}");
        }
        let missing = Tls::load(Path::new("/nowhere/c.pem"), Path::new("")).unwrap_err().to_string();
        assert!(missing.starts_with("[http] https-certificate: can't read /nowhere/c.pem: No such file"), "{missing}");
    }

    // spec: http.tls.7
    #[tokio::test(start_paused = true)]
    async fn a_handshake_ends_after_a_while() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("both.pem");
        let (certificate, key) = pair();
        std::fs::write(&path, certificate + &key).unwrap();
        let tls = Tls::load(&path, Path::new("")).unwrap();
        let turn = Turn::of(std::net::IpAddr::from([127, 0, 0, 1]), 0);
        for sent in [&b""[..], b"\x16\x03", b"\x16\x03\x01\x02\x00\x01"] {
            let (near, mut far) = tokio::io::duplex(100);
            far.write_all(sent).await.unwrap();
            let (reader, writer) = tokio::io::split(near);
            let began = tokio::time::Instant::now();
            let error = tls.accept(reader, writer, &Gate::new(1), turn).await.err().unwrap();
            assert_eq!(
                (error.kind(), began.elapsed().as_secs()),
                (io::ErrorKind::TimedOut, HANDSHAKE_TIMEOUT.as_secs())
            );
        }
    }

    // spec: http.tls.6
    #[tokio::test]
    async fn a_handshake_waits_for_its_turn_and_takes_it_only_to_compute() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("both.pem");
        let (certificate, key) = pair();
        std::fs::write(&path, certificate + &key).unwrap();
        let tls = Tls::load(&path, Path::new("")).unwrap();
        let (gate, turn) = (Gate::new(1), Turn::of(std::net::IpAddr::from([127, 0, 0, 1]), 0));
        let (near, mut far) = tokio::io::duplex(1 << 16);
        far.write_all(&client_hello()).await.unwrap();
        let (reader, writer) = tokio::io::split(near);
        let held = gate.pass(turn).await;
        let mut accepting = std::pin::pin!(tls.accept(reader, writer, &gate, turn));
        let mut answer = [0; 1];
        let waits = async {
            tokio::select! {
                _ = accepting.as_mut() => false,
                _ = far.read_exact(&mut answer) => false,
                () = tokio::time::sleep(Duration::from_millis(50)) => true,
            }
        };
        assert!(waits.await);
        drop(held);
        // The client never sends the rest, and holds nobody up.
        tokio::select! {
            _ = accepting.as_mut() => panic!("the handshake is not complete"),
            read = far.read_exact(&mut answer) => assert_eq!((read.unwrap(), answer), (1, [0x16])),
        }
        assert!(gate.try_pass(turn).is_some());
    }

    fn client_hello() -> Vec<u8> {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config =
            rustls::ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
        let config = config.with_root_certificates(rustls::RootCertStore::empty()).with_no_client_auth();
        let mut client = rustls::ClientConnection::new(Arc::new(config), "localhost".try_into().unwrap()).unwrap();
        let mut hello = Vec::new();
        client.write_tls(&mut hello).unwrap();
        hello
    }
}
