//! Normalized text: how messages, SHOW CONTINUOUS QUERIES and SHOW QUERIES print statements.
//!
//! Keywords are in capitals, names are quoted only where necessary, and single spaces surround operators. `{}` prints what
//! InfluxDB prints: numbers have three decimals, passwords are `[REDACTED]`, and some durations are written as Go does. `{:#}`
//! prints exact literals, so that parsing the text again gives an equal tree, except that passwords are never printed.
//! Statements are printed where they are defined, in [`super::ast`].

use std::fmt::{self, Display, Formatter, Write as _};

use super::ast::{
    Cast, Dimension, Expr, ExprKind, Fill, Limits, Measurement, MeasurementName, Order, Select, SelectClauses,
    SelectField, Source, Target, VarRef, WildcardKind, Window, WindowOffset,
};
use super::duration::DurationLiteral;
use super::token::reserved;

/// Whether `name` needs no quotes.
pub(super) fn bare(name: &str) -> bool {
    let starts = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
    starts && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_') && reserved(name).is_none()
}

/// Displays a name, quoted if necessary.
///
/// ```
/// use fluxstone_influxql::Name;
/// assert_eq!(Name("cpu").to_string(), "cpu");
/// assert_eq!(Name("select").to_string(), "\"select\"");
/// assert_eq!(Name("a\"b").to_string(), r#""a\"b""#);
/// ```
#[derive(Debug, Clone, Copy)]
pub struct Name<'a>(pub &'a str);

impl Display for Name<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        if bare(self.0) { f.write_str(self.0) } else { quoted(f, self.0, '"') }
    }
}

/// Displays a string literal.
///
/// ```
/// use fluxstone_influxql::StringLiteral;
/// assert_eq!(StringLiteral("it's").to_string(), r"'it\'s'");
/// ```
#[derive(Debug, Clone, Copy)]
pub struct StringLiteral<'a>(pub &'a str);

impl Display for StringLiteral<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        quoted(f, self.0, '\'')
    }
}

fn quoted(f: &mut Formatter<'_>, text: &str, quote: char) -> fmt::Result {
    f.write_char(quote)?;
    for c in text.chars() {
        match c {
            '\n' => f.write_str("\\n")?,
            '\\' => f.write_str("\\\\")?,
            c if c == quote => write!(f, "\\{c}")?,
            c => f.write_char(c)?,
        }
    }
    f.write_char(quote)
}

/// Writes `items` with ", " between them.
pub(super) fn list<T>(
    f: &mut Formatter<'_>,
    items: &[T],
    write: impl Fn(&mut Formatter<'_>, &T) -> fmt::Result,
) -> fmt::Result {
    for (at, item) in items.iter().enumerate() {
        if at > 0 {
            f.write_str(", ")?;
        }
        write(f, item)?;
    }
    Ok(())
}

pub(super) fn displays<T: Display>(f: &mut Formatter<'_>, items: &[T]) -> fmt::Result {
    list(f, items, |f, item| item.fmt(f))
}

impl Display for Select {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        SelectClauses::fmt(self, f)
    }
}

impl Display for SelectClauses {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str("SELECT ")?;
        displays(f, &self.fields)?;
        if let Some(target) = &self.into {
            write!(f, " INTO {target}")?;
        }
        f.write_str(" FROM ")?;
        displays(f, &self.sources)?;
        where_clause(f, self.condition.as_ref())?;
        if !self.group_by.dimensions.is_empty() {
            f.write_str(" GROUP BY ")?;
            displays(f, &self.group_by.dimensions)?;
        }
        match self.fill {
            Some(Fill::Null) if f.alternate() => f.write_str(" fill(null)")?,
            None | Some(Fill::Null) => {}
            Some(Fill::None) => f.write_str(" fill(none)")?,
            Some(Fill::Previous) => f.write_str(" fill(previous)")?,
            Some(Fill::Linear) => f.write_str(" fill(linear)")?,
            Some(Fill::Integer(value)) => write!(f, " fill({value})")?,
            Some(Fill::Number(value)) if value.fract() == 0.0 && f.alternate() => write!(f, " fill({value}.0)")?,
            Some(Fill::Number(value)) => write!(f, " fill({value})")?,
        }
        order_and_limits(f, self.order, self.limits)
    }
}

pub(super) fn where_clause(f: &mut Formatter<'_>, condition: Option<&Expr>) -> fmt::Result {
    let Some(condition) = condition else { return Ok(()) };
    f.write_str(" WHERE ")?;
    condition.fmt(f)
}

pub(super) fn order_and_limits(f: &mut Formatter<'_>, order: Option<Order>, limits: Limits) -> fmt::Result {
    f.write_str(match order {
        None => "",
        Some(Order::Ascending) => " ORDER BY time ASC",
        Some(Order::Descending) => " ORDER BY time DESC",
    })?;
    let words =
        [("LIMIT", limits.limit), ("OFFSET", limits.offset), ("SLIMIT", limits.slimit), ("SOFFSET", limits.soffset)];
    words.iter().filter(|(_, n)| *n > 0).try_for_each(|(word, n)| write!(f, " {word} {n}"))
}

