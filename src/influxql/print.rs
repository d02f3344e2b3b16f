//! Normalised text: how messages, SHOW CONTINUOUS QUERIES and SHOW QUERIES write statements.
//!
//! Keywords are in capitals, names are quoted only where they must be, operators stand between single blanks. `{}` writes
//! what InfluxDB writes: numbers have three decimals, passwords are `[REDACTED]`. `{:#}` writes numbers with all their
//! digits, so that parsing the text again gives an equal tree (passwords excepted).

use std::fmt::{self, Display, Formatter, Write as _};

use super::ast::{
    Cast, Dimension, Expr, ExprKind, Field, Fill, Limits, Measurement, MeasurementFilter, MeasurementName, Order,
    Password, Privilege, Query, Regex, Resample, RetentionOptions, Select, Show, Source, Statement, SubscriptionMode,
    TagKeyFilter, Target, VarRef, WildcardKind, Window, WindowOffset,
};
use super::duration::Literal as Duration;
use super::token::reserved;

/// Whether `name` is an identifier without quotes.
pub(super) fn bare(name: &str) -> bool {
    let starts = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
    starts && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_') && reserved(name).is_none()
}

/// Displays a name, quoted if need be.
///
/// ```
/// use fluxstone::influxql::Name;
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
struct Literal<'a>(&'a str);

impl Display for Literal<'_> {
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
fn list<T>(f: &mut Formatter<'_>, items: &[T], write: impl Fn(&mut Formatter<'_>, &T) -> fmt::Result) -> fmt::Result {
    for (at, item) in items.iter().enumerate() {
        if at > 0 {
            f.write_str(", ")?;
        }
        write(f, item)?;
    }
    Ok(())
}

fn displays<T: Display>(f: &mut Formatter<'_>, items: &[T]) -> fmt::Result {
    list(f, items, |f, item| item.fmt(f))
}

fn names(f: &mut Formatter<'_>, names: &[String]) -> fmt::Result {
    list(f, names, |f, name| Name(name).fmt(f))
}

impl Display for Query {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        for (at, statement) in self.statements.iter().enumerate() {
            if at > 0 {
                f.write_str(";\n")?;
            }
            statement.fmt(f)?;
        }
        Ok(())
    }
}

impl Display for Statement {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Statement::Select(select) => select.fmt(f),
            Statement::Delete { sources, condition } => removal(f, "DELETE", sources, condition.as_ref()),
            Statement::DropSeries { sources, condition } => removal(f, "DROP SERIES", sources, condition.as_ref()),
            Statement::DropMeasurement { name } => write!(f, "DROP MEASUREMENT {}", Name(name)),
            Statement::CreateDatabase { name, with } => create_database(f, name, with.as_ref()),
            Statement::DropDatabase { name } => write!(f, "DROP DATABASE {}", Name(name)),
            Statement::CreateRetentionPolicy { name, database, options, default } => {
                policy(f, "CREATE", name, database, options, *default)
            }
            Statement::AlterRetentionPolicy { name, database, options, default } => {
                policy(f, "ALTER", name, database, options, *default)
            }
            Statement::DropRetentionPolicy { name, database } => {
                write!(f, "DROP RETENTION POLICY {} ON {}", Name(name), Name(database))
            }
            Statement::CreateUser { name, password, admin } => {
                let privileges = if *admin { " WITH ALL PRIVILEGES" } else { "" };
                write!(f, "CREATE USER {} WITH PASSWORD {password}{privileges}", Name(name))
            }
            Statement::DropUser { name } => write!(f, "DROP USER {}", Name(name)),
            Statement::SetPassword { user, password } => write!(f, "SET PASSWORD FOR {} = {password}", Name(user)),
            Statement::Grant { privilege, database, user } => {
                write!(f, "GRANT {privilege} ON {} TO {}", Name(database), Name(user))
            }
            Statement::GrantAdmin { user } => write!(f, "GRANT ALL PRIVILEGES TO {}", Name(user)),
            Statement::Revoke { privilege, database, user } => {
                write!(f, "REVOKE {privilege} ON {} FROM {}", Name(database), Name(user))
            }
            Statement::RevokeAdmin { user } => write!(f, "REVOKE ALL PRIVILEGES FROM {}", Name(user)),
            Statement::CreateContinuousQuery { name, database, resample, select } => {
                write!(f, "CREATE CONTINUOUS QUERY {} ON {}{resample} BEGIN ", Name(name), Name(database))?;
                select.fmt(f)?;
                f.write_str(" END")
            }
            Statement::DropContinuousQuery { name, database } => {
                write!(f, "DROP CONTINUOUS QUERY {} ON {}", Name(name), Name(database))
            }
            Statement::CreateSubscription { name, database, policy, mode, destinations } => {
                let (name, database, policy) = (Name(name), Name(database), Name(policy));
                write!(f, "CREATE SUBSCRIPTION {name} ON {database}.{policy} DESTINATIONS {mode} ")?;
                list(f, destinations, |f, destination| Literal(destination).fmt(f))
            }
            Statement::DropSubscription { name, database, policy } => {
                write!(f, "DROP SUBSCRIPTION {} ON {}.{}", Name(name), Name(database), Name(policy))
            }
            Statement::DropShard { id } => write!(f, "DROP SHARD {id}"),
            Statement::KillQuery { id, host: None } => write!(f, "KILL QUERY {id}"),
            Statement::KillQuery { id, host: Some(host) } => write!(f, "KILL QUERY {id} ON {}", Name(host)),
            show => show_statement(f, show),
        }
    }
}

