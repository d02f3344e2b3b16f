//! Bearer tokens: JSON Web Tokens (RFC 7519), signed with HMAC and the shared secret.
//!
//! A token is checked in the order that clients of InfluxDB know, and refused with the same texts: shape, algorithm,
//! signature, times, user name. Without a shared secret every token is refused. Whether the named user exists is left to
//! [`credentials`](super::credentials).

use base64::Engine as _;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use fluxstone_go::json_object::{Member, Members, ObjectError, read_object, trailing};
use fluxstone_model::Clause;
use hmac::{Hmac, Mac};
use sha2::{Sha256, Sha384, Sha512};

/// Base64 for URLs without padding. Like Go, ignores the unused bits of the last character.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &alphabet::URL_SAFE,
    GeneralPurposeConfig::new()
        .with_encode_padding(false)
        .with_decode_allow_trailing_bits(true)
        .with_decode_padding_mode(DecodePaddingMode::RequireNone),
);

/// The last second of the year 9999.
const SECONDS_MAX: i64 = 253_402_300_799;

/// Why a token is refused. Displays as clients see it (status 401).
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum TokenError {
    #[error("token contains an invalid number of segments")]
    Segments,
    #[error("illegal base64 data at input byte {0}")]
    Base64(usize),
    #[error("{0}")]
    Json(String),
    /// The header names extensions that must be understood (RFC 7515, 4.1.11). None is.
    #[error("token has critical header parameters (crit)")]
    Critical,
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
    UsernameNotString,
    #[error("token must contain a username")]
    UsernameEmpty,
}

impl TokenError {
    /// The clause that the token does not keep.
    pub(super) fn clause(&self) -> Clause {
        match self {
            TokenError::Segments | TokenError::Base64(_) | TokenError::Json(_) => Clause::new("auth.token.4"),
            TokenError::Critical => Clause::new("auth.token.8"),
            TokenError::AlgorithmUnspecified
            | TokenError::AlgorithmUnavailable
            | TokenError::AlgorithmUnexpected(_) => Clause::new("auth.token.3"),
            TokenError::Signature
            | TokenError::Expired
            | TokenError::UsedBeforeIssued
            | TokenError::NotYetValid
            | TokenError::ExpirationRequired => Clause::new("auth.token.5"),
            TokenError::UsernameNotString | TokenError::UsernameEmpty => Clause::new("auth.token.6"),
        }
    }
}

/// Returns the user that a valid token names. `now` is in seconds since 1970.
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
    if last(&header, "crit").is_some() {
        return Err(TokenError::Critical);
    }

    let message_len = token.len() - signature.len() - 1;
    let message = &token.as_bytes()[..message_len];
    let signature = decoded(signature)?;
    // Everybody knows the empty secret.
    if secret.is_empty() || !algorithm.verifies(message, &signature, secret.as_bytes()) {
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

/// The signing algorithms that are accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Algorithm {
    Hs256,
    Hs384,
    Hs512,
}

impl Algorithm {
    /// Whether `signature` is the signature of `message` with `secret`. Takes the same time wherever it differs.
    fn verifies(self, message: &[u8], signature: &[u8], secret: &[u8]) -> bool {
        match self {
            Algorithm::Hs256 => verifies::<Hmac<Sha256>>(message, signature, secret),
            Algorithm::Hs384 => verifies::<Hmac<Sha384>>(message, signature, secret),
            Algorithm::Hs512 => verifies::<Hmac<Sha512>>(message, signature, secret),
        }
    }
}

fn verifies<M: Mac + hmac::digest::KeyInit>(message: &[u8], signature: &[u8], secret: &[u8]) -> bool {
    // HMAC takes keys of any length.
    let Ok(mut mac) = <M as Mac>::new_from_slice(secret) else { return false };
    mac.update(message);
    mac.verify_slice(signature).is_ok()
}

fn algorithm(header: &Members) -> Result<Algorithm, TokenError> {
    let Some(Member::String(name)) = last(header, "alg") else { return Err(TokenError::AlgorithmUnspecified) };
    match name.as_str() {
        "HS256" => Ok(Algorithm::Hs256),
        "HS384" => Ok(Algorithm::Hs384),
        "HS512" => Ok(Algorithm::Hs512),
        "none" | "RS256" | "RS384" | "RS512" | "ES256" | "ES384" | "ES512" | "PS256" | "PS384" | "PS512" => {
            Err(TokenError::AlgorithmUnexpected(name.clone()))
        }
        _ => Err(TokenError::AlgorithmUnavailable),
    }
}

/// The last member called `name`: earlier ones do not count.
fn last<'m>(members: &'m Members, name: &str) -> Option<&'m Member> {
    members.iter().rev().find(|(n, _)| n == name).map(|(_, value)| value)
}

