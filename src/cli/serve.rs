//! `fluxstone serve`: runs a server from its settings until a signal asks it to stop.

use std::io::Write as _;
use std::net::{IpAddr, SocketAddr};
use std::path::Path;

use tempfile::TempDir;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

use super::arguments::{ReadyForm, ServeArguments};
use super::error::CommandError;
use super::logging;
use super::settings::load_settings;
use crate::StartError;
use crate::config::{Control, Settings};
use crate::http::{AccessLog, Script, THREADS_GRACE, Tls};
use crate::server::{bind, runtime, use_temporary_directory};

/// Serves until interrupted.
pub(super) fn serve(arguments: &ServeArguments) -> Result<(), CommandError> {
    let loaded = load_settings(&arguments.config)?;
    logging::begin(&loaded.settings.logging);
    for warning in &loaded.warnings {
        tracing::warn!("{warning}");
    }
    for note in &loaded.without_effect {
        tracing::debug!("{note}");
    }
    let mut settings = loaded.settings;
    let runtime = runtime(&settings)?;
    // From here on a signal must not end the process before it has removed the temporary directory.
    let shutdown = listen_for_signals().map_err(CommandError::Signals)?;
    raise_open_files_limit();
    let temporary = apply_arguments(&mut settings, arguments)?;
    if let Some(path) = &arguments.pidfile {
        std::fs::write(path, std::process::id().to_string())
            .map_err(|error| CommandError::PidFile { path: path.clone(), error })?;
    }
    let result = runtime.block_on(run(&settings, arguments, temporary.as_ref(), shutdown));
    if let Some(path) = &arguments.pidfile {
        // Whoever waits for it to vanish also sees the process end.
        let _ = std::fs::remove_file(path);
    }
    runtime.shutdown_timeout(THREADS_GRACE);
    if let Some(temporary) = temporary {
        temporary.close().map_err(CommandError::Removal)?;
    }
    result
}

/// Raises the limit on open files: connections and segment files need more than the usual soft limit of 1,024.
fn raise_open_files_limit() {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    if let Err(error) = setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum }) {
        tracing::warn!(%error, ?current, "can't raise the limit on open files");
    }
}

/// Overrides settings with those of the command line. Returns the temporary directory, if data are kept in one.
fn apply_arguments(settings: &mut Settings, arguments: &ServeArguments) -> Result<Option<TempDir>, CommandError> {
    if let Some(bind) = &arguments.bind {
        settings.http.bind_address.clone_from(bind);
    }
    settings.http.auth_enabled |= arguments.auth;
    if let Some(directory) = &arguments.data_dir {
        settings.data.use_directory(directory);
    }
    settings.control = Control {
        clock: arguments.control.clock,
        allowed: arguments.control.allow_control,
        faults: arguments.control.faults.as_deref().map(read_faults).transpose()?.unwrap_or_default(),
    };
    settings.compat.clause_header.get_or_insert(arguments.ephemeral);
    Ok(if arguments.ephemeral { Some(use_temporary_directory(settings)?) } else { None })
}

/// Reads a script of faults.
fn read_faults(path: &Path) -> Result<Script, CommandError> {
    let bad = |message: String| CommandError::Faults { path: path.to_owned(), message };
    let text = std::fs::read_to_string(path).map_err(|error| bad(error.to_string()))?;
    if path.extension().is_some_and(|extension| extension == "json") {
        serde_json::from_str(&text).map_err(|error| bad(error.to_string()))
    } else {
        toml::from_str(&text).map_err(|error| bad(error.to_string()))
    }
}

async fn run(
    settings: &Settings,
    arguments: &ServeArguments,
    temporary: Option<&TempDir>,
    mut shutdown: Shutdown,
) -> Result<(), CommandError> {
    let server = tokio::select! {
        bound = bind(settings) => bound?,
        () = shutdown.requested() => return Ok(()),
    };
    let address = server
        .http
        .address()
        .map_err(|error| StartError::Listen { address: settings.http.bind_address.clone(), error })?;
    if is_open_to_control(settings, address.ip()) {
        tracing::warn!("anyone who reaches {address} can drop everything: --allow-control without authentication");
    }
    if arguments.as_influxd && !settings.bind_address.is_empty() {
        close_connections_to(&settings.bind_address).await?;
    }
    reload_on_hangup(server.tls, server.access_log).map_err(CommandError::Signals)?;
    let ready = match arguments.print_ready {
        ReadyForm::Text => ready_text(settings, temporary, address),
        ReadyForm::Json => ready_json(settings, address, server.services.udp_addresses()),
    };
    let mut console = std::io::stdout();
    // Clients can connect from here on. A closed standard output is no reason not to serve.
    let _ = writeln!(console, "{ready}").and_then(|()| console.flush());
    for address in server.services.udp_addresses() {
        tracing::info!(%address, "listening for datagrams");
    }
    server.http.run(shutdown.requested()).await;
    Ok(())
}

fn ready_text(settings: &Settings, temporary: Option<&TempDir>, address: SocketAddr) -> String {
    let place = match temporary {
        Some(temporary) => format!("{} (removed at exit)", temporary.path().display()),
        None => settings.data.dir.display().to_string(),
    };
    let socket = match socket(settings) {
        Some(path) => format!("\nlistening on the unix socket {path}"),
        None => String::new(),
    };
    format!("data in {place}{socket}\nlistening on {}://{address}", settings.http.scheme())
}

