//! Requests that are broken, hostile, slow or cut short: each gets an answer or a closed connection, and the server stays up.

use super::*;

// spec: http.limits.1
#[test]
fn requests_that_are_not_http_are_refused() {
    let server = TestServer::start();
    for bytes in [
        &b"\r\n\r\n\r\n"[..],
        b"nonsense\r\n\r\n",
        b"GET\r\n\r\n",
        b"GET /ping HTTP/9.9\r\n\r\n",
        b"GET /ping HTTP/1.1\r\nHost t\r\n\r\n",
        b"GET /\xff\xfe HTTP/1.1\r\nHost: t\r\n\r\n",
        b"POST /write?db=d HTTP/1.1\r\nHost: t\r\nContent-Length: x\r\n\r\n",
        b"POST /write?db=d HTTP/1.1\r\nHost: t\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    ] {
        let mut stream = server.connect();
        stream.write_all(bytes).unwrap();
        stream.shutdown(std::net::Shutdown::Write).unwrap();
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer);
        let answer = String::from_utf8_lossy(&answer);
        assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 4"), "{bytes:?}: {answer}");
        server.assert_up();
    }
}

// spec: http.limits.2
#[test]
fn bodies_that_are_too_large_are_refused() {
    let server = TestServer::with(HttpOptions { body_bytes_max: Some(10_000), ..options() });
    let error = "{\"error\":\"request body too large: more than 10000 bytes (max-body-size)\"}\n";
    let body = "m f=1\n".repeat(2000);
    assert_eq!(server.post("/write?db=d", &body).shown(), (413, error));
    // Not announced.
    let head = "POST /write?db=d HTTP/1.1\r\nHost: t\r\nTransfer-Encoding: chunked\r\n\r\n";
    let chunked = format!("{head}{:x}\r\n{body}\r\n0\r\n\r\n", body.len());
    assert_eq!(Answer::parse(&server.raw(chunked.as_bytes())).shown(), (413, error));
    // Announced and never sent.
    let announced = b"POST /write?db=d HTTP/1.1\r\nHost: t\r\nContent-Length: 99999999999999\r\n\r\n";
    assert_eq!(Answer::parse(&server.raw(announced)).status, 413);
    // Small until unpacked.
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    encoder.write_all(&vec![b' '; 5 << 20]).unwrap();
    let bomb = encoder.finish().unwrap();
    assert!(bomb.len() < 10_000);
    let answer = server.send("POST /write?db=d", "Content-Encoding: gzip\r\n", &bomb);
    assert_eq!(answer.shown(), (413, error.replace("bytes", "bytes unpacked").as_str()));
    let form = "q=".to_owned() + &"x".repeat(20_000);
    assert_eq!(server.form("/query", &form).status, 413);
    assert_eq!(*server.engine.written.lock().unwrap(), [""; 0]);
    server.assert_up();
}

// spec: http.limits.9
#[test]
fn forms_with_too_many_pairs_are_refused() {
    let server = TestServer::start();
    let most = crate::parameters::PAIRS_MAX;
    let error = format!("{{\"error\":\"too many pairs or parts in the request body: more than {most}\"}}\n");
    assert_eq!(server.form("/query", &("q=rows+1".to_owned() + &"&".repeat(most - 1))).status, 200);
    assert_eq!(server.form("/query", &"a&".repeat(5_000_000)).shown(), (413, error.as_str()));
    let part = "--b\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\nv\r\n";
    let upload = |parts: usize| {
        let body = part.repeat(parts) + "--b--\r\n";
        server.send("POST /query?q=rows+1", "Content-Type: multipart/form-data; boundary=b\r\n", body.as_bytes())
    };
    assert_eq!(upload(most).status, 200);
    assert_eq!(upload(most + 1).shown(), (413, error.as_str()));
}

