//! Bearer tokens: JSON Web Tokens (RFC 7519) signed by HMAC with the shared secret.
//!
//! The signature is checked by `jsonwebtoken`; shape and claims are checked here, in the order and with the words that
//! clients of InfluxDB know. Without a shared secret no token is good.

use base64::Engine as _;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use fluxstone_go::json_object::{Member, Members, ObjectError, read_object, trailing};
use jsonwebtoken::{Algorithm, DecodingKey};

/// Base64 for URLs without padding; bits that no byte needs are not looked at.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &alphabet::URL_SAFE,
    GeneralPurposeConfig::new()
        .with_encode_padding(false)
        .with_decode_allow_trailing_bits(true)
        .with_decode_padding_mode(DecodePaddingMode::RequireNone),
);

/// Why a token is refused. Displays as clients see it (status 401).
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum TokenError {
    #[error("token contains an invalid number of segments")]
    Segments,
    #[error("illegal base64 data at input byte {0}")]
    Base64(usize),
    #[error("{0}")]
    Json(String),
    #[error("signing method (alg) is unspecified.")]
    AlgorithmUnspecified,
    #[error("signing method (alg) is unavailable.")]
    AlgorithmUnavailable,
    #[error("unexpected signing method: {0}")]
    AlgorithmUnexpected(String),
    #[error("signature is invalid")]
    Signature,
    #[error("Token is expired")]
    Expired,
    #[error("Token used before issued")]
    UsedBeforeIssued,
    #[error("Token is not valid yet")]
    NotYetValid,
    #[error("token expiration required")]
    ExpirationRequired,
    #[error("username in token must be a string")]
    UsernameNoString,
    #[error("token must contain a username")]
    UsernameEmpty,
}

/// Checks a token and returns the user that it names. `now` is in seconds since 1970.
pub(super) fn verify(token: &str, secret: &str, now: i64) -> Result<String, TokenError> {
    let mut segments = token.split('.');
    let (Some(header), Some(claims), Some(signature), None) =
        (segments.next(), segments.next(), segments.next(), segments.next())
    else {
        return Err(TokenError::Segments);
    };
    let header = read_header(&decoded(header)?)?;
    let claims_text = decoded(claims)?;
    let claims = read_claims(&claims_text)?;
    let algorithm = algorithm(&header)?;

    decoded(signature)?;
    let message_len = token.len() - signature.len() - 1;
    let key = DecodingKey::from_secret(secret.as_bytes());
    let message = &token.as_bytes()[..message_len];
    let good = jsonwebtoken::crypto::verify(signature, message, &key, algorithm).unwrap_or(false);
    // An empty secret is one that everybody knows.
    if secret.is_empty() || !good {
        return Err(TokenError::Signature);
    }
    check_times(&claims, now)?;
    user(&claims)
}

fn decoded(segment: &str) -> Result<Vec<u8>, TokenError> {
    BASE64.decode(segment).map_err(|_| {
        let bad = segment.bytes().position(|b| !b.is_ascii_alphanumeric() && b != b'-' && b != b'_');
        TokenError::Base64(bad.unwrap_or(segment.len()))
    })
}

fn read_header(text: &[u8]) -> Result<Members, TokenError> {
    let (members, end) = read_object(text).map_err(|error| match error {
        ObjectError::Blank | ObjectError::Ended => TokenError::Json("unexpected end of JSON input".to_owned()),
        other => json_error(other, "map[string]interface {}"),
    })?;
    trailing(text, end).map_or(Ok(members), |words| Err(TokenError::Json(words)))
}

fn read_claims(text: &[u8]) -> Result<Members, TokenError> {
    read_object(text).map(|(members, _)| members).map_err(|error| json_error(error, "jwt.MapClaims"))
}

fn json_error(error: ObjectError, go_type: &str) -> TokenError {
    TokenError::Json(match error {
        ObjectError::Blank => "EOF".to_owned(),
        ObjectError::Ended => "unexpected EOF".to_owned(),
        ObjectError::Syntax(text) => text,
        ObjectError::Kind(kind) => format!("json: cannot unmarshal {kind} into Go value of type {go_type}"),
    })
}

