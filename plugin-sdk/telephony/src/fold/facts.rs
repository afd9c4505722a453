//! What a carrier, or a menu, can tell of a call.

use std::cmp::Ordering;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{
    money::Money,
    phone::Party,
    text,
    time::{self, Millis},
};

/// One thing that is known of a leg.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Fact {
    /// The same for the same fact, however often it is told: the carrier's id of the event, or the leg's with the fact's
    /// name (`v3:abc/answered`) where several messages tell the same. At most 200 bytes are kept.
    pub id: String,
    /// The carrier's id of the leg: of a call's only one, that of the call.
    pub leg: String,
    /// The carrier's id of all legs together, if it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session: Option<String>,
    /// When it was, by the carrier.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<Millis>,
    /// The carrier's count of messages of the leg, if it counts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sequence: Option<u64>,
    /// Who the leg is between. Give it with every fact whose message says it: which one comes first is not known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub about: Option<About>,
    /// What it says.
    pub what: What,
}

impl Fact {
    /// The steps that an answer of the plugin `ivr` tells of a leg: its `steps`, with the answer's `menu_version`. What is no
    /// step is left out, since the caller has to be answered all the same.
    #[must_use]
    pub fn of_answer(leg: &str, answer: &Value) -> Vec<Self> {
        let version = answer.get("menu_version").and_then(Value::as_u64);
        let steps = answer.get("steps").and_then(Value::as_array).into_iter().flatten();
        let read = |step: &Value| {
            let text = |name: &str| step.get(name).and_then(Value::as_str).map(str::to_owned);
            Some(Self {
                id: text("id")?,
                leg: leg.to_owned(),
                session: None,
                at: text("at").as_deref().and_then(time::parse),
                sequence: None,
                about: None,
                what: What::Step(Step {
                    menu: text("menu")?,
                    version,
                    node: text("node")?,
                    did: text("did")?,
                    digits: text("digits"),
                    to: text("to"),
                }),
            })
        };
        steps.filter_map(read).collect()
    }

    /// With texts cut off where a call's record would become too long.
    pub(super) fn clipped(mut self) -> Self {
        text::clip(&mut self.id, 200);
        text::clip(&mut self.leg, 256);
        self.session.iter_mut().for_each(|session| text::clip(session, 256));
        if let Some(about) = &mut self.about {
            about.from_name.iter_mut().for_each(|name| text::clip(name, 200));
            about.parent.iter_mut().for_each(|parent| text::clip(parent, 256));
        }
        match &mut self.what {
            What::Ended { reason, .. } => reason.iter_mut().for_each(|reason| text::clip(reason, 200)),
            What::Bridged { with } => with.iter_mut().for_each(|with| text::clip(with, 256)),
            What::Recorded(recording) => {
                text::clip(&mut recording.id, 200);
                recording.content_type.iter_mut().for_each(|kind| text::clip(kind, 255));
                // half an address leads nowhere
                recording.url = recording.url.take().filter(|url| url.len() <= 2048);
            }
            What::Step(step) => {
                let optional = step.digits.iter_mut().chain(&mut step.to);
                [&mut step.menu, &mut step.node, &mut step.did]
                    .into_iter()
                    .chain(optional)
                    .for_each(|text| text::clip(text, 200));
            }
            What::Initiated | What::Ringing | What::Answered | What::Detected { .. } | What::Cost { .. } => {}
        }
        self
    }

    /// Which of two facts holds: if they have one id, and if there is room for one only. A total order, or the outcome would
    /// depend on which came first.
    pub(super) fn against(&self, other: &Self) -> Ordering {
        self.weight()
            .cmp(&other.weight())
            .then_with(|| self.moment().cmp(&other.moment()))
            .then_with(|| self.what.cmp(&other.what))
            .then_with(|| self.cmp(other))
    }

    /// When it was, as far as the carrier tells: by its times, then by its count.
    pub(super) fn moment(&self) -> (Option<Millis>, Option<u64>) {
        (self.at, self.sequence)
    }

