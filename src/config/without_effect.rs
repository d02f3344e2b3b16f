//! The keys of InfluxDB's configuration file that are accepted and have no effect here: those of 1.2 in groups, with the reason of
//! each, and those of other versions of 1.x.

/// Keys without effect, for one reason.
pub(super) struct Group {
    /// Why the keys have no effect.
    pub(super) reason: &'static str,
    /// The section; empty for the top of the file.
    pub(super) section: &'static str,
    /// The keys in it.
    pub(super) keys: &'static [&'static str],
}

/// All keys without effect.
pub(super) const GROUPS: &[Group] = &[
    Group { reason: "nothing is ever reported", section: "", keys: &["reporting-disabled"] },
    Group { reason: "nothing needs the name of this machine", section: "", keys: &["hostname"] },
    Group {
        reason: "backups are not served; only as `influxd` is it listened on, for programs that wait for it",
        section: "",
        keys: &["bind-address"],
    },
    Group {
        reason: "the catalog is in the log, together with the points",
        section: "meta",
        keys: &["dir", "logging-enabled", "lease-duration"],
    },
    Group {
        reason: "the only storage engine decides by itself when to seal and merge",
        section: "data",
        keys: &[
            "engine",
            "index-version",
            "cache-snapshot-memory-size",
            "compact-full-write-cold-duration",
            "max-points-per-block",
        ],
    },
    Group {
        reason: "what is logged is chosen by [logging] level and FLUXSTONE_LOG",
        section: "data",
        keys: &["trace-logging-enabled", "query-log-enabled", "wal-logging-enabled", "data-logging-enabled"],
    },
    Group {
        reason: "statistics are served at /debug/vars and not stored",
        section: "monitor",
        keys: &["store-enabled", "store-database", "store-interval"],
    },
    Group {
        reason: "there is no admin interface",
        section: "admin",
        keys: &["enabled", "bind-address", "https-enabled", "https-certificate", "version"],
    },
];

/// The sections of inputs other than HTTP. Enabling one is a warning; otherwise they are ignored.
pub(super) const OTHER_INPUTS: &[&str] = &["graphite", "collectd", "opentsdb"];

/// The keys that another InfluxDB from 1.0 to 1.8 has and 1.2 has not, by section.
pub(super) const OTHER_VERSIONS: &[(&str, &[&str])] = &[
    (
        "data",
        &[
            "compact-throughput",
            "compact-throughput-burst",
            "max-concurrent-compactions",
            "max-index-log-file-size",
            "series-id-set-cache-size",
            "series-file-max-concurrent-snapshot-compactions",
            "strict-error-handling",
            "tsm-use-madv-willneed",
            "validate-keys",
        ],
    ),
    ("coordinator", &["log-timedout-queries", "termination-query-log"]),
    (
        "http",
        &[
            "access-log-status-filters",
            "debug-pprof-enabled",
            "enqueued-write-timeout",
            "flux-enabled",
            "flux-log-enabled",
            "flux-testing",
            "headers",
            "max-enqueued-write-limit",
            "ping-auth-enabled",
            "pprof-auth-enabled",
            "prom-read-auth-enabled",
            "suppress-write-log",
            "unix-socket-group",
            "unix-socket-permissions",
        ],
    ),
    ("ifql", &["enabled", "log-enabled", "bind-address"]),
    ("logging", &["suppress-logo"]),
    ("continuous_queries", &["query-stats-enabled"]),
    ("tls", &["ciphers", "min-version", "max-version"]),
];

/// Whether another version of InfluxDB 1.x has a key.
pub(super) fn is_of_another_version(section: &str, key: &str) -> bool {
    OTHER_VERSIONS.iter().any(|(name, keys)| *name == section && keys.contains(&key))
}

/// Returns the group of a key, if it has no effect.
pub(super) fn group_of(section: &str, key: &str) -> Option<&'static Group> {
    GROUPS.iter().find(|group| group.section == section && group.keys.contains(&key))
}
