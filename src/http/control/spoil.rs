//! Answers that are not what they should be.

use bytes::{Bytes, BytesMut};
use fluxstone_model::Clause;
use http_body_util::BodyExt as _;
use hyper::StatusCode;
use hyper::body::Body as _;
use hyper::header::{self, HeaderValue};

use super::super::reply::{Part, Reply, ReplyBody, ReplyStyle};
use super::super::requests::Cuts;
use super::fault::{Action, Cut, FixedAnswer};

/// The bytes of a head that are sent when it is cut: the status line, and the name of a header.
const CUT_HEAD_BYTES: u64 = 24;

/// How much of a body is made before a half of it is sent.
const SPOILT_BYTES_MAX: usize = 4 << 20;

/// The answer to a request that is not carried out, if the action says so.
pub(in super::super) fn stand_in(action: Option<&Action>) -> Option<Reply> {
    match action? {
        Action::Answer(answer) => Some(fixed(answer)),
        // Nobody sees it.
        Action::Drop => Some(ReplyStyle::default().no_content()),
        Action::Forget | Action::Cut(_) | Action::Truncate | Action::StorePart(_) => None,
    }
}

fn fixed(answer: &FixedAnswer) -> Reply {
    let status = answer.code().unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let words = || status.canonical_reason().unwrap_or("scripted fault").to_ascii_lowercase();
    let text = answer.text.clone().unwrap_or_else(words);
    let mut reply = ReplyStyle::default().error(status, text.as_bytes());
    reply.extensions_mut().insert(Clause::new("control.faults.2"));
    if let Some(seconds) = answer.retry_after {
        reply.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    }
    reply
}

/// The answer as the action has it, which may end its connection.
pub(in super::super) async fn spoil(reply: Reply, action: Option<&Action>, cuts: &Cuts) -> Reply {
    match action {
        None | Some(Action::Answer(_) | Action::StorePart(_)) => reply,
        Some(Action::Drop | Action::Forget) => {
            cuts.cut_after(0);
            reply
        }
        Some(Action::Cut(Cut::Head)) => {
            cuts.cut_after(CUT_HEAD_BYTES);
            reply
        }
        Some(Action::Cut(Cut::Body)) => {
            let (head, body) = reply.into_parts();
            let length = body.size_hint().exact();
            let half = first_half(body).await;
            if half.is_empty() {
                cuts.cut_after(CUT_HEAD_BYTES);
            }
            Reply::from_parts(head, ReplyBody::Part(Part::new(half, length)))
        }
        Some(Action::Truncate) => {
            let (head, body) = reply.into_parts();
            let half = first_half(body).await;
            Reply::from_parts(head, ReplyBody::Whole((!half.is_empty()).then_some(half)))
        }
    }
}

/// The first half of a body, or of its beginning if it is large.
async fn first_half(mut body: ReplyBody) -> Bytes {
    let mut bytes = BytesMut::new();
    while let Some(Ok(frame)) = body.frame().await {
        if let Some(data) = frame.data_ref() {
            bytes.extend_from_slice(data);
        }
        if bytes.len() >= SPOILT_BYTES_MAX {
            break;
        }
    }
    let half = bytes.len() / 2;
    bytes.split_to(half).freeze()
}
