//! The services in the background over simulated weeks, against models that are written from the clauses: which shard groups there
//! must be, and which windows must have been computed from which points. Nothing waits: the tests move the clock.

use std::collections::{BTreeMap, BTreeSet};

use fluxstone_storage::memory_disk::MemoryDisk;
use rand::rngs::SmallRng;
use rand::{RngExt as _, SeedableRng as _};

use super::super::background::Timers;
use super::super::continuous_queries::ContinuousQueries;
use super::*;

const MINUTE: i64 = 60 * 1_000_000_000;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;
/// 2017-03-01T00:00:00Z.
const START: i64 = 1_488_326_400_000_000_000;

/// Groups and weeks are aligned to the year one, this long before 1970.
const YEAR_ONE: i128 = 62_135_596_800 * 1_000_000_000;

/// Moves a clock in random steps until it has passed `weeks`, and does `turn` at each.
fn simulate(weeks: i64, step_max: i64, mut turn: impl FnMut(i64, &mut SmallRng)) {
    let mut random = SmallRng::seed_from_u64(7);
    let mut now = START + 90;
    while now < START + weeks * 7 * DAY {
        now += random.random_range(1..step_max);
        turn(now, &mut random);
    }
}

/// A policy of the model: its name, its duration (zero is forever), that of its groups, and its groups with their points.
struct Policy {
    name: &'static str,
    duration: i64,
    group_length: i64,
    groups: BTreeMap<(i64, i64), BTreeSet<i64>>,
}

impl Policy {
    fn holds(&self, time: i64) -> Option<(i64, i64)> {
        self.groups.keys().copied().find(|&(end, start)| start <= time && time < end)
    }

    /// The group for `time`, which is created if there is none.
    fn group_for(&mut self, time: i64) -> &mut BTreeSet<i64> {
        let key = self.holds(time).unwrap_or_else(|| {
            let into = (i128::from(time) + YEAR_ONE).rem_euclid(i128::from(self.group_length)) as i64;
            (time - into + self.group_length, time - into)
        });
        self.groups.entry(key).or_default()
    }

    fn write(&mut self, time: i64, now: i64) {
        if self.duration == 0 || time >= now - self.duration {
            self.group_for(time).insert(time);
        }
    }

    fn drop_expired(&mut self, now: i64) {
        let duration = self.duration;
        self.groups.retain(|(end, _), _| duration == 0 || end + duration >= now);
    }

    fn create_ahead(&mut self, now: i64) {
        let Some(&(end, _)) = self.groups.keys().next_back() else { return };
        if now < end && end < now + 30 * MINUTE {
            self.group_for(end + 1);
        }
    }
}

/// The groups of a policy, by end and start.
fn groups_of(bench: &Bench, policy: &str) -> Vec<(i64, i64)> {
    let catalog = bench.engine.core.catalog.visible();
    let policy = catalog.database("d").unwrap().policy_or_default(policy).unwrap().clone();
    policy.groups.iter().map(|group| (group.end as i64, group.start as i64)).collect()
}

