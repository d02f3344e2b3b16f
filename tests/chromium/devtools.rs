//! A tab of headless Chromium that is driven over the `DevTools` protocol: it can run no scripts at all, show dark colours, and send forms that
//! were filled in with the keyboard. Messages are JSON objects that end with a zero byte.

#![allow(dead_code, reason = "each test uses a part of it")]

use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::chromium;

/// Chromium reads messages from descriptor 3, and writes them to descriptor 4.
const SCRIPT: &str = "exec chromium \"$@\" 3<&0 4>&1 </dev/null >/dev/null 2>/dev/null";

/// The longest wait for a message.
const MESSAGE_MAX: Duration = Duration::from_mins(1);

/// The tab. Chromium is ended when it is dropped.
pub(crate) struct Tab {
    process: Child,
    requests: ChildStdin,
    messages: Receiver<Value>,
    /// The number of the last request.
    number: u64,
    /// How many pages have been loaded.
    loaded: u64,
    session: String,
    _profile: TempDir,
}

impl Tab {
    /// Starts Chromium, which must be installed.
    pub(crate) fn start() -> Tab {
        let profile = tempfile::tempdir().expect("a folder");
        let mut process = Command::new("sh")
            .args(["-c", SCRIPT, "sh", "--remote-debugging-pipe"])
            .args(chromium::arguments(profile.path()))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("a shell");
        let requests = process.stdin.take().expect("a pipe");
        let answers = BufReader::new(process.stdout.take().expect("a pipe"));
        let (sender, messages) = channel();
        std::thread::spawn(move || {
            for message in answers.split(0).map_while(Result::ok) {
                let message = serde_json::from_slice(&message).expect("a message in JSON");
                if sender.send(message).is_err() {
                    return;
                }
            }
        });
        let mut tab =
            Tab { process, requests, messages, number: 0, loaded: 0, session: String::new(), _profile: profile };
        let target = tab.ask("Target.createTarget", &json!({ "url": "about:blank" }));
        let attach = json!({ "targetId": target["targetId"], "flatten": true });
        let attached = tab.ask("Target.attachToTarget", &attach);
        attached["sessionId"].as_str().expect("a session").clone_into(&mut tab.session);
        tab.ask("Page.enable", &json!({}));
        tab
    }

    /// Starts Chromium, and runs no script of any page.
    pub(crate) fn without_scripts() -> Tab {
        let mut tab = Tab::start();
        tab.ask("Emulation.setScriptExecutionDisabled", &json!({ "value": true }));
        tab
    }

    /// Tells pages which colours are preferred: `light` or `dark`.
    pub(crate) fn prefer(&mut self, colours: &str) {
        let feature = json!({ "name": "prefers-color-scheme", "value": colours });
        self.ask("Emulation.setEmulatedMedia", &json!({ "features": [feature] }));
    }

    /// Loads a page.
    pub(crate) fn open(&mut self, url: &str) {
        let before = self.loaded;
        self.ask("Page.navigate", &json!({ "url": url }));
        self.wait_for_page(before);
    }

    /// Returns the page as it is.
    pub(crate) fn html(&mut self) -> String {
        let document = self.ask("DOM.getDocument", &json!({ "depth": 0 }));
        let html = self.ask("DOM.getOuterHTML", &json!({ "nodeId": document["root"]["nodeId"] }));
        html["outerHTML"].as_str().expect("a text").to_owned()
    }

    /// Runs a script of the test, whatever the page allows, and returns what it leads to.
    pub(crate) fn run(&mut self, script: &str) -> Value {
        let script = json!({ "expression": script, "awaitPromise": true, "returnByValue": true });
        let mut answer = self.ask("Runtime.evaluate", &script);
        assert!(answer["exceptionDetails"].is_null(), "{answer}");
        answer["result"]["value"].take()
    }

    /// Types into the control that a selector of CSS finds.
    pub(crate) fn fill(&mut self, selector: &str, text: &str) {
        self.focus(selector);
        self.ask("Input.insertText", &json!({ "text": text }));
    }

    /// Waits until an expression of a script is true in the page.
    pub(crate) fn wait_for(&mut self, expression: &str) {
        let begun = Instant::now();
        while self.run(&format!("!!({expression})")) != json!(true) {
            assert!(begun.elapsed() < MESSAGE_MAX, "{expression}: {}", self.html());
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Presses Control and Enter in the control that has the focus, which loads another page.
    pub(crate) fn press_control_enter(&mut self) {
        let before = self.loaded;
        let keys = json!({ "type": "rawKeyDown", "modifiers": 2, "key": "Enter", "code": "Enter", "windowsVirtualKeyCode": 13 });
        self.ask("Input.dispatchKeyEvent", &keys);
        self.wait_for_page(before);
    }

    /// Presses the button of the mouse at one place of the window, moves it to another, and lets go.
    pub(crate) fn drag(&mut self, from: (f64, f64), to: (f64, f64)) {
        for (kind, (x, y)) in [("mouseMoved", from), ("mousePressed", from), ("mouseMoved", to), ("mouseReleased", to)]
        {
            let button = if kind == "mouseMoved" { "none" } else { "left" };
            let event = json!({ "type": kind, "x": x, "y": y, "button": button, "clickCount": 1 });
            self.ask("Input.dispatchMouseEvent", &event);
        }
    }

    /// Presses the button that a selector of CSS finds, which loads another page.
    pub(crate) fn press(&mut self, selector: &str) {
        self.focus(selector);
        let before = self.loaded;
        let enter =
            json!({ "type": "keyDown", "key": "Enter", "code": "Enter", "text": "\r", "windowsVirtualKeyCode": 13 });
        self.ask("Input.dispatchKeyEvent", &enter);
        self.wait_for_page(before);
    }

    fn focus(&mut self, selector: &str) {
        let document = self.ask("DOM.getDocument", &json!({ "depth": 0 }));
        let found =
            self.ask("DOM.querySelector", &json!({ "nodeId": document["root"]["nodeId"], "selector": selector }));
        assert_ne!(found["nodeId"], 0, "{selector}: {}", self.html());
        self.ask("DOM.focus", &json!({ "nodeId": found["nodeId"] }));
    }

    fn wait_for_page(&mut self, before: u64) {
        while self.loaded == before {
            self.next();
        }
    }

    fn ask(&mut self, method: &str, parameters: &Value) -> Value {
        self.number += 1;
        let mut request = json!({ "id": self.number, "method": method, "params": parameters });
        if !self.session.is_empty() {
            request["sessionId"] = self.session.as_str().into();
        }
        self.requests.write_all(format!("{request}\0").as_bytes()).expect("a request");
        loop {
            let mut message = self.next();
            if message["id"] == self.number {
                assert!(message["error"].is_null(), "{method}: {message}");
                return message["result"].take();
            }
        }
    }

    fn next(&mut self) -> Value {
        let message = self.messages.recv_timeout(MESSAGE_MAX).expect("a message");
        self.loaded += u64::from(message["method"] == "Page.loadEventFired");
        message
    }
}

impl Drop for Tab {
    fn drop(&mut self) {
        // Chromium ends its other processes when the pipe is closed; it is killed if it was not started.
        let _ = self.requests.write_all(b"{\"id\":0,\"method\":\"Browser.close\"}\0");
        while self.messages.recv_timeout(Duration::from_secs(5)).is_ok() {}
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
