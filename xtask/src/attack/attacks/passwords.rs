//! Attacks on authentication, by clients without a password.

use std::time::{Duration, Instant};

use bytes::Bytes;
use tokio::task::JoinSet;

use crate::attack::arena::Arena;
use crate::attack::scenario::Attack;
use crate::attack::wire::Request;

/// Passwords are demanded.
const AUTHENTICATED: &str = "[http]\nlog-enabled = false\nauth-enabled = true\n";

/// How long passwords are guessed.
const GUESSING: Duration = Duration::from_secs(8);

/// The longest time of a login while others guess the passwords of 250 names from the same address, each of which gets its turn.
const LOGIN_WAIT_MAX: Duration = Duration::from_secs(3);

/// How long another user waits for a login before it counts as refused.
const LOGIN_MAX: Duration = Duration::from_secs(10);

/// The attacks of this file.
pub(super) const ATTACKS: &[Attack] = &[
    Attack {
        name: "abandoned-logins",
        about: "400 requests with wrong passwords whose clients leave",
        config: AUTHENTICATED,
        has_login: true,
        run: |arena| Box::pin(abandoned_logins(arena)),
        ..Attack::PLAIN
    },
    Attack {
        name: "password-guessing",
        about: "500 connections with wrong passwords while another user logs in",
        config: AUTHENTICATED,
        has_login: true,
        run: |arena| Box::pin(password_guessing(arena)),
        ..Attack::PLAIN
    },
];

/// Returns a request with a password that is wrong, of a user who may exist.
fn guess(user: &str, number: usize) -> Request {
    Request::new("GET", &format!("/query?q=SHOW+DATABASES&u={user}&p=guess{number}"), "", Bytes::new())
}

async fn abandoned_logins(arena: &Arena) -> anyhow::Result<()> {
    arena.begin();
    for round in 0..4 {
        let mut clients = JoinSet::new();
        for number in 0..100 {
            let address = arena.address.clone();
            let user = if number % 2 == 0 { "admin" } else { "nobody" };
            let request = guess(user, round * 100 + number);
            clients.spawn(async move { request.send_only(&address).await.map(drop) });
        }
        clients.join_all().await;
    }
    // The jobs that the clients left behind are still under way.
    tokio::time::sleep(Duration::from_secs(1)).await;
    Ok(())
}

async fn password_guessing(arena: &Arena) -> anyhow::Result<()> {
    let create = Request::new(
        "POST",
        "/query?u=admin&p=secret&q=CREATE+USER+reader+WITH+PASSWORD+'other'+WITH+ALL+PRIVILEGES",
        "",
        Bytes::new(),
    );
    let created = create.exchange(&arena.address, u64::MAX).await?;
    anyhow::ensure!(created.status == 200, "CREATE USER: {}", created.brief());
    arena.begin();
    let deadline = Instant::now() + GUESSING;
    let mut guessing = JoinSet::new();
    for number in 0..500 {
        let address = arena.address.clone();
        guessing.spawn(async move {
            let mut statuses = Vec::new();
            while Instant::now() < deadline {
                let user = if number % 2 == 0 { "admin".to_owned() } else { format!("nobody{number}") };
                let answer = guess(&user, number).exchange(&address, u64::MAX).await.unwrap_or_default();
                statuses.push(answer.status);
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
            statuses
        });
    }
    tokio::time::sleep(Duration::from_secs(1)).await;
    let login = Request::new("GET", "/query?u=reader&p=other&q=SHOW+DATABASES", "", Bytes::new());
    let began = Instant::now();
    let answer = tokio::time::timeout(LOGIN_MAX, login.exchange(&arena.address, u64::MAX)).await;
    let answer = answer.ok().and_then(Result::ok).unwrap_or_default();
    arena.time("the first login of another user", began.elapsed(), LOGIN_WAIT_MAX);
    if answer.status != 200 {
        arena.late(format!("the first login of another user: {}", answer.brief()));
    }
    // Those that wait for an answer then are not waited for.
    tokio::time::sleep_until((deadline + Duration::from_secs(1)).into()).await;
    let mut statuses: Vec<u16> = Vec::new();
    while let Some(done) = guessing.try_join_next() {
        statuses.extend(done.unwrap_or_default());
    }
    let accepted = statuses.iter().filter(|status| (200..300).contains(*status)).count();
    arena.note(format!("{} guesses were answered", statuses.len()));
    if accepted > 0 {
        arena.broken(format!("{accepted} guesses were accepted"));
    }
    Ok(())
}
