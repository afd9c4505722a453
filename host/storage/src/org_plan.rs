//! Which plan an org has. What plans include is configuration and not here.

use patchbay_model::{OrgId, Timestamp};

use crate::{StorageError, Tx, column::time};

/// An org's plans, of now and of before.
#[derive(Debug)]
pub struct OrgPlans<'a> {
    pub(crate) tx: &'a mut Tx,
    pub(crate) org: OrgId,
}

/// What an org has at a time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OrgPlan {
    /// The plan's name; none if it was never given one.
    pub plan: Option<String>,
    /// When its billing cycle began.
    pub anchor: Timestamp,
}

type Row = (i64, Option<String>, Option<i64>);

impl OrgPlans<'_> {
    /// What the org had at a time; none if there is no such org. One that was never given a plan has its cycle from
    /// when it was made.
    ///
    /// # Errors
    /// The database fails.
    pub async fn at(&mut self, at: Timestamp) -> Result<Option<OrgPlan>, StorageError> {
        let row = fetch_optional!(
            self.tx,
            Row,
            "SELECT org.created_at, given.plan, given.anchor
             FROM org LEFT JOIN org_plan AS given ON given.org_id = $1 AND given.since <= $2
             WHERE org.id = $1 ORDER BY given.since DESC LIMIT 1",
            self.org.0,
            at.timestamp_micros(),
        )?;
        row.map(|(made, plan, anchor)| Ok(OrgPlan { plan, anchor: time(anchor.unwrap_or(made))? })).transpose()
    }

    /// What the org has now. Not asked by a clock: that of a hub which is behind would know of the last plan late.
    ///
    /// # Errors
    /// The database fails.
    pub async fn current(&mut self) -> Result<Option<OrgPlan>, StorageError> {
        self.at(Timestamp::MAX_UTC).await
    }

    /// Gives the org a plan and a cycle from a time on.
    ///
    /// # Errors
    /// `Missing` if there is no such org.
    pub async fn put(&mut self, since: Timestamp, plan: &str, anchor: Timestamp) -> Result<(), StorageError> {
        execute!(
            self.tx,
            "INSERT INTO org_plan (org_id, since, plan, anchor) VALUES ($1, $2, $3, $4)
             ON CONFLICT (org_id, since) DO UPDATE SET plan = excluded.plan, anchor = excluded.anchor",
            self.org.0,
            since.timestamp_micros(),
            plan,
            anchor.timestamp_micros(),
        )?;
        Ok(())
    }
}

/// The plan that each org which was given one has now, and how many orgs have it.
pub(crate) async fn in_use(tx: &mut Tx) -> Result<Vec<(String, u64)>, StorageError> {
    let rows = fetch_all!(
        tx,
        (String, i64),
        "SELECT plan, count(*) FROM org_plan AS given
         WHERE NOT EXISTS (SELECT 1 FROM org_plan AS later WHERE later.org_id = given.org_id AND later.since > given.since)
         GROUP BY plan ORDER BY plan",
    )?;
    Ok(rows.into_iter().map(|(plan, orgs)| (plan, crate::column::unsigned(orgs))).collect())
}
