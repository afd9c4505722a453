//! Numbers for sale, numbers of the account, and the ledger of what was ever bought.

use serde_json::{Value, json};

use super::{ACCOUNT, Answer, Fields};

/// A number that was bought.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bought {
    /// Its SID.
    pub sid: String,
    /// In E.164.
    pub number: String,
    /// What it is called.
    pub friendly_name: String,
    /// What answers its calls.
    pub voice_url: String,
    /// What gets its messages.
    pub sms_url: String,
    /// What is told how its calls go.
    pub status_callback: String,
    /// It was given back: nothing is paid any more.
    pub released: bool,
}

/// All of the account.
#[derive(Debug, Default)]
pub(crate) struct Numbers {
    ledger: Vec<Bought>,
}

/// The resource that lists are under.
const KEY: &str = "incoming_phone_numbers";

impl Numbers {
    pub(super) fn ledger(&self) -> Vec<Bought> {
        self.ledger.clone()
    }

    fn owned(&self) -> impl Iterator<Item = &Bought> {
        self.ledger.iter().filter(|one| !one.released)
    }

    /// Adds a number; gives its SID.
    pub(super) fn add(&mut self, number: &str, friendly_name: &str) -> String {
        let sid = format!("PN{:032x}", self.ledger.len() + 1);
        self.ledger.push(Bought {
            sid: sid.clone(),
            number: number.to_owned(),
            friendly_name: friendly_name.to_owned(),
            voice_url: String::new(),
            sms_url: String::new(),
            status_callback: String::new(),
            released: false,
        });
        sid
    }

    /// Gives a number back; false if there is none.
    pub(super) fn remove(&mut self, sid: &str) -> bool {
        let found = self.ledger.iter_mut().find(|one| one.sid == sid && !one.released);
        found.map(|one| one.released = true).is_some()
    }

    /// `GET /AvailablePhoneNumbers/{country}/{type}.json`: the next that nobody has, always in the same order, so that two who
    /// ask at once are shown the same.
    pub(super) fn available(&self, country: &str, kind: &str, query: &Fields) -> Answer {
        let get = |name: &str| query.iter().find(|(own, _)| own == name).map(|(_, value)| value.as_str());
        if !matches!((country, kind), ("US" | "CA", "Local" | "TollFree") | ("GB", "Local" | "Mobile" | "National")) {
            return refuse(404, 20404, "The requested resource was not found");
        }
        let area = match (country, kind) {
            ("GB", "Mobile") => "+447700",
            ("GB", _) => "+442079",
            (_, "TollFree") => "+1800555",
            _ => "+1",
        };
        let area = if area == "+1" { format!("+1{}555", get("AreaCode").unwrap_or("415")) } else { area.to_owned() };
        let size = get("PageSize").and_then(|size| size.parse::<usize>().ok()).unwrap_or(50);
        let digits = if country == "GB" { 6 } else { 4 };
        let all = (1..9_999).map(|index| format!("{area}{index:0digits$}"));
        let free = all.filter(|number| !self.owned().any(|one| one.number == *number)).take(size);
        let items: Vec<Value> = free
            .map(|number| {
                json!({
                    "phone_number": number, "friendly_name": number, "iso_country": country, "locality": "San Francisco",
                    "region": "CA", "postal_code": null, "rate_center": null, "lata": null, "latitude": null,
                    "longitude": null, "address_requirements": "none", "beta": false,
                    "capabilities": {"voice": true, "SMS": true, "MMS": false, "fax": false},
                })
            })
            .collect();
        let uri = format!("/2010-04-01/Accounts/{ACCOUNT}/AvailablePhoneNumbers/{country}/{kind}.json");
        (200, json!({"available_phone_numbers": items, "uri": uri}))
    }

