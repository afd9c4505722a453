//! Spend budgets.

use patchbay_hub::BudgetView;
use patchbay_model::{
    BudgetId, Timestamp,
    budget::{self, BudgetSubject, BudgetUnit},
    plan::MILLION,
};
use serde::Serialize;
use utoipa::ToSchema;

use super::Period;

/// A hard cap on what is spent in a billing period.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Budget {
    /// Its id, which stays when the cap changes.
    #[schema(value_type = String)]
    id: BudgetId,
    /// `org`, `plugin:` and an id, or the id of an API key.
    #[schema(value_type = String, example = "plugin:openai")]
    subject: BudgetSubject,
    /// `money`, or a metric.
    #[schema(value_type = String, example = "ai_tokens")]
    unit: BudgetUnit,
    /// Of `money`: three letters (ISO 4217); null for a metric.
    currency: Option<String>,
    /// The most that is spent, in minor units or units of the metric.
    cap: u64,
    /// What is spent in the present period, rounded up.
    spent: u64,
    /// What calls that run may still spend, rounded up.
    reserved: u64,
    /// What is left for others, rounded down.
    left: u64,
    /// The present billing period.
    period: Period,
    /// When it was made.
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
    /// When its cap was last set.
    #[schema(value_type = String, format = DateTime)]
    updated_at: Timestamp,
}

impl From<BudgetView> for Budget {
    fn from(view: BudgetView) -> Self {
        let BudgetView { budget, period, state, currency } = view;
        let budget::Budget { id, org: _, subject, unit, cap, created_at, updated_at } = budget;
        let taken = state.spent.saturating_add(state.reserved);
        Self {
            id,
            subject,
            unit,
            currency,
            cap,
            spent: state.spent.div_ceil(MILLION),
            reserved: state.reserved.div_ceil(MILLION),
            left: cap.saturating_mul(MILLION).saturating_sub(taken) / MILLION,
            period: period.into(),
            created_at,
            updated_at,
        }
    }
}
