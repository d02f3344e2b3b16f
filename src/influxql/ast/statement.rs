//! The statements: the parts of each, and how it is printed ([`crate::print`] explains `{}` and `{:#}`).
//!
//! The matches over [`Statement`], [`Show`] and [`Definition`] are complete, here and in the engine: a new variant compiles
//! only when it has a printed form, required privileges and a meaning.

use std::fmt::{self, Display, Formatter};

use fluxstone_go::{DurationText, Regex};
use fluxstone_model::{Nanos, Privilege, RetentionOptions, SubscriptionMode};

use super::clauses::{Limits, Measurement, Order};
use super::expression::{BinaryOp, Expr};
use super::select::Select;
use crate::duration::DurationLiteral;
use crate::print::{Name, StringLiteral, displays, list, order_and_limits, where_clause};

/// The statements of one request, in order.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Query {
    /// The statements.
    pub statements: Vec<Statement>,
}

/// One statement.
#[derive(Debug, Clone, PartialEq)]
pub enum Statement {
    /// Reads points, and with INTO writes them.
    Select(Box<Select>),
    /// Deletes points.
    Delete(DeleteClauses),
    /// Lists the schema, the catalog or the state of the server.
    Show(Show),
    /// Changes the catalog, or drops data by name.
    Define(Definition),
    /// Stops a running query.
    Kill(KillQuery),
}

/// A statement that lists something and changes nothing.
#[derive(Debug, Clone, PartialEq)]
#[expect(missing_docs, reason = "each variant and field is named as in the grammar")]
pub enum Show {
    ContinuousQueries,
    Databases,
    Diagnostics { module: Option<String> },
    FieldKeys(SchemaClauses),
    Grants { user: String },
    Measurements { clauses: SchemaClauses, with: Option<MeasurementFilter> },
    Queries,
    RetentionPolicies { database: Option<String> },
    Series(SchemaClauses),
    ShardGroups,
    Shards,
    Stats { module: Option<String> },
    Subscriptions,
    TagKeys(SchemaClauses),
    TagValues { clauses: SchemaClauses, keys: TagKeyFilter },
    Users,
}

/// A statement that changes the catalog (CREATE, ALTER, DROP, GRANT, REVOKE, SET PASSWORD) or drops data by name.
#[derive(Debug, Clone, PartialEq)]
#[expect(missing_docs, reason = "each variant and field is named as in the grammar")]
pub enum Definition {
    CreateDatabase {
        name: String,
        with: Option<RetentionOptions>,
    },
    DropDatabase {
        name: String,
    },
    CreateRetentionPolicy {
        name: String,
        database: String,
        options: RetentionOptions,
        default: bool,
    },
    AlterRetentionPolicy {
        name: String,
        database: String,
        options: RetentionOptions,
        default: bool,
    },
    DropRetentionPolicy {
        name: String,
        database: String,
    },
    DropMeasurement {
        name: String,
    },
    DropSeries(DeleteClauses),
    DropShard {
        id: u64,
    },
    CreateUser {
        name: String,
        password: Password,
        admin: bool,
    },
    DropUser {
        name: String,
    },
    SetPassword {
        user: String,
        password: Password,
    },
    Grant {
        privilege: Privilege,
        database: String,
        user: String,
    },
    GrantAdmin {
        user: String,
    },
    Revoke {
        privilege: Privilege,
        database: String,
        user: String,
    },
    RevokeAdmin {
        user: String,
    },
    CreateContinuousQuery {
        name: String,
        database: String,
        resample: Resample,
        select: Box<Select>,
    },
    DropContinuousQuery {
        name: String,
        database: String,
    },
    CreateSubscription {
        name: String,
        database: String,
        policy: String,
        mode: SubscriptionMode,
        destinations: Vec<String>,
    },
    DropSubscription {
        name: String,
        database: String,
        policy: String,
    },
}

/// `KILL QUERY id [ON host]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KillQuery {
    /// The id that SHOW QUERIES lists.
    pub id: u64,
    /// The host, which has no effect: there is only one.
    pub host: Option<String>,
}

/// The clauses that the SHOW statements about the schema share. Those that a statement's grammar lacks are empty.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct SchemaClauses {
    /// `ON name`.
    pub database: Option<String>,
    /// `FROM ...`.
    pub sources: Vec<Measurement>,
    /// `WHERE ...`.
    pub condition: Option<Expr>,
    /// `ORDER BY time`, which has no effect, as written.
    pub order: Option<Order>,
    /// LIMIT, OFFSET, SLIMIT, SOFFSET.
    pub limits: Limits,
}

/// The clauses of DELETE and DROP SERIES: the points or series to remove. At least one of the two is present.
#[derive(Debug, Clone, PartialEq)]
pub struct DeleteClauses {
    /// `FROM ...`: names and regular expressions without a database or policy; empty means all measurements.
    pub sources: Vec<Measurement>,
    /// `WHERE ...`.
    pub condition: Option<Expr>,
}

