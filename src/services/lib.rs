//! Network services beside the HTTP API: delivery to subscriptions, and line protocol over UDP.
//!
//! They share one thread, so that a flood of datagrams or of deliveries takes at most one core. What waits in their queues is bounded.
//!
//! | file | contents |
//! |---|---|
//! | `services` | starting and stopping them |
//! | `subscriber`, `channel` | the queues of subscriptions |
//! | `destination` | sending to one destination, over HTTP or UDP |
//! | `udp` | receiving points over UDP |

mod channel;
mod destination;
mod services;
mod subscriber;
mod udp;

pub use services::{ServiceError, Services};
pub use subscriber::{SubscriberOptions, SubscriberSetupError};
pub use udp::UdpOptions;
