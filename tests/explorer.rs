//! The explorer over HTTP: its addresses and headers, queries and writes, forms of other sites, and sessions.

mod client;
mod server;

use client::Connection;
use fluxstone_conformance::client::Response;
use server::Server;

/// A browser without scripts: it has a cookie, and sends the token of the page that it has seen last.
struct Browser {
    connection: Connection,
    host: String,
    cookie: Option<String>,
    token: String,
}

/// An answer.
struct Page {
    status: u16,
    headers: Vec<(String, String)>,
    text: String,
}

impl Page {
    fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    #[track_caller]
    fn check(&self, status: u16, texts: &[&str]) {
        assert_eq!(self.status, status, "{}", self.text);
        for text in texts {
            assert!(self.text.contains(text), "{text}: {}", self.text);
        }
    }
}

impl From<Response> for Page {
    fn from(response: Response) -> Page {
        Page {
            status: response.status,
            headers: response
                .headers
                .iter()
                .map(|(name, value)| (name.to_string(), String::from_utf8_lossy(value.as_bytes()).into_owned()))
                .collect(),
            text: String::from_utf8_lossy(&response.body).into_owned(),
        }
    }
}

impl Browser {
    fn open(server: &Server) -> Browser {
        let host = server.address().to_string();
        Browser { connection: Connection::open(server.address()), host, cookie: None, token: String::new() }
    }

    fn send(&mut self, verb: &str, path: &str, headers: &[(&str, &str)], body: &str) -> Page {
        let mut all: Vec<(String, String)> =
            headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        if let Some(cookie) = &self.cookie {
            all.push(("Cookie".to_owned(), cookie.clone()));
        }
        let page = Page::from(self.connection.send(verb, path, &all, body).expect("an answer"));
        if let Some(cookie) = page.header("Set-Cookie").and_then(|cookie| cookie.split(';').next()) {
            self.cookie = Some(cookie.to_owned());
        }
        let token = page.text.split("name=\"token\" value=\"").nth(1).and_then(|rest| rest.split('"').next());
        if let Some(token) = token {
            token.clone_into(&mut self.token);
        }
        page
    }

    fn get(&mut self, path: &str) -> Page {
        self.send("GET", path, &[("Accept", "text/html")], "")
    }

    /// Sends a form as a page of the server does.
    fn post(&mut self, path: &str, fields: &[(&str, &str)]) -> Page {
        let origin = format!("http://{}", self.host);
        let token = self.token.clone();
        self.post_as(path, &origin, &token, fields)
    }

    fn post_as(&mut self, path: &str, origin: &str, token: &str, fields: &[(&str, &str)]) -> Page {
        let mut form = form_urlencoded::Serializer::new(String::new());
        form.append_pair("token", token).extend_pairs(fields);
        let headers = [("Content-Type", "application/x-www-form-urlencoded"), ("Origin", origin)];
        self.send("POST", path, &headers, &form.finish())
    }

    fn query(&mut self, database: &str, text: &str) -> Page {
        self.post("/explorer/query", &[("db", database), ("q", text)])
    }
}

/// A server with these settings of `[http]` and others after them.
fn server_with(settings: &str) -> (Server, tempfile::TempDir) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let config = folder.path().join("fluxstone.conf");
    std::fs::write(&config, settings).expect("a configuration file");
    (Server::with_config(&config), folder)
}

/// A server with a few points, and a browser that has seen a page of it.
fn with_points() -> (Server, Browser) {
    let server = Server::ephemeral();
    let mut browser = Browser::open(&server);
    browser.get("/explorer/query").check(200, &["<textarea"]);
    browser.query("", "CREATE DATABASE \"d<b>\"").check(200, &["No rows"]);
    let lines =
        "we<b>ather,city=Os'lo temp=-3.5,rain=7i,wet=true,note=\"a & b\" 1000\r\nwe<b>ather,city=Rome temp=20 2000";
    let fields = [("db", "d<b>"), ("precision", "ms"), ("lines", lines)];
    browser.post("/explorer/write", &fields).check(200, &["All points that the retention policy keeps are stored."]);
    (server, browser)
}

fn encoded(text: &str) -> String {
    form_urlencoded::byte_serialize(text.as_bytes()).collect()
}

