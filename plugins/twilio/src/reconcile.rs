//! Twilio's list of numbers beside ours, each night and whenever it is asked for: what costs money that nobody here owns, and
//! what is owned here that is not there any more. Each difference is told with what was done about it.
//!
//! Twilio is asked first and the claims are read afterwards: what Twilio has was then committed here as an intent before, so
//! nothing that is just being bought looks as if nobody owned it. Only what bears the installation's own mark is ever given
//! back; an account may have numbers of others.

use std::collections::{BTreeMap, BTreeSet};

use patchbay_sdk::clock::{self, Timestamp};
use patchbay_sdk::task::{Next, Step};
use patchbay_sdk::{Call, Error, events, jobs, log, objects, peers, records};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::api::Api;
use crate::config::{Config, Follow};
use crate::form::Parameters;
use crate::incoming::{self, Incoming, NUMBERS, Terms};
use crate::provision::claim::{State, Stored};
use crate::provision::follow::{self, Order, Subscription};
use crate::types::provisioning::Nothing;
use crate::{api, mark, numbers};

/// The kind of job in the manifest.
pub(crate) const JOB: &str = "reconcile";

/// The collection in the manifest.
pub(crate) const REPORTS: &str = "reconcile";

/// The most differences that one report lists; all are counted, and what is left comes with the next.
const MOST_FINDINGS: usize = 500;

/// Subscriptions that Stripe is asked for in one comparison: as many as one call may ask.
const MOST_ASKED: usize = 50;

/// A day, in milliseconds.
const DAY_MS: u64 = 86_400_000;

/// Records that are read at a time.
const PAGE: u32 = 500;

/// What is different.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// Twilio has a number of this installation's to which no subscription has a right.
    Orphan,
    /// Twilio has a second number for one claim.
    Double,
    /// A number that is recorded here is not Twilio's any more.
    Missing,
    /// Twilio has a number that was bought from here, and nothing is recorded of it.
    Unrecorded,
    /// A claim waits for something that nobody does.
    Stuck,
    /// Stripe says that a subscription has ended, and no event has told.
    Unheard,
}

/// A difference, and what was done about it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Finding {
    /// What is different.
    pub kind: Kind,
    /// The number, in E.164, if there is one.
    #[serde(default)]
    pub number: Option<String>,
    /// Its SID.
    #[serde(default)]
    pub sid: Option<String>,
    /// The claim.
    #[serde(default)]
    pub claim: Option<String>,
    /// What was done: `released`, `recorded`, `recorded as released`, `begun again`, `ended`, or why nothing could be.
    pub done: String,
}

/// What a comparison found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Report {
    /// When: RFC 3339.
    pub at: String,
    /// Numbers of the account.
    pub numbers: u64,
    /// Those that bear the installation's mark.
    pub marked: u64,
    /// Claims that may cost something.
    pub claims: u64,
    /// True if nothing is paid for that nobody owns, and nothing owned that is not there, once what was done is done.
    pub settled: bool,
    /// The differences.
    pub findings: Vec<Finding>,
}

/// Compares now, and gives the report.
pub(crate) fn action(_: Call<Nothing>) -> Result<Report, Error> {
    run(clock::now())
}

/// Compares in the background.
pub(crate) fn step(_: Step<Value, ()>) -> Result<Next<(), Report>, Error> {
    run(clock::now()).map(Next::Done)
}

/// One comparison.
struct Comparison {
    api: Api,
    now: Timestamp,
    findings: Vec<Finding>,
    failed: bool,
}

fn run(now: Timestamp) -> Result<Report, Error> {
    let (config, api) = incoming::account()?;
    let own = mark::own()?;
    let theirs = incoming::list(&api, Parameters::new())?;
    let claims = Stored::all()?;
    let recorded = recorded()?;
    let mut comparison = Comparison { api, now, findings: Vec::new(), failed: false };
    let marked = theirs.iter().filter(|one| one.name().starts_with(&own)).count();
    comparison.numbers(&theirs, &claims, &recorded, &own)?;
    comparison.records(&theirs, &recorded, &claims)?;
    comparison.claims(&theirs, &claims)?;
    comparison.subscriptions(&config, &claims)?;
    let report = Report {
        at: clock::rfc3339(now),
        numbers: length(theirs.len()),
        marked: length(marked),
        claims: length(claims.iter().filter(|one| one.claim.costs()).count()),
        settled: !comparison.failed,
        findings: comparison.findings,
    };
    records::put(REPORTS, &report.at, &report, None)?;
    events::publish("twilio.numbers.reconciled", &report.at, &report, None)?;
    Ok(report)
}

