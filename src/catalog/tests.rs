//! The rules of the catalog's decisions, and properties of replay.

use fluxstone_model::{Nanos, RetentionOptions, ShardId, SubscriptionMode, Timestamp};
use proptest::prelude::*;

use super::*;

const HOUR: Nanos = Nanos::HOUR;
const DAY: Nanos = Nanos::DAY;

/// A catalog that is changed as the engine changes it: decide, apply, log.
#[derive(Default)]
struct Server {
    catalog: Catalog,
    log: Vec<Change>,
}

impl Server {
    fn with_database(name: &str) -> Self {
        let mut server = Server::default();
        assert_eq!(server.run(|c| c.create_database(name, None, true)), "");
        server
    }

    /// Applies the decision. Returns the text of its error, or an empty text.
    fn run(&mut self, decide: impl FnOnce(&Catalog) -> Result<Vec<Change>, CatalogError>) -> String {
        match decide(&self.catalog) {
            Ok(changes) => {
                self.catalog = self.catalog.apply_all(&changes);
                self.log.extend(changes);
                String::new()
            }
            Err(error) => error.to_string(),
        }
    }

    fn create_policy(&mut self, name: &str, duration: Nanos, shard_duration: Nanos, default: bool) -> String {
        let spec = PolicySpec { name: name.into(), duration, shard_duration, replication: 1 };
        self.run(|c| c.create_policy("d", spec, default))
    }

    fn alter(&mut self, name: &str, duration: Option<Nanos>, shard_duration: Option<Nanos>) -> String {
        let alteration = PolicyAlteration { duration, shard_duration, ..PolicyAlteration::default() };
        self.run(|c| c.alter_policy("d", name, alteration))
    }

    fn policy(&self, name: &str) -> &RetentionPolicy {
        self.catalog.database("d").unwrap().policy(name).unwrap()
    }

    fn write_at(&mut self, times: &[i64]) -> Vec<u64> {
        let database = self.catalog.database("d").unwrap();
        let policy = database.policy_or_default("").unwrap();
        let mut planner = GroupPlanner::new(&self.catalog, database, policy);
        let shards = times.iter().map(|t| planner.shard_for(Timestamp(*t)).0).collect();
        let changes = planner.into_changes();
        self.catalog = self.catalog.apply_all(&changes);
        self.log.extend(changes);
        shards
    }
}

fn options(duration: Option<Nanos>, name: Option<&str>) -> RetentionOptions {
    RetentionOptions { duration, name: name.map(Into::into), ..RetentionOptions::default() }
}

// spec: statements.database.2
#[test]
fn database_names_are_printable_and_not_paths() {
    for bad in ["", ".", "..", "a/b", "a\\b", "a\tb", "a\nb", "a\u{a0}b", "a\u{200b}"] {
        assert_eq!(Server::default().run(|c| c.create_database(bad, None, true)), "invalid name", "{bad:?}");
    }
    for good in ["a b", "...", "Größe", "日本", "\u{1f600}", "a.b", "€"] {
        assert_eq!(Server::default().run(|c| c.create_database(good, None, true)), "", "{good:?}");
    }
}

// spec: statements.database.1, statements.database.3
#[test]
fn creating_a_database_again_changes_nothing() {
    let mut server = Server::with_database("d");
    let before = server.catalog.clone();
    assert_eq!(server.run(|c| c.create_database("d", None, true)), "");
    assert_eq!(server.catalog, before);
    let policy = server.policy("autogen");
    assert_eq!((policy.duration, policy.shard_duration, policy.replication), (Nanos(0), Nanos::WEEK, 1));
    assert_eq!(server.catalog.database("d").unwrap().default_policy, "autogen");
}

// spec: statements.database.3
#[test]
fn without_autocreate_a_new_database_has_no_policy() {
    let mut server = Server::default();
    server.run(|c| c.create_database("d", None, false));
    let database = server.catalog.database("d").unwrap();
    assert_eq!(database.policy_or_default("").unwrap_err().to_string(), "retention policy not found: ");
}

