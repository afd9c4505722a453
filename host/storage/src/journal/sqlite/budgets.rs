//! What the runs of a batch have spent of budgets.

use std::collections::HashSet;

use sqlx::SqliteConnection;
use uuid::Uuid;

use super::{HexId, json};
use crate::{
    StorageError,
    budget::add_spent,
    journal::{RunCommit, spending},
};

pub(super) async fn settle(connection: &mut SqliteConnection, runs: &[Box<RunCommit>]) -> Result<(), StorageError> {
    if spending::each(runs).next().is_none() {
        return Ok(());
    }
    let new = stored(connection, runs).await?;
    let sums = spending::sums(runs, |id| new.contains(&id.0));
    let spent: Vec<_> =
        sums.iter().map(|((org, budget, period), amount)| (HexId(org.0), HexId(budget.0), period, amount)).collect();
    let ended: Vec<_> = spending::each(runs)
        .map(|(org, run, spent)| (HexId(org.0), HexId(spent.budget.0), spent.period.timestamp_micros(), HexId(run.0)))
        .collect();
    sqlx::query(concat!(
        "WITH new AS MATERIALIZED (SELECT value AS r FROM jsonb_each($1))
         INSERT INTO budget_period (org_id, budget_id, period, spent)
         SELECT unhex(r ->> 0), unhex(r ->> 1), r ->> 2, r ->> 3 FROM new WHERE true
         ON CONFLICT (org_id, budget_id, period) DO UPDATE SET spent = ",
        add_spent!("budget_period"),
        ";
         WITH ended AS MATERIALIZED (SELECT value AS r FROM jsonb_each($2))
         DELETE FROM budget_reservation WHERE (org_id, budget_id, period, run_id) IN
           (SELECT unhex(r ->> 0), unhex(r ->> 1), r ->> 2, unhex(r ->> 3) FROM ended)"
    ))
    .bind(json(&spent)?)
    .bind(json(&ended)?)
    .execute(connection)
    .await?;
    Ok(())
}

/// Which of the records that may be repeats are none: those that are there, for nothing else has their ids.
async fn stored(connection: &mut SqliteConnection, runs: &[Box<RunCommit>]) -> Result<HashSet<Uuid>, StorageError> {
    let perhaps: Vec<_> = spending::each(runs)
        .flat_map(|(org, _, spent)| spent.perhaps.iter().map(move |(id, _)| (HexId(org.0), HexId(id.0))))
        .collect();
    if perhaps.is_empty() {
        return Ok(HashSet::new());
    }
    let found: Vec<(Uuid,)> = sqlx::query_as(
        "WITH asked AS MATERIALIZED (SELECT value AS r FROM jsonb_each($1))
         SELECT id FROM usage_record WHERE (org_id, id) IN (SELECT unhex(r ->> 0), unhex(r ->> 1) FROM asked)",
    )
    .bind(json(&perhaps)?)
    .fetch_all(connection)
    .await?;
    Ok(found.into_iter().map(|(id,)| id).collect())
}
