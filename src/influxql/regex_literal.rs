//! Regular expression literals.

use std::sync::Arc;

use super::ast::Regex;

/// Why a pattern is no regular expression.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("error parsing regexp: {reason}: `{piece}`")]
pub struct RegexError {
    reason: &'static str,
    piece: String,
}

/// How much memory a compiled pattern may take.
const COMPILED_BYTES_MAX: usize = 1 << 20;

/// Compiles the text between the slashes, `\/` already unescaped.
pub fn compile(pattern: &str) -> Result<Regex, RegexError> {
    let compiled = regex::bytes::RegexBuilder::new(pattern)
        .size_limit(COMPILED_BYTES_MAX)
        .build()
        .map_err(|_| RegexError { reason: "invalid", piece: pattern.to_owned() })?;
    Ok(Regex { text: pattern.to_owned(), compiled: Arc::new(compiled) })
}
