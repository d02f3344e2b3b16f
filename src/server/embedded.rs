//! A server inside of another process, for tests above all: it has threads of its own, answers as soon as it exists, and stops
//! when it is dropped.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::mpsc;
use std::thread::JoinHandle;

use tokio::sync::oneshot;

use super::start::{StartError, bind, runtime, use_temporary_directory};
use crate::config::Settings;
use crate::engine::Engine;
use crate::http::{Controls, THREADS_GRACE};

/// A running server. Dropping it answers the requests that are running, and then stops it.
///
/// ```
/// # fn main() -> Result<(), fluxstone::StartError> {
/// let server = fluxstone::Server::ephemeral()?;
/// let url = server.url(); // such as http://127.0.0.1:40123
/// # let address = server.address();
/// # assert_eq!(url, format!("http://{address}"));
/// # drop(server);
/// # assert!(std::net::TcpStream::connect(address).is_err());
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Server {
    addresses: Addresses,
    /// Holds the engine, so it goes before the thread is waited for.
    controls: Option<Controls<Engine>>,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

/// Where a server listens.
#[derive(Debug)]
struct Addresses {
    /// `http` or `https`
    scheme: &'static str,
    http: SocketAddr,
    udp: Vec<SocketAddr>,
}

/// What a server tells when it has started.
type Started = Result<(Addresses, Controls<Engine>), StartError>;

impl Server {
    /// Starts a server on a free port of the loopback interface, whose data are removed when it stops.
    ///
    /// # Errors
    /// If the system gives no threads, temporary directory or port.
    pub fn ephemeral() -> Result<Server, StartError> {
        Server::builder().start()
    }

    /// Begins to configure a server that is otherwise [ephemeral](Server::ephemeral).
    pub fn builder() -> ServerBuilder {
        let mut settings = Settings::default();
        "127.0.0.1:0".clone_into(&mut settings.http.bind_address);
        ServerBuilder { settings, ephemeral: true }
    }

    /// The address that it listens on.
    pub fn address(&self) -> SocketAddr {
        self.addresses.http
    }

    /// The addresses that datagrams are received on, one for each `[[udp]]` that is enabled.
    pub fn udp_addresses(&self) -> &[SocketAddr] {
        &self.addresses.udp
    }

    /// The base URL for clients: `http://`, or `https://` if connections are encrypted, and the address.
    pub fn url(&self) -> String {
        format!("{}://{}", self.addresses.scheme, self.addresses.http)
    }

    /// What controls it from within the process, as long as it runs.
    pub(crate) fn controls(&self) -> Option<&Controls<Engine>> {
        self.controls.as_ref()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.controls.take());
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            // If it panicked, it has stopped as well.
            let _ = thread.join();
        }
    }
}

/// The configuration of a [`Server`].
///
/// ```
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let directory = tempfile::tempdir()?;
/// let server = fluxstone::Server::builder()
///     .data_dir(directory.path())
///     .configure(|settings| settings.http.max_row_limit = 1000)
///     .start()?;
/// # drop(server);
/// # assert!(directory.path().join("wal").exists());
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct ServerBuilder {
    settings: Settings,
    ephemeral: bool,
}

impl ServerBuilder {
    /// Listens on `address`: `host:port`, where an empty host is every interface and port 0 any free port.
    #[must_use]
    pub fn bind(mut self, address: &str) -> ServerBuilder {
        address.clone_into(&mut self.settings.http.bind_address);
        self
    }

    /// Keeps data in `directory`, which must not be in use by another server.
    #[must_use]
    pub fn data_dir(mut self, directory: impl AsRef<Path>) -> ServerBuilder {
        self.settings.data.use_directory(directory.as_ref());
        self.ephemeral = false;
        self
    }

    /// Changes any settings. The directories of an ephemeral server are set later.
    #[must_use]
    pub fn configure(mut self, change: impl FnOnce(&mut Settings)) -> ServerBuilder {
        change(&mut self.settings);
        self
    }

    /// Starts the server on threads of its own. It answers when this returns.
    ///
    /// # Errors
    /// If the data cannot be opened, the address cannot be listened on, or the system is out of resources.
    pub fn start(self) -> Result<Server, StartError> {
        let (stop, stopped) = oneshot::channel();
        let (started, start) = mpsc::channel();
        // All of it runs on the new thread, so that this can be called where another runtime is running.
        let thread = std::thread::Builder::new()
            .name("fluxstone".to_owned())
            .spawn(move || self.run(&started, stopped))
            .map_err(StartError::Threads)?;
        let no_answer = |_| Err(StartError::Panicked(std::io::Error::other("the thread ended early")));
        let (addresses, controls) = start.recv().unwrap_or_else(no_answer)?;
        Ok(Server { addresses, controls: Some(controls), stop: Some(stop), thread: Some(thread) })
    }

    /// Runs a server until `stopped`. Sends its address, or why there is none, to `started`.
    fn run(mut self, started: &mpsc::Sender<Started>, stopped: oneshot::Receiver<()>) {
        let prepared = runtime(&self.settings).and_then(|runtime| {
            let temporary = if self.ephemeral { Some(use_temporary_directory(&mut self.settings)?) } else { None };
            let server = runtime.block_on(bind(&self.settings))?;
            let address = server
                .http
                .address()
                .map_err(|error| StartError::Listen { address: self.settings.http.bind_address.clone(), error })?;
            Ok((runtime, temporary, server, address))
        });
        match prepared {
            Err(error) => drop(started.send(Err(error))),
            Ok((runtime, temporary, server, address)) => {
                let udp_addresses = server.services.udp_addresses().to_vec();
                let scheme = self.settings.http.scheme();
                let addresses = Addresses { scheme, http: address, udp: udp_addresses };
                drop(started.send(Ok((addresses, server.http.controls()))));
                runtime.block_on(server.http.run(async { drop(stopped.await) }));
                drop(server.services);
                runtime.shutdown_timeout(THREADS_GRACE);
                drop(temporary);
            }
        }
    }
}
