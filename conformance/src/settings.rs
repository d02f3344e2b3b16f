//! How to run cases: the target, what is expected of it, and the limits of a run.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Mutex;

use crate::case::Profile;
use crate::claims::Claim;
use crate::client::Target;
use crate::launch::Launched;
use crate::names::RunMark;

/// How to run cases.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The server that is judged.
    pub target: Target,
    /// The name and password of an administrator, if authentication is on.
    pub credentials: Option<(String, String)>,
    /// A bearer token of an administrator, instead of credentials.
    pub token: Option<String>,
    /// The profile whose answers are expected.
    pub profile: Profile,
    /// The settings that the target was started with. If there are any, only cases that need some of them apply; otherwise, only cases that
    /// need none.
    pub config: toml::Table,
    /// What the target claims to do; empty if everything. It is judged by no more.
    pub claims: Vec<Claim>,
    /// The time limit for an answer.
    pub answer_limit: Duration,
    /// How long a step with `eventually` is repeated.
    pub patience: Duration,
    /// How many cases run at once.
    pub jobs: usize,
    /// Draws the order of the cases. Without it, they begin in the order of their files.
    pub shuffle: Option<u64>,
    /// The beginning of the names that the run makes. Without it, names are sent as cases have them, one case at a time.
    pub mark: Option<RunMark>,
    /// The process of the target, if the runner can end it and start it again.
    pub process: Option<Arc<Mutex<Launched>>>,
    /// What the target holds from before the run.
    pub held: Held,
    /// Whether exclusive cases may drop databases and users that the target holds.
    pub drop_existing: bool,
}

/// The databases and users that a target holds from before the run.
///
/// Exclusive cases do not apply where they would drop one of them, or where their answers would list them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Held {
    /// The databases, without `_internal`.
    pub databases: BTreeSet<String>,
    /// The users.
    pub users: BTreeSet<String>,
}

impl Settings {
    /// Returns settings with the default limits, for four cases at once.
    pub fn new(target: Target) -> Settings {
        Settings {
            target,
            credentials: None,
            token: None,
            profile: Profile::default(),
            config: toml::Table::new(),
            claims: Vec::new(),
            answer_limit: Duration::from_secs(30),
            patience: Duration::from_secs(5),
            jobs: 4,
            shuffle: None,
            mark: Some(RunMark::random()),
            process: None,
            held: Held::default(),
            drop_existing: false,
        }
    }
}
