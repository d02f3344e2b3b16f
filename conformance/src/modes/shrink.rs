//! Makes a case that two servers answer differently smaller, as long as they still do: one request, few points, a short statement.

use super::pair::Pair;
use super::random::{self, DATABASE};
use crate::case::{Answer, BodyRule, Case, Request};

/// How many smaller cases are tried.
const ATTEMPTS_MAX: usize = 120;

/// What is the same of a difference while its case gets smaller: otherwise every statement would end as a mistake in syntax.
#[derive(PartialEq, Eq)]
struct Kind {
    status: u16,
    is_error: bool,
}

impl Kind {
    fn of(answer: &Answer) -> Kind {
        let is_error = match &answer.body {
            Some(BodyRule::Exactly(body)) => body.windows(7).any(|part| part == b"\"error\""),
            _ => false,
        };
        Kind { status: answer.status, is_error }
    }
}

/// A part of a case that can get smaller.
#[derive(Clone, Copy)]
enum Part {
    /// The body of a preparation.
    Points(usize),
    /// The words of the statement, or the lines of the body, of the last step.
    Request,
}

/// The smallest case found that still shows a difference, with the answers of the first server; `None` if `case` shows none any more.
pub(super) async fn shrink(pair: &Pair, case: &Case) -> anyhow::Result<Option<Case>> {
    let Some(mut small) = pair.difference(case).await? else { return Ok(None) };
    let Some(kind) = small.steps.last().map(|step| Kind::of(&step.expected)) else { return Ok(None) };
    let mut left = ATTEMPTS_MAX;
    // One request: the earlier ones usually play no part.
    if small.steps.len() > 1 {
        let mut alone = small.clone();
        alone.steps.drain(..alone.steps.len() - 1);
        if let Some(found) = difference(pair, &alone, &kind).await? {
            small = found;
        }
    }
    let points = (0..small.preparation.len()).filter(|&at| small.preparation[at].target.starts_with("/write"));
    let parts: Vec<Part> = points.map(Part::Points).chain([Part::Request]).collect();
    for part in parts {
        small = shrink_part(pair, small, &kind, part, &mut left).await?;
    }
    Ok(Some(small))
}

async fn difference(pair: &Pair, case: &Case, kind: &Kind) -> anyhow::Result<Option<Case>> {
    let found = pair.difference(case).await?;
    Ok(found.filter(|found| {
        found.steps.len() == case.steps.len()
            && found.steps.last().is_some_and(|step| Kind::of(&step.expected) == *kind)
    }))
}

/// Leaves out pieces of one part: first halves, then ever smaller runs, down to single pieces.
async fn shrink_part(pair: &Pair, mut case: Case, kind: &Kind, part: Part, left: &mut usize) -> anyhow::Result<Case> {
    let mut run = pieces(&case, part).len() / 2;
    while run > 0 {
        let mut at = 0;
        while at < pieces(&case, part).len() && *left > 0 {
            let mut kept = pieces(&case, part);
            kept.drain(at..(at + run).min(kept.len()));
            let smaller = with_pieces(&case, part, &kept);
            // Without points there is one that stands for them.
            if pieces(&smaller, part) == pieces(&case, part) {
                break;
            }
            *left -= 1;
            match difference(pair, &smaller, kind).await? {
                Some(found) => case = found,
                None => at += run,
            }
        }
        run /= 2;
    }
    Ok(case)
}

fn pieces(case: &Case, part: Part) -> Vec<String> {
    let lines = |body: &[u8]| String::from_utf8_lossy(body).split_inclusive('\n').map(str::to_owned).collect();
    match (part, case.steps.last()) {
        (Part::Points(at), _) => lines(&case.preparation[at].body),
        (Part::Request, Some(step)) => match statement(&step.request) {
            Some(text) => text.split(' ').map(str::to_owned).collect(),
            // Bytes that are not UTF-8 would not stay what they are.
            None if std::str::from_utf8(&step.request.body).is_ok() => lines(&step.request.body),
            None => Vec::new(),
        },
        (Part::Request, None) => Vec::new(),
    }
}

fn with_pieces(case: &Case, part: Part, pieces: &[String]) -> Case {
    let mut case = case.clone();
    match part {
        Part::Points(at) => {
            // A body without points is an error.
            let body = if pieces.is_empty() { "m f=1 0\n".to_owned() } else { pieces.concat() };
            case.preparation[at].body = body.into_bytes();
        }
        Part::Request => {
            if let Some(step) = case.steps.last_mut() {
                step.request = match statement(&step.request) {
                    Some(_) => random::query(&pieces.join(" ")),
                    None => random::write("", pieces.concat().as_bytes()),
                };
            }
        }
    }
    case
}

/// The statement of a random query.
fn statement(request: &Request) -> Option<String> {
    let (path, parameters) = request.target.split_once('?')?;
    let text = form_urlencoded::parse(parameters.as_bytes()).find(|(key, _)| key == "q")?.1.into_owned();
    (path == "/query" && parameters.contains(DATABASE)).then_some(text)
}
