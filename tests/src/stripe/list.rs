//! Lists, page by page: newest first, from after or before an id. <https://docs.stripe.com/api/pagination>

use serde_json::{Value, json};

use super::{parameters::Parameters, refusal::Refusal, state::shown};

/// Which page.
pub(super) struct Page {
    limit: usize,
    after: Option<String>,
    before: Option<String>,
}

impl Page {
    pub(super) fn read(parameters: &mut Parameters) -> Result<Self, Refusal> {
        let limit = parameters.integer("limit")?.unwrap_or(10);
        if !(1..=100).contains(&limit) {
            return Err(Refusal::invalid("limit", "This value must be between 1 and 100."));
        }
        let (after, before) = (parameters.text("starting_after")?, parameters.text("ending_before")?);
        if after.is_some() && before.is_some() {
            let text = "You cannot parameterize both starting_after and ending_before.";
            return Err(Refusal::invalid("ending_before", text));
        }
        Ok(Self { limit: usize::try_from(limit).unwrap_or(100), after, before })
    }

    /// The page of these, which come newest first.
    pub(super) fn of<'a>(self, url: &str, all: impl Iterator<Item = &'a Value>) -> Result<Value, Refusal> {
        let all: Vec<&Value> = all.collect();
        let place = |id: &str, param: &str| {
            let found = all.iter().position(|object| object["id"] == id);
            found.ok_or_else(|| Refusal::no_such(400, "object", id, param))
        };
        let (page, has_more) = match (&self.after, &self.before) {
            (_, Some(before)) => {
                let end = place(before, "ending_before")?;
                let start = end.saturating_sub(self.limit);
                (&all[start..end], start > 0)
            }
            (after, None) => {
                let start = after.as_deref().map(|after| place(after, "starting_after")).transpose()?;
                let start = start.map_or(0, |start| start + 1);
                let end = (start + self.limit).min(all.len());
                (&all[start..end], end < all.len())
            }
        };
        let data: Vec<Value> = page.iter().map(|object| shown(object)).collect();
        Ok(json!({"object": "list", "data": data, "has_more": has_more, "url": url}))
    }
}

/// A list that is inside of an object, or short.
pub(super) fn whole(url: &str, data: Vec<Value>) -> Value {
    json!({"object": "list", "data": data, "has_more": false, "url": url})
}

/// A time or a range of times: `created=…` or `created[gte]=…`.
#[derive(Default)]
pub(super) struct Times {
    from: Option<i64>,
    until: Option<i64>,
}

impl Times {
    pub(super) fn read(parameters: &mut Parameters, name: &str) -> Result<Self, Refusal> {
        if !parameters.has(name) {
            return Ok(Self::default());
        }
        if let Some(mut range) = parameters.clone().object(name).unwrap_or_default() {
            let _ = parameters.object(name)?;
            let (gt, gte) = (range.integer("gt")?, range.integer("gte")?);
            let (lt, lte) = (range.integer("lt")?, range.integer("lte")?);
            range.finish()?;
            return Ok(Self { from: gt.map(|gt| gt + 1).or(gte), until: lt.map(|lt| lt - 1).or(lte) });
        }
        let exact = parameters.integer(name)?;
        Ok(Self { from: exact, until: exact })
    }

    pub(super) fn holds(&self, time: i64) -> bool {
        self.from.is_none_or(|from| time >= from) && self.until.is_none_or(|until| time <= until)
    }
}
