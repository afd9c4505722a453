//! Twilio's own API, for its SDKs: they send the hub's key as the password where they would send the auth token.
//!
//! The path names an account. Whatever the client writes there, it is the one of the settings: an SDK puts in what it is told
//! is the user, and a hub's user does not have to know the account. Calls and messages go where the settings allow, as by the
//! actions; a number that a client buys here is its own decision, recorded and metered like any other.

use patchbay_sdk::proxy::{Request, Responder, retain_request_headers, retain_response_headers};
use patchbay_sdk::{Error, Headers, http, log};
use serde_json::json;

use crate::config::Config;
use crate::form;
use crate::{api, caller_id, made, mark, outward};

/// As in the manifest, in bytes. Forms of Twilio are small.
const MAX_BODY: u32 = 1 << 20;

/// What every path begins with.
const ACCOUNTS: &str = "/2010-04-01/Accounts/";

/// Forwards one request and its answer.
pub(crate) fn handle(mut request: Request, responder: &Responder) -> Result<(), Error> {
    let config = Config::load()?;
    retain_request_headers(&mut request.headers);
    let body = request.body.read_to_end(MAX_BODY)?;
    let Some(path) = own_path(&config, &request.path) else {
        return refuse(responder, 404, 20404, "there is no such resource below the account of the connection");
    };
    if request.method == "POST" {
        if !body.is_empty() && !is_form(&request.headers) {
            return refuse(
                responder,
                400,
                20001,
                "the hub reads what it forwards: send a form, as Twilio's API takes it",
            );
        }
        if made::makes(&path) && !path.ends_with(".json") {
            // the answer would be XML, and nobody here would know what was made
            return refuse(
                responder,
                404,
                20404,
                "what makes something is asked for with .json at the end of its path",
            );
        }
        let mut fields = form::fields(&body);
        // Twilio takes parameters of the query as well
        fields.extend(form::fields(request.query.as_bytes()));
        let guarded = guard(&config, &path, &fields).and_then(|()| guard_caller_ids(&config, &path, &fields));
        if let Err((code, text)) = guarded {
            return refuse(responder, 400, code, &text);
        }
    }
    let mut url = format!("{}{path}", config.origin());
    if !request.query.is_empty() {
        url.push('?');
        url.push_str(&request.query);
    }
    let changes = request.method == "POST";
    let mut forwarded =
        http::Request::new(request.method, url).headers(request.headers).credential(config.credential());
    if !body.is_empty() {
        forwarded = forwarded.body(http::Body::Bytes(body));
    }
    if changes && made::makes(&path) {
        // what it made is small, and counts
        let mut response = forwarded.fetch()?;
        made::count(&path, &response)?;
        retain_response_headers(&mut response.headers);
        responder.start(response.status, response.headers)?;
        return responder.write(&response.body);
    }
    let mut response = forwarded.send()?;
    retain_response_headers(&mut response.headers);
    responder.start(response.status, response.headers)?;
    responder.forward(response.body, None)?;
    Ok(())
}

/// The path with the connection's account in the place of the client's; none for a path that leads elsewhere.
fn own_path(config: &Config, path: &str) -> Option<String> {
    let rest = path.strip_prefix(ACCOUNTS)?;
    let end = rest.find(['/', '.']).unwrap_or(rest.len());
    let (account, below) = rest.split_at(end);
    // one of another shape is a client's own name for the hub's user
    if api::is_sid(account, "AC") && account != config.account_sid {
        log::debug("the path names another account; the connection's is asked", &[]);
    }
    let plain = !below.contains("..") && !below.contains('%') && !below.contains('\\');
    // an empty segment would lead past whoever tells resources by their place
    let whole = !below.contains("//") && !below.ends_with('/');
    (plain && whole).then(|| format!("{ACCOUNTS}{}{below}", config.account_sid))
}

fn is_form(headers: &Headers) -> bool {
    let media = headers.get("content-type").unwrap_or_default();
    media.to_ascii_lowercase().starts_with("application/x-www-form-urlencoded")
}

/// Every value of a parameter: of several with one name nobody here knows which one Twilio takes.
fn all<'a>(fields: &'a [(String, String)], name: &'a str) -> impl Iterator<Item = &'a str> {
    let named = fields.iter().filter(move |(own, value)| own == name && !value.is_empty());
    named.map(|(_, value)| value.as_str())
}

/// What the actions would refuse is refused here as well: Twilio's code for it, and why.
fn guard(config: &Config, path: &str, fields: &[(String, String)]) -> Result<(), (i64, String)> {
    for twiml in all(fields, "Twiml") {
        outward::document(config, twiml).map_err(|error| (21215, error.to_string()))?;
    }
    let resource = made::resource(path);
    if resource == Some("IncomingPhoneNumbers") && all(fields, "FriendlyName").any(mark::is_reserved) {
        return Err((20001, "another FriendlyName: those that begin with pb: are the hub's own".to_owned()));
    }
    // who joins a conference is called, too
    let calls = matches!(resource, Some("Calls" | "Messages")) || made::last(path) == "Participants";
    for to in all(fields, "To").filter(|_| calls) {
        let number = outward::addressed(config, to).map_err(|error| (21215, error.to_string()))?;
        match number {
            Some(number) if resource == Some("Messages") => {
                outward::count_message(config, &number).map_err(|error| (21610, error.to_string()))?;
            }
            Some(number) => outward::count_call(config, &number).map_err(|error| (20429, error.to_string()))?,
            None => {}
        }
    }
    Ok(())
}

/// A caller id that a client has verified rings somebody's telephone as the action's does, and counts like it. Only such a
/// request names a number.
fn guard_caller_ids(config: &Config, path: &str, fields: &[(String, String)]) -> Result<(), (i64, String)> {
    if !path.to_ascii_lowercase().contains("outgoingcallerids") {
        return Ok(());
    }
    for number in all(fields, "PhoneNumber") {
        caller_id::count_start(config, number).map_err(|error| (20429, error.to_string()))?;
    }
    Ok(())
}

/// Answers as Twilio would.
fn refuse(responder: &Responder, status: u16, code: i64, text: &str) -> Result<(), Error> {
    let headers: Headers = [("content-type", "application/json")].into_iter().collect();
    responder.start(status, headers)?;
    let more = format!("https://www.twilio.com/docs/errors/{code}");
    let body = json!({"code": code, "message": text, "more_info": more, "status": status});
    responder.write(body.to_string().as_bytes())
}
