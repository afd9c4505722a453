//! A caller whose call a TeXML application answers: asks for instructions, presses keys, hangs up.

use chrono::{Duration, SecondsFormat};
use patchbay_model::Timestamp;
use url::form_urlencoded::Serializer;

use super::{Outgoing, Telnyx};

/// A call that came in at a number with a TeXML application.
pub struct Caller<'t> {
    telnyx: &'t Telnyx,
    /// The call's id: longer than Twilio's, with a colon.
    pub sid: String,
    session: String,
    from: String,
    to: String,
    voice_url: String,
    status_url: String,
    started_at: Timestamp,
}

impl Telnyx {
    /// Somebody calls a number.
    ///
    /// # Panics
    /// If no TeXML application answers it.
    pub fn caller(&self, from: &str, to: &str) -> Caller<'_> {
        let started_at = self.shared.clock.now();
        let mut state = self.shared.state.lock().unwrap();
        let owned = state.owned.values().find(|owned| owned.number == to && !owned.deleted).expect("a number");
        let connection = owned.connection.clone().expect("an application for the number");
        let application = state.applications[&connection].clone();
        let (session, leg) = (state.uuid(), state.uuid());
        let url = |name: &str| application[name].as_str().unwrap_or_default().to_owned();
        Caller {
            telnyx: self,
            sid: format!("v3:{}_inbound-call-of-a-length-that-no-other-carrier-has", leg.replace('-', "")),
            session,
            from: from.to_owned(),
            to: to.to_owned(),
            voice_url: url("voice_url"),
            status_url: url("status_callback"),
            started_at,
        }
    }
}

impl Caller<'_> {
    fn form(&self, more: &[(&str, &str)]) -> String {
        Serializer::new(String::new())
            .extend_pairs([
                ("AccountSid", "f5586561-8ff0-4291-a51b-c7dfe4139ff9"),
                ("CallSid", self.sid.as_str()),
                ("CallSidLegacy", self.sid.as_str()),
                ("ConnectionId", "1234567890"),
                ("From", self.from.as_str()),
                ("To", self.to.as_str()),
            ])
            .extend_pairs(more)
            .finish()
    }

    fn post(&self, url: &str, more: &[(&str, &str)]) -> Outgoing {
        Outgoing { url: url.to_owned(), media: "application/x-www-form-urlencoded", body: self.form(more) }
    }

    /// The first request for instructions.
    #[must_use]
    pub fn begins(&self) -> Outgoing {
        self.post(&self.voice_url, &[("CallStatus", "ringing")])
    }

    /// A later one, at the address that a document has named.
    #[must_use]
    pub fn asks(&self, url: &str, more: &[(&str, &str)]) -> Outgoing {
        self.post(url, more)
    }

    /// Sends a request for instructions and gives the document.
    ///
    /// # Panics
    /// If there is none.
    pub async fn hears(&self, request: &Outgoing) -> String {
        let (status, body) = self.telnyx.send(request).await;
        assert_eq!(status, 200, "{body}");
        body
    }

    /// The notes on the whole call, in order, as of now: it rang, was answered, and has ended after so many seconds.
    #[must_use]
    pub fn notes(&self, answered_after_s: i64, talked_s: i64) -> Vec<Outgoing> {
        let at =
            |seconds: i64| (self.started_at + Duration::seconds(seconds)).to_rfc3339_opts(SecondsFormat::Millis, true);
        let (begun, answered, ended) = (at(0), at(answered_after_s), at(answered_after_s + talked_s));
        let duration = talked_s.to_string();
        let base = |status, sequence, time| {
            vec![
                ("CallStatus", status),
                ("CallbackSource", "call-progress-events"),
                ("SequenceNumber", sequence),
                ("Timestamp", time),
            ]
        };
        let mut completed = base("completed", "2", ended.as_str());
        completed.extend([
            ("CallInitiatedAt", begun.as_str()),
            ("AnsweredTime", answered.as_str()),
            ("EndTime", ended.as_str()),
            ("CallDuration", duration.as_str()),
            ("HangupCause", "normal_clearing"),
            ("HangupSource", "caller"),
            ("CallSessionId", self.session.as_str()),
        ]);
        [base("ringing", "0", begun.as_str()), base("in-progress", "1", answered.as_str()), completed]
            .iter()
            .map(|fields| self.post(&self.status_url, fields))
            .collect()
    }
}
