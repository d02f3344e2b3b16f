//! The bounds that every attack must leave whole, each with its reason.

use std::time::Duration;

/// The default limit on the server's address space: a small virtual machine. Thread stacks and the allocator's reserves count.
pub(super) const MEMORY: u64 = 2 << 30;

/// What may be resident [`SETTLED_WITHIN`] an attack has ended. The memtables and the cache of segment files take about 100 MiB, the
/// largest stores of the attacks (a million series) less than 300 MiB.
pub(super) const RESIDENT_MAX: u64 = 512 << 20;

/// When memory must have been given back: allocators return it with a delay, and no monitoring looks more often.
pub(super) const SETTLED_WITHIN: Duration = Duration::from_mins(1);

/// The longest time of 99 in 100 requests of a good client. A dashboard that is refreshed feels slow, but works.
pub(super) const P99_MAX: Duration = Duration::from_secs(1);

/// A good client's request that takes longer counts as refused. It is above every time limit of the server.
pub(super) const REQUEST_MAX: Duration = Duration::from_secs(30);

/// How much longer than the longest before the attack a good client's write may take during schema work and removals.
pub(super) const HELD_UP_MAX: Duration = Duration::from_millis(50);

/// The longest time to the first answer after an attack: what was under way may end, or be cancelled.
pub(super) const ANSWER_MAX: Duration = Duration::from_secs(30);

/// The longest time from start to listening. Supervisors give up later than this.
pub(super) const START_MAX: Duration = Duration::from_mins(1);

/// The longest time from SIGTERM to the end: supervisors send SIGKILL after 90 seconds, containers after 10 to 30.
pub(super) const SHUTDOWN_MAX: Duration = Duration::from_secs(30);

/// The longest time of one attack. What is not done then is left, as by a client that gives up.
pub(super) const ATTACK_MAX: Duration = Duration::from_mins(1);
