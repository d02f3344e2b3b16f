//! What the endpoints answer: statuses, headers, bodies, parameters.

use std::io::Write as _;
use std::sync::atomic::Ordering;

use super::*;
use crate::token::tests::hs256_token;

const CORS: [(&str, &str); 4] = [
    ("Access-Control-Allow-Origin", "http://dash"),
    ("Access-Control-Allow-Methods", "DELETE, GET, OPTIONS, POST, PUT"),
    (
        "Access-Control-Allow-Headers",
        "Accept, Accept-Encoding, Authorization, Content-Length, Content-Type, X-CSRF-Token, X-HTTP-Method-Override",
    ),
    ("Access-Control-Expose-Headers", "Date, X-InfluxDB-Version"),
];

fn gunzipped(bytes: &[u8]) -> String {
    let mut text = String::new();
    flate2::read::GzDecoder::new(bytes).read_to_string(&mut text).unwrap();
    text
}

fn gzipped(text: &str) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(text.as_bytes()).unwrap();
    encoder.finish().unwrap()
}

// spec: http.ping.1, http.ping.2, http.headers.1, http.headers.2
#[test]
fn ping_answers_204_with_the_version() {
    let server = TestServer::start();
    for line in ["GET /ping", "HEAD /ping", "GET /status", "HEAD /status", "GET /ping?verbose=true"] {
        let answer = server.send(line, "Accept-Encoding: gzip\r\n", b"ignored");
        assert_eq!(answer.shown(), (204, ""), "{line}");
        assert_eq!(answer.header("X-Influxdb-Version"), Some("1.2.4"));
        assert_eq!(answer.header("Content-Type"), Some("application/json"));
        assert_eq!(answer.header("Content-Length"), None);
        assert!(answer.header("Date").is_some());
        let id: uuid::Uuid = answer.header("Request-Id").unwrap().parse().unwrap();
        assert_eq!(id.get_version_num(), 1);
    }
    let csv = server.get_with("/ping", "Accept: text/csv\r\n");
    assert_eq!(csv.header("Content-Type"), Some("text/csv"));
}

// spec: http.paths.1, http.paths.2
#[test]
fn unknown_paths_are_404_for_every_verb() {
    let server = TestServer::start();
    for target in ["/", "/ping/", "//ping", "/Ping", "/%70ing", "/health", "/api/v2/query", "/debug", "/debug/pprofs"] {
        for verb in ["GET", "POST", "OPTIONS", "BREW"] {
            let answer = server.send(&format!("{verb} {target}"), "Origin: http://dash\r\n", b"");
            assert_eq!(answer.shown(), (404, "404 page not found\n"), "{verb} {target}");
            assert_eq!(answer.header("Content-Type"), Some("text/plain; charset=utf-8"));
            assert_eq!(answer.header("X-Content-Type-Options"), Some("nosniff"));
            assert_eq!(answer.header("Access-Control-Allow-Origin"), None);
            assert_eq!(answer.header("X-Influxdb-Version"), Some("1.2.4"));
        }
    }
    let head = server.send("HEAD /nowhere", "", b"");
    assert_eq!(head.shown(), (404, ""));
}

// spec: http.profiles.1
#[test]
fn a_page_stands_for_profiles_unless_it_is_off() {
    let server = TestServer::start();
    for target in ["/debug/pprof/", "/debug/pprof"] {
        let page = server.get(target);
        assert_eq!((page.status, page.header("Content-Type")), (200, Some("text/html; charset=utf-8")));
        assert_eq!(page.header("X-Content-Type-Options"), Some("nosniff"));
    }
    let unknown = server.get("/debug/pprof/heap");
    assert_eq!(unknown.shown(), (404, "Unknown profile\n"));
    assert_eq!(unknown.header("X-Go-Pprof"), Some("1"));
    let server = TestServer::with(HttpOptions { has_profiles: false, ..options() });
    assert_eq!(server.get("/debug/pprof/").shown(), (404, "404 page not found\n"));
    assert_eq!(server.get("/debug/pprof/heap").shown(), (404, "404 page not found\n"));
}

