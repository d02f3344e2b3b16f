//! Authorization.

use super::*;

/// Databases d and e with data; users root (administrator), rd, wr, al (READ, WRITE, ALL on d) and no (no privileges).
fn with_users() -> Bench {
    with_users_on(Bench::new())
}

fn with_users_on(bench: Bench) -> Bench {
    bench.done("CREATE USER root WITH PASSWORD 'pw' WITH ALL PRIVILEGES; CREATE DATABASE d; CREATE DATABASE e");
    bench.done("CREATE USER rd WITH PASSWORD 'pw'; GRANT READ ON d TO rd");
    bench.done("CREATE USER wr WITH PASSWORD 'pw'; GRANT WRITE ON d TO wr");
    bench.done("CREATE USER al WITH PASSWORD 'pw'; GRANT ALL ON d TO al; CREATE USER no WITH PASSWORD 'pw'");
    bench.write("m,t=a f=1 1");
    bench.write_to("e", "", "secret,t=b f=1 1");
    bench
}

/// The privilege that a user lacks for a statement with `db=d`: the end of the refusal, or an empty text.
fn lacks(bench: &mut Bench, user: &str, statement: &str) -> String {
    bench.principal = Principal::User(user.into());
    let answer = bench.run(statement);
    let Some(refusal) = answer.strip_prefix("Forbidden error authorizing query: ") else { return String::new() };
    let expected = format!("{user} not authorized to execute statement '{statement}', requires ");
    refusal.strip_prefix(&expected).unwrap_or(refusal).to_owned()
}

// spec: statements.privilege.1, statements.privilege.2
#[test]
fn statements_require_privileges_on_the_databases_that_they_use() {
    let mut bench = with_users();
    for statement in [
        "SELECT f FROM m",
        "SHOW MEASUREMENTS",
        "SHOW SERIES",
        "SHOW TAG KEYS",
        "SHOW TAG VALUES WITH KEY = t",
        "SHOW FIELD KEYS",
        "SHOW RETENTION POLICIES",
        "SHOW CONTINUOUS QUERIES",
        "SHOW QUERIES",
    ] {
        for (user, want) in [("no", "READ on d"), ("wr", "READ on d"), ("rd", ""), ("al", ""), ("root", "")] {
            assert_eq!(lacks(&mut bench, user, statement), want, "{user} {statement}");
        }
    }
    for statement in ["DELETE FROM m WHERE t = 'z'", "DROP SERIES FROM m WHERE t = 'z'"] {
        for (user, want) in [("no", "WRITE on d"), ("rd", "WRITE on d"), ("wr", ""), ("al", "")] {
            assert_eq!(lacks(&mut bench, user, statement), want, "{user} {statement}");
        }
    }
    for (user, statement, want) in [
        ("rd", "SELECT f FROM e.autogen.secret", "READ on e"),
        ("rd", "SELECT f FROM (SELECT f FROM e.autogen.secret)", "READ on e"),
        ("rd", "SELECT f INTO n FROM m", "WRITE on d"),
        ("wr", "SELECT f INTO n FROM m", "READ on d"),
        ("al", "SELECT f INTO e.autogen.n FROM m", "WRITE on e"),
        ("al", "SELECT f INTO n FROM m", ""),
    ] {
        assert_eq!(lacks(&mut bench, user, statement), want, "{user} {statement}");
    }
}

// spec: statements.privilege.1
#[test]
fn all_other_statements_require_an_administrator() {
    let mut bench = with_users();
    for statement in [
        "SHOW DATABASES",
        "SHOW USERS",
        "SHOW GRANTS FOR al",
        "SHOW SHARDS",
        "SHOW SHARD GROUPS",
        "SHOW SUBSCRIPTIONS",
        "SHOW STATS",
        "SHOW DIAGNOSTICS",
        "CREATE DATABASE x",
        "DROP DATABASE x",
        "DROP MEASUREMENT m",
        "CREATE RETENTION POLICY p ON d DURATION 1d REPLICATION 1",
        "ALTER RETENTION POLICY p ON d REPLICATION 2",
        "CREATE USER x WITH PASSWORD [REDACTED]",
        "DROP USER no",
        "GRANT READ ON d TO no",
        "REVOKE ALL PRIVILEGES FROM al",
        "DROP SHARD 9",
        "KILL QUERY 9",
        "DROP SUBSCRIPTION s ON d.autogen",
    ] {
        if statement.contains("[REDACTED]") {
            bench.principal = Principal::User("al".into());
            let refusal = bench.run("CREATE USER x WITH PASSWORD 'secret'");
            assert!(refusal.ends_with(&format!("'{statement}', requires admin privilege")), "{refusal}");
            continue;
        }
        assert_eq!(lacks(&mut bench, "al", statement), "admin privilege", "{statement}");
        assert_eq!(lacks(&mut bench, "root", statement), "", "{statement}");
    }
}

