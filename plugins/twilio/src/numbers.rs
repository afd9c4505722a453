//! Numbers: looking for them, buying, setting up, giving back.

use patchbay_sdk::{Call, Error, Verbatim, clock, installation, kv};
use serde::Deserialize;

use crate::api;
use crate::config::{Feature, NumberKind};
use crate::form::Parameters;
use crate::incoming::{self, Incoming, NUMBERS, Terms};
use crate::mark;
use crate::outward;
use crate::provision::claim::{State, Stored};
use crate::types::numbers::{
    AvailableNumber, Bought, BuyNumber, ConfigureNumber, FoundNumbers, ListNumbers, Money, OwnedNumbers, Purchase,
    ReleaseNumber, ReleasedNumber, SearchNumbers,
};

#[derive(Deserialize)]
struct Shelf {
    available_phone_numbers: Vec<AvailableNumber>,
}

pub(crate) fn search(call: Call<SearchNumbers>) -> Result<FoundNumbers, Error> {
    let (config, api) = incoming::account()?;
    let wanted = call.input;
    let wants = |feature| wanted.features.contains(&feature).then_some(true);
    let filter = Parameters::new()
        .shown("AreaCode", wanted.area_code)
        .maybe("Contains", wanted.contains.as_deref())
        .maybe("InRegion", wanted.region.as_deref())
        .maybe("InLocality", wanted.locality.as_deref())
        .shown("VoiceEnabled", wants(Feature::Voice))
        .shown("SmsEnabled", wants(Feature::Sms))
        .shown("MmsEnabled", wants(Feature::Mms))
        .shown("ExcludeAllAddressRequired", wanted.without_address.then_some(true))
        .set("PageSize", wanted.limit.unwrap_or(20).to_string());
    let below = format!("/AvailablePhoneNumbers/{}/{}", wanted.country, wanted.kind.resource());
    let mut numbers = api.get(&below, &filter)?.json::<Shelf>()?.available_phone_numbers;
    let monthly = config.price(&wanted.country, wanted.kind);
    let monthly = monthly.map(|(amount, currency)| Money { amount, currency: currency.to_owned() });
    for number in &mut numbers {
        number.monthly.clone_from(&monthly);
    }
    Ok(FoundNumbers { numbers })
}

pub(crate) fn buy(call: Call<BuyNumber>) -> Result<Purchase, Error> {
    let (config, api) = incoming::account()?;
    let asked = call.input;
    check_name(asked.friendly_name.as_deref())?;
    let number = outward::number(&config, &asked.phone_number, "/phone_number")?;
    let number = number.as_str();
    let Some((amount, currency)) = config.price(&asked.country, asked.kind) else {
        return Err(Error::invalid(
            "/country",
            "one of which the settings have a price for this kind: add it to `prices`",
        ));
    };
    let monthly = Money { amount, currency: currency.to_owned() };
    let Some(confirmed) = asked.confirm else {
        return Ok(Purchase { status: Bought::Quoted, phone_number: number.to_owned(), monthly, number: None });
    };
    if confirmed != monthly {
        let expected = format!("the price as it is now: {amount} {currency} a month, in minor units");
        return Err(Error::invalid("/confirm", expected));
    }
    let terms = Terms {
        country: Some(asked.country.clone()),
        kind: Some(asked.kind),
        price: Some((amount, currency.to_owned())),
        claim: None,
    };
    // a call before may have bought it and never have heard of it
    if let Some(owned) = incoming::find(&api, number)? {
        check_owner(&owned)?;
        incoming::record(&owned, &terms)?;
        return Ok(Purchase { status: Bought::Owned, phone_number: number.to_owned(), monthly, number: Some(owned) });
    }
    intend(number, &asked.country, asked.kind)?;
    let parameters = Parameters::new()
        .set("PhoneNumber", number)
        .maybe("FriendlyName", asked.friendly_name.as_deref())
        .maybe("AddressSid", asked.address_sid.as_deref())
        .maybe("BundleSid", asked.bundle_sid.as_deref());
    let parameters = incoming::hooks(parameters, &installation::webhook_url());
    let bought: Incoming = api.post(&incoming::shop(asked.kind), &parameters)?.json()?;
    incoming::record(&bought, &terms)?;
    Ok(Purchase { status: Bought::Bought, phone_number: number.to_owned(), monthly, number: Some(bought) })
}

