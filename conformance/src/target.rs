//! The server that requests go to: its address, how to connect to it, and whom to trust.
//!
//! A target is a URL, `http://host:port/path` or `https://...`, or a unix socket, `unix:/path`. A path in the URL stands in front of the path
//! of every request, for servers behind a proxy.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use hyper::Uri;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{WebPkiServerVerifier, verify_server_name};
use rustls::crypto::WebPkiSupportedAlgorithms;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};

/// The server that requests go to.
#[derive(Debug, Clone)]
pub struct Target {
    authority: String,
    /// A prefix of each request's path: empty or `/something`.
    prefix: String,
    address: Address,
    tls: Option<Tls>,
}

/// What a connection is made to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Address {
    /// A host and port.
    Tcp(String),
    /// The path of a socket.
    Unix(PathBuf),
}

/// How a connection is encrypted.
#[derive(Debug, Clone)]
pub(crate) struct Tls {
    /// The name that the certificate must have.
    pub(crate) name: ServerName<'static>,
    /// Whom to trust.
    pub(crate) config: Arc<ClientConfig>,
    trust: Trust,
}

/// The certificates that a target may show.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Trust {
    /// Those that the system's authorities have signed.
    #[default]
    System,
    /// Those in a PEM file, and those that they have signed.
    File(PathBuf),
    /// Any certificate.
    Any,
}

/// Why there is no such target.
#[derive(Debug, thiserror::Error)]
pub enum TargetError {
    /// The text is not a URL or socket.
    #[error("`{0}` is not a target: give a URL such as http://127.0.0.1:8086, or a socket as unix:/path")]
    Malformed(String),
    /// The file with certificates cannot be read.
    #[error("{0}: {1}")]
    Certificates(PathBuf, String),
    /// The target has no certificate.
    #[error("`{0}` is not encrypted, so there is no certificate to trust")]
    NotEncrypted(String),
    /// TLS cannot be set up.
    #[error("TLS: {0}")]
    Tls(#[from] rustls::Error),
}

impl Target {
    /// Connects to a socket instead of the host and port.
    #[must_use]
    pub fn through(self, socket: &Path) -> Target {
        Target { address: Address::Unix(socket.to_owned()), ..self }
    }

    /// Trusts other certificates than those that the system trusts.
    pub fn trusting(self, trust: Trust) -> Result<Target, TargetError> {
        match &self.tls {
            Some(tls) => {
                let tls = Tls { name: tls.name.clone(), config: Arc::new(client_config(&trust)?), trust };
                Ok(Target { tls: Some(tls), ..self })
            }
            None => Err(TargetError::NotEncrypted(self.to_string())),
        }
    }

    /// The value of `Host`.
    pub(crate) fn authority(&self) -> &str {
        &self.authority
    }

    /// The prefix of each request's path.
    pub(crate) fn prefix(&self) -> &str {
        &self.prefix
    }

    /// What a connection is made to.
    pub(crate) fn address(&self) -> &Address {
        &self.address
    }

    /// How a connection is encrypted, if it is.
    pub(crate) fn tls(&self) -> Option<&Tls> {
        self.tls.as_ref()
    }

    /// The URL that requests are sent to, whatever the connection is made to.
    pub(crate) fn url(&self) -> String {
        let scheme = if self.tls.is_some() { "https" } else { "http" };
        format!("{scheme}://{}{}", self.authority, self.prefix)
    }

    /// The options with which `curl` connects in the same way, and their values.
    pub(crate) fn curl_options(&self) -> Vec<String> {
        let mut options = Vec::new();
        if let Address::Unix(socket) = &self.address {
            options.extend(["--unix-socket".to_owned(), socket.display().to_string()]);
        }
        match self.tls.as_ref().map(|tls| &tls.trust) {
            Some(Trust::Any) => options.push("--insecure".to_owned()),
            Some(Trust::File(file)) => options.extend(["--cacert".to_owned(), file.display().to_string()]),
            Some(Trust::System) | None => {}
        }
        options
    }
}

impl PartialEq for Target {
    fn eq(&self, other: &Target) -> bool {
        (self.url(), &self.address, self.curl_options()) == (other.url(), &other.address, other.curl_options())
    }
}

impl Eq for Target {}

impl std::str::FromStr for Target {
    type Err = TargetError;

    fn from_str(text: &str) -> Result<Target, TargetError> {
        let malformed = || TargetError::Malformed(text.to_owned());
        if let Some(socket) = text.strip_prefix("unix:") {
            let socket = socket.strip_prefix("//").unwrap_or(socket);
            if !socket.starts_with('/') {
                return Err(malformed());
            }
            return Ok("http://localhost".parse::<Target>()?.through(Path::new(socket)));
        }
        let uri: Uri = text.parse().map_err(|_| malformed())?;
        let authority = uri.authority().ok_or_else(malformed)?;
        let host = authority.host();
        let tls = match uri.scheme_str() {
            Some("http") => None,
            Some("https") => {
                let name = host.trim_start_matches('[').trim_end_matches(']').to_owned();
                let name = ServerName::try_from(name).map_err(|_| malformed())?;
                Some(Tls { name, config: Arc::new(client_config(&Trust::System)?), trust: Trust::System })
            }
            _ => return Err(malformed()),
        };
        if uri.query().is_some() || authority.as_str().contains('@') {
            return Err(malformed());
        }
        let port = authority.port_u16().unwrap_or(if tls.is_some() { 443 } else { 80 });
        Ok(Target {
            authority: authority.as_str().to_owned(),
            prefix: uri.path().trim_end_matches('/').to_owned(),
            address: Address::Tcp(format!("{host}:{port}")),
            tls,
        })
    }
}

impl std::fmt::Display for Target {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.address {
            Address::Unix(socket) if self.prefix.is_empty() && self.tls.is_none() => {
                write!(f, "unix:{}", socket.display())
            }
            Address::Unix(socket) => write!(f, "{} through {}", self.url(), socket.display()),
            Address::Tcp(_) => f.write_str(&self.url()),
        }
    }
}

