//! Metrics, readiness and the log of requests.

use std::sync::Arc;

use fluxstone_engine::Mode;

use super::*;
use crate::AccessLog;
use crate::context::ServerContext;
use crate::readiness;

fn with_metrics(auth_enabled: bool, metrics_need_credentials: bool) -> TestServer {
    TestServer::with(HttpOptions { has_metrics: true, auth_enabled, metrics_need_credentials, ..options() })
}

// spec: watch.ready.1
#[test]
fn a_server_is_ready_while_it_stores_what_it_gets() {
    let server = TestServer::with(HttpOptions { auth_enabled: true, ..options() });
    for (mode, status, word, message) in [
        (Mode::Writable, 200, "pass", "ready for queries and writes"),
        (Mode::DiskFull, 503, "fail", "writes are refused: the disk of the log is full"),
        (Mode::ReadOnly, 503, "fail", "writes are refused: the log is read-only"),
    ] {
        *server.engine.mode.lock().unwrap() = mode;
        let answer = server.get("/fluxstone/ready");
        assert_eq!((answer.status, answer.header("Content-Type")), (status, Some("application/json")));
        let body: serde_json::Value = serde_json::from_slice(&answer.body).unwrap();
        assert_eq!((&body["status"], &body["message"]), (&word.into(), &message.into()));
        assert_eq!(server.send("HEAD /fluxstone/ready", "", b"").shown(), (status, ""));
    }
    assert_eq!(server.send("POST /fluxstone/ready", "", b"").header("Allow"), Some("GET, HEAD"));
    assert_eq!(server.get("/fluxstone/other").status, 404);
}

// spec: watch.ready.1
#[test]
fn a_server_that_shuts_down_is_not_ready() {
    let context = ServerContext::new(Arc::new(FakeEngine::default()), options());
    assert_eq!(readiness::answer(&context).status(), 200);
    context.begin_to_stop();
    let answer = readiness::answer(&context);
    assert_eq!(answer.status(), 503);
    assert!(format!("{:?}", answer.body()).contains("shutting down"));
}

// spec: watch.metrics.1
#[test]
fn metrics_are_openmetrics_at_their_paths() {
    let server = with_metrics(false, false);
    server.assert_up();
    server.get("/query");
    for target in ["/metrics", "/fluxstone/metrics", "/metrics?x=1"] {
        let accept = "Accept: application/openmetrics-text;version=1.0.0;q=0.6,text/plain;q=0.5,*/*;q=0.1\r\n";
        let answer = server.get_with(target, accept);
        let content_type = "application/openmetrics-text; version=1.0.0; charset=utf-8";
        assert_eq!((answer.status, answer.header("Content-Type")), (200, Some(content_type)));
        let text = answer.text();
        assert!(text.ends_with("# EOF\n"));
        for line in [
            "# TYPE fluxstone_http_requests counter",
            "# HELP fluxstone_http_requests Requests.",
            "fluxstone_http_ping_requests_total 1",
            "fluxstone_database_series{database=\"d\"} 2",
            "fluxstone_storage_writable 1",
            "fluxstone_http_responses_total{endpoint=\"query\",code=\"400\"} 1",
            "fluxstone_http_request_duration_seconds_count{endpoint=\"ping\"} 1",
        ] {
            assert!(text.lines().any(|shown| shown == line), "{line} is not in\n{text}");
        }
    }
    let older = server.get("/metrics");
    assert_eq!(older.header("Content-Type"), Some("text/plain; version=0.0.4; charset=utf-8"));
    for (line, shown) in [
        ("# TYPE fluxstone_http_requests_total counter", true),
        ("# HELP fluxstone_http_requests_total Requests.", true),
        ("fluxstone_http_ping_requests_total 1", true),
        ("# TYPE fluxstone_http_requests_active gauge", true),
        ("# HELP fluxstone_http_requests_active Requests that are being answered.", true),
        ("fluxstone_http_request_duration_seconds_count{endpoint=\"ping\"} 1", true),
        ("# EOF", false),
        ("# TYPE fluxstone_http_requests counter", false),
    ] {
        assert_eq!(older.text().lines().any(|found| found == line), shown, "{line} in {}", older.text());
    }
    let head = server.send("HEAD /metrics", "", b"");
    assert_eq!(head.shown(), (200, ""));
    assert_eq!(server.send("POST /metrics", "", b"").shown(), (405, "Method Not Allowed\n"));
    let without = TestServer::start();
    assert_eq!(without.get("/metrics").shown(), (404, "404 page not found\n"));
    assert_eq!(without.get("/fluxstone/metrics").status, 200);
}

// spec: watch.metrics.4
#[test]
fn with_authentication_metrics_name_no_databases_or_need_credentials() {
    let server = with_metrics(true, false);
    let answer = server.get("/metrics");
    assert!(answer.status == 200 && !answer.text().contains("database=") && answer.text().contains("http_requests"));
    let server = with_metrics(true, true);
    let refused = server.get("/metrics");
    assert_eq!(refused.shown(), (401, "{\"error\":\"unable to parse authentication credentials\"}\n"));
    assert!(refused.header("Www-Authenticate").is_some());
    assert_eq!(server.get("/metrics?u=root&p=wrong").status, 401);
    assert!(server.get("/metrics?u=root&p=toor").text().contains("database=\"d\""));
    let prepared = server.engine.last_prepared();
    assert!(prepared.starts_with("User(\"root\")") && prepared.ends_with(" SHOW STATS"), "{prepared}");
}

// spec: watch.access.1, watch.access.3, watch.access.4
#[test]
fn a_request_is_logged_to_its_file_when_it_has_been_answered() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("access.log");
    let log = AccessLog::open(&path).unwrap();
    let server = TestServer::with(HttpOptions { log_requests: true, access_log: Some(log.clone()), ..options() });
    let headers = "User-Agent: curl/7 \"x\"\r\nReferer: http://dash\r\nX-Forwarded-For: 10.0.0.1\r\n";
    let answer = server.get_with("/query?u=root&p=secret&q=rows+1", headers);
    let bytes = answer.body.len();
    let id = answer.header("Request-Id").unwrap().to_owned();
    let mut text = String::new();
    while !text.ends_with('\n') {
        std::thread::sleep(Duration::from_millis(2));
        text = std::fs::read_to_string(&path).unwrap();
    }
    let (before, rest) = text.split_once(" [").unwrap();
    let (_, after) = rest.split_once("] ").unwrap();
    assert_eq!(before, "10.0.0.1,127.0.0.1 - root");
    let expected = format!(
        "\"GET /query?u=root&p=%5BREDACTED%5D&q=rows+1 HTTP/1.1\" 200 {bytes} \"http://dash\" \"curl/7 \\\"x\\\"\" {id} "
    );
    let took = after.strip_prefix(&expected).unwrap_or_else(|| panic!("{after} instead of {expected}"));
    assert!(took.trim_end().parse::<u64>().is_ok(), "{took}");

    std::fs::rename(&path, folder.path().join("access.log.1")).unwrap();
    log.reopen().unwrap();
    server.get("/ping");
    while !std::fs::read_to_string(&path).is_ok_and(|text| text.contains("/ping") && text.ends_with('\n')) {
        std::thread::sleep(Duration::from_millis(2));
    }
    std::fs::remove_dir_all(folder.path()).unwrap();
    assert!(log.reopen().is_err());
    assert_eq!(server.get("/ping").status, 204);
}
