//! Bounds on blocking work. Whoever passes a [`Gate`] gets a [`Pass`], which moves into the job and opens the gate for the next
//! one when the job ends, whatever became of the client.
//!
//! Those who wait take turns: first the addresses, then the users (or whatever else is told apart) of each address. A client
//! that asks a thousand times delays others by one turn only.

use std::collections::{BTreeMap, VecDeque};
use std::net::IpAddr;
use std::sync::Arc;

use parking_lot::Mutex;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use super::transport::PeerAddress;

/// Whose turn it is: the address of a client, and a number for what is told apart among its requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Turn {
    address: u128,
    of_address: u64,
}

impl Turn {
    /// The turn of a client. An IPv6 network of 64 bits counts as one address: it belongs to one customer.
    /// At a unix socket each user of the machine has one.
    pub(super) fn of(address: impl Into<PeerAddress>, of_address: u64) -> Turn {
        let address = match address.into() {
            PeerAddress::Ip(address) => match address.to_canonical() {
                IpAddr::V4(address) => u128::from(address.to_bits()),
                IpAddr::V6(address) => address.to_bits() & !u128::from(u64::MAX),
            },
            // More than any of IPv4, and less than all of IPv6 but `::`.
            PeerAddress::Local { user } => (1 << 32) | u128::from(user),
        };
        Turn { address, of_address }
    }
}

/// A bound on the number of jobs of one kind.
#[derive(Debug, Clone)]
pub(super) struct Gate(Arc<Mutex<State>>);

#[derive(Debug)]
struct State {
    free: usize,
    /// The number of the last one who began to wait.
    last: u64,
    /// Those who wait, by address, in the order of their turns. No queue is empty.
    waiting: VecDeque<(u128, VecDeque<Line>)>,
}

/// Those who wait and are not told apart, first come, first served.
#[derive(Debug)]
struct Line {
    of_address: u64,
    /// By number; never empty.
    waiting: BTreeMap<u64, oneshot::Sender<Permit>>,
}

impl State {
    fn wait(&mut self, turn: Turn) -> (u64, oneshot::Receiver<Permit>) {
        let (sender, receiver) = oneshot::channel();
        let line = || Line { of_address: turn.of_address, waiting: BTreeMap::new() };
        let known = self.waiting.iter().position(|(address, _)| *address == turn.address);
        if known.is_none() {
            self.waiting.push_back((turn.address, VecDeque::from([line()])));
        }
        let at = known.unwrap_or(self.waiting.len() - 1);
        let lines = &mut self.waiting[at].1;
        let at = lines.iter().position(|line| line.of_address == turn.of_address).unwrap_or_else(|| {
            lines.push_back(line());
            lines.len() - 1
        });
        self.last += 1;
        lines[at].waiting.insert(self.last, sender);
        (self.last, receiver)
    }

    /// Takes out one who has given up, unless the turn has come.
    fn forget(&mut self, turn: Turn, number: u64) {
        let Some(at) = self.waiting.iter().position(|(address, _)| *address == turn.address) else { return };
        let lines = &mut self.waiting[at].1;
        let Some(line) = lines.iter().position(|line| line.of_address == turn.of_address) else { return };
        lines[line].waiting.remove(&number);
        if lines[line].waiting.is_empty() {
            lines.remove(line);
        }
        if lines.is_empty() {
            self.waiting.remove(at);
        }
    }

    /// Takes out the next one in turn.
    fn next(&mut self) -> Option<oneshot::Sender<Permit>> {
        let (address, mut lines) = self.waiting.pop_front()?;
        let next = lines.pop_front().and_then(|mut line| {
            let next = line.waiting.pop_first().map(|(_, next)| next);
            if !line.waiting.is_empty() {
                lines.push_back(line);
            }
            next
        });
        if !lines.is_empty() {
            self.waiting.push_back((address, lines));
        }
        next
    }
}

impl Gate {
    /// A gate for `jobs` jobs at a time.
    pub(super) fn new(jobs: usize) -> Gate {
        Gate(Arc::new(Mutex::new(State { free: jobs, last: 0, waiting: VecDeque::new() })))
    }