// spec: statements.database.4
#[test]
fn with_must_agree_with_the_default_policy_of_an_existing_database() {
    let mut server = Server::default();
    let conflict = "retention policy conflicts with an existing policy";
    let two_days = options(Some(Nanos(2 * DAY.0)), Some("p"));
    assert_eq!(server.run(|c| c.create_database("d", Some(&two_days), true)), "");
    assert_eq!(server.run(|c| c.create_database("d", Some(&two_days), true)), "");
    for (other, want) in [
        (options(Some(Nanos(3 * DAY.0)), Some("p")), conflict),
        (options(Some(Nanos(2 * DAY.0)), None), conflict),
        (options(None, Some("p")), ""),
        (RetentionOptions { shard_duration: Some(HOUR), ..options(None, Some("p")) }, conflict),
        (options(Some(Nanos::MINUTE), Some("p")), "retention policy duration must be at least 1h0m0s"),
        (options(None, Some("a/b")), "invalid name"),
    ] {
        assert_eq!(server.run(|c| c.create_database("d", Some(&other), true)), want, "{other:?}");
    }
}

// spec: statements.database.4
#[test]
fn a_refused_with_clause_creates_no_database() {
    let mut server = Server::default();
    let with = RetentionOptions { shard_duration: Some(Nanos(3 * HOUR.0)), ..options(Some(Nanos(2 * HOUR.0)), None) };
    let error = "retention policy duration must be greater than the shard duration";
    assert_eq!(server.run(|c| c.create_database("d", Some(&with), true)), error);
    assert_eq!(server.catalog, Catalog::default());
}

// spec: statements.database.5
#[test]
fn dropping_a_database_removes_its_grants_and_retires_its_id() {
    let mut server = Server::with_database("d");
    server.run(|c| c.create_user("u", "h", None, false));
    server.run(|c| c.grant("u", "d", Privileges::ALL));
    let id = server.catalog.database("d").unwrap().id;
    server.run(|c| Ok(c.drop_database("d")));
    server.run(|c| Ok(c.drop_database("d")));
    assert!(server.catalog.user("u").unwrap().grants.is_empty());
    server.run(|c| c.create_database("d", None, true));
    assert_ne!(server.catalog.database("d").unwrap().id, id);
}

// spec: statements.policy.2
#[test]
fn the_default_shard_duration_depends_on_the_duration() {
    let day = |n: i64| Nanos(n * DAY.0);
    for (duration, want) in [
        (HOUR, HOUR),
        (Nanos(2 * DAY.0 - 1), HOUR),
        (day(2), DAY),
        (Nanos(180 * DAY.0 - 1), DAY),
        (day(180), Nanos::WEEK),
        (Nanos(0), Nanos::WEEK),
    ] {
        let mut server = Server::with_database("d");
        assert_eq!(server.create_policy("p", duration, Nanos(0), false), "");
        assert_eq!(server.policy("p").shard_duration, want, "{duration:?}");
    }
    let mut server = Server::with_database("d");
    assert_eq!(server.create_policy("p", Nanos(0), Nanos::MINUTE, false), "");
    assert_eq!(server.policy("p").shard_duration, HOUR);
}

// spec: statements.policy.3
#[test]
fn creating_a_policy_again_requires_the_same_policy() {
    let mut server = Server::with_database("d");
    assert_eq!(server.create_policy("p", DAY, Nanos(0), false), "");
    assert_eq!(server.create_policy("p", DAY, HOUR, false), "");
    assert_eq!(server.create_policy("p", DAY, Nanos(2 * HOUR.0), false), "retention policy already exists");
    let conflict = "retention policy conflicts with an existing policy";
    assert_eq!(server.create_policy("p", DAY, Nanos(0), true), conflict);
    assert_eq!(server.create_policy("q", DAY, Nanos(2 * DAY.0), true), too_short());
    assert_eq!(server.create_policy("q", DAY, DAY, true), "");
    assert_eq!(server.create_policy("", DAY, DAY, true), "invalid name");
    assert_eq!(server.create_policy("r", Nanos(HOUR.0 - 1), DAY, true), too_low());
    let spec = PolicySpec::autogen();
    assert_eq!(server.run(|c| c.create_policy("x", spec, false)), "database not found: x");
}

