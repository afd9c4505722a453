//! Queries, what an object is like, and what is left of the limits.

use std::collections::BTreeMap;

use patchbay_sdk::{Call, Error, http};

use crate::api::{self, Org, Records};
use crate::types::queries::{Describe, Description, Limit, Limits, Nothing, Page, Query, QueryMore};

/// Records on a page, where nobody says.
const BATCH: u32 = 2000;

pub(crate) fn query(call: Call<Query>) -> Result<Page, Error> {
    let Query { soql, all, batch_size } = call.input;
    page(Org::load()?.query(&soql, all, batch_size.unwrap_or(BATCH))?.read()?)
}

pub(crate) fn query_more(call: Call<QueryMore>) -> Result<Page, Error> {
    page(Org::load()?.query_more("/next", &call.input.next, BATCH)?.read()?)
}

fn page(read: Records) -> Result<Page, Error> {
    if !read.done && read.next.is_none() {
        return Err(Error::upstream(200, "Salesforce says that there are more records, and not where"));
    }
    Ok(Page { total: read.total, next: read.next.filter(|_| !read.done), records: read.records })
}

pub(crate) fn describe(call: Call<Describe>) -> Result<Description, Error> {
    let org = Org::load()?;
    api::send(http::Request::get(org.object_url(&call.input.object, "/describe")?))?.read()
}

pub(crate) fn limits(_: Call<Nothing>) -> Result<Limits, Error> {
    let limits: BTreeMap<String, Limit> = api::send(http::Request::get(Org::load()?.url("/limits")))?.read()?;
    Ok(Limits { limits })
}
