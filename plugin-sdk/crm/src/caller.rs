//! Who is calling: a name to greet, while the telephone rings.
//!
//! The answer comes from the hub's own records and never from the vendor: a CRM answers in half a second on a good day, and a
//! caller hears that. So it is as new as the last sync, and it is there while the CRM is away. Whichever of somebody's numbers it
//! is that they call from, they are found by it.
//!
//! Rejected: to guess among several people with one number. A family shares a line and an office its switchboard; whoever is
//! greeted by somebody else's name hangs up. So it is said how many there are, and the greeting is left to whoever asks.

use patchbay_sdk::{Error, objects, records};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

/// What the action is called in every connector.
pub const ACTION: &str = "find-caller";

/// Contacts of one number that are looked at.
const MOST_CONTACTS: u32 = 10;
/// Deals that are told.
const MOST_DEALS: u32 = 5;

/// Whose number it is.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FindCaller {
    /// The number in E.164, as carriers tell it.
    #[schemars(regex(pattern = r"^\+[1-9][0-9]{1,14}$"))]
    pub phone: String,
}

/// Who is calling.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Caller {
    /// Somebody has this number: a contact, or else a company.
    pub found: bool,
    /// How many contacts have it; more than ten are ten. Greet by name if it is one.
    pub contacts: u32,
    /// Of several contacts the one that the CRM knows and that was spoken with last; none if it is a company's alone.
    pub contact: Option<KnownContact>,
    /// The contact's company, or the one whose number it is.
    pub company: Option<KnownCompany>,
    /// Deals that are open, of the contact or else of the company: at most five.
    pub deals: Vec<KnownDeal>,
}

/// A contact whose number it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct KnownContact {
    /// The record's id.
    pub id: String,
    /// The whole name.
    pub name: Option<String>,
    /// What to greet by.
    pub first_name: Option<String>,
    /// What they do.
    pub title: Option<String>,
    /// Who looks after them.
    pub owner: Option<String>,
    /// They do not want to be called.
    pub do_not_call: bool,
    /// The CRM's id; none if the CRM does not know them.
    pub vendor_id: Option<String>,
    /// Where they are in the CRM.
    pub url: Option<String>,
}

/// A company.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct KnownCompany {
    /// The record's id; none for a company that is known by its name alone.
    pub id: Option<String>,
    /// Its name.
    pub name: Option<String>,
    /// Where it is in the CRM.
    pub url: Option<String>,
}

/// A deal that is open.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct KnownDeal {
    /// The record's id.
    pub id: String,
    /// What it is called.
    pub name: Option<String>,
    /// How far it is, in the CRM's word.
    pub stage: Option<String>,
    /// What it is worth.
    pub amount: Option<Money>,
    /// Where it is in the CRM.
    pub url: Option<String>,
}

/// An amount of money.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
pub struct Money {
    /// In the currency's smallest unit.
    pub amount: i64,
    /// ISO 4217.
    pub currency: String,
}

/// What is read of a record; of each object its own part.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Known {
    name: Option<String>,
    first_name: Option<String>,
    last_name: Option<String>,
    title: Option<String>,
    company_id: Option<String>,
    company_name: Option<String>,
    owner: Option<Owner>,
    do_not_call: bool,
    last_contacted_at: Option<String>,
    stage: Option<String>,
    amount: Option<Money>,
    external_ids: Map<String, Value>,
    extra: Map<String, Value>,
}

#[derive(Debug, Deserialize)]
struct Owner {
    name: Option<String>,
}

impl Known {
    fn vendor_id(&self, plugin: &str) -> Option<String> {
        self.external_ids.get(plugin).and_then(Value::as_str).map(str::to_owned)
    }

    /// The deep link, which the hub keeps beside the record.
    fn url(&self, plugin: &str) -> Option<String> {
        self.extra.get(plugin)?.get("url")?.as_str().map(str::to_owned)
    }

    fn whole_name(&self) -> Option<String> {
        let parts = || [&self.first_name, &self.last_name].into_iter().flatten().map(String::as_str);
        let joined = || Some(parts().collect::<Vec<_>>().join(" ")).filter(|name| !name.is_empty());
        self.name.clone().or_else(joined)
    }
}

