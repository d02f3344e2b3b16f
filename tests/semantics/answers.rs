//! The answers to one statement: of the executable semantics, and of the evaluator.

use std::ops::ControlFlow;
use std::sync::LazyLock;

use fluxstone::compat::SelectSemantics;
use fluxstone::influxql::ast::{Select, Statement};
use fluxstone::influxql::{Parameters, parse};
use fluxstone::model::Timestamp;
use fluxstone::query::{
    Context, MemoryBudget, ReadCounter, SelectLimits, SeriesRows, Sources, WINDOW_VALUES_MAX, WorkerPool, run,
};
use fluxstone_spec::policies::Policies;
use fluxstone_spec::select::{Table, select};
use fluxstone_spec::source::ModelStore;

use super::data::Step;
use super::stores::{self, Stored};

/// `now()` of all statements.
pub(crate) const NOW: Timestamp = Timestamp(50_000);

/// The threads of all queries.
static WORKERS: LazyLock<WorkerPool> = LazyLock::new(|| WorkerPool::new(3));

/// Parses a statement; `None` if it fails the checks that need no data.
pub(crate) fn statement(text: &str) -> Option<Select> {
    match parse(text, &Parameters::default()).ok()?.statements.pop()? {
        Statement::Select(select) => Some(*select),
        _ => None,
    }
}

/// Returns the answer of the evaluator, with its pieces joined. In some cases functions may hold only a few values of a window, so
/// that they read it several times.
pub(crate) fn evaluated(select: &Select, sources: &dyn Sources, chunk_rows: usize) -> Result<Vec<Table>, String> {
    let (limits, semantics) = (SelectLimits::default(), SelectSemantics::DOCUMENTED);
    let window_values_max = if chunk_rows.is_multiple_of(4) { chunk_rows / 4 } else { WINDOW_VALUES_MAX };
    let (memory, reads, workers) = (MemoryBudget::default(), ReadCounter::default(), WORKERS.clone());
    let context = Context {
        now: NOW,
        chunk_rows,
        plain_rows: false,
        limits,
        memory,
        reads,
        window_values_max,
        workers,
        semantics,
    };
    let mut tables: Vec<Table> = Vec::new();
    let mut goes_on = false;
    let mut take = |piece: SeriesRows| {
        let rows = piece.rows().map(<[_]>::to_vec);
        match tables.last_mut() {
            Some(table) if goes_on => table.rows.extend(rows),
            _ => tables.push(Table {
                name: piece.name.clone(),
                tags: piece.tags.to_vec(),
                columns: piece.columns.to_vec(),
                rows: rows.collect(),
            }),
        }
        goes_on = piece.more_rows;
    };
    let result = run(select, sources, &context, &mut |piece| {
        piece.into_iter().for_each(&mut take);
        ControlFlow::Continue(())
    });
    result.map(|()| tables).map_err(|error| error.to_string())
}

/// Returns the answer of the executable semantics.
pub(crate) fn meant(select_: &Select, policies: &Policies) -> Result<Vec<Table>, String> {
    select(policies, select_, NOW).map_err(|refused| refused.0)
}

/// An answer as text that shows every difference, such as between integers and floats or zeros with different signs.
pub(crate) fn shown(answer: &Result<Vec<Table>, String>) -> String {
    match answer {
        Ok(tables) => tables.iter().map(|table| format!("{table:?}")).collect::<Vec<_>>().join("\n"),
        Err(error) => format!("error: {error}\n"),
    }
}

/// One database in its three forms.
pub(crate) struct Bench {
    steps: Vec<Step>,
    pub(crate) model: Policies,
    in_memory: ModelStore,
    pub(crate) stored: Stored,
}

impl Bench {
    pub(crate) fn new(steps: Vec<Step>, block_values_max: usize) -> Bench {
        let model = stores::model(&steps);
        let in_memory = ModelStore::new(&model, block_values_max);
        let stored = Stored::new(&steps);
        Bench { steps, model, in_memory, stored }
    }

    /// Describes how the answers to a statement differ, if they do.
    pub(crate) fn difference(&self, text: &str, chunk_rows: usize) -> Option<String> {
        let select = statement(text)?;
        let meant = shown(&meant(&select, &self.model));
        let answers = [
            ("the evaluator over a source in memory", shown(&evaluated(&select, &self.in_memory, chunk_rows))),
            ("the evaluator over storage", shown(&evaluated(&select, &self.stored, chunk_rows))),
        ];
        let (who, answered) = answers.into_iter().find(|(_, answered)| *answered != meant)?;
        Some(format!("{text}\nmeant:\n{meant}{who}:\n{answered}after:\n{:#?}", self.steps))
    }
}
