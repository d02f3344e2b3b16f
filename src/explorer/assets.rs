//! The style sheet and the script. Both are part of the program: pages load nothing from anywhere else.

/// A file that pages refer to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Asset {
    /// The media type.
    pub content_type: &'static str,
    /// The whole file.
    pub text: &'static str,
}

/// The style sheet of all pages.
pub const STYLE: Asset = Asset { content_type: "text/css; charset=utf-8", text: include_str!("assets/style.css") };

/// The script of all pages. Each of them works without it.
pub const SCRIPT: Asset =
    Asset { content_type: "text/javascript; charset=utf-8", text: include_str!("assets/script.js") };
