//! Menus for calls: what a caller hears, what each key does, and what becomes of it.
//!
//! A menu is saved as versions that never change, published on numbers, and walked through by calls. The carriers' connectors
//! ask `answer` what a call hears next, whichever carrier it came by; the same menu is spoken as TeXML and as TwiML. Where a
//! call is stands in the URL that the carrier calls next, so that an answer needs the published menu and nothing else: no
//! session, and no database that has to be there (where a menu calls people by name, the database is asked for it, and the menu
//! has other words). What a call did is written down afterwards.
//!
//! The way of a call: `answer` finds the menu and asks the guards, `walk` goes from the place in the URL to the next one, `xml`
//! writes what is heard in the carrier's dialect, and `note` keeps what was done.

mod actions;
mod answer;
mod audio;
mod calendar;
mod call;
mod caller;
mod calls;
mod carrier;
mod check;
mod config;
mod digest;
mod guard;
pub mod menu;
mod note;
mod position;
mod published;
mod resolve;
mod resolved;
mod simulate;
mod store;
pub mod types;
#[cfg(test)]
#[path = "../../../tests/src/ivr/verbs.rs"]
#[allow(dead_code, clippy::panic, missing_docs, reason = "a checker for tests, shared with the whole hub's")]
mod verbs;
mod voicemail;
mod walk;
mod xml;

use patchbay_sdk::{Actions, Connector, Error, Schemas, Tasks, Violation, export_connector, webhook};

pub use carrier::Dialect;
pub use check::Problem;
pub use config::Config;

/// The connector.
#[derive(Debug)]
pub struct Ivr;

impl Connector for Ivr {
    type Config = Config;

    fn validate_config(config: Self::Config) -> Result<(), Vec<Violation>> {
        config.validate()
    }

    fn actions() -> Actions {
        Actions::new()
            .add("save-menu", actions::save_menu)
            .add("get-menu", actions::get_menu)
            .add("list-menus", actions::list_menus)
            .add("publish-menu", actions::publish_menu)
            .add("roll-back-menu", actions::roll_back_menu)
            .add("delete-menu", actions::delete_menu)
            .add("upload-audio", actions::upload_audio)
            .add("simulate", simulate::simulate)
            .add("answer", answer::answer)
            .add("hung-up", note::hung_up)
            .add("list-calls", calls::list_calls)
            .add("list-messages", calls::list_messages)
            .add("statistics", calls::statistics)
    }

    fn schemas() -> Schemas {
        Schemas::new()
            .with::<store::StoredMenu>("menu")
            .with::<store::StoredVersion>("version")
            .with::<store::StoredPublished>("published")
            .with::<store::StoredCall>("call")
            .with::<types::Message>("message")
            .with::<store::StoredAnswer>("survey-answer")
            .with::<store::StoredSpending>("spending")
            .with::<published::CallEnded<'_>>("call-ended")
            .with::<published::VoicemailReceived<'_>>("voicemail-received")
            .with::<published::VoicemailTranscribed<'_>>("voicemail-transcribed")
            .with::<published::SurveyAnswered<'_>>("survey-answered")
            .with::<published::SpendAlert>("spend-alert")
    }

    fn verify_webhook(request: webhook::Request) -> Result<webhook::Verdict, Error> {
        audio::give(&request)
    }

    fn tasks() -> Tasks {
        Tasks::new()
            .add(note::NOTE, note::note)
            .add(note::CLOSE, note::close)
            .add(note::SPEND, note::spend)
            .add(voicemail::TRANSCRIBE, voicemail::transcribe)
    }
}

export_connector!(Ivr);
