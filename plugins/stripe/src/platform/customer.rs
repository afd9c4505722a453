//! Who is who: a customer of Stripe for each organization.

use std::collections::BTreeMap;

use patchbay_sdk::{Error, kv};
use serde::Deserialize;
use serde_json::json;

use super::is_org;
use crate::api;

/// The name of the metadata that says whose an object is.
pub(crate) const ORG: &str = "org";

#[derive(Deserialize)]
struct Customer {
    id: String,
    #[serde(default)]
    metadata: BTreeMap<String, String>,
}

/// The organization's customer, if it has one.
pub(crate) fn of(org: &str) -> Result<Option<String>, Error> {
    read(&format!("customer:{org}"))
}

/// The organization's customer, made if there is none. Two that are made at once are the same: Stripe knows the key.
pub(crate) fn of_or_new(org: &str, name: Option<&str>) -> Result<String, Error> {
    if let Some(customer) = of(org)? {
        return Ok(customer);
    }
    let parameters = json!({ "name": name, "metadata": { ORG: org } });
    let made = api::post("/v1/customers", &parameters, Some(&format!("patchbay-customer-{org}")))?;
    let Customer { id, .. } = made.json()?;
    remember(org, &id)?;
    Ok(id)
}

/// Whose customer it is; none if it is none of an organization.
pub(crate) fn org_of(customer: &str) -> Result<Option<String>, Error> {
    if let Some(org) = read(&format!("org:{customer}"))? {
        return Ok(Some(org));
    }
    let path = api::item("/v1/customers", "/customer", customer)?;
    let found: Customer = match api::get(&path, &()) {
        Ok(found) => found.json()?,
        Err(Error::Upstream(failure)) if failure.status == 404 => return Ok(None),
        Err(error) => return Err(error),
    };
    let org = found.metadata.get(ORG).filter(|org| is_org(org)).cloned();
    if let Some(org) = &org {
        remember(org, customer)?;
    }
    Ok(org)
}

/// Keeps who is who.
pub(crate) fn remember(org: &str, customer: &str) -> Result<(), Error> {
    if of(org)?.is_none() {
        kv::set(&format!("customer:{org}"), customer.as_bytes(), None, None)?;
    }
    kv::set(&format!("org:{customer}"), org.as_bytes(), None, None)?;
    Ok(())
}

fn read(key: &str) -> Result<Option<String>, Error> {
    Ok(kv::get(key)?.and_then(|entry| String::from_utf8(entry.value).ok()))
}
