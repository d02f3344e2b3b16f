//! Attacks by columns: SELECT lists, forms and wide rows.

use std::time::Duration;

use tokio::task::JoinSet;

use crate::attack::arena::{Arena, repeated};
use crate::attack::scenario::Attack;
use crate::attack::wire::Request;

/// What a client reads of an answer that may be endless.
const READ_MAX: u64 = 8 << 20;

/// The attacks of this file.
pub(super) const ATTACKS: &[Attack] = &[
    Attack {
        name: "many-columns",
        about: "a list of five million columns of a measurement that does not exist",
        run: |arena| Box::pin(many_columns(arena)),
        ..Attack::PLAIN
    },
    Attack {
        name: "long-select-list",
        about: "a million wildcards in one SELECT list",
        run: |arena| Box::pin(long_select_list(arena)),
        ..Attack::PLAIN
    },
    Attack {
        name: "sparse-columns",
        about: "four wildcards over 4,000 rows with a field of their own each",
        run: |arena| Box::pin(sparse_columns(arena)),
        ..Attack::PLAIN
    },
    Attack {
        name: "wide-rows",
        about: "16 clients that ask for 20,000 rows of 100 fields and read slowly",
        run: |arena| Box::pin(wide_rows(arena)),
        ..Attack::PLAIN
    },
    Attack {
        name: "large-form",
        about: "a form of five million pairs",
        run: |arena| Box::pin(large_form(arena)),
        ..Attack::PLAIN
    },
];

async fn many_columns(arena: &Arena) -> anyhow::Result<()> {
    arena.query("", "CREATE DATABASE q").await?;
    arena.begin();
    let form = repeated("db=q&q=SELECT+", "v,", 5_000_000, "v+FROM+nothing");
    arena.at_once(std::iter::repeat_n(Request::form(form), 2), READ_MAX).await;
    Ok(())
}

async fn long_select_list(arena: &Arena) -> anyhow::Result<()> {
    arena.load("q", std::iter::once("p,t=a a=1,b=2,c=3 1".to_owned())).await?;
    arena.begin();
    for item in ["*,", "*::field,", "/./,", "mean(*),"] {
        let form = repeated("db=q&q=SELECT+", item, 1_000_000, &format!("{}+FROM+p", item.trim_end_matches(',')));
        arena.at_once([Request::form(form)].into_iter(), READ_MAX).await;
    }
    Ok(())
}

async fn sparse_columns(arena: &Arena) -> anyhow::Result<()> {
    arena.load("q", (0..4000).map(|n| format!("p f{n}=1 {n}"))).await?;
    arena.begin();
    arena.queries("q", "SELECT *,*,*,* FROM p", 2, READ_MAX).await;
    arena
        .queries("q", "SELECT mean(*), max(*) FROM p WHERE time >= 0 AND time < 4000 GROUP BY time(1ns)", 2, READ_MAX)
        .await;
    Ok(())
}

async fn wide_rows(arena: &Arena) -> anyhow::Result<()> {
    let rows = (0..20_000).map(|row| {
        let fields: Vec<String> = (0..100).map(|field| format!("f{field}={row}")).collect();
        format!("p {} {row}", fields.join(","))
    });
    arena.load("q", rows).await?;
    arena.begin();
    let request = Request::query("q", "SELECT * FROM p");
    let mut clients = JoinSet::new();
    for _ in 0..16 {
        let (address, bytes) = (arena.address.clone(), request.bytes());
        clients.spawn(async move {
            use tokio::io::AsyncWriteExt as _;
            let mut stream = address.connect_narrow().await?;
            stream.write_all(&bytes).await?;
            stream.flush().await?;
            tokio::time::sleep(Duration::from_secs(5)).await;
            std::io::Result::Ok(())
        });
    }
    clients.join_all().await;
    Ok(())
}

async fn large_form(arena: &Arena) -> anyhow::Result<()> {
    arena.query("", "CREATE DATABASE q").await?;
    arena.begin();
    let form = repeated("db=q&q=SHOW+DATABASES", "&a", 5_000_000, "");
    arena.at_once(std::iter::repeat_n(Request::form(form), 4), READ_MAX).await;
    Ok(())
}
