//! The server as a value: started on an address and a data directory, stopped when dropped. `fluxstone serve` is built from the
//! same parts; signals, the log and the command line are left to [`cli`](crate::cli).

mod embedded;
mod memory;
mod options;
mod start;

pub use embedded::{Server, ServerBuilder};
pub use start::StartError;
pub(crate) use start::{bind, runtime, use_temporary_directory};
