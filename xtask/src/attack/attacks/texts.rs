//! Attacks by the texts of queries: small for what their trees, patterns and bound values would take.

use crate::attack::arena::{Arena, repeated};
use crate::attack::scenario::Attack;
use crate::attack::wire::Request;

/// What a client reads of an answer.
const READ_MAX: u64 = 8 << 20;

/// The attacks of this file.
pub(super) const ATTACKS: &[Attack] = &[
    Attack {
        name: "long-texts",
        about: "texts of 9 MB: fields, sources, dimensions and statements that are all as short as can be",
        run: |arena| Box::pin(long_texts(arena)),
        ..Attack::PLAIN
    },
    Attack {
        name: "many-patterns",
        about: "thousands of regular expressions, large ones, and ones with a thousand groups",
        run: |arena| Box::pin(many_patterns(arena)),
        ..Attack::PLAIN
    },
    Attack {
        name: "bound-values",
        about: "a text of 1 MB bound to 100,000 placeholders, a million values, and values nested 100,000 deep",
        run: |arena| Box::pin(bound_values(arena)),
        ..Attack::PLAIN
    },
];

async fn points(arena: &Arena) -> anyhow::Result<()> {
    arena.load("q", (0..2000).map(|n| format!("p,host=host-{n}-abcdefghijklmnop v={n} {n}"))).await?;
    arena.begin();
    Ok(())
}

async fn long_texts(arena: &Arena) -> anyhow::Result<()> {
    points(arena).await?;
    let parts = [
        ("SELECT+", "*,", 4_500_000, "*+FROM+p"),
        ("SELECT+v+FROM+", "p,", 4_500_000, "p"),
        ("SELECT+v+FROM+p+GROUP+BY+", "a,", 4_500_000, "a"),
        ("", "SHOW+USERS%3B", 690_000, ""),
        ("SHOW+TAG+VALUES+WITH+KEY+IN+(", "a,", 4_500_000, "a)"),
        ("SELECT+a", ".a", 4_500_000, "+FROM+p"),
    ];
    for (before, part, count, after) in parts {
        let form = repeated(&format!("db=q&q={before}"), part, count, after);
        arena.at_once(std::iter::repeat_n(Request::form(form), 4), READ_MAX).await;
    }
    Ok(())
}

async fn many_patterns(arena: &Arena) -> anyhow::Result<()> {
    points(arena).await?;
    let small: Vec<String> = (0..50_000).map(|n| format!("/{n}/")).collect();
    let large: Vec<String> = (0..500).map(|n| format!("/\\w{{500}}{n}/")).collect();
    let classes = "\\pL".repeat(1_000_000);
    let groups = "(.)(.)?|".repeat(1000);
    for text in [
        format!("SELECT {} FROM p", small.join(",")),
        format!("SELECT {} FROM p", large.join(",")),
        format!("SELECT v FROM p WHERE host =~ /{classes}/"),
        format!("SELECT v FROM p WHERE host =~ /{groups}/"),
        format!("SHOW SERIES WHERE host =~ /{}/", "(a|ab|abc.*d)*".repeat(1000)),
    ] {
        arena.queries("q", &text, 8, READ_MAX).await;
    }
    Ok(())
}

async fn bound_values(arena: &Arena) -> anyhow::Result<()> {
    points(arena).await?;
    let one = format!("{{\"a\":\"{}\"}}", "x".repeat(1 << 20));
    let text = format!("SELECT {} FROM p", vec!["f(v, $a)"; 100_000].join(","));
    let members: Vec<String> = (0..1_000_000).map(|n| format!("\"{n:x}\":1")).collect();
    let many = format!("{{{}}}", members.join(","));
    let nested = format!("{{\"a\":{}{}}}", "[".repeat(100_000), "]".repeat(100_000));
    for (text, params) in [(text.as_str(), one), ("SELECT v FROM p", many), ("SELECT v FROM p", nested)] {
        let form = form_urlencoded::Serializer::new(String::new())
            .extend_pairs([("db", "q"), ("q", text), ("params", &params)])
            .finish();
        arena.at_once(std::iter::repeat_n(Request::form(form.into()), 4), READ_MAX).await;
    }
    Ok(())
}
