//! What Telnyx sends in: JSON events and TeXML forms, checked alike and told apart by their media type.

use patchbay_sdk::{Error, clock, webhook};

use crate::event::Event;
use crate::texml::{Kind, Post};
use crate::{menu, numbers, signature};

/// Tells if it is from Telnyx, what it is called, and if somebody waits for an answer.
pub(crate) fn verify(request: &webhook::Request) -> Result<webhook::Verdict, Error> {
    if request.method != "POST" {
        let reason = "webhooks are taken by POST: set the application's methods to that".to_owned();
        return Ok(webhook::Verdict::Refused(reason));
    }
    if let Err(refusal) = signature::check(request, clock::now())? {
        return Ok(webhook::Verdict::Refused(refusal));
    }
    let receipt = match Inbound::parse(request) {
        Ok(Inbound::Event(event)) => {
            webhook::Receipt { occurred_at: event.occurred_at(), id: event.id, kind: event.kind, in_line: false }
        }
        Ok(Inbound::Post(post)) => webhook::Receipt {
            id: post.id(request.headers.get(signature::HEADER).unwrap_or_default()),
            kind: post.kind.as_str().to_owned(),
            occurred_at: post.at(),
            in_line: post.kind == Kind::Instructions,
        },
        Err(reason) => return Ok(webhook::Verdict::Refused(format!("signed, but {reason}"))),
    };
    Ok(webhook::Verdict::Genuine(receipt))
}

/// Answers who waits, and adds what it tells to the call.
pub(crate) fn process(_: &webhook::Receipt, request: &webhook::Request) -> Result<Option<webhook::Answer>, Error> {
    match Inbound::parse(request).map_err(|reason| Error::invalid("", reason))? {
        Inbound::Event(event) => {
            event.publish()?;
            if event.kind == "number_order.complete" {
                numbers::watch::told(event.payload())?;
            }
            if let Some(saved) = event.saved() {
                saved.plan()?;
            }
            event.work().map_or(Ok(()), |work| work.fold())?;
            Ok(None)
        }
        Inbound::Post(post) => post_came(&post),
    }
}

fn post_came(post: &Post) -> Result<Option<webhook::Answer>, Error> {
    let came_at = clock::now();
    let mut work = post.work(came_at);
    if let Some(saved) = post.saved() {
        saved.plan()?;
    }
    if post.kind != Kind::Instructions {
        work.fold()?;
        return Ok(None);
    }
    let menu::Answer { answer, steps } = menu::answer(post, came_at)?;
    work.facts.extend(steps);
    // by a job: nobody shall wait for the call's record, and an answer that was made is given
    work.plan()?;
    Ok(Some(answer))
}

/// What it can be.
enum Inbound {
    Event(Event),
    Post(Post),
}

impl Inbound {
    fn parse(request: &webhook::Request) -> Result<Self, String> {
        let media = request.headers.get("content-type").unwrap_or_default().to_ascii_lowercase();
        if media.starts_with("application/x-www-form-urlencoded") {
            Post::parse(request).map(Self::Post)
        } else {
            Event::parse(&request.body).map(Self::Event)
        }
    }
}
