//! What was acknowledged is there after the engine is opened again.

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
