//! Settings from files and from the environment.

use std::path::PathBuf;
use std::time::Duration;

use super::*;
use crate::compat::{CsvNullCells, Profile};

/// Loads `text` as the file `f.conf` with `variables`.
fn loaded(text: &str, variables: &[(&str, &str)]) -> Result<Loaded, ConfigError> {
    load_with(text, variables, UnknownKeys::Refuse)
}

fn load_with(text: &str, variables: &[(&str, &str)], unknown_keys: UnknownKeys) -> Result<Loaded, ConfigError> {
    let variables = variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    load(Some(("f.conf", text)), variables, unknown_keys)
}

/// Checks that `text` fails with `message`.
fn check_error(text: &str, variables: &[(&str, &str)], message: &str) {
    assert_eq!(loaded(text, variables).map_err(|e| e.to_string()), Err(message.to_owned()));
}

#[test]
fn unset_keys_have_their_defaults() {
    assert_eq!(loaded("", &[]), Ok(Loaded::default()));
    let defaults = Settings::default();
    assert_eq!(defaults.http.bind_address, "127.0.0.1:8086");
    assert_eq!(defaults.data.log_dir(), PathBuf::from("fluxstone-data/wal"));
}

// spec: http.settings.1
#[test]
fn sections_and_keys_are_those_of_influxdb() {
    let text = r#"
        reporting-disabled = true
        [meta]
        dir = "/var/lib/influxdb/meta"
        retention-autocreate = false
        [data]
        dir = "/var/lib/influxdb/data"
        cache-max-memory-size = "512m"
        segment-cache-size = "1m"
        wal-fsync-delay = "100ms"
        [coordinator]
        query-timeout = "1m30s"
        write-timeout = "5s"
        log-queries-after = "10s"
        [retention]
        check-interval = "1h"
        [shard-precreation]
        check-interval = "5m"
        advance-period = "1h"
        [logging]
        format = "json"
        level = "warn"
        [http]
        access-log-path = "/var/log/access.log"
        bind-address = ":8086"
        auth-enabled = true
        max-row-limit = 10000
        [[graphite]]
        enabled = false
        [continuous_queries]
        enabled = false
        log-enabled = false
        run-interval = "10s"
        [compat]
        profile = "1.2.4"
        csv-null-cells = "empty"
    "#;
    let loaded = loaded(text, &[]).unwrap();
    let settings = &loaded.settings;
    assert!(!settings.meta.retention_autocreate);
    assert_eq!(settings.data.log_dir(), PathBuf::from("/var/lib/influxdb/wal"));
    assert_eq!(settings.data.cache_max_memory_size, Size(512 << 20));
    assert_eq!(settings.data.segment_cache_size, Size(1 << 20));
    assert_eq!(settings.coordinator.query_timeout.as_nanos(), 90_000_000_000);
    assert_eq!(settings.data.wal_fsync_delay.as_nanos(), 100_000_000);
    assert_eq!(settings.coordinator.write_timeout.as_nanos(), 5_000_000_000);
    assert!(settings.retention.enabled);
    assert!(!settings.continuous_queries.enabled);
    assert!(!settings.continuous_queries.log_enabled);
    assert_eq!(settings.continuous_queries.run_interval, Interval(Duration::from_secs(10)));
    assert_eq!(settings.retention.check_interval, Interval(Duration::from_hours(1)));
    assert_eq!(settings.coordinator.log_queries_after, Interval(Duration::from_secs(10)));
    let precreation = &settings.shard_precreation;
    assert!(precreation.enabled && precreation.check_interval == Interval(Duration::from_mins(5)));
    assert_eq!(precreation.advance_period, Interval(Duration::from_hours(1)));
    assert_eq!(settings.logging, Logging { format: LogFormat::Json, level: LogLevel::Warn });
    assert_eq!(settings.http.access_log_path, PathBuf::from("/var/log/access.log"));
    assert_eq!(settings.http.bind_address, ":8086");
    assert!(settings.http.auth_enabled);
    assert_eq!(settings.http.max_row_limit, 10_000);
    assert_eq!(settings.compat.profile, Profile::Observed);
    assert_eq!(settings.compat.csv_null_cells, CsvNullCells::Empty);
    assert_eq!(loaded.warnings, [""; 0]);
    assert_eq!(loaded.without_effect.len(), 2, "{:?}", loaded.without_effect);
}

const MISSPELT: &str = "[http]\nauth-enabld = true\n[htpp]\n[nosuch]\na = 1\n[data]\nauth-enabled = true\n";

// spec: http.settings.2
#[test]
fn unknown_keys_are_errors_that_name_them() {
    let message = [
        "f.conf:6: unknown setting [data] auth-enabled, did you mean [http] auth-enabled?",
        "f.conf:3: unknown section [htpp], did you mean [http]?",
        "f.conf:2: unknown setting [http] auth-enabld, did you mean [http] auth-enabled?",
        "f.conf:4: unknown section [nosuch]",
    ];
    let Err(ConfigError::Unknown { mut notes }) = loaded(MISSPELT, &[]) else { panic!("they are accepted") };
    notes.sort();
    let mut sorted = message.map(|line| line.replace("f.conf:6", "f.conf:7"));
    sorted.sort();
    assert_eq!(notes, sorted);
    check_error(
        "auth-enabled = true",
        &[],
        "f.conf:1: unknown setting auth-enabled, did you mean [http] auth-enabled?\n\
         (--lenient-config turns this into warnings)",
    );
}

