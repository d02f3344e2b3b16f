//! Heads of requests: raw bytes in targets, large heads, and the answers to heads that are refused.

use super::*;

/// Sends a GET with `target` as it is.
fn get_raw(server: &TestServer, target: &[u8]) -> Answer {
    let head = [b"GET ", target, b" HTTP/1.1\r\nHost: t\r\nConnection: close\r\n\r\n"].concat();
    Answer::parse(&server.raw(&head))
}

/// Checks that a head is refused with a JSON error, the headers of every answer, and a closed connection.
fn check_refused(server: &TestServer, head: &str, status: u16, error: &str) {
    let answer = Answer::parse(&server.raw(head.as_bytes()));
    let shown = &head[..head.len().min(100)];
    assert_eq!(answer.shown(), (status, format!("{{\"error\":\"{error}\"}}\n").as_str()), "{shown}");
    assert_eq!(answer.header("X-Influxdb-Version"), Some("1.2.4"), "{shown}");
    assert_eq!(answer.header("Content-Type"), Some("application/json"), "{shown}");
    assert_eq!(answer.header("Connection"), Some("close"), "{shown}");
    assert!(answer.header("Request-Id").is_some(), "{shown}");
}

// spec: http.target.1, http.target.2
#[test]
fn any_byte_may_be_raw_in_a_query_string() {
    let server = TestServer::start();
    for byte in 1..=u8::MAX {
        let target = [b"/query?q=rows+1&db=a", &[byte][..], b"b"].concat();
        let answer = get_raw(&server, &target);
        // A blank, CR or LF ends the target.
        if matches!(byte, b' ' | b'\r' | b'\n') {
            assert_eq!(answer.shown(), (400, "{\"error\":\"malformed HTTP request line\"}\n"), "{byte:#x}");
            continue;
        }
        assert_eq!(answer.status, 200, "{byte:#x}: {}", answer.text());
        let database = match byte {
            b'+' => "a b".to_owned(),
            b'&' => "a".to_owned(),
            // Neither `%b` nor a semicolon makes a pair.
            b'%' | b';' => String::new(),
            0x80.. => "a\u{fffd}b".to_owned(),
            _ => format!("a{}b", byte as char),
        };
        let prepared = server.engine.prepared.lock().unwrap().pop();
        let wanted = format!("Anyone db={database} read_only=");
        assert!(prepared.as_ref().is_some_and(|prepared| prepared.starts_with(&wanted)), "{byte:#x}: {prepared:?}");
    }
}

// spec: http.target.1
#[test]
fn any_byte_may_be_raw_in_a_path() {
    let server = TestServer::start();
    for byte in 1..=u8::MAX {
        let status = match byte {
            b' ' | b'\r' | b'\n' | b'%' => 400,
            b'?' => 204,
            _ => 404,
        };
        assert_eq!(get_raw(&server, &[b"/ping", &[byte][..], b"x"].concat()).status, status, "{byte:#x}");
    }
    assert_eq!(get_raw(&server, b"http://host:1/ping").status, 204);
    assert_eq!(get_raw(&server, b"ping").status, 400);
    assert_eq!(get_raw(&server, b"*").status, 404);
}

// spec: http.limits.11
#[test]
fn heads_may_take_a_mebibyte() {
    let server = TestServer::start();
    let long = "x".repeat(645_000);
    let text = "SELECT".to_owned() + &"+x".repeat(320_000);
    let get = |target: &str, headers: &str| {
        let head = format!("GET {target} HTTP/1.1\r\nHost: t\r\nConnection: close\r\n{headers}\r\n");
        Answer::parse(&server.raw(head.as_bytes())).status
    };
    assert_eq!(get(&format!("/query?q={text}"), ""), 200);
    assert!(server.engine.prepared.lock().unwrap().pop().unwrap().ends_with(&text.replace('+', " ")));
    assert_eq!(get(&format!("/ping?{long}"), &format!("Cookie: {}\r\n", &long[..200_000])), 204);
    assert_eq!(get("/ping", &"X-One: 1\r\n".repeat(300)), 204);
    assert_eq!(get("/ping", &"X-One: 1\r\n".repeat(100_000)), 204);
    assert_eq!(get(&format!("/ping?{}", "a&".repeat(9_999)), ""), 204);
    let error = "too many pairs in the query string: more than 10000";
    let many = format!("GET /ping?{} HTTP/1.1\r\nHost: t\r\nConnection: close\r\n\r\n", "a&".repeat(10_000));
    check_refused(&server, &many, 413, error);
}

// spec: http.limits.1, http.headers.1
#[test]
fn heads_that_are_too_large_get_an_error() {
    let server = TestServer::start();
    let long = "x".repeat(3 << 20);
    let error = "request head too large: more than 1048576 bytes";
    for head in [
        format!("GET /query?q={long} HTTP/1.1\r\nHost: t\r\n\r\n"),
        format!("GET /ping HTTP/1.1\r\nHost: t\r\nCookie: {long}\r\n\r\n"),
        format!("GET /ping HTTP/1.1\r\nHost: t\r\n{}\r\n", "X-One: 1\r\n".repeat(200_000)),
        format!("GET /query?q={}", "x".repeat(20 << 20)),
    ] {
        check_refused(&server, &head, 431, error);
    }
    let error = "request headers too large: more than 122880 bytes or 100 headers that the server reads";
    let needed = format!("GET /ping HTTP/1.1\r\nHost: t\r\nAuthorization: {}\r\n\r\n", &long[..200_000]);
    check_refused(&server, &needed, 431, error);
    server.assert_up();
}

