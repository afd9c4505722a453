//! Taking up webhooks whose time has come: many of many orgs at once.

use patchbay_model::{Timestamp, webhook::Webhook};

use super::{DueWebhook, Row, columns};
use crate::{
    StorageError,
    orgs::{OrgsTx, hex},
    text::Json,
};

/// A webhook whose work somebody wants to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TakeWebhook {
    /// As it was found.
    pub due: DueWebhook,
    /// Until when it shall be his, after which it is due again.
    pub until: Timestamp,
}

impl OrgsTx<'_> {
    /// Reads webhooks that are pending and due as they were found: those that are missing were taken up by somebody else
    /// since, or are done. In no order. They must be of the orgs of this transaction.
    ///
    /// # Errors
    /// The database fails.
    pub async fn webhooks_due(&mut self, found: &[DueWebhook]) -> Result<Vec<Webhook>, StorageError> {
        let wanted: Vec<_> =
            found.iter().map(|due| (hex(due.org.0), hex(due.id.0), due.since.timestamp_micros())).collect();
        fetch_all!(
            self.tx,
            Row,
            {
                sqlite: concat!(
                    "WITH wanted AS MATERIALIZED (SELECT unhex(value ->> 0) AS of_org, unhex(value ->> 1) AS of_id,
                       value ->> 2 AS since FROM json_each($1))
                     SELECT ", columns!(), " FROM wanted CROSS JOIN webhook
                     WHERE org_id = of_org AND id = of_id AND status = 'pending' AND next_attempt_at = since"
                ),
                // Each is looked for by itself (`LATERAL`, with a bound that keeps it so): the planner takes the array for a
                // hundred rows, and would read all that the org has pending to join them at once.
                postgres: concat!(
                    "SELECT ", columns!(), " FROM (SELECT (r ->> 0)::uuid AS of_org, (r ->> 1)::uuid AS of_id,
                       (r ->> 2)::bigint AS since FROM json_array_elements($1) AS given (r)) AS wanted
                     CROSS JOIN LATERAL (SELECT * FROM webhook WHERE org_id = of_org AND id = of_id
                       AND status = 'pending' AND next_attempt_at = since LIMIT 1) AS found"
                ),
            },
            Json(wanted),
        )?
        .into_iter()
        .map(Webhook::try_from)
        .collect()
    }

    /// As [`OrgsTx::webhooks_due`], and holds them: each is due again at the time that it says, and not before. One that somebody
    /// else is at is passed over, so this waits for nobody.
    ///
    /// # Errors
    /// The database fails.
    pub async fn take_webhooks(&mut self, wanted: &[TakeWebhook]) -> Result<Vec<Webhook>, StorageError> {
        let wanted: Vec<_> = wanted
            .iter()
            .map(|TakeWebhook { due, until }| {
                (hex(due.org.0), hex(due.id.0), due.since.timestamp_micros(), until.timestamp_micros())
            })
            .collect();
        fetch_all!(
            self.tx,
            Row,
            {
                sqlite: concat!(
                    "WITH wanted AS MATERIALIZED (SELECT unhex(value ->> 0) AS of_org, unhex(value ->> 1) AS of_id,
                       value ->> 2 AS since, value ->> 3 AS held_until FROM json_each($1))
                     UPDATE webhook SET next_attempt_at = held_until FROM wanted
                     WHERE org_id = of_org AND id = of_id AND status = 'pending' AND next_attempt_at = since
                     RETURNING ", columns!()
                ),
                postgres: concat!(
                    "WITH free AS (SELECT of_org, of_id, held_until
                       FROM (SELECT (r ->> 0)::uuid AS of_org, (r ->> 1)::uuid AS of_id, (r ->> 2)::bigint AS since,
                           (r ->> 3)::bigint AS held_until
                         FROM json_array_elements($1) AS given (r)) AS wanted
                       CROSS JOIN LATERAL (SELECT 1 FROM webhook WHERE org_id = of_org AND id = of_id
                         AND status = 'pending' AND next_attempt_at = since FOR UPDATE SKIP LOCKED) AS found)
                     UPDATE webhook SET next_attempt_at = held_until FROM free WHERE org_id = of_org AND id = of_id
                     RETURNING ", columns!()
                ),
            },
            Json(wanted),
        )?
        .into_iter()
        .map(Webhook::try_from)
        .collect()
    }
}