// spec: explorer.paths.1, explorer.paths.2, explorer.headers.1
#[test]
fn browsers_get_a_page_and_others_what_they_got_before() {
    let server = Server::ephemeral();
    let mut browser = Browser::open(&server);
    let page = browser.get("/");
    page.check(200, &["<h1>Data</h1>", "There are no databases yet."]);
    let policy = "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self' data:; form-action 'self'; \
                  frame-ancestors 'none'; base-uri 'none'; connect-src 'self'";
    for (name, value) in [
        ("Content-Type", "text/html; charset=utf-8"),
        ("Content-Security-Policy", policy),
        ("X-Content-Type-Options", "nosniff"),
        ("Referrer-Policy", "same-origin"),
        ("Cache-Control", "no-store"),
        ("X-Influxdb-Version", "1.2.4"),
    ] {
        assert_eq!(page.header(name), Some(value), "{name}");
    }
    for (verb, path, accept) in [
        ("GET", "/", "*/*"),
        ("GET", "/", "application/json"),
        ("POST", "/", "text/html"),
        ("GET", "/explorer/none", "text/html"),
        ("GET", "/explore", "text/html"),
    ] {
        let page = browser.send(verb, path, &[("Accept", accept)], "");
        page.check(404, &[]);
        assert_eq!(page.text, "404 page not found\n");
        assert_eq!(page.header("Content-Type"), Some("text/plain; charset=utf-8"));
    }
    let page = browser.send("PUT", "/explorer/query", &[], "");
    page.check(405, &["Method Not Allowed\n"]);
    assert_eq!(page.header("Allow"), Some("GET, HEAD, POST"));
    assert_eq!(browser.send("HEAD", "/", &[("Accept", "text/html")], "").status, 200);
}

// spec: explorer.paths.3
#[test]
fn the_explorer_can_be_off_and_is_off_under_1_2_4() {
    for (settings, status) in [
        ("[http]\nexplorer-enabled = false\n", 404),
        ("[http]\nexplorer-enabled = true\n", 200),
        ("[http]\nexplorer-enabled = \"auto\"\n", 200),
        ("[compat]\nprofile = \"1.2.4\"\n", 404),
        ("[http]\nexplorer-enabled = true\n[compat]\nprofile = \"1.2.4\"\n", 200),
    ] {
        let (server, _folder) = server_with(settings);
        let mut browser = Browser::open(&server);
        for path in ["/", "/explorer/", "/explorer/style.css"] {
            assert_eq!(browser.get(path).status, status, "{settings} {path}");
        }
    }
}

// spec: explorer.headers.2
#[test]
fn files_are_sent_once() {
    let server = Server::ephemeral();
    let mut browser = Browser::open(&server);
    for (path, content_type) in
        [("/explorer/style.css", "text/css; charset=utf-8"), ("/explorer/script.js", "text/javascript; charset=utf-8")]
    {
        let page = browser.get(path);
        assert_eq!((page.status, page.header("Content-Type")), (200, Some(content_type)));
        let tag = page.header("ETag").expect("a tag").to_owned();
        let page = browser.send("GET", path, &[("If-None-Match", &tag)], "");
        assert_eq!((page.status, page.text.as_str()), (304, ""));
    }
}

// spec: explorer.tree.1, explorer.page.1
#[test]
fn the_tree_leads_from_databases_to_values() {
    let (_server, mut browser) = with_points();
    let (database, measurement) = (encoded("d<b>"), encoded("we<b>ather"));
    browser.get("/explorer/").check(200, &["d&lt;b&gt;", "1 measurement, 2 series"]);
    let page = browser.get(&format!("/explorer/?db={database}"));
    page.check(200, &["autogen", "default", "we&lt;b&gt;ather"]);
    let page = browser.get(&format!("/explorer/?db={database}&m={measurement}&key=city"));
    page.check(200, &["Os'lo", "Rome", ">float</span>", ">integer</span>", ">boolean</span>", ">string</span>"]);
    assert!(!page.text.contains("<b>"), "{}", page.text);
    browser.get("/explorer/?db=none").check(200, &["database not found: none", "Clause"]);
}

