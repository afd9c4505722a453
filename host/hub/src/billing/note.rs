//! Billing history, and what orgs are told of it. Both are known by the vendor's ids, so that what is told twice is there once.

use patchbay_model::{
    Code, Failure, OrgId,
    billing::{Entry, Notice, NoticeKind},
};
use serde_json::json;

use crate::{
    events::own::{Fact, Own},
    hub::Inner,
};

impl Inner {
    pub(super) async fn note_billing(
        &self,
        org: OrgId,
        entries: Vec<Entry>,
        notices: Vec<Notice>,
    ) -> Result<(), Failure> {
        let mut tx = self.database.begin().await?;
        let mut ours = tx.org(org);
        if ours.plans().current().await?.is_none() {
            return Err(Failure::new(Code::NotFound, "there is no such organization"));
        }
        for entry in &entries {
            ours.billing().add_entry(entry).await?;
        }
        for notice in notices {
            let Notice { id, kind, at, amount, currency, reference, until, url } = notice;
            let own = match kind {
                NoticeKind::PaymentFailed => Own::PaymentFailed,
                NoticeKind::TrialEnding => Own::TrialEnding,
                NoticeKind::InvoiceUpcoming => Own::InvoiceUpcoming,
            };
            let data =
                json!({ "amount": amount, "currency": currency, "reference": reference, "until": until, "url": url });
            let subject = reference.unwrap_or_default();
            let fact = Fact { org, subject, data, dedupe: Some(format!("billing {id}")), at };
            ours.events().append(&own.event(fact, &*self.clock, &*self.random)).await?;
        }
        tx.commit().await?;
        Ok(())
    }
}
