//! The HTML report in headless Chromium: filters, links to cases, the width of a phone, and no requests to anywhere.

#[path = "../../tests/chromium/mod.rs"]
mod chromium;
mod server;

use std::path::Path;

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

/// Returns the page with a filter as Chromium shows it; nothing if Chromium is not installed.
fn shown(page: &Path, fragment: &str) -> Option<String> {
    chromium::shown(&format!("file://{}{fragment}", page.display()), &[])
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
    let Some((page, phone)) = chromium::widths_on_a_phone(&folder.read("site/index.html")) else { return };
    assert!(page == phone && (300..=360).contains(&phone), "{page} of {phone}");
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
