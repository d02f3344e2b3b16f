//! What connections are made of: TCP and unix sockets behind one type, and the addresses of those at their other ends.

use std::fmt;
use std::io;
use std::net::IpAddr;
use std::os::unix;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, Interest, ReadBuf, Ready};
use tokio::net::{TcpStream, UnixStream};

/// Where a client is. It displays as InfluxDB logs it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum PeerAddress {
    /// On the network.
    Ip(IpAddr),
    /// On this machine, at a unix socket.
    Local {
        /// The number of its user.
        user: u32,
    },
}

impl From<IpAddr> for PeerAddress {
    fn from(address: IpAddr) -> PeerAddress {
        PeerAddress::Ip(address)
    }
}

impl fmt::Display for PeerAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            PeerAddress::Ip(address) => write!(f, "{address}"),
            // As Go writes the address of a socket without a name.
            PeerAddress::Local { .. } => f.write_str("@"),
        }
    }
}

/// A connection that has been accepted.
#[derive(Debug)]
pub(super) enum Socket {
    Tcp(TcpStream),
    Unix(UnixStream),
}

/// A [`Socket`] that belongs to no thread's runtime.
#[derive(Debug)]
pub(super) enum DetachedSocket {
    Tcp(std::net::TcpStream),
    Unix(unix::net::UnixStream),
}

impl Socket {
    /// Takes it from the runtime of this thread.
    pub(super) fn detach(self) -> io::Result<DetachedSocket> {
        Ok(match self {
            Socket::Tcp(stream) => DetachedSocket::Tcp(stream.into_std()?),
            Socket::Unix(stream) => DetachedSocket::Unix(stream.into_std()?),
        })
    }

    /// The two directions.
    pub(super) fn into_split(self) -> (ReadHalf, WriteHalf) {
        match self {
            Socket::Tcp(stream) => {
                // Answers are written in one go; waiting for more would only delay them.
                let _ = stream.set_nodelay(true);
                let (reader, writer) = stream.into_split();
                (ReadHalf::Tcp(reader), WriteHalf::Tcp(writer))
            }
            Socket::Unix(stream) => {
                let (reader, writer) = stream.into_split();
                (ReadHalf::Unix(reader), WriteHalf::Unix(writer))
            }
        }
    }
}

impl DetachedSocket {
    /// Gives it to the runtime of this thread.
    pub(super) fn attach(self) -> io::Result<Socket> {
        Ok(match self {
            DetachedSocket::Tcp(stream) => Socket::Tcp(TcpStream::from_std(stream)?),
            DetachedSocket::Unix(stream) => Socket::Unix(UnixStream::from_std(stream)?),
        })
    }
}

/// The direction of a [`Socket`] that is read.
#[derive(Debug)]
pub(super) enum ReadHalf {
    Tcp(tokio::net::tcp::OwnedReadHalf),
    Unix(tokio::net::unix::OwnedReadHalf),
}

impl ReadHalf {
    /// Waits until the socket is ready in one of the ways of `interest`.
    pub(super) async fn ready(&self, interest: Interest) -> io::Result<Ready> {
        match self {
            ReadHalf::Tcp(half) => half.ready(interest).await,
            ReadHalf::Unix(half) => half.ready(interest).await,
        }
    }
}

impl AsyncRead for ReadHalf {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            ReadHalf::Tcp(half) => Pin::new(half).poll_read(cx, buffer),
            ReadHalf::Unix(half) => Pin::new(half).poll_read(cx, buffer),
        }
    }
}

/// The direction of a [`Socket`] that is written.
#[derive(Debug)]
pub(super) enum WriteHalf {
    Tcp(tokio::net::tcp::OwnedWriteHalf),
    Unix(tokio::net::unix::OwnedWriteHalf),
}

impl AsyncWrite for WriteHalf {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            WriteHalf::Tcp(half) => Pin::new(half).poll_write(cx, bytes),
            WriteHalf::Unix(half) => Pin::new(half).poll_write(cx, bytes),
        }
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            WriteHalf::Tcp(half) => Pin::new(half).poll_write_vectored(cx, slices),
            WriteHalf::Unix(half) => Pin::new(half).poll_write_vectored(cx, slices),
        }
    }

    fn is_write_vectored(&self) -> bool {
        match self {
            WriteHalf::Tcp(half) => half.is_write_vectored(),
            WriteHalf::Unix(half) => half.is_write_vectored(),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            WriteHalf::Tcp(half) => Pin::new(half).poll_flush(cx),
            WriteHalf::Unix(half) => Pin::new(half).poll_flush(cx),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            WriteHalf::Tcp(half) => Pin::new(half).poll_shutdown(cx),
            WriteHalf::Unix(half) => Pin::new(half).poll_shutdown(cx),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // spec: http.unix.5
    #[test]
    fn a_local_client_is_shown_as_in_go() {
        assert_eq!(PeerAddress::Local { user: 7 }.to_string(), "@");
        assert_eq!(PeerAddress::from(IpAddr::from([127, 0, 0, 1])).to_string(), "127.0.0.1");
    }
}
