//! Takes pictures of the explorer with headless Chromium, for the README: it starts a server, writes points that follow a fixed rule, and has
//! a page shown for each picture. With `--matrix` it takes one of the suite's report instead.
//!
//! Two runs differ in the times that queries took, and in the fonts of the machine.

use std::f64::consts::TAU;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, ensure};
use fluxstone_conformance::client::Connection;
use fluxstone_conformance::launch::{Group, Launcher};

use crate::built;

#[path = "../../tests/chromium/mod.rs"]
pub(crate) mod chromium;

/// The largest picture, in bytes.
const BYTES_MAX: usize = 150_000;

/// The width of each picture, in pixels.
const WIDTH: u32 = 960;

/// The time of the first points, in seconds: 2017-03-01T00:00:00Z.
const START_S: i64 = 1_488_326_400;

/// The time between two points of a series, in seconds.
const STEP_S: i64 = 600;

/// The points of a series, which are those of a day.
const STEPS: i64 = 86_400 / STEP_S;

/// Cities with their country, the mean of a day's temperature, what noon adds to it, and the mean humidity.
const CITIES: [(&str, &str, f64, f64, f64); 4] = [
    ("Cairo", "Egypt", 19.0, 6.0, 40.0),
    ("Lima", "Peru", 24.0, 3.0, 75.0),
    ("Oslo", "Norway", -2.0, 3.5, 80.0),
    ("Tokyo", "Japan", 8.0, 4.0, 55.0),
];

const TABLE: &str = "SELECT \"temperature\", \"humidity\", \"sky\" FROM \"air\"
WHERE \"city\" = 'Oslo' AND time >= '2017-03-01T12:00:00Z'
LIMIT 8";

const CHART: &str = "SELECT mean(\"temperature\") FROM \"air\"
WHERE time >= '2017-03-01' AND time < '2017-03-02'
GROUP BY time(1h), \"city\"";

/// Where pictures go, and of what.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// The server's binary; built in release mode by default.
    #[arg(long, value_name = "FILE")]
    server: Option<PathBuf>,
    /// The folder for the pictures.
    #[arg(long, value_name = "DIR", default_value = "src/explorer/pictures")]
    output: PathBuf,
    /// Take a picture of the suite's results instead, from the folder that `cargo xtask results --html DIR` has written.
    #[arg(long, value_name = "DIR")]
    matrix: Option<PathBuf>,
}

/// A picture: the name of its file, the page, the height, and further arguments of Chromium.
struct Picture {
    name: &'static str,
    page: String,
    height: u32,
    arguments: &'static [&'static str],
}

/// Takes the pictures. Those that are too large are violations.
pub(crate) fn take(root: &Path, options: &Options) -> anyhow::Result<Vec<String>> {
    if !chromium::is_installed() {
        println!("pictures: skipped, since chromium is not installed");
        return Ok(Vec::new());
    }
    let folder = root.join(&options.output);
    std::fs::create_dir_all(&folder).with_context(|| folder.display().to_string())?;
    if let Some(matrix) = &options.matrix {
        let matrix = matrix.canonicalize().with_context(|| matrix.display().to_string())?.join("index.html");
        let violation = take_one(&folder, &MATRIX, &format!("file://{}", matrix.display()))?;
        return Ok(violation.into_iter().collect());
    }
    let binary = built::server(root, options.server.as_deref())?;
    let command = format!("'{}' serve --bind 127.0.0.1:{{port}} --data-dir {{data}}", binary.display());
    let launcher = Launcher::new(&command, String::new())?;
    let group = Group { config: toml::Table::new(), has_users: false, cases: Vec::new() };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let server = runtime.block_on(launcher.start(&group))?;
    runtime.block_on(async {
        let mut connection = Connection::open(&server.target, usize::MAX).await?;
        for (path, body) in requests() {
            let answer = connection.send("POST", &path, &[], body.into()).await?;
            ensure!(answer.status < 300, "{path}: {}", String::from_utf8_lossy(&answer.body));
        }
        anyhow::Ok(())
    })?;
    let mut violations = Vec::new();
    for picture in pictures() {
        violations.extend(take_one(&folder, &picture, &format!("{}{}", server.target, picture.page))?);
    }
    Ok(violations)
}

