//! The model checker visits every state within small bounds. None may break a clause, and for each rule of order a model without
//! it must have a state that does.

use stateright::{Checker, HasDiscoveries, Model, Property};

use super::*;

impl Model for Durability {
    type State = State;
    type Action = Action;

    fn init_states(&self) -> Vec<State> {
        vec![self.start()]
    }

    fn actions(&self, state: &State, actions: &mut Vec<Action>) {
        self.possible(state, actions);
    }

    fn next_state(&self, state: &State, action: Action) -> Option<State> {
        Some(self.after(state, action))
    }

    fn properties(&self) -> Vec<Property<Self>> {
        vec![
            Property::always("AcknowledgedSurvives", |model, state| model.keeps(state, Clause::AcknowledgedSurvives)),
            Property::always("NothingInPart", |model, state| model.keeps(state, Clause::NothingInPart)),
            Property::always("Starts", |model, state| model.keeps(state, Clause::Starts)),
            Property::always("ReadOnlyAfterFailure", |model, state| model.keeps(state, Clause::ReadOnlyAfterFailure)),
            Property::always("AcknowledgedIsVisible", |model, state| model.keeps(state, Clause::AcknowledgedIsVisible)),
            Property::always("NoFilesLeft", |model, state| model.keeps(state, Clause::NoFilesLeft)),
            Property::always("DurableBeforeVisible", |model, state| model.keeps(state, Clause::DurableBeforeVisible)),
            Property::always("FullDiskLeavesLog", |model, state| model.keeps(state, Clause::FullDiskLeavesLog)),
            Property::always("NewestIsComplete", |model, state| model.keeps(state, Clause::NewestIsComplete)),
            Property::sometimes(RECOVERS, |_, state| Durability::has_recovered(state)),
        ]
    }
}

const RECOVERS: &str = "changes are accepted again when there is space";

const NONE: Bounds = Bounds {
    changes: 0,
    deletions: 0,
    waiting: 0,
    seals: 0,
    retries: 0,
    crashes: 0,
    stops: 0,
    damages: 0,
    shortages: 0,
    failures: 0,
};

