//! Attacks by writes: bodies that cost far more than their bytes.

use std::time::Duration;

use bytes::Bytes;

use crate::attack::arena::{Arena, repeated};
use crate::attack::scenario::{Attack, QUIET};
use crate::attack::wire::{Request, packed_repetition};

/// The largest body that the default settings accept, when unpacked.
const BODY_BYTES: usize = 64 << 20;

/// A memtable that is full at once.
const SMALL_MEMTABLE: &str = "[http]\nlog-enabled = false\n[data]\ncache-max-memory-size = 1048576\n";

/// The attacks of this file.
pub(super) const ATTACKS: &[Attack] = &[
    Attack {
        name: "shards-per-write",
        about: "one body of 400,000 points, each in a shard of its own",
        run: |arena| Box::pin(shards_per_write(arena)),
        ..Attack::PLAIN
    },
    Attack {
        name: "shards-over-writes",
        about: "200 bodies of 1,000 points, each in a shard of its own",
        run: |arena| Box::pin(shards_over_writes(arena)),
        ..Attack::PLAIN
    },
    Attack {
        name: "bad-lines-gzip",
        about: "six packed bodies of 65 KB, each with 33 million bad lines",
        run: |arena| Box::pin(bad_lines(arena)),
        ..Attack::PLAIN
    },
    Attack {
        name: "parsed-points",
        about: "three packed bodies of 95 KB, each with 11 million points",
        run: |arena| Box::pin(parsed_points(arena)),
        ..Attack::PLAIN
    },
    Attack {
        name: "concurrent-large-writes",
        about: "24 bodies of 6 MB at once, under a limit of 1 MB for memtables",
        config: SMALL_MEMTABLE,
        run: |arena| Box::pin(concurrent_large_writes(arena)),
        ..Attack::PLAIN
    },
    Attack {
        name: "abandoned-writes",
        about: "400 writes of 10,000 points whose clients leave before the answer",
        config: QUIET,
        run: |arena| Box::pin(abandoned_writes(arena)),
        ..Attack::PLAIN
    },
];

fn body(lines: impl Iterator<Item = String>) -> Bytes {
    lines.collect::<Vec<_>>().join("\n").into()
}

/// Returns lines whose times are an hour apart.
fn hourly(hours: std::ops::Range<u64>) -> Bytes {
    body(hours.map(|hour| format!("m v=1 {}", hour * 3_600_000_000_000)))
}

async fn shards_per_write(arena: &Arena) -> anyhow::Result<()> {
    arena.query("", "CREATE DATABASE hourly WITH DURATION INF SHARD DURATION 1h").await?;
    arena.begin();
    arena.at_once([Request::write("hourly", hourly(0..400_000))].into_iter(), u64::MAX).await;
    Ok(())
}

async fn shards_over_writes(arena: &Arena) -> anyhow::Result<()> {
    arena.query("", "CREATE DATABASE hourly WITH DURATION INF SHARD DURATION 1h").await?;
    arena.begin();
    let mut answers = Vec::new();
    for first in (0..200_000).step_by(1000) {
        let request = Request::write("hourly", hourly(first..first + 1000));
        answers.push(request.exchange(&arena.address, u64::MAX).await.unwrap_or_default());
    }
    arena.count(&answers);
    Ok(())
}

async fn bad_lines(arena: &Arena) -> anyhow::Result<()> {
    arena.query("", "CREATE DATABASE bad").await?;
    let packed = packed_repetition("x\n", BODY_BYTES)?;
    arena.begin();
    let requests = std::iter::repeat_n(Request::packed_write("bad", packed), 6);
    arena.at_once(requests, u64::MAX).await;
    Ok(())
}

async fn parsed_points(arena: &Arena) -> anyhow::Result<()> {
    arena.query("", "CREATE DATABASE points").await?;
    let packed = packed_repetition("m v=1\n", BODY_BYTES)?;
    arena.begin();
    let requests = std::iter::repeat_n(Request::packed_write("points", packed), 3);
    arena.at_once(requests, u64::MAX).await;
    Ok(())
}

async fn concurrent_large_writes(arena: &Arena) -> anyhow::Result<()> {
    arena.query("", "CREATE DATABASE large").await?;
    let body = body((0..200_000).map(|n| format!("m,host=h{} value={n} {n}", n % 50)));
    arena.begin();
    arena.at_once(std::iter::repeat_n(Request::write("large", body), 24), u64::MAX).await;
    Ok(())
}

async fn abandoned_writes(arena: &Arena) -> anyhow::Result<()> {
    arena.query("", "CREATE DATABASE left").await?;
    let request = Request::write("left", repeated("", "m,host=a v=1\n", 10_000, ""));
    arena.begin();
    arena.abandon(&request, 400, Duration::from_millis(1)).await;
    Ok(())
}
