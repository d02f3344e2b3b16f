//! The page to log in.

use maud::html;

use super::cell::Problem;
use super::frame::{Frame, Tab, page, problem, token_field};

/// Returns the page to log in, after a failed attempt with its problem.
pub fn login_page(frame: &Frame, failed: Option<&Problem>) -> String {
    let main = html! {
        @if let Some(failed) = failed { (problem(failed)) }
        form.stacked method="post" action="/explorer/login" {
            (token_field(frame))
            label for="user" { "User" }
            input id="user" name="user" autocomplete="username" required autofocus;
            label for="password" { "Password" }
            input id="password" name="password" type="password" autocomplete="current-password" required;
            button type="submit" { "Log in" }
        }
    };
    page(frame, Tab::Other, "Log in", "", &main)
}
