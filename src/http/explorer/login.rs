//! Logging in and out. Passwords are checked where those of other requests are, with the same limits.

use std::sync::Arc;
use std::time::Instant;

use fluxstone_engine::{LoginError, Principal};
use fluxstone_explorer::login_page;
use hyper::header;

use super::answers::{problem_of, refused, see_other};
use super::sessions::{CookieId, LoggedIn};
use super::visitor::{Visitor, set_cookie};
use crate::api::Api;
use crate::context::ServerContext;
use crate::credentials::{self, Unauthorized};
use crate::parameters::Parameters;
use crate::refusal::Refusal;
use crate::reply::Reply;
use crate::socket::Peer;

/// Logs a user in, with a new cookie: whoever knew the previous one must not know this one.
pub(super) async fn login<A: Api>(
    context: &Arc<ServerContext<A>>,
    client: &Peer,
    visitor: &Visitor,
    fields: &Parameters,
) -> Result<Reply, Refusal> {
    if !context.options.auth_enabled {
        return Ok(see_other(visitor, "/explorer/"));
    }
    let user = fields.text("user");
    // Taken before the password is checked: if it changes meanwhile, the session ends at once.
    let mark = context.api.login_mark(&user);
    let checked = match String::from_utf8(fields.get("password").to_vec()) {
        Ok(password) => credentials::login(context, client, user, password).await,
        Err(_) => Err(LoginError::Failed.into()),
    };
    let (user, mark) = match (checked, mark) {
        (Ok(Principal::User(user)), Some(mark)) => (user, mark),
        (Ok(_), _) => return Ok(failed(visitor, LoginError::Failed.into())),
        (Err(error), _) => return Ok(failed(visitor, error)),
    };
    let cookie = CookieId::random();
    context.sessions.end(visitor.cookie);
    context.sessions.begin(cookie, LoggedIn { user, mark }, Instant::now());
    let mut reply = see_other(visitor, "/explorer/");
    if let Some(header) = set_cookie(cookie, context.options.is_encrypted) {
        reply.headers_mut().insert(header::SET_COOKIE, header);
    }
    Ok(reply)
}

fn failed(visitor: &Visitor, error: Unauthorized) -> Reply {
    let refusal = Refusal::Unauthorized(error);
    let html = login_page(&visitor.frame, Some(&problem_of(&refusal)));
    refused(visitor, &refusal, html)
}

/// Ends the session.
pub(super) fn logout<A: Api>(context: &ServerContext<A>, visitor: &Visitor) -> Reply {
    context.sessions.end(visitor.cookie);
    let mut reply = see_other(visitor, "/explorer/login");
    if let Some(header) = set_cookie(CookieId::random(), context.options.is_encrypted) {
        reply.headers_mut().insert(header::SET_COOKIE, header);
    }
    reply
}
