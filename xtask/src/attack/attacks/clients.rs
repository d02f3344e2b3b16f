//! Attacks by clients that do not read, send slowly, say nothing, close half of their connection, or do not speak HTTP.

use std::time::Duration;

use bytes::Bytes;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::task::JoinSet;

use crate::attack::arena::{Arena, repeated};
use crate::attack::scenario::Attack;
use crate::attack::wire::Request;

/// How long clients stay that neither read nor send.
const STAY: Duration = Duration::from_secs(10);

/// How long a half-closed client waits for its answer.
const HALF_CLOSED_MAX: Duration = Duration::from_secs(10);

/// The attacks of this file.
pub(super) const ATTACKS: &[Attack] = &[
    Attack {
        name: "slow-readers",
        about: "500 clients that ask for 200,000 rows and never read",
        run: |arena| Box::pin(slow_readers(arena)),
        ..Attack::PLAIN
    },
    Attack {
        name: "pipelining",
        about: "20 clients that send 5,000 requests each and never read",
        run: |arena| Box::pin(pipelining(arena)),
        ..Attack::PLAIN
    },
    Attack {
        name: "trickled-bodies",
        about: "32 bodies of 64 MiB that arrive at a byte per second",
        run: |arena| Box::pin(trickled_bodies(arena)),
        ..Attack::PLAIN
    },
    Attack {
        name: "slow-heads",
        about: "1,000 clients whose heads arrive at a byte per second",
        run: |arena| Box::pin(slow_heads(arena)),
        ..Attack::PLAIN
    },
    Attack {
        name: "silent-connections",
        about: "1,000 silent connections, under a limit of 256 open files",
        files: Some(256),
        run: |arena| Box::pin(silent_connections(arena)),
        ..Attack::PLAIN
    },
    Attack {
        name: "half-closed",
        about: "50 writes and 50 queries of clients that have closed their side",
        run: |arena| Box::pin(half_closed(arena)),
        ..Attack::PLAIN
    },
    Attack {
        name: "malformed",
        about: "requests that are not HTTP, or almost",
        run: |arena| Box::pin(malformed(arena)),
        ..Attack::PLAIN
    },
];

/// Holds `clients` connections for [`STAY`] that have sent `bytes` and do not read.
async fn hold(arena: &Arena, clients: usize, bytes: Vec<u8>) {
    let bytes = Bytes::from(bytes);
    let mut held = JoinSet::new();
    for _ in 0..clients {
        let (address, bytes) = (arena.address.clone(), bytes.clone());
        held.spawn(async move {
            let stay = async {
                let mut stream = address.connect_narrow().await?;
                stream.write_all(&bytes).await?;
                stream.flush().await?;
                std::future::pending::<std::io::Result<()>>().await
            };
            let _ = tokio::time::timeout(STAY, stay).await;
        });
    }
    held.join_all().await;
}

async fn slow_readers(arena: &Arena) -> anyhow::Result<()> {
    arena.load("q", (0..200_000).map(|n| format!("p v={n} {n}"))).await?;
    arena.begin();
    hold(arena, 500, Request::query("q", "SELECT v FROM p").bytes()).await;
    Ok(())
}

async fn pipelining(arena: &Arena) -> anyhow::Result<()> {
    arena.load("q", (0..2000).map(|n| format!("p v={n} {n}"))).await?;
    arena.begin();
    let request = "GET /query?db=q&q=SELECT+v+FROM+p HTTP/1.1\r\nHost: localhost\r\n\r\n";
    hold(arena, 20, request.repeat(5000).into_bytes()).await;
    Ok(())
}

/// Sends `head` from `clients` clients, and then a byte per second for [`STAY`].
async fn trickle(arena: &Arena, clients: usize, head: &str) {
    let mut trickling = JoinSet::new();
    for _ in 0..clients {
        let (address, head) = (arena.address.clone(), head.to_owned());
        trickling.spawn(async move {
            let mut stream = address.connect().await?;
            stream.write_all(head.as_bytes()).await?;
            for _ in 0..STAY.as_secs() {
                stream.write_all(b"m").await?;
                stream.flush().await?;
                tokio::time::sleep(Duration::from_secs(1)).await;
            }
            std::io::Result::Ok(())
        });
    }
    trickling.join_all().await;
}