/// The path of the unix socket, if there is one.
fn socket(settings: &Settings) -> Option<String> {
    let http = &settings.http;
    http.unix_socket_enabled.then(|| http.bind_socket.display().to_string())
}

fn ready_json(settings: &Settings, address: SocketAddr, udp: &[SocketAddr]) -> String {
    let scheme = settings.http.scheme();
    let ready = serde_json::json!({
        "url": format!("{scheme}://{address}"),
        "scheme": scheme,
        "address": address.to_string(),
        "socket": socket(settings),
        "udp": udp.iter().map(ToString::to_string).collect::<Vec<_>>(),
        "version": env!("CARGO_PKG_VERSION"),
        "data_dir": settings.data.dir.display().to_string(),
        "pid": std::process::id(),
    });
    ready.to_string()
}

/// Reads the certificate and its key again, and opens the log of requests again, each time that SIGHUP arrives.
fn reload_on_hangup(tls: Option<Tls>, access_log: Option<AccessLog>) -> std::io::Result<()> {
    let mut hangups = signal(SignalKind::hangup())?;
    tokio::spawn(async move {
        while hangups.recv().await.is_some() {
            let (tls, access_log) = (tls.clone(), access_log.clone());
            if let Err(error) = tokio::task::spawn_blocking(move || reload(tls.as_ref(), access_log.as_ref())).await {
                tracing::error!(%error, "SIGHUP had no effect");
            }
        }
    });
    Ok(())
}

fn reload(tls: Option<&Tls>, access_log: Option<&AccessLog>) {
    match tls.map(Tls::reload) {
        None => {}
        Some(Ok(())) => tracing::info!("the certificate was read again"),
        Some(Err(error)) => tracing::error!("{error}; the previous certificate stays in use"),
    }
    match access_log.map(AccessLog::reopen) {
        None => {}
        Some(Ok(())) => tracing::info!("the log of requests was opened again"),
        Some(Err(error)) => tracing::error!(%error, "the previous log of requests stays in use"),
    }
}

/// Listens where InfluxDB serves backups, and closes each connection: some programs wait until they can connect there.
async fn close_connections_to(address: &str) -> Result<(), StartError> {
    let any_host = address.strip_prefix(':').map(|port| format!("0.0.0.0:{port}"));
    let listening = tokio::net::TcpListener::bind(any_host.as_deref().unwrap_or(address)).await;
    let listener = listening.map_err(|error| StartError::Listen { address: address.to_owned(), error })?;
    tokio::spawn(async move {
        loop {
            if let Err(error) = listener.accept().await {
                tracing::debug!(%error, "can't accept a connection");
                tokio::time::sleep(std::time::Duration::from_millis(100)).await;
            }
        }
    });
    Ok(())
}

/// SIGINT and SIGTERM: the first shuts down in good order, the second exits at once. They have a thread of their own, so that
/// the second one is heard while the server waits for its threads.
fn listen_for_signals() -> std::io::Result<Shutdown> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build()?;
    let mut signals = {
        let _entered = runtime.enter();
        Signals { interrupt: signal(SignalKind::interrupt())?, terminate: signal(SignalKind::terminate())? }
    };
    let (tell, requested) = watch::channel(false);
    std::thread::Builder::new().name("signals".to_owned()).spawn(move || {
        runtime.block_on(async {
            signals.next().await;
            tracing::info!("shutting down; signal again to exit now");
            let _ = tell.send(true);
            signals.next().await;
            std::process::exit(130);
        });
    })?;
    Ok(Shutdown(requested))
}

struct Signals {
    interrupt: tokio::signal::unix::Signal,
    terminate: tokio::signal::unix::Signal,
}

impl Signals {
    async fn next(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}

/// The wish to shut down.
struct Shutdown(watch::Receiver<bool>);

impl Shutdown {
    async fn requested(&mut self) {
        // The thread that tells it never ends.
        let _ = self.0.wait_for(|requested| *requested).await;
    }
}

/// Whether anyone on a network may control the server.
fn is_open_to_control(settings: &Settings, listening: IpAddr) -> bool {
    settings.control.allowed && !listening.is_loopback() && !settings.http.auth_enabled
}

#[cfg(test)]
mod tests {
    use super::*;

    // spec: control.access.4
    #[test]
    fn control_without_authentication_is_open_beyond_the_loopback_interface() {
        let is_open = |allowed, authenticated, address: &str| {
            let mut settings = Settings::default();
            settings.control.allowed = allowed;
            settings.http.auth_enabled = authenticated;
            is_open_to_control(&settings, address.parse().unwrap())
        };
        assert!(["0.0.0.0", "::", "192.0.2.1"].iter().all(|address| is_open(true, false, address)));
        assert!(["127.0.0.1", "127.9.9.9", "::1"].iter().all(|address| !is_open(true, false, address)));
        assert!(!is_open(false, false, "0.0.0.0") && !is_open(true, true, "0.0.0.0"));
    }
}
