//! Webhooks as they are taken in, and what became of earlier ones.

use std::{collections::HashSet, sync::Arc};

use patchbay_model::webhook::Webhook;
use sqlx::PgConnection;

use super::{Keys, column, json_column, optional_text};
use crate::{
    StorageError,
    column::micros,
    journal::{Committed, RunCommit, parts},
    text::Text,
};

/// Says of each run if it has lost the webhook that it worked on, and keeps everybody else from those until the commit.
pub(super) async fn lost(
    connection: &mut PgConnection,
    runs: &[Box<RunCommit>],
) -> Result<Vec<Option<Committed>>, StorageError> {
    let rows = parts::worked_on(runs);
    let mut leased = Vec::with_capacity(rows.len());
    if !rows.is_empty() {
        let found: Vec<(i64,)> = sqlx::query_as(
            "SELECT wanted.place
             FROM unnest($1::bigint[], $2::uuid[], $3::uuid[], $4::bigint[]) AS wanted (place, org_id, id, lease)
             JOIN webhook ON webhook.org_id = wanted.org_id AND webhook.id = wanted.id
             WHERE webhook.status = 'pending' AND webhook.next_attempt_at = wanted.lease
             ORDER BY webhook.org_id, webhook.id
             FOR UPDATE OF webhook",
        )
        .bind(column(&rows, |(place, ..)| i64::try_from(*place).unwrap_or(i64::MAX)))
        .bind(column(&rows, |(_, org, _)| org.0))
        .bind(column(&rows, |(.., outcome)| outcome.id.0))
        .bind(column(&rows, |(.., outcome)| outcome.lease.timestamp_micros()))
        .fetch_all(connection)
        .await?;
        leased.extend(found.into_iter().filter_map(|(place,)| usize::try_from(place).ok()));
    }
    Ok(parts::without_webhook(runs, &leased))
}

pub(super) async fn settle(connection: &mut PgConnection, commits: &[&RunCommit]) -> Result<(), StorageError> {
    let rows: Vec<_> =
        commits.iter().filter_map(|commit| commit.webhook.as_ref().map(|outcome| (commit.run.org, outcome))).collect();
    if rows.is_empty() {
        return Ok(());
    }
    sqlx::query(
        "UPDATE webhook SET status = new.status, reason = new.reason, attempts = new.attempts,
           next_attempt_at = new.next_attempt_at
         FROM unnest($1::uuid[], $2::uuid[], $3::text[], $4::text[], $5::bigint[], $6::bigint[])
           AS new (org_id, id, status, reason, attempts, next_attempt_at)
         WHERE webhook.org_id = new.org_id AND webhook.id = new.id",
    )
    .bind(column(&rows, |(org, _)| org.0))
    .bind(column(&rows, |(_, outcome)| outcome.id.0))
    .bind(column(&rows, |(_, outcome)| outcome.status.as_str()))
    .bind(column(&rows, |(_, outcome)| optional_text(&outcome.reason)))
    .bind(column(&rows, |(_, outcome)| i64::from(outcome.attempts)))
    .bind(column(&rows, |(_, outcome)| micros(outcome.next_attempt_at)))
    .execute(connection)
    .await?;
    Ok(())
}

/// True for each that was new.
pub(super) async fn insert(
    connection: &mut PgConnection,
    webhooks: &[Arc<Webhook>],
) -> Result<Vec<bool>, StorageError> {
    let mut rows: Vec<&Webhook> = webhooks.iter().map(|webhook| &**webhook).collect();
    // A stable sort: of two with one key, the one that was handed over first is the one that counts.
    rows.sort_by_key(|webhook| (webhook.org, webhook.installation, &webhook.vendor_id));
    let stored: Keys = sqlx::query_as(
        "INSERT INTO webhook (org_id, id, installation_id, plugin, vendor_id, kind, occurred_at, method, url, headers,
           body, status, reason, attempts, next_attempt_at, received_at)
         SELECT org_id, id, installation_id, plugin, vendor_id, kind, occurred_at, method, url, headers::jsonb,
           body, status, reason, attempts, next_attempt_at, received_at
         FROM unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::text[], $5::text[], $6::text[], $7::bigint[], $8::text[],
           $9::text[], $10::text[], $11::bytea[], $12::text[], $13::text[], $14::bigint[], $15::bigint[],
           $16::bigint[])
           AS new (org_id, id, installation_id, plugin, vendor_id, kind, occurred_at, method, url, headers,
             body, status, reason, attempts, next_attempt_at, received_at)
         ON CONFLICT (org_id, installation_id, vendor_id) DO NOTHING RETURNING org_id, id",
    )
    .bind(column(&rows, |webhook| webhook.org.0))
    .bind(column(&rows, |webhook| webhook.id.0))
    .bind(column(&rows, |webhook| webhook.installation.0))
    .bind(column(&rows, |webhook| webhook.plugin.as_str()))
    .bind(column(&rows, |webhook| Text(webhook.vendor_id.as_str())))
    .bind(column(&rows, |webhook| Text(webhook.kind.as_str())))
    .bind(column(&rows, |webhook| micros(webhook.occurred_at)))
    .bind(column(&rows, |webhook| Text(webhook.method.as_str())))
    .bind(column(&rows, |webhook| Text(webhook.url.as_str())))
    .bind(json_column(&rows, |webhook| &webhook.headers)?)
    .bind(column(&rows, |webhook| webhook.body.as_slice()))
    .bind(column(&rows, |webhook| webhook.status.as_str()))
    .bind(column(&rows, |webhook| optional_text(&webhook.reason)))
    .bind(column(&rows, |webhook| i64::from(webhook.attempts)))
    .bind(column(&rows, |webhook| micros(webhook.next_attempt_at)))
    .bind(column(&rows, |webhook| webhook.received_at.timestamp_micros()))
    .fetch_all(connection)
    .await?;
    let stored: HashSet<_> = stored.into_iter().collect();
    Ok(webhooks.iter().map(|webhook| stored.contains(&(webhook.org.0, webhook.id.0))).collect())
}
