//! Taking the right to spend: all budgets of a call in one transaction, or none.

use patchbay_model::{BudgetId, RunId, Timestamp};

use super::Budgets;
use crate::{
    StorageError,
    column::{signed, unsigned},
};

/// What a call wants of its budgets.
#[derive(Debug, Clone)]
pub struct Reservation {
    /// Which call.
    pub run: RunId,
    /// The period that it began in.
    pub period: Timestamp,
    /// The present time.
    pub now: Timestamp,
    /// From when on nothing of it counts: the call has ended by then, or its hub has.
    pub lease_until: Timestamp,
    /// Budget by budget, each once.
    pub asks: Vec<Ask>,
}

/// What a call wants of one budget, in millionths of the budget's unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ask {
    /// Which budget.
    pub budget: BudgetId,
    /// What it has spent since it was last asked about: spent for good, also if its hub dies now. Less than nothing if it
    /// was said to be more before.
    pub spent: i64,
    /// What it may spend from now on, in place of what it held.
    pub wanted: u64,
    /// With less than this it cannot go on.
    pub at_least: u64,
}

/// How an [`Ask`] ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reserved {
    /// So much is held now, in the order of the asks: what was wanted, or what was left.
    All(Vec<u64>),
    /// One of the budgets has not enough left. Nothing of the transaction may be committed.
    Refused {
        /// Which.
        budget: BudgetId,
        /// Its cap in whole units.
        cap: u64,
        /// What is spent of it or held by calls that run, in millionths.
        taken: u64,
    },
}

/// Adds without passing what an account can hold. SQLite's and PostgreSQL's integers end at the same place.
macro_rules! add_spent {
    ($table:literal) => {
        concat!(
            "CASE WHEN excluded.spent > 0 AND ",
            $table,
            ".spent > 4611686018427387904 THEN ",
            $table,
            ".spent ELSE ",
            $table,
            ".spent + excluded.spent END"
        )
    };
}
pub(crate) use add_spent;

impl Budgets<'_> {
    /// Takes the right to spend, of each budget what is wanted or what is left. Others who ask for one of these budgets
    /// wait until the transaction ends, on whichever hub. A budget that was deleted gives all.
    ///
    /// # Errors
    /// `Busy` after ten seconds of waiting.
    pub async fn reserve(&mut self, reservation: &Reservation) -> Result<Reserved, StorageError> {
        let mut granted = vec![0; reservation.asks.len()];
        let mut asks: Vec<_> = reservation.asks.iter().zip(&mut granted).collect();
        // in one order for all: who holds one budget never waits for one that comes before it
        asks.sort_by_key(|(ask, _)| ask.budget);
        for (ask, _) in &asks {
            self.take_row(reservation, ask).await?;
        }
        for (ask, granted) in asks {
            let left = match self.left(reservation, ask).await? {
                Some((cap, taken)) => match left_of(cap, taken) {
                    left if left >= ask.at_least => left,
                    _ => return Ok(Reserved::Refused { budget: ask.budget, cap, taken }),
                },
                None => u64::MAX,
            };
            *granted = ask.wanted.min(left);
            self.hold(reservation, ask.budget, *granted).await?;
        }
        Ok(Reserved::All(granted))
    }

    /// Gives back what a call holds that was not begun.
    ///
    /// # Errors
    /// The database fails; the lease then ends by its time.
    pub async fn release(&mut self, run: RunId, budgets: &[BudgetId], period: Timestamp) -> Result<(), StorageError> {
        for budget in budgets {
            execute!(
                self.tx,
                "DELETE FROM budget_reservation WHERE org_id = $1 AND budget_id = $2 AND period = $3 AND run_id = $4",
                self.org.0,
                budget.0,
                period.timestamp_micros(),
                run.0,
            )?;
        }
        Ok(())
    }

    /// The row of the period, made if it is missing, and locked on PostgreSQL until the transaction ends. What follows
    /// is asked in statements of their own, whose snapshots are younger than the wait.
    async fn take_row(&mut self, reservation: &Reservation, ask: &Ask) -> Result<(), StorageError> {
        execute!(
            self.tx,
            concat!(
                "INSERT INTO budget_period (org_id, budget_id, period, spent) VALUES ($1, $2, $3, $4)
                 ON CONFLICT (org_id, budget_id, period) DO UPDATE SET spent = ",
                add_spent!("budget_period")
            ),
            self.org.0,
            ask.budget.0,
            reservation.period.timestamp_micros(),
            ask.spent,
        )?;
        Ok(())
    }

    /// Cap and what is taken by all others; none if the budget was deleted. Leases that have ended are cleared away.
    async fn left(&mut self, reservation: &Reservation, ask: &Ask) -> Result<Option<(u64, u64)>, StorageError> {
        let row = fetch_optional!(
            self.tx,
            (i64, i64, i64, i64),
            "SELECT budget.cap, spending.spent,
               CAST(COALESCE(SUM(CASE WHEN lease.lease_until > $4 AND lease.run_id <> $5 THEN lease.held END), 0) AS BIGINT),
               COUNT(CASE WHEN lease.lease_until <= $4 THEN 1 END)
             FROM budget
             JOIN budget_period AS spending
               ON spending.org_id = budget.org_id AND spending.budget_id = budget.id AND spending.period = $3
             LEFT JOIN budget_reservation AS lease
               ON lease.org_id = budget.org_id AND lease.budget_id = budget.id AND lease.period = $3
             WHERE budget.org_id = $1 AND budget.id = $2 GROUP BY budget.cap, spending.spent",
            self.org.0,
            ask.budget.0,
            reservation.period.timestamp_micros(),
            reservation.now.timestamp_micros(),
            reservation.run.0,
        )?;
        let Some((cap, spent, held, ended)) = row else { return Ok(None) };
        if ended > 0 {
            execute!(
                self.tx,
                "DELETE FROM budget_reservation
                 WHERE org_id = $1 AND budget_id = $2 AND period = $3 AND lease_until <= $4",
                self.org.0,
                ask.budget.0,
                reservation.period.timestamp_micros(),
                reservation.now.timestamp_micros(),
            )?;
        }
        Ok(Some((unsigned(cap), unsigned(spent).saturating_add(unsigned(held)))))
    }

    async fn hold(&mut self, reservation: &Reservation, budget: BudgetId, held: u64) -> Result<(), StorageError> {
        execute!(
            self.tx,
            "INSERT INTO budget_reservation (org_id, budget_id, period, run_id, held, lease_until)
             VALUES ($1, $2, $3, $4, $5, $6)
             ON CONFLICT (org_id, budget_id, period, run_id)
             DO UPDATE SET held = excluded.held, lease_until = excluded.lease_until",
            self.org.0,
            budget.0,
            reservation.period.timestamp_micros(),
            reservation.run.0,
            signed(held),
            reservation.lease_until.timestamp_micros(),
        )?;
        Ok(())
    }
}

/// What is left of a cap in whole units, in millionths.
fn left_of(cap: u64, taken: u64) -> u64 {
    cap.saturating_mul(patchbay_model::plan::MILLION).saturating_sub(taken)
}
