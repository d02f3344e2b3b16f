//! The faults of a server, and how many requests each has matched.

use serde::Serialize;

use super::fault::{FAULTS_MAX, Fault, Script};
use super::received::Received;

/// A fault with its counts, as `GET /fluxstone/faults` lists it.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Armed {
    #[serde(flatten)]
    fault: Fault,
    /// The requests that matched.
    matched: u64,
    /// Those that it acted on.
    acted: u64,
}

/// All faults, in the order in which they came.
#[derive(Debug, Default, Serialize)]
pub(super) struct Faults {
    faults: Vec<Armed>,
}

/// There are too many faults.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("too many faults: more than {FAULTS_MAX}")]
pub struct TooManyFaults;

impl Faults {
    /// The faults of a file, of which those beyond the limit are left out.
    pub(super) fn new(mut script: Script) -> Faults {
        script.faults.truncate(FAULTS_MAX);
        let mut faults = Faults::default();
        // It has been cut to the limit.
        let _ = faults.add(script);
        faults
    }

    /// Adds faults behind those that there are, all or none.
    pub(super) fn add(&mut self, script: Script) -> Result<(), TooManyFaults> {
        if self.faults.len() + script.faults.len() > FAULTS_MAX {
            return Err(TooManyFaults);
        }
        self.faults.extend(script.faults.into_iter().map(|fault| Armed { fault, matched: 0, acted: 0 }));
        Ok(())
    }

    /// Counts a request for each fault that it matches. Returns the first one whose turn it is.
    pub(super) fn meet(&mut self, received: &Received) -> Option<Fault> {
        if self.faults.is_empty() {
            return None;
        }
        let queries = received.decoded_queries();
        let mut met = None;
        for armed in self.faults.iter_mut().filter(|armed| received.matches(&armed.fault, &queries)) {
            armed.matched += 1;
            let (nth, times) = (armed.fault.nth.get(), armed.fault.times);
            let is_due = armed.matched >= nth && (times == 0 || armed.matched - nth < times);
            if is_due && met.is_none() {
                armed.acted += 1;
                met = Some(armed.fault.clone());
            }
        }
        met
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::control::{Action, Cut};

    fn request(path: &str) -> Received {
        Received::example("GET", path, "", b"")
    }

    // spec: control.faults.1
    #[test]
    fn each_fault_counts_all_requests_that_match_and_the_first_whose_turn_it_is_acts() {
        let second = Fault::from(Action::Drop).at("/ping").from_nth(2.try_into().unwrap());
        let always = Fault::from(Action::Forget).at("/ping").times(0);
        let other = Fault::from(Action::Cut(Cut::Head)).at("/query").times(2);
        let mut faults = Faults::new(Script { faults: vec![second, always, other] });
        let actions: Vec<_> = ["/ping", "/ping", "/ping", "/query", "/query", "/query", "/status"]
            .iter()
            .map(|path| faults.meet(&request(path)).and_then(|fault| fault.action))
            .collect();
        let cut = Some(Action::Cut(Cut::Head));
        let forget = Some(Action::Forget);
        assert_eq!(actions, [forget.clone(), Some(Action::Drop), forget, cut.clone(), cut, None, None]);
        let listed = serde_json::to_value(&faults).unwrap();
        assert_eq!(listed["faults"][0]["matched"], 3);
        assert_eq!(listed["faults"][0]["acted"], 1);
        assert_eq!(listed["faults"][0]["action"], "drop");
    }

    // spec: control.faults.1
    #[test]
    fn the_number_of_faults_is_bounded() {
        let script = |count| Script { faults: vec![Fault::from(Action::Drop); count] };
        let mut faults = Faults::new(script(FAULTS_MAX - 1));
        assert_eq!(faults.add(script(2)), Err(TooManyFaults));
        assert_eq!(faults.add(script(1)), Ok(()));
        assert_eq!(Faults::new(script(FAULTS_MAX + 5)).faults.len(), FAULTS_MAX);
    }
}
