//! The explorer: pages for people who open the server's address in a browser. Here are its addresses, sessions and forms; what
//! pages look like is left to the crate `explorer`, and what they show comes from the statements and writes that all clients use,
//! through the same gates and with the privileges of whoever is logged in.
//!
//! Nothing of it exists until somebody asks for a page: there is no work at the start, and the table of sessions is empty.
//!
//! | file | what it holds |
//! |---|---|
//! | `paths` | the addresses and their verbs |
//! | `sessions` | who is logged in, and the tokens of forms |
//! | `visitor` | the cookie of a request, who sent it, and whether a form comes from this server |
//! | `run`, `collect`, `listing` | statements, and the part of their rows that a page shows |
//! | `answers` | the headers of pages, and pages about refusals |
//! | `pages` | which page answers which address |
//! | `tree`, `query`, `write`, `status`, `login` | the pages |

mod answers;
mod collect;
mod listing;
mod login;
mod pages;
mod paths;
mod query;
mod run;
mod sessions;
mod status;
mod tree;
mod visitor;
mod write;

use std::sync::Arc;

use hyper::Method;
use hyper::http::request::Parts;

use super::api::Api;
use super::body::RequestBody;
use super::context::ServerContext;
use super::parameters::Parameters;
use super::reply::Reply;
use super::socket::Peer;
use answers::{asset, refusal_page, to_login};
pub(super) use paths::ExplorerPath;
pub(super) use sessions::Sessions;
use visitor::{Visitor, read_form};

/// Answers a request to one of the addresses.
pub(super) async fn answer<A: Api>(
    context: &Arc<ServerContext<A>>,
    path: ExplorerPath,
    parts: &Parts,
    client: &Peer,
    query: Parameters,
    body: &mut RequestBody,
) -> Reply {
    match path {
        ExplorerPath::Style => return asset(&fluxstone_explorer::STYLE, &parts.headers),
        ExplorerPath::Script => return asset(&fluxstone_explorer::SCRIPT, &parts.headers),
        _ => {}
    }
    let visitor = Visitor::of(context, parts);
    let needs_login = !matches!(path, ExplorerPath::Login | ExplorerPath::Clause);
    if needs_login && visitor.principal.is_none() {
        return to_login(&visitor);
    }
    let answered = if parts.method == Method::POST {
        match read_form(context, parts, &visitor, query, body).await {
            Ok(form) => pages::changed(context, path, parts, client, &visitor, form).await,
            Err(refusal) => Err(refusal),
        }
    } else {
        pages::shown(context, path, parts, client, &visitor, &query).await
    };
    answered.unwrap_or_else(|refusal| refusal_page(&visitor, &refusal))
}
