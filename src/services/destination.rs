//! A destination of a subscription, to which points are sent over HTTP or UDP.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use fluxstone_engine::DeliveredPoints;
use tokio::net::UdpSocket;

/// The longest datagram, unless one point alone is longer.
const DATAGRAM_BYTES: usize = 512;

/// Where the points of one database and policy are sent.
#[derive(Debug)]
pub(super) struct Destination {
    url: String,
    kind: Kind,
}

#[derive(Debug)]
enum Kind {
    Http {
        client: reqwest::Client,
        /// With the parameters of the write.
        url: reqwest::Url,
    },
    Udp {
        /// `host:port`
        address: String,
        time_limit: Duration,
    },
    /// It can never be reached, for this reason.
    Unusable(String),
}

/// Why points did not arrive. Displays for the log.
#[derive(Debug, thiserror::Error)]
pub(super) enum SendError {
    #[error("{0}")]
    Http(#[from] reqwest::Error),
    #[error("it answered {0}")]
    Status(reqwest::StatusCode),
    #[error("{0}")]
    Udp(#[from] std::io::Error),
    #[error("it did not answer in time")]
    TooSlow,
    #[error("{0}")]
    Unusable(String),
}

impl Destination {
    /// Reads the URL of a destination. `client` is for those over HTTP, or why there is none.
    pub(super) fn new(
        url: &str,
        database: &str,
        policy: &str,
        client: &Result<reqwest::Client, String>,
        time_limit: Duration,
    ) -> Self {
        let kind = match reqwest::Url::parse(url) {
            Ok(parsed) if matches!(parsed.scheme(), "http" | "https") => match client {
                Ok(client) => Kind::Http { client: client.clone(), url: write_url(parsed, database, policy) },
                Err(error) => Kind::Unusable(error.clone()),
            },
            Ok(parsed) => match (parsed.host_str(), parsed.port()) {
                (Some(host), Some(port)) => {
                    let time_limit = if time_limit.is_zero() { Duration::MAX } else { time_limit };
                    Kind::Udp { address: format!("{host}:{port}"), time_limit }
                }
                _ => Kind::Unusable("it has no host or no port".to_owned()),
            },
            Err(error) => Kind::Unusable(error.to_string()),
        };
        Destination { url: url.to_owned(), kind }
    }

    /// The URL as the subscription has it.
    pub(super) fn url(&self) -> &str {
        &self.url
    }

    /// Whether it can be reached, as far as its URL tells.
    pub(super) fn is_usable(&self) -> bool {
        !matches!(self.kind, Kind::Unusable(_))
    }

    /// Sends points, and waits for the answer if there is one.
    pub(super) async fn send(&self, points: &DeliveredPoints) -> Result<(), SendError> {
        match &self.kind {
            Kind::Http { client, url } => {
                // Queues share the points: they are not copied.
                let body = Bytes::from_owner(Arc::clone(&points.lines));
                let status = client.post(url.clone()).body(body).send().await?.status();
                if status.is_success() { Ok(()) } else { Err(SendError::Status(status)) }
            }
            Kind::Udp { address, time_limit } => {
                let sending = send_datagrams(address, points);
                tokio::time::timeout(*time_limit, sending).await.map_err(|_| SendError::TooSlow)??;
                Ok(())
            }
            Kind::Unusable(reason) => Err(SendError::Unusable(reason.clone())),
        }
    }
}

/// The URL of a write to a server. A user and a password in it become credentials.
fn write_url(mut url: reqwest::Url, database: &str, policy: &str) -> reqwest::Url {
    let path = format!("{}/write", url.path().trim_end_matches('/'));
    url.set_path(&path);
    url.query_pairs_mut()
        .clear()
        .append_pair("consistency", "")
        .append_pair("db", database)
        .append_pair("precision", "ns")
        .append_pair("rp", policy);
    url
}

async fn send_datagrams(address: &str, points: &DeliveredPoints) -> std::io::Result<()> {
    let addresses = tokio::net::lookup_host(address).await?;
    let mut last = std::io::Error::other("its name has no address");
    for address in addresses {
        let local = if address.is_ipv4() { "0.0.0.0:0" } else { "[::]:0" };
        let socket = UdpSocket::bind(local).await?;
        match socket.connect(address).await {
            Ok(()) => {
                for datagram in datagrams(points) {
                    socket.send(datagram).await?;
                }
                return Ok(());
            }
            Err(error) => last = error,
        }
    }
    Err(last)
}

/// Cuts points into datagrams, each of whole points.
pub(super) fn datagrams(points: &DeliveredPoints) -> Vec<&[u8]> {
    let mut datagrams = Vec::new();
    let (mut start, mut end) = (0, 0);
    for &point_end in points.ends.iter() {
        if point_end - start > DATAGRAM_BYTES && end > start {
            datagrams.push(&points.lines[start..end]);
            start = end;
        }
        end = point_end;
    }
    if end > start {
        datagrams.push(&points.lines[start..end]);
    }
    datagrams
}