// spec: http.verbs.1
#[test]
fn other_verbs_are_405_and_verbs_have_case() {
    let server = TestServer::with(HttpOptions { auth_enabled: true, ..options() });
    for (line, allow) in [
        ("POST /ping", "GET, HEAD"),
        ("OPTIONS /ping", "GET, HEAD"),
        ("DELETE /status", "GET, HEAD"),
        ("HEAD /query", "GET, OPTIONS, POST"),
        ("PUT /query", "GET, OPTIONS, POST"),
        ("get /query", "GET, OPTIONS, POST"),
        ("GET /write", "OPTIONS, POST"),
    ] {
        let answer = server.send(line, "", b"");
        let body = if line.starts_with("HEAD") { "" } else { "Method Not Allowed\n" };
        assert_eq!(answer.shown(), (405, body), "{line}");
        assert_eq!(answer.header("Allow"), Some(allow));
        assert_eq!(answer.header("Content-Type"), Some("text/plain; charset=utf-8"));
    }
}

// spec: http.cors.1, http.cors.2
#[test]
fn an_origin_is_echoed_with_the_cors_headers() {
    let server = TestServer::start();
    for line in ["GET /ping", "GET /query?q=rows+1", "GET /query", "POST /write?db=d", "OPTIONS /query"] {
        let answer = server.send(line, "Origin: http://dash\r\n", b"");
        for (name, value) in CORS {
            assert_eq!(answer.header(name), Some(value), "{line}");
        }
        let without = server.send(line, "Origin: \r\n", b"");
        assert_eq!(without.header("Access-Control-Allow-Origin"), None, "{line}");
    }
    for line in ["OPTIONS /query?q=garbage&pretty=true", "OPTIONS /write?db=missing"] {
        let answer = server.send(line, "Accept: text/csv\r\n", b"");
        assert_eq!(answer.shown(), (200, ""));
        assert_eq!(answer.header("Content-Length"), Some("0"));
        assert_eq!(answer.header("Content-Type"), None);
    }
}

// spec: http.variables.1, http.variables.2
#[test]
fn debug_vars_counts_what_happened() {
    for auth_enabled in [false, true] {
        let server = TestServer::with(HttpOptions { auth_enabled, ..options() });
        server.assert_up();
        server.get("/query?u=root&p=toor");
        server.post("/write?db=d&u=root&p=toor", "m f=1");
        let answer = server.get("/debug/vars");
        assert_eq!(answer.header("Content-Type"), Some("application/json; charset=utf-8"));
        let variables: serde_json::Value = serde_json::from_slice(&answer.body).unwrap();
        let httpd = &variables["httpd:127.0.0.1:0"];
        for (name, count) in [("req", 4), ("pingReq", 1), ("queryReq", 1), ("writeReq", 1), ("writeReqBytes", 5)] {
            assert_eq!(httpd["values"][name], count, "{name}");
        }
        assert_eq!(httpd["values"]["clientError"], 1);
        assert_eq!(httpd["values"]["pointsWrittenOK"], 7);
        assert_eq!(httpd["tags"], serde_json::json!({ "bind": "127.0.0.1:0" }));
        assert_eq!(variables["system"]["uptime"], variables["system"]["values"]["uptime"]);
        for time in ["currentTime", "started"] {
            assert!(variables["system"][time].as_str().unwrap().parse::<jiff::Timestamp>().is_ok());
        }
        let storage = serde_json::json!({ "mode": "writable", "sealingFails": false });
        assert_eq!(variables["storage"]["values"], storage);
        let wanted =
            serde_json::json!({ "name": "database", "tags": { "database": "d" }, "values": { "numSeries": 2 } });
        assert_eq!(variables.get("database:d"), (!auth_enabled).then_some(&wanted));
    }
}

// spec: http.answer.1, http.answer.2
#[test]
fn an_accepted_query_is_chunk_encoded_and_closes_the_connection() {
    let server = TestServer::start();
    let rest = "Host: t\r\n\r\n";
    let ok = Answer::parse(&server.raw(format!("GET /query?q=rows+1 HTTP/1.1\r\n{rest}").as_bytes()));
    assert_eq!(ok.status, 200);
    assert_eq!(ok.header("Connection"), Some("close"));
    assert_eq!(ok.header("Transfer-Encoding"), Some("chunked"));
    assert_eq!(ok.header("Content-Type"), Some("application/json"));
    assert!(ok.whole);
    let refused = "GET /query HTTP/1.1\r\nHost: t\r\n\r\n";
    let two = server.raw(format!("{refused}{refused}GET /query?q=rows+1 HTTP/1.1\r\n{rest}").as_bytes());
    let two = String::from_utf8(two).unwrap();
    assert_eq!(two.matches("HTTP/1.1 400 Bad Request\r\n").count(), 2, "{two}");
    assert_eq!(two.matches("Content-Length: 45\r\n").count(), 2);
    assert_eq!(two.matches("Connection: close\r\n").count(), 1);
    let old = server.raw(b"GET /query?q=rows+1 HTTP/1.0\r\n\r\n");
    assert!(String::from_utf8(old).unwrap().ends_with("[[\"1970-01-01T00:00:00.000000001Z\",1]]}]}]}\n"));
}

