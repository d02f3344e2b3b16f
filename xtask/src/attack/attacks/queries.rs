//! Attacks by queries: texts whose numbers or repetitions ask for far more memory or time than the data are worth.

use std::time::Duration;

use crate::attack::arena::{Arena, series};
use crate::attack::bounds::P99_MAX;
use crate::attack::scenario::Attack;
use crate::attack::wire::Request;

/// What a client reads of an answer that may be endless.
const READ_MAX: u64 = 8 << 20;

/// Queries end after a tenth of a second.
const SHORT_QUERIES: &str = "[http]\nlog-enabled = false\n[coordinator]\nquery-timeout = \"100ms\"\n";

/// How long after its client has left a query may use the CPU: the client may have closed its sending direction only, and gets 5 s.
const UNTIL_IDLE: Duration = Duration::from_secs(6);

/// The share of a core that an idle server may use, with the good client's requests.
const IDLE_SHARE: f64 = 0.5;

/// The attacks of this file.
pub(super) const ATTACKS: &[Attack] = &[
    Attack {
        name: "many-windows",
        about: "inner queries with 100 million windows over two points, four at once",
        run: |arena| Box::pin(many_windows(arena)),
        ..Attack::PLAIN
    },
    Attack {
        name: "large-numbers",
        about: "arguments, limits and patterns that are large numbers, over two points",
        run: |arena| Box::pin(large_numbers(arena)),
        ..Attack::PLAIN
    },
    Attack {
        name: "many-sources",
        about: "a thousand sources, four queries at once",
        run: |arena| Box::pin(many_sources(arena)),
        ..Attack::PLAIN
    },
    Attack {
        name: "group-by-star",
        about: "GROUP BY * over 50,000 series, each with a tag key of its own",
        run: |arena| Box::pin(group_by_star(arena)),
        ..Attack::PLAIN
    },
    Attack {
        name: "order-by-many-series",
        about: "six ORDER BY time DESC LIMIT 1 over 300,000 series at once",
        run: |arena| Box::pin(order_by_many_series(arena)),
        ..Attack::PLAIN
    },
    Attack {
        name: "listing-timeout",
        about: "listings of 400,000 series under query-timeout = 100ms",
        config: SHORT_QUERIES,
        run: |arena| Box::pin(listing_timeout(arena)),
        ..Attack::PLAIN
    },
    Attack {
        name: "holt-winters",
        about: "a forecast over 300,000 windows whose client leaves",
        run: |arena| Box::pin(holt_winters(arena)),
        ..Attack::PLAIN
    },
    Attack {
        name: "long-or-chain",
        about: "conditions of 900 alternatives, which the parser allows, over 300,000 series whose clients leave",
        run: |arena| Box::pin(long_or_chain(arena)),
        ..Attack::PLAIN
    },
    Attack {
        name: "deep-nesting",
        about: "parentheses and inner queries that are nested 100,000 times",
        run: |arena| Box::pin(deep_nesting(arena)),
        ..Attack::PLAIN
    },
];

async fn two_points(arena: &Arena) -> anyhow::Result<()> {
    let lines = ["p v=1 0", "p v=2 2000000000000000000"];
    arena.load("q", lines.into_iter().map(str::to_owned)).await?;
    arena.begin();
    Ok(())
}

async fn many_windows(arena: &Arena) -> anyhow::Result<()> {
    two_points(arena).await?;
    for (outer, fill) in [("count", "linear"), ("max", "previous"), ("median", "0")] {
        let text = format!(
            "SELECT {outer}(x) FROM (SELECT mean(v) AS x FROM p WHERE time >= 0 AND time <= 2000000000s \
             GROUP BY time(20s) fill({fill}))"
        );
        let request = Request::query("q", &text);
        // The answers may take long; half a minute each is enough to see what they take.
        let asked = arena.at_once(std::iter::repeat_n(request, 4), READ_MAX);
        if tokio::time::timeout(Duration::from_secs(15), asked).await.is_err() {
            arena.note(format!("fill({fill}): left after 15 s"));
        }
    }
    Ok(())
}

async fn large_numbers(arena: &Arena) -> anyhow::Result<()> {
    two_points(arena).await?;
    let calls = [
        "top(v, 1000000000)",
        "bottom(v, 1000000000)",
        "sample(v, 1000000000)",
        "moving_average(v, 1000000000)",
        "percentile(v, 99.999999999999)",
        "cumulative_sum(v)",
    ];
    let texts = calls.map(|call| format!("SELECT {call} FROM p")).into_iter().chain(
        [
            "SELECT v FROM p LIMIT 9000000000000000000 OFFSET 9000000000000000000",
            "SELECT v FROM p SLIMIT 9000000000000000000 SOFFSET 9000000000000000000",
            "SELECT holt_winters(mean(v), 1000000000, 4) FROM p WHERE time >= 0 AND time < 10d GROUP BY time(1d)",
            "SELECT holt_winters(mean(v), 10, 1000000000) FROM p WHERE time >= 0 AND time < 10d GROUP BY time(1d)",
            "SELECT holt_winters_with_fit(mean(v), 1000000, 4) FROM p WHERE time >= 0 AND time < 10d GROUP BY time(1d)",
            "SELECT mean(v) FROM p WHERE time >= 0 AND time <= 2000000000s GROUP BY time(1ns) fill(linear)",
            "SELECT mean(v) FROM p WHERE host =~ /((a{100}){100}){100}/",
            "SHOW TAG VALUES WITH KEY =~ /((a{100}){100}){100}/",
            "SHOW SERIES LIMIT 9000000000000000000",
        ]
        .map(str::to_owned),
    );
    for text in texts {
        let request = Request::query("q", &text);
        let exchange = request.exchange(&arena.address, READ_MAX);
        match tokio::time::timeout(Duration::from_secs(5), exchange).await {
            Ok(Ok(answer)) if answer.status != 0 => {}
            Ok(Ok(_)) => arena.broken(format!("{text}: no answer")),
            Ok(Err(error)) => arena.broken(format!("{text}: {error}")),
            Err(_) => arena.note(format!("{text}: left after 5 s")),
        }
    }
    Ok(())
}

