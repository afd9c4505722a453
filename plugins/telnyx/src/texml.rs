//! What Telnyx posts for TeXML: requests for instructions, for which a caller waits, and notes on how a call goes on.
//!
//! All of it is forms to one address. The notes say what they are (`CallbackSource`, `RecordingStatus`); what says nothing is
//! a request for instructions, the first one of a call if the address is the installation's own, and a later one if the menu
//! has put its place into it.

use patchbay_sdk::clock::Timestamp;
use patchbay_sdk::webhook;
use patchbay_telephony::fold::{About, Cause, Direction, Fact, What};
use patchbay_telephony::money::Money;
use patchbay_telephony::phone::Party;
use patchbay_telephony::time;
use serde_json::Value;

use crate::calls::Work;
use crate::event;
use crate::form::Form;
use crate::recording::Saved;

/// The parameter of the address in which a menu puts its place.
pub(crate) const PLACE: &str = "ivr";

/// The longest id of a call that is taken for one, in bytes; they have about 70.
const MAX_ID: usize = 200;

/// What a form is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A caller waits for what to hear.
    Instructions,
    /// How a call goes on.
    Progress,
    /// What a call cost.
    Cost,
    /// How far a recording is.
    Recording,
    /// Something else, for which there is nothing to do.
    Other,
}

impl Kind {
    /// What webhooks of this kind are called.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Instructions => "texml.instructions",
            Self::Progress => "texml.progress",
            Self::Cost => "texml.cost",
            Self::Recording => "texml.recording",
            Self::Other => "texml.other",
        }
    }
}

/// A form of Telnyx.
#[derive(Debug, Clone)]
pub(crate) struct Post {
    form: Form,
    /// What the menu has put into the address.
    pub(crate) place: Option<String>,
    pub(crate) kind: Kind,
    /// Of the call that it is about.
    pub(crate) sid: String,
}

impl Post {
    /// Reads a request; the error says what is missing.
    pub(crate) fn parse(request: &webhook::Request) -> Result<Self, String> {
        let form = Form::parse(&request.body);
        let (_, query) = request.url.split_once('?').unwrap_or_default();
        let place = Form::parse(query.as_bytes()).get(PLACE).map(str::to_owned);
        let sid = form.get("CallSid").or_else(|| form.get("CallControlId")).unwrap_or_default().to_owned();
        if sid.is_empty() || sid.len() > MAX_ID {
            return Err("no form of Telnyx: CallSid is missing, or too long".to_owned());
        }
        let kind = match form.get("CallbackSource") {
            Some("call-progress-events") => Kind::Progress,
            Some("call-cost-events") => Kind::Cost,
            Some(_) => Kind::Other,
            None if place.is_some() => Kind::Instructions,
            None if form.get("RecordingStatus").is_some() => Kind::Recording,
            None => Kind::Instructions,
        };
        Ok(Self { form, place, kind, sid })
    }

    /// The same for the same note, however often it is sent. For who waits, the signature: a request that is sent anew needs
    /// its answer anew, and what it means for the call is the same once more.
    pub(crate) fn id(&self, signature: &str) -> String {
        let sequence = self.form.get("SequenceNumber").unwrap_or("-");
        match self.kind {
            Kind::Instructions => format!("instructions/{signature}"),
            Kind::Progress => {
                let status = self.form.get("CallStatus").unwrap_or("-");
                format!("progress/{}/{sequence}/{status}", self.sid)
            }
            Kind::Cost => format!("cost/{}/{sequence}/{}", self.sid, crate::command::uuid(&["cost", signature])),
            Kind::Recording => {
                let recording = self.form.get("RecordingSid").unwrap_or("-");
                let status = self.form.get("RecordingStatus").unwrap_or("-");
                format!("recording/{}/{recording}/{status}", self.sid)
            }
            Kind::Other => format!("other/{signature}"),
        }
    }

    /// When it was, if Telnyx says so.
    pub(crate) fn at(&self) -> Option<Timestamp> {
        self.time("Timestamp")
    }

    /// A field of the form.
    pub(crate) fn field(&self, name: &str) -> Option<&str> {
        self.form.get(name)
    }

