//! The explorer in headless Chromium: with and without scripts, at the width of a phone, with names that hold HTML, without a request to
//! another host, and as accessible as axe-core can tell.

mod chromium;
mod client;
#[path = "chromium/devtools.rs"]
mod devtools;
mod installed;
mod server;

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

use chromium::shown;
use client::Connection;
use devtools::Tab;
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
        "/explorer/clause?id=none.1".to_owned(),
    ]
}

// spec: explorer.page.1
#[test]
fn pages_show_the_same_with_and_without_scripts() {
    if !chromium::is_installed() {
        return installed::skip("chromium is not installed");
    }
    let server = with_points();
    let mut tab = Tab::without_scripts();
    let [tree, table, chart, wrong] = [1, 2, 3, 4].map(|at| format!("http://{}{}", server.address(), paths()[at]));
    for has_scripts in [true, false] {
        let mut shown = |url: &str| {
            if has_scripts {
                return shown(url, &[]).expect("chromium");
            }
            tab.open(url);
            tab.html()
        };
        let html = shown(&tree);
        assert!(html.contains("&lt;img src=x onerror=alert(1)&gt;") && !html.contains("<img"), "{html}");
        assert!(html.contains("&lt;i&gt;0") && !html.contains("<i>"), "{html}");
        let html = shown(&table);
        let is_utc = html.contains("<time datetime=\"1970-01-01T00:01:00Z\">1970-01-01T00:01:00Z</time>");
        assert_eq!(is_utc, !has_scripts, "{html}");
        assert_eq!(html.contains("id=\"history\""), has_scripts, "{html}");
        let html = shown(&chart);
        assert!(html.contains("<svg class=\"chart\"") && html.contains("host=&lt;i&gt;1: mean"), "{html}");
        let html = shown(&wrong);
        assert!(html.contains("<mark>F</mark>ORM m") && html.contains("<details class=\"clause\">"), "{html}");
    }
}

// spec: explorer.page.1
#[test]
fn forms_work_without_scripts() {
    if !chromium::is_installed() {
        return installed::skip("chromium is not installed");
    }
    let server = with_users();
    let mut shown = Vec::new();
    send_forms(&server, &mut Tab::without_scripts(), |tab| shown.push(tab.html()));
    let expected = [
        "authorization failed",
        "Log out",
        "No rows",
        "All points that the retention policy keeps are stored.",
        "These lines are not stored",
        "<td class=\"float\" title=\"float\">-3.5</td>",
        "<h1>Log in</h1>",
    ];
    assert_eq!(shown.len(), expected.len());
    for (html, expected) in shown.iter().zip(expected) {
        assert!(html.contains(expected), "{expected}: {html}");
    }
}

/// A server that asks for credentials, with an administrator.
fn with_users() -> Server {
    let folder = tempfile::tempdir().expect("a folder");
    let config = folder.path().join("fluxstone.conf");
    std::fs::write(&config, "[http]\nauth-enabled = true\n").expect("a file");
    let server = Server::with_config(&config);
    let create = encoded("CREATE USER admin WITH PASSWORD 'sesame' WITH ALL PRIVILEGES");
    let created = Connection::open(server.address()).request("POST", &format!("/query?q={create}"), "");
    assert_eq!(created.expect("an answer").0, 200);
    server
}

/// Fills in the forms and sends them, and calls `see` on the page that each leads to.
fn send_forms(server: &Server, tab: &mut Tab, mut see: impl FnMut(&mut Tab)) {
    let address = |path: &str| format!("http://{}{path}", server.address());
    for password in ["wrong", "sesame"] {
        tab.open(&address("/explorer/login"));
        tab.fill("#user", "admin");
        tab.fill("#password", password);
        tab.press("main button");
        see(tab);
    }
    for (path, field, text, button) in [
        ("/explorer/query", "#q", "CREATE DATABASE d", "#query button"),
        ("/explorer/write?db=d", "#lines", "m,city=Oslo v=-3.5", "#write button"),
        ("/explorer/write?db=d", "#lines", "m v=1\nm v=\nm", "#write button"),
        ("/explorer/query?db=d", "#q", "SELECT v FROM m WHERE city = 'Oslo'", "#query button"),
    ] {
        tab.open(&address(path));
        tab.fill(field, text);
        tab.press(button);
        see(tab);
    }
    tab.press(".logout button");
    see(tab);
}

// spec: explorer.page.1
#[test]
fn axe_finds_nothing_to_object_to() {
    let axe = installed::path("node/node_modules/axe-core/axe.min.js");
    let Ok(axe) = std::fs::read_to_string(axe) else {
        return installed::skip("the npm package axe-core is not installed");
    };
    if !chromium::is_installed() {
        return installed::skip("chromium is not installed");
    }
    let server = with_points();
    let mut tab = Tab::start();
    for path in paths() {
        tab.open(&format!("http://{}{path}", server.address()));
        check_by(&axe, &mut tab);
    }
    send_forms(&with_users(), &mut tab, |tab| check_by(&axe, tab));

    // It notices what it should.
    tab.open(&format!("http://{}/explorer/query", server.address()));
    tab.run(&axe);
    tab.run("document.querySelector('label[for=q]').removeAttribute('for')");
    let found = violations(&mut tab);
    assert!(found.starts_with("label: #q: "), "{found}");
    tab.run(
        "document.styleSheets[0].insertRule(':root { --text: #606870; }', document.styleSheets[0].cssRules.length)",
    );
    let found = violations(&mut tab);
    assert!(found.contains("color-contrast: "), "{found}");
}

/// Checks a page with all of it open, in light and in dark colours.
fn check_by(axe: &str, tab: &mut Tab) {
    tab.run(axe);
    tab.run("for (const details of document.querySelectorAll('details')) details.open = true");
    // Names are suggested.
    tab.run("if (area) { area.value = 'SEL'; area.dispatchEvent(new Event('input')); }");
    for colours in ["light", "dark"] {
        tab.prefer(colours);
        let is_preferred = tab.run(&format!("matchMedia('(prefers-color-scheme: {colours})').matches"));
        assert_eq!(is_preferred, true);
        let found = violations(tab);
        assert!(found.is_empty(), "{found} in {colours} colours on {}", tab.html());
    }
}

/// Returns a line for each violation that axe-core finds.
fn violations(tab: &mut Tab) -> String {
    let script = "axe.run({ runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'] }).then((found) =>
        found.violations.flatMap((rule) => rule.nodes.map((node) =>
            rule.id + ': ' + node.target.join(' ') + ': ' + node.failureSummary)).join('\\n'))";
    tab.run(script).as_str().expect("a text").to_owned()
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

/// Passes requests on to the server, and notes the addresses that a browser asks for.
fn proxy(server: SocketAddr) -> (SocketAddr, Arc<Mutex<Vec<String>>>) {
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
    let (proxy, asked) = proxy(server.address());
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
