//! Spend budgets, and the right to spend of them: reserved before, settled after.
//!
//! Whoever reserves takes the row of the budget's period first, so that one at a time looks at what is left and takes of it,
//! on whichever hub; on SQLite the one writer does the same. What is reserved is the sum of the leases that are still
//! good, taken when it is needed: there is no total that could drift, and a lease that ends needs nobody to give it back.

mod reserve;

use std::collections::BTreeMap;

use patchbay_model::{
    BudgetId, OrgId, Timestamp,
    budget::{Budget, BudgetSubject, BudgetUnit},
};
pub(crate) use reserve::add_spent;
pub use reserve::{Ask, Reservation, Reserved};
use uuid::Uuid;

use crate::{
    StorageError, Tx,
    column::{signed, time, unsigned},
};

/// An org's budgets.
#[derive(Debug)]
pub struct Budgets<'a> {
    pub(crate) tx: &'a mut Tx,
    pub(crate) org: OrgId,
}

/// How a budget stands in a period. In millionths of its unit.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct BudgetState {
    /// What was spent.
    pub spent: u64,
    /// What calls that run may still spend.
    pub reserved: u64,
}

#[derive(sqlx::FromRow)]
struct Row {
    org_id: Uuid,
    id: Uuid,
    subject: String,
    unit: String,
    cap: i64,
    created_at: i64,
    updated_at: i64,
}

impl TryFrom<Row> for Budget {
    type Error = StorageError;

    fn try_from(row: Row) -> Result<Self, StorageError> {
        Ok(Self {
            id: BudgetId(row.id),
            org: OrgId(row.org_id),
            subject: row.subject.parse().map_err(|_| StorageError::corrupt("budget.subject"))?,
            unit: row.unit.parse().map_err(|_| StorageError::corrupt("budget.unit"))?,
            cap: unsigned(row.cap),
            created_at: time(row.created_at)?,
            updated_at: time(row.updated_at)?,
        })
    }
}

macro_rules! select {
    ($rest:literal) => {
        concat!("SELECT org_id, id, subject, unit, cap, created_at, updated_at FROM budget ", $rest)
    };
}

impl Budgets<'_> {
    /// All of them, in the order in which they were made.
    ///
    /// # Errors
    /// The database fails.
    pub async fn list(&mut self) -> Result<Vec<Budget>, StorageError> {
        fetch_all!(self.tx, Row, select!("WHERE org_id = $1 ORDER BY id"), self.org.0)?
            .into_iter()
            .map(Budget::try_from)
            .collect()
    }

    /// The one for a subject and unit.
    ///
    /// # Errors
    /// The database fails.
    pub async fn get(&mut self, subject: &BudgetSubject, unit: BudgetUnit) -> Result<Option<Budget>, StorageError> {
        fetch_optional!(
            self.tx,
            Row,
            select!("WHERE org_id = $1 AND subject = $2 AND unit = $3"),
            self.org.0,
            subject.to_string(),
            unit.as_str(),
        )?
        .map(Budget::try_from)
        .transpose()
    }

    /// Makes a budget, or sets the cap of the one that is there, whose id stays.
    ///
    /// # Errors
    /// `Missing` if there is no such org.
    pub async fn put(&mut self, budget: &Budget) -> Result<(), StorageError> {
        execute!(
            self.tx,
            "INSERT INTO budget (org_id, id, subject, unit, cap, created_at, updated_at)
             VALUES ($1, $2, $3, $4, $5, $6, $7)
             ON CONFLICT (org_id, subject, unit) DO UPDATE SET cap = excluded.cap, updated_at = excluded.updated_at",
            self.org.0,
            budget.id.0,
            budget.subject.to_string(),
            budget.unit.as_str(),
            signed(budget.cap),
            budget.created_at.timestamp_micros(),
            budget.updated_at.timestamp_micros(),
        )?;
        Ok(())
    }

    /// Deletes a budget and what was spent of it. Calls that hold some of it go on. False if there is none.
    ///
    /// # Errors
    /// The database fails.
    pub async fn delete(&mut self, id: BudgetId) -> Result<bool, StorageError> {
        let rows = execute!(self.tx, "DELETE FROM budget WHERE org_id = $1 AND id = $2", self.org.0, id.0)?;
        execute!(self.tx, "DELETE FROM budget_period WHERE org_id = $1 AND budget_id = $2", self.org.0, id.0)?;
        execute!(self.tx, "DELETE FROM budget_reservation WHERE org_id = $1 AND budget_id = $2", self.org.0, id.0)?;
        Ok(rows > 0)
    }

    /// How a budget stands in the period that begins then.
    ///
    /// # Errors
    /// The database fails.
    pub async fn state(
        &mut self,
        id: BudgetId,
        period: Timestamp,
        now: Timestamp,
    ) -> Result<BudgetState, StorageError> {
        let row = fetch_optional!(
            self.tx,
            (i64, i64),
            "SELECT COALESCE((SELECT spent FROM budget_period
                 WHERE org_id = $1 AND budget_id = $2 AND period = $3), 0),
               COALESCE((SELECT CAST(SUM(held) AS BIGINT) FROM budget_reservation
                 WHERE org_id = $1 AND budget_id = $2 AND period = $3 AND lease_until > $4), 0)",
            self.org.0,
            id.0,
            period.timestamp_micros(),
            now.timestamp_micros(),
        )?;
        let (spent, reserved) = row.unwrap_or_default();
        Ok(BudgetState { spent: unsigned(spent), reserved: unsigned(reserved) })
    }

    /// How all of them stand in the period that begins then, in one query.
    ///
    /// # Errors
    /// The database fails.
    pub async fn states(
        &mut self,
        period: Timestamp,
        now: Timestamp,
    ) -> Result<BTreeMap<BudgetId, BudgetState>, StorageError> {
        let rows = fetch_all!(
            self.tx,
            (Uuid, i64, i64),
            "SELECT id, COALESCE((SELECT spent FROM budget_period
                 WHERE org_id = $1 AND budget_id = budget.id AND period = $2), 0),
               COALESCE((SELECT CAST(SUM(held) AS BIGINT) FROM budget_reservation
                 WHERE org_id = $1 AND budget_id = budget.id AND period = $2 AND lease_until > $3), 0)
             FROM budget WHERE org_id = $1",
            self.org.0,
            period.timestamp_micros(),
            now.timestamp_micros(),
        )?;
        let state = |(id, spent, reserved)| {
            (BudgetId(id), BudgetState { spent: unsigned(spent), reserved: unsigned(reserved) })
        };
        Ok(rows.into_iter().map(state).collect())
    }

    /// Says what was spent in a period, for a budget that begins within it.
    ///
    /// # Errors
    /// `Missing` if there is no such org.
    pub async fn set_spent(&mut self, id: BudgetId, period: Timestamp, spent: u64) -> Result<(), StorageError> {
        execute!(
            self.tx,
            "INSERT INTO budget_period (org_id, budget_id, period, spent) VALUES ($1, $2, $3, $4)
             ON CONFLICT (org_id, budget_id, period) DO UPDATE SET spent = excluded.spent",
            self.org.0,
            id.0,
            period.timestamp_micros(),
            signed(spent),
        )?;
        Ok(())
    }
}
