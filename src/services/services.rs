//! Starting and stopping the services.

use std::net::SocketAddr;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use fluxstone_engine::Engine;
use tokio::runtime::{Builder, Runtime};
use tokio::sync::oneshot;

use super::subscriber::{Subscriber, SubscriberOptions, SubscriberSetupError};
use super::udp::{UdpInput, UdpOptions};

/// How long the services may take to end.
const GRACE: Duration = Duration::from_secs(1);

/// Why services cannot be started.
#[derive(Debug, thiserror::Error)]
pub enum ServiceError {
    /// The system gave no thread.
    #[error("can't start the thread of services: {0}")]
    Thread(std::io::Error),
    /// An address for UDP could not be listened on.
    #[error("can't listen on udp://{address}: {error}")]
    Udp {
        /// The address as it was given.
        address: String,
        /// The reason.
        error: std::io::Error,
    },
    /// The database for UDP could not be created.
    #[error("can't create the database {database} for UDP: {error}")]
    Database {
        /// Its name.
        database: String,
        /// The reason.
        error: String,
    },
    /// The settings of subscriptions cannot be used.
    #[error(transparent)]
    Subscriber(#[from] SubscriberSetupError),
}

/// The running services. Dropping it stops them: what is in their queues is written or sent for at most a second.
#[derive(Debug)]
pub struct Services {
    udp_addresses: Vec<SocketAddr>,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Services {
    /// Starts the services that are enabled. `subscriber` is `None` if subscriptions are not delivered to.
    pub fn start(
        engine: &Arc<Engine>,
        subscriber: Option<SubscriberOptions>,
        udp: Vec<UdpOptions>,
    ) -> Result<Services, ServiceError> {
        let mut builder = Builder::new_current_thread();
        let runtime = builder.enable_all().max_blocking_threads(udp.len() + 2).build().map_err(ServiceError::Thread)?;
        if let Some(options) = subscriber {
            let subscriber = Subscriber::new(options, runtime.handle().clone())?;
            engine.deliver_through(Arc::new(subscriber));
        }
        let mut udp_addresses = Vec::new();
        for options in udp {
            let input = runtime.block_on(input(engine, options))?;
            udp_addresses.push(input.1);
            runtime.spawn(input.0.run());
        }
        let (stop, stopped) = oneshot::channel::<()>();
        let thread = std::thread::Builder::new()
            .name("services".to_owned())
            .spawn(move || run(runtime, stopped))
            .map_err(ServiceError::Thread)?;
        Ok(Services { udp_addresses, stop: Some(stop), thread: Some(thread) })
    }

    /// The addresses that datagrams are received on, in the order of the settings.
    pub fn udp_addresses(&self) -> &[SocketAddr] {
        &self.udp_addresses
    }
}

impl Drop for Services {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            // The panic hook has already reported a panic in it.
            let _ = thread.join();
        }
    }
}

async fn input(engine: &Arc<Engine>, options: UdpOptions) -> Result<(UdpInput, SocketAddr), ServiceError> {
    let address = options.address.clone();
    let database = options.database.clone();
    engine.create_database(&database).map_err(|error| ServiceError::Database { database, error: error.to_string() })?;
    let bound = async {
        let input = UdpInput::bind(options, Arc::clone(engine)).await?;
        let bound = input.address()?;
        Ok((input, bound))
    };
    bound.await.map_err(|error| ServiceError::Udp { address, error })
}

fn run(runtime: Runtime, stopped: oneshot::Receiver<()>) {
    runtime.block_on(async { drop(stopped.await) });
    runtime.shutdown_timeout(GRACE);
}