// spec: http.answer.3, compat.query.keep-alive.1
#[test]
fn a_query_that_asks_for_it_keeps_the_connection() {
    let closings = |server: &TestServer, version: &str, headers: &str| {
        let query = |headers| format!("GET /query?q=rows+1 HTTP/{version}\r\nHost: t\r\n{headers}\r\n");
        let all = query(headers) + &query(headers) + &query("");
        let answers = String::from_utf8(server.raw(all.as_bytes())).unwrap();
        (answers.matches("200 OK").count(), answers.matches("Connection: close\r\n").count())
    };
    let server = TestServer::start();
    assert_eq!(closings(&server, "1.1", ""), (1, 1));
    for headers in ["keep-alive", "Keep-Alive", "TE, keep-alive", "TE\r\nConnection: keep-alive"] {
        assert_eq!(closings(&server, "1.1", &format!("Connection: {headers}\r\n")), (3, 1), "{headers}");
    }
    assert_eq!(closings(&server, "1.1", "Connection: keep-alive, close\r\n").0, 1);
    // The end of the connection is the end of the answer.
    assert_eq!(closings(&server, "1.0", "Connection: keep-alive\r\n").0, 1);
    let server = TestServer::with(observed());
    assert_eq!(closings(&server, "1.1", "Connection: keep-alive\r\n"), (1, 1));
}

// spec: http.answer.1, http.gzip.1
#[test]
fn a_brief_query_is_answered_alike_on_the_thread_of_its_connection() {
    let server = TestServer::start();
    for query in ["rows+2", "error+x", "longer", "a;rows+1;rows+9", "change", "syntax"] {
        for headers in ["", "Accept: text/csv\r\n", "Accept-Encoding: gzip\r\n"] {
            let ask = || {
                let mut answer = server.get_with(&format!("/query?q={query}"), headers);
                answer.headers.retain(|(name, _)| name != "Request-Id" && name != "Date");
                (answer.status, answer.headers, answer.body.len(), answer.whole)
            };
            let first = ask();
            // Until the speed of the machine let it run there.
            for _ in 0..30 {
                let before = server.engine.brief.load(Ordering::Relaxed);
                assert_eq!(ask(), first);
                if server.engine.brief.load(Ordering::Relaxed) > before {
                    break;
                }
            }
        }
    }
    let brief = server.engine.brief.load(Ordering::Relaxed);
    server.get("/query?q=change");
    server.get("/query?q=rows+1&chunked=true");
    assert_eq!(server.engine.brief.load(Ordering::Relaxed), brief);
}

// spec: http.query.3, http.parameters.1, http.parameters.2
#[test]
fn parameters_come_from_form_then_query_string_then_multipart() {
    let server = TestServer::start();
    let text_and_db = |server: &TestServer| {
        let prepared = server.engine.last_prepared();
        (prepared.rsplit("} ").next().unwrap().to_owned(), prepared.contains("db=d "), prepared.contains("only=true"))
    };
    let is = |text: &str, db, read_only| (text.to_owned(), db, read_only);

    server.get("/query?db=d&q=+rows+1%0a");
    assert_eq!(text_and_db(&server), is("rows 1", true, true));
    server.post("/query?db=d&q=rows+2", "");
    assert_eq!(text_and_db(&server), is("rows 2", true, false));
    server.form("/query?db=d&q=rows+2", "q=rows+3");
    assert_eq!(text_and_db(&server), is("rows 3", true, false));
    server.form("/query?db=x", "q=rows+3&db=d");
    assert_eq!(text_and_db(&server), is("rows 3", true, false));
    // A form is only read if it says so, and only with POST.
    assert_eq!(server.post("/query?db=d", "q=rows+3").status, 400);
    let form = "Content-Type: application/x-www-form-urlencoded; charset=utf-8\r\n";
    assert_eq!(server.send("GET /query?db=d", form, b"q=rows+3").status, 400);
    let capital = "Content-Type: APPLICATION/X-WWW-Form-Urlencoded\r\n";
    server.send("POST /query?db=d", capital, b"q=rows+4");
    assert_eq!(text_and_db(&server), is("rows 4", true, false));
}

