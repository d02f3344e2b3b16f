//! Suites and sessions of real clients, which `.ci/run` installs from their registries into `target/clients`.
//!
//! A test whose client is absent prints that it is skipped.

use std::path::{Path, PathBuf};
use std::process::Command;

/// The interpreter of an environment in which Python's `module` can be imported, if there is one.
fn python_with(module: &str) -> Option<PathBuf> {
    let installed = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/clients/python/bin/python");
    [installed, PathBuf::from("python3")].into_iter().find(|python| {
        let imported = Command::new(python).args(["-c", &format!("import {module}")]).output();
        imported.is_ok_and(|output| output.status.success())
    })
}

// spec: http.influxd.1, udp.input.1
#[test]
fn the_live_suite_of_influxdb_python_passes() {
    let Some(python) = python_with("influxdb, pandas") else {
        println!("skipped: influxdb-python and pandas are not installed");
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let influxd = folder.path().join("influxd");
    std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_fluxstone"), &influxd).unwrap();
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/real_clients/influxdb_python.py");
    let output = Command::new(python)
        .arg(script)
        .arg(folder.path())
        .env("INFLUXDB_PYTHON_INFLUXD_PATH", &influxd)
        .env("TMPDIR", folder.path())
        .output()
        .unwrap();
    let (printed, messages) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{messages}");
    assert_eq!(printed.lines().next_back(), Some("90 run, 8 skipped"), "{messages}");
}
