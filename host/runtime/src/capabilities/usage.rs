//! What the org will be billed for. Kept until the run is committed, and committed even if it fails.

use patchbay_model::{
    UsageId,
    run::{Basis, UsageRecord},
};

use super::{HostError, invalid, undeclared};
use crate::{
    bindings::usage::{self as contract, Host},
    call::CallState,
};

/// The most records that one run may add.
const CAP: usize = 1_000;

/// What this call metered.
#[derive(Debug, Default)]
pub(crate) struct Metered(pub(crate) Vec<UsageRecord>);

impl Host for CallState {
    async fn add(
        &mut self,
        meter: String,
        quantity: u64,
        basis: contract::Basis,
        id: Option<String>,
    ) -> Result<(), HostError> {
        self.enter()?;
        let Some(counts) = self.grants.meters.get(&meter).copied() else {
            return Err(undeclared("meters", &meter));
        };
        if quantity > i64::MAX as u64 {
            return Err(invalid("/quantity", "at most 2^63 - 1"));
        }
        if id.as_ref().is_some_and(|id| id.is_empty() || id.len() > 256) {
            return Err(invalid("/id", "1 to 256 bytes"));
        }
        if self.capabilities.usage.0.len() >= CAP {
            return Err(HostError::Guest(crate::bindings::types::Error::Exhausted(format!(
                "{CAP} usage records per call"
            ))));
        }
        let record = UsageRecord {
            id: UsageId::of(self.run, &meter, self.capabilities.usage.0.len()),
            org: self.tenant.org,
            plugin: self.grants.plugin.clone(),
            run: self.run,
            meter,
            quantity,
            basis: match basis {
                contract::Basis::Reported => Basis::Reported,
                contract::Basis::Estimated => Basis::Estimated,
            },
            dedupe: id,
            at: self.services.clock.now(),
            counts,
        };
        if let Some(spending) = &self.spending {
            spending.metered(&record.meter, quantity);
        }
        self.capabilities.usage.0.push(record);
        Ok(())
    }

    async fn grows(&mut self, meter: String, by: String, begun: u64, each: u64) -> Result<(), HostError> {
        self.enter()?;
        for name in [&meter, &by] {
            if !self.grants.meters.contains_key(name) {
                return Err(undeclared("meters", name));
            }
        }
        if let Some(spending) = &self.spending {
            spending.grows(&meter, &by, begun, each);
        }
        Ok(())
    }
}
