//! Which page answers which address.

use std::sync::Arc;

use fluxstone_explorer::{clause_page, login_page};
use hyper::http::request::Parts;

use super::answers::page;
use super::paths::ExplorerPath;
use super::visitor::{Form, Visitor};
use super::{login, query, status, tree, write};
use crate::api::Api;
use crate::context::ServerContext;
use crate::parameters::Parameters;
use crate::refusal::Refusal;
use crate::reply::Reply;
use crate::socket::Peer;

/// Answers GET, which changes nothing.
pub(super) async fn shown<A: Api>(
    context: &Arc<ServerContext<A>>,
    path: ExplorerPath,
    parts: &Parts,
    client: &Peer,
    visitor: &Visitor,
    parameters: &Parameters,
) -> Result<Reply, Refusal> {
    let memory = context.body_memory.reservation();
    match path {
        ExplorerPath::Tree => {
            let html = tree::tree(context, client, visitor, parameters).await?;
            page(visitor, memory, html).await
        }
        ExplorerPath::Query => {
            let html = query::answered(context, parts, client, visitor, parameters, false).await?;
            page(visitor, memory, html).await
        }
        ExplorerPath::Names => query::names(context, client, visitor, parameters).await,
        ExplorerPath::Write => {
            let html = write::blank(context, client, visitor, parameters).await?;
            page(visitor, memory, html).await
        }
        ExplorerPath::Status => {
            let html = status::status(context, client, visitor, None).await?;
            page(visitor, memory, html).await
        }
        ExplorerPath::Login => page(visitor, memory, login_page(&visitor.frame, None)).await,
        ExplorerPath::Clause => {
            let html = clause_page(&visitor.frame, &parameters.text("id")).ok_or(Refusal::NoClause)?;
            page(visitor, memory, html).await
        }
        // Their verbs do not include GET, or they are answered before.
        ExplorerPath::Download
        | ExplorerPath::Kill
        | ExplorerPath::Logout
        | ExplorerPath::Style
        | ExplorerPath::Script => Err(Refusal::ForeignForm),
    }
}

/// Answers POST of a form that comes from a page of this server.
pub(super) async fn changed<A: Api>(
    context: &Arc<ServerContext<A>>,
    path: ExplorerPath,
    parts: &Parts,
    client: &Peer,
    visitor: &Visitor,
    form: Form,
) -> Result<Reply, Refusal> {
    match path {
        ExplorerPath::Query => {
            let html = query::answered(context, parts, client, visitor, &form.fields, true).await?;
            page(visitor, form.memory, html).await
        }
        ExplorerPath::Download => query::download(context, client, visitor, form).await,
        ExplorerPath::Write => {
            let memory = context.body_memory.reservation();
            let html = write::write(context, client, visitor, form).await?;
            page(visitor, memory, html).await
        }
        ExplorerPath::Kill => status::kill(context, client, visitor, form).await,
        ExplorerPath::Login => login::login(context, client, visitor, &form.fields).await,
        ExplorerPath::Logout => Ok(login::logout(context, visitor)),
        // Their verbs do not include POST.
        ExplorerPath::Tree
        | ExplorerPath::Names
        | ExplorerPath::Status
        | ExplorerPath::Clause
        | ExplorerPath::Style
        | ExplorerPath::Script => Err(Refusal::ForeignForm),
    }
}
