//! The statements: what each is made of, and how it is written ([`crate::print`] says what `{}` and `{:#}` mean).

use std::fmt::{self, Display, Formatter};

use fluxstone_go::DurationText;
use fluxstone_model::Nanos;

use super::{
    Expr, Measurement, MeasurementFilter, Password, Privilege, Resample, RetentionOptions, Select, Show,
    SubscriptionMode, TagKeyFilter,
};
use crate::duration::Literal as Duration;
use crate::print::{Literal, Name, displays, list, order_and_limits, where_clause};

/// The statements of one request, in order.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Query {
    /// The statements.
    pub statements: Vec<Statement>,
}

/// One statement.
#[derive(Debug, Clone, PartialEq)]
#[expect(missing_docs, reason = "the fields of each statement are named as in its grammar")]
pub enum Statement {
    Select(Box<Select>),
    Delete {
        sources: Vec<Measurement>,
        condition: Option<Expr>,
    },
    DropSeries {
        sources: Vec<Measurement>,
        condition: Option<Expr>,
    },
    DropMeasurement {
        name: String,
    },
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
    DropShard {
        id: u64,
    },
    KillQuery {
        id: u64,
        host: Option<String>,
    },
    ShowContinuousQueries,
    ShowDatabases,
    ShowDiagnostics {
        module: Option<String>,
    },
    ShowFieldKeys(Show),
    ShowGrants {
        user: String,
    },
    ShowMeasurements {
        show: Show,
        with: Option<MeasurementFilter>,
    },
    ShowQueries,
    ShowRetentionPolicies {
        database: Option<String>,
    },
    ShowSeries(Show),
    ShowShardGroups,
    ShowShards,
    ShowStats {
        module: Option<String>,
    },
    ShowSubscriptions,
    ShowTagKeys(Show),
    ShowTagValues {
        show: Show,
        keys: TagKeyFilter,
    },
    ShowUsers,
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
        }
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
                list(f, keys, |f, key| Name(key).fmt(f))?;
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

/// The durations of CREATE DATABASE are written as Go writes durations, which is no literal where it has a fraction.
fn create_database(f: &mut Formatter<'_>, name: &str, with: Option<&RetentionOptions>) -> fmt::Result {
    write!(f, "CREATE DATABASE {}", Name(name))?;
    let Some(with) = with else { return Ok(()) };
    let text = |duration: Nanos, exact: bool| {
        if exact { Duration(duration).to_string() } else { DurationText(duration.0).to_string() }
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