impl std::fmt::Display for Address {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Address::Tcp(address) => f.write_str(address),
            Address::Unix(socket) => write!(f, "{}", socket.display()),
        }
    }
}

fn client_config(trust: &Trust) -> Result<ClientConfig, TargetError> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let algorithms = provider.signature_verification_algorithms;
    let config = ClientConfig::builder_with_provider(provider.clone()).with_safe_default_protocol_versions()?;
    let mut roots = RootCertStore::empty();
    let trusted = match trust {
        Trust::System => {
            roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
            return Ok(with_protocol(config.with_root_certificates(roots).with_no_client_auth()));
        }
        Trust::File(path) => {
            let failed = |error: &dyn std::fmt::Display| TargetError::Certificates(path.clone(), error.to_string());
            let listed: Result<Vec<_>, _> = CertificateDer::pem_file_iter(path).and_then(Iterator::collect);
            let listed = listed.map_err(|error| failed(&error))?;
            for certificate in &listed {
                roots.add(certificate.clone()).map_err(|error| failed(&error))?;
            }
            let signed = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider).build();
            Trusted::Listed { listed, signed: signed.map_err(|_| failed(&"there is no certificate in it"))? }
        }
        Trust::Any => Trusted::Any,
    };
    let verifier = Arc::new(Verifier { algorithms, trusted });
    Ok(with_protocol(config.dangerous().with_custom_certificate_verifier(verifier).with_no_client_auth()))
}

fn with_protocol(mut config: ClientConfig) -> ClientConfig {
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    config
}

/// Decides which certificates are trusted. The signatures of the handshake must be right with any of them.
#[derive(Debug)]
struct Verifier {
    algorithms: WebPkiSupportedAlgorithms,
    trusted: Trusted,
}

#[derive(Debug)]
enum Trusted {
    Any,
    /// The certificates of a file and what they have signed. A self-signed certificate is often that of an authority, which could not be a
    /// server's by the rules for signed ones: it is trusted if it is listed itself.
    Listed {
        listed: Vec<CertificateDer<'static>>,
        signed: Arc<WebPkiServerVerifier>,
    },
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        certificate: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        match &self.trusted {
            Trusted::Any => Ok(ServerCertVerified::assertion()),
            Trusted::Listed { listed, .. } if listed.iter().any(|listed| listed == certificate) => {
                verify_server_name(&ParsedCertificate::try_from(certificate)?, name)?;
                Ok(ServerCertVerified::assertion())
            }
            Trusted::Listed { signed, .. } => {
                signed.verify_server_cert(certificate, intermediates, name, ocsp_response, now)
            }
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        rustls::crypto::verify_tls12_signature(message, certificate, signed, &self.algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        rustls::crypto::verify_tls13_signature(message, certificate, signed, &self.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target(text: &str) -> Target {
        text.parse().unwrap()
    }

    #[test]
    fn a_target_is_a_url_or_a_socket() {
        for (text, address, url) in [
            ("http://localhost/v1/", "localhost:80", "http://localhost/v1"),
            ("http://127.0.0.1:8086", "127.0.0.1:8086", "http://127.0.0.1:8086"),
            ("https://a.example/", "a.example:443", "https://a.example"),
            ("https://[::1]:8086/a/b", "[::1]:8086", "https://[::1]:8086/a/b"),
            ("unix:/run/a.sock", "/run/a.sock", "http://localhost"),
            ("unix:///run/a.sock", "/run/a.sock", "http://localhost"),
        ] {
            assert_eq!((target(text).address.to_string().as_str(), target(text).url().as_str()), (address, url));
        }
        let bad = ["localhost:8086", "ftp://localhost", "http://u:p@localhost", "http://localhost?x=1", "/x", "unix:x"];
        for bad in bad {
            assert!(bad.parse::<Target>().is_err(), "{bad}");
        }
    }

    #[test]
    fn a_target_is_named_by_what_is_connected_to() {
        assert_eq!(target("unix:/run/a.sock").to_string(), "unix:/run/a.sock");
        let socket = target("https://a.example/x").through(Path::new("/run/a.sock"));
        assert_eq!(socket.to_string(), "https://a.example/x through /run/a.sock");
        assert_eq!(socket.curl_options(), ["--unix-socket", "/run/a.sock"]);
        assert_eq!(socket.trusting(Trust::Any).unwrap().curl_options().last().unwrap(), "--insecure");
    }

    #[test]
    fn only_an_encrypted_target_has_a_certificate_to_trust() {
        assert!(matches!(target("http://localhost").trusting(Trust::Any), Err(TargetError::NotEncrypted(_))));
        let absent = Trust::File(PathBuf::from("/does/not/exist"));
        assert!(matches!(target("https://localhost").trusting(absent), Err(TargetError::Certificates(..))));
        let empty = tempfile::NamedTempFile::new().unwrap();
        let empty = target("https://localhost").trusting(Trust::File(empty.path().to_owned()));
        assert!(empty.unwrap_err().to_string().ends_with("there is no certificate in it"));
    }
}
