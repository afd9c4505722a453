//! What an organization pays a vendor for every month, as far as its records tell: telephone numbers that it has.
//!
//! A vendor goes on billing when nobody here remembers a number any more. So a plugin that holds some is not taken away from an
//! organization before they are given back, and an organization is not deleted with them unawares. The standard object says
//! what there is, whichever carrier it is of. Rejected: giving them back on the way out. That asks the vendor, may take days,
//! and needs the very connection that is being taken away.

use patchbay_model::{Code, Failure, OrgId, PluginId, filter::Filter, object::StandardObject};
use patchbay_storage::Tx;
use serde_json::json;

use crate::hub::Hub;

/// Records that are read at a time.
const PAGE: u32 = 200;

impl Hub {
    /// How many telephone numbers an organization has that are not released, by the records of all its plugins.
    ///
    /// # Errors
    /// The database fails.
    pub async fn numbers_held(&self, org: OrgId) -> Result<u64, Failure> {
        let mut tx = self.0.database.read().await?;
        held(&mut tx, org, None).await
    }
}

/// Refuses to take a plugin away that holds numbers.
pub(crate) async fn check_given_back(tx: &mut Tx, org: OrgId, plugin: &PluginId) -> Result<(), Failure> {
    match held(tx, org, Some(plugin)).await? {
        0 => Ok(()),
        count => {
            let detail = format!(
                "{count} telephone numbers of `{plugin}` are still paid for: have them released first, or their records corrected"
            );
            Err(Failure::new(Code::Conflict, detail))
        }
    }
}

/// How many numbers are not released: of one plugin's making, or all.
async fn held(tx: &mut Tx, org: OrgId, plugin: Option<&PluginId>) -> Result<u64, Failure> {
    let filter = Filter::parse(&json!({"status": "active"})).map_err(Failure::invalid)?;
    let prefix = plugin.map(|plugin| format!("{plugin}:"));
    let (mut count, mut after) = (0, None);
    loop {
        let page = tx.org(org).objects().find(StandardObject::PhoneNumber, &filter, after.as_deref(), PAGE).await?;
        let own = page.records.iter().filter(|one| prefix.as_deref().is_none_or(|prefix| one.id.starts_with(prefix)));
        count += own.count() as u64;
        match page.next {
            Some(next) => after = Some(next),
            None => return Ok(count),
        }
    }
}
