//! An engine that does what the text of a query tells it, and remembers what was written.

use std::ops::ControlFlow;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use fluxstone_engine::{
    AuthState, Clock, ClockMove, ErrorKind, LoginError, LoginMark, Mode, MoveError, Principal, QueryRefusal,
    QueryRequest, StatementResult, Statistics, SystemClock, TakesLong, WriteError, WriteRequest, WrittenPoints,
};
use fluxstone_line_protocol::{ParsedBody, Precision, parse};
use fluxstone_model::{Clause, Timestamp};
use fluxstone_query::{ReadCounter, SeriesRows, Value};

use crate::Api;

/// The clause of each error.
const CLAUSE: Clause = Clause::new("http.errors.1");

/// The only database is `d`, the only user `root` with password `toor`.
#[derive(Debug, Default)]
pub(super) struct FakeEngine {
    /// `database policy precision consistency body` of each write.
    pub(super) written: Mutex<Vec<String>>,
    /// The requests that were prepared.
    pub(super) prepared: Mutex<Vec<String>>,
    /// How queries ended: `done` or `cancelled`.
    pub(super) ended: Mutex<Vec<&'static str>>,
    /// How many queries ran on the threads of their connections.
    pub(super) brief: AtomicUsize,
    /// Whether no administrator exists.
    pub(super) no_admin: AtomicBool,
    /// Whether it stores anything.
    pub(super) mode: Mutex<Mode>,
    given_up: AtomicBool,
    statistics: Mutex<Sources>,
    /// Password checks now, the most at once, and all.
    logins: Mutex<(usize, usize, usize)>,
}

/// Those who count something.
#[derive(Default)]
struct Sources(Vec<Box<dyn Fn() -> Option<Statistics> + Send + Sync>>);

impl std::fmt::Debug for Sources {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} sources", self.0.len())
    }
}

impl FakeEngine {
    /// Lets queries that wait end.
    pub(super) fn give_up(&self) {
        self.given_up.store(true, Ordering::Relaxed);
    }

    /// The most password checks at once, and all.
    pub(super) fn logins(&self) -> (usize, usize) {
        let (_, most, all) = *self.logins.lock().unwrap();
        (most, all)
    }

    fn count_login(&self) {
        let mut logins = self.logins.lock().unwrap();
        *logins = (logins.0 + 1, logins.1.max(logins.0 + 1), logins.2 + 1);
    }

    pub(super) fn last_prepared(&self) -> String {
        self.prepared.lock().unwrap().last().cloned().unwrap_or_default()
    }

    pub(super) fn last_written(&self) -> String {
        self.written.lock().unwrap().last().cloned().unwrap_or_default()
    }

    /// Waits until a query has ended, and says how.
    pub(super) fn wait_for_end(&self) -> &'static str {
        for _ in 0..2000 {
            if let Some(how) = self.ended.lock().unwrap().last() {
                return how;
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        "not at all"
    }
}

/// Rows `from` to `to` of the series `m`, two columns alike.
fn rows(from: i64, to: i64, more_rows: bool) -> SeriesRows {
    SeriesRows {
        name: "m".into(),
        tags: std::sync::Arc::new([]),
        columns: ["time".into(), "v".into()].into(),
        cells: (from..=to).flat_map(|i| [Value::Time(Timestamp(i)), Value::Integer(i)]).collect(),
        plain: None,
        more_rows,
    }
}

impl Api for FakeEngine {
    /// The statements, and the rows of a piece.
    type Prepared = (Vec<String>, i64);

    fn auth_state(&self) -> AuthState {
        if self.no_admin.load(Ordering::Relaxed) { AuthState::NoAdmin } else { AuthState::Ready }
    }

    fn statistics(&self) -> Vec<Statistics> {
        let database = Statistics {
            name: "database",
            tags: vec![("database", "d".to_owned())],
            values: vec![("numSeries", Value::Integer(2))],
        };
        let storage = Statistics {
            name: "storage",
            tags: Vec::new(),
            values: vec![("mode", Value::String("writable".into())), ("sealingFails", Value::Boolean(false))],
        };
        let sources = self.statistics.lock().unwrap();
        [database, storage].into_iter().chain(sources.0.iter().filter_map(|source| source())).collect()
    }

    fn storage_mode(&self) -> Mode {
        *self.mode.lock().unwrap()
    }

    fn add_statistics(&self, source: impl Fn() -> Option<Statistics> + Send + Sync + 'static) {
        self.statistics.lock().unwrap().0.push(Box::new(source));
    }

    fn written_points(&self) -> WrittenPoints {
        WrittenPoints { stored: 7, ..WrittenPoints::default() }
    }

    fn login(&self, user: &str, password: &str) -> Result<Principal, LoginError> {
        self.count_login();
        if user == "slow" {
            std::thread::sleep(Duration::from_millis(50));
        }
        self.logins.lock().unwrap().0 -= 1;
        match (user, password) {
            ("", _) => Err(LoginError::UsernameRequired),
            ("root", "toor") => Ok(Principal::User("root".to_owned())),
            _ => Err(LoginError::Failed),
        }
    }

    fn remembered_login(&self, _user: &str, _password: &str) -> Option<Principal> {
        None
    }

    fn user(&self, name: &str) -> Option<Principal> {
        (name == "root").then(|| Principal::User("root".to_owned()))
    }

    fn login_mark(&self, name: &str) -> Option<LoginMark> {
        (name == "root").then(|| LoginMark::of("toor"))
    }

    fn last_run(&self, _database: &str, _continuous_query: &str) -> Option<Timestamp> {
        None
    }

