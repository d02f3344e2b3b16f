//! `fluxstone serve`: settings into an engine and a server, and the way from the first signal to the exit.

use std::io::Write as _;
use std::sync::Arc;
use std::time::Duration;

use tempfile::TempDir;
use tokio::signal::unix::{SignalKind, signal};

use super::{CommandError, ServeArguments, load_settings};
use crate::config::Settings;
use crate::engine::{ContinuousQueryOptions, Engine, EngineOptions};
use crate::http::{BLOCKING_THREADS_MAX, HttpOptions, Server};
use crate::query::SelectLimits;

/// How long threads may take to end after the last answer.
const THREADS_GRACE: Duration = Duration::from_secs(10);

/// Serves until interrupted.
pub(super) fn serve(arguments: &ServeArguments) -> Result<(), CommandError> {
    let loaded = load_settings(&arguments.config)?;
    for warning in &loaded.warnings {
        tracing::warn!("{warning}");
    }
    for note in &loaded.without_effect {
        tracing::debug!("{note}");
    }
    let mut settings = loaded.settings;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .max_blocking_threads(BLOCKING_THREADS_MAX)
        .thread_keep_alive(Duration::from_secs(10))
        .enable_all()
        .build()
        .map_err(|error| CommandError::System { what: "can't start threads", error })?;
    // Before anything is made that a signal must remove.
    let shutdown = {
        let _entered = runtime.enter();
        Shutdown::listen().map_err(|error| CommandError::System { what: "can't wait for signals", error })?
    };
    raise_open_files_limit();
    let temporary = override_by(&mut settings, arguments)?;
    let result = runtime.block_on(run(&settings, temporary.as_ref(), shutdown));
    runtime.shutdown_timeout(THREADS_GRACE);
    if let Some(temporary) = temporary {
        let removed = temporary.close();
        removed.map_err(|error| CommandError::System { what: "can't remove the temporary directory", error })?;
    }
    result
}

/// Each connection is an open file, and some hundred segment files are: the usual soft limit of 1,024 is too low.
fn raise_open_files_limit() {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    if let Err(error) = setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum }) {
        tracing::warn!(%error, ?current, "can't raise the limit on open files");
    }
}

/// Puts what the command line says over the settings. Returns the temporary directory, if data are kept in one.
fn override_by(settings: &mut Settings, arguments: &ServeArguments) -> Result<Option<TempDir>, CommandError> {
    if let Some(bind) = &arguments.bind {
        settings.http.bind_address.clone_from(bind);
    }
    settings.http.auth_enabled |= arguments.auth;
    if let Some(directory) = &arguments.data_dir {
        settings.data.live_in(directory);
    }
    if !arguments.ephemeral {
        return Ok(None);
    }
    let temporary = tempfile::Builder::new().prefix("fluxstone-").tempdir();
    let temporary =
        temporary.map_err(|error| CommandError::System { what: "can't make a temporary directory", error })?;
    settings.data.live_in(temporary.path());
    Ok(Some(temporary))
}

async fn run(settings: &Settings, temporary: Option<&TempDir>, mut shutdown: Shutdown) -> Result<(), CommandError> {
    let options = engine_options(settings);
    let mut opening = tokio::task::spawn_blocking(move || Engine::open(options));
    let opened = tokio::select! {
        opened = &mut opening => opened,
        () = shutdown.next() => return Ok(()),
    };
    let engine = opened
        .map_err(|error| CommandError::System { what: "can't open the data", error: error.into() })?
        .map_err(|error| CommandError::Open { path: settings.data.dir.clone(), error })?;
    let address = &settings.http.bind_address;
    let cant_listen = |error| CommandError::Listen { address: address.clone(), error };
    let server = Server::bind(address, http_options(settings), Arc::new(engine)).await.map_err(cant_listen)?;
    let bound = server.address().map_err(cant_listen)?;

    let place = match temporary {
        Some(temporary) => format!("{} (removed at exit)", temporary.path().display()),
        None => settings.data.dir.display().to_string(),
    };
    let mut console = std::io::stdout();
    // The listener takes connections from here on. A closed standard output is no reason not to serve.
    let _ = writeln!(console, "data in {place}\nlistening on http://{bound}").and_then(|()| console.flush());
    server.run(shutdown.requested()).await;
    Ok(())
}

/// SIGINT and SIGTERM: the first ends the server in good order, the second at once.
struct Shutdown {
    interrupt: tokio::signal::unix::Signal,
    terminate: tokio::signal::unix::Signal,
}

impl Shutdown {
    fn listen() -> std::io::Result<Shutdown> {
        Ok(Shutdown { interrupt: signal(SignalKind::interrupt())?, terminate: signal(SignalKind::terminate())? })
    }

    async fn next(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }

    async fn requested(mut self) {
        self.next().await;
        tracing::info!("ending; another signal ends at once");
        tokio::spawn(async move {
            self.next().await;
            std::process::exit(130);
        });
    }
}

fn engine_options(settings: &Settings) -> EngineOptions {
    let Settings { meta, data, coordinator, retention, continuous_queries, compat, .. } = settings;
    EngineOptions {
        data_dir: data.dir.clone(),
        log_dir: data.log_dir(),
        retention_autocreate: meta.retention_autocreate,
        memtable_bytes_max: usize::try_from(data.cache_max_memory_size.0).unwrap_or(usize::MAX),
        series_per_database_max: data.max_series_per_database,
        values_per_tag_max: data.max_values_per_tag,
        fsync_delay: data.wal_fsync_delay.0,
        seal_idle_after: data.cache_snapshot_write_cold_duration.0,
        write_timeout: coordinator.write_timeout.0,
        select_limits: SelectLimits {
            points_max: coordinator.max_select_point,
            series_max: coordinator.max_select_series,
            buckets_max: coordinator.max_select_buckets,
        },
        query_timeout_ns: coordinator.query_timeout.as_nanos(),
        retention_check_ns: if retention.enabled { retention.check_interval.as_nanos() } else { 0 },
        continuous_queries: ContinuousQueryOptions {
            run_interval_ns: if continuous_queries.enabled { continuous_queries.run_interval.as_nanos() } else { 0 },
            log_runs: continuous_queries.log_enabled,
        },
        concurrent_queries_max: coordinator.max_concurrent_queries as usize,
        semantics: compat.profile.into(),
    }
}

fn http_options(settings: &Settings) -> HttpOptions {
    let http = &settings.http;
    let limit = |n: u64| usize::try_from(n).ok().filter(|&n| n > 0);
    HttpOptions {
        auth_enabled: http.auth_enabled,
        realm: http.realm.clone(),
        shared_secret: http.shared_secret.clone(),
        log_requests: http.log_enabled,
        write_tracing: http.write_tracing,
        rows_max: u64::try_from(http.max_row_limit).ok().and_then(limit),
        connections_max: limit(http.max_connection_limit.into()),
        body_bytes_max: limit(http.max_body_size.0),
        semantics: settings.compat.profile.into(),
        csv_null_cells: settings.compat.csv_null_cells,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // spec: statements.continuous-query.3
    #[test]
    fn disabled_services_have_no_interval() {
        let mut settings = Settings::default();
        assert_eq!(engine_options(&settings).continuous_queries.run_interval_ns, 1_000_000_000);
        assert_eq!(engine_options(&settings).retention_check_ns, 30 * 60 * 1_000_000_000);
        settings.continuous_queries.enabled = false;
        settings.retention.enabled = false;
        assert_eq!(engine_options(&settings).continuous_queries.run_interval_ns, 0);
        assert_eq!(engine_options(&settings).retention_check_ns, 0);
    }
}
