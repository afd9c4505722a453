//! The actions on forwarding.

use patchbay_sdk::{Call, Error, clock};
use patchbay_telephony::phone::{Kind, Number};

use super::carrier::{Carrier, CarrierId, Mode, Offer, Ring, patterns};
use super::carriers::{CARRIERS, NOTES, carrier};
use super::mmi::{Invalid, Timer, tel_uri};
use super::record::{self, Proof, State, Stored};
use super::types::{
    CarrierOptions, Dial, ForwardedNumber, Forwarding, ForwardingOptions, Forwardings, Instructions, ListForwardings,
    ModeOptions, Options, RingTime, Seconds, SetUpForwarding,
};
use crate::config::Config;
use crate::outward;

/// Forwardings of a list, if nobody says how many.
const LISTED: u32 = 100;

/// So far a chain of forwardings is followed.
const LONGEST_CHAIN: usize = 8;

pub(super) fn options(call: Call<ForwardingOptions>) -> Result<Options, Error> {
    let wanted = call.input.carrier;
    let carriers = CARRIERS.iter().filter(|carrier| wanted.is_none_or(|wanted| wanted == carrier.id));
    Ok(Options { carriers: carriers.map(shown).collect(), notes: NOTES.to_vec() })
}

fn shown(carrier: &Carrier) -> CarrierOptions {
    let (ring_times, provider_rings) = match carrier.ring {
        Ring::Code => {
            let times = Timer::SECONDS.into_iter().filter_map(|seconds| Timer::seconds(seconds).ok());
            (times.map(|timer| RingTime { seconds: timer.get(), rings: timer.rings() }).collect(), None)
        }
        Ring::Provider(about) => (Vec::new(), about.map(|(from, to)| Seconds { from, to })),
    };
    let modes = carrier.offers.iter().map(|offer| ModeOptions {
        mode: offer.mode,
        takes_ring_time: offer.takes_timer(),
        activate: offer.activate.iter().map(|way| patterns(way)).collect(),
        deactivate: offer.switch_off(),
        query: patterns(offer.query),
    });
    CarrierOptions {
        id: carrier.id,
        name: carrier.name,
        confidence: carrier.confidence,
        number_formats: carrier.numbers.to_vec(),
        ring_times,
        provider_rings,
        modes: modes.collect(),
        reset: patterns(carrier.reset),
        notes: carrier.notes.to_vec(),
    }
}

pub(super) fn set_up(call: Call<SetUpForwarding>) -> Result<Instructions, Error> {
    let SetUpForwarding { phone_number, carrier, mode, destination, ring_seconds } = call.input;
    let config = Config::load()?;
    let number = outward::number(&config, &phone_number, "/phone_number")?;
    let destination = outward::number(&config, &destination, "/destination")?;
    if matches!(destination.kind(), Kind::PremiumRate | Kind::SharedCost | Kind::Satellite) {
        return Err(Error::invalid(
            "/destination",
            "a number of a usual line: each forwarded call to this one costs extra",
        ));
    }
    let (carrier, offer) = offer(carrier, mode)?;
    let timer = ring_seconds.map(Timer::seconds).transpose().map_err(misfit)?;
    let ways = offer.switch_on(destination.as_str(), carrier.numbers, timer).map_err(misfit)?;
    refuse_loop(&number, &destination)?;
    let version = record::get(&number)?.map_or(0, |found| found.version);
    let stored = Stored {
        state: State::Pending,
        carrier: carrier.id,
        mode,
        destination,
        ring_seconds,
        set_up_at: clock::now(),
        confirmed_at: None,
        confirmed_by: None,
        disabled_at: None,
        last_call_at: None,
    };
    record::put(&number, &stored, version)?;
    Ok(instructions(number.as_str().to_owned(), stored, carrier, offer, ways))
}

pub(super) fn confirm(call: Call<ForwardedNumber>) -> Result<Forwarding, Error> {
    let number = outward::number(&Config::load()?, &call.input.phone_number, "/phone_number")?;
    let found = record::get(&number)?.ok_or_else(|| unknown(&number))?;
    let stored = match found.data.state {
        State::Pending => record::confirm(&number, found, Proof::User)?,
        State::Active => found.data,
        State::Disabled => {
            let text = format!("the forwarding of {} was disabled: set-up-forwarding begins anew", number.masked());
            return Err(Error::Conflict(text));
        }
    };
    Ok(view(number.as_str().to_owned(), stored))
}

