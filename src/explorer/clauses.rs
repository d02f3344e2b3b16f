//! The texts of the specification's clauses, of which errors name one. They are found in its pages when a page shows one.

/// The pages whose clauses errors name.
const PAGES: [&str; 11] = [
    include_str!("../../spec/http.md"),
    include_str!("../../spec/authentication.md"),
    include_str!("../../spec/write.md"),
    include_str!("../../spec/line-protocol.md"),
    include_str!("../../spec/influxql.md"),
    include_str!("../../spec/select.md"),
    include_str!("../../spec/functions.md"),
    include_str!("../../spec/statements.md"),
    include_str!("../../spec/client-tests.md"),
    include_str!("../../spec/explorer.md"),
    include_str!("../../spec/compatibility.md"),
];

/// The text of a clause as the specification has it, in Markdown, without its identifier.
pub fn clause_text(id: &str) -> Option<&'static str> {
    if id.is_empty() || !id.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'.' || byte == b'-') {
        return None;
    }
    let mark = format!("\n**[{id}]** ");
    PAGES.iter().find_map(|page| {
        let (_, text) = page.split_once(&mark)?;
        let end = ["\n**[", "\n## ", "\n# ", "\n### "].iter().filter_map(|end| text.find(end)).min();
        Some(text[..end.unwrap_or(text.len())].trim_end())
    })
}