// spec: http.limits.3
#[test]
fn what_a_body_is_parsed_into_is_charged() {
    let server = TestServer::with(HttpOptions { body_memory_bytes_max: Some(1 << 20), ..options() });
    let body = "m v=1\n".repeat(20_000);
    let answer = server.post("/write?db=d", &body);
    assert_eq!(answer.status, 413);
    assert!(answer.text().contains("more than 1048576 (max-body-memory)"), "{}", answer.text());
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    encoder.write_all(body.as_bytes()).unwrap();
    let packed = encoder.finish().unwrap();
    assert_eq!(server.send("POST /write?db=d", "Content-Encoding: gzip\r\n", &packed).status, 413);
    assert_eq!(server.post("/write?db=d", &body[..6000]).status, 204);
    assert_eq!(server.engine.written.lock().unwrap().len(), 1);
}

// spec: http.limits.10
#[test]
fn the_values_of_placeholders_are_charged() {
    let server = TestServer::with(HttpOptions { body_memory_bytes_max: Some(4 << 20), ..options() });
    let params = |count: usize| {
        let members: Vec<_> = (0..count).map(|n| format!("\"{n:05}\":1")).collect();
        format!("q=SELECT&params={{{}}}", members.join(","))
    };
    assert_eq!(server.form("/query", &params(1000)).status, 200);
    let refused = server.form("/query", &params(10_000));
    assert_eq!(refused.status, 413);
    assert!(refused.text().contains("(max-body-memory)"), "{}", refused.text());
    server.assert_up();
}

// spec: http.limits.4
#[test]
fn a_request_that_is_cut_short_changes_nothing() {
    let server = TestServer::start();
    for bytes in [
        &b"POST /wri"[..],
        b"POST /write?db=d HTTP/1.1\r\nHost: t\r\nContent-Len",
        b"POST /write?db=d HTTP/1.1\r\nHost: t\r\nContent-Length: 100\r\n\r\nm f=1 1\n",
        b"POST /write?db=d HTTP/1.1\r\nHost: t\r\nTransfer-Encoding: chunked\r\n\r\n8\r\nm f=1 1\n\r\n",
        b"POST /query HTTP/1.1\r\nHost: t\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: 50\r\n\r\nq=rows+1",
    ] {
        let mut stream = server.connect();
        stream.write_all(bytes).unwrap();
        stream.shutdown(std::net::Shutdown::Write).unwrap();
        let _ = stream.read_to_end(&mut Vec::new());
        server.assert_up();
    }
    assert_eq!(*server.engine.written.lock().unwrap(), [""; 0]);
    assert_eq!(*server.engine.prepared.lock().unwrap(), [""; 0]);
}

// spec: http.connection.1
#[test]
fn pipelined_requests_are_answered_in_order() {
    let server = TestServer::start();
    let request =
        |line: &str, body: &str| format!("{line} HTTP/1.1\r\nHost: t\r\nContent-Length: {}\r\n\r\n{body}", body.len());
    let last = "GET /query?q=rows+1 HTTP/1.1\r\nHost: t\r\n\r\n";
    let all = [
        request("POST /write?db=d", "m f=1"),
        request("GET /ping", ""),
        request("GET /nowhere", "unread body"),
        request("POST /write", "unread body"),
        "POST /write?db=d HTTP/1.1\r\nHost: t\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nm f=1\r\n0\r\n\r\n".to_owned(),
        "GET /ping HTTP/1.1\r\nHost: t\r\nTransfer-Encoding: chunked\r\n\r\n6\r\nunread\r\n0\r\n\r\n".to_owned(),
        last.to_owned(),
    ];
    let answer = String::from_utf8(server.raw(all.concat().as_bytes())).unwrap();
    let statuses: Vec<_> = answer.split("HTTP/1.1 ").skip(1).map(|a| &a[..3]).collect();
    assert_eq!(statuses, ["204", "204", "404", "400", "204", "204", "200"], "{answer}");
    assert_eq!(answer.matches("Connection: close").count(), 1, "only the query closes");
}