/// Of more subscriptions than one comparison asks for those whose turn it is on a day: each comes up, whatever its name.
fn in_turn<'a>(names: &BTreeSet<&'a str>, now: Timestamp) -> Vec<&'a str> {
    let day = usize::try_from(now / DAY_MS).unwrap_or_default();
    let first = day.wrapping_mul(MOST_ASKED).checked_rem(names.len()).unwrap_or_default();
    names.iter().copied().cycle().skip(first).take(names.len().min(MOST_ASKED)).collect()
}

fn length(count: usize) -> u64 {
    u64::try_from(count).unwrap_or(u64::MAX)
}

/// Records of the object `phone-number` that are ours and not given back: SID to number.
fn recorded() -> Result<BTreeMap<String, String>, Error> {
    let mut all = BTreeMap::new();
    let mut after: Option<String> = None;
    loop {
        let page =
            records::query::<Value>(objects::PHONE_NUMBER, &json!({"status": "active"}), PAGE, after.as_deref())?;
        for found in page.documents {
            let number = found.data.get("number").and_then(Value::as_str).unwrap_or_default();
            if let Some(sid) = found.id.strip_prefix("twilio:") {
                all.insert(sid.to_owned(), number.to_owned());
            }
        }
        match page.next {
            Some(next) => after = Some(next),
            None => return Ok(all),
        }
    }
}

impl Comparison {
    fn found(&mut self, kind: Kind, number: Option<&Incoming>, claim: Option<&str>, done: &str) {
        if self.findings.len() < MOST_FINDINGS {
            self.findings.push(Finding {
                kind,
                number: number.map(|number| number.phone_number.clone()),
                sid: number.map(|number| number.sid.clone()),
                claim: claim.map(str::to_owned),
                done: done.to_owned(),
            });
        }
    }

    /// What Twilio has.
    fn numbers(
        &mut self,
        theirs: &[Incoming],
        claims: &[Stored],
        recorded: &BTreeMap<String, String>,
        own: &str,
    ) -> Result<(), Error> {
        let by_name: BTreeMap<&str, &Stored> = claims.iter().map(|one| (one.claim.reference.as_str(), one)).collect();
        for number in theirs {
            if recorded.contains_key(&number.sid) {
                incoming::meter(&number.phone_number, self.now)?;
            }
            if !number.name().starts_with(own) {
                self.unmarked(number, recorded)?;
                continue;
            }
            match by_name.get(number.name()) {
                None => self.give_back(Kind::Orphan, number, None)?,
                Some(stored) => match stored.claim.state {
                    State::Active | State::Ending if stored.claim.sid.as_deref() == Some(number.sid.as_str()) => {}
                    State::Active | State::Ending => self.give_back(Kind::Double, number, Some(&stored.id))?,
                    // its job looks for the name before it asks for anything
                    State::Planned | State::Buying => {}
                    State::Released | State::Refused | State::Lost => {
                        self.give_back(Kind::Orphan, number, Some(&stored.id))?;
                    }
                },
            }
        }
        Ok(())
    }

    /// A number without the mark: somebody's own affair, unless it was bought from here and that was never written down.
    fn unmarked(&mut self, number: &Incoming, recorded: &BTreeMap<String, String>) -> Result<(), Error> {
        // that of another installation's subscription is not ours, whoever was about to buy it
        if recorded.contains_key(&number.sid) || mark::is_reserved(number.name()) {
            return Ok(());
        }
        let Some((country, kind)) = numbers::intended(&number.phone_number)? else { return Ok(()) };
        let terms = Terms { country: Some(country), kind: Some(kind), ..Terms::default() };
        incoming::record(number, &terms)?;
        self.found(Kind::Unrecorded, Some(number), None, "recorded");
        Ok(())
    }

    fn give_back(&mut self, kind: Kind, number: &Incoming, claim: Option<&str>) -> Result<(), Error> {
        let below = format!("{NUMBERS}/{}", api::sid(&number.sid, &["PN"], "/sid")?);
        match self.api.delete(&below) {
            Ok(()) => {
                incoming::record_release(&number.sid)?;
                self.found(kind, Some(number), claim, "released");
            }
            Err(error) => {
                self.failed = true;
                log::error(
                    "a number that nobody owns is not given back",
                    &[("sid", &number.sid), ("error", &error.to_string())],
                );
                self.found(kind, Some(number), claim, &format!("not released: {error}"));
                jobs::Plan::new().after_ms(60_000).key("again").enqueue(JOB, &json!({}))?;
            }
        }
        Ok(())
    }

