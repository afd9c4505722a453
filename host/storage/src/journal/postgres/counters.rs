//! What the runs of a batch add to the live counters.
//!
//! Late in the transaction, because a counter's row is locked from here to the commit: of several hubs that serve one org,
//! one at a time passes this point, and what comes before it they do side by side.

use std::collections::HashSet;

use sqlx::PgConnection;
use uuid::Uuid;

use super::column;
use crate::{
    StorageError,
    column::signed,
    journal::{
        RunCommit,
        counters::{self, added},
    },
    text::Text,
};

/// `new`: the records with ids of their own that were stored; the others of that kind were repeats.
pub(super) async fn add(
    connection: &mut PgConnection,
    runs: &[Box<RunCommit>],
    new: &HashSet<Uuid>,
) -> Result<(), StorageError> {
    let sums = counters::sums(runs, |usage| usage.dedupe.is_none() || new.contains(&usage.id.0));
    let sums: Vec<_> = sums.into_iter().collect();
    if sums.is_empty() {
        return Ok(());
    }
    sqlx::query(concat!(
        "INSERT INTO usage_counter (org_id, hour, plugin, meter, metric, per, quantity)
         SELECT * FROM unnest($1::uuid[], $2::bigint[], $3::text[], $4::text[], $5::text[], $6::bigint[], $7::bigint[])
           AS new (org_id, hour, plugin, meter, metric, per, quantity)
         ORDER BY org_id, hour, plugin COLLATE \"C\", meter COLLATE \"C\", metric COLLATE \"C\", per
         ON CONFLICT (org_id, hour, plugin, meter, metric, per) DO UPDATE SET quantity = ",
        added!()
    ))
    .bind(column(&sums, |(key, _)| key.org.0))
    .bind(column(&sums, |(key, _)| key.hour))
    .bind(column(&sums, |(key, _)| key.plugin))
    .bind(column(&sums, |(key, _)| Text(key.meter)))
    .bind(column(&sums, |(key, _)| key.metric))
    .bind(column(&sums, |(key, _)| i64::from(key.per)))
    .bind(column(&sums, |(_, quantity)| signed(*quantity)))
    .execute(connection)
    .await?;
    Ok(())
}
