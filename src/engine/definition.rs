//! Statements that change the catalog or drop data by name.

use fluxstone_catalog::{
    Catalog, CatalogError, Change, ContinuousQuery, PolicyAlteration, PolicySpec, Privileges, Subscription,
};
use fluxstone_influxql::ast::{Definition, RetentionOptions, Select};
use fluxstone_model::{Clause, ShardId};
use fluxstone_storage::Transaction;

use super::execute::StatementContext;
use super::names::{database_or, fill_in_select, measurements_of, required};
use super::statement_error::StatementError;
use super::{Core, Engine, ErrorKind, Principal, WriteError};

impl Engine {
    /// Creates a database for an input that writes to it, unless it exists.
    pub fn create_database(&self, name: &str) -> Result<(), WriteError> {
        let autocreate = self.core.options.retention_autocreate;
        let created = self.core.decide(|catalog| catalog.create_database(name, None, autocreate));
        created.map_err(|error| WriteError::new(ErrorKind::Internal, error.clause, error.text))
    }
}

impl Core {
    /// Runs a statement that changes the catalog or drops data by name. Returns its normal form, with names filled in.
    pub(super) fn define(
        &self,
        id: usize,
        mut definition: Definition,
        context: &StatementContext<'_>,
    ) -> Result<String, StatementError> {
        if let Definition::CreateContinuousQuery { database, select, .. } = &mut definition {
            self.fill_in_continuous_query(database, select, context)?;
        }
        let bootstrap = id == 0 && context.session.principal == Principal::Nobody;
        match &definition {
            Definition::CreateDatabase { name, with } => {
                let autocreate = self.options.retention_autocreate;
                self.decide(|catalog| catalog.create_database(name, with.as_ref(), autocreate))
            }
            Definition::DropDatabase { name } => self.decide(|catalog| Ok(catalog.drop_database(name))),
            Definition::CreateRetentionPolicy { name, database, options, default } => {
                self.decide(|catalog| catalog.create_policy(database, policy_spec(name, options), *default))
            }
            Definition::AlterRetentionPolicy { name, database, options, default } => {
                self.decide(|catalog| catalog.alter_policy(database, name, alteration(options, *default)))
            }
            Definition::DropRetentionPolicy { name, database } => {
                self.decide(|catalog| Ok(catalog.drop_policy(database, name)))
            }
            Definition::DropMeasurement { name } => self.drop_measurement(name, context),
            Definition::DropSeries(clauses) => self.drop_series(clauses, context),
            Definition::DropShard { id } => self.decide(|catalog| Ok(catalog.drop_shard(ShardId(*id)))),
            Definition::CreateUser { name, password, admin } => self.create_user(name, &password.0, *admin, bootstrap),
            Definition::DropUser { name } => self.drop_user(name),
            Definition::SetPassword { user, password } => self.set_password(user, &password.0),
            Definition::Grant { privilege, database, user } => {
                self.decide(|catalog| catalog.grant(user, database, Privileges::from(*privilege)))
            }
            Definition::GrantAdmin { user } => self.decide(|catalog| catalog.set_admin(user, true)),
            Definition::Revoke { privilege, database, user } => {
                self.decide(|catalog| catalog.revoke(user, database, Privileges::from(*privilege)))
            }
            Definition::RevokeAdmin { user } => self.decide(|catalog| catalog.set_admin(user, false)),
            Definition::CreateContinuousQuery { name, database, .. } => {
                // With exact numbers: this is the text that will be run.
                let text = format!("{definition:#}");
                let author = match &context.session.principal {
                    Principal::User(user) => Some(user.clone()),
                    Principal::Anyone | Principal::Nobody => None,
                };
                let query = ContinuousQuery { name: name.clone(), text, author, author_dropped: false, last_run: None };
                self.decide(|catalog| catalog.create_continuous_query(database, query))
            }
            Definition::DropContinuousQuery { name, database } => {
                self.decide(|catalog| catalog.drop_continuous_query(database, name))
            }
            Definition::CreateSubscription { name, database, policy, mode, destinations } => {
                let (name, destinations) = (name.clone(), destinations.clone());
                let subscription = Subscription { name, mode: *mode, destinations };
                self.decide(|catalog| catalog.create_subscription(database, policy, subscription))
            }
            Definition::DropSubscription { name, database, policy } => {
                self.decide(|catalog| catalog.drop_subscription(database, policy, name))
            }
        }?;
        Ok(definition.to_string())
    }

    /// Logs the changes that the catalog decides on, and drops the data that belongs to what they drop.
    fn decide(
        &self,
        decision: impl FnOnce(&Catalog) -> Result<Vec<Change>, CatalogError>,
    ) -> Result<(), StatementError> {
        self.change(|catalog, transaction| {
            let changes = decision(catalog)?;
            drop_data(catalog, &changes, transaction);
            Ok(changes)
        })
    }

    fn drop_user(&self, name: &str) -> Result<(), StatementError> {
        self.decide(|catalog| catalog.drop_user(name))?;
        let catalog = self.catalog.visible();
        self.passwords.retain(|user| catalog.user(user).is_some());
        Ok(())
    }