// spec: explorer.query.1, explorer.query.2, explorer.query.3, explorer.query.4
#[test]
fn queries_show_tables_pages_and_charts() {
    let (server, mut browser) = with_points();
    let page = browser.query("d<b>", "SELECT * FROM \"we<b>ather\"");
    page.check(200, &["1970-01-01T00:00:01Z", "a &amp; b", "<td class=\"null\"", "2 rows, in ", "Os'lo"]);
    let chart = [("db", "d<b>"), ("q", "SELECT temp FROM \"we<b>ather\" GROUP BY city"), ("view", "chart")];
    browser.post("/explorer/query", &chart).check(200, &["<svg class=\"chart\"", "city=Rome: temp", "<circle"]);
    let lines: Vec<String> = (0..450).map(|row| format!("many v={row} {row}")).collect();
    let written = Connection::open(server.address()).request(
        "POST",
        &format!("/write?db={}", encoded("d<b>")),
        &lines.join("\n"),
    );
    assert_eq!(written.expect("an answer").0, 204);
    browser.query("d<b>", "SELECT v FROM many").check(200, &["Rows 1 to 200 of more", "rel=\"next\"", ">199</td>"]);
    let page = browser.get(&format!("/explorer/query?db={}&q=SELECT+v+FROM+many&row=400", encoded("d<b>")));
    page.check(200, &["Rows 401 to 450,", "rel=\"prev\"", ">449</td>"]);
    assert!(!page.text.contains("rel=\"next\""), "{}", page.text);
    let path = format!("/explorer/query?q={}", encoded("DROP DATABASE \"d<b>\""));
    browser.get(&path).check(200, &["This query may change something."]);
    browser.get("/explorer/").check(200, &["d&lt;b&gt;"]);
    browser.query("", "DROP DATABASE \"d<b>\"; SHOW DATABASES").check(200, &["Statement 2"]);
    browser.get("/explorer/").check(200, &["There are no databases yet."]);
}

// spec: explorer.query.7, explorer.query.8
#[test]
fn a_part_of_a_chart_becomes_a_condition() {
    let (_server, mut browser) = with_points();
    let text = "SELECT mean(temp) FROM \"we<b>ather\" WHERE time < 1m GROUP BY time(1s)";
    let chart = [("db", "d<b>"), ("q", text), ("view", "chart")];
    let from = "name=\"from\" value=\"1970-01-01T00:00:01Z\"";
    let page = browser.post("/explorer/query", &chart);
    page.check(200, &[from, "name=\"to\" value=\"1970-01-01T00:00:02Z\"", "; read 2 points from 2 blocks"]);
    let part = [("from", "1970-01-01T00:00:02Z"), ("to", " 1970-01-01T00:00:02Z ")];
    let page = browser.post("/explorer/query", &[&chart[..], &part].concat());
    let condition =
        "WHERE time &gt;= '1970-01-01T00:00:02Z' AND time &lt; '1970-01-01T00:00:02Z' + 1s GROUP BY time(1s)";
    page.check(200, &[condition, "mean\n1970-01-01T00:00:02Z\n20</title>"]);
    assert!(!page.text.contains(from), "{}", page.text);
    let part = [("from", "yesterday"), ("to", "1970-01-01T00:00:02Z")];
    let page = browser.post("/explorer/query", &[&chart[..], &part].concat());
    page.check(200, &["time &gt;= 'yesterday'", "class=\"problem\""]);
    // What is no SELECT has no parts.
    let show = [("db", "d<b>"), ("q", "SHOW MEASUREMENTS"), ("view", "chart"), ("from", "1"), ("to", "2")];
    browser.post("/explorer/query", &show).check(200, &["There is no chart of this"]);
}

// spec: explorer.query.5, explorer.clause.1
#[test]
fn errors_show_their_place_and_their_clause() {
    let server = Server::ephemeral();
    let mut browser = Browser::open(&server);
    browser.get("/explorer/query");
    let page = browser.query("", "SHOW DATABASES;\r\nSELECT * FORM m");
    page.check(
        200,
        &[
            "error parsing query: found FORM, expected",
            "at line 2, char",
            "<mark>F</mark>ORM m",
            "<summary>Clause influxql.",
        ],
    );
    let link =
        page.text.split("href=\"/explorer/clause?").nth(1).and_then(|rest| rest.split('"').next()).expect("a link");
    browser.get(&format!("/explorer/clause?{link}")).check(200, &["<pre class=\"clause\">"]);
    browser.get("/explorer/clause?id=none.1").check(404, &["there is no such clause"]);
    browser.query("none", "SELECT v FROM m").check(200, &["database not found: none"]);
}

// spec: explorer.query.6
#[test]
fn results_are_downloaded_as_files() {
    let (_server, mut browser) = with_points();
    for (format, content_type, text) in [
        ("csv", "text/csv; charset=utf-8", "name,tags,time,temp\n"),
        ("json", "application/json", "{\"results\":[{\"statement_id\":0,\"series\":"),
    ] {
        let fields = [("db", "d<b>"), ("q", "SELECT temp FROM \"we<b>ather\""), ("format", format)];
        let page = browser.post("/explorer/download", &fields);
        page.check(200, &[text]);
        assert_eq!(page.header("Content-Type"), Some(content_type));
        assert_eq!(page.header("Content-Disposition"), Some(&*format!("attachment; filename=\"result.{format}\"")));
    }
}