/// The claim `name` in whole seconds, if it is a number.
fn seconds(claims: &Members, name: &str) -> Option<i64> {
    match last(claims, name) {
        Some(Member::Number(text)) => text.parse::<f64>().ok().map(|seconds| seconds as i64),
        _ => None,
    }
}

fn check_times(claims: &Members, now: i64) -> Result<(), TokenError> {
    // Zero counts as not given.
    let given = |name| seconds(claims, name).filter(|&seconds| seconds != 0);
    if given("nbf").is_some_and(|not_before| now < not_before) {
        return Err(TokenError::NotYetValid);
    }
    if given("iat").is_some_and(|issued| now < issued) {
        return Err(TokenError::UsedBeforeIssued);
    }
    match given("exp") {
        Some(expires) if now > expires => Err(TokenError::Expired),
        Some(expires) if expires <= SECONDS_MAX => Ok(()),
        // A time that no calendar has is not an expiration.
        Some(_) | None => Err(TokenError::ExpirationRequired),
    }
}

fn user(claims: &Members) -> Result<String, TokenError> {
    match last(claims, "username") {
        Some(Member::String(name)) if name.is_empty() => Err(TokenError::UsernameEmpty),
        Some(Member::String(name)) => Ok(name.clone()),
        _ => Err(TokenError::UsernameNotString),
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    const NOW: i64 = 1_500_000_000;
    const SECRET: &str = "hush";

    /// A token with this header and these claims, signed by `algorithm` with `secret`.
    fn token(header: &str, claims: &str, algorithm: Algorithm, secret: &str) -> String {
        let message = format!("{}.{}", BASE64.encode(header), BASE64.encode(claims));
        let signature = match algorithm {
            Algorithm::Hs256 => sign::<Hmac<Sha256>>(&message, secret),
            Algorithm::Hs384 => sign::<Hmac<Sha384>>(&message, secret),
            Algorithm::Hs512 => sign::<Hmac<Sha512>>(&message, secret),
        };
        format!("{message}.{}", BASE64.encode(signature))
    }

    fn sign<M: Mac + hmac::digest::KeyInit>(message: &str, secret: &str) -> Vec<u8> {
        let mut mac = <M as Mac>::new_from_slice(secret.as_bytes()).unwrap();
        mac.update(message.as_bytes());
        mac.finalize().into_bytes().to_vec()
    }

    /// The example of RFC 7515, A.1: `{"iss":"joe","exp":1300819380,"http://example.com/is_root":true}`.
    const RFC7515_A1: &str = "eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9\
        .eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ\
        .dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";

    /// The key of RFC 7515, A.1.
    const RFC7515_A1_KEY: &str =
        "AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow";

    // spec: auth.token.1
    #[test]
    fn the_signature_of_the_rfc_s_example_is_verified() {
        let (message, signature) = RFC7515_A1.rsplit_once('.').unwrap();
        let signature = decoded(signature).unwrap();
        let key = decoded(RFC7515_A1_KEY).unwrap();
        let verifies = |signature: &[u8]| Algorithm::Hs256.verifies(message.as_bytes(), signature, &key);
        assert!(verifies(&signature));
        assert!(!verifies(&signature[..31]));
        assert!(!verifies(b""));
        for bit in 0..8 * signature.len() {
            let mut other = signature.clone();
            other[bit / 8] ^= 1 << (bit % 8);
            assert!(!verifies(&other), "bit {bit}");
        }
        assert!(!Algorithm::Hs512.verifies(message.as_bytes(), &signature, &key));
    }

    /// RFC 4231, test cases 1 and 6: a short key, and one that is longer than a block.
    #[test]
    fn hmac_matches_rfc_4231() {
        let check = |algorithm: Algorithm, message: &[u8], key: &[u8], hex: &str| {
            let byte = |at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap();
            let signature: Vec<u8> = (0..hex.len()).step_by(2).map(byte).collect();
            assert!(algorithm.verifies(message, &signature, key), "{algorithm:?}");
        };
        check(
            Algorithm::Hs256,
            b"Hi There",
            &[0x0b; 20],
            "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7",
        );
        check(
            Algorithm::Hs384,
            b"Hi There",
            &[0x0b; 20],
            "afd03944d84895626b0825f4ab46907f15f9dadbe4101ec682aa034c7cebc59cfaea9ea9076ede7f4af152e8b2fa9cb6",
        );
        check(
            Algorithm::Hs512,
            b"Hi There",
            &[0x0b; 20],
            "87aa7cdea5ef619d4ff0b4241a1d6cb02379f4e2ce4ec2787ad0b30545e17cde\
             daa833b7d6b8a702038b274eaea3f4e4be9d914eeb61f1702e696c203a126854",
        );
        check(
            Algorithm::Hs256,
            b"Test Using Larger Than Block-Size Key - Hash Key First",
            &[0xaa; 131],
            "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54",
        );
    }

    /// A token with these claims, signed by HS256 with `secret`.
    pub(crate) fn hs256_token(claims: &str, secret: &str) -> String {
        token(r#"{"alg":"HS256","typ":"JWT"}"#, claims, Algorithm::Hs256, secret)
    }

    /// Checks the outcome for a well-signed token with these claims.
    fn check(claims: &str, want: Result<&str, TokenError>) {
        let token = hs256_token(claims, SECRET);
        assert_eq!(verify(&token, SECRET, NOW), want.map(str::to_owned), "{claims}");
    }

    // spec: auth.token.1
    #[test]
    fn three_hmac_algorithms_are_accepted() {
        let claims = r#"{"username":"root","exp":4102444800}"#;
        for (name, algorithm) in [("HS256", Algorithm::Hs256), ("HS384", Algorithm::Hs384), ("HS512", Algorithm::Hs512)]
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
    fn without_a_shared_secret_every_token_is_refused() {
        let claims = r#"{"username":"root","exp":4102444800}"#;
        let token = token(r#"{"alg":"HS256"}"#, claims, Algorithm::Hs256, "");
        assert_eq!(verify(&token, "", NOW), Err(TokenError::Signature));
    }

    // spec: auth.token.3
    #[test]
    fn algorithms_other_than_hmac_are_refused() {
        let claims = r#"{"username":"root","exp":4102444800}"#;
        let with = |header: &str| verify(&token(header, claims, Algorithm::Hs256, SECRET), SECRET, NOW);
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
        let claims = |claims: &str| token(r#"{"alg":"HS256"}"#, claims, Algorithm::Hs256, SECRET);
        let json = |text: &str| TokenError::Json(text.to_owned());
        check(&claims("not json"), json("invalid character 'o' in literal null (expecting 'u')"));
        check(&claims("[]"), json("json: cannot unmarshal array into Go value of type jwt.MapClaims"));
        check(&claims(""), json("EOF"));
    }

    // spec: auth.token.5, auth.token.9
    #[test]
    fn times_are_checked_after_the_signature() {
        let expired = token(r#"{"alg":"HS256"}"#, r#"{"username":"root","exp":1}"#, Algorithm::Hs256, "other");
        assert_eq!(verify(&expired, SECRET, NOW), Err(TokenError::Signature));
        check(r#"{"username":"root","exp":1}"#, Err(TokenError::Expired));
        check(r#"{"username":"root","exp":1400000000.5}"#, Err(TokenError::Expired));
        check(r#"{"username":"root","exp":-5}"#, Err(TokenError::Expired));
        check(r#"{"username":"root","exp":1500000000}"#, Ok("root"));
        check(r#"{"username":"root","exp":4102444800,"nbf":4102444800}"#, Err(TokenError::NotYetValid));
        check(r#"{"username":"root","exp":4102444800,"iat":4102444800}"#, Err(TokenError::UsedBeforeIssued));
        check(r#"{"username":"root","exp":4102444800,"iat":1000,"nbf":1000}"#, Ok("root"));
        check(r#"{"username":"root","exp":253402300799}"#, Ok("root"));
        for exp in ["null", "0", "\"4102444800\"", "1e999", "253402300800", "1e300"] {
            check(&format!(r#"{{"username":"root","exp":{exp}}}"#), Err(TokenError::ExpirationRequired));
        }
        check(r#"{"username":"root"}"#, Err(TokenError::ExpirationRequired));
    }

    // spec: auth.token.8
    #[test]
    fn a_token_with_critical_extensions_is_refused() {
        let claims = r#"{"username":"root","exp":4102444800}"#;
        for crit in [r#"["exp"]"#, "[]", "null"] {
            let header = format!(r#"{{"alg":"HS256","crit":{crit}}}"#);
            let token = token(&header, claims, Algorithm::Hs256, SECRET);
            assert_eq!(verify(&token, SECRET, NOW), Err(TokenError::Critical));
        }
    }

    // spec: auth.token.6
    #[test]
    fn the_username_must_be_a_string() {
        check(r#"{"exp":4102444800}"#, Err(TokenError::UsernameNotString));
        check(r#"{"exp":4102444800,"username":5}"#, Err(TokenError::UsernameNotString));
        check(r#"{"exp":4102444800,"username":""}"#, Err(TokenError::UsernameEmpty));
        check(r#"{"exp":4102444800,"username":"a"} extra"#, Ok("a"));
    }
}