fn too_short() -> &'static str {
    "retention policy duration must be greater than the shard duration"
}

fn too_low() -> &'static str {
    "retention policy duration must be at least 1h0m0s"
}

// spec: statements.policy.4
#[test]
fn altering_compares_the_shard_duration_as_written() {
    let mut server = Server::with_database("d");
    assert_eq!(server.alter("autogen", Some(Nanos(2 * DAY.0)), None), too_short());
    assert_eq!(server.alter("autogen", Some(HOUR), Some(Nanos::MINUTE)), "");
    assert_eq!(server.policy("autogen").shard_duration, HOUR);
    assert_eq!(server.alter("autogen", None, Some(DAY)), too_short());
    assert_eq!(server.alter("autogen", Some(Nanos(0)), None), "");
    assert_eq!(server.policy("autogen").shard_duration, HOUR);
    assert_eq!(server.alter("", None, Some(Nanos(0))), "");
    assert_eq!(server.policy("autogen").shard_duration, Nanos::WEEK);
    assert_eq!(server.alter("nope", None, Some(DAY)), "retention policy not found: nope");
    assert_eq!(server.alter("autogen", Some(Nanos::MINUTE), None), too_low());
}

// spec: statements.policy.5
#[test]
fn a_dropped_default_keeps_its_name() {
    let mut server = Server::with_database("d");
    server.create_policy("p", Nanos(0), Nanos(0), false);
    server.run(|c| Ok(c.drop_policy("d", "autogen")));
    server.run(|c| Ok(c.drop_policy("d", "autogen")));
    let missing = server.catalog.database("d").unwrap().policy_or_default("").unwrap_err();
    assert_eq!(missing.to_string(), "retention policy not found: autogen");
    assert_eq!(server.create_policy("autogen", DAY, Nanos(0), false), "");
    assert_eq!(server.catalog.database("d").unwrap().policy_or_default("").unwrap().duration, DAY);
}

// spec: statements.shard.1
#[test]
fn weeks_begin_on_mondays() {
    let group = ShardGroup::aligned(1, ShardId(1), Timestamp(0), Nanos::WEEK);
    assert_eq!(group.start, i128::from(-3 * DAY.0));
    assert_eq!(group.end, i128::from(4 * DAY.0));
    let last = ShardGroup::aligned(1, ShardId(1), Timestamp::MAX, Nanos::WEEK);
    assert_eq!(last.end, i128::from(i64::MAX));
    let first = ShardGroup::aligned(1, ShardId(1), Timestamp::MIN, Nanos::WEEK);
    assert!(first.start < i128::from(i64::MIN));
}

// spec: statements.shard.1, statements.shard.2
#[test]
fn an_old_group_keeps_its_range_when_the_policy_changes() {
    let mut server = Server::with_database("d");
    let second = 1_000_000_000;
    assert_eq!(server.write_at(&[1_483_315_200 * second]), [1]);
    server.alter("autogen", None, Some(DAY));
    assert_eq!(server.write_at(&[1_483_401_600 * second, 1_483_920_000 * second]), [1, 2]);
    server.alter("autogen", None, Some(Nanos(28 * DAY.0)));
    assert_eq!(server.write_at(&[1_484_006_400 * second, 1_483_920_000 * second, 0]), [3, 2, 4]);
    let ends: Vec<_> = server.policy("autogen").groups.iter().map(|g| g.end).collect();
    assert!(ends.is_sorted());
    server.run(|c| Ok(c.drop_shard(ShardId(4))));
    assert_eq!(server.write_at(&[0]), [5]);
}

