//! What the runs of a batch have spent of budgets.

use std::collections::HashSet;

use sqlx::PgConnection;
use uuid::Uuid;

use super::column;
use crate::{
    StorageError,
    budget::add_spent,
    journal::{RunCommit, spending},
};

/// The rows of periods are locked from here to the commit, in one order for all who take several.
/// `new`: as in `counters.rs`.
pub(super) async fn settle(
    connection: &mut PgConnection,
    runs: &[Box<RunCommit>],
    new: &HashSet<Uuid>,
) -> Result<(), StorageError> {
    let sums: Vec<_> = spending::sums(runs, |id| new.contains(&id.0)).into_iter().collect();
    if sums.is_empty() {
        return Ok(());
    }
    sqlx::query(concat!(
        "INSERT INTO budget_period (org_id, budget_id, period, spent)
         SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::bigint[], $4::bigint[])
           AS new (org_id, budget_id, period, spent)
         ORDER BY org_id, budget_id, period
         ON CONFLICT (org_id, budget_id, period) DO UPDATE SET spent = ",
        add_spent!("budget_period")
    ))
    .bind(column(&sums, |((org, _, _), _)| org.0))
    .bind(column(&sums, |((_, budget, _), _)| budget.0))
    .bind(column(&sums, |((_, _, period), _)| *period))
    .bind(column(&sums, |(_, amount)| *amount))
    .execute(&mut *connection)
    .await?;
    let ended: Vec<_> = spending::each(runs).collect();
    sqlx::query(
        "DELETE FROM budget_reservation WHERE (org_id, budget_id, period, run_id) IN
           (SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::bigint[], $4::uuid[]))",
    )
    .bind(column(&ended, |(org, _, _)| org.0))
    .bind(column(&ended, |(_, _, spent)| spent.budget.0))
    .bind(column(&ended, |(_, _, spent)| spent.period.timestamp_micros()))
    .bind(column(&ended, |(_, run, _)| run.0))
    .execute(connection)
    .await?;
    Ok(())
}
