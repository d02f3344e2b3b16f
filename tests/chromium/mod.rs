//! Pages in headless Chromium. Tests of other crates share this file by its path.

#![allow(dead_code, reason = "each test uses a part of it")]

use std::process::Command;

/// Returns a page as Chromium shows it, as text; nothing if Chromium is not installed.
pub(crate) fn shown(url: &str, arguments: &[&str]) -> Option<String> {
    let profile = tempfile::tempdir().expect("a folder");
    let output = Command::new("chromium")
        .args(["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run"])
        .args(["--disable-background-networking", "--disable-component-update", "--disable-sync"])
        .arg(format!("--user-data-dir={}", profile.path().display()))
        .args(arguments)
        .args(["--virtual-time-budget=3000", "--dump-dom"])
        .arg(url)
        .output();
    let Ok(output) = output else {
        println!("skipped: chromium is not installed");
        return None;
    };
    Some(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// Returns the width that a page takes on a phone, with all of it open, and the width that it has there; nothing if Chromium is not
/// installed. The page must have its style sheet in itself.
pub(crate) fn widths_on_a_phone(page: &str) -> Option<(u32, u32)> {
    let page = page.replace('&', "&amp;").replace('"', "&quot;");
    // A frame in a page of its own, since a window cannot be as narrow as a phone.
    let probe = format!(
        "<!doctype html><iframe id=phone style=\"width:360px;height:640px;border:0\" srcdoc=\"{page}\"></iframe><p id=widths></p><script>\
         document.getElementById('phone').onload = (event) => {{\
           const inner = event.target.contentDocument;\
           for (const details of inner.querySelectorAll('details')) details.open = true;\
           document.getElementById('widths').textContent = inner.documentElement.scrollWidth + ' of ' + inner.documentElement.clientWidth;\
         }};</script>"
    );
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("probe.html");
    std::fs::write(&file, probe).expect("a file");
    let html = shown(&format!("file://{}", file.display()), &[])?;
    let widths = html.split("<p id=\"widths\">").nth(1).and_then(|rest| rest.split('<').next()).unwrap_or_default();
    let numbers = widths.split_once(" of ").and_then(|(page, phone)| Some((page.parse().ok()?, phone.parse().ok()?)));
    Some(numbers.unwrap_or_else(|| panic!("no widths in {html}")))
}
