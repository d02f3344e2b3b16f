//! Where connections come from: a TCP port, and a unix socket if there is one. What becomes of a connection is left to `server`.

use std::future::pending;
use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};

use tokio::net::{TcpListener, TcpSocket, UnixListener, UnixStream};

use super::transport::{PeerAddress, Socket};

/// How many connections may wait to be accepted. The system may allow fewer. Clients whose attempts are dropped try again after a
/// second.
const BACKLOG: u32 = 4096;

/// Why a unix socket cannot be listened on.
#[derive(Debug, thiserror::Error)]
pub enum UnixSocketError {
    /// The path is a file of another kind.
    #[error("it exists and is not a socket")]
    NotASocket,
    /// The path is a socket, and something accepts connections to it.
    #[error("another process listens on it")]
    InUse,
    /// The system refuses.
    #[error(transparent)]
    Io(#[from] io::Error),
}

/// What a server listens on.
#[derive(Debug)]
pub(super) struct Listeners {
    tcp: TcpListener,
    unix: Option<LocalListener>,
}

impl Listeners {
    /// Listens on `address`: `host:port`, where an empty host is every interface and port 0 any free port.
    pub(super) async fn bind(address: &str) -> io::Result<Listeners> {
        let tcp = match address.strip_prefix(':') {
            Some(port) => match listen(&format!("[::]:{port}")).await {
                Err(error) if !matches!(error.kind(), ErrorKind::AddrInUse | ErrorKind::PermissionDenied) => {
                    // The system has no IPv6.
                    listen(&format!("0.0.0.0:{port}")).await?
                }
                bound => bound?,
            },
            None => listen(address).await?,
        };
        Ok(Listeners { tcp, unix: None })
    }

    /// Also listens on a unix socket.
    pub(super) async fn add_unix_socket(&mut self, path: &Path) -> Result<(), UnixSocketError> {
        self.unix = Some(LocalListener::bind(path).await?);
        Ok(())
    }

    /// The address of the TCP port.
    pub(super) fn address(&self) -> io::Result<SocketAddr> {
        self.tcp.local_addr()
    }

    /// Waits for a connection.
    pub(super) async fn accept(&self) -> io::Result<(Socket, PeerAddress)> {
        let accept_local = async {
            match &self.unix {
                Some(unix) => unix.listener.accept().await,
                None => pending().await,
            }
        };
        tokio::select! {
            accepted = self.tcp.accept() => {
                let (stream, address) = accepted?;
                Ok((Socket::Tcp(stream), address.ip().into()))
            }
            accepted = accept_local => {
                let (stream, _) = accepted?;
                // The system always knows; those that it does not know take turns as one.
                let user = stream.peer_cred().map_or(u32::MAX, |peer| peer.uid());
                Ok((Socket::Unix(stream), PeerAddress::Local { user }))
            }
        }
    }
}

/// Listens on the first of the addresses of a host and port that can be listened on.
async fn listen(address: &str) -> io::Result<TcpListener> {
    let mut last = None;
    for address in tokio::net::lookup_host(address).await? {
        let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
        socket.set_reuseaddr(true)?;
        match socket.bind(address).and_then(|()| socket.listen(BACKLOG)) {
            Ok(listener) => return Ok(listener),
            Err(error) => last = Some(error),
        }
    }
    Err(last.unwrap_or_else(|| io::Error::new(ErrorKind::InvalidInput, "the host has no address")))
}

/// A unix socket that is listened on. Dropping it removes its file.
#[derive(Debug)]
struct LocalListener {
    listener: UnixListener,
    path: PathBuf,
    /// Device and number of the file.
    file: (u64, u64),
}

impl LocalListener {
    /// Makes the socket, and the directories above it. A socket that nobody listens on any more is replaced.
    async fn bind(path: &Path) -> Result<LocalListener, UnixSocketError> {
        if let Some(directory) = path.parent() {
            std::fs::create_dir_all(directory)?;
        }
        remove_stale(path).await?;
        let socket = tokio::net::UnixSocket::new_stream()?;
        socket.bind(path)?;
        let listener = socket.listen(BACKLOG)?;
        let file = file_number(path)?;
        Ok(LocalListener { listener, path: path.to_owned(), file })
    }
}

impl Drop for LocalListener {
    fn drop(&mut self) {
        // Another server may have put its own in place.
        if file_number(&self.path).is_ok_and(|file| file == self.file)
            && let Err(error) = std::fs::remove_file(&self.path)
        {
            tracing::warn!(path = %self.path.display(), %error, "the unix socket was not removed");
        }
    }
}

fn file_number(path: &Path) -> io::Result<(u64, u64)> {
    let metadata = std::fs::symlink_metadata(path)?;
    Ok((metadata.dev(), metadata.ino()))
}

/// Removes the socket of a server that was killed.
async fn remove_stale(path: &Path) -> Result<(), UnixSocketError> {
    let kind = match std::fs::symlink_metadata(path) {
        Ok(metadata) => metadata.file_type(),
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error.into()),
    };
    if !kind.is_socket() {
        return Err(UnixSocketError::NotASocket);
    }
    match UnixStream::connect(path).await {
        // A queue of connections that is full has somebody who will accept them.
        Ok(_) => Err(UnixSocketError::InUse),
        Err(error) if error.kind() == ErrorKind::WouldBlock => Err(UnixSocketError::InUse),
        Err(error) if error.kind() == ErrorKind::ConnectionRefused => Ok(std::fs::remove_file(path)?),
        Err(error) => Err(error.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // spec: http.unix.2
    #[tokio::test]
    async fn only_the_socket_of_nobody_is_replaced() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("below/influxdb.sock");
        let first = LocalListener::bind(&path).await.unwrap();
        assert!(matches!(LocalListener::bind(&path).await, Err(UnixSocketError::InUse)));
        let LocalListener { listener, .. } = &first;
        let (accepted, connected) = tokio::join!(listener.accept(), UnixStream::connect(&path));
        assert!(accepted.is_ok() && connected.is_ok());
        drop(first);
        assert!(!path.exists());

        drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
        assert!(path.exists(), "as after a kill");
        let second = LocalListener::bind(&path).await.unwrap();
        // Somebody else takes the place.
        std::fs::remove_file(&path).unwrap();
        std::fs::write(&path, "kept").unwrap();
        drop(second);
        assert_eq!(std::fs::read(&path).unwrap(), b"kept");
        assert!(matches!(LocalListener::bind(&path).await, Err(UnixSocketError::NotASocket)));
        assert_eq!(std::fs::read(&path).unwrap(), b"kept");
    }
}
