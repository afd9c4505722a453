//! What Slack sends in: checked, told apart, and handed to what it is about.

use patchbay_sdk::{Error, Headers, clock, installation, webhook};
use serde::Deserialize;

use crate::command::Command;
use crate::config::Config;
use crate::form;
use crate::interaction::Interaction;
use crate::occurrence::Occurrence;
use crate::signature;

/// The longest challenge that is repeated, in characters; Slack's have about fifty.
const MAX_CHALLENGE: usize = 500;

/// Tells if it is from Slack, what it is called, and if Slack waits for an answer.
pub(crate) fn verify(request: &webhook::Request) -> Result<webhook::Verdict, Error> {
    if is_probe(request) {
        return Ok(webhook::Verdict::Answer(answer("text/plain", Vec::new())));
    }
    if let Err(refusal) = signature::check(request, clock::now())? {
        return Ok(webhook::Verdict::Refused(refusal));
    }
    let inbound = match Inbound::parse(request) {
        Ok(inbound) => inbound,
        Err(reason) => return Ok(webhook::Verdict::Refused(format!("signed, but {reason}"))),
    };
    // The timestamp and the body are in it: who sends the very same again sends a copy.
    let signature = request.headers.get("x-slack-signature").unwrap_or_default().to_owned();
    Ok(webhook::Verdict::Genuine(match inbound {
        Inbound::Challenge(challenge) => {
            return Ok(webhook::Verdict::Answer(answer("text/plain", challenge.into_bytes())));
        }
        Inbound::Occurrence(occurrence) => webhook::Receipt {
            id: occurrence.id().to_owned(),
            kind: occurrence.kind().to_owned(),
            occurred_at: occurrence.occurred_at(),
            in_line: false,
        },
        Inbound::Command(command) => {
            let config: Config = installation::config()?;
            let in_line = config.answer_to(&command).is_some();
            webhook::Receipt { id: signature, kind: "command".to_owned(), occurred_at: None, in_line }
        }
        Inbound::Interaction(interaction) => {
            let config: Config = installation::config()?;
            let in_line = config.answer_for(&interaction).is_some();
            webhook::Receipt { id: signature, kind: "interaction".to_owned(), occurred_at: None, in_line }
        }
    }))
}

/// Publishes it, and gives the answer that the settings have for it.
pub(crate) fn process(
    receipt: &webhook::Receipt,
    request: &webhook::Request,
) -> Result<Option<webhook::Answer>, Error> {
    let config: Config = installation::config()?;
    match Inbound::parse(request).map_err(|reason| Error::invalid("", reason))? {
        Inbound::Challenge(_) => Ok(None),
        Inbound::Occurrence(occurrence) => {
            occurrence.publish(config.bot_messages)?;
            Ok(None)
        }
        Inbound::Command(command) => {
            command.publish(&receipt.id)?;
            config.answer_to(&command).map(|reply| json(reply.to(&command)?)).transpose()
        }
        Inbound::Interaction(interaction) => {
            interaction.publish(&receipt.id)?;
            config.answer_for(&interaction).map(|reply| json(reply.answer.clone())).transpose()
        }
    }
}

/// Slack's check of the certificate; it carries nothing.
fn is_probe(request: &webhook::Request) -> bool {
    let is_asked = |fields: &[u8]| form::field(&form::fields(fields), "ssl_check") == Some("1");
    let (_, query) = request.url.split_once('?').unwrap_or_default();
    is_asked(query.as_bytes()) || (is_form(request) && is_asked(&request.body))
}

fn is_form(request: &webhook::Request) -> bool {
    let media = request.headers.get("content-type").unwrap_or_default();
    media.starts_with("application/x-www-form-urlencoded")
}

/// What it can be.
enum Inbound {
    Challenge(String),
    Occurrence(Occurrence),
    Command(Command),
    Interaction(Interaction),
}

#[derive(Deserialize)]
struct Kind {
    #[serde(rename = "type")]
    kind: String,
    challenge: Option<String>,
}

impl Inbound {
    fn parse(request: &webhook::Request) -> Result<Self, String> {
        if is_form(request) {
            let fields = form::fields(&request.body);
            return match form::field(&fields, "payload") {
                Some(payload) => Interaction::parse(payload).map(Self::Interaction),
                None => Command::parse(&fields).map(Self::Command),
            };
        }
        let kind: Kind = serde_json::from_slice(&request.body).map_err(|error| format!("nothing of Slack: {error}"))?;
        if kind.kind == "url_verification" {
            let challenge = kind.challenge.ok_or("the challenge is missing")?;
            if challenge.chars().count() > MAX_CHALLENGE {
                return Err(format!("the challenge has more than {MAX_CHALLENGE} characters"));
            }
            return Ok(Self::Challenge(challenge));
        }
        Occurrence::parse(&request.body).map(Self::Occurrence)
    }
}

fn json(body: serde_json::Value) -> Result<webhook::Answer, Error> {
    let body = serde_json::to_vec(&body).map_err(|error| Error::Internal(error.to_string()))?;
    Ok(answer("application/json", body))
}

fn answer(media: &str, body: Vec<u8>) -> webhook::Answer {
    let headers: Headers = [("content-type", media)].into_iter().collect();
    webhook::Answer { status: 200, headers, body }
}