// spec: http.headers.1, http.connection.3, http.connection.4, http.coding.1, http.expect.1
#[test]
fn refused_heads_get_a_json_error() {
    let server = TestServer::start();
    let write = |headers: &str| format!("POST /write?db=d HTTP/1.1\r\nHost: t\r\n{headers}\r\nm f=1");
    let malformed = |why: &str| format!("malformed HTTP request: {why}");
    let coding = "Transfer-Encoding: chunked\r\n";
    for (head, status, error) in [
        ("GET /ping HTTP/1.1\r\n\r\n".to_owned(), 400, "missing required Host header".to_owned()),
        ("GET /ping HTTP/1.0\r\nHost: a\r\nHost: a\r\n\r\n".to_owned(), 400, "too many Host headers".to_owned()),
        ("GET /ping\r\n\r\n".to_owned(), 400, "malformed HTTP request line".to_owned()),
        ("\x16\x03\x01".to_owned(), 400, "malformed HTTP request line".to_owned()),
        ("GET /%zz HTTP/1.1\r\n\r\n".to_owned(), 400, malformed("the target has an invalid escape in its path")),
        (write("Bad header: 1\r\n"), 400, malformed("invalid header name")),
        (write("Content-Length: x\r\n"), 400, malformed("invalid Content-Length")),
        (write("Content-Length: 5\r\nContent-Length: 6\r\n"), 400, malformed("invalid Content-Length")),
        (write(&format!("Content-Length: 5\r\n{coding}")), 400, malformed("unexpected Transfer-Encoding")),
        (write("Transfer-Encoding: gzip, chunked\r\n"), 501, "unsupported transfer encoding".to_owned()),
        (write(&coding.repeat(2)), 501, "unsupported transfer encoding".to_owned()),
        (write("Expect: 200-ok\r\nContent-Length: 5\r\n"), 417, "unknown expectation in the Expect header".to_owned()),
    ] {
        check_refused(&server, &head, status, &error);
    }
    assert_eq!(*server.engine.written.lock().unwrap(), [""; 0]);
    let head = Answer::parse(&server.raw(b"HEAD /ping HTTP/1.1\r\n\r\n"));
    assert_eq!(head.shown(), (400, ""));
}

// spec: http.paths.3
#[test]
fn options_of_the_whole_server_is_answered() {
    let server = TestServer::start();
    let answer = server.send("OPTIONS *", "", b"");
    assert_eq!((answer.shown(), answer.header("Content-Length")), ((200, ""), Some("0")));
    assert_eq!(server.send("GET *", "", b"").status, 404);
}

// spec: http.connection.1, http.connection.4
#[test]
fn requests_in_one_stream_keep_their_targets() {
    let server = TestServer::start();
    let write = |n: usize| format!("POST /write?db=d&rp=\"{n}\" HTTP/1.1\r\nHost: t\r\n");
    let all = [
        format!("{}Content-Length: 38\r\n\r\nPOST /write?db=d HTTP/1.1\r\nHost: t\r\n\r\n", write(1)),
        format!("\r\n{}Transfer-Encoding: chunked\r\n\r\n3\r\nm f\r\n2\r\n=1\r\n0\r\nX: y\r\n\r\n", write(2)),
        format!("{}Content-Length: 0\r\n\r\n", write(3)),
        format!("{}Connection: close\r\nContent-Length: 5\r\n\r\nm f=2", write(4)),
    ]
    .concat();
    let mut stream = server.connect();
    for piece in all.as_bytes().chunks(7) {
        stream.write_all(piece).unwrap();
    }
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert_eq!(answer.matches("HTTP/1.1 204").count(), 4, "{answer}");
    let written = server.engine.written.lock().unwrap().clone();
    let written: Vec<_> = written.iter().map(|written| written.splitn(5, ' ').collect::<Vec<_>>()).collect();
    let shown: Vec<_> = written.iter().map(|parts| (parts[1], parts[4])).collect();
    let first = "POST /write?db=d HTTP/1.1\r\nHost: t\r\n\r\n";
    assert_eq!(shown, [("\"1\"", first), ("\"2\"", "m f=1"), ("\"3\"", ""), ("\"4\"", "m f=2")]);
}

// spec: http.build.1
#[test]
fn the_build_header_is_a_setting() {
    for build_header in [false, true] {
        let server = TestServer::with(HttpOptions { build_header, ..options() });
        for target in ["/ping", "/query", "/nowhere", "no-target"] {
            let build = server.get(target).header("X-Influxdb-Build").map(str::to_owned);
            assert_eq!(build.as_deref(), build_header.then_some("OSS"), "{target}");
        }
    }
}
