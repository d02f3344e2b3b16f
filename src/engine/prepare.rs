//! Preparing a query: parse, bind, validate and authorize all statements. Nothing runs unless all of this succeeds.

use fluxstone_influxql::ast::Query;

use super::authorize::authorize;
use super::session::{PreparedQuery, Session};
use super::{Engine, ErrorKind, QueryRefusal, QueryRequest};

impl Engine {
    /// Parses, binds, validates and authorizes a query.
    pub fn prepare(&self, request: QueryRequest<'_>) -> Result<PreparedQuery, QueryRefusal> {
        let query = fluxstone_influxql::parse(request.text, request.parameters).map_err(|error| QueryRefusal {
            kind: ErrorKind::BadRequest,
            text: format!("error parsing query: {error}"),
        })?;
        let catalog = self.core.catalog.visible();
        authorize(&catalog, request.principal, request.database, &query).map_err(|refusal| QueryRefusal {
            kind: ErrorKind::Forbidden,
            text: format!("error authorizing query: {refusal}"),
        })?;
        let session = Session {
            principal: request.principal.clone(),
            database: request.database.to_owned(),
            read_only: request.read_only,
            chunk_rows: request.chunk_rows.max(1),
        };
        let Query { statements } = query;
        Ok(PreparedQuery { statements, session })
    }
}