/// A model for each group of events, because all of them together have too many states.
fn models() -> [(&'static str, Durability); 7] {
    let model = |bounds| Durability { bounds, in_steps: false, small_memory: false, fault: None };
    [
        ("groups", model(Bounds { changes: 3, waiting: 2, crashes: 2, ..NONE })),
        (
            "steps",
            Durability { in_steps: true, ..model(Bounds { changes: 3, deletions: 1, seals: 1, crashes: 2, ..NONE }) },
        ),
        ("generations", model(Bounds { changes: 2, seals: 2, crashes: 1, damages: 1, ..NONE })),
        ("replay", Durability { small_memory: true, ..model(Bounds { changes: 2, crashes: 2, ..NONE }) }),
        ("full", model(Bounds { changes: 2, waiting: 1, seals: 1, retries: 1, shortages: 1, crashes: 1, ..NONE })),
        ("failures", model(Bounds { changes: 2, seals: 1, retries: 1, failures: 1, crashes: 1, ..NONE })),
        ("stops", model(Bounds { changes: 2, seals: 1, stops: 1, crashes: 1, ..NONE })),
    ]
}

/// Visits all states of a model, and checks that none breaks a clause.
fn check(name: &str) {
    let (_, model) = models().into_iter().find(|(of, _)| *of == name).expect("it is in the list");
    let checker = model.checker().threads(2).spawn_dfs().join();
    eprintln!("{name}: {} states", checker.unique_state_count());
    for (property, path) in checker.discoveries() {
        assert_eq!(property, RECOVERS, "{name}: {:?}", path.into_actions());
    }
    let has_recovered = checker.discovery(RECOVERS).is_some();
    assert_eq!(has_recovered, model.bounds.shortages > 0, "{name}");
}

// spec: storage.durability.1, storage.durability.2, storage.durability.3, storage.durability.9, storage.log.4, storage.log.6
#[test]
fn groups_of_changes_are_durable_before_they_are_acknowledged() {
    check("groups");
}

// spec: storage.durability.1, storage.durability.2, storage.durability.6, storage.checkpoint.8
#[test]
fn sealing_in_steps_loses_nothing_wherever_it_is_interrupted() {
    check("steps");
}

// spec: storage.durability.1, storage.durability.3, storage.checkpoint.3, storage.checkpoint.4
#[test]
fn the_previous_checkpoint_leads_to_the_same_state_as_the_newest_one() {
    check("generations");
}

// spec: storage.durability.1, storage.durability.2, storage.durability.3
#[test]
fn a_start_that_seals_can_be_interrupted_anywhere() {
    check("replay");
}

// spec: storage.durability.7, storage.durability.12, storage.checkpoint.5
#[test]
fn a_full_disk_costs_nothing_and_changes_are_accepted_again_when_there_is_space() {
    check("full");
}

// spec: storage.durability.4, storage.durability.7
#[test]
fn after_one_failed_operation_nothing_is_lost_or_left() {
    check("failures");
}

// spec: storage.durability.1, storage.durability.3
#[test]
fn a_stop_of_the_process_and_then_of_the_machine_loses_nothing() {
    check("stops");
}

/// Checks that a model without a rule breaks a clause.
fn needs(fault: Fault, name: &str, clause: Clause) {
    let (_, model) = models().into_iter().find(|(of, _)| *of == name).expect("it is in the list");
    let property = Durability::properties(&model).into_iter().find(|p| p.name == format!("{clause:?}"));
    let property = property.expect("there is a property for each clause").name;
    let wanted = HasDiscoveries::AllOf([property].into());
    let checker = Durability { fault: Some(fault), ..model }.checker().finish_when(wanted).spawn_bfs().join();
    let path = checker.discovery(property);
    let found: Vec<_> = checker.discoveries().into_keys().collect();
    let path = path.unwrap_or_else(|| panic!("{fault:?} does not break {clause:?} in {name}, but {found:?}"));
    eprintln!("{fault:?} breaks {clause:?} after {} actions", path.into_actions().len());
}

/// A full disk that is taken for another failure does not break a clause in a state, but changes are never accepted again.
// spec: storage.durability.12
#[test]
fn a_full_disk_must_not_be_taken_for_another_failure() {
    let (_, model) = models().into_iter().find(|(of, _)| *of == "full").expect("it is in the list");
    let fault = Some(Fault::ReadOnlyWhenFull);
    let checker = Durability { fault, ..model }.checker().spawn_dfs().join();
    assert!(checker.discovery(RECOVERS).is_none());
}

macro_rules! rules {
    ($($name:ident: $fault:ident breaks $clause:ident in $model:literal;)*) => {
        $(
            #[test]
            fn $name() {
                needs(Fault::$fault, $model, Clause::$clause);
            }
        )*
    };
}

// Each clause is broken by at least one of these.
// spec: storage.durability.1, storage.durability.2, storage.durability.3, storage.durability.4, storage.durability.6
// spec: storage.durability.7, storage.durability.9, storage.durability.12, storage.checkpoint.3
rules! {
    changes_are_acknowledged_after_the_sync: AcknowledgeBeforeSync breaks AcknowledgedSurvives in "groups";
    changes_are_visible_after_the_sync: AcknowledgeBeforeSync breaks DurableBeforeVisible in "groups";
    a_frame_is_synced_before_the_next_one: TwoFramesAtOnce breaks Starts in "groups";
    a_torn_frame_is_cut_off: KeepTornEnd breaks Starts in "groups";
    what_a_full_disk_left_of_a_frame_is_cut_off: LeaveUnfinishedFrame breaks FullDiskLeavesLog in "full";
    nothing_is_acknowledged_after_a_failed_sync: GoOnAfterFailedSync breaks ReadOnlyAfterFailure in "failures";
    a_log_file_has_a_header_before_its_name: LogWithoutTemporary breaks Starts in "stops";
    the_checkpoint_is_written_before_the_log_is_truncated: TruncateBeforeCheckpoint breaks Starts in "stops";
    the_checkpoint_has_a_durable_name_before_the_log_is_truncated: TruncateBeforeName breaks Starts in "generations";
    the_log_after_the_previous_checkpoint_is_kept: TruncateForNewest breaks Starts in "generations";
    the_files_of_the_previous_checkpoint_are_kept: NothingForPrevious breaks Starts in "generations";
    a_file_is_listed_after_its_name_is_synced: ListBeforeNames breaks NewestIsComplete in "steps";
    a_file_is_listed_after_its_bytes_are_synced: SegmentWithoutSync breaks Starts in "generations";
    a_checkpoint_has_durable_bytes_before_its_name: CheckpointWithoutSync breaks Starts in "generations";
    a_checkpoint_of_a_step_covers_what_the_one_before_did: StepCoversEverything breaks NothingInPart in "steps";
    a_checkpoint_covers_only_closed_memtables: CoverLaterChanges breaks NothingInPart in "stops";
    new_series_are_in_a_series_file: ForgetSeries breaks NothingInPart in "stops";
    what_is_in_a_closed_memtable_stays_visible: HideClosed breaks AcknowledgedIsVisible in "stops";
    failed_attempts_leave_no_files: LeaveFiles breaks NoFilesLeft in "failures";
    a_start_syncs_the_names_that_it_relies_on: StartWithoutSync breaks AcknowledgedSurvives in "stops";
    replay_leaves_out_what_segment_files_cover: ApplyCovered breaks NothingInPart in "steps";
}
