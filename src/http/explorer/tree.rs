//! The page with the tree of databases: each level of the open path is a SHOW statement.

use std::sync::Arc;

use fluxstone_explorer::{DatabaseCounts, OpenMeasurement, TreePage, quoted_name, tree_page};

use super::collect::Part;
use super::listing::{PART_NAMES, Show, list};
use super::run::{Statements, run};
use super::visitor::Visitor;
use crate::api::Api;
use crate::context::ServerContext;
use crate::parameters::Parameters;
use crate::refusal::Refusal;
use crate::socket::Peer;

/// Returns the page. `db`, `m` and `key` are the open path, `part` and `mpart` the parts of its levels.
pub(super) async fn tree<A: Api>(
    context: &Arc<ServerContext<A>>,
    client: &Peer,
    visitor: &Visitor,
    parameters: &Parameters,
) -> Result<String, Refusal> {
    let [database, measurement, key] = ["db", "m", "key"].map(|name| parameters.text(name));
    let number = |name: &str| parameters.text(name).parse::<usize>().unwrap_or_default();
    let (part, measurement_part) = (number("part"), number("mpart"));
    let show =
        |text: String, column, part| list(context, client, visitor, Show { database: &database, text, column, part });

    let mut tree = TreePage { part_rows: PART_NAMES, database: database.clone(), ..TreePage::default() };
    tree.databases = show("SHOW DATABASES".to_owned(), 0, if key.is_empty() { part } else { 0 }).await?;
    tree.counts = counts(context, client, visitor).await?;
    if !database.is_empty() {
        tree.policies = show(format!("SHOW RETENTION POLICIES ON {}", quoted_name(&database)), 0, 0).await?;
        for row in &mut tree.policies.rows {
            name_cells(row);
        }
        tree.measurements = show("SHOW MEASUREMENTS".to_owned(), 0, measurement_part).await?;
    }
    if !database.is_empty() && !measurement.is_empty() {
        let source = quoted_name(&measurement);
        let tag = if key.is_empty() {
            None
        } else {
            let text = format!("SHOW TAG VALUES FROM {source} WITH KEY = {}", quoted_name(&key));
            Some((key.clone(), show(text, 1, part).await?))
        };
        tree.open = Some(OpenMeasurement {
            tag_keys: show(format!("SHOW TAG KEYS FROM {source}"), 0, 0).await?,
            field_keys: show(format!("SHOW FIELD KEYS FROM {source}"), 0, 0).await?,
            name: measurement,
            tag,
        });
    }
    Ok(tree_page(&visitor.frame, &tree))
}

/// Says what the columns of SHOW RETENTION POLICIES are.
fn name_cells(row: &mut [String]) {
    let names = ["", "duration ", "shard groups of ", "replicas ", ""];
    for (cell, name) in row.iter_mut().zip(names) {
        cell.insert_str(0, name);
    }
    if let Some(default) = row.get_mut(4) {
        *default = if default == "true" { "default".to_owned() } else { String::new() };
    }
}

/// The counts of databases, as far as the visitor may see them.
async fn counts<A: Api>(
    context: &Arc<ServerContext<A>>,
    client: &Peer,
    visitor: &Visitor,
) -> Result<Vec<DatabaseCounts>, Refusal> {
    let part = Part { rows_before: 0, rows_max: PART_NAMES, limit: None };
    let statements = Statements::reading(visitor, "SHOW STATS FOR 'database'".to_owned(), part);
    let collected = match run(context, client, statements).await {
        Ok(ran) => ran.collected.unwrap_or_default(),
        // Not an administrator.
        Err(Refusal::Query(_)) => return Ok(Vec::new()),
        Err(refusal) => return Err(refusal),
    };
    let series = collected.answers.into_iter().flat_map(|answer| answer.series);
    let counts = series.filter_map(|series| {
        let (_, database) = series.tags.iter().find(|(key, _)| key == "database")?;
        let value = |name: &str| {
            let column = series.columns.iter().position(|column| column == name)?;
            Some(series.rows.first()?.get(column)?.text())
        };
        Some(DatabaseCounts {
            database: database.clone(),
            measurements: value("numMeasurements")?,
            series: value("numSeries")?,
        })
    });
    Ok(counts.collect())
}