/// `WITH MEASUREMENT = name` or `=~ /regex/`: the kind of source decides, not the operator.
#[derive(Debug, Clone, PartialEq)]
pub struct MeasurementFilter {
    /// The operator as written.
    pub op: BinaryOp,
    /// The name or regex.
    pub source: Measurement,
}

/// `WITH KEY ...` of SHOW TAG VALUES.
#[derive(Debug, Clone, PartialEq)]
pub enum TagKeyFilter {
    /// `= name`.
    Equal(String),
    /// `!= name`.
    NotEqual(String),
    /// `=~ /regex/`.
    Match(Regex),
    /// `!~ /regex/`.
    NotMatch(Regex),
    /// `IN (a, b)`.
    In(Vec<String>),
}

/// A password. It is never printed.
#[derive(Clone, PartialEq, Eq)]
pub struct Password(pub String);

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[REDACTED]")
    }
}

/// `RESAMPLE EVERY d FOR d`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Resample {
    /// `EVERY d`.
    pub every: Option<Nanos>,
    /// `FOR d`.
    pub for_: Option<Nanos>,
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
            Statement::Delete(clauses) => deletion(f, "DELETE", clauses),
            Statement::Show(show) => show.fmt(f),
            Statement::Define(definition) => definition.fmt(f),
            Statement::Kill(kill) => kill.fmt(f),
        }
    }
}

impl Display for Show {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Show::ContinuousQueries => f.write_str("SHOW CONTINUOUS QUERIES"),
            Show::Databases => f.write_str("SHOW DATABASES"),
            Show::Diagnostics { module } => for_module(f, "SHOW DIAGNOSTICS", module.as_deref()),
            Show::FieldKeys(clauses) => schema_listing(f, "SHOW FIELD KEYS", clauses, |_| Ok(())),
            Show::Grants { user } => write!(f, "SHOW GRANTS FOR {}", Name(user)),
            Show::Measurements { clauses, with } => schema_listing(f, "SHOW MEASUREMENTS", clauses, |f| match with {
                Some(MeasurementFilter { op, source }) => {
                    write!(f, " WITH MEASUREMENT {} ", op.symbol())?;
                    source.fmt(f)
                }
                None => Ok(()),
            }),
            Show::Queries => f.write_str("SHOW QUERIES"),
            Show::RetentionPolicies { database } => {
                f.write_str("SHOW RETENTION POLICIES")?;
                on(f, database.as_deref())
            }
            Show::Series(clauses) => schema_listing(f, "SHOW SERIES", clauses, |_| Ok(())),
            Show::ShardGroups => f.write_str("SHOW SHARD GROUPS"),
            Show::Shards => f.write_str("SHOW SHARDS"),
            Show::Stats { module } => for_module(f, "SHOW STATS", module.as_deref()),
            Show::Subscriptions => f.write_str("SHOW SUBSCRIPTIONS"),
            Show::TagKeys(clauses) => schema_listing(f, "SHOW TAG KEYS", clauses, |_| Ok(())),
            Show::TagValues { clauses, keys } => schema_listing(f, "SHOW TAG VALUES", clauses, |f| keys.fmt(f)),
            Show::Users => f.write_str("SHOW USERS"),
        }
    }
}

impl Display for Definition {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Definition::CreateDatabase { name, with } => create_database(f, name, with.as_ref()),
            Definition::DropDatabase { name } => write!(f, "DROP DATABASE {}", Name(name)),
            Definition::CreateRetentionPolicy { name, database, options, default } => {
                policy(f, "CREATE", name, database, options, *default)
            }
            Definition::AlterRetentionPolicy { name, database, options, default } => {
                policy(f, "ALTER", name, database, options, *default)
            }
            Definition::DropRetentionPolicy { name, database } => {
                write!(f, "DROP RETENTION POLICY {} ON {}", Name(name), Name(database))
            }
            Definition::DropMeasurement { name } => write!(f, "DROP MEASUREMENT {}", Name(name)),
            Definition::DropSeries(clauses) => deletion(f, "DROP SERIES", clauses),
            Definition::DropShard { id } => write!(f, "DROP SHARD {id}"),
            Definition::CreateUser { name, password, admin } => {
                let privileges = if *admin { " WITH ALL PRIVILEGES" } else { "" };
                write!(f, "CREATE USER {} WITH PASSWORD {password}{privileges}", Name(name))
            }
            Definition::DropUser { name } => write!(f, "DROP USER {}", Name(name)),
            Definition::SetPassword { user, password } => write!(f, "SET PASSWORD FOR {} = {password}", Name(user)),
            Definition::Grant { privilege, database, user } => {
                write!(f, "GRANT {privilege} ON {} TO {}", Name(database), Name(user))
            }
            Definition::GrantAdmin { user } => write!(f, "GRANT ALL PRIVILEGES TO {}", Name(user)),
            Definition::Revoke { privilege, database, user } => {
                write!(f, "REVOKE {privilege} ON {} FROM {}", Name(database), Name(user))
            }
            Definition::RevokeAdmin { user } => write!(f, "REVOKE ALL PRIVILEGES FROM {}", Name(user)),
            Definition::CreateContinuousQuery { name, database, resample, select } => {
                write!(f, "CREATE CONTINUOUS QUERY {} ON {}{resample} BEGIN ", Name(name), Name(database))?;
                select.fmt(f)?;
                f.write_str(" END")
            }
            Definition::DropContinuousQuery { name, database } => {
                write!(f, "DROP CONTINUOUS QUERY {} ON {}", Name(name), Name(database))
            }
            Definition::CreateSubscription { name, database, policy, mode, destinations } => {
                let (name, database, policy) = (Name(name), Name(database), Name(policy));
                write!(f, "CREATE SUBSCRIPTION {name} ON {database}.{policy} DESTINATIONS {mode} ")?;
                list(f, destinations, |f, destination| StringLiteral(destination).fmt(f))
            }
            Definition::DropSubscription { name, database, policy } => {
                write!(f, "DROP SUBSCRIPTION {} ON {}.{}", Name(name), Name(database), Name(policy))
            }
        }
    }
}

