//! The addresses of the explorer, and their verbs.

use hyper::Method;
use hyper::header::{self, HeaderMap};

/// A page, or a file that pages refer to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ExplorerPath {
    Tree,
    Query,
    Download,
    Names,
    Write,
    Status,
    Kill,
    Login,
    Logout,
    Clause,
    Style,
    Script,
}

impl ExplorerPath {
    /// The address of a request, unless it is none of the explorer's. `/` is one only for browsers: for all others it does not
    /// exist, as in InfluxDB.
    pub(crate) fn at(path: &[u8], method: &Method, headers: &HeaderMap) -> Option<ExplorerPath> {
        match path {
            b"/" if matches!(*method, Method::GET | Method::HEAD) && accepts_html(headers) => Some(ExplorerPath::Tree),
            b"/explorer" | b"/explorer/" => Some(ExplorerPath::Tree),
            b"/explorer/query" => Some(ExplorerPath::Query),
            b"/explorer/download" => Some(ExplorerPath::Download),
            b"/explorer/names" => Some(ExplorerPath::Names),
            b"/explorer/write" => Some(ExplorerPath::Write),
            b"/explorer/status" => Some(ExplorerPath::Status),
            b"/explorer/kill" => Some(ExplorerPath::Kill),
            b"/explorer/login" => Some(ExplorerPath::Login),
            b"/explorer/logout" => Some(ExplorerPath::Logout),
            b"/explorer/style.css" => Some(ExplorerPath::Style),
            b"/explorer/script.js" => Some(ExplorerPath::Script),
            b"/explorer/clause" => Some(ExplorerPath::Clause),
            _ => None,
        }
    }

    /// The verbs that are allowed, as the `Allow` header lists them.
    pub(crate) fn allowed(self) -> &'static str {
        match self {
            ExplorerPath::Query | ExplorerPath::Write | ExplorerPath::Login => "GET, HEAD, POST",
            ExplorerPath::Download | ExplorerPath::Kill | ExplorerPath::Logout => "POST",
            ExplorerPath::Tree
            | ExplorerPath::Names
            | ExplorerPath::Status
            | ExplorerPath::Clause
            | ExplorerPath::Style
            | ExplorerPath::Script => "GET, HEAD",
        }
    }
}

/// Whether `Accept` names `text/html`, as those of browsers do.
fn accepts_html(headers: &HeaderMap) -> bool {
    let ranges = headers.get_all(header::ACCEPT).into_iter().flat_map(|value| value.as_bytes().split(|&b| b == b','));
    ranges
        .map(|range| range.split(|&b| b == b';').next().unwrap_or_default())
        .any(|range| range.trim_ascii().eq_ignore_ascii_case(b"text/html"))
}

#[cfg(test)]
mod tests {
    use super::*;

    // spec: explorer.paths.1
    #[test]
    fn the_root_is_a_page_for_browsers_only() {
        let at = |method: Method, accept: &'static str| {
            let headers = HeaderMap::from_iter([(header::ACCEPT, accept.parse().unwrap())]);
            ExplorerPath::at(b"/", &method, &headers)
        };
        let tree = Some(ExplorerPath::Tree);
        assert_eq!(at(Method::GET, "text/html,application/xhtml+xml,*/*;q=0.8"), tree);
        assert_eq!(at(Method::HEAD, "application/json, Text/HTML;q=0.9"), tree);
        for accept in ["*/*", "text/*", "text/htmlx", "application/json", ""] {
            assert_eq!(at(Method::GET, accept), None, "{accept}");
        }
        assert_eq!(at(Method::POST, "text/html"), None);
        assert_eq!(ExplorerPath::at(b"/", &Method::GET, &HeaderMap::new()), None);
        assert_eq!(ExplorerPath::at(b"/explorer/", &Method::GET, &HeaderMap::new()), tree);
        assert_eq!(ExplorerPath::at(b"/explorer/x", &Method::GET, &HeaderMap::new()), None);
    }
}