// spec: http.settings.2
#[test]
fn unknown_keys_can_be_warnings() {
    let warnings = load_with(MISSPELT, &[], UnknownKeys::Warn).unwrap().warnings;
    assert_eq!(warnings.len(), 4, "{warnings:?}");
}

// spec: http.settings.2
#[test]
fn keys_of_other_versions_and_enabled_inputs_are_warnings() {
    let text = "[http]\nping-auth-enabled = true\n[tls]\nmin-version = \"tls1.2\"\n[[graphite]]\nenabled = true\n";
    let mut warnings = loaded(text, &[("INFLUXDB_LOGGING_SUPPRESS_LOGO", "json")]).unwrap().warnings;
    warnings.sort();
    assert_eq!(
        warnings,
        [
            "INFLUXDB_LOGGING_SUPPRESS_LOGO has no effect: only other versions of InfluxDB have it",
            "f.conf:2: [http] ping-auth-enabled has no effect: only other versions of InfluxDB have it",
            "f.conf:4: [tls] min-version has no effect: only other versions of InfluxDB have it",
            "f.conf:5: input [[graphite]] is not provided by this server",
        ]
    );
}

// spec: http.settings.6
#[test]
fn a_variable_that_resembles_a_setting_is_an_error_and_others_are_warnings() {
    for name in ["INFLUXDB_HTTP_AUTH_ENABLD", "INFLUXDB_HTPP_AUTH_ENABLED", "INFLUXDB_AUTH_ENABLED"] {
        let message = format!(
            "environment variable {name} does not name a setting, did you mean INFLUXDB_HTTP_AUTH_ENABLED?\n\
             (--lenient-config turns this into warnings)"
        );
        check_error("", &[(name, "true")], &message);
    }
    // Variables of clients, of Kubernetes, and of InfluxDB's container image.
    for name in ["INFLUXDB_URL", "INFLUXDB_PORT", "INFLUXDB_HTTP_PORT", "INFLUXDB_DB", "INFLUXDB_ADMIN_PASSWORD"] {
        let warnings = loaded("", &[(name, "1")]).unwrap().warnings;
        assert_eq!(warnings, [format!("environment variable {name} does not name a setting")]);
    }
}

// spec: http.settings.3
#[test]
fn a_bad_value_is_an_error_with_its_position() {
    check_error(
        "[http]\n  auth-enabled = \"yes\"\n",
        &[],
        "f.conf:2:18: [http] auth-enabled: invalid type: string \"yes\", expected a boolean",
    );
    check_error(
        "[data]\n[coordinator]\nquery-timeout = \"5 minutes\"",
        &[],
        "f.conf:3:17: [coordinator] query-timeout: \"5 minutes\" is not a duration such as \"30s\" or \"1h30m\"",
    );
    check_error(
        "[http]\nbind-address = \"8086\"",
        &[],
        "f.conf:2:16: [http] bind-address: \"8086\" is not an address such as \"127.0.0.1:8086\" or \":8086\"",
    );
    check_error("[http]\nmax-body-size = -1", &[], "f.conf:2:17: [http] max-body-size: -1 is less than zero");
    check_error(
        "[compat]\nprofile = \"1.3\"",
        &[],
        "f.conf:2:11: [compat] profile: unknown variant `1.3`, expected `documented` or `1.2.4`",
    );
    assert!(matches!(loaded("[http\n", &[]), Err(ConfigError::Syntax { line: 1, .. })));
}

// spec: http.settings.4
#[test]
fn the_environment_overrides_the_file() {
    let variables = [
        ("INFLUXDB_HTTP_AUTH_ENABLED", "true"),
        ("INFLUXDB_HTTP_MAX_ROW_LIMIT", "7"),
        ("INFLUXDB_HTTP_MAX_BODY_SIZE", "1m"),
        ("INFLUXDB_DATA_DIR", "/d"),
        ("INFLUXDB_CONTINUOUS_QUERIES_ENABLED", "false"),
        ("INFLUXDB_MONITOR_STORE_ENABLED", "false"),
        ("HOME", "/root"),
    ];
    let loaded = loaded("[http]\nauth-enabled = false\nmax-row-limit = 3\n", &variables).unwrap();
    assert!(loaded.settings.http.auth_enabled);
    assert_eq!(loaded.settings.http.max_row_limit, 7);
    assert_eq!(loaded.settings.http.max_body_size, Size(1 << 20));
    assert_eq!(loaded.settings.data.dir, PathBuf::from("/d"));
    assert!(!loaded.settings.continuous_queries.enabled);
    assert_eq!(loaded.warnings, [""; 0]);
    assert_eq!(loaded.without_effect.len(), 1);
}

// spec: http.settings.4
#[test]
fn a_bad_environment_variable_is_an_error_that_names_it() {
    check_error(
        "",
        &[("INFLUXDB_HTTP_AUTH_ENABLED", "maybe")],
        "environment variable INFLUXDB_HTTP_AUTH_ENABLED: \"maybe\" is neither true nor false",
    );
    check_error(
        "",
        &[("INFLUXDB_HTTP_MAX_ROW_LIMIT", "many")],
        "environment variable INFLUXDB_HTTP_MAX_ROW_LIMIT: invalid type: string \"many\", expected i64",
    );
}

// spec: http.settings.5
#[test]
fn printed_settings_round_trip() {
    let mut settings = Settings::default();
    settings.coordinator.query_timeout = Interval::parse("1h0m0.5s").unwrap();
    settings.http.realm = "quoted \"realm\"".to_owned();
    let text = toml::to_string(&settings).unwrap();
    assert_eq!(loaded(&text, &[]).unwrap(), Loaded { settings, ..Loaded::default() });
}
