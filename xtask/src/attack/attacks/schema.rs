//! Attacks on the schema: many measurements, fields or series, and removals and listings of them, while others write.

use std::time::{Duration, Instant};

use crate::attack::arena::{Arena, series};
use crate::attack::bounds::P99_MAX;
use crate::attack::scenario::Attack;
use crate::attack::wire::Request;

/// The longest time of a point with 80,000 new fields.
const NEW_FIELDS_MAX: Duration = Duration::from_millis(300);

/// How many times the CPU time of a million series of one measurement 161,000 measurements may take.
const MEASUREMENTS_RATIO_MAX: f64 = 2.0;

/// The attacks of this file.
pub(super) const ATTACKS: &[Attack] = &[
    Attack {
        name: "many-measurements",
        about: "161,000 new measurements, compared with a million series of one",
        is_elsewhere: true,
        run: |arena| Box::pin(many_measurements(arena)),
        ..Attack::PLAIN
    },
    Attack {
        name: "many-fields",
        about: "one point with 80,000 new fields",
        is_elsewhere: true,
        run: |arena| Box::pin(many_fields(arena)),
        ..Attack::PLAIN
    },
    Attack {
        name: "show-field-keys",
        about: "SHOW FIELD KEYS of 80,000 fields, four times at once",
        run: |arena| Box::pin(show_field_keys(arena)),
        ..Attack::PLAIN
    },
    Attack {
        name: "removals-under-writes",
        about: "DELETE, DROP SERIES and DROP MEASUREMENT of 400,000 series while others write",
        is_elsewhere: true,
        run: |arena| Box::pin(removals(arena)),
        ..Attack::PLAIN
    },
    Attack {
        name: "index-walks-under-new-series",
        about: "SHOW SERIES and SHOW TAG VALUES of 400,000 series while others add series",
        run: |arena| Box::pin(index_walks(arena)),
        ..Attack::PLAIN
    },
    Attack {
        name: "dropped-memory",
        about: "DROP DATABASE of 400,000 series",
        is_elsewhere: true,
        run: |arena| Box::pin(dropped_memory(arena)),
        ..Attack::PLAIN
    },
];

async fn many_measurements(arena: &Arena) -> anyhow::Result<()> {
    arena.begin();
    let before = arena.cpu_s()?;
    arena.load("measurements", (0..161_000).map(|n| format!("m{n} v=1 1"))).await?;
    let measurements = arena.cpu_s()? - before;
    arena.load("series", series(1_000_000)).await?;
    let series = arena.cpu_s()? - before - measurements;
    let text = format!("161,000 measurements: {measurements:.1} s of CPU; a million series: {series:.1} s");
    // CPU times depend on the machine, their ratio much less.
    if measurements > series * MEASUREMENTS_RATIO_MAX {
        arena.late(text);
    } else {
        arena.note(text);
    }
    Ok(())
}

fn point_of_fields() -> String {
    let fields: Vec<String> = (0..80_000).map(|n| format!("f{n}=1")).collect();
    format!("wide {} 1", fields.join(","))
}

async fn many_fields(arena: &Arena) -> anyhow::Result<()> {
    arena.query("", "CREATE DATABASE fields").await?;
    let request = Request::write("fields", point_of_fields().into());
    arena.begin();
    let began = Instant::now();
    arena.at_once([request].into_iter(), u64::MAX).await;
    arena.time("a point with 80,000 new fields", began.elapsed(), NEW_FIELDS_MAX);
    Ok(())
}

async fn show_field_keys(arena: &Arena) -> anyhow::Result<()> {
    arena.load("fields", std::iter::once(point_of_fields())).await?;
    arena.begin();
    let began = Instant::now();
    arena.queries("fields", "SHOW FIELD KEYS", 4, u64::MAX).await;
    arena.time("SHOW FIELD KEYS", began.elapsed(), P99_MAX * 4);
    Ok(())
}

async fn removals(arena: &Arena) -> anyhow::Result<()> {
    arena.load("removals", series(400_000)).await?;
    arena.begin();
    for statement in [
        "DELETE FROM m WHERE rack = 'r1'",
        "DROP SERIES FROM m WHERE rack =~ /r[2-5]$/",
        "DROP SERIES FROM m WHERE host = 'h700'",
        "DELETE WHERE time < 1000",
        "DROP MEASUREMENT m",
    ] {
        let took = arena.query("removals", statement).await?;
        arena.note(format!("{statement}: {:.2} s", took.as_secs_f64()));
    }
    Ok(())
}

async fn index_walks(arena: &Arena) -> anyhow::Result<()> {
    arena.load("walks", series(400_000)).await?;
    arena.begin();
    let walks = async {
        for statement in
            ["SHOW SERIES", "SHOW TAG VALUES WITH KEY = host", "SHOW TAG VALUES WITH KEY =~ /./ WHERE rack = 'r3'"]
        {
            arena.queries("walks", statement, 4, u64::MAX).await;
        }
    };
    let mut longest = Duration::ZERO;
    let writes = async {
        for n in 0.. {
            let began = Instant::now();
            let request = Request::write("walks", format!("m,host=new{n} v=1 1").into());
            let answer = request.exchange(&arena.address, u64::MAX).await.unwrap_or_default();
            longest = longest.max(began.elapsed());
            if answer.status != 204 {
                return arena.broken(format!("a new series: {}", answer.brief()));
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::select! {
        () = walks => {}
        () = writes => {}
    }
    arena.time("the longest write of a new series", longest, P99_MAX);
    Ok(())
}

async fn dropped_memory(arena: &Arena) -> anyhow::Result<()> {
    arena.load("dropped", series(400_000)).await?;
    arena.begin();
    let took = arena.query("", "DROP DATABASE dropped").await?;
    arena.time("DROP DATABASE", took, P99_MAX);
    Ok(())
}
