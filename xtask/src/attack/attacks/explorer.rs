//! Attacks on the explorer: forms that are not forms, many sessions, and pages that are not read.

use std::time::Duration;

use anyhow::Context as _;
use bytes::Bytes;

use crate::attack::arena::{Arena, repeated};
use crate::attack::scenario::Attack;
use crate::attack::wire::Request;

/// Passwords are demanded.
const AUTHENTICATED: &str = "[http]\nlog-enabled = false\nauth-enabled = true\n";

/// The addresses that take forms.
const FORMS: [&str; 6] = [
    "/explorer/query",
    "/explorer/write",
    "/explorer/download",
    "/explorer/kill",
    "/explorer/login",
    "/explorer/logout",
];

/// The addresses of pages.
const PAGES: [&str; 6] =
    ["/explorer/", "/explorer/query", "/explorer/write", "/explorer/status", "/explorer/names", "/explorer/clause"];

/// How much is read of an answer to a form: a file to download can be as long as its query says.
const READ_MAX: u64 = 1 << 20;

/// How long clients stay that do not read.
const STAY: Duration = Duration::from_secs(10);

/// The attacks of this file.
pub(super) const ATTACKS: &[Attack] = &[
    Attack {
        name: "explorer-forms",
        about: "random bytes, huge forms and odd parameters to each address of the explorer, with and without a token",
        run: |arena| Box::pin(forms(arena)),
        ..Attack::PLAIN
    },
    Attack {
        name: "explorer-sessions",
        about: "3,000 sessions of one user, and 300 log-ins that fail",
        config: AUTHENTICATED,
        has_login: true,
        run: |arena| Box::pin(sessions(arena)),
        ..Attack::PLAIN
    },
    Attack {
        name: "explorer-slow-readers",
        about: "500 clients that ask for a chart of 5,000 values and never read",
        run: |arena| Box::pin(slow_readers(arena)),
        ..Attack::PLAIN
    },
];

/// A cookie as a header, and the token that belongs to it.
struct Visit {
    cookie: String,
    token: String,
}

impl Visit {
    /// Asks for a page with a form.
    async fn to(arena: &Arena, page: &str) -> anyhow::Result<Visit> {
        let answer = Request::new("GET", page, "", Bytes::new()).exchange(&arena.address, u64::MAX).await?;
        let part = |before: &str, after: &str| {
            let rest = answer.start.split_once(before).map(|(_, rest)| rest);
            rest.and_then(|rest| rest.split_once(after)).map(|(part, _)| part.to_owned())
        };
        let cookie = part("fluxstone-explorer=", ";").with_context(|| answer.brief())?;
        let token = part("name=\"token\" value=\"", "\"").with_context(|| answer.brief())?;
        Ok(Visit { cookie: format!("Cookie: fluxstone-explorer={cookie}\r\n"), token })
    }

    /// A form with the token in front.
    fn form(&self, path: &str, rest: &Bytes) -> Request {
        let form = [b"token=", self.token.as_bytes(), b"&", rest].concat();
        let headers = format!("Content-Type: application/x-www-form-urlencoded\r\n{}", self.cookie);
        Request::new("POST", path, &headers, form.into())
    }

    fn fields(&self, path: &str, fields: &[(&str, &str)]) -> Request {
        let form = form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
        self.form(path, &form.into())
    }
}

/// Bytes that look random, and are the same in each run.
fn noise(bytes: usize, seed: u64) -> Bytes {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let byte = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state as u8
    };
    std::iter::repeat_with(byte).take(bytes).collect::<Vec<u8>>().into()
}

async fn forms(arena: &Arena) -> anyhow::Result<()> {
    arena.load("q", (0..20_000).map(|n| format!("p,t=a{} v={n} {n}", n % 300))).await?;
    let visit = Visit::to(arena, "/explorer/query").await?;
    arena.begin();
    let bodies = [
        noise(100, 1),
        noise(1 << 20, 2),
        repeated("q=", "x", 32 << 20, ""),
        repeated("", "a=b&", 200_000, ""),
        repeated("db=q&q=", "SELECT+v+FROM+p%3B", 20_000, ""),
        repeated("db=q&lines=", "%0Abad", 100_000, ""),
        repeated("db=q&lines=m%20s=%22", "%0D%0A", 100_000, ""),
    ];
    let mut requests = Vec::new();
    for path in FORMS {
        for body in &bodies {
            requests.push(visit.form(path, body));
            requests.push(Request::new(
                "POST",
                path,
                "Content-Type: application/x-www-form-urlencoded\r\n",
                body.clone(),
            ));
        }
    }
    for path in PAGES {
        for query in [
            "row=99999999999999999999&db=q&q=SELECT+*+FROM+p",
            "db=%ff%00&m=%22&key=%27&part=-1&mpart=1e9",
            "id=%2e%2e",
        ] {
            requests.push(Request::new("GET", &format!("{path}?{query}"), &visit.cookie, Bytes::new()));
        }
        let odd = String::from_utf8_lossy(&noise(64, 3)).escape_default().to_string().replace(['{', '}'], "");
        requests.push(Request::new("GET", path, &format!("Cookie: fluxstone-explorer={odd}\r\n"), Bytes::new()));
    }
    arena.at_once(requests.into_iter(), READ_MAX).await;
    let answer = visit.fields("/explorer/query", &[("db", "q"), ("q", "SELECT count(v) FROM p")]);
    let answer = answer.exchange(&arena.address, u64::MAX).await?;
    let text = format!("the page answers {} afterwards", answer.brief());
    if answer.status == 200 {
        arena.note(text);
    } else {
        arena.broken(text);
    }
    Ok(())
}

async fn sessions(arena: &Arena) -> anyhow::Result<()> {
    let visit = Visit::to(arena, "/explorer/login").await?;
    arena.begin();
    let (user, password) = crate::attack::trial::ADMIN;
    let log_in = visit.fields("/explorer/login", &[("user", user), ("password", password)]);
    for _ in 0..30 {
        let answers = arena.at_once(std::iter::repeat_n(log_in.clone(), 100), u64::MAX).await;
        if let Some(answer) = answers.iter().find(|answer| answer.status != 303) {
            arena.broken(format!("a log-in was answered {}", answer.brief()));
        }
    }
    let failing = (0..300)
        .map(|number| visit.fields("/explorer/login", &[("user", user), ("password", &format!("guess{number}"))]));
    for request in failing {
        drop(request.send_only(&arena.address).await);
    }
    Ok(())
}

async fn slow_readers(arena: &Arena) -> anyhow::Result<()> {
    arena.load("q", (0..5_000).map(|n| format!("p v={n} {n}"))).await?;
    let visit = Visit::to(arena, "/explorer/query").await?;
    arena.begin();
    let page = "/explorer/query?db=q&view=chart&q=SELECT+v+FROM+p";
    arena.abandon(&Request::new("GET", page, &visit.cookie, Bytes::new()), 500, STAY).await;
    Ok(())
}
