//! The engine as the endpoints see it, as a trait, so that tests can run them over a socket without one.

use std::ops::ControlFlow;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use fluxstone_engine::{
    AuthState, Clock, ClockMove, Engine, LoginError, LoginMark, Mode, MoveError, PreparedQuery, Principal,
    QueryRefusal, QueryRequest, StatementResult, Statistics, TakesLong, WriteError, WriteRequest, WrittenPoints,
};
use fluxstone_line_protocol::{ParsedBody, Precision};
use fluxstone_model::Timestamp;
use fluxstone_query::ReadCounter;

/// The calls of [`Engine`], which documents them.
pub trait Api: Send + Sync + 'static {
    /// A query that is parsed and authorized.
    type Prepared: Send;

    /// See [`Engine::auth_state`].
    fn auth_state(&self) -> AuthState;
    /// See [`Engine::statistics`].
    fn statistics(&self) -> Vec<Statistics>;
    /// The mode of [`Engine::storage_health`].
    fn storage_mode(&self) -> Mode;
    /// See [`Engine::add_statistics`].
    fn add_statistics(&self, source: impl Fn() -> Option<Statistics> + Send + Sync + 'static);
    /// See [`Engine::written_points`].
    fn written_points(&self) -> WrittenPoints;
    /// See [`Engine::login`].
    fn login(&self, user: &str, password: &str) -> Result<Principal, LoginError>;
    /// See [`Engine::remembered_login`].
    fn remembered_login(&self, user: &str, password: &str) -> Option<Principal>;
    /// See [`Engine::user`].
    fn user(&self, name: &str) -> Option<Principal>;
    /// See [`Engine::login_mark`].
    fn login_mark(&self, name: &str) -> Option<LoginMark>;
    /// See [`Engine::last_run`].
    fn last_run(&self, database: &str, continuous_query: &str) -> Option<Timestamp>;
    /// See [`Engine::may_control`].
    fn may_control(&self, principal: &Principal) -> bool;
    /// See [`Engine::clock`].
    fn clock(&self) -> &dyn Clock;
    /// See [`Engine::move_clock`].
    fn move_clock(&self, to: ClockMove) -> Result<(), MoveError>;
    /// See [`Engine::reset`].
    fn reset(&self) -> Result<(), MoveError>;
    /// See [`Engine::authorize_write`].
    fn authorize_write(&self, principal: &Principal, database: &[u8]) -> Result<(), WriteError>;
    /// See [`Engine::write`].
    fn write(&self, request: WriteRequest<'_>) -> Result<(), WriteError>;
    /// See [`Engine::parse_lines`].
    fn parse_lines<'a>(&self, body: &'a [u8], precision: Precision) -> ParsedBody<'a>;
    /// See [`Engine::prepare`].
    fn prepare(&self, request: QueryRequest<'_>) -> Result<Self::Prepared, QueryRefusal>;
    /// See [`PreparedQuery::only_reads`].
    fn only_reads(query: &Self::Prepared) -> bool;
    /// See [`PreparedQuery::read_counter`].
    fn read_counter(query: &Self::Prepared) -> ReadCounter;
    /// See [`Engine::execute_briefly`].
    fn execute_briefly(
        &self,
        query: Self::Prepared,
        time_max: Duration,
        emit: &mut dyn FnMut(StatementResult) -> ControlFlow<()>,
    ) -> Result<(), TakesLong>;
    /// See [`Engine::execute`].
    fn execute(
        &self,
        query: Self::Prepared,
        cancelled: &AtomicBool,
        emit: &mut dyn FnMut(StatementResult) -> ControlFlow<()>,
    );
}

impl Api for Engine {
    type Prepared = PreparedQuery;

    fn auth_state(&self) -> AuthState {
        Engine::auth_state(self)
    }
    fn statistics(&self) -> Vec<Statistics> {
        Engine::statistics(self)
    }
    fn storage_mode(&self) -> Mode {
        self.storage_health().mode
    }
    fn add_statistics(&self, source: impl Fn() -> Option<Statistics> + Send + Sync + 'static) {
        Engine::add_statistics(self, source);
    }
    fn written_points(&self) -> WrittenPoints {
        Engine::written_points(self)
    }
    fn login(&self, user: &str, password: &str) -> Result<Principal, LoginError> {
        Engine::login(self, user, password)
    }
    fn remembered_login(&self, user: &str, password: &str) -> Option<Principal> {
        Engine::remembered_login(self, user, password)
    }
    fn user(&self, name: &str) -> Option<Principal> {
        Engine::user(self, name)
    }
    fn login_mark(&self, name: &str) -> Option<LoginMark> {
        Engine::login_mark(self, name)
    }
    fn last_run(&self, database: &str, continuous_query: &str) -> Option<Timestamp> {
        Engine::last_run(self, database, continuous_query)
    }
    fn may_control(&self, principal: &Principal) -> bool {
        Engine::may_control(self, principal)
    }
    fn clock(&self) -> &dyn Clock {
        Engine::clock(self)
    }
    fn move_clock(&self, to: ClockMove) -> Result<(), MoveError> {
        Engine::move_clock(self, to)
    }
    fn reset(&self) -> Result<(), MoveError> {
        Engine::reset(self)
    }
    fn authorize_write(&self, principal: &Principal, database: &[u8]) -> Result<(), WriteError> {
        Engine::authorize_write(self, principal, database)
    }
    fn write(&self, request: WriteRequest<'_>) -> Result<(), WriteError> {
        Engine::write(self, request)
    }
    fn parse_lines<'a>(&self, body: &'a [u8], precision: Precision) -> ParsedBody<'a> {
        Engine::parse_lines(self, body, precision)
    }
    fn prepare(&self, request: QueryRequest<'_>) -> Result<PreparedQuery, QueryRefusal> {
        Engine::prepare(self, request)
    }
    fn only_reads(query: &PreparedQuery) -> bool {
        query.only_reads()
    }
    fn read_counter(query: &PreparedQuery) -> ReadCounter {
        query.read_counter()
    }
    fn execute_briefly(
        &self,
        query: PreparedQuery,
        time_max: Duration,
        emit: &mut dyn FnMut(StatementResult) -> ControlFlow<()>,
    ) -> Result<(), TakesLong> {
        Engine::execute_briefly(self, query, time_max, emit)
    }
    fn execute(
        &self,
        query: PreparedQuery,
        cancelled: &AtomicBool,
        emit: &mut dyn FnMut(StatementResult) -> ControlFlow<()>,
    ) {
        Engine::execute(self, query, cancelled, emit);
    }
}