// spec: http.connection.2
#[test]
fn a_client_that_waits_for_100_continue_gets_it_or_the_refusal() {
    let server = TestServer::start();
    let head = |target: &str| {
        format!(
            "POST {target} HTTP/1.1\r\nHost: t\r\nConnection: close\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n"
        )
    };
    let mut stream = server.connect();
    stream.write_all(head("/write?db=d").as_bytes()).unwrap();
    let mut interim = [0; 25];
    stream.read_exact(&mut interim).unwrap();
    assert_eq!(&interim, b"HTTP/1.1 100 Continue\r\n\r\n");
    stream.write_all(b"m f=1").unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).unwrap();
    assert_eq!(Answer::parse(&answer).status, 204);
    assert_eq!(Answer::parse(&server.raw(head("/write?db=x").as_bytes())).status, 404);
}

// spec: http.panic.1
#[test]
fn a_defect_of_the_server_is_a_500_and_a_broken_stream_never_looks_whole() {
    let server = TestServer::start();
    let error = (500, "{\"error\":\"internal error\"}\n");
    assert_eq!(server.post("/write?db=panic", "m f=1").shown(), error);
    assert_eq!(server.post("/write?db=d", "panic").shown(), error);
    assert_eq!(server.get("/query?q=panic+early").shown(), error);
    let cut = server.get("/query?q=panic+late");
    assert_eq!(cut.status, 200);
    assert!(!cut.whole, "{cut:?}");
    server.assert_up();
}

// spec: http.cancel.1, http.half-close.2
#[test]
fn a_query_ends_when_its_client_goes_away() {
    let server = TestServer::start();
    let mut stream = server.connect();
    stream.write_all(b"GET /query?q=wait HTTP/1.1\r\nHost: t\r\n\r\n").unwrap();
    let mut first = [0; 15];
    stream.read_exact(&mut first).unwrap();
    assert_eq!(&first, b"HTTP/1.1 200 OK");
    drop(stream);
    assert_eq!(server.engine.wait_for_end(), "cancelled");
}

// spec: http.half-close.1
#[test]
fn a_client_that_stops_sending_gets_its_answer() {
    let server = TestServer::start();
    for (request, status) in [
        ("POST /write?db=d HTTP/1.1\r\nHost: t\r\nContent-Length: 5\r\n\r\nm f=1", 204),
        ("GET /query?q=rows+3 HTTP/1.1\r\nHost: t\r\n\r\n", 200),
        ("GET /query?q=sleep+1000 HTTP/1.1\r\nHost: t\r\n\r\n", 200),
        ("GET /ping HTTP/1.1\r\nHost: t\r\n\r\n", 204),
    ] {
        for _ in 0..if request.contains("sleep") { 1 } else { 50 } {
            let mut stream = server.connect();
            stream.write_all(request.as_bytes()).unwrap();
            stream.shutdown(std::net::Shutdown::Write).unwrap();
            let mut answer = Vec::new();
            stream.read_to_end(&mut answer).unwrap();
            let answer = Answer::parse(&answer);
            assert_eq!((answer.status, answer.whole), (status, true), "{request}");
        }
    }
    assert_eq!(server.engine.written.lock().unwrap().len(), 50);
}

// spec: http.abandoned.1
#[test]
fn abandoned_logins_do_not_exceed_the_bound() {
    let server = TestServer::with(HttpOptions { auth_enabled: true, ..options() });
    for at in 0..100 {
        let mut stream = server.connect();
        let head = format!("GET /query?q=rows+1&u=slow&p={at} HTTP/1.1\r\nHost: t\r\n\r\n");
        stream.write_all(head.as_bytes()).unwrap();
    }
    // Another user gets the next turn, not the hundredth.
    assert_eq!(server.get("/query?q=rows+1&u=root&p=toor").status, 200);
    let (most, checked) = server.engine.logins();
    assert!(most <= 8, "{most} checks at once");
    assert!(checked < 100, "{checked} checks before it");
}

