//! What depends on the client's end of a connection, over TLS and over unix sockets.

use std::io::{Read, Write};
use std::net::Shutdown;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};

use super::*;

/// A connection that can be half-closed.
trait Client: Read + Write {
    /// Stops sending.
    fn end(&mut self);
}

impl Client for UnixStream {
    fn end(&mut self) {
        self.shutdown(Shutdown::Write).unwrap();
    }
}

impl Client for StreamOwned<ClientConnection, TcpStream> {
    fn end(&mut self) {
        self.conn.send_close_notify();
        self.flush().unwrap();
        self.sock.shutdown(Shutdown::Write).unwrap();
    }
}

/// Carries out a check over each transport.
fn over_each(options: &HttpOptions, check: impl Fn(&TestServer, &dyn Fn() -> Box<dyn Client>)) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("test.sock");
    let server = TestServer::on(options.clone(), None, Some(path.clone()));
    check(&server, &|| {
        let stream = UnixStream::connect(&path).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        Box::new(stream)
    });
    drop(server);

    let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    let pem = directory.path().join("both.pem");
    std::fs::write(&pem, made.cert.pem() + &made.signing_key.serialize_pem()).unwrap();
    let server = TestServer::on(options.clone(), Some(Tls::load(&pem, Path::new("")).unwrap()), None);
    let mut trusted = RootCertStore::empty();
    trusted.add(made.cert.der().clone()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let config = Arc::new(config.with_root_certificates(trusted).with_no_client_auth());
    check(&server, &|| {
        let connection = ClientConnection::new(Arc::clone(&config), "localhost".try_into().unwrap()).unwrap();
        Box::new(StreamOwned::new(connection, server.connect()))
    });
}

// spec: http.tls.1, http.unix.4, http.cancel.1
#[test]
fn a_query_ends_when_its_client_goes_away() {
    over_each(&options(), |server, connect| {
        let mut stream = connect();
        stream.write_all(b"GET /query?q=wait HTTP/1.1\r\nHost: t\r\n\r\n").unwrap();
        let mut first = [0; 15];
        stream.read_exact(&mut first).unwrap();
        assert_eq!(&first, b"HTTP/1.1 200 OK");
        drop(stream);
        assert_eq!(server.engine.wait_for_end(), "cancelled");
    });
}

// spec: http.half-close.2
#[test]
fn a_query_ends_after_its_client_has_stopped_sending() {
    over_each(&options(), |server, connect| {
        let mut stream = connect();
        stream.write_all(b"GET /query?q=wait HTTP/1.1\r\nHost: t\r\n\r\n").unwrap();
        stream.end();
        assert_eq!(server.engine.wait_for_end(), "cancelled");
    });
}

// spec: http.limits.7, http.tls.6
#[test]
fn connections_beyond_the_limit_are_dropped() {
    over_each(&HttpOptions { connections_max: Some(1), ..options() }, |_, connect| {
        let mut stream = connect();
        stream.write_all(b"GET /ping HTTP/1.1\r\nHost: t\r\n\r\n").unwrap();
        let mut first = [0; 12];
        stream.read_exact(&mut first).unwrap();
        assert_eq!(&first, b"HTTP/1.1 204");
        let mut refused = connect();
        let _ = refused.write_all(b"GET /ping HTTP/1.1\r\nHost: t\r\nConnection: close\r\n\r\n");
        assert_eq!(refused.read(&mut [0]).unwrap_or(0), 0);
    });
}
