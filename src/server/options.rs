//! Translates settings into what the engine and the HTTP API need.

use crate::compat::Profile;
use crate::config::{Data, Settings};
use crate::engine::{ContinuousQueryOptions, EngineOptions, ShardPrecreationOptions};
use crate::http::{self, HttpOptions};
use crate::query::SelectLimits;
use crate::services::{SubscriberOptions, UdpOptions};

/// The most jobs of one kind: each takes a thread.
const JOBS_MAX: usize = 1024;

/// Returns the options of the engine. A service that is disabled has an interval of zero.
pub(super) fn engine_options(settings: &Settings) -> EngineOptions {
    let Settings { meta, data, coordinator, retention, continuous_queries, compat, .. } = settings;
    let precreation = &settings.shard_precreation;
    EngineOptions {
        data_dir: data.dir.clone(),
        log_dir: data.log_dir(),
        retention_autocreate: meta.retention_autocreate,
        memtable_bytes_max: usize::try_from(data.cache_max_memory_size.0).unwrap_or(usize::MAX),
        cache_bytes_max: cache_bytes_max(data),
        segment_cache_bytes: usize::try_from(data.segment_cache_size.0).unwrap_or(usize::MAX),
        start_without_damaged_segments: data.start_without_damaged_segments,
        series_per_database_max: data.max_series_per_database,
        values_per_tag_max: data.max_values_per_tag,
        shards_per_database_max: data.max_shards_per_database as usize,
        schema_bytes_max: usize::try_from(data.max_schema_memory.0).unwrap_or(usize::MAX),
        shards_per_write_max: coordinator.max_shards_per_write as usize,
        fsync_delay: data.wal_fsync_delay.0,
        seal_idle_after: data.cache_snapshot_write_cold_duration.0,
        write_timeout: coordinator.write_timeout.0,
        select_limits: SelectLimits {
            points_max: coordinator.max_select_point,
            series_max: coordinator.max_select_series,
            buckets_max: coordinator.max_select_buckets,
        },
        query_memory_max: usize::try_from(coordinator.max_query_memory.0).unwrap_or(usize::MAX),
        total_query_memory_max: usize::try_from(coordinator.max_total_query_memory.0).unwrap_or(usize::MAX),
        query_timeout_ns: coordinator.query_timeout.as_nanos(),
        retention_check_ns: if retention.enabled { retention.check_interval.as_nanos() } else { 0 },
        shard_precreation: ShardPrecreationOptions {
            check_ns: if precreation.enabled { precreation.check_interval.as_nanos() } else { 0 },
            advance_ns: precreation.advance_period.as_nanos(),
        },
        log_queries_after: coordinator.log_queries_after.0,
        continuous_queries: ContinuousQueryOptions {
            run_interval_ns: if continuous_queries.enabled { continuous_queries.run_interval.as_nanos() } else { 0 },
            log_runs: continuous_queries.log_enabled,
        },
        concurrent_queries_max: coordinator.max_concurrent_queries as usize,
        semantics: compat.profile.into(),
    }
}

/// The size of InfluxDB's cache. At its default, which is smaller here than in InfluxDB, it is no limit.
fn cache_bytes_max(data: &Data) -> u64 {
    if data.cache_max_memory_size == Data::default().cache_max_memory_size { 0 } else { data.cache_max_memory_size.0 }
}

/// Returns the options of the delivery to subscriptions, if it is enabled.
pub(super) fn subscriber_options(settings: &Settings) -> Option<SubscriberOptions> {
    let subscriber = &settings.subscriber;
    subscriber.enabled.then(|| SubscriberOptions {
        time_limit: subscriber.http_timeout.0,
        accept_any_certificate: subscriber.insecure_skip_verify,
        trusted_certificates: subscriber.ca_certs.clone(),
        concurrency: subscriber.write_concurrency as usize,
        queue_len: subscriber.write_buffer_size as usize,
        queue_bytes: usize::try_from(subscriber.total_buffer_bytes.0).unwrap_or(usize::MAX),
    })
}

