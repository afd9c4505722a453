//! Numbers of the account, changed and given back.

use patchbay_sdk::{Call, Error, http, log};
use patchbay_telephony::phone::Number;
use serde_json::json;

use super::record::{self, Listed};
use super::{list, without_nulls};
use crate::api;
use crate::config::Config;
use crate::types::numbers::{Configure, OwnedNumber, Release};

pub(super) fn configure(asked: Call<Configure>) -> Result<OwnedNumber, Error> {
    let Configure { phone_number, connection_id, tags } = asked.input;
    if connection_id.is_none() && tags.is_none() {
        return Err(Error::invalid("", "a `connection_id` or `tags`: what shall change"));
    }
    let number = Config::load()?.number("/phone_number", &phone_number)?;
    let found = find(&number)?;
    let mut body = json!({"connection_id": connection_id, "tags": tags});
    without_nulls(&mut body);
    let request = http::Request::patch(url(&found)?).json(&body)?.repeatable(true);
    let changed: Listed = api::data(request)?;
    changed.show(None)?;
    Ok(changed.into())
}

pub(super) fn release(asked: Call<Release>) -> Result<OwnedNumber, Error> {
    let number = Config::load()?.number("/phone_number", &asked.input.phone_number)?;
    let found = find(&number)?;
    match api::send(http::Request::delete(url(&found)?)) {
        // a request before it whose answer was lost
        Err(Error::Upstream(failure)) if failure.status == 404 => {}
        sent => sent.map(drop)?,
    }
    log::info("a number was given back", &[("number", &number.masked())]);
    let gone = Listed { status: "deleted".to_owned(), ..found };
    record::released(&gone.show(None)?)?;
    Ok(gone.into())
}

fn find(number: &Number) -> Result<Listed, Error> {
    let missing = || Error::NotFound(format!("{} is no number of the Telnyx account", number.masked()));
    list::find(number.as_str())?.ok_or_else(missing)
}

fn url(number: &Listed) -> Result<String, Error> {
    Ok(api::url(&format!("/phone_numbers/{}", api::segment("/phone_number", &number.id)?)))
}
