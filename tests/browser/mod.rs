//! A browser that tests operate as a person does, with mouse and keyboard: headless Chromium through chromedriver (WebDriver).

use std::io::{BufRead as _, BufReader};
use std::net::{Ipv4Addr, SocketAddr};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::client::Connection;

/// How long a page may take to show what is expected. Only a failing test waits so long.
const PATIENCE: Duration = Duration::from_secs(60);

/// WebDriver's name of references to elements.
const ELEMENT: &str = "element-6066-11e4-a52e-4f735466cecf";

/// WebDriver's codes of keys.
pub(crate) const BACKSPACE: char = '\u{e003}';
pub(crate) const CONTROL: char = '\u{e009}';
pub(crate) const ENTER: char = '\u{e007}';

pub(crate) struct Browser {
    driver: Child,
    connection: Connection,
    session: String,
    _profile: tempfile::TempDir,
}

impl Browser {
    /// Starts a browser; nothing if it is not installed.
    pub(crate) fn start() -> Option<Browser> {
        Browser::start_with(&json!({}))
    }

    /// Starts a browser that runs no scripts of pages; nothing if it is not installed.
    pub(crate) fn start_without_scripts() -> Option<Browser> {
        Browser::start_with(&json!({ "profile.managed_default_content_settings.javascript": 2 }))
    }

    fn start_with(preferences: &Value) -> Option<Browser> {
        let mut command = Command::new("chromedriver");
        let driver = command.arg("--port=0").stdout(Stdio::piped()).stderr(Stdio::null()).spawn();
        let (Ok(mut driver), Ok(_)) = (driver, Command::new("chromium").arg("--version").output()) else {
            println!("skipped: chromium or chromedriver is not installed");
            return None;
        };
        let lines = BufReader::new(driver.stdout.take().expect("standard output is piped")).lines();
        let port = lines.map_while(Result::ok).find_map(|line| {
            line.split_once("successfully on port ").and_then(|(_, port)| port.trim_end_matches('.').parse().ok())
        });
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port.expect("a port")));
        let profile = tempfile::tempdir().expect("a folder");
        let mut browser =
            Browser { driver, connection: Connection::open(address), session: String::new(), _profile: profile };
        let arguments = [
            "--headless=new",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-dev-shm-usage",
            "--no-first-run",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
            "--window-size=1200,900",
            &format!("--user-data-dir={}", browser._profile.path().display()),
        ];
        let options = json!({ "args": arguments, "prefs": preferences });
        let wanted = json!({ "capabilities": { "alwaysMatch": { "goog:chromeOptions": options } } });
        let session = browser.command("POST", "/session", &wanted);
        session["sessionId"].as_str().expect("a session").clone_into(&mut browser.session);
        Some(browser)
    }

    /// Sends a command to chromedriver. Panics if it fails.
    #[track_caller]
    fn command(&mut self, verb: &str, path: &str, body: &Value) -> Value {
        let body = if verb == "GET" { String::new() } else { body.to_string() };
        let headers = [("Content-Type".to_owned(), "application/json".to_owned())];
        let answer = self.connection.send(verb, path, &headers, body).expect("an answer of chromedriver");
        let mut value: Value = serde_json::from_slice(&answer.body).expect("JSON");
        assert_eq!(answer.status, 200, "{verb} {path}: {value}");
        value["value"].take()
    }

    #[track_caller]
    fn of_session(&mut self, verb: &str, path: &str, body: &Value) -> Value {
        let path = format!("/session/{}{path}", self.session);
        self.command(verb, &path, body)
    }

    /// Opens an address.
    #[track_caller]
    pub(crate) fn open(&mut self, url: &str) {
        self.of_session("POST", "/url", &json!({ "url": url }));
    }

    /// The page as it is now.
    #[track_caller]
    pub(crate) fn source(&mut self) -> String {
        self.of_session("GET", "/source", &Value::Null).as_str().expect("a page").to_owned()
    }

    /// Runs a script in the page, and returns what it returns.
    #[track_caller]
    pub(crate) fn run(&mut self, script: &str) -> Value {
        self.of_session("POST", "/execute/sync", &json!({ "script": script, "args": [] }))
    }

    /// Waits until an expression is true in the page.
    #[track_caller]
    pub(crate) fn wait_for(&mut self, expression: &str) {
        let begun = Instant::now();
        while self.run(&format!("return !!({expression})")) != json!(true) {
            assert!(begun.elapsed() < PATIENCE, "{expression}: {}", self.run("return document.body.outerHTML"));
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// The element that a selector of CSS finds first.
    #[track_caller]
    fn element(&mut self, selector: &str) -> String {
        let found = self.of_session("POST", "/element", &json!({ "using": "css selector", "value": selector }));
        found[ELEMENT].as_str().expect("an element").to_owned()
    }

    /// Clicks on an element.
    #[track_caller]
    pub(crate) fn click(&mut self, selector: &str) {
        let element = self.element(selector);
        self.of_session("POST", &format!("/element/{element}/click"), &json!({}));
    }

    /// Types into an element. [`CONTROL`] stays down for the keys after it.
    #[track_caller]
    pub(crate) fn type_into(&mut self, selector: &str, text: &str) {
        let element = self.element(selector);
        self.of_session("POST", &format!("/element/{element}/value"), &json!({ "text": text }));
    }

    /// Presses the button of the mouse at one place of the window, moves it to another, and lets go.
    #[track_caller]
    pub(crate) fn drag(&mut self, (from_x, from_y): (f64, f64), (to_x, to_y): (f64, f64)) {
        let to = |x: f64, y: f64| json!({ "type": "pointerMove", "duration": 50, "x": x.round(), "y": y.round() });
        let button = |kind: &str| json!({ "type": kind, "button": 0 });
        let actions = [to(from_x, from_y), button("pointerDown"), to(to_x, to_y), button("pointerUp")];
        let mouse = json!({ "type": "pointer", "id": "mouse", "actions": actions });
        self.of_session("POST", "/actions", &json!({ "actions": [mouse] }));
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        if !self.session.is_empty() {
            let _ = self.connection.send("DELETE", &format!("/session/{}", self.session), &[], "");
        }
        let _ = self.driver.kill();
        let _ = self.driver.wait();
    }
}
