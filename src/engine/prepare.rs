//! Preparing a query: parse, bind, validate and authorize all statements. Nothing runs unless all of this succeeds.

use fluxstone_influxql::ErrorKind as ParseErrorKind;
use fluxstone_influxql::ast::Query;
use fluxstone_query::{MemoryBudget, ReadCounter};

use super::authorize::{Unauthorized, authorize};
use super::session::{PreparedQuery, Session};
use super::{Engine, ErrorKind, QueryRefusal, QueryRequest};

impl Engine {
    /// Parses, binds, validates and authorizes a query.
    pub fn prepare(&self, request: QueryRequest<'_>) -> Result<PreparedQuery, QueryRefusal> {
        let memory = self.core.query_memory.budget(self.core.options.query_memory_max);
        let mut reservation = memory.reserve();
        let mut charge = |bytes| reservation.grow(bytes).map_err(|error| error.to_string());
        let parsed = fluxstone_influxql::parse_within(request.text, request.parameters, &mut charge);
        let query = parsed.map_err(|error| {
            let later = error.kind() == ParseErrorKind::Memory && MemoryBudget::is_shared_limit(&error.to_string());
            QueryRefusal {
                kind: if later { ErrorKind::Unavailable } else { ErrorKind::BadRequest },
                text: format!("error parsing query: {error}"),
                clause: error.clause(),
            }
        })?;
        let catalog = self.core.catalog.visible();
        let semantics = self.core.options.semantics.statements;
        authorize(&catalog, request.principal, request.database, &query, semantics).map_err(
            |Unauthorized { clause, text }| QueryRefusal {
                kind: ErrorKind::Forbidden,
                text: format!("error authorizing query: {text}"),
                clause,
            },
        )?;
        let session = Session {
            principal: request.principal.clone(),
            database: request.database.to_owned(),
            read_only: request.read_only,
            chunk_rows: request.chunk_rows.max(1),
            memory,
            reads: ReadCounter::default(),
        };
        let Query { statements } = query;
        Ok(PreparedQuery { statements, session, reservation })
    }
}
