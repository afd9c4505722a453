//! Messages of the account.

use serde_json::{Value, json};

use super::{ACCOUNT, Answer, Fields, numbers};

#[derive(Debug, Clone)]
struct Message {
    sid: String,
    to: String,
    from: String,
    body: String,
    status: &'static str,
}

/// All of the account.
#[derive(Debug, Default)]
pub(crate) struct Messages {
    all: Vec<Message>,
}

impl Messages {
    pub(super) fn all(&self) -> Vec<(String, String, String)> {
        self.all.iter().map(|one| (one.sid.clone(), one.to.clone(), one.body.clone())).collect()
    }

    /// `POST /Messages.json`.
    pub(super) fn create(&mut self, form: &Fields) -> Answer {
        let get = |name: &str| form.iter().find(|(own, _)| own == name).map(|(_, value)| value.as_str());
        let Some(to) = get("To").filter(|to| to.starts_with('+')) else {
            return numbers::refuse(400, 21211, "The 'To' number is not a valid phone number.");
        };
        let sender = get("From").or_else(|| get("MessagingServiceSid"));
        let Some(from) = sender else {
            return numbers::refuse(400, 21603, "A 'From' phone number is required.");
        };
        let body = get("Body").unwrap_or_default();
        if body.is_empty() && get("MediaUrl").is_none() {
            return numbers::refuse(400, 21602, "Message body is required.");
        }
        if body.chars().count() > 1600 {
            return numbers::refuse(400, 21617, "The concatenated message body exceeds the 1600 character limit.");
        }
        let prefix = if get("MediaUrl").is_some() { "MM" } else { "SM" };
        let sid = format!("{prefix}{:032x}", self.all.len() + 1);
        let message =
            Message { sid, to: to.to_owned(), from: from.to_owned(), body: body.to_owned(), status: "queued" };
        let answer = shown(&message);
        self.all.push(message);
        (201, answer)
    }

    /// `GET /Messages/{sid}.json`: by then it has arrived.
    pub(super) fn get(&mut self, sid: &str) -> Answer {
        match self.all.iter_mut().find(|one| one.sid == sid) {
            Some(one) => {
                one.status = "delivered";
                (200, shown(one))
            }
            None => numbers::refuse(404, 20404, "The requested resource was not found"),
        }
    }

    /// `GET /Messages.json`.
    pub(super) fn list(&self, query: &Fields) -> Answer {
        let get = |name: &str| query.iter().find(|(own, _)| own == name).map(|(_, value)| value.as_str());
        let found: Vec<&Message> = self
            .all
            .iter()
            .filter(|one| get("To").is_none_or(|to| one.to == to) && get("From").is_none_or(|from| one.from == from))
            .collect();
        let (size, page) = numbers::paging(query);
        let items: Vec<Value> = found.iter().skip(page * size).take(size).map(|one| shown(one)).collect();
        let path = format!("/2010-04-01/Accounts/{ACCOUNT}/Messages.json");
        (200, numbers::listed("messages", items, found.len(), &path, query))
    }
}

fn shown(one: &Message) -> Value {
    let segments = one.body.chars().count().div_ceil(160).max(1);
    let is_done = one.status == "delivered";
    json!({
        "account_sid": ACCOUNT, "api_version": "2010-04-01", "sid": one.sid, "to": one.to, "from": one.from, "body": one.body,
        "status": one.status, "direction": "outbound-api", "num_segments": segments.to_string(), "num_media": "0",
        "error_code": null, "error_message": null, "messaging_service_sid": null,
        "price": is_done.then_some("-0.00790"), "price_unit": "USD", "date_created": "Sun, 01 Nov 2026 00:00:00 +0000",
        "date_sent": is_done.then_some("Sun, 01 Nov 2026 00:00:01 +0000"),
        "date_updated": "Sun, 01 Nov 2026 00:00:00 +0000", "subresource_uris": {},
        "uri": format!("/2010-04-01/Accounts/{ACCOUNT}/Messages/{}.json", one.sid),
    })
}
