//! The explorer as a person uses it, with mouse and keyboard in headless Chromium.

mod browser;
mod client;
mod server;

use browser::{BACKSPACE, Browser, CONTROL, ENTER};
use client::Connection;
use server::Server;

/// A server with a measurement `weather` of 60 points, one each minute, in the database `points`.
fn with_points() -> Server {
    let server = Server::ephemeral();
    let mut connection = Connection::open(server.address());
    connection.query("CREATE DATABASE points").expect("an answer");
    let lines: Vec<String> = (0..60).map(|minute| format!("weather,city=Oslo temp={minute} {}", minute * 60)).collect();
    let written = connection.request("POST", "/write?db=points&precision=s", &lines.join("\n"));
    assert_eq!(written.expect("an answer").0, 204);
    server
}

fn url(server: &Server, path: &str) -> String {
    format!("http://{}{path}", server.address())
}

// spec: explorer.page.1, explorer.query.1, explorer.query.4, explorer.query.7
#[test]
fn a_person_finds_data_and_zooms_into_a_chart() {
    let server = with_points();
    let Some(mut browser) = Browser::start() else { return };
    browser.open(&url(&server, "/"));
    browser.click("main a[href*='db=points']");
    browser.wait_for("document.querySelector(\"main a[href*='m=weather']\")");
    browser.open(&url(&server, "/explorer/query?db=points&view=chart"));
    // A name is completed, and Control and Enter send the query.
    browser.type_into("#q", "SELECT mean(temp) FROM wea");
    browser.wait_for("document.querySelector('#suggestions button')?.textContent === 'weather'");
    browser.click("#suggestions button");
    browser.type_into("#q", &format!(" WHERE time < 1h GROUP BY time(5m){CONTROL}{ENTER}"));
    browser
        .wait_for("document.readyState === 'complete' && document.querySelectorAll('svg.chart circle').length === 12");
    // Half of the chart is chosen, from before the fourth window to after the seventh one.
    let ends = browser.run(
        "const box = (n) => document.querySelectorAll('svg.chart circle')[n].getBoundingClientRect();\
         document.querySelector('svg.chart').scrollIntoView();\
         return [box(3).x - 4, box(3).y + 10, box(6).x + 12, box(6).y + 10];",
    );
    let end = |at: usize| ends[at].as_f64().expect("a number");
    browser.drag((end(0), end(1)), (end(2), end(3)));
    browser.wait_for("document.querySelectorAll('svg.chart circle').length === 4");
    let text = browser.run("return document.getElementById('q').value");
    let part = "SELECT mean(temp) FROM weather WHERE time >= '1970-01-01T00:15:00Z' AND time < '1970-01-01T00:30:00Z' + 5m GROUP BY time(5m)";
    assert_eq!(text.as_str(), Some(part));
    // The last window is whole.
    let last = browser.run("return document.querySelectorAll('svg.chart circle')[3].textContent");
    assert_eq!(last.as_str(), Some("weather: mean\n1970-01-01T00:30:00Z\n32"));
    // A click is no choice of a part.
    browser.drag((end(0), end(1)), (end(0) + 1.0, end(1)));
    assert_eq!(browser.run("return document.querySelectorAll('.selection').length"), 0);
    // Earlier queries can be chosen again.
    browser.open(&url(&server, "/explorer/query"));
    browser.wait_for("document.querySelectorAll('#history option').length === 2");
    browser.run("const past = document.getElementById('history'); past.selectedIndex = 1; past.dispatchEvent(new Event('change'));");
    let text = browser.run("return document.getElementById('q').value");
    assert_eq!(text.as_str(), Some("SELECT mean(temp) FROM weather WHERE time < 1h GROUP BY time(5m)"));
}

// spec: explorer.page.1, explorer.query.7
#[test]
fn the_main_paths_need_no_scripts() {
    let server = with_points();
    let Some(mut browser) = Browser::start_without_scripts() else { return };
    browser.open(&url(&server, "/"));
    browser.click("main a[href*='db=points']");
    let page = browser.source();
    assert!(page.contains("weather") && page.contains("autogen"), "{page}");
    browser.open(&url(&server, "/explorer/query?db=points&view=chart"));
    browser.type_into("#q", "SELECT temp FROM weather WHERE time < 10m");
    browser.click("#query button");
    let page = browser.source();
    // The script adds this.
    assert!(!page.contains("id=\"history\""), "{page}");
    assert_eq!(page.matches("<circle").count(), 10, "{page}");
    browser.type_into("#from", &format!("{}1970-01-01T00:07:00Z", BACKSPACE.to_string().repeat(30)));
    browser.click("#zoom button");
    let page = browser.source();
    assert!(page.contains("time &gt;= '1970-01-01T00:07:00Z'"), "{page}");
    assert_eq!(page.matches("<circle").count(), 3, "{page}");
    browser.open(&url(&server, "/explorer/write?db=points"));
    browser.type_into("#lines", "weather,city=Oslo temp=100 0");
    browser.click("#write button");
    let page = browser.source();
    assert!(page.contains("All points are stored."), "{page}");
}
