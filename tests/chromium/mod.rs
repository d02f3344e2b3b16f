//! Pages in headless Chromium. Tests of other crates, and the chore that takes pictures, share this file by its path.

#![allow(dead_code, reason = "each user needs a part of it")]

use std::path::Path;
use std::process::{Command, Output, Stdio};

/// The argument with which pages see that dark colours are preferred.
pub(crate) const DARK: &str = "--blink-settings=preferredColorScheme=0";

/// The argument with which pages see that light colours are preferred.
pub(crate) const LIGHT: &str = "--blink-settings=preferredColorScheme=1";

/// The arguments of every run, whose state is in a folder of its own.
pub(crate) fn arguments(profile: &Path) -> Vec<String> {
    let common = [
        "--headless=new",
        "--no-sandbox",
        "--disable-gpu",
        "--disable-dev-shm-usage",
        "--no-first-run",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
    ];
    let profile = format!("--user-data-dir={}", profile.display());
    common.into_iter().map(str::to_owned).chain([profile]).collect()
}

/// Whether Chromium is installed.
pub(crate) fn is_installed() -> bool {
    let version = Command::new("chromium").arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status();
    version.is_ok_and(|status| status.success())
}

/// Loads a page, and returns what Chromium prints.
fn load(url: &str, arguments: &[&str]) -> std::io::Result<Output> {
    let profile = tempfile::tempdir()?;
    Command::new("chromium")
        .args(self::arguments(profile.path()))
        .args(arguments)
        .arg("--virtual-time-budget=3000")
        .arg(url)
        .output()
}

/// Returns a page as Chromium shows it, as text; nothing if Chromium is not installed.
pub(crate) fn shown(url: &str, arguments: &[&str]) -> Option<String> {
    let Ok(output) = load(url, &[&["--dump-dom"], arguments].concat()) else {
        println!("skipped: chromium is not installed");
        return None;
    };
    Some(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// Returns a picture of the upper part of a page as a PNG file, with a width and a height in pixels.
pub(crate) fn picture(url: &str, (width, height): (u32, u32), arguments: &[&str]) -> std::io::Result<Vec<u8>> {
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("picture.png");
    let (size, to) = (format!("--window-size={width},{height}"), format!("--screenshot={}", file.display()));
    load(url, &[&[&size, &to, "--hide-scrollbars"], arguments].concat())?;
    std::fs::read(file)
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