impl Display for KillQuery {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "KILL QUERY {}", self.id)?;
        on(f, self.host.as_deref())
    }
}

fn for_module(f: &mut Formatter<'_>, statement: &str, module: Option<&str>) -> fmt::Result {
    f.write_str(statement)?;
    module.map_or(Ok(()), |module| write!(f, " FOR {}", StringLiteral(module)))
}

fn on(f: &mut Formatter<'_>, name: Option<&str>) -> fmt::Result {
    name.map_or(Ok(()), |name| write!(f, " ON {}", Name(name)))
}

/// Writes a SHOW statement about the schema; `with` writes its WITH clause, between FROM and WHERE.
fn schema_listing(
    f: &mut Formatter<'_>,
    statement: &str,
    clauses: &SchemaClauses,
    with: impl FnOnce(&mut Formatter<'_>) -> fmt::Result,
) -> fmt::Result {
    f.write_str(statement)?;
    on(f, clauses.database.as_deref())?;
    if !clauses.sources.is_empty() {
        f.write_str(" FROM ")?;
        displays(f, &clauses.sources)?;
    }
    with(f)?;
    where_clause(f, clauses.condition.as_ref())?;
    order_and_limits(f, clauses.order, clauses.limits)
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
                list(f, keys, |f, key| Name(key).fmt(f))?;
                f.write_str(")")
            }
        }
    }
}

fn deletion(f: &mut Formatter<'_>, statement: &str, clauses: &DeleteClauses) -> fmt::Result {
    f.write_str(statement)?;
    if !clauses.sources.is_empty() {
        f.write_str(" FROM ")?;
        displays(f, &clauses.sources)?;
    }
    where_clause(f, clauses.condition.as_ref())
}

/// The durations of CREATE DATABASE are written as Go writes durations; with a fraction, that is not a literal.
fn create_database(f: &mut Formatter<'_>, name: &str, with: Option<&RetentionOptions>) -> fmt::Result {
    write!(f, "CREATE DATABASE {}", Name(name))?;
    let Some(with) = with else { return Ok(()) };
    let text = |duration: Nanos, exact: bool| {
        if exact { DurationLiteral(duration).to_string() } else { DurationText(duration.0).to_string() }
    };
    let exact = f.alternate();
    f.write_str(" WITH")?;
    if let Some(duration) = with.duration {
        write!(f, " DURATION {}", text(duration, exact))?;
    }
    if let Some(replication) = with.replication {
        write!(f, " REPLICATION {replication}")?;
    }
    if let Some(duration) = with.shard_duration {
        write!(f, " SHARD DURATION {}", text(duration, exact))?;
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
        write!(f, " DURATION {}", DurationLiteral(duration))?;
    }
    if let Some(replication) = options.replication {
        write!(f, " REPLICATION {replication}")?;
    }
    if let Some(duration) = options.shard_duration {
        write!(f, " SHARD DURATION {}", DurationLiteral(duration))?;
    }
    if default { f.write_str(" DEFAULT") } else { Ok(()) }
}

impl Display for Password {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str("[REDACTED]")
    }
}

impl Display for Resample {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        if self.every.is_some() || self.for_.is_some() {
            f.write_str(" RESAMPLE")?;
        }
        if let Some(every) = self.every {
            write!(f, " EVERY {}", DurationLiteral(every))?;
        }
        self.for_.map_or(Ok(()), |for_| write!(f, " FOR {}", DurationLiteral(for_)))
    }
}
