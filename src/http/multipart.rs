//! Multipart bodies, read as Go's `mime/multipart` reads them: lines may end in LF if the first one does, and parts may be in
//! `quoted-printable`. What the parts mean is left to `query`.

use std::borrow::Cow;

use bstr::ByteSlice;

/// A field or a file of a body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Part<'b> {
    pub(super) name: Vec<u8>,
    pub(super) is_file: bool,
    pub(super) content: Cow<'b, [u8]>,
}

/// Why the parts of a body are not read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum MultipartError {
    Malformed,
    TooMany,
}

/// Reads all parts of `body` that have a name. `content_type` is the header that says how parts are separated.
pub(super) fn read_parts<'b>(
    content_type: &[u8],
    body: &'b [u8],
    parts_max: usize,
) -> Result<Vec<Part<'b>>, MultipartError> {
    let boundary = parameter(content_type, b"boundary").filter(|boundary| !boundary.is_empty());
    let dashes = [b"--", &boundary.ok_or(MultipartError::Malformed)?[..]].concat();
    let mut reader = Reader::begin(&dashes, body).ok_or(MultipartError::Malformed)?;
    let mut parts = Vec::new();
    let mut count = 0;
    while !reader.is_over {
        count += 1;
        if count > parts_max {
            return Err(MultipartError::TooMany);
        }
        parts.extend(reader.part().ok_or(MultipartError::Malformed)?);
    }
    Ok(parts)
}

/// Reads part after part.
struct Reader<'b, 'd> {
    /// What every line between two parts begins with.
    dashes: &'d [u8],
    newline: &'static [u8],
    rest: &'b [u8],
    is_over: bool,
}

impl<'b, 'd> Reader<'b, 'd> {
    /// Goes to the first part.
    fn begin(dashes: &'d [u8], mut body: &'b [u8]) -> Option<Reader<'b, 'd>> {
        while !body.starts_with(dashes) {
            body = &body[body.find_byte(b'\n')? + 1..];
        }
        let line = &body[..body.find_byte(b'\n').map_or(body.len(), |at| at + 1)];
        let newline = if line.strip_prefix(dashes)?.trim_start_with(is_blank) == b"\n" { &b"\n"[..] } else { b"\r\n" };
        let mut reader = Reader { dashes, newline, rest: body, is_over: false };
        reader.pass_boundary()?;
        Some(reader)
    }

    /// Passes the line between two parts, or the one after the last part.
    fn pass_boundary(&mut self) -> Option<()> {
        let line_bytes = self.rest.find_byte(b'\n').map_or(self.rest.len(), |at| at + 1);
        let (line, rest) = self.rest.split_at(line_bytes);
        let end = line.strip_prefix(self.dashes)?;
        let after_last = end.strip_prefix(b"--").map(|end| end.trim_start_with(is_blank));
        self.is_over = after_last.is_some_and(|end| end.is_empty() || end == self.newline);
        self.rest = rest;
        (self.is_over || end.trim_start_with(is_blank) == self.newline).then_some(())
    }