fn multipart(server: &TestServer, line: &str, parts: &[(&str, &str)]) -> Answer {
    let mut body = String::new();
    for (disposition, content) in parts {
        body += &["--zz\r\nContent-Disposition: form-data; ", disposition, "\r\n\r\n", content, "\r\n"].concat();
    }
    body += "--zz--\r\n";
    server.send(line, "Content-Type: multipart/form-data; boundary=zz\r\n", body.as_bytes())
}

// spec: http.multipart.1, http.multipart.2, http.multipart.3
#[test]
fn statements_are_taken_from_an_uploaded_file() {
    let server = TestServer::start();
    let file = "name=\"q\"; filename=\"q.txt\"";
    for line in ["POST /query", "GET /query"] {
        let answer = multipart(&server, line, &[(file, "a;\nb;\n"), ("name=\"db\"", "d")]);
        assert_eq!(answer.shown(), (200, "{\"results\":[{\"statement_id\":0},{\"statement_id\":1}]}\n"));
        assert!(server.engine.last_prepared().ends_with("a;\nb;\n"), "untrimmed");
        assert!(server.engine.last_prepared().contains("db=d"));
    }
    multipart(&server, "POST /query", &[("name=\"q\"", " field ")]);
    assert!(server.engine.last_prepared().ends_with(" field"));
    multipart(&server, "POST /query?q=url", &[("name=\"q\"", "field"), (file, "file")]);
    assert!(server.engine.last_prepared().ends_with(" url"));
    assert_eq!(multipart(&server, "POST /query", &[(file, "")]).shown(), (200, "{}\n"));
    for parts in [&[("name=\"q\"", "")][..], &[("name=\"x\"; filename=\"q\"", "a")], &[]] {
        assert_eq!(multipart(&server, "POST /query", parts).status, 400);
    }
    let broken = "Content-Type: multipart/form-data; boundary=zz\r\n";
    assert_eq!(server.send("POST /query", broken, b"xx").status, 400);
    assert_eq!(server.send("POST /query", "Content-Type: multipart/form-data\r\n", b"xx").status, 400);
}

// spec: http.async.1, http.async.2
#[test]
fn an_asynchronous_query_is_answered_before_it_runs() {
    let server = TestServer::start();
    let file = ("name=\"q\"; filename=\"q.txt\"", "sleep 1;rows 5");
    let answer = multipart(&server, "POST /query", &[file, ("name=\"async\"", "true")]);
    assert_eq!(answer.shown(), (204, ""));
    assert_eq!(answer.header("Connection"), Some("close"));
    assert_eq!(server.engine.wait_for_end(), "done");
    assert_eq!(server.get("/query?async=true&q=syntax").status, 400);
    assert_eq!(server.get("/query?async=TRUE&q=rows+1").status, 200);
}

// spec: http.q.1, http.q.2, http.query.2, http.status.1, http.order.1
#[test]
fn a_query_is_refused_before_it_runs_or_answered_with_200() {
    let server = TestServer::start();
    let missing = (400, "{\"error\":\"missing required parameter \\\"q\\\"\"}\n");
    for target in ["/query", "/query?q=", "/query?q=++%0a", "/query?Q=a", "/query?q=%zz", "/query?q=&q=a"] {
        assert_eq!(server.get(target).shown(), missing, "{target}");
    }
    assert_eq!(server.get("/query?q=%3B%3B").shown(), (200, "{}\n"));
    assert_eq!(server.get("/query?q=syntax").shown(), (400, "{\"error\":\"error parsing query: \\u003cx\\u003e\"}\n"));
    assert_eq!(server.get("/query?q=forbidden").shown(), (403, "{\"error\":\"error authorizing query: no\"}\n"));
    let failed = server.get("/query?q=error+database+not+found");
    assert_eq!(failed.shown(), (200, "{\"results\":[{\"statement_id\":0,\"error\":\"database not found\"}]}\n"));
    // The parameters are read before the text of the query.
    let params = server.get("/query?q=syntax&params=%7B");
    assert_eq!(params.shown(), (400, "{\"error\":\"error parsing query parameters: unexpected EOF\"}\n"));
}

