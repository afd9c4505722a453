//! Contacts, accounts and opportunities in step with the hub, and calls that are logged.

mod changed;
pub(crate) mod describe;
mod gone;
mod item;
pub(crate) mod matching;
pub(crate) mod push;
mod resource;
mod retrieve;

use patchbay_sdk::Error;
use patchbay_sdk::sync::{Page, Pull, Scope};

use crate::api::Org;

pub(crate) use item::Fields;
pub(crate) use resource::Resource;

/// Changes that one page may have.
const MOST_CHANGES: usize = 2_000;

/// Reads a page.
pub(crate) fn pull(pull: &Pull) -> Result<Page, Error> {
    let org = Org::load()?;
    let resource = Resource::named(&pull.resource)?;
    let fields = Fields::new(&pull.fields)?;
    match &pull.scope {
        Scope::All => changed::read(&org, resource, &fields, pull, None),
        Scope::Since(since) => changed::read(&org, resource, &fields, pull, Some(*since)),
        Scope::Ids(ids) => retrieve::read(&org, resource, &fields, ids),
        Scope::Matching { field, values } => matching::read(&org, resource, &fields, (field, values), pull.limit),
    }
}