    /// What is recorded here as a number of ours, bought by the action or by a client.
    fn records(
        &mut self,
        theirs: &[Incoming],
        recorded: &BTreeMap<String, String>,
        claims: &[Stored],
    ) -> Result<(), Error> {
        let there: BTreeSet<&str> = theirs.iter().map(|one| one.sid.as_str()).collect();
        let claimed: BTreeSet<&str> = claims.iter().filter_map(|one| one.claim.sid.as_deref()).collect();
        for (sid, number) in recorded {
            if there.contains(sid.as_str()) || claimed.contains(sid.as_str()) {
                continue;
            }
            // one that was bought since Twilio was asked is newer than the list
            if incoming::find(&self.api, number)?.is_some_and(|found| found.sid == *sid) {
                continue;
            }
            incoming::record_release(sid)?;
            if self.findings.len() < MOST_FINDINGS {
                self.findings.push(Finding {
                    kind: Kind::Missing,
                    number: Some(number.clone()),
                    sid: Some(sid.clone()),
                    claim: None,
                    done: "recorded as released".to_owned(),
                });
            }
        }
        Ok(())
    }

    /// What claims say that Twilio has, and claims that nobody works on.
    fn claims(&mut self, theirs: &[Incoming], claims: &[Stored]) -> Result<(), Error> {
        let there: BTreeSet<&str> = theirs.iter().map(|one| one.sid.as_str()).collect();
        for one in claims {
            let gone =
                one.claim.state == State::Active && one.claim.sid.as_deref().is_some_and(|sid| !there.contains(sid));
            if gone && self.is_gone(one)? {
                self.lose(one)?;
            } else if one.claim.is_due(self.now) {
                jobs::Plan::new()
                    .key(&format!("again:{}", one.id).chars().take(200).collect::<String>())
                    .enqueue(follow::JOB, &Order { claim: one.id.clone() })?;
                self.found(Kind::Stuck, None, Some(&one.id), "begun again");
            }
        }
        Ok(())
    }

    /// Asks once more for the one number: a list of many pages is not of one moment.
    fn is_gone(&self, one: &Stored) -> Result<bool, Error> {
        let Some(number) = one.claim.number.as_deref() else { return Ok(false) };
        Ok(incoming::find(&self.api, number)?.is_none_or(|found| Some(found.sid) != one.claim.sid))
    }

    /// Somebody has released a number at Twilio. Another one is not bought in its place: nobody has asked for that.
    fn lose(&mut self, one: &Stored) -> Result<(), Error> {
        let mut lost = one.clone();
        lost.claim.state = State::Lost;
        lost.put()?;
        let sid = one.claim.sid.clone().unwrap_or_default();
        incoming::record_release(&sid)?;
        self.findings.push(Finding {
            kind: Kind::Missing,
            number: one.claim.number.clone(),
            sid: Some(sid),
            claim: Some(one.id.clone()),
            done: "recorded as released".to_owned(),
        });
        Ok(())
    }

    /// Asks Stripe of each subscription that has a number: events reach no plugin that is switched off meanwhile.
    fn subscriptions(&mut self, config: &Config, claims: &[Stored]) -> Result<(), Error> {
        let Some(wanted) = config.provisioning.as_ref().filter(|wanted| wanted.follow == Follow::Stripe) else {
            return Ok(());
        };
        let holds =
            |one: &&Stored| one.claim.source == "stripe" && one.claim.wanted && one.claim.state == State::Active;
        let names: BTreeSet<&str> = claims.iter().filter(holds).map(|one| one.claim.subscription.as_str()).collect();
        for name in in_turn(&names, self.now) {
            let told = peers::call("stripe", "get-subscription", &json!({"subscription": name}));
            let subscription: Subscription = match told.and_then(|told| Ok(serde_json::from_value(told)?)) {
                Ok(subscription) => subscription,
                Err(error) => {
                    // without a key for Stripe there are only its events
                    log::warn("Stripe does not say how a subscription stands", &[("error", &error.to_string())]);
                    return Ok(());
                }
            };
            let standing = subscription.standing(wanted, self.now, false);
            if standing.over {
                let ended = follow::apply(config, wanted, &standing)?;
                for claim in &ended {
                    self.found(Kind::Unheard, None, Some(claim), "ended");
                }
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_subscription_is_asked_for_within_a_few_days() {
        let ids: Vec<String> = (0..120).map(|number| format!("sub_{number:03}")).collect();
        let names: BTreeSet<&str> = ids.iter().map(String::as_str).collect();
        let mut asked = BTreeSet::new();
        for day in 20_000..20_003 {
            let turn = in_turn(&names, day * DAY_MS);
            assert_eq!(turn.len(), MOST_ASKED);
            asked.extend(turn);
        }
        assert_eq!(asked, names);
        let few = BTreeSet::from(["sub_1", "sub_2"]);
        assert_eq!(in_turn(&few, 7 * DAY_MS).into_iter().collect::<BTreeSet<_>>(), few);
        assert!(in_turn(&BTreeSet::new(), 0).is_empty());
    }
}
