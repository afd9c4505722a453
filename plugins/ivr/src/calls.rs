//! What calls have done, to be looked at.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{Days, NaiveDate};
use patchbay_sdk::{Call, Error, records};
use serde_json::{Map, Value};

use crate::call;
use crate::store::{CALLS, StoredCall, VOICEMAIL};
use crate::types::{
    CallPage, Counted, Did, ListCalls, ListMessages, Message, MessagePage, OptionUse, Outcome, Statistics, StatisticsOf,
};

/// Documents of a page if nobody says how many.
const PAGE: u32 = 20;

/// The most days of one question.
const MOST_DAYS: u64 = 31;

/// Calls that are looked at, at most: what a run can read in its time.
const MOST_CALLS: u64 = 20_000;

pub(crate) fn list_calls(asked: Call<ListCalls>) -> Result<CallPage, Error> {
    let ListCalls { menu, day, from, limit, after } = asked.input;
    let filter = filter([("menu", menu), ("day", day), ("from", from)]);
    let page = records::query::<StoredCall>(CALLS, &filter, limit.unwrap_or(PAGE), after.as_deref())?;
    let calls = page.documents.into_iter().map(|document| call::summary(document.data)).collect();
    Ok(CallPage { calls, next: page.next })
}

pub(crate) fn list_messages(asked: Call<ListMessages>) -> Result<MessagePage, Error> {
    let ListMessages { mailbox, menu, limit, after } = asked.input;
    let filter = filter([("mailbox", mailbox), ("menu", menu)]);
    let page = records::query::<Message>(VOICEMAIL, &filter, limit.unwrap_or(PAGE), after.as_deref())?;
    let messages = page.documents.into_iter().map(|document| document.data).collect();
    Ok(MessagePage { messages, next: page.next })
}

fn filter<const N: usize>(fields: [(&str, Option<String>); N]) -> Value {
    let named = fields.into_iter().filter_map(|(name, value)| Some((name.to_owned(), Value::String(value?))));
    Value::Object(named.collect::<Map<_, _>>())
}

pub(crate) fn statistics(asked: Call<StatisticsOf>) -> Result<Statistics, Error> {
    let StatisticsOf { menu, from, to } = asked.input;
    let (first, last) = (date(&from, "/from")?, date(&to, "/to")?);
    let most = first.checked_add_days(Days::new(MOST_DAYS - 1)).unwrap_or(first);
    if last < first || last > most {
        return Err(Error::invalid("/to", format!("a day not before `from`, at most {MOST_DAYS} days in all")));
    }
    let mut sum = Sum::default();
    for day in first.iter_days().take_while(|day| *day <= last) {
        let filter = filter([("menu", Some(menu.clone())), ("day", Some(day.to_string()))]);
        let mut after = None;
        loop {
            let page = records::query::<StoredCall>(CALLS, &filter, 1000, after.as_deref())?;
            page.documents.iter().for_each(|document| sum.add(&document.data));
            if sum.calls >= MOST_CALLS {
                let complete = page.next.is_none() && day == last;
                return Ok(sum.told(complete));
            }
            match page.next {
                Some(next) => after = Some(next),
                None => break,
            }
        }
    }
    Ok(sum.told(true))
}

fn date(text: &str, at: &str) -> Result<NaiveDate, Error> {
    NaiveDate::parse_from_str(text, "%Y-%m-%d").map_err(|_| Error::invalid(at, "a day that there is, as 2026-11-01"))
}

#[derive(Default)]
struct Sum {
    calls: u64,
    outcomes: BTreeMap<Option<Outcome>, u64>,
    /// By place and key: how often, and by how many calls.
    options: BTreeMap<(String, String), (u64, u64)>,
}

impl Sum {
    fn add(&mut self, call: &StoredCall) {
        self.calls += 1;
        *self.outcomes.entry(call.outcome).or_default() += 1;
        let mut of_this = BTreeSet::new();
        for step in call.steps.values().filter(|step| matches!(step.did, Did::Digits | Did::Answer)) {
            let Some(key) = &step.digits else { continue };
            let option = (step.node.clone(), key.clone());
            let uses = self.options.entry(option.clone()).or_default();
            uses.0 += 1;
            uses.1 += u64::from(of_this.insert(option));
        }
    }

    fn told(self, complete: bool) -> Statistics {
        let outcomes = self.outcomes.into_iter().map(|(outcome, calls)| Counted { outcome, calls });
        let options =
            self.options.into_iter().map(|((node, key), (times, calls))| OptionUse { node, key, times, calls });
        Statistics { calls: self.calls, complete, outcomes: outcomes.collect(), options: options.collect() }
    }
}
