//! Changes of the catalog: decided on the latest version, logged with their data in one record, and visible and acknowledged once
//! they are on disk.

use fluxstone_catalog::{Catalog, Change};
use fluxstone_storage::{StorageError, Transaction};
use serde::Serialize;

use super::Core;

impl Core {
    /// Runs `decide` on the latest catalog inside a transaction, to which it can add changes of data. The changes of the catalog
    /// that it returns are logged in the same record. Returns when the record is on disk.
    ///
    /// If `decide` fails, nothing changes.
    pub(super) fn change<E: From<StorageError>>(
        &self,
        decide: impl FnOnce(&Catalog, &mut Transaction<'_>) -> Result<Vec<Change>, E>,
    ) -> Result<(), E> {
        self.change_in(self.store.begin()?, decide)
    }

    /// Like [`Core::change`], in a transaction that the caller has just begun.
    pub(super) fn change_in<'s, E: From<StorageError>>(
        &'s self,
        mut transaction: Transaction<'s>,
        decide: impl FnOnce(&Catalog, &mut Transaction<'_>) -> Result<Vec<Change>, E>,
    ) -> Result<(), E> {
        let latest = self.catalog.latest();
        let changes = decide(&latest.catalog, &mut transaction)?;
        for change in &changes {
            transaction.catalog_change(&encode(change)?);
        }
        let version = (!changes.is_empty()).then(|| self.catalog.advance(latest.catalog.apply_all(&changes)));
        let mut commit = transaction.commit();
        if let Err(error) = commit.wait_durable() {
            // A full disk refuses changes for a while, but no version that others may already build on.
            if version.is_some() || !matches!(error, StorageError::DiskFull) {
                self.catalog.fail();
            }
            return Err(error.into());
        }
        match version {
            Some(version) => self.catalog.publish(version),
            None if self.catalog.wait_until_visible(&latest) => {}
            None => return Err(StorageError::ReadOnly.into()),
        }
        // Nobody waits for this but the client that deletes something.
        Ok(commit.wait()?)
    }
}

/// The encoding of a part of the catalog in the log or the checkpoint.
pub(super) fn encode(part: &impl Serialize) -> Result<Vec<u8>, StorageError> {
    // This cannot fail, because all keys are strings. An error is better than a panic if that ever changes.
    serde_json::to_vec(part)
        .map_err(|e| StorageError::Io { context: "encode the catalog".to_owned(), source: e.into() })
}
