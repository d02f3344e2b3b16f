//! Users and their privileges: CREATE USER, SET PASSWORD, GRANT, REVOKE.

use winnow::Parser;
use winnow::combinator::{opt, preceded};

use super::fault::Parsed;
use super::input::{Input, begin_password, end_password};
use super::tokens::{clause, identifier, keyword, kind, string, token};
use crate::ast::{BinaryOp, Definition, Password, Privilege};
use crate::token::{Keyword, Kind};

/// Parses the rest of CREATE USER.
pub(super) fn create<'t>(input: &mut Input<'t>) -> Parsed<'t, Definition> {
    let name = identifier(input)?;
    let password = preceded((keyword(Keyword::With), keyword(Keyword::Password)), password).parse_next(input)?;
    let admin =
        clause(Keyword::With, |input| (keyword(Keyword::All), keyword(Keyword::Privileges)).parse_next(input))(input)?
            .is_some();
    Ok(Definition::CreateUser { name, password, admin })
}

/// Parses the rest of a statement after SET.
pub(super) fn set_password<'t>(input: &mut Input<'t>) -> Parsed<'t, Definition> {
    let user = preceded((keyword(Keyword::Password), keyword(Keyword::For)), identifier).parse_next(input)?;
    let password = preceded(kind(Kind::Operator(BinaryOp::Equal), "="), password).parse_next(input)?;
    Ok(Definition::SetPassword { user, password })
}

/// A password, of which messages quote nothing.
fn password<'t>(input: &mut Input<'t>) -> Parsed<'t, Password> {
    begin_password(input);
    let password = string(input)?;
    end_password(input);
    Ok(Password(password))
}

/// A privilege on a database and the user it concerns; `None` means all privileges on everything.
type Grant = (Option<(Privilege, String)>, String);

/// Parses the rest of a statement after GRANT.
pub(super) fn grant<'t>(input: &mut Input<'t>) -> Parsed<'t, Definition> {
    Ok(match privilege(input, Keyword::To, &["ON", "TO"])? {
        (Some((privilege, database)), user) => Definition::Grant { privilege, database, user },
        (None, user) => Definition::GrantAdmin { user },
    })
}

/// Parses the rest of a statement after REVOKE.
pub(super) fn revoke<'t>(input: &mut Input<'t>) -> Parsed<'t, Definition> {
    Ok(match privilege(input, Keyword::From, &["ON", "FROM"])? {
        (Some((privilege, database)), user) => Definition::Revoke { privilege, database, user },
        (None, user) => Definition::RevokeAdmin { user },
    })
}

/// `privilege ON database TO user` or `ALL TO user`, with `preposition` before the user.
fn privilege<'t>(
    input: &mut Input<'t>,
    preposition: Keyword,
    on_or_preposition: &'static [&'static str],
) -> Parsed<'t, Grant> {
    let word = token(input)?;
    let privilege = match word.kind {
        Kind::Keyword(Keyword::Read) => Privilege::Read,
        Kind::Keyword(Keyword::Write) => Privilege::Write,
        Kind::Keyword(Keyword::All) => {
            opt(keyword(Keyword::Privileges)).parse_next(input)?;
            Privilege::All
        }
        _ => return Err(word.unexpected(&["READ", "WRITE", "ALL [PRIVILEGES]"])),
    };
    let next = token(input)?;
    if next.is_keyword(Keyword::On) {
        let (database, user) = (identifier, preceded(keyword(preposition), identifier)).parse_next(input)?;
        return Ok((Some((privilege, database)), user));
    }
    if privilege != Privilege::All {
        return Err(next.missing("ON"));
    }
    if !next.is_keyword(preposition) {
        return Err(next.unexpected(on_or_preposition));
    }
    Ok((None, identifier(input)?))
}