impl Display for SelectField {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        self.expr.fmt(f)?;
        if self.alias.is_empty() { Ok(()) } else { write!(f, " AS {}", Name(&self.alias)) }
    }
}

impl Display for Source {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Source::Measurement(measurement) => measurement.fmt(f),
            Source::Subquery(select) => {
                f.write_str("(")?;
                select.fmt(f)?;
                f.write_str(")")
            }
        }
    }
}

/// The dotted parts before the last one.
fn qualifiers(f: &mut Formatter<'_>, database: &str, policy: &str) -> fmt::Result {
    if !database.is_empty() {
        write!(f, "{}.", Name(database))?;
    }
    match (policy.is_empty(), database.is_empty()) {
        (false, _) => write!(f, "{}.", Name(policy)),
        (true, false) => f.write_str("."),
        (true, true) => Ok(()),
    }
}

impl Display for Measurement {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        qualifiers(f, &self.database, &self.policy)?;
        match &self.name {
            MeasurementName::Name(name) => Name(name).fmt(f),
            MeasurementName::Regex(regex) => regex.fmt(f),
        }
    }
}

impl Display for Target {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        qualifiers(f, &self.database, &self.policy)?;
        match &self.measurement {
            Some(name) => Name(name).fmt(f),
            // It can only follow a dot.
            None if self.database.is_empty() && self.policy.is_empty() => f.write_str("\"\".:MEASUREMENT"),
            None => f.write_str(":MEASUREMENT"),
        }
    }
}

impl Display for Dimension {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Dimension::Time(Window { interval, offset }) => {
                write!(f, "time({}", DurationLiteral(*interval))?;
                match offset {
                    None => f.write_str(")"),
                    Some(WindowOffset::Duration(offset)) => write!(f, ", {})", DurationLiteral(*offset)),
                    Some(WindowOffset::Now) => f.write_str(", now())"),
                }
            }
            Dimension::Tag(name) => Name(name).fmt(f),
            Dimension::Wildcard => f.write_str("*"),
            Dimension::Regex(regex) => regex.fmt(f),
        }
    }
}

impl Display for Expr {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match &self.kind {
            ExprKind::Binary { op, lhs, rhs } => {
                lhs.fmt(f)?;
                f.write_str(" ")?;
                f.write_str(op.symbol())?;
                f.write_str(" ")?;
                rhs.fmt(f)
            }
            ExprKind::Paren(inner) => {
                f.write_str("(")?;
                inner.fmt(f)?;
                f.write_str(")")
            }
            ExprKind::Call { name, args } => {
                // The only reserved word that is also a function.
                if name == "distinct" { f.write_str(name) } else { Name(name).fmt(f) }?;
                f.write_str("(")?;
                displays(f, args)?;
                f.write_str(")")
            }
            leaf => write_leaf(f, leaf),
        }
    }
}

fn write_leaf(f: &mut Formatter<'_>, kind: &ExprKind) -> fmt::Result {
    match kind {
        ExprKind::Distinct(name) => write!(f, "DISTINCT {}", Name(name)),
        ExprKind::Var(column) => column.fmt(f),
        ExprKind::Wildcard(None) => f.write_str("*"),
        ExprKind::Wildcard(Some(WildcardKind::Field)) => f.write_str("*::field"),
        ExprKind::Wildcard(Some(WildcardKind::Tag)) => f.write_str("*::tag"),
        ExprKind::Regex(regex) => regex.fmt(f),
        ExprKind::Integer(value) => write!(f, "{value}"),
        ExprKind::Number(value) if !f.alternate() => write!(f, "{value:.3}"),
        ExprKind::Number(value) if value.fract() == 0.0 => write!(f, "{value}.0"),
        ExprKind::Number(value) => write!(f, "{value}"),
        ExprKind::String(text) => StringLiteral(text).fmt(f),
        ExprKind::Boolean(value) => write!(f, "{value}"),
        ExprKind::Duration(duration) => DurationLiteral(*duration).fmt(f),
        ExprKind::Time(time) => write!(f, "'{time}'"),
        ExprKind::Binary { .. } | ExprKind::Paren(_) | ExprKind::Call { .. } => Err(fmt::Error), // not leaves
    }
}

impl Display for VarRef {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        Name(&self.name).fmt(f)?;
        self.cast.map_or(Ok(()), |cast| write!(f, "::{cast}"))
    }
}

impl Display for Cast {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Cast::Float => "float",
            Cast::Integer => "integer",
            Cast::String => "string",
            Cast::Boolean => "boolean",
            Cast::Field => "field",
            Cast::Tag => "tag",
        })
    }
}
