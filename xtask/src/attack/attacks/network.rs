//! Attacks on what is beside and below the HTTP API: TLS handshakes, datagrams, and destinations of subscriptions that are dead.

use std::net::UdpSocket;
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio::task::JoinSet;

use crate::attack::arena::Arena;
use crate::attack::bounds::P99_MAX;
use crate::attack::observer::DATABASE;
use crate::attack::scenario::Attack;
use crate::attack::transport::Transport;
use crate::attack::wire::Request;

/// How long the attacks go on.
const STAY: Duration = Duration::from_secs(6);

/// A server that takes datagrams.
const UDP: &str = "[http]\nlog-enabled = false\n[[udp]]\nenabled = true\nbind-address = \"127.0.0.1:0\"\n";

/// The most datagrams of one sender.
const DATAGRAMS_MAX: u32 = 400_000;

/// How many series the datagrams have.
const DATAGRAM_SERIES: u32 = 100_000;

/// The attacks of this file.
pub(super) const ATTACKS: &[Attack] = &[
    Attack {
        name: "handshakes",
        about: "300 handshakes that never end, 20 clients that do one after the other, and bytes that are not TLS",
        transport: Some(Transport::Tls),
        run: |arena| Box::pin(handshakes(arena)),
        ..Attack::PLAIN
    },
    Attack {
        name: "udp-flood",
        about: "datagrams as fast as they can be sent: points, points of 100,000 series, long ones, and garbage",
        config: UDP,
        run: |arena| Box::pin(udp_flood(arena)),
        ..Attack::PLAIN
    },
    Attack {
        name: "dead-subscriptions",
        about: "8 subscriptions to destinations that refuse or never answer, under 300 writes of 5,000 points",
        run: |arena| Box::pin(dead_subscriptions(arena)),
        ..Attack::PLAIN
    },
];

async fn handshakes(arena: &Arena) -> anyhow::Result<()> {
    arena.begin();
    let mut clients = JoinSet::new();
    // The head of a handshake of 64 KiB, of which little or nothing follows; and what is no handshake.
    let beginnings: [&[u8]; 6] = [
        b"",
        b"\x16",
        b"\x16\x03\x01\x40\x00\x01\x00\xff\xff",
        b"\x16\x03\x01\x40\x00\x01\x00\xff\xff\x03\x03",
        b"\0\0\0",
        b"\x80\x2e\x01",
    ];
    for at in 0..300 {
        let (address, beginning) = (arena.address.clone(), beginnings[at % beginnings.len()]);
        clients.spawn(async move {
            let Ok(mut stream) = address.connect_raw().await else { return };
            let _ = stream.write_all(beginning).await;
            let _ = tokio::time::timeout(STAY, stream.read(&mut [0; 16])).await;
        });
    }
    let deadline = Instant::now() + STAY;
    let mut repeated = JoinSet::new();
    for _ in 0..20 {
        let address = arena.address.clone();
        repeated.spawn(async move {
            let mut count = 0;
            while Instant::now() < deadline {
                count += usize::from(address.connect().await.is_ok());
            }
            count
        });
    }
    let done: usize = repeated.join_all().await.into_iter().sum();
    arena.note(format!("{done} handshakes were done"));
    clients.join_all().await;
    Ok(())
}

async fn udp_flood(arena: &Arena) -> anyhow::Result<()> {
    let to = arena.udp()?;
    arena.begin();
    let deadline = Instant::now() + STAY;
    let long = "m v=1\n".repeat(10_000);
    let datagrams: [fn(u32, &str) -> Vec<u8>; 4] = [
        |number, _| format!("flood v={number}").into_bytes(),
        |number, _| format!("flood,host=h{} v={number}", number % DATAGRAM_SERIES).into_bytes(),
        |_, long| long.as_bytes().to_vec(),
        |number, _| format!("bad {number} \"\0").into_bytes(),
    ];
    let mut senders = JoinSet::new();
    for datagram in datagrams {
        let long = long.clone();
        senders.spawn_blocking(move || {
            let socket = UdpSocket::bind("127.0.0.1:0")?;
            let mut sent = 0_u32;
            while sent < DATAGRAMS_MAX && Instant::now() < deadline {
                // What the kernel has no place for is lost, as in a real flood.
                let _ = socket.send_to(&datagram(sent, &long), to);
                sent += 1;
            }
            std::io::Result::Ok(sent)
        });
    }
    let mut sent = 0;
    for count in senders.join_all().await {
        sent += count?;
    }
    let answer = Request::query("", "SHOW STATS FOR 'udp'").exchange(&arena.address, u64::MAX).await?;
    let counts = answer.start.split("\"values\":").nth(1).and_then(|values| values.split(']').next());
    arena.note(format!("{sent} datagrams were sent; {}]", counts.unwrap_or("[no statistics")));
    Ok(())
}

async fn dead_subscriptions(arena: &Arena) -> anyhow::Result<()> {
    arena.query("", "CREATE DATABASE q").await?;
    let silent = TcpListener::bind("127.0.0.1:0").await?;
    let silent_at = silent.local_addr()?;
    // Nobody listens there any more.
    let refusing_at = TcpListener::bind("127.0.0.1:0").await?.local_addr()?;
    let mut accepting = JoinSet::new();
    accepting.spawn(async move {
        let mut held = Vec::new();
        while let Ok((stream, _)) = silent.accept().await {
            held.push(stream);
        }
    });
    for database in ["q", DATABASE] {
        for (name, mode, destinations) in [
            ("silent", "ALL", format!("'http://{silent_at}'")),
            ("refusing", "ALL", format!("'http://{refusing_at}', 'udp://{refusing_at}'")),
            ("encrypted", "ALL", format!("'https://{silent_at}'")),
            ("either", "ANY", format!("'http://{refusing_at}', 'http://{silent_at}'")),
        ] {
            let text = format!("CREATE SUBSCRIPTION {name} ON {database}.autogen DESTINATIONS {mode} {destinations}");
            arena.query("", &text).await?;
        }
    }
    arena.begin();
    let mut longest = Duration::ZERO;
    for batch in 0..300 {
        let lines: Vec<String> = (0..5000).map(|n| format!("m,host=h{} v={n} {}", n % 100, batch * 5000 + n)).collect();
        let began = Instant::now();
        let answer = Request::write("q", lines.join("\n").into()).exchange(&arena.address, u64::MAX).await?;
        longest = longest.max(began.elapsed());
        if answer.status != 204 {
            arena.broken(format!("a write with subscriptions: {}", answer.brief()));
        }
    }
    arena.time("the longest write with subscriptions", longest, P99_MAX);
    Ok(())
}