    /// How much depends on it.
    fn weight(&self) -> u8 {
        match self.what {
            What::Step(_) => 0,
            What::Ringing => 1,
            What::Detected { .. } => 2,
            What::Recorded(_) => 3,
            What::Bridged { .. } => 4,
            What::Cost { .. } => 5,
            What::Initiated => 6,
            What::Answered => 7,
            What::Ended { .. } => 8,
        }
    }

    /// True if it tells that there is a leg, and not only something about one.
    pub(super) fn is_of_leg(&self) -> bool {
        !matches!(self.what, What::Step(_) | What::Recorded(_) | What::Cost { .. })
    }
}

/// Who a leg is between.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct About {
    /// Which way it went, from the organization's side.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub direction: Option<Direction>,
    /// Who called.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<Party>,
    /// Who was called.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<Party>,
    /// The caller's name, as the network shows it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from_name: Option<String>,
    /// The leg that made this one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parent: Option<String>,
}

/// Which way a call went.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Direction {
    /// To the organization.
    Inbound,
    /// From the organization.
    Outbound,
    /// Within it.
    Internal,
}

/// What a fact says.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum What {
    /// The leg was begun, or came in.
    Initiated,
    /// It rings at the called.
    Ringing,
    /// Somebody or something took the call.
    Answered,
    /// Who took it, if the carrier listened.
    Detected {
        /// What the carrier heard.
        by: AnsweredBy,
    },
    /// It was connected with another leg. That it was answered follows.
    Bridged {
        /// The other leg.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        with: Option<String>,
    },
    /// It is over.
    Ended {
        /// What that means.
        cause: Cause,
        /// The carrier's own word for it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reason: Option<String>,
        /// Seconds from answer to end as the carrier counts them.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        duration_s: Option<u64>,
    },
    /// Sound was kept.
    Recorded(Recording),
    /// The carrier tells what something of the leg cost. Several with ids of their own are added up.
    Cost {
        /// How much.
        money: Money,
    },
    /// A menu did something. Its path is in the order of the times.
    Step(Step),
}

/// Who took a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AnsweredBy {
    /// A person.
    Human,
    /// An answering machine.
    Machine,
    /// A fax.
    Fax,
    /// The carrier listened and cannot tell.
    Unknown,
}

/// Why a leg ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Cause {
    /// It was talked and somebody hung up: the carrier says `completed`.
    Completed,
    /// Somebody hung up, and the carrier does not say if it had been answered: that decides between `completed` and
    /// `no-answer`.
    Cleared,
    /// The called was busy.
    Busy,
    /// Nobody answered in time.
    NoAnswer,
    /// The caller gave up, or the organization took it back.
    Canceled,
    /// The called, or a network, did not want it.
    Rejected,
    /// It could not be carried.
    Failed,
}

/// A recording of a leg.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Recording {
    /// The carrier's id of it.
    pub id: String,
    /// How far it is.
    pub status: RecordingStatus,
    /// When it began.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub started_at: Option<Millis>,
    /// When it ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended_at: Option<Millis>,
    /// How long it is, in seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub duration_s: Option<u64>,
    /// 1, or 2 if each side has its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub channels: Option<u8>,
    /// What it is, as `audio/mpeg`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub content_type: Option<String>,
    /// Where the carrier keeps it; no address that opens it by itself for longer than a few minutes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// Until when the address works.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url_expires_at: Option<Millis>,
}

/// How far a recording is. What comes later in this list holds against what comes earlier.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RecordingStatus {
    /// It runs.
    Recording,
    /// It is being written.
    Processing,
    /// There is none.
    Failed,
    /// It can be fetched.
    Available,
    /// It was there and is not any more.
    Deleted,
}

/// One step in a menu, as the plugin `ivr` tells it. Texts are cut off at 200 characters.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Step {
    /// The menu.
    pub menu: String,
    /// Its version.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<u64>,
    /// Where in it.
    pub node: String,
    /// What happened there: `greeting`, `digits`, `transfer`, …
    pub did: String,
    /// What the caller pressed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub digits: Option<String>,
    /// Where it went.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<String>,
}
