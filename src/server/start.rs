//! The steps of starting a server: threads, a temporary directory if data are not kept, the engine, the listener. How long it
//! runs is left to the caller.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tempfile::TempDir;
use tokio::runtime::Runtime;

use super::memory;
use super::options::{engine_options, http_options, subscriber_options, udp_options};
use crate::config::{Control, Settings};
use crate::engine::{Clock, ClockError, ClockSetting, Engine, SettableClock, SystemClock};
use crate::http::{self, AccessLog, Tls, TlsError, UnixSocketError};
use crate::services::{ServiceError, Services};
use crate::storage::StorageError;

/// Why a server did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The system gave no threads.
    #[error("can't start threads: {0}")]
    Threads(std::io::Error),
    /// The system gave no temporary directory.
    #[error("can't make a temporary directory: {0}")]
    TemporaryDirectory(std::io::Error),
    /// The data could not be opened.
    #[error("can't open the data in {}: {error}", path.display())]
    Open {
        /// The directory of the data.
        path: PathBuf,
        /// The reason.
        error: StorageError,
    },
    /// The file that requests are logged to could not be opened.
    #[error("can't open {} to log requests: {error}", path.display())]
    AccessLog {
        /// The file.
        path: PathBuf,
        /// The reason.
        error: std::io::Error,
    },
    /// The unix socket could not be listened on.
    #[error("[http] bind-socket: can't listen on {}: {error}", path.display())]
    UnixSocket {
        /// The path of the socket.
        path: PathBuf,
        /// The reason.
        error: UnixSocketError,
    },
    /// The certificate of the server cannot be used.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// A service beside the HTTP API did not start.
    #[error(transparent)]
    Service(#[from] ServiceError),
    /// The clock that a test asks for is not one.
    #[error(transparent)]
    Clock(#[from] ClockError),
    /// A thread ended in a panic, which is a defect.
    #[error("can't open the data: {0}")]
    Panicked(std::io::Error),
    /// The address could not be listened on.
    #[error("can't listen on {address}: {error}")]
    Listen {
        /// The address as it was given.
        address: String,
        /// The reason.
        error: std::io::Error,
    },
}

/// Makes the runtime that a server needs. It has the thread that calls it; the server starts more.
pub(crate) fn runtime(settings: &Settings) -> Result<Runtime, StartError> {
    http::runtime(&http_options(settings)).map_err(StartError::Threads)
}

/// Makes a directory for the data and points `settings` to it. Dropping it removes the data.
pub(crate) fn use_temporary_directory(settings: &mut Settings) -> Result<TempDir, StartError> {
    let only_owner = std::fs::Permissions::from_mode(0o700);
    let mut builder = tempfile::Builder::new();
    let temporary = builder.prefix("fluxstone-").permissions(only_owner).tempdir();
    let temporary = temporary.map_err(StartError::TemporaryDirectory)?;
    settings.data.use_directory(temporary.path());
    Ok(temporary)
}

/// The clock of the system, unless tests have their own or may move it.
fn clock(control: &Control) -> Arc<dyn Clock> {
    if control.allowed || control.clock != ClockSetting::System {
        Arc::new(SettableClock::new(control.clock))
    } else {
        Arc::new(SystemClock)
    }
}

/// A server that listens.
#[derive(Debug)]
pub(crate) struct Bound {
    pub(crate) http: http::Server<Engine>,
    /// How connections are encrypted, to read it again.
    pub(crate) tls: Option<Tls>,
    /// Where requests are logged, to open it again.
    pub(crate) access_log: Option<AccessLog>,
    /// To be dropped after the server has been run.
    pub(crate) services: Services,
}

/// Opens the data and listens. Connections wait until the server is run; the services begin at once.
pub(crate) async fn bind(settings: &Settings) -> Result<Bound, StartError> {
    let mut options = engine_options(settings);
    let set = options.total_query_memory_max;
    options.total_query_memory_max = memory::total_query_memory(set, memory::available());
    if options.total_query_memory_max < set {
        tracing::info!(
            bytes = options.total_query_memory_max,
            "max-total-query-memory is a quarter of the available memory"
        );
    }
    let http = &settings.http;
    let tls =
        if http.https_enabled { Some(Tls::load(&http.https_certificate, &http.https_private_key)?) } else { None };
    let mut http_options = http_options(settings);
    let access_log = access_log(&http.access_log_path)?;
    http_options.access_log.clone_from(&access_log);
    let clock = clock(&settings.control);
    let engine = tokio::task::spawn_blocking(move || Engine::open_with_clock(options, clock))
        .await
        .map_err(|error| StartError::Panicked(error.into()))?
        .map_err(|error| StartError::Open { path: settings.data.dir.clone(), error })?;
    let engine = Arc::new(engine);
    let address = &settings.http.bind_address;
    let listening = http::Server::bind(address, http_options, Arc::clone(&engine)).await;
    let mut http = listening.map_err(|error| StartError::Listen { address: address.clone(), error })?;
    if let Some(tls) = &tls {
        http.use_tls(tls.clone());
    }
    if settings.http.unix_socket_enabled {
        let path = &settings.http.bind_socket;
        let listening = http.add_unix_socket(path).await;
        listening.map_err(|error| StartError::UnixSocket { path: path.clone(), error })?;
    }
    let (subscriber, udp) = (subscriber_options(settings), udp_options(settings));
    let services = tokio::task::spawn_blocking(move || Services::start(&engine, subscriber, udp))
        .await
        .map_err(|error| StartError::Panicked(error.into()))??;
    Ok(Bound { http, tls, access_log, services })
}

/// Opens the file that requests are logged to, if there is to be one.
fn access_log(path: &Path) -> Result<Option<AccessLog>, StartError> {
    if path.as_os_str().is_empty() {
        return Ok(None);
    }
    AccessLog::open(path).map(Some).map_err(|error| StartError::AccessLog { path: path.to_owned(), error })
}