// spec: http.pretty.2, http.csv.1, http.csv.9
#[test]
fn errors_are_pretty_if_asked_for_and_absent_from_csv() {
    let server = TestServer::start();
    let pretty = "{\n    \"error\": \"database is required\"\n}\n";
    assert_eq!(server.post("/write?pretty=true", "").shown(), (400, pretty));
    assert_eq!(server.post("/write?pretty=1", "").text(), "{\"error\":\"database is required\"}\n");
    for accept in ["application/csv", "text/csv"] {
        let answer = server.get_with("/query", &format!("Accept: {accept}\r\n"));
        assert_eq!(answer.shown(), (400, ""));
        assert_eq!(answer.header("Content-Type"), Some("text/csv"));
        let answer = server.get_with("/query?q=rows+1", &format!("Accept: {accept}\r\n"));
        assert_eq!(answer.shown(), (200, "name,tags,time,v\nm,,1,1\n"));
    }
    for accept in ["text/csv, */*", "text/csv; q=1", "TEXT/CSV", "*/*"] {
        let answer = server.get_with("/query", &format!("Accept: {accept}\r\n"));
        assert_eq!(answer.header("Content-Type"), Some("application/json"), "{accept}");
    }
    // Pretty is asked for in the query string only.
    assert_eq!(server.form("/query", "q=syntax&pretty=true").text().lines().count(), 1);
}

// spec: http.gzip.1, http.gzip.2
#[test]
fn answers_are_packed_for_clients_that_accept_gzip() {
    let server = TestServer::start();
    for accept in ["gzip", "deflate, gzip;q=0", "x-gzip"] {
        let headers = format!("Accept-Encoding: {accept}\r\n");
        let plain = server.get("/query?q=rows+30000").text().to_owned();
        let ok = server.get_with("/query?q=rows+30000", &headers);
        assert_eq!(ok.header("Content-Encoding"), Some("gzip"), "{accept}");
        assert_eq!(gunzipped(&ok.body), plain);
        let chunks = server.get_with("/query?q=rows+3&chunked=true&chunk_size=1", &headers);
        assert_eq!(gunzipped(&chunks.body).lines().count(), 3);
        let refused = server.get_with("/query", &headers);
        assert_eq!(gunzipped(&refused.body), "{\"error\":\"missing required parameter \\\"q\\\"\"}\n");
        assert!(refused.whole);
        let written = server.send("POST /write?db=d", &headers, b"m f=1");
        assert_eq!((written.shown(), written.header("Content-Encoding")), ((204, ""), None));
    }
    for accept in ["*", "GZIP", "deflate"] {
        let answer = server.get_with("/query?q=rows+1", &format!("Accept-Encoding: {accept}\r\n"));
        assert_eq!(answer.header("Content-Encoding"), None, "{accept}");
    }
}

// spec: http.chunked.1, http.chunked.2
#[test]
fn chunks_have_the_size_asked_for() {
    let server = TestServer::start();
    for (parameters, documents) in [
        ("chunked=true&chunk_size=2", 3),
        ("chunked=2", 3),
        ("chunked=true", 1),
        ("chunk_size=2", 1),
        ("chunked=yes&chunk_size=2", 1),
    ] {
        let answer = server.get(&format!("/query?q=rows+5&{parameters}"));
        assert_eq!(answer.text().lines().count(), documents, "{parameters}");
    }
    let answer = server.form("/query", "q=rows+5&chunked=true&chunk_size=1");
    assert_eq!(answer.text().lines().count(), 5);
    // spec: compat.query.chunked-number.1
    let server = TestServer::with(observed());
    assert_eq!(server.get("/query?q=rows+5&chunked=2").text().lines().count(), 1);
}