fn algorithm(header: &Members) -> Result<Algorithm, TokenError> {
    let Some(Member::String(name)) = last(header, "alg") else { return Err(TokenError::AlgorithmUnspecified) };
    match name.as_str() {
        "HS256" => Ok(Algorithm::HS256),
        "HS384" => Ok(Algorithm::HS384),
        "HS512" => Ok(Algorithm::HS512),
        "none" | "RS256" | "RS384" | "RS512" | "ES256" | "ES384" | "ES512" | "PS256" | "PS384" | "PS512" => {
            Err(TokenError::AlgorithmUnexpected(name.clone()))
        }
        _ => Err(TokenError::AlgorithmUnavailable),
    }
}

/// The member that counts: the last of its name.
fn last<'m>(members: &'m Members, name: &str) -> Option<&'m Member> {
    members.iter().rev().find(|(n, _)| n == name).map(|(_, value)| value)
}

/// A claim that is a number, in whole seconds.
fn seconds(claims: &Members, name: &str) -> Option<i64> {
    match last(claims, name) {
        Some(Member::Number(text)) => text.parse::<f64>().ok().map(|seconds| seconds as i64),
        _ => None,
    }
}

fn check_times(claims: &Members, now: i64) -> Result<(), TokenError> {
    // Zero counts as not given; of several faults the last named is reported.
    let given = |name| seconds(claims, name).filter(|&seconds| seconds != 0);
    if given("nbf").is_some_and(|not_before| now < not_before) {
        return Err(TokenError::NotYetValid);
    }
    if given("iat").is_some_and(|issued| now < issued) {
        return Err(TokenError::UsedBeforeIssued);
    }
    match given("exp") {
        Some(expires) if now > expires => Err(TokenError::Expired),
        Some(_) => Ok(()),
        None => Err(TokenError::ExpirationRequired),
    }
}

