//! A message before an appointment, at a time at which people are awake.

use chrono::{DateTime, Days, Duration, NaiveDate, NaiveDateTime, NaiveTime, TimeZone as _, Timelike as _};
use chrono_tz::Tz;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::template::{self, BadTemplate};
use crate::{
    phone::Number,
    time::{self, Millis},
};

/// The words of an organization that has none of its own.
const WORDS: &str = "Reminder: {{ record.title or 'your appointment' }}\
    {% if record.starts_at %}, {{ record.starts_at | local(timezone, '%A, %-d %B, %H:%M') }}{% else %}, {{ record.starts_on }}{% endif %}\
    {% if record.location %}, {{ record.location }}{% endif %}. Answer STOP for no more messages.";

/// How an organization reminds of appointments.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Reminder {
    /// Minutes before the appointment begins. Of one of whole days, before midnight where it is.
    #[schemars(range(min = 1, max = 43_200))]
    pub before_min: u32,
    /// Where the appointment is, if it does not say so itself (IANA: `Europe/Berlin`).
    #[schemars(length(max = 64))]
    pub timezone: String,
    /// The first hour of the day, there, in which messages go out: 0 to 23.
    #[serde(default = "first_hour")]
    #[schemars(range(max = 23))]
    pub from_hour: u32,
    /// The hour before which they do: 1 to 24. What is due outside of these hours goes out in the last minute of them before.
    #[serde(default = "last_hour")]
    #[schemars(range(min = 1, max = 24))]
    pub until_hour: u32,
    /// The words, in which `record` is the standard object `appointment` and `timezone` where it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 4000))]
    pub template: Option<String>,
}

fn first_hour() -> u32 {
    9
}

fn last_hour() -> u32 {
    20
}

/// A reminder to send.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Planned {
    /// When. Not before now.
    pub send_at: Millis,
    /// To whom: the first attendee with a number, if any has one.
    pub to: Option<Number>,
    /// The text.
    pub text: String,
}

/// Why there is nothing to remind of.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NoReminder {
    /// It is not on any more.
    #[error("the appointment is {0}")]
    Off(String),
    /// It has begun.
    #[error("the appointment has begun")]
    Begun,
    /// It does not say when it is.
    #[error("the appointment has neither starts_at nor starts_on")]
    NoTime,
    /// The time zone is none.
    #[error("timezone {0} is no time zone: give one of IANA's, as Europe/Berlin")]
    NoZone(String),
    /// What is left until it begins lies outside of the hours.
    #[error("none of the hours from from_hour to until_hour is left before the appointment")]
    TooLate,
    /// The hours leave no time to send in.
    #[error("until_hour must be after from_hour, and at most 24")]
    NoHours,
    /// The template is none.
    #[error("template: {0}")]
    Template(#[from] BadTemplate),
}

impl Reminder {
    /// The reminder of an appointment (the standard object).
    ///
    /// # Errors
    /// [`NoReminder`].
    pub fn plan(&self, appointment: &Value, now: Millis) -> Result<Planned, NoReminder> {
        let text = |name: &str| appointment.get(name).and_then(Value::as_str);
        if let Some(off @ ("canceled" | "completed" | "no-show")) = text("status") {
            return Err(NoReminder::Off(off.to_owned()));
        }
        if self.from_hour >= self.until_hour || self.until_hour > 24 {
            return Err(NoReminder::NoHours);
        }
        let name = text("timezone").unwrap_or(&self.timezone);
        let zone = name.parse::<Tz>().map_err(|_| NoReminder::NoZone(name.chars().take(64).collect()))?;
        let begins = match (text("starts_at").and_then(time::parse), text("starts_on")) {
            (Some(at), _) => time::utc(at).with_timezone(&zone),
            (None, Some(day)) => day
                .parse::<NaiveDate>()
                .ok()
                .and_then(|day| on_clock(zone, day.and_time(NaiveTime::MIN)))
                .ok_or(NoReminder::NoTime)?,
            (None, None) => return Err(NoReminder::NoTime),
        };
        let now = time::utc(now).with_timezone(&zone);
        if begins <= now {
            return Err(NoReminder::Begun);
        }
        let due = self.in_hours_before(begins - Duration::minutes(i64::from(self.before_min)));
        let send_at = due.filter(|due| *due >= now).or_else(|| self.in_hours_after(now)).filter(|at| *at < begins);
        let words = self.template.as_deref().unwrap_or(WORDS);
        Ok(Planned {
            send_at: millis(send_at.ok_or(NoReminder::TooLate)?),
            to: attendee(appointment),
            text: template::render(words, &json!({"record": appointment, "timezone": zone.name()}))?,
        })
    }

    /// The time itself if it is within the hours, else the last minute within them before it.
    fn in_hours_before(&self, at: DateTime<Tz>) -> Option<DateTime<Tz>> {
        if self.within(at) {
            return Some(at);
        }
        let today = at.date_naive();
        let day = if at.hour() < self.from_hour { today.checked_sub_days(Days::new(1))? } else { today };
        on_clock(at.timezone(), day.and_hms_opt(self.until_hour - 1, 59, 0)?)
    }

    /// The time itself if it is within the hours, else when they next begin.
    fn in_hours_after(&self, at: DateTime<Tz>) -> Option<DateTime<Tz>> {
        if self.within(at) {
            return Some(at);
        }
        let today = at.date_naive();
        let day = if at.hour() < self.from_hour { today } else { today.checked_add_days(Days::new(1))? };
        on_clock(at.timezone(), day.and_hms_opt(self.from_hour, 0, 0)?)
    }

    fn within(&self, at: DateTime<Tz>) -> bool {
        (self.from_hour..self.until_hour).contains(&at.hour())
    }
}