// spec: statements.shard.5
#[test]
fn a_group_expires_when_its_end_is_older_than_the_duration() {
    let mut server = Server::with_database("d");
    server.write_at(&[0]);
    server.create_policy("p", DAY, Nanos(0), false);
    let alteration = PolicyAlteration { default: true, ..PolicyAlteration::default() };
    server.run(|c| c.alter_policy("d", "p", alteration));
    server.write_at(&[0]);
    let expiry = HOUR.0 + DAY.0;
    assert!(server.catalog.expired_groups(Timestamp(expiry)).is_empty());
    let expired = server.catalog.expired_groups(Timestamp(expiry + 1));
    assert_eq!(expired.iter().map(|(_, shard, _)| shard.0).collect::<Vec<_>>(), [2]);
}

// spec: statements.user.2
#[test]
fn creating_a_user_again_requires_the_same_password_and_kind() {
    let mut server = Server::default();
    assert_eq!(server.run(|c| c.create_user("", "h", None, false)), "username required");
    assert_eq!(server.run(|c| c.create_user("u", "h", None, false)), "");
    assert_eq!(server.run(|c| c.create_user("u", "h2", Some("h"), false)), "");
    assert_eq!(server.run(|c| c.create_user("u", "h2", Some("h"), true)), "user already exists");
    assert_eq!(server.run(|c| c.create_user("u", "h2", None, false)), "user already exists");
    assert_eq!(server.catalog.user("u").unwrap().hash, "h");
    for error in [
        server.run(|c| c.drop_user("x")),
        server.run(|c| c.set_password("x", "h")),
        server.run(|c| c.set_admin("x", true)),
        server.run(|c| c.grant("x", "d", Privileges::READ)),
        server.run(|c| c.revoke("x", "d", Privileges::READ)),
    ] {
        assert_eq!(error, "user not found");
    }
}

// spec: statements.user.3
#[test]
fn grants_replace_and_revokes_remove_privileges() {
    let mut server = Server::default();
    server.run(|c| c.create_user("u", "h", None, false));
    let mut granted = |decide: &dyn Fn(&Catalog) -> Result<Vec<Change>, CatalogError>| {
        server.run(decide);
        server.catalog.user("u").unwrap().grants["d"].name()
    };
    assert_eq!(granted(&|c| c.grant("u", "d", Privileges::READ)), "READ");
    assert_eq!(granted(&|c| c.grant("u", "d", Privileges::WRITE)), "WRITE");
    assert_eq!(granted(&|c| c.revoke("u", "d", Privileges::READ)), "WRITE");
    assert_eq!(granted(&|c| c.grant("u", "d", Privileges::ALL)), "ALL PRIVILEGES");
    assert_eq!(granted(&|c| c.revoke("u", "d", Privileges::WRITE)), "READ");
    assert_eq!(granted(&|c| c.revoke("u", "d", Privileges::ALL)), "NO PRIVILEGES");
}

// spec: statements.continuous-query.2
#[test]
fn continuous_queries_are_equal_if_their_texts_are_ignoring_case() {
    let mut server = Server::with_database("d");
    let query = |text: &str, author: &str| ContinuousQuery {
        name: "c".into(),
        text: text.into(),
        author: Some(author.into()),
        author_dropped: false,
        last_run: None,
    };
    assert_eq!(server.run(|c| c.create_continuous_query("d", query("SELECT f", "u"))), "");
    assert_eq!(server.run(|c| c.create_continuous_query("d", query("SELECT F", "v"))), "");
    assert_eq!(server.catalog.database("d").unwrap().continuous_queries, [query("SELECT f", "u")]);
    let error = server.run(|c| c.create_continuous_query("d", query("SELECT g", "u")));
    assert_eq!(error, "continuous query already exists");
    assert_eq!(server.run(|c| c.drop_continuous_query("x", "c")), "database not found: x");
    assert_eq!(server.run(|c| c.drop_continuous_query("d", "c")), "");
    assert_eq!(server.run(|c| c.drop_continuous_query("d", "c")), "continuous query not found");
}

