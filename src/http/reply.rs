//! Replies: the headers that endpoints send, and the bodies of answers that are not streamed. Which refusal has which status
//! and text is left to `refusal`.

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use fluxstone_compat::AnswerSemantics;
use fluxstone_go::json::JsonWriter;
use fluxstone_model::Clause;
use hyper::body::{Frame, SizeHint};
use hyper::header::{self, HeaderMap, HeaderName, HeaderValue};
use hyper::{Response, StatusCode};

use super::packing::packed;
use super::parameters::Parameters;
use super::stream::{Interrupted, StreamBody};

/// The body of a reply.
#[derive(Debug)]
pub(super) enum ReplyBody {
    Whole(Option<Bytes>),
    /// Sent like a stream that has one piece, or none if it is empty.
    Brief(Bytes),
    Stream(StreamBody),
    /// Breaks off.
    Part(Part),
    /// Another body, with what is to be done at its end.
    Watched(Box<Watched>),
}

/// A body that breaks off after a part of it.
#[derive(Debug)]
pub(super) struct Part {
    sent: Bytes,
    /// The bytes of the whole, if the head tells them.
    length: Option<u64>,
    /// Whether the part had its time to be sent.
    is_over: bool,
}

impl Part {
    pub(super) fn new(sent: Bytes, length: Option<u64>) -> Part {
        Part { sent, length, is_over: false }
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Interrupted>>> {
        if !self.sent.is_empty() {
            return Poll::Ready(Some(Ok(Frame::data(std::mem::take(&mut self.sent)))));
        }
        if !std::mem::replace(&mut self.is_over, true) {
            // hyper sends what it has when there is nothing more to get.
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        Poll::Ready(Some(Err(Interrupted)))
    }
}

/// A body that counts its bytes, and reports when it has been sent or given up.
pub(super) struct Watched {
    body: ReplyBody,
    bytes: u64,
    at_end: Option<Box<dyn FnOnce(u64) + Send>>,
}

impl Watched {
    /// Watches `body`, and passes the number of its bytes to `at_end`.
    pub(super) fn new(body: ReplyBody, at_end: impl FnOnce(u64) + Send + 'static) -> Watched {
        Watched { body, bytes: 0, at_end: Some(Box::new(at_end)) }
    }
}

impl fmt::Debug for Watched {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Watched").field("body", &self.body).field("bytes", &self.bytes).finish_non_exhaustive()
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        if let Some(at_end) = self.at_end.take() {
            at_end(self.bytes);
        }
    }
}

impl hyper::body::Body for ReplyBody {
    type Data = Bytes;
    type Error = Interrupted;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Interrupted>>> {
        match self.get_mut() {
            ReplyBody::Whole(bytes) => Poll::Ready(bytes.take().map(|bytes| Ok(Frame::data(bytes)))),
            ReplyBody::Brief(bytes) if bytes.is_empty() => Poll::Ready(None),
            ReplyBody::Brief(bytes) => Poll::Ready(Some(Ok(Frame::data(std::mem::take(bytes))))),
            ReplyBody::Stream(stream) => stream.poll(cx).map(|next| next.map(|bytes| bytes.map(Frame::data))),
            ReplyBody::Part(part) => part.poll(cx),
            ReplyBody::Watched(watched) => {
                let next = Pin::new(&mut watched.body).poll_frame(cx);
                if let Poll::Ready(Some(Ok(frame))) = &next {
                    watched.bytes += frame.data_ref().map_or(0, |data| data.len() as u64);
                }
                next
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            ReplyBody::Whole(bytes) => bytes.is_none(),
            ReplyBody::Brief(_) | ReplyBody::Stream(_) | ReplyBody::Part(_) => false,
            ReplyBody::Watched(watched) => watched.body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            ReplyBody::Whole(bytes) => SizeHint::with_exact(bytes.as_ref().map_or(0, |bytes| bytes.len() as u64)),
            ReplyBody::Part(Part { length: Some(length), .. }) => SizeHint::with_exact(*length),
            ReplyBody::Brief(_) | ReplyBody::Stream(_) | ReplyBody::Part(_) => SizeHint::default(),
            ReplyBody::Watched(watched) => watched.body.size_hint(),
        }
    }
}

/// The answer to a request.
pub(super) type Reply = Response<ReplyBody>;

/// The form that a request asks for.
#[derive(Debug, Clone, Default)]
pub(super) struct ReplyStyle {
    pub(super) csv: bool,
    pub(super) pretty: bool,
    /// How the answer is compressed, if it is.
    pub(super) gzip: Option<AnswerSemantics>,
    origin: Option<HeaderValue>,
}

impl ReplyStyle {
    /// Reads `Accept`, `Accept-Encoding`, `Origin` and `pretty`.
    pub(super) fn of(headers: &HeaderMap, query: &Parameters, semantics: AnswerSemantics) -> ReplyStyle {
        let bytes = |name: HeaderName| headers.get(name).map_or(&[][..], HeaderValue::as_bytes);
        ReplyStyle {
            csv: matches!(bytes(header::ACCEPT), b"application/csv" | b"text/csv"),
            pretty: query.is_true("pretty"),
            gzip: bstr::ByteSlice::contains_str(bytes(header::ACCEPT_ENCODING), "gzip").then_some(semantics),
            origin: headers.get(header::ORIGIN).filter(|origin| !origin.is_empty()).cloned(),
        }
    }