// spec: statements.sequence.3
#[test]
fn all_statements_are_authorized_before_any_runs() {
    let mut bench = with_users();
    bench.login("wr", "pw");
    let refusal = "Forbidden error authorizing query: wr not authorized to execute statement 'SHOW DATABASES', requires admin privilege";
    assert_eq!(bench.run("DROP SERIES FROM m; SHOW DATABASES"), refusal);
    bench.login("root", "pw");
    assert_eq!(bench.run("SHOW SERIES"), "0: key | m,t=a");
}

// spec: auth.deviation.1
#[test]
fn another_database_in_on_or_from_requires_read_there() {
    let mut bench = with_users();
    for statement in [
        "SHOW SERIES ON e",
        "SHOW MEASUREMENTS ON e",
        "SHOW TAG VALUES ON e WITH KEY = t",
        "SHOW FIELD KEYS ON e",
        "SHOW TAG KEYS FROM e.autogen.secret",
        "SHOW RETENTION POLICIES ON e",
    ] {
        assert_eq!(lacks(&mut bench, "rd", statement), "READ on e", "{statement}");
    }
    assert_eq!(bench.run_as("e", false, "SHOW SERIES ON d"), "0: key | m,t=a");
    assert_eq!(bench.run_as("", false, "SHOW SERIES ON d"), "0: key | m,t=a");
}

// spec: compat.auth.request-database.1
#[test]
fn the_database_of_the_request_requires_privileges_too_under_the_profile() {
    let mut bench = with_users_on(Bench::observed());
    let on_d = [
        "SHOW SERIES ON d",
        "SHOW MEASUREMENTS ON d",
        "SHOW TAG VALUES ON d WITH KEY = t",
        "SHOW FIELD KEYS ON d",
        "SHOW TAG KEYS FROM d.autogen.m",
        "SHOW RETENTION POLICIES ON d",
    ];
    for statement in on_d {
        assert_eq!(lacks(&mut bench, "rd", statement), "", "{statement}");
        for database in ["e", ""] {
            let answer = bench.run_as(database, false, statement);
            assert!(answer.ends_with(&format!(", requires READ on {database}")), "{answer}");
        }
        // InfluxDB requires no more than this.
        let elsewhere = statement.replace(" d", " e");
        assert_eq!(lacks(&mut bench, "rd", &elsewhere), "READ on e", "{elsewhere}");
        bench.login("root", "pw");
        assert!(!bench.run_as("e", false, statement).contains("error"), "{statement}");
    }
    for (user, statement, want) in [
        ("rd", "DROP RETENTION POLICY autogen ON d", "WRITE on d"),
        ("wr", "DROP RETENTION POLICY autogen ON d", "admin privilege"),
        ("wr", "DROP CONTINUOUS QUERY c ON e", "WRITE on e"),
        ("wr", "DROP CONTINUOUS QUERY c ON d", ""),
    ] {
        assert_eq!(lacks(&mut bench, user, statement), want, "{user} {statement}");
    }
    let answer = bench.run_as("e", false, "DROP CONTINUOUS QUERY c ON d");
    assert!(answer.ends_with(", requires WRITE on e"), "{answer}");
}