    /// `POST /IncomingPhoneNumbers[/{type}].json`.
    pub(super) fn buy(&mut self, kind: Option<&str>, form: &Fields) -> Answer {
        let get = |name: &str| form.iter().find(|(own, _)| own == name).map(|(_, value)| value.as_str());
        let Some(number) = get("PhoneNumber") else {
            return refuse(400, 21421, "PhoneNumber is required");
        };
        let digits = number.strip_prefix('+').unwrap_or_default();
        if !(7..=15).contains(&digits.len()) || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
            return refuse(400, 21421, "PhoneNumber is not valid");
        }
        let toll_free = number.starts_with("+1800");
        if kind.is_some_and(|kind| (kind == "TollFree") != toll_free) || self.owned().any(|one| one.number == number) {
            return refuse(400, 21422, &format!("{number} is not available."));
        }
        let name = get("FriendlyName").unwrap_or(number);
        if name.chars().count() > 64 {
            return refuse(400, 20001, "FriendlyName is too long");
        }
        let sid = self.add(number, name);
        self.change(&sid, form);
        self.look(&sid).map_or_else(|| refuse(500, 20500, "lost"), |value| (201, value))
    }

    /// `POST /IncomingPhoneNumbers/{sid}.json`.
    pub(super) fn update(&mut self, sid: &str, form: &Fields) -> Answer {
        self.change(sid, form);
        self.look(sid).map_or_else(missing, |value| (200, value))
    }

    fn change(&mut self, sid: &str, form: &Fields) {
        let Some(one) = self.ledger.iter_mut().find(|one| one.sid == sid && !one.released) else { return };
        for (name, value) in form {
            match name.as_str() {
                "FriendlyName" => one.friendly_name.clone_from(value),
                "VoiceUrl" => one.voice_url.clone_from(value),
                "SmsUrl" => one.sms_url.clone_from(value),
                "StatusCallback" => one.status_callback.clone_from(value),
                _ => {}
            }
        }
    }

    /// `GET /IncomingPhoneNumbers/{sid}.json`.
    pub(super) fn get(&self, sid: &str) -> Answer {
        self.look(sid).map_or_else(missing, |value| (200, value))
    }

    /// `DELETE /IncomingPhoneNumbers/{sid}.json`.
    pub(super) fn delete(&mut self, sid: &str) -> Answer {
        if self.remove(sid) { (204, Value::Null) } else { missing() }
    }

    /// `GET /IncomingPhoneNumbers.json`, page by page.
    pub(super) fn list(&self, query: &Fields) -> Answer {
        let get = |name: &str| query.iter().find(|(own, _)| own == name).map(|(_, value)| value.as_str());
        let found: Vec<&Bought> = self
            .owned()
            .filter(|one| get("FriendlyName").is_none_or(|name| one.friendly_name == name))
            // parts of numbers are found as well
            .filter(|one| get("PhoneNumber").is_none_or(|part| one.number.contains(part.trim_matches('*'))))
            .collect();
        let (size, page) = paging(query);
        let path = format!("/2010-04-01/Accounts/{ACCOUNT}/IncomingPhoneNumbers.json");
        let items: Vec<Value> = found.iter().skip(page * size).take(size).map(|one| shown(one)).collect();
        (200, listed(KEY, items, found.len(), &path, query))
    }

    fn look(&self, sid: &str) -> Option<Value> {
        self.owned().find(|one| one.sid == sid).map(shown)
    }
}

/// Size and number of a page. Pages are small here, so that every client has to turn them.
pub(super) fn paging(query: &Fields) -> (usize, usize) {
    let number =
        |name: &str| query.iter().find(|(own, _)| own == name).and_then(|(_, value)| value.parse::<usize>().ok());
    (number("PageSize").unwrap_or(50).clamp(1, 7), number("Page").unwrap_or(0))
}

/// A list as Twilio gives it.
pub(super) fn listed(key: &str, items: Vec<Value>, total: usize, path: &str, query: &Fields) -> Value {
    let (size, page) = paging(query);
    let others: String = query
        .iter()
        .filter(|(name, _)| !matches!(name.as_str(), "PageSize" | "Page" | "PageToken"))
        .map(|(name, value)| {
            let value: String = url::form_urlencoded::byte_serialize(value.as_bytes()).collect();
            format!("&{name}={value}")
        })
        .collect();
    let uri = |page: usize| format!("{path}?PageSize={size}&Page={page}&PageToken=P{page}{others}");
    let more = (page + 1) * size < total;
    json!({
        key: items, "end": (page * size + size).min(total).saturating_sub(1), "first_page_uri": uri(0),
        "next_page_uri": more.then(|| uri(page + 1)), "page": page, "page_size": size,
        "previous_page_uri": (page > 0).then(|| uri(page - 1)), "start": page * size, "uri": uri(page),
    })
}

fn shown(one: &Bought) -> Value {
    json!({
        "account_sid": ACCOUNT, "sid": one.sid, "phone_number": one.number, "friendly_name": one.friendly_name,
        "capabilities": {"voice": true, "sms": true, "mms": false, "fax": false}, "voice_url": one.voice_url,
        "sms_url": one.sms_url, "status_callback": one.status_callback, "address_requirements": "none", "beta": false,
        "api_version": "2010-04-01", "date_created": "Sun, 01 Nov 2026 00:00:00 +0000",
        "date_updated": "Sun, 01 Nov 2026 00:00:00 +0000", "origin": "twilio", "status": "in-use", "voice_method": "POST",
        "sms_method": "POST", "voice_application_sid": null, "trunk_sid": null,
        "uri": format!("/2010-04-01/Accounts/{ACCOUNT}/IncomingPhoneNumbers/{}.json", one.sid),
    })
}

fn missing() -> Answer {
    refuse(404, 20404, "The requested resource was not found")
}

/// A refusal in the shape of the old API.
pub(super) fn refuse(status: u16, code: u32, message: &str) -> Answer {
    let more = format!("https://www.twilio.com/docs/errors/{code}");
    (status, json!({"code": code, "message": message, "more_info": more, "status": status}))
}