/// Refuses a name by which the hub would take the number for that of a subscription, and give it back.
fn check_name(name: Option<&str>) -> Result<(), Error> {
    if name.is_some_and(mark::is_reserved) {
        return Err(Error::invalid("/friendly_name", "another name: those of numbers of subscriptions begin with pb:"));
    }
    Ok(())
}

/// Refuses a number of a subscription of another installation's: one account may serve several organizations.
fn check_owner(owned: &Incoming) -> Result<(), Error> {
    if mark::is_reserved(owned.name()) && !owned.name().starts_with(&mark::own()?) {
        return Err(Error::Conflict(
            "the number is that of a subscription of somebody else on this account".to_owned(),
        ));
    }
    Ok(())
}

/// Notes at once that a number is about to be bought, so that one whose answer was lost is known for the organization's own.
fn intend(number: &str, country: &str, kind: NumberKind) -> Result<(), Error> {
    let note = serde_json::to_vec(&(country, kind)).map_err(|error| Error::Internal(error.to_string()))?;
    kv::set(&intent(number), &note, None, None).map(drop)
}

/// Where that is noted.
pub(crate) fn intent(number: &str) -> String {
    format!("purchase/{number}")
}

/// What was noted of a number, if this installation was about to buy it.
///
/// # Errors
/// What kept it from being read.
pub(crate) fn intended(number: &str) -> Result<Option<(String, NumberKind)>, Error> {
    let Some(note) = kv::get(&intent(number))? else { return Ok(None) };
    Ok(Some(serde_json::from_slice(&note.value)?))
}

pub(crate) fn configure(call: Call<ConfigureNumber>) -> Result<Verbatim<Incoming>, Error> {
    let (_, api) = incoming::account()?;
    let asked = call.input;
    let below = format!("{NUMBERS}/{}", api::sid(&asked.sid, &["PN"], "/sid")?);
    check_name(asked.friendly_name.as_deref())?;
    if asked.friendly_name.is_some() {
        let owned: Incoming = api.get(&below, &Parameters::new())?.json()?;
        check_owner(&owned)?;
        if owned.name().starts_with(&mark::own()?) {
            return Err(Error::invalid(
                "/friendly_name",
                "nothing: by its name the hub knows the number of a subscription",
            ));
        }
    }
    let hub = asked.to_hub.then(installation::webhook_url);
    let parameters = Parameters::new()
        .maybe("VoiceUrl", asked.voice_url.or_else(|| hub.clone()))
        .maybe("SmsUrl", asked.sms_url.or_else(|| hub.clone()))
        .maybe("StatusCallback", asked.status_callback.or(hub))
        .maybe("FriendlyName", asked.friendly_name);
    api::verbatim(api.post(&below, &parameters)?)
}

pub(crate) fn release(call: Call<ReleaseNumber>) -> Result<ReleasedNumber, Error> {
    let (config, api) = incoming::account()?;
    let ReleaseNumber { sid, confirm } = call.input;
    let below = format!("{NUMBERS}/{}", api::sid(&sid, &["PN"], "/sid")?);
    let owned: Incoming = api.get(&below, &Parameters::new())?.json()?;
    if outward::number(&config, &confirm, "/confirm")?.as_str() != owned.phone_number {
        return Err(Error::invalid("/confirm", "the number that the SID is of"));
    }
    check_owner(&owned)?;
    let holds = |one: &Stored| one.claim.sid.as_deref() == Some(sid.as_str()) && one.claim.state == State::Active;
    if let Some(claim) = Stored::all()?.into_iter().find(holds) {
        let text = format!("the number is that of the claim {}: end its subscription, or call deprovision", claim.id);
        return Err(Error::Conflict(text));
    }
    api.delete(&below)?;
    incoming::record_release(&sid)?;
    kv::delete(&intent(&owned.phone_number))?;
    patchbay_sdk::log::info("a number is given back", &[("sid", &sid), ("at", &clock::rfc3339(clock::now()))]);
    Ok(ReleasedNumber { sid, phone_number: owned.phone_number })
}

pub(crate) fn list(call: Call<ListNumbers>) -> Result<OwnedNumbers, Error> {
    let (_, api) = incoming::account()?;
    let ListNumbers { phone_number, friendly_name } = call.input;
    let filter = Parameters::new().maybe("PhoneNumber", phone_number).maybe("FriendlyName", friendly_name);
    Ok(OwnedNumbers { numbers: incoming::list(&api, filter)? })
}
