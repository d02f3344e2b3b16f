//! Names of measurements: dotted names, sources and targets.

use fluxstone_model::Clause;
use winnow::Parser;
use winnow::combinator::cut_err;

use super::fault::{Parsed, ungrammatical};
use super::input::{Input, character_ahead, peek, peek_raw, take};
use super::tokens::{comma_separated, identifier, keyword, kind, nested, regex};
use crate::ast::{Measurement, MeasurementName, Regex, Source, Target};
use crate::print::bare;
use crate::token::{Keyword, Kind, Place};

/// The most parts that a dotted name can have.
const SEGMENTS_MAX: usize = 3;

/// One or more names joined by dots. A part between two dots can be empty. No space is allowed before a dot. If a slash or a colon
/// follows a dot, the dot is taken, and the rest is left to the caller.
pub(super) fn segments<'t>(input: &mut Input<'t>) -> Parsed<'t, Vec<String>> {
    let mut segments = vec![identifier(input)?];
    loop {
        let dot = peek_raw(input);
        if dot.kind != Kind::Dot {
            break;
        }
        take(input, dot);
        match character_ahead(input) {
            Some('/' | ':') => break,
            Some('.') => segments.push(String::new()),
            _ => segments.push(cut_err(identifier).parse_next(input)?),
        }
    }
    if segments.len() > SEGMENTS_MAX {
        return Err(ungrammatical(
            Clause::new("influxql.expression.7"),
            format!("too many segments in {}", quoted(&segments)),
            Place::At(0),
        ));
    }
    Ok(segments)
}

/// The segments as the message about too many of them prints them.
fn quoted(segments: &[String]) -> String {
    let last = segments.len().saturating_sub(1);
    let mut text = String::new();
    for (at, segment) in segments.iter().enumerate() {
        let separator = if at == 0 { "" } else { "." };
        text.push_str(separator);
        let quotes = if at < last { !segment.is_empty() } else { !bare(segment) };
        let quote = if quotes { "\"" } else { "" };
        text.extend([quote, segment, quote]);
    }
    text
}

/// `m`, `policy.m`, `database.policy.m` or `database..m`, where the last part may be a regular expression.
pub(super) fn measurement<'t>(input: &mut Input<'t>) -> Parsed<'t, Measurement> {
    match regex(input)? {
        Some(regex) => Ok(unqualified(regex)),
        None => named_measurement(input),
    }
}

fn unqualified(regex: Regex) -> Measurement {
    Measurement { database: String::new(), policy: String::new(), name: MeasurementName::Regex(regex) }
}

/// A measurement that begins with a name.
fn named_measurement<'t>(input: &mut Input<'t>) -> Parsed<'t, Measurement> {
    let mut parts = segments(input)?;
    let regex = if parts.len() < SEGMENTS_MAX { regex(input)? } else { None };
    let name = match regex {
        Some(regex) => MeasurementName::Regex(regex),
        None => MeasurementName::Name(parts.pop().unwrap_or_default()),
    };
    let policy = parts.pop().unwrap_or_default();
    let database = parts.pop().unwrap_or_default();
    Ok(Measurement { database, policy, name })
}

/// Measurements separated by commas.
pub(super) fn measurements<'t>(input: &mut Input<'t>) -> Parsed<'t, Vec<Measurement>> {
    comma_separated(measurement)(input)
}

/// Measurements and subqueries, separated by commas. `subquery` parses the text between the brackets of one.
pub(super) fn sources<'t>(
    subquery: fn(&mut Input<'t>) -> Parsed<'t, Source>,
) -> impl FnMut(&mut Input<'t>) -> Parsed<'t, Vec<Source>> {
    comma_separated(move |input| {
        if let Some(regex) = regex(input)? {
            return Ok(Source::Measurement(unqualified(regex)));
        }
        let open = peek(input);
        if open.kind != Kind::LeftParen {
            return named_measurement(input).map(Source::Measurement);
        }
        take(input, open);
        let source = nested(input, |input| cut_err(subquery).parse_next(input))?;
        cut_err(kind(Kind::RightParen, ")")).parse_next(input)?;
        Ok(source)
    })
}

/// The target of INTO: like a measurement, but the last part can be `:MEASUREMENT` and not a regular expression.
pub(super) fn target<'t>(input: &mut Input<'t>) -> Parsed<'t, Target> {
    let mut parts = segments(input)?;
    let mut measurement = None;
    if parts.len() < SEGMENTS_MAX && character_ahead(input) == Some(':') {
        (kind(Kind::Colon, ":"), keyword(Keyword::Measurement)).parse_next(input)?;
    } else {
        measurement = parts.pop();
    }
    let policy = parts.pop().unwrap_or_default();
    let database = parts.pop().unwrap_or_default();
    Ok(Target { database, policy, measurement })
}
