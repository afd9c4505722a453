//! Numbers count each month.

use patchbay_sdk::task::{Next, Step};
use patchbay_sdk::{Error, objects, records};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::record;

/// The kind of job in the manifest.
pub(super) const JOB: &str = "meter-numbers";

/// Numbers that one step looks at.
const PAGE: u32 = 200;

/// How far it has come.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct Cursor {
    after: Option<String>,
    counted: u64,
}

/// How many there are.
#[derive(Debug, Serialize)]
pub(crate) struct Counted {
    numbers: u64,
}

/// Meters a page of the numbers that the organization has here. One that was counted this month counts no more.
pub(super) fn step(step: Step<Value, Cursor>) -> Result<Next<Cursor, Counted>, Error> {
    let Cursor { after, mut counted } = step.cursor.unwrap_or_default();
    let page = records::query::<Map<String, Value>>(objects::PHONE_NUMBER, &json!({}), PAGE, after.as_deref())?;
    for document in &page.documents {
        let is_ours = document.id.starts_with("telnyx:");
        let text = |name: &str| document.data.get(name).and_then(Value::as_str);
        if !is_ours || text("status") != Some("active") {
            continue;
        }
        if let Some(number) = text("number") {
            record::meter(&record::number(number)?)?;
            counted += 1;
        }
    }
    Ok(match page.next {
        Some(after) => Next::Again(Cursor { after: Some(after), counted }),
        None => Next::Done(Counted { numbers: counted }),
    })
}
