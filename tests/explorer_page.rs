//! The explorer in headless Chromium: with and without scripts, at the width of a phone, with names that hold HTML, and without a
//! request to another host.

mod chromium;
mod client;
mod server;

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

use chromium::shown;
use client::Connection;
use server::Server;

/// A server with points whose names hold HTML.
fn with_points() -> Server {
    let server = Server::ephemeral();
    let mut connection = Connection::open(server.address());
    let create = encoded("CREATE DATABASE \"<img src=x onerror=alert(1)>\"");
    assert_eq!(connection.request("POST", &format!("/query?q={create}"), "").expect("an answer").0, 200);
    let write = format!("/write?db={}&precision=s", database());
    let lines: Vec<String> = (0..40)
        .map(|n| format!("m<b>,host=<i>{} v={},long=\"{}\" {}", n % 2, n % 7, "wide ".repeat(30), n * 60))
        .collect();
    assert_eq!(connection.request("POST", &write, &lines.join("\n")).expect("an answer").0, 204);
    server
}

fn encoded(text: &str) -> String {
    form_urlencoded::byte_serialize(text.as_bytes()).collect()
}

fn database() -> String {
    encoded("<img src=x onerror=alert(1)>")
}

/// The addresses of all pages with something on them.
fn paths() -> Vec<String> {
    let database = database();
    let query = encoded("SELECT * FROM \"m<b>\"");
    let grouped = encoded("SELECT mean(v) FROM \"m<b>\" WHERE time < 1h GROUP BY time(5m), host");
    let wrong = encoded("SELECT *\nFORM m");
    vec![
        "/".to_owned(),
        format!("/explorer/?db={database}&m={}&key=host", encoded("m<b>")),
        format!("/explorer/query?db={database}&times=local&q={query}"),
        format!("/explorer/query?db={database}&view=chart&q={grouped}"),
        format!("/explorer/query?db={database}&q={wrong}"),
        format!("/explorer/write?db={database}"),
        "/explorer/status".to_owned(),
        "/explorer/clause?id=explorer.page.1".to_owned(),
    ]
}

// spec: explorer.page.1
#[test]
fn pages_show_the_same_with_and_without_scripts() {
    let server = with_points();
    let [tree, table, chart, wrong] = [1, 2, 3, 4].map(|at| format!("http://fluxstone.test{}", paths()[at]));
    for has_scripts in [true, false] {
        // Chromium cannot show a document without running scripts itself: the page's own is kept from it.
        let (proxy, _) = proxy(server.address(), if has_scripts { None } else { Some("/explorer/script.js") });
        let shown = |url: &str| shown(url, &[&format!("--proxy-server=http://{proxy}")]);
        let Some(html) = shown(&tree) else { return };
        assert!(html.contains("&lt;img src=x onerror=alert(1)&gt;") && !html.contains("<img"), "{html}");
        assert!(html.contains("&lt;i&gt;0") && !html.contains("<i>"), "{html}");
        let html = shown(&table).expect("chromium");
        let is_utc = html.contains("<time datetime=\"1970-01-01T00:01:00Z\">1970-01-01T00:01:00Z</time>");
        assert_eq!(is_utc, !has_scripts, "{html}");
        assert_eq!(html.contains("id=\"history\""), has_scripts, "{html}");
        let html = shown(&chart).expect("chromium");
        assert!(html.contains("<svg class=\"chart\"") && html.contains("host=&lt;i&gt;1: mean"), "{html}");
        let html = shown(&wrong).expect("chromium");
        assert!(html.contains("<mark>F</mark>ORM m") && html.contains("<details class=\"clause\">"), "{html}");
    }
}

// spec: explorer.page.1
#[test]
fn pages_fit_a_phone() {
    let server = with_points();
    let address = server.address();
    for path in paths() {
        let mut connection = Connection::open(address);
        let headers = [("Accept".to_owned(), "text/html".to_owned())];
        let page = connection.send("GET", &path, &headers, "").expect("an answer");
        let style = connection.request("GET", "/explorer/style.css", "").expect("an answer").1;
        // The server allows no frames: the page is put into one as text, with its style sheet inside.
        let page = String::from_utf8_lossy(&page.body).replace("<main", &format!("<style>{style}</style><main"));
        let Some((page, phone)) = chromium::widths_on_a_phone(&page) else { return };
        assert!(page == phone && (300..=360).contains(&phone), "{path}: {page} of {phone}");
    }
}

/// Passes requests on to the server but those for one path, and notes the addresses that a browser asks for.
fn proxy(server: SocketAddr, except: Option<&'static str>) -> (SocketAddr, Arc<Mutex<Vec<String>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address");
    let asked = Arc::new(Mutex::new(Vec::new()));
    let noted = Arc::clone(&asked);
    std::thread::spawn(move || {
        for client in listener.incoming().map_while(Result::ok) {
            let noted = Arc::clone(&noted);
            std::thread::spawn(move || {
                let mut reader = BufReader::new(client.try_clone().expect("a socket"));
                let mut first = String::new();
                if reader.read_line(&mut first).is_err() {
                    return;
                }
                noted.lock().expect("no panic").push(first.split(' ').nth(1).unwrap_or_default().to_owned());
                let mut head = first;
                let mut line = String::new();
                while reader.read_line(&mut line).is_ok_and(|count| count > 2) {
                    if !line.to_ascii_lowercase().contains("connection:") {
                        head.push_str(&line);
                    }
                    line.clear();
                }
                head.push_str("Connection: close\r\n\r\n");
                if except.is_some_and(|path| head.split(' ').nth(1).is_some_and(|url| url.ends_with(path))) {
                    let _ = (&client)
                        .write_all(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
                    return;
                }
                let Ok(mut upstream) = TcpStream::connect(server) else { return };
                let mut client = client;
                let mut answer = Vec::new();
                if upstream.write_all(head.as_bytes()).and_then(|()| upstream.read_to_end(&mut answer)).is_ok() {
                    let _ = client.write_all(&answer);
                }
            });
        }
    });
    (address, asked)
}

// spec: explorer.page.1
#[test]
fn pages_ask_no_other_host() {
    let server = with_points();
    let (proxy, asked) = proxy(server.address(), None);
    let through = format!("--proxy-server=http://{proxy}");
    for path in paths() {
        // A name that only the proxy knows.
        let arguments = [through.as_str(), "--proxy-bypass-list=<-loopback>"];
        if shown(&format!("http://fluxstone.test{path}"), &arguments).is_none() {
            return;
        }
    }
    let asked = asked.lock().expect("no panic").clone();
    let of_page = |url: &&String| url.starts_with("http://fluxstone.test/");
    assert!(asked.iter().filter(of_page).count() >= 3 * paths().len(), "{asked:?}");
    // Chromium itself asks its maker for updates, whatever the page.
    let of_browser = |url: &&String| url.contains("google") || url.contains("gvt1.com");
    let others: Vec<&String> = asked.iter().filter(|url| !of_page(url) && !of_browser(url)).collect();
    assert!(others.is_empty(), "{others:?}");
}
