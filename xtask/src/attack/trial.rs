//! One attack on one server, from its start to the checks afterwards.

use std::collections::BTreeSet;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use bytes::Bytes;
use serde_json::Value;

use super::arena::{Arena, Ending};
use super::bounds::{ANSWER_MAX, ATTACK_MAX, HELD_UP_MAX, P99_MAX, RESIDENT_MAX, SETTLED_WITHIN};
use super::client::{Connection, Response};
use super::observer::{DATABASE, Observation, Observer};
use super::report::Outcome;
use super::scenario::Attack;
use super::server::{Server, Setup};
use super::transport::{Endpoint, Transport};
use super::wire::Login;
use crate::usage;

/// The administrator, where the server demands passwords.
pub(super) const ADMIN: (&str, &str) = ("admin", "secret");

/// How long the good client measures a server at rest.
const REST: Duration = Duration::from_millis(500);

/// How often memory is read while it settles.
const LOOK_AGAIN: Duration = Duration::from_millis(100);

/// The longest answer to a check.
const BODY_BYTES_MAX: usize = 64 << 20;

/// Runs an attack against a new server. Times are judged unless `is_short`.
pub(super) async fn run(
    attack: &'static Attack,
    transport: Transport,
    binary: &Path,
    memory: u64,
    is_short: bool,
) -> Outcome {
    let mut outcome = Outcome::new(attack.name, transport.name());
    let setup = Setup { binary: binary.to_owned(), memory, config: attack.config, files: attack.files, transport };
    if let Err(error) = carry_out(attack, setup, is_short, &mut outcome).await {
        outcome.broken.push(format!("{error:#}"));
    }
    outcome
}

/// An error is a bound that is broken in a way that leaves nothing else to check.
async fn carry_out(attack: &Attack, setup: Setup, is_short: bool, outcome: &mut Outcome) -> anyhow::Result<()> {
    let login = Login(attack.has_login.then_some(ADMIN));
    let mut server = Server::start(setup).await.context("the server cannot start")?;
    prepare(&server, login).await.context("the server cannot be prepared")?;
    let observer = Observer::start(&server.endpoint, login)?;
    tokio::time::sleep(REST).await;
    let arena = Arena::new(&server, observer);
    let attacked = tokio::time::timeout(ATTACK_MAX, (attack.run)(&arena)).await;
    let ending = arena.end();
    // A server that has ended explains every refusal, and every other error.
    let ended = server.exit_status()?;
    let acknowledged = judge(attack, ending, is_short || ended.is_some(), outcome);
    if let Some(status) = ended {
        outcome.broken.push(format!("the server ended with {status}: {}", server.last_words()));
    } else {
        match attacked {
            Ok(Ok(())) => {}
            Ok(Err(error)) => outcome.broken.push(format!("the attack could not be carried out: {error:#}")),
            Err(_) => outcome.notes.push(format!("cut off after {} s", ATTACK_MAX.as_secs())),
        }
        check_running(&mut server, login, &acknowledged, outcome).await?;
    }
    let began = Instant::now();
    server.kill_and_restart().await.context("the server cannot start again after it was killed")?;
    outcome.restart_s = Some(began.elapsed().as_secs_f64());
    check_points(&server, login, &acknowledged).await.context("after it was killed and started again")?;
    server.shut_down().await
}

/// Judges what the good client saw; times that are `only_noted` are not judged. Returns the numbers of the points that were acknowledged.
fn judge(attack: &Attack, ending: Ending, only_noted: bool, outcome: &mut Outcome) -> Vec<u64> {
    let (seen, acknowledged) = ending.observer.stop();
    let mut late = ending.findings.late;
    for (what, times) in [("SHOW DATABASES", seen.shows), ("a write", seen.writes), ("a new connection", seen.visits)] {
        if times.p99_s > P99_MAX.as_secs_f64() {
            late.push(format!("p99 of {what}: {:.2} s, {} of {} refused", times.p99_s, times.refused, times.requests));
        }
    }
    // Without a figure from before, the attack was not carried out.
    let at_rest_s = ending.calm.map_or(f64::INFINITY, |calm: Observation| calm.writes.max_s);
    if attack.is_elsewhere && seen.writes.max_s > at_rest_s + HELD_UP_MAX.as_secs_f64() {
        let (longest, at_rest) = (seen.writes.max_s * 1e3, at_rest_s * 1e3);
        late.push(format!("a write to another database took {longest:.0} ms, {at_rest:.0} ms before the attack"));
    }
    outcome.took_s = ending.took.as_secs_f64();
    outcome.notes.extend(ending.findings.notes);
    outcome.notes.extend(seen.refusal.iter().map(|refusal| format!("the first refusal: {refusal}")));
    outcome.broken.extend(ending.findings.broken);
    if only_noted {
        outcome.notes.extend(late);
    } else {
        outcome.broken.extend(late);
    }
    outcome.observation = seen;
    acknowledged
}