/// When the clocks of a zone show a time: the first time if they do twice, an hour later if they skip it.
fn on_clock(zone: Tz, clock: NaiveDateTime) -> Option<DateTime<Tz>> {
    let shown = zone.from_local_datetime(&clock).earliest();
    shown.or_else(|| zone.from_local_datetime(&clock.checked_add_signed(Duration::hours(1))?).earliest())
}

fn millis(at: DateTime<Tz>) -> Millis {
    u64::try_from(at.timestamp_millis()).unwrap_or_default()
}

/// The first attendee with a number.
fn attendee(appointment: &Value) -> Option<Number> {
    let attendees = appointment.get("attendees").and_then(Value::as_array)?;
    attendees.iter().find_map(|attendee| Number::parse(attendee.get("phone")?.as_str()?, None).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reminder(before_min: u32) -> Reminder {
        Reminder { before_min, timezone: "Europe/Berlin".to_owned(), from_hour: 9, until_hour: 20, template: None }
    }

    fn at(text: &str) -> Millis {
        time::parse(text).unwrap()
    }

    fn planned(reminder: &Reminder, starts_at: &str, now: &str) -> Result<String, NoReminder> {
        let appointment = json!({"status": "confirmed", "starts_at": starts_at});
        reminder.plan(&appointment, at(now)).map(|planned| time::rfc3339(planned.send_at))
    }

    #[test]
    fn a_reminder_goes_out_when_people_are_awake_where_it_is() {
        for (before_min, starts_at, sent) in [
            // 14:00 in Berlin, an hour before
            (60, "2026-07-01T12:00:00Z", Ok("2026-07-01T11:00:00Z")),
            // 09:30, an hour before would be 08:30: the evening before at 19:59
            (60, "2026-07-02T07:30:00Z", Ok("2026-07-01T17:59:00Z")),
            // 23:00, an hour before would be 22:00: 19:59 of the same day
            (60, "2026-07-01T21:00:00Z", Ok("2026-07-01T17:59:00Z")),
            // a day before over the night in which clocks are set back: 14:00 of summer time for 13:00 of winter time
            (1440, "2026-10-25T12:00:00Z", Ok("2026-10-24T12:00:00Z")),
        ] {
            let sent = sent.map(str::to_owned);
            assert_eq!(planned(&reminder(before_min), starts_at, "2026-07-01T00:00:00Z"), sent, "{starts_at}");
        }
    }

    #[test]
    fn what_was_due_goes_out_as_soon_as_it_may() {
        let reminder = reminder(1440);
        for (now, sent) in [
            ("2026-07-01T09:00:00Z", Ok("2026-07-01T09:00:00Z".to_owned())),
            // 05:00 in Berlin: at nine
            ("2026-07-01T03:00:00Z", Ok("2026-07-01T07:00:00Z".to_owned())),
            ("2026-07-01T12:00:00Z", Err(NoReminder::Begun)),
        ] {
            assert_eq!(planned(&reminder, "2026-07-01T12:00:00Z", now), sent, "{now}");
        }
        // 06:00 in Berlin, and it is 05:00
        assert_eq!(planned(&reminder, "2026-07-01T04:00:00Z", "2026-07-01T03:00:00Z"), Err(NoReminder::TooLate));
    }

    #[test]
    fn its_words_are_of_the_clock_where_it_is() {
        let appointment = json!({
            "status": "confirmed", "title": "Haircut", "starts_at": "2026-07-01T12:00:00Z", "timezone": "America/New_York",
            "location": "5 Main St", "attendees": [{"name": "Ann"}, {"phone": "+14155550100"}],
        });
        let planned = reminder(60).plan(&appointment, at("2026-06-30T12:00:00Z")).unwrap();
        assert_eq!(
            planned.text,
            "Reminder: Haircut, Wednesday, 1 July, 08:00, 5 Main St. Answer STOP for no more messages."
        );
        assert_eq!(planned.to, Some(Number::parse("+14155550100", None).unwrap()));
        // 08:00 in New York, an hour before is too early: the evening before
        assert_eq!(time::rfc3339(planned.send_at), "2026-06-30T23:59:00Z");
    }

    #[test]
    fn whole_days_begin_at_midnight_where_they_are() {
        let appointment = json!({"status": "tentative", "starts_on": "2026-07-02"});
        let planned = reminder(360).plan(&appointment, at("2026-07-01T00:00:00Z")).unwrap();
        assert_eq!(time::rfc3339(planned.send_at), "2026-07-01T16:00:00Z");
        assert_eq!(planned.text, "Reminder: your appointment, 2026-07-02. Answer STOP for no more messages.");
    }

    #[test]
    fn what_cannot_be_reminded_of_says_why() {
        let now = at("2026-07-01T00:00:00Z");
        let later = "2026-07-02T12:00:00Z";
        let good = reminder(60);
        for (reminder, appointment, why) in [
            (&good, json!({"status": "canceled", "starts_at": later}), NoReminder::Off("canceled".to_owned())),
            (&good, json!({"status": "confirmed"}), NoReminder::NoTime),
            (&good, json!({"status": "confirmed", "starts_on": "soon"}), NoReminder::NoTime),
            (
                &good,
                json!({"status": "confirmed", "starts_at": later, "timezone": "Mars/Base"}),
                NoReminder::NoZone("Mars/Base".to_owned()),
            ),
            (
                &Reminder { from_hour: 20, ..good.clone() },
                json!({"status": "confirmed", "starts_at": later}),
                NoReminder::NoHours,
            ),
        ] {
            assert_eq!(reminder.plan(&appointment, now), Err(why), "{appointment}");
        }
    }
}