    /// Reads the next part; nothing is left of one without a name.
    #[expect(clippy::option_option, reason = "the outer one is a body that is malformed")]
    fn part(&mut self) -> Option<Option<Part<'b>>> {
        let (mut disposition, mut is_quoted) = (&b""[..], false);
        loop {
            let (line, rest) = self.rest.split_at(self.rest.find_byte(b'\n')? + 1);
            self.rest = rest;
            let line = line.trim_ascii_end();
            if line.is_empty() {
                break;
            }
            let (name, value) = line.split_once_str(":")?;
            if name.eq_ignore_ascii_case(b"content-disposition") {
                disposition = value;
            } else if name.eq_ignore_ascii_case(b"content-transfer-encoding") {
                is_quoted = value.trim_ascii().eq_ignore_ascii_case(b"quoted-printable");
            }
        }
        let content = self.content()?;
        self.pass_boundary()?;
        let content = if is_quoted { Cow::Owned(unquoted(content)?) } else { Cow::Borrowed(content) };
        let kind = disposition.split_str(";").next().unwrap_or_default().trim_ascii();
        let name = parameter(disposition, b"name").filter(|name| !name.is_empty());
        let name = name.filter(|_| kind.eq_ignore_ascii_case(b"form-data"));
        let is_file = parameter(disposition, b"filename").is_some_and(|name| !name.is_empty());
        Some(name.map(|name| Part { name, is_file, content }))
    }

    /// Takes everything before the next boundary and the end of the line before it.
    fn content(&mut self) -> Option<&'b [u8]> {
        let is_boundary = |at: usize| {
            let after = self.rest[at..].strip_prefix(self.dashes)?;
            after.first().is_none_or(|byte| b" \t\r\n-".contains(byte)).then_some(())
        };
        if is_boundary(0).is_some() {
            return Some(&[]);
        }
        let ends = self.rest.find_iter(self.newline);
        let end = ends.into_iter().find(|at| is_boundary(at + self.newline.len()).is_some())?;
        let content = &self.rest[..end];
        self.rest = &self.rest[end + self.newline.len()..];
        Some(content)
    }
}

fn is_blank(c: char) -> bool {
    matches!(c, ' ' | '\t')
}

/// Returns the value of a parameter in a header such as `form-data; name="q"`.
fn parameter(header: &[u8], wanted: &[u8]) -> Option<Vec<u8>> {
    let mut rest = &header[header.find_byte(b';')? + 1..];
    loop {
        let (name, after) = rest.split_once_str("=")?;
        let (value, after) = parameter_value(after)?;
        let name = name.trim_ascii();
        // `filename*=utf-8''a%20b`: only whether it is empty matters.
        if name.strip_suffix(b"*").unwrap_or(name).eq_ignore_ascii_case(wanted) {
            return Some(value);
        }
        rest = after.trim_ascii_start().strip_prefix(b";")?;
    }
}

/// Reads a token or a quoted string at the beginning of `text`. Returns it and what follows.
fn parameter_value(text: &[u8]) -> Option<(Vec<u8>, &[u8])> {
    let text = text.trim_ascii_start();
    let Some(quoted) = text.strip_prefix(b"\"") else {
        let end = text.find_byteset(b"; \t").unwrap_or(text.len());
        return Some((text[..end].to_vec(), &text[end..]));
    };
    let mut value = Vec::new();
    let mut at = 0;
    loop {
        match *quoted.get(at)? {
            b'"' => return Some((value, &quoted[at + 1..])),
            // Old browsers send the path of a file with single backslashes.
            b'\\' if matches!(quoted.get(at + 1), Some(b'"' | b'\\')) => at += 1,
            _ => {}
        }
        value.push(quoted[at]);
        at += 1;
    }
}

/// Decodes `quoted-printable` (RFC 2045, 6.7).
fn unquoted(text: &[u8]) -> Option<Vec<u8>> {
    let mut content = Vec::with_capacity(text.len());
    for whole in text.split_inclusive(|&byte| byte == b'\n') {
        let line = whole.trim_end_with(|c| matches!(c, ' ' | '\t' | '\r' | '\n'));
        let newline: &[u8] = match whole {
            _ if whole.ends_with(b"\r\n") => b"\r\n",
            _ if whole.ends_with(b"\n") => b"\n",
            _ => b"",
        };
        // An equals sign at the end joins the line with the next one.
        let (line, newline) = line.strip_suffix(b"=").map_or((line, newline), |line| (line, b""));
        let mut rest = line.iter();
        while let Some(&byte) = rest.next() {
            let mut ahead = rest.clone();
            let mut digit = || (*ahead.next()? as char).to_digit(16);
            match (byte, digit(), digit()) {
                (b'=', Some(high), Some(low)) => {
                    content.push((high * 16 + low) as u8);
                    rest.nth(1);
                }
                (b'\t' | b' '..=b'~' | 0x80.., _, _) => content.push(byte),
                _ => return None,
            }
        }
        content.extend_from_slice(newline);
    }
    Some(content)
}