    /// Waits for a pass. Dropping the future gives up the place in the queue.
    pub(super) async fn pass(&self, turn: Turn) -> Pass {
        Pass { permit: Some(self.permit(turn).await), gate: self.clone(), turn }
    }

    /// Returns a pass if there is one at once.
    pub(super) fn try_pass(&self, turn: Turn) -> Option<Pass> {
        let mut state = self.0.lock();
        state.free = state.free.checked_sub(1)?;
        Some(Pass { permit: Some(Permit(Some(self.clone()))), gate: self.clone(), turn })
    }

    async fn permit(&self, turn: Turn) -> Permit {
        loop {
            let mut waiter = {
                let mut state = self.0.lock();
                if state.free > 0 {
                    state.free -= 1;
                    return Permit(Some(self.clone()));
                }
                let (number, receiver) = state.wait(turn);
                Waiter { gate: self, turn, number: Some(number), receiver }
            };
            let served = (&mut waiter.receiver).await;
            waiter.number = None;
            if let Ok(permit) = served {
                return permit;
            }
        }
    }
}

/// A place in the queue of a gate. Dropping it gives the place up.
struct Waiter<'g> {
    gate: &'g Gate,
    turn: Turn,
    /// `None` if the turn has come.
    number: Option<u64>,
    receiver: oneshot::Receiver<Permit>,
}

impl Drop for Waiter<'_> {
    fn drop(&mut self) {
        if let Some(number) = self.number {
            self.gate.0.lock().forget(self.turn, number);
        }
    }
}

/// One of the permits of a gate. Goes to the next one in turn when dropped.
#[derive(Debug)]
struct Permit(Option<Gate>);

impl Drop for Permit {
    fn drop(&mut self) {
        let Some(gate) = self.0.take() else { return };
        loop {
            let next = {
                let mut state = gate.0.lock();
                let next = state.next();
                if next.is_none() {
                    state.free += 1;
                }
                next
            };
            match next.map(|next| next.send(Permit(Some(gate.clone())))) {
                None | Some(Ok(())) => return,
                // This one has given up. Taking the permit apart keeps it from being dropped in turn, and so on.
                Some(Err(mut refused)) => drop(refused.0.take()),
            }
        }
    }
}

/// The right to run one job.
#[derive(Debug)]
pub(super) struct Pass {
    permit: Option<Permit>,
    gate: Gate,
    turn: Turn,
}