// spec: statements.shard.5, statements.shard.6, statements.background.2
#[test]
fn shard_groups_come_and_go_over_weeks_as_the_model_says() {
    let bench = Bench::on(Arc::new(MemoryDisk::default()), |options| {
        options.retention_check_ns = 30 * MINUTE as u64;
        options.shard_precreation =
            ShardPrecreationOptions { check_ns: 10 * MINUTE as u64, advance_ns: 30 * MINUTE as u64 };
    });
    bench.clock.0.store(START, Ordering::Relaxed);
    bench.done("CREATE DATABASE d; CREATE RETENTION POLICY days ON d DURATION 3d REPLICATION 1 SHARD DURATION 1d");
    bench.done("CREATE RETENTION POLICY hours ON d DURATION 5h REPLICATION 1 SHARD DURATION 1h");
    bench.done("CREATE RETENTION POLICY unused ON d DURATION 1h REPLICATION 1 SHARD DURATION 1h");
    let policy = |name, duration, group_length| Policy { name, duration, group_length, groups: BTreeMap::new() };
    let mut policies = [
        policy("autogen", 0, 7 * DAY),
        policy("days", 3 * DAY, DAY),
        policy("hours", 5 * HOUR, HOUR),
        policy("unused", HOUR, HOUR),
    ];
    let mut timers = Timers::new(&bench.options, Timestamp(START));
    let (mut retention_at, mut precreation_at) = (START, START);
    let mut turns = 0;
    let mut engine = Some(bench);
    simulate(5, 20 * MINUTE, |now, random| {
        turns += 1;
        let mut bench = engine.take().unwrap();
        bench.clock.0.store(now, Ordering::Relaxed);
        if turns % 500 == 0 {
            bench = bench.reopen();
            timers = Timers::new(&bench.options, Timestamp(now));
            (retention_at, precreation_at) = (now, now);
        }
        // Nothing is written in the last week, so that groups are created and dropped without points.
        if random.random_ratio(1, 6) && now < START + 4 * 7 * DAY {
            let policy = &mut policies[random.random_range(0..3)];
            let time = now - random.random_range(0..4 * DAY);
            assert_eq!(bench.write_to("d", policy.name, &format!("m f=1i {time}")), "");
            policy.write(time, now);
        }
        bench.engine.core.background_turn(&mut timers);
        if now - retention_at >= 30 * MINUTE {
            for policy in &mut policies {
                policy.drop_expired(now);
            }
            retention_at = now;
        }
        if now - precreation_at >= 10 * MINUTE {
            for policy in &mut policies {
                policy.create_ahead(now);
            }
            precreation_at = now;
        }
        for policy in &policies {
            let expected: Vec<_> = policy.groups.keys().copied().collect();
            assert_eq!(groups_of(&bench, policy.name), expected, "{} at {now}", policy.name);
        }
        engine = Some(bench);
    });
    let bench = engine.unwrap();
    assert!(turns > 3000 && policies[3].groups.is_empty());
    assert!(policies[0].groups.len() > 5, "{:?}", policies[0].groups);
    for policy in &policies {
        let points: usize = policy.groups.values().map(BTreeSet::len).sum();
        let answer = bench.run(&format!("SELECT count(f) FROM {}.m", policy.name));
        let expected = if points == 0 { "0:".to_owned() } else { format!("0: m{{}} time,count | 0,{points}") };
        assert_eq!(answer, expected, "{}", policy.name);
    }
    let listed = bench.run("SHOW SHARD GROUPS").matches(" | ").count();
    assert_eq!(listed, policies.iter().map(|policy| policy.groups.len()).sum::<usize>());
}

// spec: statements.shard.6
#[test]
fn a_group_ahead_is_listed_used_and_counted_by_the_limit() {
    let bench = Bench::with(|options| {
        options.shard_precreation = ShardPrecreationOptions { check_ns: 1, advance_ns: 30 * MINUTE as u64 };
        options.shards_per_database_max = 2;
    });
    bench.clock.0.store(START + 40 * MINUTE, Ordering::Relaxed);
    bench.done(
        "CREATE DATABASE d; CREATE RETENTION POLICY hours ON d DURATION 1d REPLICATION 1 SHARD DURATION 1h DEFAULT",
    );
    let turn = || bench.engine.core.create_groups_ahead().unwrap();
    turn();
    assert_eq!(bench.run("SHOW SHARD GROUPS").matches(" | ").count(), 0, "nothing goes on");
    assert_eq!(bench.write(&format!("m f=1i {START}")), "");
    (0..3).for_each(|_| turn());
    let listed = "1,d,hours,2017-03-01T00:00:00Z,2017-03-01T01:00:00Z,2017-03-02T01:00:00Z | \
                  2,d,hours,2017-03-01T01:00:00Z,2017-03-01T02:00:00Z,2017-03-02T02:00:00Z";
    let shown = |text: &str| bench.run(text).replace('#', "");
    assert!(shown("SHOW SHARD GROUPS").ends_with(listed), "{}", shown("SHOW SHARD GROUPS"));
    assert!(shown("SHOW SHARDS").contains("2,d,hours,2,2017-03-01T01:00:00Z"), "{}", shown("SHOW SHARDS"));
    assert_eq!(bench.run("SELECT f FROM m"), format!("0: m{{}} time,f | {START},1"));
    bench.clock.0.store(START + 110 * MINUTE, Ordering::Relaxed);
    turn();
    assert_eq!(groups_of(&bench, "hours").len(), 2, "the limit on shards");
    assert_eq!(bench.write(&format!("m f=2i {}", START + HOUR)), "");
    let bench = bench.reopen();
    assert_eq!(groups_of(&bench, "hours").len(), 2);
    assert_eq!(bench.run("SELECT sum(f) FROM m"), "0: m{} time,sum | 0,3");
    bench.clock.0.store(START + 26 * HOUR + 1, Ordering::Relaxed);
    bench.engine.core.drop_expired().unwrap();
    assert_eq!(groups_of(&bench, "hours").len(), 0);
}