    fn may_control(&self, principal: &Principal) -> bool {
        !matches!(principal, Principal::User(name) if name != "root")
    }

    fn clock(&self) -> &dyn Clock {
        &SystemClock
    }

    fn move_clock(&self, _to: ClockMove) -> Result<(), MoveError> {
        Err(MoveError::NotSettable)
    }

    fn reset(&self) -> Result<(), MoveError> {
        self.written.lock().unwrap().clear();
        Ok(())
    }

    fn authorize_write(&self, principal: &Principal, database: &[u8]) -> Result<(), WriteError> {
        let error = |kind, text: &str| Err(WriteError { kind, text: text.into(), clause: CLAUSE, partial: None });
        match (database, principal) {
            (b"panic", _) => panic!("as asked"),
            (b"d", Principal::Nobody) => error(ErrorKind::Forbidden, "user is required to write to database \"d\""),
            (b"d", _) => Ok(()),
            _ => error(ErrorKind::NotFound, "database not found: \"x\""),
        }
    }

    fn write(&self, request: WriteRequest<'_>) -> Result<(), WriteError> {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        assert_ne!(request.body, b"panic");
        self.written.lock().unwrap().push(format!(
            "{} {} {} {} {}",
            text(request.database),
            text(request.policy),
            request.precision.nanos(),
            text(request.consistency),
            text(request.body)
        ));
        match request.body.strip_prefix(b"bad ") {
            Some(line) => {
                Err(WriteError { kind: ErrorKind::BadRequest, text: line.into(), clause: CLAUSE, partial: None })
            }
            None if request.policy == b"nosuch" => Err(WriteError {
                kind: ErrorKind::Internal,
                text: "retention policy not found: nosuch".into(),
                clause: CLAUSE,
                partial: None,
            }),
            None => Ok(()),
        }
    }

    fn parse_lines<'a>(&self, body: &'a [u8], precision: Precision) -> ParsedBody<'a> {
        parse(body, precision, Timestamp::EPOCH)
    }

    fn prepare(&self, request: QueryRequest<'_>) -> Result<Self::Prepared, QueryRefusal> {
        self.prepared.lock().unwrap().push(format!(
            "{:?} db={} read_only={} chunk={} {:?} {}",
            request.principal,
            request.database,
            request.read_only,
            request.chunk_rows,
            request.parameters,
            request.text
        ));
        match request.text {
            "syntax" => Err(QueryRefusal {
                kind: ErrorKind::BadRequest,
                text: "error parsing query: <x>".to_owned(),
                clause: CLAUSE,
            }),
            "forbidden" => Err(QueryRefusal {
                kind: ErrorKind::Forbidden,
                text: "error authorizing query: no".to_owned(),
                clause: CLAUSE,
            }),
            "panic early" => panic!("as asked"),
            text => {
                let statements = text.split(';').map(str::trim).filter(|s| !s.is_empty()).map(str::to_owned);
                Ok((statements.collect(), request.chunk_rows as i64))
            }
        }
    }

    fn only_reads((statements, _): &Self::Prepared) -> bool {
        !statements.iter().any(|statement| statement == "change")
    }

    fn read_counter(_query: &Self::Prepared) -> ReadCounter {
        ReadCounter::default()
    }

    /// Runs `rows`, and begins with what takes longer.
    fn execute_briefly(
        &self,
        query: Self::Prepared,
        _time_max: Duration,
        emit: &mut dyn FnMut(StatementResult) -> ControlFlow<()>,
    ) -> Result<(), TakesLong> {
        assert!(Self::only_reads(&query));
        let stays_brief = !query.0.iter().any(|statement| statement.ends_with("longer"));
        self.brief.fetch_add(1, Ordering::Relaxed);
        self.execute(query, &AtomicBool::new(false), emit);
        if stays_brief { Ok(()) } else { Err(TakesLong) }
    }

    fn execute(
        &self,
        (statements, chunk_rows): Self::Prepared,
        cancelled: &AtomicBool,
        emit: &mut dyn FnMut(StatementResult) -> ControlFlow<()>,
    ) {
        let mut end = "done";
        'statements: for (statement_id, statement) in statements.iter().enumerate() {
            let piece = StatementResult { statement_id, ..StatementResult::default() };
            match statement.split_once(' ').unwrap_or((statement, "")) {
                ("rows", n) => {
                    let n: i64 = n.parse().unwrap();
                    let mut from = 1;
                    while from <= n {
                        let to = (from + chunk_rows - 1).min(n);
                        let series = Some(rows(from, to, to < n));
                        if emit(StatementResult { series, more: to < n, ..piece.clone() }).is_break() {
                            end = "cancelled";
                            break 'statements;
                        }
                        from = to + 1;
                    }
                }
                ("panic", _) => {
                    let _ = emit(StatementResult { series: Some(rows(1, 20_000, true)), ..piece });
                    panic!("as asked");
                }
                ("wait", _) => {
                    while !cancelled.load(Ordering::Relaxed) && !self.given_up.load(Ordering::Relaxed) {
                        std::thread::sleep(Duration::from_millis(5));
                    }
                    end = "cancelled";
                }
                ("sleep", ms) => {
                    std::thread::sleep(Duration::from_millis(ms.parse().unwrap()));
                    let _ = emit(piece);
                }
                ("error", text) => {
                    let _ = emit(StatementResult { error: Some(text.to_owned()), clause: Some(CLAUSE), ..piece });
                }
                _ => {
                    let _ = emit(piece);
                }
            }
        }
        self.ended.lock().unwrap().push(end);
    }
}