fn show_statement(f: &mut Formatter<'_>, statement: &Statement) -> fmt::Result {
    match statement {
        Statement::ShowContinuousQueries => f.write_str("SHOW CONTINUOUS QUERIES"),
        Statement::ShowDatabases => f.write_str("SHOW DATABASES"),
        Statement::ShowDiagnostics { module } => for_module(f, "SHOW DIAGNOSTICS", module.as_deref()),
        Statement::ShowFieldKeys(show) => write_show(f, "SHOW FIELD KEYS", show, |_| Ok(())),
        Statement::ShowGrants { user } => write!(f, "SHOW GRANTS FOR {}", Name(user)),
        Statement::ShowMeasurements { show, with } => write_show(f, "SHOW MEASUREMENTS", show, |f| match with {
            Some(MeasurementFilter { op, source }) => {
                write!(f, " WITH MEASUREMENT {} ", op.symbol())?;
                source.fmt(f)
            }
            None => Ok(()),
        }),
        Statement::ShowQueries => f.write_str("SHOW QUERIES"),
        Statement::ShowRetentionPolicies { database } => {
            f.write_str("SHOW RETENTION POLICIES")?;
            on(f, database.as_deref())
        }
        Statement::ShowSeries(show) => write_show(f, "SHOW SERIES", show, |_| Ok(())),
        Statement::ShowShardGroups => f.write_str("SHOW SHARD GROUPS"),
        Statement::ShowShards => f.write_str("SHOW SHARDS"),
        Statement::ShowStats { module } => for_module(f, "SHOW STATS", module.as_deref()),
        Statement::ShowSubscriptions => f.write_str("SHOW SUBSCRIPTIONS"),
        Statement::ShowTagKeys(show) => write_show(f, "SHOW TAG KEYS", show, |_| Ok(())),
        Statement::ShowTagValues { show, keys } => write_show(f, "SHOW TAG VALUES", show, |f| keys.fmt(f)),
        Statement::ShowUsers => f.write_str("SHOW USERS"),
        _ => Err(fmt::Error), // all others are written by `Statement`
    }
}

fn for_module(f: &mut Formatter<'_>, statement: &str, module: Option<&str>) -> fmt::Result {
    f.write_str(statement)?;
    module.map_or(Ok(()), |module| write!(f, " FOR {}", Literal(module)))
}

fn on(f: &mut Formatter<'_>, database: Option<&str>) -> fmt::Result {
    database.map_or(Ok(()), |database| write!(f, " ON {}", Name(database)))
}

/// Writes a SHOW statement with its clauses; `with` writes what stands between FROM and WHERE.
fn write_show(
    f: &mut Formatter<'_>,
    statement: &str,
    show: &Show,
    with: impl FnOnce(&mut Formatter<'_>) -> fmt::Result,
) -> fmt::Result {
    f.write_str(statement)?;
    on(f, show.database.as_deref())?;
    if !show.sources.is_empty() {
        f.write_str(" FROM ")?;
        displays(f, &show.sources)?;
    }
    with(f)?;
    where_clause(f, show.condition.as_ref())?;
    order_and_limits(f, show.order, show.limits)
}

impl Display for TagKeyFilter {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(" WITH KEY ")?;
        match self {
            TagKeyFilter::Equal(name) => write!(f, "= {}", Name(name)),
            TagKeyFilter::NotEqual(name) => write!(f, "!= {}", Name(name)),
            TagKeyFilter::Match(regex) => write!(f, "=~ {regex}"),
            TagKeyFilter::NotMatch(regex) => write!(f, "!~ {regex}"),
            TagKeyFilter::In(keys) => {
                f.write_str("IN (")?;
                names(f, keys)?;
                f.write_str(")")
            }
        }
    }
}