// spec: http.max-row-limit.3
#[test]
fn the_row_limit_is_for_answers_that_are_not_chunked() {
    let server = TestServer::with(HttpOptions { rows_max: Some(2), ..options() });
    assert!(server.get("/query?q=rows+3").text().ends_with("Z\",2]],\"partial\":true}]}]}\n"));
    assert!(!server.get("/query?q=rows+2").text().contains("partial"));
    assert_eq!(server.get("/query?q=rows+3&chunked=1").text().lines().count(), 3);
    assert_eq!(server.get_with("/query?q=rows+3", "Accept: text/csv\r\n").text(), "name,tags,time,v\nm,,1,1\nm,,2,2\n");
}

// spec: write.request.1, write.request.2, write.success.1
#[test]
fn a_write_takes_parameters_from_the_query_string_and_points_from_the_body() {
    let server = TestServer::start();
    let answer = server.post("/write?db=d&rp=r&precision=ms&consistency=one&db=x&u=a&q=b", "m f=1 1");
    assert_eq!(answer.shown(), (204, ""));
    assert_eq!(answer.header("Content-Type"), Some("application/json"));
    assert_eq!(answer.header("Content-Length"), None);
    assert_eq!(server.engine.last_written(), "d r 1000000 one m f=1 1");
    // spec: write.precision.1, write.precision.2
    for (precision, nanos) in [("ns", 1), ("u", 1_000), ("s", 1_000_000_000), ("S", 1), ("µs", 1), ("", 1)] {
        server.post(&format!("/write?db=d&precision={precision}"), "m f=1 1");
        assert_eq!(server.engine.last_written(), format!("d  {nanos}  m f=1 1"));
    }
    server.form("/write?db=d", "m%20f=1 1");
    assert_eq!(server.engine.last_written(), "d  1  m%20f=1 1");
    server.raw(b"POST /write?db=d HTTP/1.1\r\nHost: t\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nm f\r\n2\r\n=2\r\n0\r\n\r\n");
    assert_eq!(server.engine.last_written(), "d  1  m f=2");
}

// spec: write.db.1, write.db.2, write.rp.2, write.status.1
#[test]
fn a_refused_write_says_why() {
    let server = TestServer::start();
    let json = |text: &str| format!("{{\"error\":\"{text}\"}}\n");
    for (target, body, status, error) in [
        ("/write", "m f=1", 400, "database is required"),
        ("/write?db=", "m f=1", 400, "database is required"),
        ("/write?db=x", "m f=1", 404, "database not found: \\\"x\\\""),
        ("/write?db=d&rp=nosuch", "m f=1", 500, "retention policy not found: nosuch"),
        ("/write?db=d", "bad a\nb <c>", 400, "a\\nb \\u003cc\\u003e"),
    ] {
        let answer = server.post(target, body);
        assert_eq!(answer.shown(), (status, json(error).as_str()), "{target}");
        assert_eq!(answer.header("Content-Type"), Some("application/json"));
    }
    let answer = server.send("POST /write?db=d", "", b"bad \xff");
    assert_eq!(answer.text(), json("\\ufffd"));
}

// spec: write.gzip.1, write.gzip.3
#[test]
fn a_packed_body_is_unpacked_if_it_says_gzip() {
    let server = TestServer::start();
    let gzip = "Content-Encoding: gzip\r\n";
    assert_eq!(server.send("POST /write?db=d", gzip, &gzipped("m f=3")).status, 204);
    assert_eq!(server.engine.last_written(), "d  1  m f=3");
    for (body, error) in [
        (&b""[..], "EOF"),
        (b"m f=1", "unexpected EOF"),
        (b"m f=1 1234567890", "gzip: invalid header"),
        (&gzipped("m f=1")[..15], "unexpected EOF"),
    ] {
        let answer = server.send("POST /write?db=d", gzip, body);
        assert_eq!(answer.shown(), (400, format!("{{\"error\":\"{error}\"}}\n").as_str()));
    }
    server.send("POST /write?db=d", "Content-Encoding: GZIP\r\n", b"m f=4");
    assert_eq!(server.engine.last_written(), "d  1  m f=4");
}