// spec: statements.subscription.2
#[test]
fn subscriptions_require_destinations_with_scheme_and_port() {
    let mut server = Server::with_database("d");
    let mut create = |policy: &str, url: &str| {
        let subscription =
            Subscription { name: "s".into(), mode: SubscriptionMode::All, destinations: vec![url.into()] };
        let error = server.run(|c| c.create_subscription("d", policy, subscription));
        server.run(|c| c.drop_subscription("d", "autogen", "s"));
        error
    };
    for bad in ["h1:9000", "tcp://h1:9000", "udp://h1", "udp://h1:", "", "udp://h:x"] {
        assert_eq!(create("nope", bad), format!("invalid subscription URL: {bad}"));
    }
    for good in ["udp://ok:1", "http://u:p@h:80/x?y=z", "https://[::1]:9"] {
        assert_eq!(create("autogen", good), "", "{good}");
    }
    assert_eq!(create("nope", "udp://ok:1"), "retention policy not found: nope");
    assert_eq!(server.run(|c| c.drop_subscription("d", "autogen", "s")), "subscription not found");
}

/// A request of a client.
#[derive(Debug, Clone)]
enum Request {
    CreateDatabase(String),
    DropDatabase(String),
    CreatePolicy(String, String, i64, bool),
    AlterPolicy(String, String, i64, i64),
    DropPolicy(String, String),
    Write(String, i64),
    DropShard(u64),
    CreateUser(String, bool),
    DropUser(String),
    Grant(String, String, bool),
    CreateContinuousQuery(String, String),
    CreateSubscription(String, String),
}

fn requests() -> impl Strategy<Value = Vec<Request>> {
    let name = || prop_oneof![Just("a".to_owned()), Just("b".to_owned()), Just("autogen".to_owned())];
    let hours = || 0..2000_i64;
    let request = prop_oneof![
        name().prop_map(Request::CreateDatabase),
        name().prop_map(Request::DropDatabase),
        (name(), name(), hours(), any::<bool>()).prop_map(|(d, p, h, x)| Request::CreatePolicy(d, p, h, x)),
        (name(), name(), hours(), hours()).prop_map(|(d, p, h, s)| Request::AlterPolicy(d, p, h, s)),
        (name(), name()).prop_map(|(d, p)| Request::DropPolicy(d, p)),
        (name(), any::<i64>()).prop_map(|(d, t)| Request::Write(d, t)),
        (0..20_u64).prop_map(Request::DropShard),
        (name(), any::<bool>()).prop_map(|(u, admin)| Request::CreateUser(u, admin)),
        name().prop_map(Request::DropUser),
        (name(), name(), any::<bool>()).prop_map(|(u, d, give)| Request::Grant(u, d, give)),
        (name(), name()).prop_map(|(d, q)| Request::CreateContinuousQuery(d, q)),
        (name(), name()).prop_map(|(d, s)| Request::CreateSubscription(d, s)),
    ];
    prop::collection::vec(request, 0..60)
}

