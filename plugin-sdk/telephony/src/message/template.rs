//! Texts out of templates.
//!
//! MiniJinja, as for Slack's messages; here nothing is escaped, since a text message has no markup. A template has a budget of
//! steps, so that an endless one is its own failure.

use std::fmt::Write as _;

use chrono::format::{Item, StrftimeItems};
use chrono_tz::Tz;
use minijinja::{
    AutoEscape, Environment, Error, ErrorKind, UndefinedBehavior,
    value::{Serde, Value as Rendered},
};
use serde_json::{Value, json};

use crate::{money, time};

/// Steps of a template; a message takes a few dozen.
const FUEL: u64 = 20_000;
/// Characters of a text message that carriers take.
const MOST_TEXT: usize = 1600;

/// A template that does not compile, names something that there is not, or does not end.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct BadTemplate(String);

/// Tells if a template compiles and names no filter that there is not: ask when settings are stored.
///
/// # Errors
/// [`BadTemplate`] with the line.
pub fn check_template(source: &str) -> Result<(), BadTemplate> {
    let environment = environment();
    let template = environment.template_from_str(source).map_err(|error| told(&error))?;
    // what fails for want of a value says nothing about the template
    match template.render(Rendered::from(Serde(json!({"record": {}})))) {
        Err(error) if is_unknown(&error) => Err(told(&error)),
        _ => Ok(()),
    }
}

/// The text that a template gives of a context's members, without white space around it, at most 1600 characters, which is
/// what carriers take. What the context does not have is nothing.
///
/// Filters: `{{ record.starts_at | local("Europe/Berlin", "%H:%M") }}` writes a time (RFC 3339) as the clocks of a zone (IANA)
/// show it, by `strftime`; `{{ record.price | money }}` writes money as objects hold it; those of MiniJinja.
///
/// # Errors
/// [`BadTemplate`] with the line.
pub fn render(source: &str, context: &Value) -> Result<String, BadTemplate> {
    let context = Rendered::from(Serde(context));
    let text = environment().render_str(source, context).map_err(|error| told(&error))?;
    Ok(text.trim().chars().take(MOST_TEXT).collect())
}

fn environment<'a>() -> Environment<'a> {
    let mut environment = Environment::new();
    environment.set_auto_escape_callback(|_| AutoEscape::None);
    environment.set_formatter(|out, _, value| {
        let missing = value.is_undefined() || value.is_none();
        if missing { Ok(()) } else { write!(out, "{value}").map_err(Error::from) }
    });
    // a message with a gap is better than none
    environment.set_undefined_behavior(UndefinedBehavior::Chainable);
    environment.set_fuel(Some(FUEL));
    environment.add_filter("local", local);
    environment.add_filter("money", amount);
    environment
}

/// A point in time by the clocks of a zone, `%Y-%m-%d %H:%M` if no format is given.
fn local(at: &str, zone: &str, format: Option<String>) -> Result<String, Error> {
    let wrong = |what: String| Error::new(ErrorKind::InvalidOperation, what);
    let at = time::parse(at).ok_or_else(|| wrong("local takes a time as in 2026-11-01T00:00:00Z".to_owned()))?;
    let zone = zone.parse::<Tz>().map_err(|_| wrong(format!("{zone} is no time zone, as Europe/Berlin is one")))?;
    let format = format.unwrap_or_else(|| "%Y-%m-%d %H:%M".to_owned());
    let items = StrftimeItems::new(&format).collect::<Vec<_>>();
    if items.contains(&Item::Error) {
        return Err(wrong(format!("{format} is no format of a time, as %H:%M is one")));
    }
    let mut text = String::new();
    let local = time::utc(at).with_timezone(&zone);
    write!(text, "{}", local.format_with_items(items.iter())).map_err(|_| wrong(format!("{format} writes no time")))?;
    Ok(text)
}

/// Money as objects hold it: `19.99 USD`. What is none is nothing.
fn amount(value: &Rendered) -> String {
    let member = |name: &str| value.get_attr(name).ok();
    let units = member("amount").and_then(|units| i64::try_from(units).ok());
    let currency = member("currency").and_then(|currency| currency.as_str().map(str::to_owned));
    units.zip(currency).map_or_else(String::new, |(units, currency)| money::written(units, &currency))
}

/// What is unknown is only found out where it is used.
fn is_unknown(error: &Error) -> bool {
    matches!(error.kind(), ErrorKind::UnknownFilter | ErrorKind::UnknownTest | ErrorKind::UnknownFunction)
}

/// In one line, with its place.
fn told(error: &Error) -> BadTemplate {
    let what = error.detail().map_or_else(|| error.kind().to_string(), str::to_owned);
    BadTemplate(match error.line() {
        Some(line) => format!("line {line}: {what}"),
        None => what,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_template_says_what_the_record_has() {
        let context = json!({"record": {
            "from_name": "A & B", "at": "2026-07-01T12:00:00Z", "price": {"amount": 1999, "currency": "USD"},
        }});
        for (template, text) in [
            ("  {{ record.from_name }}: {{ record.price | money }} ", "A & B: 19.99 USD"),
            ("{{ record.nothing }}{{ record.nothing.at.all }}.", "."),
            ("{{ record.at | local('Europe/Berlin') }}", "2026-07-01 14:00"),
            ("{{ record.at | local('America/New_York', '%-I:%M %p') }}", "8:00 AM"),
            ("{{ record.from_name | upper }}", "A & B"),
        ] {
            assert_eq!(render(template, &context).unwrap(), text, "{template}");
        }
    }

    #[test]
    fn a_wrong_template_tells_its_line() {
        for (template, what) in [
            ("{{ record", "line 1"),
            ("\n{{ record | shout }}", "line 2"),
            ("{{ '2026-07-01T12:00:00Z' | local('Mars/Base') }}", "Mars/Base is no time zone"),
            ("{{ '2026-07-01T12:00:00Z' | local('UTC', '%!') }}", "%! is no format"),
            ("{% for a in range(9999) %}{% for b in range(9999) %}{% endfor %}{% endfor %}", "fuel"),
        ] {
            let error = render(template, &json!({})).unwrap_err().to_string();
            assert!(error.contains(what), "{template}: {error}");
        }
    }

    #[test]
    fn what_can_be_known_is_told_when_settings_are_stored() {
        assert!(check_template("{{ record.starts_at | local(timezone) }}").is_ok());
        assert!(check_template("{{ record.from | shout }}").is_err());
        assert!(check_template("{% if %}").is_err());
    }
}