// spec: statements.privilege.4, auth.deviation.2
#[test]
fn listings_of_queries_show_only_what_the_user_may_see() {
    let mut bench = with_users();
    bench.done("CREATE CONTINUOUS QUERY c ON e BEGIN SELECT mean(f) INTO e..t FROM e..secret GROUP BY time(1h) END");
    bench.login("rd", "pw");
    assert_eq!(bench.run("SHOW CONTINUOUS QUERIES"), "0: d{} name,query");
    let root = Principal::User("root".into());
    let core = bench.engine.core.clone();
    let _others = core.queries.register("SELECT x FROM e..secret".into(), "d".into(), root, true).unwrap();
    let listed = bench.run("SHOW QUERIES");
    assert!(listed.contains("SHOW QUERIES") && !listed.contains("secret"), "{listed}");
    bench.login("root", "pw");
    assert!(bench.run("SHOW QUERIES").contains("secret"));
}

// spec: auth.deviation.3, auth.deviation.4
#[test]
fn policies_and_continuous_queries_of_other_databases_are_refused() {
    let mut bench = with_users();
    let create =
        |names: &str| format!("CREATE CONTINUOUS QUERY c ON d BEGIN SELECT mean(f) {names} GROUP BY time(1h) END");
    for (user, statement, want) in [
        ("wr", "DROP RETENTION POLICY autogen ON d".to_owned(), "admin privilege"),
        ("no", create("INTO t FROM m"), "READ on d"),
        ("rd", create("INTO t FROM m"), "WRITE on d"),
        ("al", create("INTO e.autogen.t FROM m"), "WRITE on e"),
        ("al", create("INTO t FROM e.autogen.secret"), "READ on e"),
        ("al", create("INTO t FROM m"), ""),
        ("rd", "DROP CONTINUOUS QUERY c ON d".to_owned(), "WRITE on d"),
        ("wr", "DROP CONTINUOUS QUERY c ON e".to_owned(), "WRITE on e"),
        ("wr", "DROP CONTINUOUS QUERY c ON d".to_owned(), ""),
    ] {
        assert_eq!(lacks(&mut bench, user, &statement), want, "{user} {statement}");
    }
}

// spec: statements.privilege.3
#[test]
fn the_first_administrator_is_created_without_credentials() {
    let mut bench = Bench::new();
    bench.principal = Principal::Nobody;
    assert_eq!(bench.engine.auth_state(), AuthState::NoAdmin);
    let refusal = "Forbidden error authorizing query: create admin user first or disable authentication";
    let create = "CREATE USER root WITH PASSWORD 'pw' WITH ALL PRIVILEGES";
    for text in ["SHOW DATABASES", ";", "CREATE USER u WITH PASSWORD 'p'", &format!("SHOW USERS; {create}")] {
        assert_eq!(bench.run(text), refusal, "{text}");
    }
    // Two requests were authorized; only the first creates an administrator.
    let parameters = Parameters::new();
    let (principal, database) = (&Principal::Nobody, "");
    let text = "CREATE USER eve WITH PASSWORD 'pw' WITH ALL PRIVILEGES";
    let request = QueryRequest { principal, text, parameters: &parameters, database, read_only: false, chunk_rows: 1 };
    let second = bench.engine.prepare(request).unwrap();
    assert_eq!(bench.run(&format!("{create}; CREATE DATABASE x; SHOW DATABASES")), "0:\n1:\n2: databases{} name | x");
    bench.engine.execute(second, &AtomicBool::new(false), &mut |result| {
        assert_eq!(shown(&result), "0: error: authorization failed");
        ControlFlow::Continue(())
    });
    assert_eq!(bench.engine.auth_state(), AuthState::Ready);
    bench.principal = Principal::Anyone;
    bench.done("CREATE USER u WITH PASSWORD 'p'; DROP USER root");
    bench.principal = Principal::Nobody;
    assert_eq!(bench.run(create), "Forbidden error authorizing query: no user provided");
}

// spec: write.order.1
#[test]
fn a_write_requires_write_on_its_database() {
    let mut bench = with_users();
    for (user, want) in [("wr", ""), ("al", ""), ("root", ""), ("rd", "rd"), ("no", "no")] {
        bench.login(user, "pw");
        let refusal = format!("Forbidden \"{user}\" user is not authorized to write to database \"d\"");
        assert_eq!(bench.write("m f=1 1"), if want.is_empty() { String::new() } else { refusal });
    }
    bench.principal = Principal::Nobody;
    assert_eq!(bench.write("bad"), "Forbidden user is required to write to database \"d\"");
    assert_eq!(bench.write_to("x", "", "bad"), "NotFound database not found: \"x\"");
}
