//! A batch on SQLite: one statement per table, its rows as one JSON parameter.
//!
//! The text of a statement is the same for any number of rows, so it is prepared once; each statement is one trip to
//! the connection's thread. The rows are taken apart as JSONB and only once (`MATERIALIZED`), because `json_each`
//! over text spells its value out anew for each column that asks for it. Ids travel as hexadecimal digits.

mod budgets;
mod events;
mod idempotency;
pub(crate) mod jobs;
mod objects;
mod records;
mod runs;
mod syncs;
mod webhooks;

use std::sync::Arc;

use patchbay_model::webhook::Webhook;
use serde::{Serialize, Serializer};
use sqlx::{Sqlite, SqliteConnection, SqlitePool, pool::PoolConnection};
use uuid::Uuid;

use super::{Committed, RunCommit, Written, objects::Objects, parts, syncs::Syncs};
use crate::StorageError;

pub(super) async fn write(connection: &mut SqliteConnection, runs: &[Box<RunCommit>]) -> Result<Written, StorageError> {
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
    let winners = parts::winners(runs, &committed);
    let published = events::write(connection, &parts::events(&winners, &objects)).await?;
    webhooks::settle(connection, &winners).await?;
    let mut wakes = jobs::settle(connection, &winners, &held).await?;
    wakes.extend(jobs::enqueue(connection, &winners, &syncs).await?);
    jobs::wake(connection, wakes).await?;
    idempotency::answer(connection, &winners).await?;
    budgets::settle(connection, runs).await?;
    Ok((committed, published))
}

/// Runs that leave nothing but themselves and their usage, which is most of them: the whole transaction is one
/// trip to the connection's thread. A trip costs two wake-ups, and `BEGIN` and `COMMIT` would be trips of their own.
pub(super) async fn write_plain(writer: &SqlitePool, runs: &[Box<RunCommit>]) -> Result<Vec<Committed>, StorageError> {
    let mut connection = writer.acquire().await?;
    let written = runs::transact(&mut connection, runs).await;
    if written.is_err() {
        roll_back(connection).await;
    }
    written?;
    Ok(vec![Committed::All; runs.len()])
}

/// Webhooks, likewise in one trip. True for each that was new.
pub(super) async fn take_in(writer: &SqlitePool, webhooks: &[Arc<Webhook>]) -> Result<Vec<bool>, StorageError> {
    let mut connection = writer.acquire().await?;
    let stored = webhooks::transact(&mut connection, webhooks).await;
    if stored.is_err() {
        roll_back(connection).await;
    }
    stored
}

/// Ends a transaction that failed. What cannot be rolled back (it did not even begin) ends with its connection.
async fn roll_back(mut connection: PoolConnection<Sqlite>) {
    if sqlx::query("ROLLBACK").execute(&mut *connection).await.is_err() {
        connection.close_on_drop();
    }
}

/// Bytes as hexadecimal digits.
struct Hex<'a>(&'a [u8]);

impl Serialize for Hex<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        const DIGITS: [char; 16] = ['0', '1', '2', '3', '4', '5', '6', '7', '8', '9', 'a', 'b', 'c', 'd', 'e', 'f'];
        let digit = |nibble: u8| DIGITS.get(usize::from(nibble)).copied().unwrap_or('0');
        let mut text = String::with_capacity(self.0.len() * 2);
        for byte in self.0 {
            text.push(digit(byte >> 4));
            text.push(digit(byte & 15));
        }
        serializer.serialize_str(&text)
    }
}

/// An id as hexadecimal digits, of whoever has no reference to it.
struct HexId(Uuid);

impl Serialize for HexId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        hex(&self.0).serialize(serializer)
    }
}

fn hex(id: &Uuid) -> Hex<'_> {
    Hex(id.as_bytes())
}

fn json<T: Serialize>(rows: &[T]) -> Result<String, StorageError> {
    serde_json::to_string(rows).map_err(|error| StorageError::Corrupt(error.to_string()))
}