fn decide(catalog: &Catalog, request: &Request) -> Result<Vec<Change>, CatalogError> {
    match request {
        Request::CreateDatabase(name) => catalog.create_database(name, None, true),
        Request::DropDatabase(name) => Ok(catalog.drop_database(name)),
        Request::CreatePolicy(database, name, hours, default) => {
            let duration = Nanos(hours * HOUR.0);
            let spec = PolicySpec { name: name.clone(), duration, shard_duration: Nanos(0), replication: 1 };
            catalog.create_policy(database, spec, *default)
        }
        Request::AlterPolicy(database, name, hours, shard_hours) => {
            let (duration, shard) = (Nanos(hours * HOUR.0), Nanos(shard_hours * HOUR.0));
            let alteration =
                PolicyAlteration { duration: Some(duration), shard_duration: Some(shard), ..Default::default() };
            catalog.alter_policy(database, name, alteration)
        }
        Request::DropPolicy(database, name) => Ok(catalog.drop_policy(database, name)),
        Request::Write(name, time) => {
            let Some(database) = catalog.database(name) else { return Ok(Vec::new()) };
            let mut planner = GroupPlanner::new(catalog, database, database.policy_or_default("")?);
            planner.shard_for(Timestamp(*time).clamp(Timestamp::MIN, Timestamp::MAX));
            Ok(planner.into_changes())
        }
        Request::DropShard(id) => Ok(catalog.drop_shard(ShardId(*id))),
        Request::CreateUser(name, admin) => catalog.create_user(name, "hash", None, *admin),
        Request::DropUser(name) => catalog.drop_user(name),
        Request::Grant(user, database, true) => catalog.grant(user, database, Privileges::ALL),
        Request::Grant(user, database, false) => catalog.revoke(user, database, Privileges::READ),
        Request::CreateContinuousQuery(database, name) => {
            let query = ContinuousQuery {
                name: name.clone(),
                text: format!("text of {name}"),
                author: None,
                author_dropped: false,
                last_run: None,
            };
            catalog.create_continuous_query(database, query)
        }
        Request::CreateSubscription(database, name) => {
            let destinations = vec!["udp://h:1".to_owned()];
            let subscription = Subscription { name: name.clone(), mode: SubscriptionMode::Any, destinations };
            catalog.create_subscription(database, "autogen", subscription)
        }
    }
}

proptest! {
    // spec: statements.catalog.1
    #[test]
    fn replaying_the_changes_gives_the_same_catalog(requests in requests()) {
        let mut server = Server::default();
        for request in &requests {
            server.run(|c| decide(c, request));
        }
        let mut replayed = Catalog::default();
        for change in &server.log {
            let bytes = serde_json::to_vec(change).unwrap();
            replayed.absorb(&serde_json::from_slice(&bytes).unwrap());
        }
        prop_assert_eq!(&replayed, &server.catalog);
        let bytes = serde_json::to_vec(&replayed).unwrap();
        prop_assert_eq!(&serde_json::from_slice::<Catalog>(&bytes).unwrap(), &replayed);
    }

    // spec: statements.shard.1
    #[test]
    fn a_time_belongs_to_the_oldest_group_that_covers_it(
        writes in prop::collection::vec((1..400_i64, prop::collection::vec(-10_000..10_000_i64, 1..4)), 1..12),
        dropped in prop::collection::vec(1..30_u64, 0..3),
    ) {
        let mut server = Server::with_database("d");
        let mut hours: Vec<i64> = Vec::new();
        for (length, times) in &writes {
            server.alter("autogen", None, Some(Nanos(length * HOUR.0)));
            hours.extend(times);
            server.write_at(&times.iter().map(|h| h * HOUR.0).collect::<Vec<_>>());
        }
        for id in dropped {
            server.run(|c| Ok(c.drop_shard(ShardId(id))));
        }
        let groups = &server.policy("autogen").groups;
        let stretches = groups.stretches();
        prop_assert!(stretches.iter().all(|(_, range)| !range.is_empty()));
        prop_assert!(stretches.windows(2).all(|pair| pair[0].1.max < pair[1].1.min));
        for hour in hours {
            let time = Timestamp(hour * HOUR.0);
            let oldest = groups.iter().filter(|g| g.contains(time)).min_by_key(|g| g.id).map(|g| g.shard);
            prop_assert_eq!(groups.shard_at(time), oldest);
        }
    }

    // spec: statements.shard.1, statements.shard.2
    #[test]
    fn every_time_is_covered_by_one_group(times in prop::collection::vec(any::<i64>(), 1..40), hours in 1..5000_i64) {
        let mut server = Server::with_database("d");
        server.alter("autogen", None, Some(Nanos(hours * HOUR.0)));
        let times: Vec<i64> = times.iter().map(|t| (*t).clamp(Timestamp::MIN.0, Timestamp::MAX.0)).collect();
        let shards = server.write_at(&times);
        for (time, shard) in times.iter().zip(&shards) {
            let group = server.policy("autogen").groups.iter().find(|g| g.shard.0 == *shard).unwrap();
            prop_assert!(group.contains(Timestamp(*time)));
        }
        prop_assert_eq!(server.write_at(&times), shards);
    }

    #[test]
    fn a_change_of_something_missing_changes_only_the_counters(requests in requests()) {
        let mut server = Server::default();
        for request in &requests {
            server.run(|c| decide(c, request));
        }
        for change in &server.log {
            let after = Catalog::default().apply(change);
            prop_assert!(after.users.len() + after.databases.len() <= 1);
        }
    }
}