// spec: explorer.write.1, explorer.write.2
#[test]
fn writes_show_the_problem_of_each_line() {
    let (_server, mut browser) = with_points();
    let fields = [("db", "d<b>"), ("lines", "good v=1 1\r\nbad\r\n\r\ngood v=oops 2")];
    let page = browser.post("/explorer/write", &fields);
    page.check(200, &["<td class=\"integer\">2</td>", "missing fields", "<td class=\"integer\">4</td>", "lp.point.2"]);
    browser.query("d<b>", "SELECT v FROM good").check(200, &["1 row,"]);
    let fields = [("db", "d<b>"), ("lines", "good v=\"text\" 3")];
    let page = browser.post("/explorer/write", &fields);
    page.check(200, &["<td>field type conflict: ", "is type string, already exists as type float", "good v="]);
    browser.post("/explorer/write", &[("lines", "m v=1")]).check(200, &["database is required"]);
}

// spec: explorer.write.2
#[test]
fn writes_show_why_each_point_is_not_stored() {
    let (_server, mut browser) = with_points();
    let mut write =
        |lines: &str| browser.post("/explorer/write", &[("db", "d<b>"), ("precision", "s"), ("lines", lines)]);
    write("m v=1 1").check(200, &["All points that the retention policy keeps are stored."]);
    let page = write("m v=2i 2\r\n\r\nm v=2 2\r\nbad\r\nm,time=a v=1 3\r\nm time=1 3\r\nm v=t 3");
    let lines: Vec<&str> = page.text.split("<td class=\"integer\">").skip(1).collect();
    for (line, (number, text, reason, clause)) in lines.iter().zip([
        (1, "m v=2i 2", "field type conflict: ", "write.shard.2"),
        (4, "bad", "missing fields", "lp."),
        (5, "m,time=a v=1 3", "invalid tag key: ", "write.shard.3"),
        (6, "m time=1 3", "invalid field name: ", "write.shard.3"),
        (7, "m v=t 3", "field type conflict: ", "write.shard.2"),
    ]) {
        let row = format!("{number}</td><td class=\"string\">{text}</td><td>{reason}");
        assert!(line.starts_with(&row) && line.contains(clause), "{row}: {line}");
    }
    page.check(200, &["These lines are not stored. All points without a problem", " dropped=4</pre>"]);
    assert_eq!(lines.len(), 5, "{}", page.text);
    // Of a shard that is new, nothing is stored.
    let week = 7 * 86_400;
    let page = write(&format!("m v=3 3\nm w=1 {}\nm w=t {}", 2 * week, 2 * week + 1));
    page.check(200, &["<td class=\"integer\">3</td>", "At least one shard", "but type float earlier in the request"]);
    assert_eq!(page.text.matches("<td class=\"integer\">").count(), 1, "{}", page.text);
    browser.query("d<b>", "SELECT v, w FROM m").check(200, &["3 rows,"]);
}

// spec: explorer.status.1
#[test]
fn the_status_shows_what_runs() {
    let server = Server::ephemeral();
    let mut browser = Browser::open(&server);
    browser.get("/explorer/status").check(200, &["SHOW QUERIES", "Kill query", "uptime", "Shards", "Subscriptions"]);
    browser.post("/explorer/kill", &[("qid", "999")]).check(200, &["no such query id: 999"]);
}

// spec: explorer.status.1
#[test]
fn the_status_shows_when_continuous_queries_ran() {
    let server = Server::start_with(&["--clock", "fixed:2017-03-01T00:00:00Z", "--allow-control"]);
    let mut browser = Browser::open(&server);
    browser.get("/explorer/query");
    let create =
        "CREATE DATABASE d; CREATE CONTINUOUS QUERY c ON d BEGIN SELECT sum(v) INTO n FROM m GROUP BY time(10m) END";
    browser.query("", create).check(200, &["Statement 2"]);
    let section = |page: Page| page.text.split("Continuous queries").nth(1).expect("a section").to_owned();
    let before = section(browser.get("/explorer/status"));
    assert!(before.contains("last run") && before.contains("<td class=\"null\""), "{before}");
    let advanced = Connection::open(server.address()).request("POST", "/fluxstone/clock", "{\"advance\":\"15m\"}");
    assert_eq!(advanced.expect("an answer").0, 200);
    let after = section(browser.get("/explorer/status"));
    assert!(after.contains("2017-03-01T00:10:00Z</td>"), "{after}");
}