pub(super) fn disable(call: Call<ForwardedNumber>) -> Result<Instructions, Error> {
    let number = outward::number(&Config::load()?, &call.input.phone_number, "/phone_number")?;
    let found = record::get(&number)?.ok_or_else(|| unknown(&number))?;
    let mut stored = found.data;
    let (carrier, offer) = offer(stored.carrier, stored.mode)?;
    if stored.state != State::Disabled {
        stored.state = State::Disabled;
        stored.disabled_at = Some(clock::now());
        record::put(&number, &stored, found.version)?;
    }
    Ok(instructions(number.as_str().to_owned(), stored, carrier, offer, offer.switch_off()))
}

pub(super) fn list(call: Call<ListForwardings>) -> Result<Forwardings, Error> {
    let ListForwardings { state, limit, after } = call.input;
    let page = record::page(state, limit.unwrap_or(LISTED), after.as_deref())?;
    let forwardings = page.documents.into_iter().map(|found| view(found.id, found.data)).collect();
    Ok(Forwardings { forwardings, next: page.next })
}

/// What a carrier offers for a mode.
fn offer(id: CarrierId, mode: Mode) -> Result<(&'static Carrier, &'static Offer), Error> {
    let known = carrier(id).ok_or_else(|| Error::Internal(format!("no codes of {id:?}")))?;
    if known.offers.is_empty() {
        let expected =
            "the carrier whose network the line uses: lines of resellers take its codes, or are set up in an app";
        return Err(Error::invalid("/carrier", expected));
    }
    let offer = known.offer(mode).ok_or_else(|| {
        let modes: Vec<&str> = known.offers.iter().map(|offer| offer.mode.as_str()).collect();
        Error::invalid("/mode", format!("one that {} has a code for: {}", known.name, modes.join(", ")))
    })?;
    Ok((known, offer))
}

/// Refuses what would send a call round in a circle.
fn refuse_loop(number: &Number, destination: &Number) -> Result<(), Error> {
    let mut next = destination.clone();
    for _ in 0..LONGEST_CHAIN {
        if next == *number {
            return Err(Error::invalid("/destination", "a number whose calls do not come back to the forwarded one"));
        }
        match record::get(&next)?.filter(|found| found.data.state != State::Disabled) {
            Some(found) => next = found.data.destination,
            None => return Ok(()),
        }
    }
    Err(Error::invalid("/destination", format!("the end of at most {LONGEST_CHAIN} forwardings")))
}

fn misfit(invalid: Invalid) -> Error {
    let pointer = match invalid {
        Invalid::Destination | Invalid::NotNational => "/destination",
        Invalid::Timer | Invalid::TimerNotTaken => "/ring_seconds",
    };
    Error::invalid(pointer, invalid.to_string())
}

fn instructions(
    number: String,
    stored: Stored,
    carrier: &Carrier,
    offer: &Offer,
    ways: Vec<Vec<String>>,
) -> Instructions {
    let dial = |code: String| Dial { tel_uri: tel_uri(&code), code };
    let mut ways = ways.into_iter().map(|way| way.into_iter().map(dial).collect::<Vec<_>>());
    let first = ways.next().unwrap_or_default();
    Instructions {
        forwarding: view(number, stored),
        dial: first,
        otherwise: ways.collect(),
        query: patterns(offer.query).into_iter().map(dial).collect(),
        confidence: carrier.confidence,
        notes: carrier.notes.iter().chain(NOTES).copied().collect(),
    }
}

fn view(phone_number: String, stored: Stored) -> Forwarding {
    let still = stored.disabled_at.zip(stored.last_call_at).is_some_and(|(end, call)| call > end);
    Forwarding {
        phone_number,
        state: stored.state,
        carrier: stored.carrier,
        mode: stored.mode,
        destination: stored.destination,
        ring_seconds: stored.ring_seconds,
        set_up_at: clock::rfc3339(stored.set_up_at),
        confirmed_at: stored.confirmed_at.map(clock::rfc3339),
        confirmed_by: stored.confirmed_by,
        disabled_at: stored.disabled_at.map(clock::rfc3339),
        last_call_at: stored.last_call_at.map(clock::rfc3339),
        still_forwards: still,
    }
}

fn unknown(number: &Number) -> Error {
    Error::NotFound(format!("no forwarding of {}: set-up-forwarding begins one", number.masked()))
}
