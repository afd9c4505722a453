//! Bills, as the hub shows them.

use patchbay_sdk::{Call, Error};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::{
    SECOND, currency,
    offer::{Reference, known, live},
    page,
    truth::List,
};
use crate::api;

/// Which bills.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct InvoicesInput {
    /// The organization.
    #[schemars(length(min = 1, max = 200))]
    reference: String,
    /// Those after this one in the list.
    #[serde(default)]
    after: Option<String>,
    /// At most so many.
    #[schemars(range(min = 1, max = 100))]
    limit: u32,
}

/// Bills, the newest first.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Invoices {
    invoices: Vec<Invoice>,
    /// Give it as `after` for those before.
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<String>,
}

/// A bill.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Invoice {
    /// None of one that is not made yet.
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<String>,
    status: String,
    /// In minor units.
    total: i64,
    /// What is still to be paid, in minor units.
    amount_due: i64,
    /// Three capital letters.
    currency: String,
    /// In milliseconds since the Unix epoch.
    at: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    url: Option<String>,
    lines: Vec<Lines>,
}

/// A line of a bill.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Lines {
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<String>,
    /// In minor units.
    pub(crate) amount: i64,
    /// For a part of a period.
    pub(crate) is_proration: bool,
}

/// A bill of Stripe's: what matters here.
#[derive(Debug, Deserialize)]
pub(crate) struct Made {
    #[serde(default)]
    id: Option<String>,
    #[serde(default)]
    status: Option<String>,
    pub(crate) total: i64,
    #[serde(default)]
    amount_remaining: i64,
    currency: String,
    created: u64,
    #[serde(default)]
    period_end: Option<u64>,
    #[serde(default)]
    next_payment_attempt: Option<u64>,
    #[serde(default)]
    hosted_invoice_url: Option<String>,
    lines: List<Line>,
}

#[derive(Debug, Deserialize)]
struct Line {
    amount: i64,
    #[serde(default)]
    description: Option<String>,
    #[serde(default)]
    parent: Option<Parent>,
}

#[derive(Debug, Deserialize)]
struct Parent {
    #[serde(default)]
    subscription_item_details: Option<Details>,
    #[serde(default)]
    invoice_item_details: Option<Details>,
}

#[derive(Debug, Deserialize)]
struct Details {
    #[serde(default)]
    proration: bool,
}

impl Made {
    pub(crate) fn currency(&self) -> String {
        currency(&self.currency).unwrap_or_default()
    }

    pub(crate) fn lines(self) -> Vec<Lines> {
        let line = |line: Line| {
            let parent = line.parent.as_ref();
            let details = parent
                .and_then(|parent| parent.subscription_item_details.as_ref().or(parent.invoice_item_details.as_ref()));
            let is_proration = details.is_some_and(|details| details.proration);
            Lines { description: line.description, amount: line.amount, is_proration }
        };
        self.lines.data.into_iter().map(line).collect()
    }

    fn shown(mut self, at: u64) -> Invoice {
        // one that is not made yet has an id that nobody can ask for
        let id = self.id.take().filter(|id| !id.starts_with("upcoming"));
        let (status, url) = (self.status.take().unwrap_or_else(|| "draft".to_owned()), self.hosted_invoice_url.take());
        Invoice {
            id,
            status,
            total: self.total,
            amount_due: self.amount_remaining,
            currency: self.currency(),
            at: at.saturating_mul(SECOND),
            url: page(url),
            lines: self.lines(),
        }
    }
}

pub(crate) fn list(call: Call<InvoicesInput>) -> Result<Invoices, Error> {
    let InvoicesInput { reference, after, limit } = call.input;
    let parameters = json!({ "customer": known(&reference)?, "limit": limit, "starting_after": after });
    let found: List<Made> = api::get("/v1/invoices", &parameters)?.json()?;
    let next = found.data.last().filter(|_| found.has_more).and_then(|made| made.id.clone());
    let shown = |made: Made| {
        let at = made.created;
        made.shown(at)
    };
    Ok(Invoices { invoices: found.data.into_iter().map(shown).collect(), next })
}

pub(crate) fn upcoming(call: Call<Reference>) -> Result<Invoice, Error> {
    let (customer, present) = live(&call.input.reference)?;
    let parameters = json!({ "customer": customer, "subscription": present.id });
    let made: Made = api::post("/v1/invoices/create_preview", &parameters, None)?.json()?;
    let at = made.next_payment_attempt.or(made.period_end).unwrap_or(made.created);
    Ok(made.shown(at))
}