// spec: auth.failure.1, auth.failure.2, auth.order.1
#[test]
fn with_authentication_requests_need_credentials() {
    let server = TestServer::with(HttpOptions { auth_enabled: true, ..options() });
    let none = (401, "{\"error\":\"unable to parse authentication credentials\"}\n");
    let failed = (401, "{\"error\":\"authorization failed\"}\n");
    for target in ["/query?q=rows+1", "/query", "/query?q=rows+1&u=root"] {
        let answer = server.get(target);
        assert_eq!(answer.shown(), none);
        assert_eq!(answer.header("Www-Authenticate"), Some("Basic realm=\"InfluxDB\""));
    }
    assert_eq!(server.post("/write", "").shown(), none);
    assert_eq!(server.post("/write?u=root&p=wrong", "").shown(), failed);
    assert_eq!(server.get("/query?q=rows+1&u=root&p=wrong").shown(), failed);
    assert_eq!(server.get("/query?q=rows+1&u=root&p=%ff").shown(), failed);
    let empty = server.get_with("/query", "Authorization: Basic OnRvb3I=\r\n");
    assert_eq!(empty.shown(), (401, "{\"error\":\"username required\"}\n"));
    // Credentials in a form are not read.
    assert_eq!(server.form("/query", "q=rows+1&u=root&p=toor").shown(), none);

    let basic = "Authorization: Basic cm9vdDp0b29y\r\n";
    assert_eq!(server.get("/query?q=rows+1&u=root&p=toor").status, 200);
    assert_eq!(server.get_with("/query?q=rows+1", basic).status, 200);
    assert!(server.engine.last_prepared().starts_with("User(\"root\")"));
    assert_eq!(server.send("POST /write?db=d", basic, b"m f=1").status, 204);
    assert_eq!(server.get("/ping").status, 204);
    assert_eq!(server.send("OPTIONS /query", "", b"").status, 200);
}

// spec: auth.failure.3
#[test]
fn the_realm_is_a_setting() {
    let realm = "My \"Own\" Realm".to_owned();
    let server = TestServer::with(HttpOptions { auth_enabled: true, realm, ..options() });
    let answer = server.get("/query?q=rows+1");
    assert_eq!(answer.header("Www-Authenticate"), Some("Basic realm=\"My \"Own\" Realm\""));
}

// spec: auth.bootstrap.1
#[test]
fn while_no_administrator_exists_nobody_is_logged_in() {
    let server = TestServer::with(HttpOptions { auth_enabled: true, ..options() });
    server.engine.no_admin.store(true, Ordering::Relaxed);
    assert_eq!(server.get("/query?q=rows+1&u=root&p=wrong").status, 200);
    assert!(server.engine.last_prepared().starts_with("Nobody"));
    let refused = (403, "{\"error\":\"user is required to write to database \\\"d\\\"\"}\n");
    assert_eq!(server.post("/write?db=d&u=root&p=toor", "m f=1").shown(), refused);
}

// spec: auth.off.1
#[test]
fn without_authentication_credentials_are_ignored() {
    let server = TestServer::start();
    for headers in ["Authorization: Basic !!!\r\n", "Authorization: Bearer x\r\n", ""] {
        assert_eq!(server.get_with("/query?q=rows+1&u=a&p=b", headers).status, 200);
        assert!(server.engine.last_prepared().starts_with("Anyone"));
    }
}

// spec: auth.token.1, auth.token.2, auth.token.7
#[test]
fn a_bearer_token_authenticates_its_user() {
    let with = |secret: &str| {
        TestServer::with(HttpOptions { auth_enabled: true, shared_secret: secret.to_owned(), ..options() })
    };
    let token = |claims: &str, secret: &str| format!("Authorization: Bearer {}\r\n", hs256_token(claims, secret));
    let server = with("hush");
    let get = |headers: &str| server.get_with("/query?q=rows+1", headers);
    assert_eq!(get(&token("{\"username\":\"root\",\"exp\":4102444800}", "hush")).status, 200);
    assert!(server.engine.last_prepared().starts_with("User(\"root\")"));
    let ghost = get(&token("{\"username\":\"ghost\",\"exp\":4102444800}", "hush"));
    assert_eq!(ghost.shown(), (401, "{\"error\":\"user not found\"}\n"));
    assert_eq!(ghost.header("Www-Authenticate"), Some("Basic realm=\"InfluxDB\""));
    let forged = get(&token("{\"username\":\"root\",\"exp\":4102444800}", ""));
    assert_eq!(forged.shown(), (401, "{\"error\":\"signature is invalid\"}\n"));
    let unsigned = with("").get_with("/query?q=a", &token("{\"username\":\"root\",\"exp\":4102444800}", ""));
    assert_eq!(unsigned.status, 401);
}
