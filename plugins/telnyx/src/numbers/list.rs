//! Numbers of the account.

use patchbay_sdk::{Call, Error, http};

use super::record::Listed;
use crate::api;
use crate::types::numbers::{ListNumbers, NumberPage, OwnedNumber};

pub(super) fn list(asked: Call<ListNumbers>) -> Result<NumberPage, Error> {
    let ListNumbers { page, page_size, connection_id, tag } = asked.input;
    let mut request = page_of(page.unwrap_or(1), page_size.unwrap_or(50));
    for (name, value) in [("filter[connection_id]", connection_id), ("filter[tag]", tag)] {
        if let Some(value) = value {
            request = request.query(name, &value);
        }
    }
    let listed: api::List<Listed> = api::list(request)?;
    Ok(NumberPage {
        next_page: listed.next_page(),
        total: listed.meta.total_results,
        numbers: listed.data.into_iter().map(OwnedNumber::from).collect(),
    })
}

/// A question for one page.
pub(super) fn page_of(page: u32, size: u32) -> http::Request {
    http::Request::get(api::url("/phone_numbers"))
        .query("page[number]", &page.to_string())
        .query("page[size]", &size.to_string())
}

/// The number of the account, by what is dialled.
pub(super) fn find(number: &str) -> Result<Option<Listed>, Error> {
    let request = page_of(1, 20).query("filter[phone_number]", number);
    let listed: api::List<Listed> = api::list(request)?;
    // Telnyx' filter takes parts of numbers as well
    Ok(listed.data.into_iter().find(|one| one.phone_number == number))
}

impl From<Listed> for OwnedNumber {
    fn from(listed: Listed) -> Self {
        Self {
            id: listed.id,
            phone_number: listed.phone_number,
            status: listed.status,
            connection_id: listed.connection_id,
            number_type: listed.phone_number_type,
            tags: listed.tags.unwrap_or_default(),
        }
    }
}