// spec: statements.background.2
#[test]
fn a_clock_that_stands_still_or_is_set_back_does_not_stop_the_services() {
    let bench = Bench::with(|options| options.retention_check_ns = HOUR as u64);
    bench.done("CREATE DATABASE d; CREATE RETENTION POLICY hours ON d DURATION 1h REPLICATION 1 DEFAULT");
    let mut timers = Timers::new(&bench.options, Timestamp(NOW));
    let mut turn = |now: i64| {
        bench.clock.0.store(now, Ordering::Relaxed);
        bench.engine.core.background_turn(&mut timers);
        groups_of(&bench, "hours").len()
    };
    assert_eq!(bench.write(&format!("m f=1i {NOW}")), "");
    assert_eq!((turn(NOW), turn(NOW), turn(NOW + HOUR - 1)), (1, 1, 1));
    assert_eq!(turn(NOW + 300 * DAY), 0, "a leap");
    bench.clock.0.store(NOW, Ordering::Relaxed);
    assert_eq!(bench.write(&format!("m f=1i {NOW}")), "");
    assert_eq!((turn(NOW), turn(NOW + 3 * HOUR)), (1, 0), "after a step back");
    for now in [i64::MIN, Timestamp::MIN.0, i64::MAX, Timestamp::MAX.0] {
        turn(now);
    }
}

/// A continuous query of the model: the lengths of `statements.continuous-query.4`, and what its target must hold.
struct Computed {
    name: &'static str,
    resample: &'static str,
    interval: i64,
    offset: i64,
    every: i64,
    reach: i64,
    last: Option<i64>,
    target: BTreeMap<i64, i64>,
    /// How many times each window was computed.
    runs: BTreeMap<i64, u32>,
}

impl Computed {
    fn create(&self) -> String {
        let Computed { name, resample, interval, offset, .. } = self;
        let (interval, offset) = (interval / MINUTE, offset / MINUTE);
        format!(
            "CREATE CONTINUOUS QUERY {name} ON d {resample} BEGIN SELECT sum(f) INTO {name} FROM m \
             GROUP BY time({interval}m, {offset}m) END"
        )
    }

    /// A window is computed by a due check if it begins at most F before the time at which the check was due, and so much of it
    /// has passed that a run is meant for it: E, or all of it.
    fn check(&mut self, now: i64, points: &BTreeMap<i64, i64>) {
        let due = self.last.map_or(now, |last| last + self.every);
        if due > now {
            return;
        }
        self.last = Some(now - (now - self.offset).rem_euclid(self.every));
        let first = due - self.reach;
        let mut window = first + (self.offset - first).rem_euclid(self.interval);
        while window + self.every.min(self.interval) <= now {
            *self.runs.entry(window).or_default() += 1;
            let mut inside = points.range(window..window + self.interval).map(|(_, value)| *value).peekable();
            if inside.peek().is_some() {
                self.target.insert(window, inside.sum());
            }
            window += self.interval;
        }
    }
}

fn computed(name: &'static str, resample: &'static str, window: (i64, i64), every: i64, reach: i64) -> Computed {
    let (interval, offset) = (window.0 * MINUTE, window.1 * MINUTE);
    let (every, reach) = (every * MINUTE, reach * MINUTE);
    Computed {
        name,
        resample,
        interval,
        offset,
        every,
        reach,
        last: None,
        target: BTreeMap::new(),
        runs: BTreeMap::new(),
    }
}

