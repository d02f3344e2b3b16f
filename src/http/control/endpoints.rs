//! The paths below `/fluxstone/`: the clock, the faults, the log of requests, and dropping everything.

use std::sync::Arc;

use fluxstone_engine::{ClockError, ClockMove, MoveError, SettableClock};
use fluxstone_model::Clause;
use hyper::http::request::Parts;
use hyper::{Method, StatusCode};
use serde::Deserialize;
use serde_json::{Value, json};

use super::super::api::Api;
use super::super::body::{BodyError, BodyLimits, RequestBody};
use super::super::context::ServerContext;
use super::super::credentials::{Unauthorized, authenticate};
use super::super::parameters::Parameters;
use super::super::reply::{Reply, ReplyBody, ReplyStyle};
use super::super::socket::Peer;
use super::Control;
use super::fault::Script;
use super::faults::TooManyFaults;

/// The largest body, in bytes.
const BODY_BYTES_MAX: usize = 1 << 20;

/// An endpoint that controls the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in super::super) enum ControlEndpoint {
    Clock,
    Faults,
    Requests,
    Reset,
}

impl ControlEndpoint {
    /// The endpoint at a path in its raw form.
    pub(in super::super) fn at(path: &[u8]) -> Option<ControlEndpoint> {
        match path {
            b"/fluxstone/clock" => Some(ControlEndpoint::Clock),
            b"/fluxstone/faults" => Some(ControlEndpoint::Faults),
            b"/fluxstone/requests" => Some(ControlEndpoint::Requests),
            b"/fluxstone/reset" => Some(ControlEndpoint::Reset),
            _ => None,
        }
    }

    /// The verbs that are allowed, as the `Allow` header lists them.
    pub(in super::super) fn allowed(self) -> &'static str {
        match self {
            ControlEndpoint::Clock => "GET, POST",
            ControlEndpoint::Faults => "DELETE, GET, POST",
            ControlEndpoint::Requests => "DELETE, GET",
            ControlEndpoint::Reset => "POST",
        }
    }
}

/// Why the server is not controlled.
#[derive(Debug, thiserror::Error)]
pub(in super::super) enum ControlError {
    #[error(transparent)]
    Unauthorized(#[from] Unauthorized),
    #[error("admin privilege required")]
    NotAdmin,
    #[error(transparent)]
    Body(#[from] BodyError),
    #[error("unable to parse the request: {0}")]
    Malformed(#[from] serde_json::Error),
    #[error(transparent)]
    Clock(#[from] ClockError),
    #[error(transparent)]
    TooManyFaults(#[from] TooManyFaults),
    #[error("{0}")]
    Failed(String),
}

impl ControlError {
    pub(in super::super) fn status(&self) -> StatusCode {
        match self {
            ControlError::Unauthorized(_) => StatusCode::UNAUTHORIZED,
            ControlError::NotAdmin => StatusCode::FORBIDDEN,
            ControlError::Body(BodyError::TooLarge(_)) => StatusCode::PAYLOAD_TOO_LARGE,
            ControlError::Body(_)
            | ControlError::Malformed(_)
            | ControlError::Clock(_)
            | ControlError::TooManyFaults(_) => StatusCode::BAD_REQUEST,
            ControlError::Failed(_) => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }
}

impl ControlError {
    /// The clause that the request does not keep.
    pub(in super::super) fn clause(&self) -> Clause {
        match self {
            ControlError::Unauthorized(error) => error.clause(),
            ControlError::NotAdmin => Clause::new("control.access.3"),
            ControlError::Body(error) => error.clause(),
            ControlError::Malformed(_) => Clause::new("control.access.2"),
            ControlError::Clock(_) => Clause::new("control.clock.3"),
            ControlError::TooManyFaults(_) => Clause::new("control.faults.1"),
            ControlError::Failed(_) => Clause::new("control.clock.4"),
        }
    }
}

/// The body of `POST /fluxstone/clock`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum ClockRequest {
    Set(String),
    Advance(String),
}

/// Answers a request to an endpoint whose verb is allowed.
pub(in super::super) async fn answer<A: Api>(
    context: &Arc<ServerContext<A>>,
    control: &Control,
    endpoint: ControlEndpoint,
    parts: &Parts,
    client: &Peer,
    query: &Parameters,
    body: &mut RequestBody,
) -> Result<Reply, ControlError> {
    let principal = authenticate(context, parts, client, query).await?;
    if !context.api.may_control(&principal) {
        return Err(ControlError::NotAdmin);
    }
    let mut memory = context.body_memory.reservation();
    let limits = BodyLimits { bytes_max: BODY_BYTES_MAX, ..context.body_limits() };
    let body = body.read(limits, &mut memory).await?;
    let method = &parts.method;
    match endpoint {
        ControlEndpoint::Clock if method == Method::GET => Ok(clock_now(context)),
        ControlEndpoint::Clock => {
            let to = match serde_json::from_slice(&body)? {
                ClockRequest::Set(to) => ClockMove::set(&to)?,
                ClockRequest::Advance(by) => ClockMove::advance(&by)?,
            };
            run(context, control, move |api| api.move_clock(to)).await?;
            Ok(clock_now(context))
        }
        ControlEndpoint::Faults if method == Method::GET => {
            let listed = serde_json::to_value(&*control.faults.lock())?;
            Ok(shown(&listed))
        }
        ControlEndpoint::Faults if method == Method::POST => {
            let script: Script = serde_json::from_slice(&body)?;
            control.faults.lock().add(script)?;
            Ok(done())
        }
        ControlEndpoint::Faults => {
            control.clear_faults();
            Ok(done())
        }
        ControlEndpoint::Requests if method == Method::GET => Ok(shown(&control.log.lock().to_json())),
        ControlEndpoint::Requests => {
            control.clear_requests();
            Ok(done())
        }
        ControlEndpoint::Reset => {
            run(context, control, A::reset).await?;
            control.clear_faults();
            control.clear_requests();
            Ok(done())
        }
    }
}

/// Runs what takes time on a thread of its own, one at a time.
async fn run<A: Api>(
    context: &Arc<ServerContext<A>>,
    control: &Control,
    work: impl FnOnce(&A) -> Result<(), MoveError> + Send + 'static,
) -> Result<(), ControlError> {
    let _turn = control.turn.lock().await;
    let api = Arc::clone(&context.api);
    let done = tokio::task::spawn_blocking(move || work(&api)).await;
    done.map_err(|error| error.to_string())
        .and_then(|done| done.map_err(|error| error.to_string()))
        .map_err(ControlError::Failed)
}

fn clock_now<A: Api>(context: &ServerContext<A>) -> Reply {
    let clock = context.api.clock();
    let stands_still = clock.settable().is_some_and(SettableClock::stands_still);
    shown(&json!({ "now": clock.now().to_string(), "fixed": stands_still }))
}

fn shown(value: &Value) -> Reply {
    ReplyStyle::default().reply(StatusCode::OK, ReplyBody::Whole(Some(format!("{value}\n").into())))
}

fn done() -> Reply {
    ReplyStyle::default().no_content()
}
