//! All records, or those that have changed since: in the order of their stamps, page by page, and then what is gone.
//!
//! A query's pages are asked for by the locator that Salesforce gives. It forgets that after two days, or when too many are open; then
//! the query goes on from the last record that was read, as it does if the locator is no address of a query at this very org. Whatever changes meanwhile gets a later stamp, and is read by the next
//! delta, which begins at the time of the first page.

use patchbay_sdk::clock::Timestamp;
use patchbay_sdk::sync::{Change, Page, Pull};
use patchbay_sdk::{Error, log};
use serde::{Deserialize, Serialize};

use super::item::{Fields, stamp};
use super::{MOST_CHANGES, Resource, gone};
use crate::api::{Answer, Org, Records};
use crate::{failure, pace, soql, times};

/// Where a run is.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(tag = "at", rename_all = "snake_case")]
pub(crate) enum Place {
    /// Among the records.
    Records(Among),
    /// Among what is gone.
    Gone(gone::Among),
}

/// Among the records of a query.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct Among {
    /// Salesforce's address of the next page.
    next: Option<String>,
    /// Stamp, in RFC 3339, and id of the last record that was read.
    after: Option<(String, String)>,
    /// When the first page was asked for, by Salesforce's clock.
    mark: Option<Timestamp>,
    /// Records in all, as the first page said.
    total: Option<u64>,
}

/// One page. `since`: none for all records.
pub(crate) fn read(
    org: &Org,
    resource: Resource,
    fields: &Fields,
    pull: &Pull,
    since: Option<Timestamp>,
) -> Result<Page, Error> {
    match pull.cursor::<Place>()? {
        Some(Place::Gone(among)) => gone::read(org, resource, among, pull.limit, Page::default()),
        Some(Place::Records(among)) => records(org, resource, fields, pull, since, among),
        None => records(org, resource, fields, pull, since, Among::default()),
    }
}

fn records(
    org: &Org,
    resource: Resource,
    fields: &Fields,
    pull: &Pull,
    since: Option<Timestamp>,
    among: Among,
) -> Result<Page, Error> {
    let limit = usize::try_from(pull.limit).unwrap_or(MOST_CHANGES).clamp(1, MOST_CHANGES);
    let answer = ask(org, resource, fields, since, &among, pull.limit)?;
    let mut read: Records = answer.read()?;
    // Salesforce takes the size of a page for a hint
    let is_cut = read.records.len() > limit;
    read.records.truncate(limit);
    let mark = among.mark.unwrap_or_else(|| answer.at());
    let total = among.total.or(Some(read.total));
    let last = read.records.last().and_then(|record| {
        let id = record.get("Id")?.as_str()?;
        Some((times::to_rfc3339(stamp(record)?)?, id.to_owned()))
    });
    let changes = read
        .records
        .iter()
        .map(|record| fields.item(org, record).map(Change::Found))
        .collect::<Result<Vec<_>, Error>>()?;
    let page = Page { changes, total, pause_ms: answer.pause_ms(), ..Page::default() };
    if is_cut || !read.done {
        let next = read.next.filter(|next| !is_cut && org.next_url("/cursor", next).is_ok());
        if next.is_none() && last.is_none() {
            return Err(Error::upstream(200, "Salesforce says that there are more records, and not where"));
        }
        return page.then(&Place::Records(Among { next, after: last.or(among.after), mark: Some(mark), total }));
    }
    match since {
        // what is gone before a run over all records is found by not being there
        None => Page { mark: Some(mark), ..page }.keep(&gone::Kept { covered: mark }),
        Some(since) => {
            let kept: Option<gone::Kept> = pull.state()?;
            let among = gone::Among::between(kept.map_or(since, |kept| kept.covered), mark);
            gone::read(org, resource, among, pull.limit, page)
        }
    }
}

fn ask(
    org: &Org,
    resource: Resource,
    fields: &Fields,
    since: Option<Timestamp>,
    among: &Among,
    batch: u32,
) -> Result<Answer, Error> {
    if let Some(next) = &among.next {
        match org.query_more("/cursor", next, batch) {
            Err(error) if failure::is(&error, failure::LOCATOR) => {
                log::info("Salesforce has forgotten a query, which goes on from the last record", &[]);
            }
            asked => return asked,
        }
    }
    org.query(&statement(resource, fields, since, among.after.as_ref())?, false, batch)
}

/// The query, from a record on.
///
/// # Errors
/// [`Error::Invalid`] at `/cursor` if the stamp of that record is no time.
fn statement(
    resource: Resource,
    fields: &Fields,
    since: Option<Timestamp>,
    after: Option<&(String, String)>,
) -> Result<String, Error> {
    let from = match (after, since) {
        (Some((stamp, id)), _) => {
            // nothing but a time is put in bare
            let stamp = times::to_rfc3339(stamp).ok_or_else(|| Error::invalid("/cursor", "the stamp of a record"))?;
            let id = soql::literal(id);
            format!(" WHERE (SystemModstamp = {stamp} AND Id > {id}) OR SystemModstamp > {stamp}")
        }
        (None, Some(since)) => format!(" WHERE SystemModstamp >= {}", soql::instant(since)),
        (None, None) => String::new(),
    };
    Ok(format!("SELECT {} FROM {}{from} ORDER BY SystemModstamp, Id", fields.list(), resource.name()))
}

/// The page with what more there is to wait.
pub(super) fn with_pause(page: Page, pause_ms: Option<u64>) -> Page {
    Page { pause_ms: pace::longer(page.pause_ms, pause_ms), ..page }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_query_goes_on_behind_the_last_record() {
        let fields = Fields::new(&["Email".to_owned()]).unwrap_or_else(|error| unreachable!("{error}"));
        let first = statement(Resource::Contact, &fields, Some(1_793_491_200_000), None);
        let expected = "SELECT Id,SystemModstamp,Email FROM Contact WHERE SystemModstamp >= 2026-11-01T00:00:00Z \
                        ORDER BY SystemModstamp, Id";
        assert_eq!(first.as_deref(), Ok(expected));
        let after = ("2026-11-01T00:00:00.000+0000".to_owned(), "003000000000001AAA".to_owned());
        let next = statement(Resource::Contact, &fields, None, Some(&after));
        let expected = "SELECT Id,SystemModstamp,Email FROM Contact WHERE (SystemModstamp = 2026-11-01T00:00:00Z AND Id > \
                        '003000000000001AAA') OR SystemModstamp > 2026-11-01T00:00:00Z ORDER BY SystemModstamp, Id";
        assert_eq!(next.as_deref(), Ok(expected));
        for (stamp, id) in [("2026-11-01T00:00:00Z OR Id != ''", "x"), ("", "x"), ("now", "x")] {
            let after = (stamp.to_owned(), id.to_owned());
            let next = statement(Resource::Contact, &fields, None, Some(&after));
            assert!(matches!(next, Err(Error::Invalid(_))), "{stamp}");
        }
    }

    #[test]
    fn a_place_comes_back_as_it_was() {
        let text = json!({"at": "records", "next": "/services/data/v68.0/query/01g-2000", "after": ["a", "b"], "mark": 7, "total": 9});
        let place: Result<Place, _> = serde_json::from_value(text);
        assert!(matches!(place, Ok(Place::Records(Among { mark: Some(7), total: Some(9), .. }))));
    }
}