async fn many_sources(arena: &Arena) -> anyhow::Result<()> {
    let rows = (0..10_000).map(|row| {
        let fields: Vec<String> = (0..20).map(|field| format!("f{field}={row}")).collect();
        format!("p {} {row}", fields.join(","))
    });
    arena.load("q", rows).await?;
    arena.begin();
    let plain = vec!["p"; 1000].join(",");
    let inner = vec!["(SELECT * FROM p)"; 1000].join(",");
    for sources in [plain, inner] {
        arena.queries("q", &format!("SELECT * FROM {sources}"), 4, READ_MAX).await;
    }
    Ok(())
}

async fn group_by_star(arena: &Arena) -> anyhow::Result<()> {
    arena.load("q", (0..50_000).map(|n| format!("p,k{n}=a v=1 {n}"))).await?;
    arena.begin();
    arena.queries("q", "SELECT v FROM p GROUP BY *", 1, READ_MAX).await;
    arena.queries("q", "SELECT mean(v) FROM p GROUP BY *", 2, READ_MAX).await;
    arena.queries("q", "SELECT * FROM p", 1, READ_MAX).await;
    Ok(())
}

async fn order_by_many_series(arena: &Arena) -> anyhow::Result<()> {
    arena.load("q", series(300_000)).await?;
    arena.begin();
    arena.queries("q", "SELECT v FROM m ORDER BY time DESC LIMIT 1", 6, READ_MAX).await;
    arena.queries("q", "SELECT * FROM m GROUP BY host ORDER BY time DESC LIMIT 1", 6, READ_MAX).await;
    Ok(())
}

async fn listing_timeout(arena: &Arena) -> anyhow::Result<()> {
    arena.load("q", series(400_000)).await?;
    arena.begin();
    for statement in ["SHOW SERIES", "SHOW TAG VALUES WITH KEY = host", "SHOW SERIES WHERE host =~ /7.*7.*7/"] {
        let began = std::time::Instant::now();
        arena.queries("q", statement, 1, u64::MAX).await;
        arena.time(statement, began.elapsed(), P99_MAX);
    }
    Ok(())
}

/// Reports a server that still computes after the clients have left.
async fn expect_idle(arena: &Arena, what: &str) -> anyhow::Result<()> {
    tokio::time::sleep(UNTIL_IDLE).await;
    let (before, began) = (arena.cpu_s()?, std::time::Instant::now());
    tokio::time::sleep(Duration::from_secs(1)).await;
    let share = (arena.cpu_s()? - before) / began.elapsed().as_secs_f64();
    let text = format!("CPU {} s after the clients of {what} left: {:.0}%", UNTIL_IDLE.as_secs(), share * 100.0);
    if share > IDLE_SHARE {
        arena.late(text);
    } else {
        arena.note(text);
    }
    Ok(())
}

async fn holt_winters(arena: &Arena) -> anyhow::Result<()> {
    arena.load("q", (0..300_000_u64).map(|n| format!("p v={} {}", n % 97, n * 1_000_000_000))).await?;
    arena.begin();
    for season in [0, 4] {
        let text = format!(
            "SELECT holt_winters(mean(v), 10, {season}) FROM p WHERE time >= 0 AND time < 300000s GROUP BY time(1s)"
        );
        arena.leave(&Request::query("q", &text), 2, Duration::from_secs(1)).await;
        expect_idle(arena, "holt_winters").await?;
    }
    Ok(())
}

async fn long_or_chain(arena: &Arena) -> anyhow::Result<()> {
    arena.load("q", series(300_000)).await?;
    arena.begin();
    let tags: Vec<String> = (0..450).map(|n| format!("host != 'x{n}' OR host = 'y{n}'")).collect();
    let fields: Vec<String> = (0..900).map(|n| format!("v = -{}", n + 1)).collect();
    for condition in [tags.join(" OR "), fields.join(" OR ")] {
        let request = Request::query("q", &format!("SELECT v FROM m WHERE {condition}"));
        arena.leave(&request, 4, Duration::from_secs(1)).await;
        expect_idle(arena, "a long condition").await?;
    }
    Ok(())
}

async fn deep_nesting(arena: &Arena) -> anyhow::Result<()> {
    two_points(arena).await?;
    let depth = 100_000;
    let wrap = |before: &str, inner: &str, after: &str| before.repeat(depth) + inner + &after.repeat(depth);
    for text in [
        format!("SELECT {} FROM p", wrap("(", "v", ")")),
        format!("SELECT v FROM p WHERE {}", wrap("(", "v = 1", ")")),
        wrap("SELECT v FROM (", "SELECT v FROM p", ")"),
        format!("SELECT {} FROM p", wrap("abs(", "v", ")")),
        format!("SELECT {}v FROM p", "-".repeat(depth)),
    ] {
        arena.queries("q", &text, 2, READ_MAX).await;
    }
    Ok(())
}