fn user(claims: &Members) -> Result<String, TokenError> {
    match last(claims, "username") {
        Some(Member::String(name)) if name.is_empty() => Err(TokenError::UsernameEmpty),
        Some(Member::String(name)) => Ok(name.clone()),
        _ => Err(TokenError::UsernameNoString),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use jsonwebtoken::EncodingKey;

    const NOW: i64 = 1_500_000_000;
    const SECRET: &str = "hush";

    /// A token with this header and these claims, signed by `algorithm` with `secret`.
    fn token(header: &str, claims: &str, algorithm: Algorithm, secret: &str) -> String {
        let message = format!("{}.{}", BASE64.encode(header), BASE64.encode(claims));
        let key = EncodingKey::from_secret(secret.as_bytes());
        let signature = jsonwebtoken::crypto::sign(message.as_bytes(), &key, algorithm).unwrap();
        format!("{message}.{signature}")
    }

    /// What comes of a well-signed token with these claims.
    fn check(claims: &str, want: Result<&str, TokenError>) {
        let token = token(r#"{"alg":"HS256","typ":"JWT"}"#, claims, Algorithm::HS256, SECRET);
        assert_eq!(verify(&token, SECRET, NOW), want.map(str::to_owned), "{claims}");
    }

    // spec: auth.token.1
    #[test]
    fn three_hmac_algorithms_are_accepted() {
        let claims = r#"{"username":"root","exp":4102444800}"#;
        for (name, algorithm) in [("HS256", Algorithm::HS256), ("HS384", Algorithm::HS384), ("HS512", Algorithm::HS512)]
        {
            let token = token(&format!(r#"{{"alg":"{name}"}}"#), claims, algorithm, SECRET);
            assert_eq!(verify(&token, SECRET, NOW), Ok("root".to_owned()));
            assert_eq!(verify(&token, "other", NOW), Err(TokenError::Signature));
        }
        // A token made by another implementation.
        let known = "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJ1c2VybmFtZSI6InJvb3QiLCJleHAiOjQxMDI0NDQ4MDB9\
                     .kEYIfwIgIRAG9ECWB3xx3yRFLs-e4JGD079Wz275Dlw";
        assert_eq!(verify(known, SECRET, NOW), Ok("root".to_owned()));
    }

    // spec: auth.token.2
    #[test]
    fn without_a_shared_secret_no_token_is_good() {
        let claims = r#"{"username":"root","exp":4102444800}"#;
        let token = token(r#"{"alg":"HS256"}"#, claims, Algorithm::HS256, "");
        assert_eq!(verify(&token, "", NOW), Err(TokenError::Signature));
    }

    // spec: auth.token.3
    #[test]
    fn other_algorithms_are_refused() {
        let claims = r#"{"username":"root","exp":4102444800}"#;
        let with = |header: &str| verify(&token(header, claims, Algorithm::HS256, SECRET), SECRET, NOW);
        for name in ["none", "RS256", "ES256"] {
            assert_eq!(with(&format!(r#"{{"alg":"{name}"}}"#)), Err(TokenError::AlgorithmUnexpected(name.into())));
        }
        assert_eq!(with(r#"{"alg":"hs256"}"#), Err(TokenError::AlgorithmUnavailable));
        assert_eq!(with(r#"{"typ":"JWT"}"#), Err(TokenError::AlgorithmUnspecified));
        assert_eq!(with("{"), Err(TokenError::Json("unexpected end of JSON input".into())));
        assert_eq!(with("{} x"), Err(TokenError::Json("invalid character 'x' after top-level value".into())));
    }

    // spec: auth.token.4
    #[test]
    fn the_shape_is_checked_first() {
        let check = |token: &str, error| assert_eq!(verify(token, SECRET, NOW), Err(error), "{token}");
        check("abc", TokenError::Segments);
        check("a.b", TokenError::Segments);
        check("a.b.c.d", TokenError::Segments);
        check("a.b.c", TokenError::Base64(1));
        check("YW!j.b.c", TokenError::Base64(2));
        check("..", TokenError::Json("unexpected end of JSON input".into()));
        let claims = |claims: &str| token(r#"{"alg":"HS256"}"#, claims, Algorithm::HS256, SECRET);
        let json = |text: &str| TokenError::Json(text.to_owned());
        check(&claims("not json"), json("invalid character 'o' in literal null (expecting 'u')"));
        check(&claims("[]"), json("json: cannot unmarshal array into Go value of type jwt.MapClaims"));
        check(&claims(""), json("EOF"));
    }

    // spec: auth.token.5
    #[test]
    fn times_are_checked_after_the_signature() {
        let expired = token(r#"{"alg":"HS256"}"#, r#"{"username":"root","exp":1}"#, Algorithm::HS256, "other");
        assert_eq!(verify(&expired, SECRET, NOW), Err(TokenError::Signature));
        check(r#"{"username":"root","exp":1}"#, Err(TokenError::Expired));
        check(r#"{"username":"root","exp":1400000000.5}"#, Err(TokenError::Expired));
        check(r#"{"username":"root","exp":-5}"#, Err(TokenError::Expired));
        check(r#"{"username":"root","exp":1500000000}"#, Ok("root"));
        check(r#"{"username":"root","exp":4102444800,"nbf":4102444800}"#, Err(TokenError::NotYetValid));
        check(r#"{"username":"root","exp":4102444800,"iat":4102444800}"#, Err(TokenError::UsedBeforeIssued));
        check(r#"{"username":"root","exp":4102444800,"iat":1000,"nbf":1000}"#, Ok("root"));
        for exp in ["null", "0", "\"4102444800\""] {
            check(&format!(r#"{{"username":"root","exp":{exp}}}"#), Err(TokenError::ExpirationRequired));
        }
        check(r#"{"username":"root"}"#, Err(TokenError::ExpirationRequired));
    }

    // spec: auth.token.6
    #[test]
    fn the_username_must_be_a_text() {
        check(r#"{"exp":4102444800}"#, Err(TokenError::UsernameNoString));
        check(r#"{"exp":4102444800,"username":5}"#, Err(TokenError::UsernameNoString));
        check(r#"{"exp":4102444800,"username":""}"#, Err(TokenError::UsernameEmpty));
        check(r#"{"exp":4102444800,"username":"a"} extra"#, Ok("a"));
    }
}