// spec: statements.continuous-query.8
#[test]
fn a_user_who_was_created_again_is_another_author() {
    let mut catalog = Catalog::default();
    let mut apply = |changes: Result<Vec<Change>, CatalogError>| {
        for change in changes.unwrap() {
            // As it is logged and read again.
            let logged = serde_json::to_string(&change).unwrap();
            catalog.absorb(&serde_json::from_str(&logged).unwrap());
        }
        catalog.clone()
    };
    let create = |catalog: &Catalog| catalog.create_user("u", "hash", None, false);
    let catalog = apply(Catalog::default().create_database("d", None, true));
    let catalog = apply(create(&catalog));
    let query = ContinuousQuery {
        name: "c".into(),
        text: "t".into(),
        author: Some("u".into()),
        author_dropped: false,
        last_run: None,
    };
    let catalog = apply(catalog.create_continuous_query("d", query));
    let catalog = apply(catalog.create_user("v", "hash", None, false));
    let catalog = apply(catalog.drop_user("v"));
    assert!(!catalog.database("d").unwrap().continuous_queries[0].author_dropped);
    let catalog = apply(catalog.drop_user("u"));
    let catalog = apply(create(&catalog));
    let kept: Catalog = serde_json::from_slice(&serde_json::to_vec(&catalog).unwrap()).unwrap();
    assert!(kept.database("d").unwrap().continuous_queries[0].author_dropped);
}

// spec: statements.continuous-query.10
#[test]
fn the_last_run_of_a_query_is_kept_until_it_is_dropped() {
    let run =
        |name: &str, at| Change::RunContinuousQuery { database: fluxstone_model::DatabaseId(1), name: name.into(), at };
    let logged = serde_json::to_string(&run("c", -5)).unwrap();
    assert_eq!(logged, r#"{"run_continuous_query":{"database":1,"name":"c","at":-5}}"#);
    let mut server = Server::default();
    server.run(|c| c.create_database("d", None, true));
    let query =
        || ContinuousQuery { name: "c".into(), text: "t".into(), author: None, author_dropped: false, last_run: None };
    server.run(|c| c.create_continuous_query("d", query()));
    let catalog = server.catalog.apply_all(&[run("c", 7), run("other", 8), serde_json::from_str(&logged).unwrap()]);
    assert_eq!(catalog.database("d").unwrap().continuous_queries[0].last_run, Some(-5));
    let catalog = catalog.apply_all(&catalog.drop_continuous_query("d", "c").unwrap());
    let catalog = catalog.apply_all(&catalog.create_continuous_query("d", query()).unwrap());
    assert_eq!(catalog.database("d").unwrap().continuous_queries[0].last_run, None);
}

// spec: statements.continuous-query.8
#[test]
fn a_continuous_query_of_an_older_version_has_no_author() {
    let old = r#"{"create_continuous_query":{"database":1,"query":{"name":"c","text":"t"}}}"#;
    let change: Change = serde_json::from_str(old).unwrap();
    let query =
        ContinuousQuery { name: "c".into(), text: "t".into(), author: None, author_dropped: false, last_run: None };
    assert_eq!(change, Change::CreateContinuousQuery { database: fluxstone_model::DatabaseId(1), query });
    assert_eq!(serde_json::to_string(&change).unwrap(), old);
}