/// Checks a server that has survived: it answers, gives its memory back, and has all points.
async fn check_running(
    server: &mut Server,
    login: Login,
    acknowledged: &[u64],
    outcome: &mut Outcome,
) -> anyhow::Result<()> {
    let answered = check_points(server, login, acknowledged).await;
    if let Some(status) = server.exit_status()? {
        outcome.broken.push(format!("the server ended with {status} after the attack: {}", server.last_words()));
        return Ok(());
    }
    if let Err(error) = answered {
        outcome.broken.push(format!("after the attack: {error:#}"));
    }
    outcome.peak_bytes = Some(usage::peak_memory(server.pid())?);
    let began = Instant::now();
    let resident = loop {
        let resident = server.resident()?;
        if resident <= RESIDENT_MAX || began.elapsed() >= SETTLED_WITHIN {
            break resident;
        }
        tokio::time::sleep(LOOK_AGAIN).await;
    };
    outcome.resident_bytes = Some(resident);
    if resident > RESIDENT_MAX {
        let (mib, seconds) = (resident >> 20, SETTLED_WITHIN.as_secs());
        outcome.broken.push(format!("{mib} MiB are resident {seconds} s later, more than {} MiB", RESIDENT_MAX >> 20));
    }
    Ok(())
}

/// Creates the administrator, if there is one, and the good client's database.
async fn prepare(server: &Server, login: Login) -> anyhow::Result<()> {
    if let Some((user, password)) = login.0 {
        let statement = format!("CREATE USER {user} WITH PASSWORD '{password}' WITH ALL PRIVILEGES");
        ask(&server.endpoint, Login(None), &statement).await?;
    }
    ask(&server.endpoint, login, &format!("CREATE DATABASE {DATABASE}")).await.map(drop)
}

/// Checks that every point that was acknowledged is there.
async fn check_points(server: &Server, login: Login, acknowledged: &[u64]) -> anyhow::Result<()> {
    let answer = ask(&server.endpoint, login, "SELECT n FROM marker").await?;
    let rows = answer["results"][0]["series"][0]["values"].as_array().map_or(&[][..], Vec::as_slice);
    let found: BTreeSet<u64> = rows.iter().filter(|row| row[0] == row[1]).filter_map(|row| row[1].as_u64()).collect();
    let lost = acknowledged.iter().filter(|number| !found.contains(number)).count();
    ensure!(lost == 0, "{lost} of {} acknowledged points are lost", acknowledged.len());
    Ok(())
}

/// Sends a statement over a new connection.
async fn ask(endpoint: &Endpoint, login: Login, statement: &str) -> anyhow::Result<Value> {
    let query = form_urlencoded::Serializer::new(String::new())
        .append_pair("db", DATABASE)
        .append_pair("epoch", "ns")
        .append_pair("q", statement)
        .finish();
    let exchange = async {
        let mut connection = Connection::open(endpoint, BODY_BYTES_MAX).await?;
        connection.send("POST", &login.path(&format!("/query?{query}")), Bytes::new()).await
    };
    let response: Result<anyhow::Result<Response>, _> = tokio::time::timeout(ANSWER_MAX, exchange).await;
    let response = response.with_context(|| format!("{statement}: no answer within {} s", ANSWER_MAX.as_secs()))??;
    let text = String::from_utf8_lossy(&response.body);
    ensure!(response.status == 200 && !text.contains("\"error\""), "{statement}: {} {}", response.status, text.trim());
    Ok(serde_json::from_slice(&response.body)?)
}
