//! The reasons to refuse a pattern, in RE2's words.

/// Why a text is not a regular expression. Displays as clients see it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("error parsing regexp: {reason}: `{piece}`")]
pub struct RegexError {
    reason: Reason,
    /// The part of the pattern that is wrong.
    piece: String,
}

/// A fault of a pattern, in RE2's words except for the last two.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum Reason {
    #[error("invalid character class range")]
    CharacterRange,
    #[error("invalid escape sequence")]
    Escape,
    #[error("invalid named capture")]
    NamedCapture,
    #[error("invalid or unsupported Perl syntax")]
    PerlSyntax,
    #[error("invalid nested repetition operator")]
    NestedRepetition,
    #[error("invalid repeat count")]
    RepeatCount,
    #[error("missing closing ]")]
    MissingBracket,
    #[error("missing closing )")]
    MissingParenthesis,
    #[error("missing argument to repetition operator")]
    MissingArgument,
    #[error("trailing backslash at end of expression")]
    TrailingBackslash,
    #[error("unexpected )")]
    UnexpectedParenthesis,
    #[error("expression too large")]
    TooLarge,
    #[error("expression not supported")]
    Unsupported,
}

impl Reason {
    /// The error of this fault in `piece`.
    pub(super) fn at(self, piece: &str) -> RegexError {
        RegexError { reason: self, piece: piece.to_owned() }
    }
}