    fn set_password(&self, user: &str, password: &str) -> Result<(), StatementError> {
        let hash = self
            .passwords
            .hash(password)
            .map_err(|e| StatementError::running(Clause::new("statements.user.1"), e.to_string()))?;
        self.decide(|catalog| catalog.set_password(user, &hash))?;
        // So that the first log-in does not hash again.
        self.passwords.remember(user, password, &hash);
        Ok(())
    }

    fn create_user(&self, name: &str, password: &str, admin: bool, bootstrap: bool) -> Result<(), StatementError> {
        let existing = self.catalog.visible().user(name).map(|user| user.hash.clone());
        let verified = existing.filter(|hash| self.passwords.matches(name, password, hash));
        let hash = self
            .passwords
            .hash(password)
            .map_err(|e| StatementError::running(Clause::new("statements.user.1"), e.to_string()))?;
        self.change(|catalog, _| {
            // Another request may have created the first administrator since this one was authorized without one.
            if bootstrap && !catalog.users().is_empty() {
                return Err(StatementError::running(Clause::new("statements.privilege.3"), "authorization failed"));
            }
            Ok(catalog.create_user(name, &hash, verified.as_deref(), admin)?)
        })?;
        if verified.is_none() {
            self.passwords.remember(name, password, &hash);
        }
        Ok(())
    }

    /// Fills in names, by the `db` parameter or else the query's own database, and checks that they exist.
    fn fill_in_continuous_query(
        &self,
        database: &str,
        select: &mut Select,
        context: &StatementContext<'_>,
    ) -> Result<(), StatementError> {
        let catalog = self.catalog.visible();
        let default = database_or(Some(&context.session.database), database);
        fill_in_select(&catalog, default, select)?;
        required(&catalog, database).map_err(StatementError::while_running)?;
        let target = select.into.iter().map(|target| (&target.database, &target.policy));
        for (database, policy) in measurements_of(select).iter().map(|m| (&m.database, &m.policy)).chain(target) {
            if required(&catalog, database)?.policy(policy).is_none() {
                let text = format!("retention policy not found: {database}.{policy}");
                return Err(StatementError::running(Clause::new("statements.name.4"), text));
            }
        }
        Ok(())
    }

    fn drop_measurement(&self, name: &str, context: &StatementContext<'_>) -> Result<(), StatementError> {
        let database = &context.session.database;
        let not_found = || CatalogError::DatabaseNotFound(database.clone());
        let catalog = self.catalog.visible();
        let found = catalog.database(database).ok_or_else(not_found)?;
        let has_shards = found.policies.iter().any(|p| !p.groups.is_empty());
        if has_shards && !self.store.has_measurement(found.id, name.as_bytes()) {
            return Err(StatementError::running(
                Clause::new("statements.delete.5"),
                format!("measurement not found: {name}"),
            ));
        }
        self.change(|catalog, transaction| {
            let found = catalog.database(database).ok_or_else(not_found)?;
            transaction.drop_measurement(found.id, name.as_bytes());
            Ok(Vec::new())
        })
    }
}

fn policy_spec(name: &str, options: &RetentionOptions) -> PolicySpec {
    PolicySpec {
        name: name.to_owned(),
        duration: options.duration.unwrap_or_default(),
        shard_duration: options.shard_duration.unwrap_or_default(),
        replication: options.replication.unwrap_or(1),
    }
}

fn alteration(options: &RetentionOptions, default: bool) -> PolicyAlteration {
    PolicyAlteration {
        duration: options.duration,
        shard_duration: options.shard_duration,
        replication: options.replication,
        default,
    }
}

/// Drops the data that belongs to what `changes` drop.
fn drop_data(catalog: &Catalog, changes: &[Change], transaction: &mut Transaction<'_>) {
    for change in changes {
        match change {
            Change::DropDatabase { id } => transaction.drop_database(*id),
            Change::DropPolicy { database, name } => {
                let found = catalog.databases().find(|d| d.id == *database).and_then(|d| d.policy(name));
                if let Some(policy) = found {
                    transaction.drop_shards(*database, &policy.groups.shards());
                }
            }
            Change::DropGroup { database, group } => {
                let found = catalog.databases().find(|d| d.id == *database).into_iter();
                let groups = found.flat_map(|d| &d.policies).flat_map(|p| p.groups.iter());
                let shards: Vec<_> = groups.filter(|g| g.id == *group).map(|g| g.shard).collect();
                transaction.drop_shards(*database, &shards);
            }
            Change::CreateDatabase { .. }
            | Change::CreatePolicy { .. }
            | Change::AlterPolicy { .. }
            | Change::CreateGroup { .. }
            | Change::CreateUser { .. }
            | Change::DropUser { .. }
            | Change::SetPassword { .. }
            | Change::SetAdmin { .. }
            | Change::SetGrant { .. }
            | Change::CreateContinuousQuery { .. }
            | Change::DropContinuousQuery { .. }
            | Change::RunContinuousQuery { .. }
            | Change::CreateSubscription { .. }
            | Change::DropSubscription { .. } => {}
        }
    }
}