    /// Returns a reply with the headers that every endpoint sends.
    pub(super) fn reply(&self, status: StatusCode, body: ReplyBody) -> Reply {
        let mut reply = Response::new(body);
        *reply.status_mut() = status;
        let content_type = if self.csv { "text/csv" } else { "application/json" };
        reply.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
        self.share_across_origins(reply.headers_mut());
        reply
    }

    /// Returns a reply with status 204.
    pub(super) fn no_content(&self) -> Reply {
        self.reply(StatusCode::NO_CONTENT, ReplyBody::Whole(None))
    }

    /// Returns the reply to `OPTIONS`.
    pub(super) fn options(&self) -> Reply {
        let mut reply = self.reply(StatusCode::OK, ReplyBody::Whole(None));
        reply.headers_mut().remove(header::CONTENT_TYPE);
        reply
    }

    /// Returns a reply with the body `{"error":"TEXT"}`, which CSV leaves out.
    pub(super) fn error(&self, status: StatusCode, text: &[u8]) -> Reply {
        let mut body = Vec::new();
        if !self.csv {
            let mut json = JsonWriter::new(self.pretty);
            json.begin_object();
            json.key(b"error");
            json.string(text);
            json.end_object();
            json.raw(b"\n");
            body = json.take();
        }
        if let Some(semantics) = self.gzip {
            body = packed(&body, semantics);
        }
        let mut reply = self.reply(status, ReplyBody::Whole(Some(body.into())));
        if self.gzip.is_some() {
            reply.headers_mut().insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
        }
        reply
    }

    fn share_across_origins(&self, headers: &mut HeaderMap) {
        let Some(origin) = &self.origin else { return };
        headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone());
        let fixed = |text| HeaderValue::from_static(text);
        headers.insert(header::ACCESS_CONTROL_ALLOW_METHODS, fixed("DELETE, GET, OPTIONS, POST, PUT"));
        let allowed = "Accept, Accept-Encoding, Authorization, Content-Length, Content-Type, X-CSRF-Token, \
                       X-HTTP-Method-Override";
        headers.insert(header::ACCESS_CONTROL_ALLOW_HEADERS, fixed(allowed));
        headers.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, fixed("Date, X-InfluxDB-Version"));
    }
}

/// Returns a reply in plain text to a request that no endpoint takes, because of a clause.
pub(super) fn refused(status: StatusCode, clause: Clause, text: &'static str) -> Reply {
    let mut reply = plain(status, text);
    reply.extensions_mut().insert(clause);
    reply
}

/// Returns a reply in plain text.
fn plain(status: StatusCode, text: &'static str) -> Reply {
    let mut reply = Response::new(ReplyBody::Whole(Some(Bytes::from_static(text.as_bytes()))));
    *reply.status_mut() = status;
    let headers = reply.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    reply
}

/// A page for people.
pub(super) fn html(page: &'static str) -> Reply {
    let mut reply = plain(StatusCode::OK, page);
    reply.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
    reply
}

/// Closes the connection after the reply.
pub(super) fn close_after(reply: &mut Reply) {
    reply.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
}

/// Whether the connection closes after the reply, whatever the client wants.
pub(super) fn closes_after(reply: &Reply) -> bool {
    reply.headers().contains_key(header::CONNECTION)
}