/// Takes a picture. If it is too large, that is a violation.
fn take_one(folder: &Path, picture: &Picture, url: &str) -> anyhow::Result<Option<String>> {
    let png = chromium::picture(url, (WIDTH, picture.height), picture.arguments).context(picture.name)?;
    let (bytes, file) = (png.len(), folder.join(picture.name));
    std::fs::write(&file, png).with_context(|| file.display().to_string())?;
    println!("{}", file.display());
    Ok((bytes > BYTES_MAX).then(|| format!("{} has {bytes} bytes, and may have {BYTES_MAX}", picture.name)))
}

/// The upper part of the suite's report, which is not a page of the server.
const MATRIX: Picture =
    Picture { name: "matrix.png", page: String::new(), height: 1250, arguments: &[chromium::LIGHT] };

fn pictures() -> Vec<Picture> {
    let tree = [("db", "weather"), ("m", "air"), ("key", "city")];
    let table = [("db", "weather"), ("q", TABLE)];
    let chart = [("db", "weather"), ("view", "chart"), ("q", CHART)];
    let picture = |name, path: &str, parameters: &[(&str, &str)], height| {
        let parameters = form_urlencoded::Serializer::new(String::new()).extend_pairs(parameters).finish();
        Picture { name, page: format!("{path}?{parameters}"), height, arguments: &[chromium::LIGHT] }
    };
    vec![
        picture("tree.png", "/explorer/", &tree, 820),
        picture("table.png", "/explorer/query", &table, 930),
        picture("chart.png", "/explorer/query", &chart, 1100),
        Picture { arguments: &[chromium::DARK], ..picture("chart-dark.png", "/explorer/query", &chart, 1100) },
    ]
}

/// The requests that fill the server, each a path and a body.
fn requests() -> Vec<(String, String)> {
    let statement = |text: &str| {
        let encoded: String = form_urlencoded::byte_serialize(text.as_bytes()).collect();
        (format!("/query?q={encoded}"), String::new())
    };
    let write = |database: &str, lines: String| (format!("/write?db={database}&precision=s"), lines);
    vec![
        statement("CREATE DATABASE \"machines\""),
        statement("CREATE DATABASE \"weather\""),
        statement("CREATE RETENTION POLICY \"a_year\" ON \"weather\" DURATION 52w REPLICATION 1"),
        write("machines", machines()),
        write("weather", weather()),
    ]
}

/// A day in each city: it is warmest at three in the afternoon, and humidity is measured at three of four times.
fn weather() -> String {
    let mut lines = String::new();
    for (number, (city, country, mean, swing, humidity)) in CITIES.iter().enumerate() {
        for step in 0..STEPS {
            let (time, hour) = (START_S + step * STEP_S, step as f64 / 6.0);
            let warmth = ((hour - 15.0) / 24.0 * TAU).cos();
            let temperature = mean + swing * warmth + 0.4 * (1.7 * hour + mean).sin();
            let sky = ["clear", "cloudy", "rain"][(step as usize / 5 + number) % 3];
            // Writing into a string cannot fail.
            let _ = write!(lines, "air,city={city},country={country} temperature={temperature:.1},sky=\"{sky}\"");
            if step % 4 != 3 {
                let _ = write!(lines, ",humidity={:.0}i", humidity - 12.0 * warmth);
            }
            let speed = 4.0 + 2.0 * (hour / 3.0 + mean).sin();
            let _ = writeln!(lines, " {time}\nwind,city={city} speed={speed:.1} {time}");
        }
    }
    lines
}

fn machines() -> String {
    let mut lines = String::new();
    for step in 0..STEPS {
        for host in ["db-1", "web-1", "web-2"] {
            let _ = writeln!(lines, "cpu,host={host} idle={} {}", 99 - step % 7, START_S + step * STEP_S);
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_readme_shows_each_picture() {
        let readme = std::fs::read_to_string(crate::tree::root().join("README.md")).unwrap();
        for picture in pictures().iter().chain([&MATRIX]) {
            let path = format!("src/explorer/pictures/{}", picture.name);
            assert!(readme.contains(&format!("\"{path}\"")), "{path}");
            assert!(std::fs::metadata(crate::tree::root().join(path)).unwrap().len() <= BYTES_MAX as u64);
        }
    }

    #[test]
    fn points_follow_a_fixed_rule() {
        let lines = weather();
        assert!(lines.starts_with(
            "air,city=Cairo,country=Egypt temperature=14.8,sky=\"clear\",humidity=48i 1488326400\nwind,city=Cairo speed="
        ));
        assert_eq!(lines.lines().count() as i64, 2 * 4 * STEPS);
    }
}
