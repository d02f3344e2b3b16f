//! Acknowledged changes survive a restart, and the answers when the disk fails.

use fluxstone_storage::memory_disk::{Failure, MemoryDisk, Shortage};

use super::*;

// spec: statements.catalog.1, statements.catalog.2
#[test]
fn a_reopened_engine_answers_as_before() {
    let mut bench = Bench::new();
    bench.done("CREATE DATABASE gone; CREATE DATABASE d WITH DURATION 90d NAME p; DROP DATABASE gone");
    bench.done("CREATE USER root WITH PASSWORD 'pw' WITH ALL PRIVILEGES; GRANT READ ON d TO root");
    bench.done("CREATE RETENTION POLICY q ON d DURATION INF REPLICATION 1");
    bench.done("CREATE CONTINUOUS QUERY c ON d BEGIN SELECT mean(f) INTO t FROM m GROUP BY time(1h) END");
    bench.done("CREATE SUBSCRIPTION s ON d.q DESTINATIONS ALL 'udp://h:1'");
    bench.write(&format!("m,t=a f=1 {NOW}\nm,t=b f=2 {NOW}"));
    bench.write_to("d", "q", "n g=\"x\" 5");
    bench.done("DELETE FROM m WHERE t = 'a'; DROP SHARD 99");
    let questions = "SHOW DATABASES; SHOW USERS; SHOW GRANTS FOR root; SHOW RETENTION POLICIES; SHOW CONTINUOUS QUERIES; \
                     SHOW SUBSCRIPTIONS; SHOW SHARDS; SHOW SERIES; SELECT * FROM m; SELECT * FROM q.n";
    for _ in 0..3 {
        let before = bench.run(questions);
        bench = bench.reopen();
        assert_eq!(bench.run(questions), before);
        assert_eq!(bench.engine.login("root", "pw"), Ok(Principal::User("root".into())));
    }
    assert_eq!(bench.write_to("d", "q", "n g=\"x\" -5000000000000000000"), "");
    assert!(bench.run("SHOW SHARDS").contains("| #3,d,q,#3,"), "numbers go on");
}

// spec: storage.durability.4, storage.durability.10
#[test]
fn changes_fail_when_the_log_fails_and_queries_continue() {
    let disk = MemoryDisk::default();
    let bench = Bench::on(Arc::new(disk.clone()), |_| {});
    bench.done("CREATE DATABASE d");
    assert_eq!(bench.write("m f=1 1"), "");
    disk.fail_after(1, Failure::Once);
    assert_eq!(bench.write("m f=2 2"), "Internal storage failed: other error");
    assert_eq!(bench.write("m f=3 3"), "Internal storage is read-only after a disk error");
    for statement in ["CREATE DATABASE e", "DROP MEASUREMENT m", "DELETE FROM m", "SELECT f INTO n FROM m"] {
        assert_eq!(bench.run(statement), "0: error: storage is read-only after a disk error");
    }
    assert_eq!(bench.run("SELECT f FROM m"), "0: m{} time,f | 1,1");
    assert_eq!(bench.run("SHOW DATABASES"), "0: databases{} name | d");
    let bench = bench.reopen();
    assert_eq!(bench.write("m f=4 4"), "");
    assert_eq!(bench.run("SELECT f FROM m; SHOW DATABASES"), "0: m{} time,f | 1,1 | 4,4\n1: databases{} name | d");
}

// spec: storage.durability.13, storage.durability.14
#[test]
fn nobody_waits_after_a_panic_of_the_thread_that_writes_the_log() {
    let disk = MemoryDisk::default();
    let bench = Bench::on(Arc::new(disk.clone()), |_| {});
    bench.done("CREATE DATABASE d");
    bench.done("CREATE DATABASE gone");
    assert_eq!(bench.write("m f=1 1"), "");
    disk.fail_after(0, Failure::Panic);
    let read_only = "storage is read-only after a disk error";
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| assert_eq!(bench.write("m f=2 2"), format!("Internal {read_only}")));
            scope.spawn(|| assert_eq!(bench.write("new f=2 9000000000000000000"), format!("Internal {read_only}")));
            for statement in ["CREATE DATABASE e", "DROP MEASUREMENT m", "DELETE FROM m", "DROP DATABASE gone"] {
                scope.spawn(|| assert_eq!(bench.run(statement), format!("0: error: {read_only}")));
            }
        }
    });
    assert_eq!(bench.run("SELECT f FROM m; SHOW DATABASES"), "0: m{} time,f | 1,1\n1: databases{} name | d | gone");
    let shown = "0: storage{} mode,panics,reason,sealingError | read-only,1,the committer panicked,";
    assert_eq!(bench.run("SHOW DIAGNOSTICS FOR 'storage'"), shown);
}

// spec: storage.durability.10, storage.durability.12
#[test]
fn changes_fail_while_the_disk_is_full_and_succeed_afterwards() {
    let disk = MemoryDisk::default();
    let bench = Bench::on(Arc::new(disk.clone()), |_| {});
    bench.done("CREATE DATABASE d");
    assert_eq!(bench.write("m f=1 1"), "");
    disk.set_shortage(&bench.options.log_dir, Some(Shortage::DiskFull));
    let full = "storage failed: no storage space; changes are accepted again when there is space";
    for _ in 0..2 {
        assert_eq!(bench.write("m f=2 2"), format!("Internal {full}"));
    }
    for statement in ["CREATE DATABASE e", "DROP MEASUREMENT m", "DELETE FROM m", "SELECT f INTO n FROM m"] {
        assert_eq!(bench.run(statement), format!("0: error: {full}"));
    }
    assert_eq!(bench.run("SELECT f FROM m"), "0: m{} time,f | 1,1");
    disk.set_shortage(&bench.options.log_dir, None);
    while bench.run("CREATE DATABASE e") == format!("0: error: {full}") {
        std::thread::sleep(Duration::from_millis(1));
    }
    assert_eq!(bench.write("m f=4 4"), "");
    let bench = bench.reopen();
    assert_eq!(bench.run("SELECT f FROM m WHERE time = 4"), "0: m{} time,f | 4,4");
    assert_eq!(bench.run("SHOW DATABASES"), "0: databases{} name | d | e");
}

// spec: storage.durability.8, storage.durability.10
#[test]
fn writes_are_refused_without_free_memory_and_deletions_are_not() {
    let disk = MemoryDisk::default();
    let bench = Bench::on(Arc::new(disk.clone()), |options| {
        (options.memtable_bytes_max, options.write_timeout) = (1000, Duration::ZERO);
    });
    bench.done("CREATE DATABASE d");
    disk.set_shortage(&bench.options.data_dir, Some(Shortage::DiskFull));
    let refusal = (0..1000).map(|n| bench.write(&format!("m f={n} {n}"))).find(|answer| !answer.is_empty());
    assert_eq!(refusal.unwrap(), "Unavailable timeout");
    bench.done("CREATE DATABASE e; DELETE FROM m; DROP DATABASE d");
}
