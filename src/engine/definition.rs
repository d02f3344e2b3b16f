//! Statements that change the catalog, and the data that goes with what they drop.

use fluxstone_catalog::{Catalog, CatalogError, Change, PolicyAlteration, PolicySpec, Privileges, Subscription};
use fluxstone_influxql::ast::{RetentionOptions, Select, Statement};
use fluxstone_model::ShardId;
use fluxstone_storage::Transaction;

use super::execute::Run;
use super::names::{database_or, fill_in_select, measurements_of, required};
use super::statement_error::StatementError;
use super::{Core, Principal};

impl Core {
    /// Runs a statement that defines or drops something; gives its normal form, names filled in.
    pub(super) fn define(&self, id: usize, mut statement: Statement, run: &Run<'_>) -> Result<String, StatementError> {
        if let Statement::CreateContinuousQuery { database, select, .. } = &mut statement {
            self.fill_in_continuous_query(database, select, run)?;
        }
        let normal_form = statement.to_string();
        match &statement {
            Statement::CreateUser { name, password, admin } => {
                let bootstrap = id == 0 && run.session.principal == Principal::Nobody;
                self.create_user(name, &password.0, *admin, bootstrap)?;
            }
            Statement::SetPassword { user, password } => {
                let hash = self.passwords.hash(&password.0).map_err(|e| StatementError::running(e.to_string()))?;
                self.change(|catalog, _| Ok::<_, StatementError>(catalog.set_password(user, &hash)?))?;
            }
            Statement::DropUser { name } => {
                self.change(|catalog, _| Ok::<_, StatementError>(catalog.drop_user(name)?))?;
                let catalog = self.catalog.visible();
                self.passwords.retain(|user| catalog.user(user).is_some());
            }
            Statement::KillQuery { id, .. } => {
                if !self.queries.kill(*id) {
                    return Err(StatementError::running(format!("no such query id: {id}")));
                }
            }
            Statement::DropSeries { sources, condition } => self.drop_series(sources, condition.as_ref(), run)?,
            Statement::DropMeasurement { name } => self.drop_measurement(name, run)?,
            other => self.change(|catalog, transaction| {
                let changes = self.decide(catalog, other)?;
                drop_data(catalog, &changes, transaction);
                Ok::<_, StatementError>(changes)
            })?,
        }
        Ok(normal_form)
    }

    /// The decision of the catalog on a statement that needs nothing else.
    fn decide(&self, catalog: &Catalog, statement: &Statement) -> Result<Vec<Change>, CatalogError> {
        match statement {
            Statement::CreateDatabase { name, with } => {
                catalog.create_database(name, with.as_ref(), self.options.retention_autocreate)
            }
            Statement::DropDatabase { name } => Ok(catalog.drop_database(name)),
            Statement::CreateRetentionPolicy { name, database, options, default } => {
                catalog.create_policy(database, policy_spec(name, options), *default)
            }
            Statement::AlterRetentionPolicy { name, database, options, default } => {
                let alteration = PolicyAlteration {
                    duration: options.duration,
                    shard_duration: options.shard_duration,
                    replication: options.replication,
                    default: *default,
                };
                catalog.alter_policy(database, name, alteration)
            }
            Statement::DropRetentionPolicy { name, database } => Ok(catalog.drop_policy(database, name)),
            Statement::Grant { privilege, database, user } => {
                catalog.grant(user, database, Privileges::from(*privilege))
            }
            Statement::Revoke { privilege, database, user } => {
                catalog.revoke(user, database, Privileges::from(*privilege))
            }
            Statement::GrantAdmin { user } => catalog.set_admin(user, true),
            Statement::RevokeAdmin { user } => catalog.set_admin(user, false),
            Statement::CreateContinuousQuery { name, database, .. } => {
                // With exact numbers: this is what will be run.
                catalog.create_continuous_query(database, name, format!("{statement:#}"))
            }
            Statement::DropContinuousQuery { name, database } => catalog.drop_continuous_query(database, name),
            Statement::CreateSubscription { name, database, policy, mode, destinations } => {
                let (name, destinations) = (name.clone(), destinations.clone());
                let subscription = Subscription { name, mode: (*mode).into(), destinations };
                catalog.create_subscription(database, policy, subscription)
            }
            Statement::DropSubscription { name, database, policy } => catalog.drop_subscription(database, policy, name),
            Statement::DropShard { id } => Ok(catalog.drop_shard(ShardId(*id))),
            // All others were taken care of before.
            _ => Ok(Vec::new()),
        }
    }

    fn create_user(&self, name: &str, password: &str, admin: bool, bootstrap: bool) -> Result<(), StatementError> {
        let existing = self.catalog.visible().user(name).map(|user| user.hash.clone());
        let verified = existing.filter(|hash| self.passwords.matches(name, password, hash));
        let hash = self.passwords.hash(password).map_err(|e| StatementError::running(e.to_string()))?;
        self.change(|catalog, _| {
            // Another request may have made the first administrator since this one was let in without one.
            if bootstrap && !catalog.users().is_empty() {
                return Err(StatementError::running("authorization failed"));
            }
            Ok(catalog.create_user(name, &hash, verified.as_deref(), admin)?)
        })
    }

    /// Fills in names, by the `db` parameter or else the query's own database, and checks that they exist.
    fn fill_in_continuous_query(
        &self,
        database: &str,
        select: &mut Select,
        run: &Run<'_>,
    ) -> Result<(), StatementError> {
        let catalog = self.catalog.visible();
        let default = database_or(Some(&run.session.database), database);
        fill_in_select(&catalog, default, select)?;
        required(&catalog, database).map_err(|error| StatementError { before_running: false, ..error })?;
        let target = select.into.iter().map(|target| (&target.database, &target.policy));
        for (database, policy) in measurements_of(select).iter().map(|m| (&m.database, &m.policy)).chain(target) {
            if required(&catalog, database)?.policy(policy).is_none() {
                return Err(StatementError::running(format!("retention policy not found: {database}.{policy}")));
            }
        }
        Ok(())
    }

    fn drop_measurement(&self, name: &str, run: &Run<'_>) -> Result<(), StatementError> {
        let database = &run.session.database;
        let not_found = || CatalogError::DatabaseNotFound(database.clone());
        let catalog = self.catalog.visible();
        let found = catalog.database(database).ok_or_else(not_found)?;
        let has_shards = found.policies.iter().any(|p| !p.groups.is_empty());
        if has_shards && !self.store.has_measurement(found.id, name.as_bytes()) {
            return Err(StatementError::running(format!("measurement not found: {name}")));
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

/// Drops the data of what `changes` drop.
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
            _ => {}
        }
    }
}