// spec: statements.continuous-query.4, statements.continuous-query.5, statements.continuous-query.10
#[test]
fn continuous_queries_compute_the_windows_of_weeks_once_across_restarts() {
    let queries = continuous_queries_over_weeks(Bench::on(Arc::new(MemoryDisk::default()), |_| {}), false);
    for query in &queries[..2] {
        let windows: Vec<i64> = query.runs.keys().copied().collect();
        assert!(windows.windows(2).all(|pair| pair[1] - pair[0] == query.interval), "{} skips no window", query.name);
        assert!(query.runs.values().all(|&runs| runs == 1), "{} repeats no window", query.name);
        assert!(windows.len() > 490, "{}", windows.len());
    }
}

// spec: compat.continuous-query.last-run.1, statements.continuous-query.4, statements.continuous-query.5
#[test]
fn continuous_queries_forget_their_last_runs_under_the_profile() {
    let observed = |options: &mut EngineOptions| options.semantics = EngineSemantics::from(Profile::Observed);
    let queries = continuous_queries_over_weeks(Bench::on(Arc::new(MemoryDisk::default()), observed), true);
    for query in &queries[..2] {
        let windows: Vec<i64> = query.runs.keys().copied().collect();
        assert!(windows.windows(2).any(|pair| pair[1] - pair[0] > query.interval), "{} skips windows", query.name);
        assert!(query.runs.values().all(|&runs| runs == 1), "{} repeats no window", query.name);
    }
}

/// Runs queries of all kinds for weeks, in which the server is often stopped for hours, and compares with the model what they
/// have written.
fn continuous_queries_over_weeks(bench: Bench, forgets_runs: bool) -> [Computed; 6] {
    let mut queries = [
        computed("plain", "", (60, 0), 60, 60),
        computed("shifted", "", (60, 15), 60, 60),
        computed("early", "RESAMPLE EVERY 20m", (60, 0), 20, 60),
        computed("rare", "RESAMPLE EVERY 6h", (60, 0), 360, 360),
        computed("late", "RESAMPLE FOR 4h", (60, 0), 60, 240),
        computed("both", "RESAMPLE EVERY 30m FOR 2h", (60, 0), 30, 120),
    ];
    bench.done("CREATE DATABASE d");
    for query in &queries {
        bench.done(&query.create());
    }
    let mut known = ContinuousQueries::default();
    let mut points: BTreeMap<i64, i64> = BTreeMap::new();
    let mut turns = 0;
    let (mut restarts, mut down) = (0, 0);
    let mut engine = Some(bench);
    simulate(3, 24 * MINUTE, |now, random| {
        turns += 1;
        // The server is down for hours.
        if turns % 300 == 0 {
            down = random.random_range(1..40);
        }
        if down > 1 {
            down -= 1;
            return;
        }
        let mut bench = engine.take().unwrap();
        bench.clock.0.store(now, Ordering::Relaxed);
        if down == 1 {
            down = 0;
            bench = bench.reopen();
            known = ContinuousQueries::default();
            for query in queries.iter_mut().filter(|_| forgets_runs) {
                query.last = None;
            }
            restarts += 1;
        }
        // One in five points is up to six hours late.
        let late = if random.random_ratio(1, 5) { random.random_range(0..6 * HOUR) } else { 0 };
        let value = random.random_range(1..1000);
        assert_eq!(bench.write(&format!("m f={value}i {}", now - late)), "");
        points.insert(now - late, value);
        bench.engine.core.run_continuous_queries(&mut known, &AtomicBool::new(false));
        for query in &mut queries {
            query.check(now, &points);
        }
        engine = Some(bench);
    });
    let bench = engine.unwrap();
    assert!(turns > 2000 && restarts > 3, "{turns} turns");
    for query in &queries {
        let mut rows = String::new();
        for (window, sum) in &query.target {
            let _ = write!(rows, " | {window},{sum}");
        }
        let name = query.name;
        assert_eq!(bench.run(&format!("SELECT sum FROM {name}")), format!("0: {name}{{}} time,sum{rows}"));
    }
    queries
}
