//! What is overlooked so that an answer that is not exact passes.

use serde::{Deserialize, Serialize};

/// What was overlooked so that an answer that is not exact passes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Relaxation {
    /// The body is the same JSON or CSV, written otherwise.
    Writing,
    /// A header that only frames, traces or dates the message differs.
    Framing,
    /// A header has the same meaning, written otherwise.
    HeaderWriting,
    /// A header that every answer should have is missing or has another value, in a case about something else.
    CommonHeader,
    /// Another version of the server is named.
    Version,
    /// An error or message has another text.
    Texts,
    /// The answer is that of the other profile.
    Profile,
    /// Senders of points do not read it.
    Unread,
}

impl Relaxation {
    /// What was overlooked, in words.
    pub fn as_str(self) -> &'static str {
        match self {
            Relaxation::Writing => "same content, written otherwise",
            Relaxation::Framing => "headers that frame or trace the message",
            Relaxation::HeaderWriting => "same header, written otherwise",
            Relaxation::CommonHeader => "headers of every answer",
            Relaxation::Version => "version of the server",
            Relaxation::Texts => "texts of errors",
            Relaxation::Unread => "what senders of points do not read",
            Relaxation::Profile => "answer of the other profile",
        }
    }
}