// spec: explorer.csrf.1, explorer.csrf.2, explorer.limits.1
#[test]
fn forms_of_other_sites_are_refused() {
    let server = Server::ephemeral();
    let mut browser = Browser::open(&server);
    browser.get("/explorer/query");
    let (own, token) = (format!("http://{}", browser.host), browser.token.clone());
    let create = [("q", "CREATE DATABASE d")];
    for (origin, token) in [("http://evil.example", token.as_str()), ("null", &token), (&own, ""), (&own, "AAAA")] {
        for path in ["query", "download", "write", "kill", "login", "logout"] {
            browser
                .post_as(&format!("/explorer/{path}"), origin, token, &create)
                .check(403, &["does not come from a page"]);
        }
    }
    let mut other = Browser::open(&server);
    other.get("/explorer/query");
    other.post_as("/explorer/query", &own, &token, &create).check(403, &[]);
    other.cookie = None;
    other.post_as("/explorer/query", &own, &token, &create).check(403, &[]);
    browser.get("/explorer/").check(200, &["There are no databases yet."]);
    browser.post_as("/explorer/query", &own, &token, &create).check(200, &[]);
    let large = "x".repeat(2 << 20);
    browser.post_as("/explorer/query", &own, &token, &[("q", &large)]).check(413, &["request body too large"]);
}

// spec: explorer.session.1, explorer.session.2, explorer.session.3, explorer.limits.2
#[test]
fn users_log_in_and_sessions_end() {
    let (server, _folder) = server_with("[http]\nauth-enabled = true\n");
    let mut admin = Browser::open(&server);
    admin.get("/explorer/query").check(200, &[]);
    admin.query("", "CREATE USER admin WITH PASSWORD 'sesame' WITH ALL PRIVILEGES").check(200, &[]);
    let page = admin.get("/");
    assert_eq!((page.status, page.header("Location")), (303, Some("/explorer/login")));
    admin.get("/explorer/login").check(200, &["type=\"password\""]);
    let page = admin.post("/explorer/login", &[("user", "admin"), ("password", "wrong")]);
    page.check(401, &["authorization failed"]);
    assert_eq!(page.header("WWW-Authenticate"), Some("Session realm=\"Fluxstone\""));
    let before = admin.cookie.clone();
    let page = admin.post("/explorer/login", &[("user", "admin"), ("password", "sesame")]);
    assert_eq!((page.status, page.header("Location")), (303, Some("/explorer/")));
    assert!(page.header("Set-Cookie").is_some_and(|cookie| cookie.ends_with("; Path=/; HttpOnly; SameSite=Strict")));
    assert_ne!(admin.cookie, before);
    admin.get("/").check(200, &["admin", "Log out"]);
    admin.query("", "CREATE DATABASE d; CREATE USER bob WITH PASSWORD 'one'; GRANT READ ON d TO bob").check(200, &[]);
    // The cookie is for pages only.
    admin.send("GET", "/query?q=SHOW+DATABASES", &[], "").check(401, &[]);

    let log_in = |password: &str| {
        let mut bob = Browser::open(&server);
        bob.get("/explorer/login");
        assert_eq!(bob.post("/explorer/login", &[("user", "bob"), ("password", password)]).status, 303);
        bob.get("/explorer/query").check(200, &["bob"]);
        bob
    };
    let is_logged_out = |browser: &mut Browser| browser.get("/explorer/").status == 303;
    let mut bob = log_in("one");
    bob.query("", "CREATE DATABASE e").check(200, &["error authorizing query"]);
    bob.post("/explorer/write", &[("db", "d"), ("lines", "m v=1")]).check(200, &["is not authorized to write"]);
    let stolen = bob.cookie.clone();
    assert_eq!(bob.post("/explorer/logout", &[]).status, 303);
    bob.cookie = stolen;
    assert!(is_logged_out(&mut bob));

    let mut bob = log_in("one");
    admin.query("", "SET PASSWORD FOR bob = 'two'").check(200, &[]);
    assert!(is_logged_out(&mut bob));
    let mut bob = log_in("two");
    admin.query("", "DROP USER bob; CREATE USER bob WITH PASSWORD 'two'").check(200, &[]);
    assert!(is_logged_out(&mut bob));
    admin.get("/").check(200, &["Log out"]);
}
