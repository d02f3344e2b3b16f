//! The HTML report in headless Chromium: filters, links to cases, the width of a phone, and no requests to anywhere.

mod server;

use std::path::Path;
use std::process::Command;

use server::{Folder, PING, TEAPOT, empty, result};

/// Runs two servers' worth of cases, and returns the folder with the page of both.
fn site() -> Folder {
    let (address, _) = server::tcp(empty, None);
    let write = "[[case.step]]\nrequest = 'POST /write?db=d'\nbody = 'm f=1'\nresponse.status = 204";
    let folder = Folder::with_cases(&[("ping.good", PING), ("ping.bad", TEAPOT), ("write.good", write)]);
    for label in ["first", "a <second> server"] {
        let target = format!("http://{address}");
        let output = folder.run(&["--target", &target, "--label", label, "--report-html", "site"]);
        assert_eq!(result(&output).0, Some(1), "{}", result(&output).1);
    }
    folder
}

/// Returns the page as Chromium shows it, as text; nothing if Chromium is not installed.
fn shown(page: &Path, fragment: &str) -> Option<String> {
    let profile = tempfile::tempdir().expect("a folder");
    let output = Command::new("chromium")
        .args(["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run"])
        .args(["--disable-background-networking", "--disable-component-update", "--disable-sync"])
        .arg(format!("--user-data-dir={}", profile.path().display()))
        .args(["--virtual-time-budget=2000", "--dump-dom"])
        .arg(format!("file://{}{fragment}", page.display()))
        .output();
    let Ok(output) = output else {
        println!("skipped: chromium is not installed");
        return None;
    };
    Some(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// Returns the tag that has this text in it.
fn tag<'a>(html: &'a str, text: &str) -> &'a str {
    html.split('<').find(|tag| tag.contains(text)).unwrap_or_else(|| panic!("{text} in {html}"))
}

fn is_hidden(html: &str, text: &str) -> bool {
    tag(html, text).contains("hidden=\"\"")
}

#[test]
fn a_filter_in_the_address_shows_the_cases_that_it_selects() {
    let folder = site();
    let page = folder.path("site/index.html");
    for (fragment, count, hidden) in [
        ("", "3 of 3 cases", [false, false, false]),
        ("#verdict=failed", "1 of 3 cases", [true, false, true]),
        ("#verdict=exact&area=ping", "1 of 3 cases", [false, true, true]),
        ("#claim=write-only", "3 of 3 cases", [false, false, false]),
        ("#text=m+POST%20f=1", "1 of 3 cases", [true, true, false]),
        ("#area=write&text=418", "0 of 3 cases", [true, true, true]),
    ] {
        let Some(html) = shown(&page, fragment) else { return };
        assert!(html.contains(&format!(">{count}</output>")), "{fragment}: {html}");
        let found =
            ["id=\"case-ping.good\"", "id=\"case-ping.bad\"", "id=\"case-write.good\""].map(|id| is_hidden(&html, id));
        assert_eq!(found, hidden, "{fragment}");
        assert_eq!(is_hidden(&html, "data-cases="), hidden[0] && hidden[1], "{fragment}");
        assert!(!is_hidden(&html, "form id="), "{fragment}");
    }
}

#[test]
fn a_link_to_a_case_opens_it_even_if_it_is_filtered_out() {
    let folder = site();
    let Some(html) = shown(&folder.path("site/index.html"), "#case-ping.bad") else { return };
    let case = html.split("id=\"case-ping.bad\"").nth(1).unwrap();
    assert!(case.contains("<pre data-clause=\"http.ping.1\">GET and HEAD of `/ping` MUST"), "{case}");
    assert!(tag(&html, "id=\"case-ping.bad\"").contains("open=\"\""), "{html}");
    assert!(!tag(&html, "id=\"case-ping.good\"").contains("open=\"\""), "{html}");
}

#[test]
fn the_page_fits_a_phone() {
    let folder = site();
    let page = folder.read("site/index.html").replace('&', "&amp;").replace('"', "&quot;");
    // A frame in a page of its own, since a window cannot be as narrow as a phone. All of the page is open, as it is widest.
    let probe = format!(
        "<!doctype html><iframe id=phone style=\"width:360px;height:640px;border:0\" srcdoc=\"{page}\"></iframe><p id=widths></p><script>\
         document.getElementById('phone').onload = (event) => {{\
           const inner = event.target.contentDocument;\
           for (const details of inner.querySelectorAll('details')) details.open = true;\
           document.getElementById('widths').textContent = inner.documentElement.scrollWidth + ' of ' + inner.documentElement.clientWidth;\
         }};</script>"
    );
    let probe = folder.write("probe.html", &probe);
    let Some(html) = shown(&probe, "") else { return };
    let widths = tag(&html, "id=\"widths\"").split('>').nth(1).unwrap_or_default();
    let (page, phone) = widths.split_once(" of ").unwrap_or_else(|| panic!("{html}"));
    assert!(page == phone && phone.parse().is_ok_and(|width: u32| (300..=360).contains(&width)), "{widths}");
}

#[test]
fn the_page_loads_nothing() {
    let html = site().read("site/index.html");
    assert!(html.contains("content=\"default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline';"));
    for part in [" src=", "<link", "@import", "url(", "fetch(", "XMLHttpRequest", "<img", "import("] {
        assert!(!html.contains(part), "{part}");
    }
    assert!(html.contains("a &lt;second&gt; server") && !html.contains("<second>"));
}
