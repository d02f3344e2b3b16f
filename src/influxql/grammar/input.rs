//! The input of the parsers: the text with the state of parsing it, and looking at tokens.
//!
//! InfluxDB decides whether a regular expression follows by the character after the last token that it has *looked at*, even
//! when it has put that token back. [`State::read_to`] remembers that place. This is why `FROM a,/b/` and `x =~/y/` are
//! errors while `FROM a, /b/` and `x =~ /y/` are not.

use winnow::Stateful;
use winnow::stream::{LocatingSlice, Location, Stream};

use crate::lexer::{self, Lexed};
use crate::memory::Charge;
use crate::parameter::Parameters;
use crate::token::{Kind, Place, Token};

/// The text with the state of parsing it.
pub(super) type Input<'t> = Stateful<LocatingSlice<&'t str>, State<'t>>;

/// The state of parsing. Backtracking does not restore it.
#[derive(Debug)]
pub(super) struct State<'t> {
    pub(super) text: &'t str,
    pub(super) parameters: &'t Parameters,
    /// The last token and the last white space that were read: most are looked at several times.
    latest: [Option<Token<'t>>; 2],
    /// One past the last byte that was ever read as part of a token.
    pub(super) read_to: usize,
    /// Whether the end of the text was read as the end of a word or while looking for a regular expression.
    swallowed_end: bool,
    /// The last token other than white space that was taken, not only looked at.
    pub(super) taken: Option<Token<'t>>,
    /// The number of open parentheses, calls and subqueries.
    pub(super) nesting: usize,
    /// Where the last password is expected, and where it ends.
    password: Option<PasswordPlace>,
    pub(super) memory: Memory<'t>,
}

/// Asked for memory before the tree takes it.
pub(super) struct Memory<'t>(pub(super) &'t mut Charge<'t>);

impl std::fmt::Debug for Memory<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Memory")
    }
}

/// Where a password is in the text.
#[derive(Debug, Clone, Copy)]
struct PasswordPlace {
    start: usize,
    /// One past its last byte, once it has been read.
    end: Option<usize>,
}

impl<'t> State<'t> {
    /// The state at the beginning of `text`.
    pub(super) fn new(text: &'t str, parameters: &'t Parameters, charge: &'t mut Charge<'t>) -> Self {
        State {
            text,
            parameters,
            latest: [None; 2],
            read_to: 0,
            swallowed_end: false,
            taken: None,
            nesting: 0,
            password: None,
            memory: Memory(charge),
        }
    }

    /// Whether messages must not quote `token`, because it is there instead of a password or touches one: `'it's'`.
    pub(super) fn is_secret(&self, token: &Token<'_>) -> bool {
        token.kind.is_word()
            && self.password.is_some_and(|place| match place.end {
                None => token.start >= place.start,
                Some(end) => token.start == end,
            })
    }
}

/// The next token, white space included, without taking it.
pub(super) fn peek_raw<'t>(input: &mut Input<'t>) -> Token<'t> {
    let at = input.current_token_start();
    token_at(&mut input.state, at)
}

/// The token at byte `at`.
pub(super) fn token_at<'t>(state: &mut State<'t>, at: usize) -> Token<'t> {
    if let Some(token) = state.latest.into_iter().flatten().find(|token| token.start == at) {
        return token;
    }
    let Lexed { mut token, swallowed_end } = lexer::lex(state.text, at);
    if token.kind == Kind::End && state.swallowed_end {
        token.place = Place::PastEnd;
    }
    state.swallowed_end |= swallowed_end;
    state.read_to = state.read_to.max(token.end);
    state.latest[usize::from(token.kind == Kind::Space)] = Some(token);
    token
}

/// The next token other than white space, without taking it.
pub(super) fn peek<'t>(input: &mut Input<'t>) -> Token<'t> {
    let first = peek_raw(input);
    if first.kind == Kind::Space { token_at(&mut input.state, first.end) } else { first }
}

/// Remembers that a password is expected here.
pub(super) fn begin_password(input: &mut Input<'_>) {
    let start = input.current_token_start();
    input.state.password = Some(PasswordPlace { start, end: None });
}

/// Remembers that the password ends here.
pub(super) fn end_password(input: &mut Input<'_>) {
    let end = input.current_token_start();
    if let Some(place) = &mut input.state.password {
        place.end = Some(end);
    }
}

/// Takes `token`, which was peeked, and everything before it.
pub(super) fn take<'t>(input: &mut Input<'t>, token: Token<'t>) {
    let length = token.end.saturating_sub(input.current_token_start());
    input.next_slice(length);
    if token.kind != Kind::Space {
        input.state.taken = Some(token);
    }
}

/// Takes the next token if it is white space.
pub(super) fn skip_space(input: &mut Input<'_>) {
    let next = peek_raw(input);
    if next.kind == Kind::Space {
        take(input, next);
    }
}

/// The character after everything that was read so far. Looking at the end of the text, or at a NUL, counts as reading it.
pub(super) fn character_ahead(input: &mut Input<'_>) -> Option<char> {
    let read_to = input.state.read_to;
    let ahead = input.state.text.get(read_to..).and_then(|rest| rest.chars().next());
    match ahead {
        None => input.state.swallowed_end = true,
        Some('\0') => {
            input.state.read_to += 1;
            if input.current_token_start() == read_to {
                input.next_slice(1);
            }
        }
        Some(_) => {}
    }
    ahead
}
