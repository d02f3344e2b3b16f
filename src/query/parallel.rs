//! Many groups on several threads. Each thread evaluates its share of the groups in order, a strip of neighbours after the other; the
//! pieces are handed out in the order of the groups, so the answer is the same as that of one thread.
//!
//! Memory is bounded as with one thread, times the number of threads: a thread that is ahead waits until its pieces are taken.

use std::ops::ControlFlow;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::time::Duration;

use super::execution::Execution;
use super::groups::Group;
use super::plan::Plan;
use super::{Context, QueryError, SeriesRows, evaluate};

/// Fewer groups are not worth a thread.
const GROUPS_MIN: usize = 4;
/// A thread's share is at least this many strips, if there are so many groups, so that all end at about the same time.
const STRIPS: usize = 8;
/// Groups in a strip at most.
const STRIP_GROUPS_MAX: usize = 256;
/// Messages of a thread that wait to be taken.
const QUEUED: usize = 2;
/// How often it is asked whether to go on, while nothing comes.
const POLL: Duration = Duration::from_millis(10);

/// What a thread has to say, in order.
enum Message {
    Pieces(Vec<SeriesRows>),
    /// A strip is done, or has failed.
    End(Result<(), QueryError>),
}

/// Whether `groups` are worth several threads. A limit on points counts them in the order in which one thread reads them.
pub(super) fn pays(context: &Context, groups: &[Group]) -> bool {
    context.threads > 1 && groups.len() >= GROUPS_MIN && context.limits.points_max == 0
}

/// Evaluates all groups.
pub(super) fn evaluate(
    plan: &Plan,
    groups: &[Group],
    context: &Context,
    execution: &Execution<'_>,
) -> Result<(), QueryError> {
    let threads = context.threads.min(groups.len()).max(1);
    let strip = (groups.len() / (threads * STRIPS)).clamp(1, STRIP_GROUPS_MAX);
    let strips: Vec<&[Group]> = groups.chunks(strip).collect();
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let receivers: Vec<Receiver<Message>> = (0..threads)
            .map(|number| {
                let (sender, receiver) = sync_channel(QUEUED);
                let worker = Worker { plan, context, stop: &stop, sender };
                let share: Vec<&[Group]> = strips.iter().skip(number).step_by(threads).copied().collect();
                scope.spawn(move || worker.run(&share));
                receiver
            })
            .collect();
        let mut turns = (0..strips.len()).map(|number| &receivers[number % threads]);
        let result = turns.try_for_each(|receiver| hand_out(receiver, execution));
        stop.store(true, Ordering::Relaxed);
        // Dropping the receivers wakes who waits for them.
        drop(receivers);
        result
    })
}

/// Hands out the pieces of one strip.
fn hand_out(receiver: &Receiver<Message>, execution: &Execution<'_>) -> Result<(), QueryError> {
    loop {
        match receiver.recv_timeout(POLL) {
            Ok(Message::Pieces(pieces)) => pieces.into_iter().try_for_each(|piece| execution.hand_out(Some(piece)))?,
            Ok(Message::End(result)) => return result,
            Err(RecvTimeoutError::Timeout) => execution.go_on()?,
            // It panicked, and so will the scope.
            Err(RecvTimeoutError::Disconnected) => return Err(QueryError::Interrupted),
        }
    }
}

/// One thread.
struct Worker<'r> {
    plan: &'r Plan,
    context: &'r Context,
    /// Nobody needs the answer any more.
    stop: &'r AtomicBool,
    sender: SyncSender<Message>,
}

impl Worker<'_> {
    fn run(self, share: &[&[Group]]) {
        for groups in share {
            let result = self.evaluate(groups);
            let failed = result.is_err();
            if self.sender.send(Message::End(result)).is_err() || failed {
                return;
            }
        }
    }

    /// Evaluates a strip. Its pieces are sent together, as long as they do not have more rows than one piece may have.
    fn evaluate(&self, groups: &[Group]) -> Result<(), QueryError> {
        let (mut pieces, mut cells) = (Vec::new(), 0);
        let cells_max = self.context.chunk_rows.saturating_mul(self.plan.columns.len());
        let mut emit = |piece: Option<SeriesRows>| {
            if let Some(piece) = piece {
                cells += piece.cells.len();
                pieces.push(piece);
                if cells >= cells_max {
                    cells = 0;
                    if self.sender.send(Message::Pieces(std::mem::take(&mut pieces))).is_err() {
                        return ControlFlow::Break(());
                    }
                }
            }
            if self.stop.load(Ordering::Relaxed) { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        };
        let result = {
            let execution = Execution::new(self.context, &mut emit);
            evaluate::in_order(self.plan, groups, &execution)
        };
        if !pieces.is_empty() && self.sender.send(Message::Pieces(pieces)).is_err() {
            return Err(QueryError::Interrupted);
        }
        result
    }
}
