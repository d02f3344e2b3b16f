//! The decisions to create and drop a continuous query.

use crate::catalog::Catalog;
use crate::change::Change;
use crate::continuous_query::ContinuousQuery;
use crate::error::CatalogError;

impl Catalog {
    /// `CREATE CONTINUOUS QUERY`. No changes if the query exists with the same text, ignoring letter case.
    pub fn create_continuous_query(&self, database: &str, query: ContinuousQuery) -> Result<Vec<Change>, CatalogError> {
        let database = self.required_database(database)?;
        match database.continuous_query(&query.name) {
            None => Ok(vec![Change::CreateContinuousQuery { database: database.id, query }]),
            Some(existing) if existing.text.to_lowercase() == query.text.to_lowercase() => Ok(Vec::new()),
            Some(_) => Err(CatalogError::ContinuousQueryExists),
        }
    }

    /// `DROP CONTINUOUS QUERY`.
    pub fn drop_continuous_query(&self, database: &str, name: &str) -> Result<Vec<Change>, CatalogError> {
        let database = self.required_database(database)?;
        if database.continuous_query(name).is_none() {
            return Err(CatalogError::ContinuousQueryNotFound);
        }
        Ok(vec![Change::DropContinuousQuery { database: database.id, name: name.to_owned() }])
    }
}
