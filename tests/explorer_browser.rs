//! The explorer as a person uses it, with mouse and keyboard in headless Chromium.

mod chromium;
mod client;
#[path = "chromium/devtools.rs"]
mod devtools;
mod installed;
mod server;

use client::Connection;
use devtools::Tab;
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

// spec: explorer.page.1, explorer.query.1, explorer.query.4, explorer.query.7
#[test]
fn a_person_completes_a_query_and_zooms_into_a_chart() {
    if !chromium::is_installed() {
        return installed::skip("chromium is not installed");
    }
    let server = with_points();
    let mut tab = Tab::start();
    tab.open(&format!("http://{}/explorer/query?db=points&view=chart", server.address()));
    // A name is completed, and Control and Enter send the query.
    tab.fill("#q", "SELECT mean(temp) FROM wea");
    tab.wait_for("document.querySelector('#suggestions button')?.textContent === 'weather'");
    tab.run("document.querySelector('#suggestions button').click()");
    tab.fill("#q", " WHERE time < 1h GROUP BY time(5m)");
    tab.press_control_enter();
    assert_eq!(tab.run("document.querySelectorAll('svg.chart circle').length"), 12);
    // A part of the chart is chosen, from before the fourth window to after the seventh one.
    let ends = tab.run(
        "document.querySelector('svg.chart').scrollIntoView();
         [3, 6].flatMap((n) => {
           const { left, right, bottom } = document.querySelectorAll('svg.chart circle')[n].getBoundingClientRect();
           return [n === 3 ? left - 4 : right + 4, bottom + 5];
         })",
    );
    let end = |at: usize| (ends[at].as_f64().expect("a number"), ends[at + 1].as_f64().expect("a number"));
    tab.drag(end(0), end(2));
    tab.wait_for("document.readyState === 'complete' && document.querySelectorAll('svg.chart circle').length === 4");
    let text = tab.run("document.getElementById('q').value");
    let part = "SELECT mean(temp) FROM weather WHERE time >= '1970-01-01T00:15:00Z' AND time < '1970-01-01T00:30:00Z' + 5m GROUP BY time(5m)";
    assert_eq!(text, part);
    // The last window is whole.
    let last = tab.run("document.querySelectorAll('svg.chart circle')[3].textContent");
    assert_eq!(last, "weather: mean\n1970-01-01T00:30:00Z\n32");
    // A click is no choice of a part.
    tab.drag(end(0), (end(0).0 + 1.0, end(0).1));
    assert_eq!(tab.run("document.querySelectorAll('.selection').length"), 0);
    // Earlier queries can be chosen again.
    tab.open(&format!("http://{}/explorer/query", server.address()));
    tab.run(
        "const past = document.getElementById('history');
         past.selectedIndex = past.length - 1;
         past.dispatchEvent(new Event('change'));",
    );
    let text = tab.run("document.getElementById('q').value");
    assert_eq!(text, "SELECT mean(temp) FROM weather WHERE time < 1h GROUP BY time(5m)");
}
