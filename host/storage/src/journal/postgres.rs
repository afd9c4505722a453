//! A batch on PostgreSQL: one statement per table, a parameter per column, each an array.
//!
//! The transaction speaks for the orgs of the batch ([`Scope::Journal`]): under row-level security it can neither see
//! nor write any other org's rows. Rows that other hubs may want as well are taken in one order for all: webhooks and jobs by
//! id, records of standard objects by key, documents by key, syncs by key, then the last numbers of events by org, the lanes of jobs,
//! counters and what was spent of budgets, and new rows by the unique key at which they could meet.

mod budgets;
mod counters;
mod events;
mod idempotency;
pub(crate) mod jobs;
mod objects;
mod records;
mod runs;
mod syncs;
mod webhooks;

use std::{collections::BTreeSet, sync::Arc};

use patchbay_model::{OrgId, webhook::Webhook};
use serde::Serialize;
use sqlx::PgConnection;
use tokio::time::timeout;
use uuid::Uuid;

use super::{RunCommit, Written, objects::Objects, parts, syncs::Syncs};
use crate::{
    StorageError,
    postgres::{PgTx, Scope, late},
    text::{Text, postgres_json},
};

pub(super) async fn write(tx: &mut PgTx, runs: &[Box<RunCommit>]) -> Result<Written, StorageError> {
    let orgs = parts::orgs(runs).into_iter().collect();
    let has_steps = !super::jobs::worked_on(runs).is_empty()
        || runs.iter().any(|commit| commit.sync.is_some() || !commit.sync_hints.is_empty());
    tx.speak_for(if has_steps { Scope::Steps(orgs) } else { Scope::Journal(orgs) });
    let within = tx.patience();
    let connection = tx.connection().await?;
    match timeout(within, write_on(connection, runs)).await {
        Ok(written) => written,
        // Whoever waits for the whole batch need not wait for each of its statements.
        Err(_) => tx.note(Err(late())),
    }
}

/// Stores webhooks, which may be of many orgs. True for each that was new.
pub(super) async fn take_in(tx: &mut PgTx, webhooks: &[Arc<Webhook>]) -> Result<Vec<bool>, StorageError> {
    let orgs: BTreeSet<OrgId> = webhooks.iter().map(|webhook| webhook.org).collect();
    tx.speak_for(Scope::Journal(orgs.into_iter().collect()));
    let within = tx.patience();
    let connection = tx.connection().await?;
    match timeout(within, webhooks::insert(connection, webhooks)).await {
        Ok(stored) => stored,
        Err(_) => tx.note(Err(late())),
    }
}

async fn write_on(connection: &mut PgConnection, runs: &[Box<RunCommit>]) -> Result<Written, StorageError> {
    let webhooks_lost = webhooks::lost(connection, runs).await?;
    let held = jobs::held(connection, runs).await?;
    let lost = held.lost(runs, webhooks_lost);
    let mut objects = Objects::of(runs);
    objects::load(connection, &mut objects).await?;
    let mut syncs = Syncs::of(runs);
    let committed = records::write(connection, runs, &lost, &mut objects, &mut syncs).await?;
    objects::write(connection, &objects).await?;
    syncs::write(connection, &syncs).await?;
    runs::write(connection, runs, &committed).await?;
    let new_usage = runs::write_usage(connection, runs).await?;
    let winners = parts::winners(runs, &committed);
    let published = events::write(connection, &parts::events(&winners, &objects)).await?;
    webhooks::settle(connection, &winners).await?;
    let mut wakes = jobs::settle(connection, &winners, &held).await?;
    wakes.extend(jobs::enqueue(connection, &winners, &syncs).await?);
    jobs::wake(connection, wakes).await?;
    idempotency::answer(connection, &winners).await?;
    counters::add(connection, runs, &new_usage).await?;
    budgets::settle(connection, runs, &new_usage).await?;
    Ok((committed, published))
}

/// One column of many rows.
fn column<'a, R, T>(rows: &'a [R], value: impl FnMut(&'a R) -> T) -> Vec<T> {
    rows.iter().map(value).collect()
}

/// A column of JSON; as text, because an array of `jsonb` would not keep it to the letter.
fn json_column<'a, R, T: Serialize + 'a>(
    rows: &'a [R],
    mut value: impl FnMut(&'a R) -> T,
) -> Result<Vec<String>, StorageError> {
    rows.iter()
        .map(|row| postgres_json(&value(row)).map_err(|error| StorageError::Corrupt(error.to_string())))
        .collect()
}

fn optional_text(text: &Option<String>) -> Option<Text<&str>> {
    text.as_deref().map(Text)
}

/// What the rows that came back are of.
type Keys = Vec<(Uuid, Uuid)>;