#[cfg(test)]
mod tests {
    use super::*;

    const CONTENT_TYPE: &[u8] = b"multipart/form-data; charset=x; boundary=\"b b\"";

    fn read(body: &str) -> Result<Vec<Part<'_>>, MultipartError> {
        read_parts(CONTENT_TYPE, body.as_bytes(), 3)
    }

    /// Checks the parts of a body, with LF and with CRLF: name, whether it is a file, content.
    fn check(body: &str, parts: &[(&str, bool, &str)]) {
        for newline in ["\n", "\r\n"] {
            let body = body.replace('\n', newline);
            let read: Vec<_> = read(&body).unwrap();
            let wanted: Vec<_> = parts
                .iter()
                .map(|&(name, is_file, content)| Part {
                    name: name.into(),
                    is_file,
                    content: content.replace('\n', newline).into_bytes().into(),
                })
                .collect();
            assert_eq!(read, wanted, "{body:?}");
        }
    }

    // spec: http.multipart.1, http.multipart.4
    #[test]
    fn parts_are_read_whatever_ends_their_lines() {
        let part = "--b b\nContent-Disposition: form-data; name=\"q\"; filename=\"a\\\"b;c\"\n\n";
        check(&format!("preamble\n{part}SHOW\n\n--b bx\n--b b-- \nrest"), &[("q", true, "SHOW\n\n--b bx")]);
        check(&format!("{part}--b b--"), &[("q", true, "")]);
        check(&format!("{part}\n--b b \n\n\n--b b--"), &[("q", true, "")]);
        check("--b b--", &[]);
        check("--b b\nX: y\ncontent-disposition: form-data; name=db\n\nd\n--b b--", &[("db", false, "d")]);
        check("--b b\nContent-Disposition: attachment; name=db\n\nd\n--b b--", &[]);
        check("--b b\nContent-Disposition: form-data; name=a; filename=\"\"\n\nd\n--b b--", &[("a", false, "d")]);
    }

    // spec: http.multipart.4
    #[test]
    fn quoted_printable_is_decoded() {
        let part = |content: &str| {
            let headers = "Content-Transfer-Encoding: quoted-printable\nContent-Disposition: form-data; name=q";
            format!("--b b\n{headers}\n\n{content}\n--b b--\n")
        };
        check(&part("a=3D=20b =\n c=3d \nd"), &[("q", false, "a= b  c=\nd")]);
        check(&part("a=zz"), &[("q", false, "a=zz")]);
        assert_eq!(read(&part("a\u{1}")), Err(MultipartError::Malformed));
    }

    // spec: http.multipart.3, http.limits.9
    #[test]
    fn what_is_malformed_has_no_parts() {
        let part = "--b b\r\nContent-Disposition: form-data; name=q\r\n\r\nx\r\n";
        for body in
            ["", "--b", "--b b", part, &part.replace("Content-D", "\r\nContent-D"), &format!("{part}--b b-\r\n")]
        {
            assert_eq!(read(body), Err(MultipartError::Malformed), "{body:?}");
        }
        assert_eq!(read(&part.replace(": ", " ")), Err(MultipartError::Malformed));
        assert_eq!(read(&(part.repeat(3) + "--b b--")).map(|parts| parts.len()), Ok(3));
        assert_eq!(read(&(part.repeat(4) + "--b b--")), Err(MultipartError::TooMany));
        assert_eq!(read_parts(b"multipart/form-data", part.as_bytes(), 3), Err(MultipartError::Malformed));
        assert_eq!(read_parts(b"multipart/form-data; boundary=\"b", b"", 3), Err(MultipartError::Malformed));
    }

    proptest::proptest! {
        #[test]
        fn any_body_is_read_or_refused(body in "(--b b|\r?\n|: |=|form-data; name=q|Content-Disposition|--){0,40}") {
            let _ = read(&body);
            let _ = unquoted(body.as_bytes());
        }
    }
}