/// Returns the options of each input over UDP that is enabled.
pub(super) fn udp_options(settings: &Settings) -> Vec<UdpOptions> {
    let enabled = settings.udp.iter().filter(|udp| udp.enabled);
    enabled
        .map(|udp| UdpOptions {
            address: udp.bind_address.clone(),
            database: udp.database.clone(),
            policy: udp.retention_policy.clone(),
            batch_points: udp.batch_size as usize,
            batches_max: udp.batch_pending as usize,
            batch_time: udp.batch_timeout.0,
            read_buffer: usize::try_from(udp.read_buffer.0).unwrap_or(usize::MAX),
            precision: http::precision(udp.precision.as_bytes()),
        })
        .collect()
}

/// Returns the options of the HTTP API, in which `None` replaces zero for "unlimited".
pub(super) fn http_options(settings: &Settings) -> HttpOptions {
    let http = &settings.http;
    let limit = |n: u64| usize::try_from(n).ok().filter(|&n| n > 0);
    let jobs = |n: u32| limit(n.into()).map_or(JOBS_MAX, |n| n.min(JOBS_MAX));
    HttpOptions {
        auth_enabled: http.auth_enabled,
        realm: http.realm.clone(),
        shared_secret: http.shared_secret.clone(),
        has_profiles: http.pprof_enabled,
        build_header: http.build_header,
        log_requests: http.log_enabled,
        // Opened by whoever starts the server.
        access_log: None,
        has_metrics: http.metrics_enabled,
        metrics_need_credentials: http.metrics_auth_enabled,
        has_explorer: http.explorer_enabled.unwrap_or(settings.compat.profile == Profile::Documented),
        is_encrypted: http.https_enabled,
        write_tracing: http.write_tracing,
        rows_max: u64::try_from(http.max_row_limit).ok().and_then(limit),
        connections_max: limit(http.max_connection_limit.into()),
        body_bytes_max: limit(http.max_body_size.0),
        body_memory_bytes_max: limit(http.max_body_memory.0),
        transfer_rate_min: http.min_transfer_rate.0,
        queries_max: jobs(http.max_concurrent_query_limit),
        answers_max: jobs(http.max_open_answer_limit),
        writes_max: jobs(http.max_concurrent_write_limit),
        threads: std::thread::available_parallelism().map_or(1, std::num::NonZero::get),
        control: settings.control.allowed.then(|| settings.control.faults.clone()),
        semantics: settings.compat.profile.into(),
        clause_header: settings.compat.clause_header.unwrap_or(false),
        csv_null_cells: settings.compat.csv_null_cells,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Size;

    // spec: http.slots.3
    #[test]
    fn the_numbers_of_jobs_are_bounded_by_what_threads_allow() {
        let mut settings = Settings::default();
        let jobs = |settings: &Settings| {
            let options = http_options(settings);
            (options.queries_max, options.answers_max, options.writes_max)
        };
        assert_eq!(jobs(&settings), (64, 160, 64));
        settings.http.max_concurrent_query_limit = 1;
        settings.http.max_open_answer_limit = 0;
        settings.http.max_concurrent_write_limit = u32::MAX;
        assert_eq!(jobs(&settings), (1, 1024, 1024));
    }

    // spec: compat.write.cache.1
    #[test]
    fn the_cache_is_limited_if_its_size_is_not_the_default() {
        let mut settings = Settings::default();
        assert_eq!(engine_options(&settings).cache_bytes_max, 0);
        settings.data.cache_max_memory_size = Size(200);
        assert_eq!(engine_options(&settings).cache_bytes_max, 200);
    }

    // spec: statements.continuous-query.3, statements.shard.6
    #[test]
    fn disabled_services_have_no_interval() {
        let mut settings = Settings::default();
        assert_eq!(engine_options(&settings).continuous_queries.run_interval_ns, 1_000_000_000);
        assert_eq!(engine_options(&settings).retention_check_ns, 30 * 60 * 1_000_000_000);
        assert_eq!(engine_options(&settings).shard_precreation.check_ns, 10 * 60 * 1_000_000_000);
        settings.continuous_queries.enabled = false;
        settings.retention.enabled = false;
        settings.shard_precreation.enabled = false;
        assert_eq!(engine_options(&settings).shard_precreation.check_ns, 0);
        assert_eq!(engine_options(&settings).continuous_queries.run_interval_ns, 0);
        assert_eq!(engine_options(&settings).retention_check_ns, 0);
    }
}