    /// True if there is such a field, be it empty.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.form.has(name)
    }

    /// The call that all legs belong to: that which came in, or was made.
    pub(crate) fn call(&self) -> &str {
        self.form.get("ParentCallSid").filter(|sid| sid.len() <= MAX_ID).unwrap_or(&self.sid)
    }

    /// What it tells of the call, as of when it came, if Telnyx does not say when it was.
    pub(crate) fn work(&self, came_at: Timestamp) -> Work {
        let mut facts = Vec::new();
        match self.kind {
            Kind::Instructions if self.place.is_none() => {
                facts.push(self.fact("initiated", Some(self.at().unwrap_or(came_at)), What::Initiated));
            }
            Kind::Progress => facts.extend(self.progress()),
            Kind::Cost => facts.extend(self.costs()),
            Kind::Instructions | Kind::Recording | Kind::Other => {}
        }
        facts.extend(self.dialled());
        if let Some(saved) = self.saved() {
            let name = format!("recording/{}", saved.id());
            facts.push(self.fact(&name, self.at(), What::Recorded(saved.fact())));
        }
        Work { call: self.call().to_owned(), facts }
    }

    /// The recording that can be fetched: a note says so, or a menu has recorded somebody.
    pub(crate) fn saved(&self) -> Option<Saved> {
        let by_note = self.kind == Kind::Recording && self.field("RecordingStatus") == Some("completed");
        let by_menu = self.kind == Kind::Instructions && self.field("RecordingUrl").is_some();
        if !by_note && !by_menu {
            return None;
        }
        let url = self.field("RecordingUrl");
        let is_wav = url.is_some_and(|url| url.split('?').next().is_some_and(|path| path.ends_with(".wav")));
        Some(Saved {
            call: self.call().to_owned(),
            leg: self.field("CallLegId").map(str::to_owned),
            control: Some(self.sid.clone()),
            recording: self.field("RecordingSid").map(str::to_owned),
            found: None,
            started_at: self.time("RecordingStartTime"),
            ended_at: None,
            duration_s: self.form.number("RecordingDuration"),
            channels: match self.field("RecordingChannels") {
                Some("2" | "dual") => Some(2),
                Some("1" | "mono" | "single") => Some(1),
                _ => None,
            },
            url: url.map(str::to_owned),
            content_type: Some(if is_wav { "audio/wav" } else { "audio/mpeg" }.to_owned()),
            told_at: self.at(),
        })
    }

    fn fact(&self, name: &str, at: Option<Timestamp>, what: What) -> Fact {
        Fact {
            id: format!("{}/{name}", self.sid),
            leg: self.sid.clone(),
            session: Some(self.call().to_owned()),
            at,
            sequence: self.form.number("SequenceNumber"),
            about: Some(self.about()),
            what,
        }
    }

    fn about(&self) -> About {
        let parent = self.field("ParentCallSid").map(str::to_owned);
        let direction = match self.field("Direction") {
            Some("inbound") => Some(Direction::Inbound),
            Some(word) if word.starts_with("outbound") => Some(Direction::Outbound),
            // a leg that another one has made goes outwards
            _ => parent.as_ref().map(|_| Direction::Outbound),
        };
        let party = |name: &str| self.field(name).map(Party::read);
        About {
            direction,
            from: party("From"),
            to: party("To"),
            from_name: self.field("CallerId").map(str::to_owned),
            parent,
        }
    }

    fn progress(&self) -> Vec<Fact> {
        let at = self.at();
        match self.field("CallStatus") {
            Some("initiated") => vec![self.fact("initiated", self.time("CallInitiatedAt").or(at), What::Initiated)],
            Some("ringing") => vec![self.fact("ringing", at, What::Ringing)],
            Some("in-progress") => vec![self.fact("answered", at, What::Answered)],
            Some(word @ ("completed" | "busy" | "no-answer" | "canceled" | "failed")) => {
                let mut facts = Vec::new();
                if let Some(begun) = self.time("CallInitiatedAt") {
                    facts.push(self.fact("initiated", Some(begun), What::Initiated));
                }
                if let Some(answered) = self.time("AnsweredTime") {
                    facts.push(self.fact("answered", Some(answered), What::Answered));
                }
                let reason = self.field("HangupCause").or(Some(word)).map(str::to_owned);
                let duration_s = self.form.number("CallDuration");
                let ended = What::Ended { cause: self.cause(word), reason, duration_s };
                facts.push(self.fact("ended", self.time("EndTime").or(at), ended));
                facts
            }
            // `dtmf` and what is not known yet
            _ => Vec::new(),
        }
    }

    fn cause(&self, word: &str) -> Cause {
        match (word, self.field("HangupCause")) {
            ("completed", Some(cause)) if self.form.number("CallDuration").unwrap_or_default() == 0 => {
                event::cause(cause)
            }
            _ => status_cause(word),
        }
    }

    /// The leg that a menu has called and that has ended, as the one that called it is told.
    fn dialled(&self) -> Option<Fact> {
        let sid = self.field("DialCallSid").filter(|sid| sid.len() <= MAX_ID)?;
        let word = self.field("DialCallStatus")?;
        let about = About { direction: Some(Direction::Outbound), parent: Some(self.sid.clone()), ..About::default() };
        Some(Fact {
            // beside what its own note says of the end, which has more
            id: format!("{sid}/dial-ended"),
            leg: sid.to_owned(),
            session: Some(self.call().to_owned()),
            at: self.time("DialCallEndTime").or_else(|| self.at()),
            sequence: None,
            about: Some(about),
            what: What::Ended {
                cause: status_cause(word),
                reason: Some(word.to_owned()),
                duration_s: self.form.number("DialCallDuration"),
            },
        })
    }

    fn costs(&self) -> Vec<Fact> {
        let parts: Vec<Value> =
            self.field("CostParts").and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default();
        let mut facts: Vec<Fact> = parts
            .iter()
            .enumerate()
            .filter_map(|(index, part)| {
                let text = |name: &str| part.get(name).and_then(Value::as_str);
                let money = Money::cost(text("cost")?, text("currency")?)?;
                let name = format!("cost/{index}/{}", text("call_part").unwrap_or_default());
                Some(self.fact(&name, self.at(), What::Cost { money }))
            })
            .collect();
        if facts.is_empty()
            && let Some(money) = self
                .field("TotalCost")
                .zip(self.field("Currency"))
                .and_then(|(cost, currency)| Money::cost(cost, currency))
        {
            facts.push(self.fact("cost/total", self.at(), What::Cost { money }));
        }
        facts
    }

    fn time(&self, name: &str) -> Option<Timestamp> {
        self.field(name).and_then(time::parse)
    }
}

/// What a status of TeXML means for the end of a leg.
fn status_cause(word: &str) -> Cause {
    match word {
        "completed" | "answered" => Cause::Completed,
        "busy" => Cause::Busy,
        "no-answer" => Cause::NoAnswer,
        "canceled" => Cause::Canceled,
        _ => Cause::Failed,
    }
}
