//! Evaluates many groups on several threads. Each thread evaluates every n-th strip of neighbouring groups, in order; the pieces
//! are emitted in the order of the groups, so the answer is the same as that of one thread.
//!
//! Memory is bounded as with one thread, times the number of threads: a thread that is ahead waits until its pieces are taken.

use std::ops::ControlFlow;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::time::Duration;

use super::budget::Reservation;
use super::context::Context;
use super::error::QueryError;
use super::execution::Execution;
use super::group_rows;
use super::groups::Group;
use super::plan::Plan;
use super::result::SeriesRows;
use super::value::Value;
use super::worker_pool::Reserved;

/// The minimum number of groups for which several threads are used.
const GROUPS_MIN: usize = 4;
/// A thread's share is at least this many strips if there are enough groups, so that all threads finish at about the same time.
const STRIPS_PER_THREAD: usize = 8;
/// The maximum number of groups in a strip.
const STRIP_GROUPS_MAX: usize = 256;
/// How many messages of a thread may wait to be taken.
const QUEUED_MAX: usize = 2;
/// The memory of a piece without its cells.
const PIECE_BYTES: usize = size_of::<SeriesRows>() + 64;
/// How often the caller is asked whether to go on while no message arrives.
const POLL: Duration = Duration::from_millis(10);

/// What a thread reports, in order.
enum Message {
    Pieces(Vec<SeriesRows>, Reservation),
    /// A strip is done, or has failed.
    End(Result<(), QueryError>),
}

/// Reserves threads for `groups`; `None` if they are not worth it or none are free. A limit on points counts them in the order
/// in which one thread reads them.
pub(super) fn reserve<'c>(context: &'c Context, plan: &Plan, groups: &[Group]) -> Option<Reserved<'c>> {
    let is_large = groups.len() >= GROUPS_MIN && context.limits.points_max == 0;
    // A thread has a message that it makes, one that waits to be sent, and the queued ones; each has less than two full pieces.
    let thread_bytes = (QUEUED_MAX + 2) * 2 * cells_max(context, plan) * size_of::<Value>();
    let threads_max = context.memory.bytes_max().map_or(usize::MAX, |bytes_max| bytes_max / 2 / thread_bytes.max(1));
    is_large.then(|| context.workers.reserve(groups.len().min(threads_max))).flatten()
}

/// Evaluates all groups on the reserved threads.
pub(super) fn evaluate(
    plan: &Plan,
    groups: &[Group],
    reserved: &Reserved<'_>,
    execution: &Execution<'_>,
) -> Result<(), QueryError> {
    let context = execution.context;
    let threads = reserved.count;
    let strip_len = (groups.len() / (threads * STRIPS_PER_THREAD)).clamp(1, STRIP_GROUPS_MAX);
    let strips: Vec<&[Group]> = groups.chunks(strip_len).collect();
    let stop = AtomicBool::new(false);
    let (stop, strips) = (&stop, &strips);
    reserved.threads.in_place_scope(|scope| {
        let receivers: Vec<Receiver<Message>> = (0..threads)
            .map(|number| {
                let (sender, receiver) = sync_channel(QUEUED_MAX);
                let worker = Worker { plan, context, stop, sender, threads };
                scope.spawn(move |_| worker.run(strips.iter().skip(number).step_by(threads).copied()));
                receiver
            })
            .collect();
        let mut turns = (0..strips.len()).map(|number| &receivers[number % threads]);
        let result = turns.try_for_each(|receiver| emit_strip(receiver, execution));
        stop.store(true, Ordering::Relaxed);
        // Wakes the workers that wait for their messages to be taken.
        drop(receivers);
        result
    })
}

/// The number of cells after which pieces are sent: those of one piece.
fn cells_max(context: &Context, plan: &Plan) -> usize {
    let columns = plan.columns.len();
    context.chunk_rows.saturating_mul(columns).min(context.piece_bytes_max() / size_of::<Value>()).max(columns)
}

/// Emits the pieces of one strip.
fn emit_strip(receiver: &Receiver<Message>, execution: &Execution<'_>) -> Result<(), QueryError> {
    loop {
        match receiver.recv_timeout(POLL) {
            Ok(Message::Pieces(pieces, _memory)) => {
                pieces.into_iter().try_for_each(|piece| execution.emit(Some(piece)))?;
            }
            Ok(Message::End(result)) => return result,
            Err(RecvTimeoutError::Timeout) => execution.go_on()?,
            // The worker panicked, and the scope will panic as well.
            Err(RecvTimeoutError::Disconnected) => return Err(QueryError::Interrupted),
        }
    }
}

/// The work of one thread.
struct Worker<'r> {
    plan: &'r Plan,
    context: &'r Context,
    /// Set when the answer is no longer needed.
    stop: &'r AtomicBool,
    sender: SyncSender<Message>,
    threads: usize,
}

impl Worker<'_> {
    fn run<'g>(self, strips: impl Iterator<Item = &'g [Group]>) {
        for groups in strips {
            let result = self.evaluate(groups);
            let failed = result.is_err();
            if self.sender.send(Message::End(result)).is_err() || failed {
                return;
            }
        }
    }

    /// Evaluates a strip. Its pieces are sent together, as long as they have no more rows than one piece may have.
    fn evaluate(&self, groups: &[Group]) -> Result<(), QueryError> {
        let (mut pieces, mut cells) = (Vec::new(), 0);
        let (mut memory, mut refused) = (self.context.memory.reserve(), None);
        let has_text = self.plan.shows_text();
        let cells_max = cells_max(self.context, self.plan);
        let mut emit = |piece: Option<SeriesRows>| {
            if let Some(piece) = piece {
                if let Err(error) = memory.grow(piece_bytes(&piece, has_text)) {
                    refused = Some(error);
                    return ControlFlow::Break(());
                }
                cells += piece.row_count() * piece.columns.len();
                pieces.push(piece);
                if cells >= cells_max {
                    cells = 0;
                    let memory = std::mem::replace(&mut memory, self.context.memory.reserve());
                    if self.sender.send(Message::Pieces(std::mem::take(&mut pieces), memory)).is_err() {
                        return ControlFlow::Break(());
                    }
                }
            }
            if self.stop.load(Ordering::Relaxed) { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        };
        let result = {
            let execution = Execution::new(self.context, &mut emit).one_of(self.threads);
            group_rows::write(self.plan, groups, &execution)
        };
        if !pieces.is_empty() && self.sender.send(Message::Pieces(pieces, memory)).is_err() {
            return Err(QueryError::Interrupted);
        }
        refused.map_or(result, Err)
    }
}

/// The memory of a piece.
fn piece_bytes(piece: &SeriesRows, has_text: bool) -> usize {
    if let Some(plain) = &piece.plain {
        return PIECE_BYTES + plain.bytes();
    }
    let text_bytes = if has_text { piece.cells.iter().map(Value::text_bytes).sum() } else { 0 };
    PIECE_BYTES + size_of_val(&*piece.cells) + text_bytes
}
