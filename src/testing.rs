//! A server for tests in Rust: it starts in one line, stands still in time if asked, fails on purpose, and tells what it received.
//!
//! ```
//! use std::io::{Read, Write};
//! use std::net::TcpStream;
//!
//! use fluxstone::testing::{Action, Cut, FixedAnswer, Server};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let server = Server::at("2017-03-01T00:00:00Z")?;
//!
//! // A client, here as small as it can be. It fails if the connection breaks.
//! let send = |request: &str| -> std::io::Result<String> {
//!     let mut stream = TcpStream::connect(server.address())?;
//!     stream.write_all(format!("{request}\r\nHost: test\r\nConnection: close\r\n\r\n").as_bytes())?;
//!     let mut answer = String::new();
//!     stream.read_to_string(&mut answer)?;
//!     Ok(answer)
//! };
//!
//! // The clock stands still, and moves when it is told to.
//! assert!(send("GET /ping HTTP/1.1")?.contains("Date: Wed, 01 Mar 2017 00:00:00 GMT"));
//! server.advance("90m")?;
//! assert!(send("GET /ping HTTP/1.1")?.contains("Date: Wed, 01 Mar 2017 01:30:00 GMT"));
//!
//! // The next request is answered 503, and the one after it breaks off.
//! server.fault(Action::Answer(FixedAnswer { status: 503, text: None, retry_after: Some(1) }))?;
//! assert!(send("GET /ping HTTP/1.1")?.starts_with("HTTP/1.1 503 Service Unavailable"));
//! server.fault(Action::Cut(Cut::Head))?;
//! assert_eq!(send("GET /ping HTTP/1.1")?, "HTTP/1.1 204 No Content\r");
//!
//! // All of them were received, and are forgotten.
//! assert_eq!(server.requests().len(), 4);
//! assert_eq!(server.requests()[0].path, b"/ping");
//! server.reset()?;
//! assert!(server.requests().is_empty());
//! assert_eq!(server.now(), "2017-03-01T00:00:00Z");
//! # Ok(())
//! # }
//! ```

use std::net::SocketAddr;

pub use crate::http::{Action, Cut, Delay, Fault, FixedAnswer, Received, Script, StorePart};

use crate::engine::{ClockError, ClockMove, ClockSetting, Engine, MoveError};
use crate::http::{Controls, TooManyFaults};
use crate::{ServerBuilder, StartError};

/// A running server that a test controls. Dropping it stops it and removes its data.
#[derive(Debug)]
pub struct Server {
    server: crate::Server,
}

/// Why a server did not do what a test asked for.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the messages of what they hold explain the variants")]
pub enum TestingError {
    #[error(transparent)]
    Clock(#[from] ClockError),
    #[error(transparent)]
    Move(#[from] MoveError),
    #[error(transparent)]
    TooManyFaults(#[from] TooManyFaults),
    #[error("the server has stopped")]
    Stopped,
}

impl Server {
    /// Starts a server on a free port of the loopback interface.
    ///
    /// # Errors
    /// If the system gives no threads, temporary directory or port.
    pub fn start() -> Result<Server, StartError> {
        Server::start_with(crate::Server::builder(), ClockSetting::System)
    }

    /// Starts a server whose clock stands still at `time`, in RFC 3339.
    ///
    /// # Errors
    /// If it is not a time, or as [`Server::start`].
    pub fn at(time: &str) -> Result<Server, StartError> {
        Server::start_with(crate::Server::builder(), format!("fixed:{time}").parse()?)
    }

    /// Starts a server with settings and a clock.
    ///
    /// ```
    /// use fluxstone::testing::Server;
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let builder = fluxstone::Server::builder().configure(|settings| settings.http.build_header = true);
    /// let server = Server::start_with(builder, "offset:-48h".parse()?)?;
    /// # drop(server);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// As [`ServerBuilder::start`].
    pub fn start_with(builder: ServerBuilder, clock: ClockSetting) -> Result<Server, StartError> {
        let controlled = builder.configure(|settings| {
            settings.control.clock = clock;
            settings.control.allowed = true;
            settings.compat.clause_header.get_or_insert(true);
        });
        Ok(Server { server: controlled.start()? })
    }

    /// The base URL for clients.
    pub fn url(&self) -> String {
        self.server.url()
    }

    /// The address that it listens on.
    pub fn address(&self) -> SocketAddr {
        self.server.address()
    }

    /// The time of its clock, in RFC 3339.
    pub fn now(&self) -> String {
        self.server.controls().map(|controls| controls.now().to_string()).unwrap_or_default()
    }

    /// Moves the clock to a time in RFC 3339, or to `fixed:TIME`, `offset:DURATION`, `offset:TIME` or `system`. What became due has run when
    /// this returns.
    ///
    /// # Errors
    /// If it is none of these, or expired data cannot be dropped.
    pub fn set_clock(&self, to: &str) -> Result<(), TestingError> {
        Ok(self.controls()?.move_clock(ClockMove::set(to)?)?)
    }

    /// Moves the clock by a duration such as `90m` or `-7d`. What became due has run when this returns.
    ///
    /// # Errors
    /// If it is not a duration, or expired data cannot be dropped.
    pub fn advance(&self, by: &str) -> Result<(), TestingError> {
        Ok(self.controls()?.move_clock(ClockMove::advance(by)?)?)
    }

    /// Adds a fault. An [`Action`] alone happens to the next request.
    ///
    /// ```
    /// use fluxstone::testing::{Action, Fault, Server};
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let server = Server::start()?;
    /// server.fault(Fault::from(Action::Forget).at("/write").times(2))?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// If there are too many.
    pub fn fault(&self, fault: impl Into<Fault>) -> Result<(), TestingError> {
        Ok(self.controls()?.add_faults(Script { faults: vec![fault.into()] })?)
    }

    /// Removes all faults.
    pub fn clear_faults(&self) {
        if let Some(controls) = self.server.controls() {
            controls.clear_faults();
        }
    }

    /// The requests that were received, the oldest first. At most the latest 10,000 are kept, and at most 16 MiB of them.
    pub fn requests(&self) -> Vec<Received> {
        self.server.controls().map(Controls::requests).unwrap_or_default()
    }

    /// Forgets the requests that were received.
    pub fn clear_requests(&self) {
        if let Some(controls) = self.server.controls() {
            controls.clear_requests();
        }
    }

    /// Drops all databases, users, faults and requests, and starts the clock again.
    ///
    /// # Errors
    /// If the disk fails.
    pub fn reset(&self) -> Result<(), TestingError> {
        Ok(self.controls()?.reset()?)
    }

    fn controls(&self) -> Result<&Controls<Engine>, TestingError> {
        self.server.controls().ok_or(TestingError::Stopped)
    }
}

/// The examples of the page for the tests of clients.
#[cfg(doctest)]
#[doc = include_str!("../spec/client-tests.md")]
mod page {}
