//! What orgs pay for: how their subscriptions stand, and what happened. What was read for the vendor's meters is in `reading.rs`.

mod reading;

pub use reading::DayUnits;

use patchbay_model::{
    OrgId, Timestamp,
    billing::{Account, Entry, Subscription},
};

use crate::{
    StorageError, Tx,
    column::{limit as row_limit, micros, optional_time, signed, time, unsigned, word},
    text::{Text, optional},
};

/// What an org pays for.
#[derive(Debug)]
pub struct Billing<'a> {
    pub(crate) tx: &'a mut Tx,
    pub(crate) org: OrgId,
}

#[derive(sqlx::FromRow)]
struct AccountRow {
    ticket: i64,
    applied: i64,
    customer: Option<Text>,
    plan: Option<String>,
    status: Option<String>,
    period_starts_at: Option<i64>,
    period_ends_at: Option<i64>,
    trial_ends_at: Option<i64>,
    grace_ends_at: Option<i64>,
    ends_at: Option<i64>,
    counted_from: Option<i64>,
    counted_before: Option<i64>,
}

impl TryFrom<AccountRow> for Account {
    type Error = StorageError;

    fn try_from(row: AccountRow) -> Result<Self, StorageError> {
        let period = row.period_starts_at.zip(row.period_ends_at);
        let subscription = match (row.status, optional(row.customer), period) {
            (Some(status), Some(customer), Some((starts, ends))) => Some(Subscription {
                customer,
                plan: row.plan,
                status: word(&status)?,
                period_starts_at: time(starts)?,
                period_ends_at: time(ends)?,
                trial_ends_at: optional_time(row.trial_ends_at)?,
                grace_ends_at: optional_time(row.grace_ends_at)?,
                ends_at: optional_time(row.ends_at)?,
            }),
            (None, ..) => None,
            _ => return Err(StorageError::corrupt("billing_account")),
        };
        Ok(Self {
            ticket: unsigned(row.ticket),
            applied: unsigned(row.applied),
            subscription,
            counted_from: optional_time(row.counted_from)?,
            counted_before: optional_time(row.counted_before)?,
        })
    }
}

type EntryRow = (Text, String, i64, Option<i64>, Option<String>, Option<Text>, Option<Text>);

fn entry((id, kind, at, amount, currency, reference, url): EntryRow) -> Result<Entry, StorageError> {
    let (reference, url) = (optional(reference), optional(url));
    Ok(Entry { id: id.0, kind, at: time(at)?, amount, currency, reference, url })
}

impl Billing<'_> {
    /// Gives the next number for whoever is about to ask the vendor: each is greater than all before it.
    ///
    /// # Errors
    /// `Missing` if there is no such org.
    pub async fn next_ticket(&mut self, now: Timestamp) -> Result<u64, StorageError> {
        let row = fetch_optional!(
            self.tx,
            (i64,),
            "INSERT INTO billing_account (org_id, ticket, applied, updated_at) VALUES ($1, 1, 0, $2)
             ON CONFLICT (org_id) DO UPDATE SET ticket = billing_account.ticket + 1 RETURNING ticket",
            self.org.0,
            now.timestamp_micros(),
        )?;
        row.map(|(ticket,)| unsigned(ticket)).ok_or_else(|| StorageError::corrupt("billing_account"))
    }

    /// How the org's subscription stands; none if nobody ever asked.
    ///
    /// # Errors
    /// The database fails.
    pub async fn account(&mut self) -> Result<Option<Account>, StorageError> {
        fetch_optional!(
            self.tx,
            AccountRow,
            "SELECT ticket, applied, customer, plan, status, period_starts_at, period_ends_at, trial_ends_at, grace_ends_at,
               ends_at, counted_from, counted_before
             FROM billing_account WHERE org_id = $1",
            self.org.0,
        )?
        .map(Account::try_from)
        .transpose()
    }

    /// Says how it stands. False if something newer was said, or nobody asked. Only the ticket stays as it is.
    ///
    /// # Errors
    /// The database fails.
    pub async fn put_account(&mut self, account: &Account, now: Timestamp) -> Result<bool, StorageError> {
        let Some(subscription) = &account.subscription else { return Ok(false) };
        let rows = execute!(
            self.tx,
            "UPDATE billing_account SET applied = $2, customer = $3, plan = $4, status = $5, period_starts_at = $6,
               period_ends_at = $7, trial_ends_at = $8, grace_ends_at = $9, ends_at = $10, counted_from = $11,
               counted_before = $12, updated_at = $13
             WHERE org_id = $1 AND applied <= $2",
            self.org.0,
            signed(account.applied),
            Text(&subscription.customer),
            subscription.plan.as_deref(),
            subscription.status.as_str(),
            subscription.period_starts_at.timestamp_micros(),
            subscription.period_ends_at.timestamp_micros(),
            micros(subscription.trial_ends_at),
            micros(subscription.grace_ends_at),
            micros(subscription.ends_at),
            micros(account.counted_from),
            micros(account.counted_before),
            now.timestamp_micros(),
        )?;
        Ok(rows > 0)
    }

    /// Adds a fact to the history. False if it is there already.
    ///
    /// # Errors
    /// `Missing` if there is no such org.
    pub async fn add_entry(&mut self, entry: &Entry) -> Result<bool, StorageError> {
        let rows = execute!(
            self.tx,
            "INSERT INTO billing_entry (org_id, id, kind, at, amount, currency, reference, url)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT (org_id, id) DO NOTHING",
            self.org.0,
            Text(&entry.id),
            entry.kind.as_str(),
            entry.at.timestamp_micros(),
            entry.amount,
            entry.currency.as_deref(),
            entry.reference.as_deref().map(Text),
            entry.url.as_deref().map(Text),
        )?;
        Ok(rows > 0)
    }

    /// The history before an instant and an id, the newest first.
    ///
    /// # Errors
    /// The database fails.
    pub async fn entries(&mut self, before: Option<(Timestamp, &str)>, limit: u32) -> Result<Vec<Entry>, StorageError> {
        let (at, id) = before.map_or((i64::MAX, ""), |(at, id)| (at.timestamp_micros(), id));
        fetch_all!(
            self.tx,
            EntryRow,
            "SELECT id, kind, at, amount, currency, reference, url FROM billing_entry
             WHERE org_id = $1 AND (at < $2 OR (at = $2 AND id < $3)) ORDER BY at DESC, id DESC LIMIT $4",
            self.org.0,
            at,
            Text(id),
            row_limit(limit),
        )?
        .into_iter()
        .map(entry)
        .collect()
    }
}

/// Orgs after one of which somebody said how their subscription stands, in order of id.
pub(crate) async fn billed_orgs(tx: &mut Tx, after_id: Option<OrgId>, limit: u32) -> Result<Vec<OrgId>, StorageError> {
    let rows = fetch_all!(
        tx,
        (uuid::Uuid,),
        "SELECT org_id FROM billing_account WHERE status IS NOT NULL AND org_id > $1 ORDER BY org_id LIMIT $2",
        crate::column::after(after_id.map(|id| id.0)),
        row_limit(limit),
    )?;
    Ok(rows.into_iter().map(|(id,)| OrgId(id)).collect())
}