async fn trickled_bodies(arena: &Arena) -> anyhow::Result<()> {
    arena.query("", "CREATE DATABASE q").await?;
    arena.begin();
    let length = 64 << 20;
    trickle(arena, 32, &format!("POST /write?db=q HTTP/1.1\r\nHost: localhost\r\nContent-Length: {length}\r\n\r\n"))
        .await;
    Ok(())
}

async fn slow_heads(arena: &Arena) -> anyhow::Result<()> {
    arena.begin();
    trickle(arena, 1000, "GET /ping HTTP/1.1\r\nHost: localhost\r\nX: ").await;
    Ok(())
}

async fn silent_connections(arena: &Arena) -> anyhow::Result<()> {
    arena.begin();
    hold(arena, 1000, Vec::new()).await;
    Ok(())
}

async fn half_closed(arena: &Arena) -> anyhow::Result<()> {
    arena.query("", "CREATE DATABASE q").await?;
    arena.begin();
    for (what, request) in
        [("writes", Request::write("q", "p v=1 1".into())), ("queries", Request::query("q", "SHOW DATABASES"))]
    {
        let mut answered = 0;
        for _ in 0..50 {
            let mut stream = arena.address.connect().await?;
            stream.write_all(&request.bytes()).await?;
            stream.shutdown().await?;
            let mut answer = Vec::new();
            let read = tokio::time::timeout(HALF_CLOSED_MAX, stream.read_to_end(&mut answer)).await;
            answered += usize::from(matches!(read, Ok(Ok(_))) && answer.starts_with(b"HTTP/1.1 20"));
        }
        let text = format!("{answered} of 50 {what} were answered");
        if answered == 50 { arena.note(text) } else { arena.broken(text) }
    }
    Ok(())
}

async fn malformed(arena: &Arena) -> anyhow::Result<()> {
    arena.begin();
    let head = |lines: &str| format!("POST /write?db=good HTTP/1.1\r\nHost: localhost\r\n{lines}\r\n").into_bytes();
    let inputs: Vec<Bytes> = [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03".to_vec(),
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec(),
        b"GET\r\n\r\n".to_vec(),
        vec![0; 100_000],
        head("Content-Length: -1\r\n"),
        head("Content-Length: 99999999999999999999\r\n"),
        head("Content-Length: 3\r\nContent-Length: 4\r\n"),
        head("Content-Length: 3\r\nTransfer-Encoding: chunked\r\n"),
        [head("Transfer-Encoding: chunked\r\n"), b"fffffffffffffffff\r\n".to_vec()].concat(),
        [head("Transfer-Encoding: chunked\r\n"), b"zz\r\n".to_vec()].concat(),
        [head("Content-Encoding: gzip\r\nContent-Length: 4\r\n"), b"\x1f\x8b\x08\x00".to_vec()].concat(),
        [head("Content-Length: 4\r\n"), b"\xff\xfe\x00\n".to_vec()].concat(),
        head(&format!("X: {}\r\n", "y".repeat(10 << 20))),
        head(&"X: y\r\n".repeat(100_000)),
        format!("GET /{} HTTP/1.1\r\nHost: localhost\r\n\r\n", "a".repeat(10 << 20)).into_bytes(),
        b"GET /query?q=%ff%fe%zz%00 HTTP/1.1\r\nHost: localhost\r\n\r\n".to_vec(),
    ]
    .into_iter()
    .map(Bytes::from)
    .chain([repeated("", "\r\n", 1_000_000, "")])
    .collect();
    let mut sent = JoinSet::new();
    for input in inputs {
        let address = arena.address.clone();
        sent.spawn(async move {
            let mut stream = address.connect().await?;
            // The server may close before it has read everything.
            let _ = stream.write_all(&input).await;
            let _ = stream.shutdown().await;
            let mut buffer = [0; 4096];
            let answer = async { while stream.read(&mut buffer).await.is_ok_and(|count| count > 0) {} };
            let _ = tokio::time::timeout(Duration::from_secs(5), answer).await;
            std::io::Result::Ok(())
        });
    }
    sent.join_all().await;
    Ok(())
}
