//! Keys of InfluxDB 1.2's configuration file that are accepted and do nothing here, each group with the reason.

/// What a key without effect is about, and why it has none.
pub(super) struct Group {
    /// Why the keys have no effect.
    pub(super) reason: &'static str,
    /// The section; empty is the top of the file.
    pub(super) section: &'static str,
    /// The keys in it.
    pub(super) keys: &'static [&'static str],
}

/// The table.
pub(super) const GROUPS: &[Group] = &[
    Group { reason: "nothing is ever reported", section: "", keys: &["reporting-disabled"] },
    Group { reason: "backup by a port of its own is not provided", section: "", keys: &["bind-address", "hostname"] },
    Group {
        reason: "the catalog lives in the log, beside the points",
        section: "meta",
        keys: &["dir", "logging-enabled", "lease-duration"],
    },
    Group {
        reason: "there is one storage engine, which decides itself when to seal and merge",
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
        reason: "what is logged is chosen by FLUXSTONE_LOG",
        section: "data",
        keys: &["trace-logging-enabled", "query-log-enabled", "wal-logging-enabled", "data-logging-enabled"],
    },
    Group { reason: "queries are not logged", section: "coordinator", keys: &["log-queries-after"] },
    Group {
        reason: "shards are made when a point needs them",
        section: "shard-precreation",
        keys: &["enabled", "check-interval", "advance-period"],
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
    Group {
        reason: "profiles, HTTPS and the unix socket are not provided",
        section: "http",
        keys: &["pprof-enabled", "https-certificate", "https-private-key", "bind-socket"],
    },
    Group {
        reason: "subscriptions are kept but not served",
        section: "subscriber",
        keys: &[
            "enabled",
            "http-timeout",
            "insecure-skip-verify",
            "ca-certs",
            "write-concurrency",
            "write-buffer-size",
        ],
    },
];

/// Sections for inputs other than HTTP; ignored unless they are enabled, which is worth a warning.
pub(super) const OTHER_INPUTS: &[&str] = &["graphite", "collectd", "opentsdb", "udp"];

/// The group that a key belongs to, if it is one without effect.
pub(super) fn group_of(section: &str, key: &str) -> Option<&'static Group> {
    GROUPS.iter().find(|group| group.section == section && group.keys.contains(&key))
}