fn removal(f: &mut Formatter<'_>, statement: &str, sources: &[Measurement], condition: Option<&Expr>) -> fmt::Result {
    f.write_str(statement)?;
    if !sources.is_empty() {
        f.write_str(" FROM ")?;
        displays(f, sources)?;
    }
    where_clause(f, condition)
}

/// The durations of CREATE DATABASE are written as Go writes durations, those of policies as literals.
fn create_database(f: &mut Formatter<'_>, name: &str, with: Option<&RetentionOptions>) -> fmt::Result {
    write!(f, "CREATE DATABASE {}", Name(name))?;
    let Some(with) = with else { return Ok(()) };
    f.write_str(" WITH")?;
    if let Some(duration) = with.duration {
        write!(f, " DURATION {}", duration.go_text())?;
    }
    if let Some(replication) = with.replication {
        write!(f, " REPLICATION {replication}")?;
    }
    if let Some(duration) = with.shard_duration {
        write!(f, " SHARD DURATION {}", duration.go_text())?;
    }
    with.name.as_ref().map_or(Ok(()), |name| write!(f, " NAME {}", Name(name)))
}

fn policy(
    f: &mut Formatter<'_>,
    verb: &str,
    name: &str,
    database: &str,
    options: &RetentionOptions,
    default: bool,
) -> fmt::Result {
    write!(f, "{verb} RETENTION POLICY {} ON {}", Name(name), Name(database))?;
    if let Some(duration) = options.duration {
        write!(f, " DURATION {}", Duration(duration))?;
    }
    if let Some(replication) = options.replication {
        write!(f, " REPLICATION {replication}")?;
    }
    if let Some(duration) = options.shard_duration {
        write!(f, " SHARD DURATION {}", Duration(duration))?;
    }
    if default { f.write_str(" DEFAULT") } else { Ok(()) }
}

impl Display for Password {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str("[REDACTED]")
    }
}

impl Display for Privilege {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Privilege::Read => "READ",
            Privilege::Write => "WRITE",
            Privilege::All => "ALL PRIVILEGES",
        })
    }
}

impl Display for SubscriptionMode {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            SubscriptionMode::All => "ALL",
            SubscriptionMode::Any => "ANY",
        })
    }
}

impl Display for Resample {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        if self.every.is_some() || self.for_.is_some() {
            f.write_str(" RESAMPLE")?;
        }
        if let Some(every) = self.every {
            write!(f, " EVERY {}", Duration(every))?;
        }
        self.for_.map_or(Ok(()), |for_| write!(f, " FOR {}", Duration(for_)))
    }
}

impl Display for Select {
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

fn where_clause(f: &mut Formatter<'_>, condition: Option<&Expr>) -> fmt::Result {
    let Some(condition) = condition else { return Ok(()) };
    f.write_str(" WHERE ")?;
    condition.fmt(f)
}

fn order_and_limits(f: &mut Formatter<'_>, order: Option<Order>, limits: Limits) -> fmt::Result {
    f.write_str(match order {
        None => "",
        Some(Order::Ascending) => " ORDER BY time ASC",
        Some(Order::Descending) => " ORDER BY time DESC",
    })?;
    let words =
        [("LIMIT", limits.limit), ("OFFSET", limits.offset), ("SLIMIT", limits.slimit), ("SOFFSET", limits.soffset)];
    words.iter().filter(|(_, n)| *n > 0).try_for_each(|(word, n)| write!(f, " {word} {n}"))
}

impl Display for Field {
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
            None => f.write_str(":MEASUREMENT"),
        }
    }
}

impl Display for Dimension {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Dimension::Time(Window { interval, offset }) => {
                write!(f, "time({}", Duration(*interval))?;
                match offset {
                    None => f.write_str(")"),
                    Some(WindowOffset::Duration(offset)) => write!(f, ", {})", Duration(*offset)),
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
                Name(name).fmt(f)?;
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
        ExprKind::String(text) => Literal(text).fmt(f),
        ExprKind::Boolean(value) => write!(f, "{value}"),
        ExprKind::Duration(duration) => Duration(*duration).fmt(f),
        ExprKind::Time(time) => write!(f, "'{time}'"),
        ExprKind::Binary { .. } | ExprKind::Paren(_) | ExprKind::Call { .. } => Err(fmt::Error), // no leaves
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

impl Display for Regex {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "/{}/", self.text.replace('/', "\\/"))
    }
}