// spec: http.slots.2, http.slots.3
#[test]
fn administration_is_answered_while_clients_that_never_read_hold_all_other_slots() {
    let server = TestServer::with(HttpOptions { queries_max: 1, answers_max: 4, ..options() });
    let _clients: Vec<_> = (0..4)
        .map(|_| {
            let mut stream = server.connect();
            stream.write_all(b"GET /query?q=rows+100000000 HTTP/1.1\r\nHost: t\r\n\r\n").unwrap();
            stream
        })
        .collect();
    while server.engine.prepared.lock().unwrap().len() < 4 {
        std::thread::sleep(Duration::from_millis(5));
    }
    for text in ["SHOW+DATABASES", "SHOW+QUERIES", "KILL+QUERY+1", "show+users%3Bkill+query+2"] {
        assert_eq!(server.get(&format!("/query?q={text}")).status, 200, "{text}");
    }
    let ended = server.engine.ended.lock().unwrap().clone();
    assert_eq!(ended, ["done"; 4], "only administration has ended");
    // While another query waits, those who read nothing lose their slots.
    assert_eq!(server.get("/query?q=rows+1").status, 200);
}

// spec: http.cancel.2, http.limits.6
#[test]
fn a_slow_reader_slows_the_query_down_and_loses_nothing() {
    let server = TestServer::start();
    let mut stream = server.connect();
    stream.write_all(b"GET /query?q=rows+1000000&epoch=ns HTTP/1.1\r\nHost: t\r\n\r\n").unwrap();
    std::thread::sleep(Duration::from_millis(300));
    assert_eq!(*server.engine.ended.lock().unwrap(), [""; 0], "the query waits for its reader");
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).unwrap();
    let answer = Answer::parse(&answer);
    assert!(answer.whole && answer.text().ends_with(",[1000000,1000000]]}]}]}\n"));
    assert_eq!(server.engine.wait_for_end(), "done");

    let mut stream = server.connect();
    server.engine.ended.lock().unwrap().clear();
    stream.write_all(b"GET /query?q=rows+1000000000 HTTP/1.1\r\nHost: t\r\n\r\n").unwrap();
    stream.read_exact(&mut [0; 1000]).unwrap();
    drop(stream);
    assert_eq!(server.engine.wait_for_end(), "cancelled");
}

// spec: http.limits.7
#[test]
fn connections_beyond_the_limit_are_dropped() {
    let server = TestServer::with(HttpOptions { connections_max: Some(2), ..options() });
    let mut kept = [server.connect(), server.connect()];
    for stream in &mut kept {
        stream.write_all(b"GET /ping HTTP/1.1\r\nHost: t\r\n\r\n").unwrap();
        stream.read_exact(&mut [0; 12]).unwrap();
    }
    assert_eq!(server.raw(b"GET /ping HTTP/1.1\r\nHost: t\r\n\r\n"), b"");
    drop(kept);
    let came_back = (0..200).any(|_| {
        std::thread::sleep(Duration::from_millis(10));
        !server.raw(b"GET /ping HTTP/1.1\r\nHost: t\r\nConnection: close\r\n\r\n").is_empty()
    });
    assert!(came_back);
}

// spec: http.shutdown.1
#[test]
fn an_ending_server_finishes_what_it_answers() {
    let mut server = TestServer::start();
    let mut stream = server.connect();
    stream.write_all(b"GET /query?q=sleep+300%3Brows+3 HTTP/1.1\r\nHost: t\r\n\r\n").unwrap();
    stream.read_exact(&mut [0; 15]).unwrap();
    let idle = server.connect();
    server.stop();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).unwrap();
    assert!(String::from_utf8(answer).unwrap().contains("\"statement_id\":1,\"series\""));
    drop(idle);
    assert!(TcpStream::connect(server.address).is_err(), "nobody listens any more");
}

// spec: http.limits.1
#[test]
fn random_bytes_do_no_harm() {
    let server = TestServer::start();
    let mut state = 1_u64;
    for _ in 0..50 {
        let bytes: Vec<u8> = (0..300)
            .map(|_| {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                (state >> 56) as u8
            })
            .collect();
        let mut stream = server.connect();
        let _ = stream.write_all(&bytes);
        let _ = stream.shutdown(std::net::Shutdown::Write);
        let _ = stream.read_to_end(&mut Vec::new());
    }
    server.assert_up();
}
