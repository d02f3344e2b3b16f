//! Fills a server's answers into case files, so that a case can be written as requests only.
//!
//! A person must still judge the recording: it shows what a server did, not what is right.

use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use toml_edit::{DocumentMut, InlineTable, Item, Table, Value};

use crate::case::{self, CaseError};
use crate::case_file::text_value;
use crate::client::Response;
use crate::run::{self, Settings};

/// The headers that are recorded. Others vary, or are rules for every response of the file.
const RECORDED_HEADERS: [&str; 2] = ["Content-Type", "Www-Authenticate"];

/// Why a file cannot be filled in.
#[derive(Debug, thiserror::Error)]
pub enum RecordError {
    /// The file cannot be read or written.
    #[error("{0}: {1}")]
    File(PathBuf, std::io::Error),
    /// The file is not TOML.
    #[error("{0}: {1}")]
    Syntax(PathBuf, toml_edit::TomlError),
    /// The file has a mistake.
    #[error(transparent)]
    Case(#[from] CaseError),
    /// The server did not answer.
    #[error("{0}: {1}")]
    NoAnswer(case::CaseId, String),
}

/// Fills in the missing answers of a file, or all answers if `again`, and returns their number.
pub async fn fill_in(settings: &Settings, path: &Path, again: bool) -> Result<usize, RecordError> {
    let text = std::fs::read_to_string(path).map_err(|error| RecordError::File(path.to_owned(), error))?;
    let mut document: DocumentMut = text.parse().map_err(|error| RecordError::Syntax(path.to_owned(), error))?;
    let mut wanted: Vec<Vec<bool>> = Vec::new();
    for case in cases(&mut document) {
        wanted.push(steps(case).map(|step| again || !step.contains_key("response")).collect());
    }
    for step in cases(&mut document).flat_map(steps).filter(|step| !step.contains_key("response")) {
        step.insert("response", Item::Value(Value::from_iter([("status", 200)])));
    }
    // With placeholders in the gaps, the file can be read and run like any other.
    let parsed = case::parse_file(&path.display().to_string(), &document.to_string())?;
    let mut filled = 0;
    for ((case, wanted), table) in parsed.iter().zip(wanted).zip(cases(&mut document)) {
        if !wanted.contains(&true) {
            continue;
        }
        let responses =
            run::replay(settings, case).await.map_err(|error| RecordError::NoAnswer(case.id.clone(), error))?;
        for ((step, response), _) in steps(table).zip(responses).zip(wanted).filter(|(_, wanted)| *wanted) {
            step.insert("response", Item::Table(response_table(&response)));
            filled += 1;
        }
    }
    std::fs::write(path, document.to_string()).map_err(|error| RecordError::File(path.to_owned(), error))?;
    Ok(filled)
}

fn cases(document: &mut DocumentMut) -> impl Iterator<Item = &mut Table> {
    document.get_mut("case").and_then(Item::as_array_of_tables_mut).into_iter().flat_map(|cases| cases.iter_mut())
}

fn steps(case: &mut Table) -> impl Iterator<Item = &mut Table> {
    case.get_mut("step").and_then(Item::as_array_of_tables_mut).into_iter().flat_map(|steps| steps.iter_mut())
}

/// Returns an answer as dotted keys: `response.status = ...`.
fn response_table(response: &Response) -> Table {
    let mut table = Table::new();
    table.set_dotted(true);
    table.insert("status", toml_edit::value(i64::from(response.status)));
    let mut headers = InlineTable::new();
    for name in RECORDED_HEADERS {
        if let Some(value) = response.header(name) {
            headers.insert(name, value.into());
        }
    }
    if !headers.is_empty() {
        table.insert("headers", toml_edit::value(headers));
    }
    if let Ok(body) = std::str::from_utf8(&response.body) {
        table.insert("body", Item::Value(text_value(body)));
    } else {
        table.insert("body_base64", toml_edit::value(BASE64.encode(&response.body)));
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn missing_answers_are_filled_in_and_the_rest_of_the_file_is_kept() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let settings = Settings::new(format!("http://{}", listener.local_addr().unwrap()).parse().unwrap());
        tokio::spawn(async move {
            use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
            while let Ok((mut stream, _)) = listener.accept().await {
                let mut request = [0; 1024];
                let _ = stream.read(&mut request).await;
                let answer = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 3\r\n\r\nhi\n";
                let _ = stream.write_all(answer).await;
            }
        });
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("cases.toml");
        let text = "# A comment.\nabout = 'x'\nlevel = 'observed'\n\n[[case]]\nid = 'a.b'\nabout = 'y'\nclauses = ['a.1']\n\n\
                    [[case.step]]\nrequest = 'GET /x'\n";
        std::fs::write(&path, text).unwrap();
        assert_eq!(fill_in(&settings, &path, false).await.unwrap(), 1);
        let filled = std::fs::read_to_string(&path).unwrap();
        let answer = "response.status = 200\nresponse.headers = { Content-Type = \"text/plain\" }\nresponse.body = '''\nhi\n'''\n";
        assert_eq!(filled, format!("{text}{answer}"));
        assert_eq!(fill_in(&settings, &path, false).await.unwrap(), 0);
    }
}
