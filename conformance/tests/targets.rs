//! How the runner reaches a server: https, unix sockets, paths in front of all others, and bearer tokens.

mod server;

use server::{Folder, PING, Pair, Seen, empty, result};

fn pings() -> Folder {
    Folder::with_cases(&[("ping.x", PING)])
}

#[test]
fn an_https_target_shows_a_certificate_that_is_trusted() {
    let pair = Pair::new();
    let (address, log) = server::tcp(empty, Some(&pair));
    let folder = pings();
    folder.write("ca.pem", &pair.certificate);
    folder.write("other.pem", &Pair::new().certificate);
    let target = format!("https://localhost:{}", address.port());
    for (options, code) in [
        (&["--ca", "ca.pem"][..], 0),
        (&["--insecure"], 0),
        (&[], 2),
        (&["--ca", "other.pem"], 2),
        (&["--ca", "none"], 2),
    ] {
        let output = folder.run(&[&["--target", &target], options].concat());
        let (status, text) = result(&output);
        assert_eq!(status, Some(code), "{options:?}: {text}");
        let is_explained = text.contains("invalid peer certificate") || text.contains("none: ");
        assert_eq!(is_explained, code == 2, "{options:?}: {text}");
    }
    assert!(!log.lock().unwrap().is_empty());
    // The name must be that of the certificate.
    let target = format!("https://127.0.0.1:{}", address.port());
    let (status, text) = result(&folder.run(&["--target", &target, "--ca", "ca.pem"]));
    assert!(status == Some(2) && text.contains("not valid for name"), "{text}");
}

/// As `openssl req -x509` makes it: a certificate that is an authority and a server's at the same time.
#[test]
fn a_certificate_in_the_file_is_trusted_even_if_it_is_that_of_an_authority() {
    let pair = Pair::of_authority();
    let (address, _) = server::tcp(empty, Some(&pair));
    let folder = pings();
    folder.write("ca.pem", &pair.certificate);
    let (status, text) =
        result(&folder.run(&["--target", &format!("https://localhost:{}", address.port()), "--ca", "ca.pem"]));
    assert_eq!(status, Some(0), "{text}");
    let (status, text) =
        result(&folder.run(&["--target", &format!("https://127.0.0.1:{}", address.port()), "--ca", "ca.pem"]));
    assert!(status == Some(2) && text.contains("not valid for name"), "{text}");
}

#[cfg(unix)]
#[test]
fn a_target_may_be_a_unix_socket() {
    let folder = pings();
    let log = server::unix(&folder.path("s.sock"), empty);
    let socket = folder.path("s.sock").display().to_string();
    let (status, text) = result(&folder.run(&["--target", &format!("unix:{socket}")]));
    assert_eq!(status, Some(0), "{text}");
    assert!(text.contains(&format!("unix:{socket} (version 1.0)")), "{text}");
    let (status, text) = result(&folder.run(&["--target", "http://db.example/x", "--unix-socket", &socket]));
    assert_eq!(status, Some(0), "{text}");
    let log = log.lock().unwrap();
    assert!(log.iter().any(|seen| seen.line == "GET /ping" && seen.head.contains("Host: localhost\r\n")), "{log:?}");
    assert!(log.iter().any(|seen| seen.line == "GET /x/ping" && seen.head.contains("Host: db.example\r\n")), "{log:?}");
}

#[test]
fn a_path_of_the_target_stands_in_front_of_all_others() {
    fn below(seen: &Seen) -> (u16, &'static str) {
        if seen.line.split(' ').nth(1).is_some_and(|path| path.starts_with("/influx/")) { (204, "") } else { (404, "") }
    }
    let (address, log) = server::tcp(below, None);
    let folder = pings();
    let (status, text) = result(&folder.run(&["--target", &format!("http://{address}/influx")]));
    assert_eq!(status, Some(0), "{text}");
    assert!(log.lock().unwrap().iter().any(|seen| seen.line.starts_with("POST /influx/query")));
    let (status, _) = result(&folder.run(&["--target", &format!("http://{address}/")]));
    assert_eq!(status, Some(1));
}

#[test]
fn a_bearer_token_stands_for_user_and_password() {
    fn guarded(seen: &Seen) -> (u16, &'static str) {
        if seen.head.contains("Authorization: Bearer a.b.c\r\n") { (204, "") } else { (401, "{}") }
    }
    let (address, _) = server::tcp(guarded, None);
    let folder = pings();
    let target = format!("http://{address}");
    let (status, text) = result(&folder.run(&["--target", &target, "--token", "a.b.c"]));
    assert_eq!(status, Some(0), "{text}");
    let (status, text) = result(&folder.run(&["--target", &target]));
    assert!(status == Some(2) && text.contains("--token"), "{text}");
}

#[test]
fn a_run_ends_in_time() {
    fn slow(seen: &Seen) -> (u16, &'static str) {
        if seen.line == "GET /ping" {
            std::thread::sleep(std::time::Duration::from_mins(1));
        }
        (204, "")
    }
    let (address, _) = server::tcp(slow, None);
    let folder = pings();
    let target = format!("http://{address}");
    let (status, text) = result(&folder.run(&["--target", &target, "--timeout", "1"]));
    assert!(status == Some(1) && text.contains("no answer within 1 s"), "{text}");
    let (status, text) = result(&folder.run(&["--target", &target, "--run-timeout", "1"]));
    assert!(status == Some(2) && text.contains("the run took longer than 1 s"), "{text}");
}