/// Who has a number, by the records of an organization; `plugin` is the id of the connector that asks, whose ids and links are
/// given. Four look-ups at most, each of them by an index.
///
/// # Errors
/// [`Error::Denied`] if the manifest does not ask for `contact`, `company` and `deal`; [`Error::Internal`] if the store fails.
pub fn find_caller(plugin: &str, asked: &FindCaller) -> Result<Caller, Error> {
    let by_phone = json!({ "phone": asked.phone });
    let mut found = records::query::<Known>(objects::CONTACT, &by_phone, MOST_CONTACTS, None)?.documents;
    let contacts = u32::try_from(found.len()).unwrap_or(MOST_CONTACTS);
    // of those who are alike the first one, so that the same call is answered alike each time
    found.sort_by(|one, other| rank(&other.data, plugin).cmp(&rank(&one.data, plugin)).then(one.id.cmp(&other.id)));
    let Some(best) = found.into_iter().next() else { return company_of_number(plugin, &by_phone) };
    let company = match &best.data.company_id {
        Some(id) => records::get::<Known>(objects::COMPANY, id)?.map(|company| company_of(plugin, company)),
        None => None,
    };
    let named = || best.data.company_name.clone().map(|name| KnownCompany { id: None, name: Some(name), url: None });
    let company = company.or_else(named);
    let deals = deals_of(plugin, &best.id, company.as_ref())?;
    Ok(Caller { found: true, contacts, contact: Some(contact_of(plugin, best)), company, deals })
}

/// Whom the CRM knows before whom it does not, then who was spoken with last. Times of RFC 3339 in UTC are in order as text.
fn rank(contact: &Known, plugin: &str) -> (bool, Option<String>) {
    (contact.vendor_id(plugin).is_some(), contact.last_contacted_at.clone())
}

/// Nobody's own number: perhaps a switchboard's.
fn company_of_number(plugin: &str, by_phone: &Value) -> Result<Caller, Error> {
    let found = records::query::<Known>(objects::COMPANY, by_phone, 1, None)?.documents;
    let Some(company) = found.into_iter().next().map(|company| company_of(plugin, company)) else {
        return Ok(Caller::default());
    };
    let deals = company.id.as_deref().map_or_else(|| Ok(Vec::new()), |id| open_deals(plugin, "company_id", id))?;
    Ok(Caller { found: true, contacts: 0, contact: None, company: Some(company), deals })
}

/// The contact's deals, or if there are none those of the company.
fn deals_of(plugin: &str, contact: &str, company: Option<&KnownCompany>) -> Result<Vec<KnownDeal>, Error> {
    let own = open_deals(plugin, "contact_id", contact)?;
    match company.and_then(|company| company.id.as_deref()) {
        Some(company) if own.is_empty() => open_deals(plugin, "company_id", company),
        _ => Ok(own),
    }
}

fn open_deals(plugin: &str, field: &str, id: &str) -> Result<Vec<KnownDeal>, Error> {
    let open = json!({ field: id, "status": "open" });
    let found = records::query::<Known>(objects::DEAL, &open, MOST_DEALS, None)?.documents;
    let deal = |deal: records::Document<Known>| KnownDeal {
        url: deal.data.url(plugin),
        id: deal.id,
        name: deal.data.name,
        stage: deal.data.stage,
        amount: deal.data.amount,
    };
    Ok(found.into_iter().map(deal).collect())
}

fn contact_of(plugin: &str, contact: records::Document<Known>) -> KnownContact {
    let records::Document { id, data, .. } = contact;
    KnownContact {
        id,
        name: data.whole_name(),
        vendor_id: data.vendor_id(plugin),
        url: data.url(plugin),
        first_name: data.first_name,
        title: data.title,
        owner: data.owner.and_then(|owner| owner.name),
        do_not_call: data.do_not_call,
    }
}

fn company_of(plugin: &str, company: records::Document<Known>) -> KnownCompany {
    let url = company.data.url(plugin);
    KnownCompany { id: Some(company.id), name: company.data.name, url }
}