impl Pass {
    /// Runs `job` on a blocking thread. The pass ends with the job, even if nobody waits for its result.
    pub(super) fn run<T: Send + 'static>(self, job: impl FnOnce() -> T + Send + 'static) -> JoinHandle<T> {
        tokio::task::spawn_blocking(move || {
            let _pass = self;
            job()
        })
    }

    /// Whether anybody waits for such a pass.
    pub(super) fn is_wanted(&self) -> bool {
        !self.gate.0.lock().waiting.is_empty()
    }

    /// Lets another job run while this one waits for something.
    pub(super) fn pause(&mut self) {
        self.permit = None;
    }

    /// Waits until the job may go on.
    pub(super) async fn resume(&mut self) {
        if self.permit.is_none() {
            self.permit = Some(self.gate.permit(self.turn).await);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::pin::Pin;
    use std::sync::mpsc;

    fn turn(address: u8, of_address: u64) -> Turn {
        Turn::of(IpAddr::from([127, 0, 0, address]), of_address)
    }

    type Waiting<'g> = Pin<Box<dyn Future<Output = Pass> + 'g>>;

    fn is_ready(waiting: &mut Waiting<'_>) -> Option<Pass> {
        match waiting.as_mut().poll(&mut std::task::Context::from_waker(std::task::Waker::noop())) {
            std::task::Poll::Ready(pass) => Some(pass),
            std::task::Poll::Pending => None,
        }
    }

    fn wait(gate: &Gate, turn: Turn) -> Waiting<'_> {
        let mut waiting: Waiting<'_> = Box::pin(gate.pass(turn));
        assert!(is_ready(&mut waiting).is_none());
        waiting
    }

    // spec: http.fairness.1
    #[test]
    fn addresses_take_turns_and_so_do_the_users_of_each() {
        let gate = Gate::new(1);
        let mut pass = gate.try_pass(turn(1, 1));
        let order = [(1, 1), (1, 1), (1, 1), (1, 2), (2, 1), (2, 1)];
        let mut waiting: Vec<_> = order.iter().map(|&(a, u)| Some(wait(&gate, turn(a, u)))).collect();
        assert!(pass.as_ref().unwrap().is_wanted());
        let mut served = Vec::new();
        for _ in order {
            drop(pass.take());
            for (at, place) in waiting.iter_mut().enumerate() {
                if let Some(next) = place.as_mut().and_then(is_ready) {
                    (pass, *place) = (Some(next), None);
                    served.push(order[at]);
                }
            }
        }
        assert_eq!(served, [(1, 1), (2, 1), (1, 2), (2, 1), (1, 1), (1, 1)]);
        assert!(!pass.as_ref().unwrap().is_wanted());
        drop(pass);
        assert!(gate.try_pass(turn(9, 9)).is_some());
    }

    #[test]
    fn those_who_give_up_are_passed_over() {
        let gate = Gate::new(1);
        let pass = gate.try_pass(turn(1, 1)).unwrap();
        let gone: Vec<_> = (0..10_000).map(|_| wait(&gate, turn(1, 1))).collect();
        let mut stays = wait(&gate, turn(1, 1));
        drop(gone);
        // Nothing is kept of them.
        assert_eq!(gate.0.lock().waiting.iter().map(|(_, lines)| lines.len()).sum::<usize>(), 1);
        assert_eq!(gate.0.lock().waiting[0].1[0].waiting.len(), 1);
        drop(pass);
        let pass = is_ready(&mut stays).unwrap();
        // A permit that was sent and never looked at goes back as well.
        let late = wait(&gate, turn(1, 1));
        drop(pass);
        assert!(gate.try_pass(turn(1, 1)).is_none());
        drop(late);
        assert!(gate.try_pass(turn(1, 1)).is_some());
    }

    // spec: http.abandoned.1
    #[tokio::test]
    async fn a_pass_ends_with_its_job_not_with_its_request() {
        let gate = Gate::new(1);
        let (finish, finished) = mpsc::channel::<()>();
        let job = gate.pass(turn(1, 1)).await.run(move || finished.recv());
        drop(job);
        assert!(gate.try_pass(turn(1, 1)).is_none());
        let mut next = wait(&gate, turn(2, 1));
        assert!(is_ready(&mut next).is_none());
        finish.send(()).unwrap();
        drop(next.await);
    }

    #[tokio::test]
    async fn a_job_that_pauses_lets_others_run() {
        let gate = Gate::new(1);
        let mut pass = gate.pass(turn(1, 1)).await;
        pass.pause();
        let other = gate.try_pass(turn(1, 1)).unwrap();
        assert!(gate.try_pass(turn(1, 1)).is_none());
        drop(other);
        pass.resume().await;
        assert!(gate.try_pass(turn(1, 1)).is_none());
    }

    #[test]
    fn an_ipv6_network_is_one_address() {
        let turn = |text: &str| Turn::of(text.parse::<IpAddr>().unwrap(), 0);
        assert_eq!(turn("2001:db8::1"), turn("2001:db8::2"));
        assert_ne!(turn("2001:db8::1"), turn("2001:db8:0:1::1"));
        assert_eq!(turn("::ffff:1.2.3.4"), turn("1.2.3.4"));
        assert_ne!(turn("1.2.3.4"), turn("1.2.3.5"));
    }

    // spec: http.unix.5
    #[test]
    fn a_user_of_the_machine_is_one_address() {
        let turn = |user| Turn::of(PeerAddress::Local { user }, 0);
        assert_eq!(turn(1000), turn(1000));
        assert_ne!(turn(1000), turn(1001));
        assert_ne!(turn(0), Turn::of(IpAddr::from([0, 0, 0, 0]), 0));
    }
}
