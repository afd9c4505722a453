//! Messages out of events.
//!
//! Templates are MiniJinja's, in which people can write conditions and loops; whatever a value brings is escaped, so that
//! nobody who can name a customer can call a channel. A template has a budget of steps beside the plugin's own limits, so
//! that an endless one is a template's failure and tells its place. Rejected: formats of our own (`%{name}`), which are too
//! weak on the second day, and templates in the host, which would have to be limited there a second time.

use minijinja::value::{Serde, Value as Rendered};
use minijinja::{AutoEscape, Environment, Error, ErrorKind, UndefinedBehavior};
use patchbay_sdk::clock;
use serde_json::Value;

use crate::escape;

/// Steps of a template; a long message takes a few hundred.
const FUEL: u64 = 20_000;

/// The longest message, in characters; Slack cuts at 40,000.
const MAX_MESSAGE: usize = 39_000;

/// Currencies without a smaller unit (ISO 4217), as payment vendors treat them.
const WHOLE: [&str; 16] =
    ["BIF", "CLP", "DJF", "GNF", "JPY", "KMF", "KRW", "MGA", "PYG", "RWF", "UGX", "VND", "VUV", "XAF", "XOF", "XPF"];
/// Currencies with a thousandth.
const THOUSANDTHS: [&str; 5] = ["BHD", "JOD", "KWD", "OMR", "TND"];

/// Tells if a template compiles and names no filter that there is not; if not, why.
pub(crate) fn check(source: &str) -> Result<(), String> {
    let environment = environment();
    let template = environment.template_from_str(source).map_err(|error| told(&error))?;
    unknown(template.render(nothing()).err())
}

/// Tells if an expression compiles and names no filter that there is not; if not, why.
pub(crate) fn check_filter(source: &str) -> Result<(), String> {
    let environment = environment();
    let expression = environment.compile_expression(source).map_err(|error| told(&error))?;
    unknown(expression.eval(nothing()).err())
}

/// An event without anything: what fails for want of a value says nothing about the template.
fn nothing() -> Rendered {
    Rendered::from(Serde(serde_json::json!({"event": {}, "data": {}, "record": {}, "command": {}})))
}

/// What is unknown is only found out where it is used.
fn unknown(error: Option<Error>) -> Result<(), String> {
    match error {
        Some(error)
            if matches!(
                error.kind(),
                ErrorKind::UnknownFilter | ErrorKind::UnknownTest | ErrorKind::UnknownFunction
            ) =>
        {
            Err(told(&error))
        }
        _ => Ok(()),
    }
}

/// The message.
pub(crate) fn render(source: &str, context: &Value) -> Result<String, String> {
    let context = Rendered::from(Serde(context));
    let text = environment().render_str(source, context).map_err(|error| told(&error))?;
    Ok(text.chars().take(MAX_MESSAGE).collect())
}

/// The same value, with every text in it rendered.
pub(crate) fn render_texts(value: &Value, context: &Value) -> Result<Value, String> {
    Ok(match value {
        Value::String(text) => Value::String(render(text, context)?),
        Value::Array(items) => {
            Value::Array(items.iter().map(|item| render_texts(item, context)).collect::<Result<_, _>>()?)
        }
        Value::Object(members) => Value::Object(
            members
                .iter()
                .map(|(name, member)| Ok((name.clone(), render_texts(member, context)?)))
                .collect::<Result<_, String>>()?,
        ),
        other => other.clone(),
    })
}

/// True if the expression is.
pub(crate) fn holds(expression: &str, context: &Value) -> Result<bool, String> {
    let context = Rendered::from(Serde(context));
    let environment = environment();
    let compiled = environment.compile_expression(expression).map_err(|error| told(&error))?;
    compiled.eval(context).map(|value| value.is_true()).map_err(|error| told(&error))
}

/// The connector's own words for a type of event.
pub(crate) fn standard(kind: &str) -> &'static str {
    match kind {
        "call.created" | "call.updated" => {
            ":telephone_receiver: *Call {{ record.status }}*\
             {% if record.from %} from {{ record.from_name or record.from }}{% endif %}\
             {% if record.to %} to {{ record.to_name or record.to }}{% endif %}\
             {% if record.duration_s is defined %}, {{ record.duration_s }} s{% endif %}\
             {% if record.summary %}\n>{{ record.summary | truncated(300) }}{% endif %}"
        }
        "stripe.invoice.payment_failed" => {
            ":warning: *Payment failed*: {{ data.object.amount_due | money(data.object.currency) }}\
             {% if data.object.customer_email or data.object.customer %} of \
             {{ data.object.customer_email or data.object.customer }}{% endif %}\
             {% if data.object.hosted_invoice_url %} ({{ data.object.hosted_invoice_url | link('invoice') }}){% endif %}"
        }
        "stripe.payment_intent.payment_failed" | "stripe.charge.failed" => {
            ":warning: *Payment failed*: {{ data.object.amount | money(data.object.currency) }}\
             {% if data.object.customer %} of {{ data.object.customer }}{% endif %}"
        }
        _ => "*{{ event.type }}*{% if event.subject %} {{ event.subject }}{% endif %} ({{ event.time | date }})",
    }
}

fn environment<'a>() -> Environment<'a> {
    let mut environment = Environment::new();
    environment.set_auto_escape_callback(|_| AutoEscape::Custom("mrkdwn".into()));
    environment.set_formatter(|out, state, value| {
        if value.is_undefined() || value.is_none() {
            return Ok(());
        }
        if value.is_safe() || matches!(state.auto_escape(), AutoEscape::None) {
            return write!(out, "{value}").map_err(Error::from);
        }
        match value.as_str() {
            Some(text) => escape::write(out, text),
            None => escape::write(out, &value.to_string()),
        }
        .map_err(Error::from)
    });
    // What an event does not have is shown as nothing: a message with a gap is better than none.
    environment.set_undefined_behavior(UndefinedBehavior::Chainable);
    environment.set_fuel(Some(FUEL));
    environment.add_filter("truncated", truncated);
    environment.add_filter("money", money);
    environment.add_filter("link", link);
    environment.add_filter("date", date);
    environment
}

/// `{{ 4900 | money("usd") }}` is `49.00 USD`: an amount in the currency's smallest unit, as payment vendors give it.
fn money(amount: Rendered, currency: Option<String>) -> Result<String, Error> {
    let currency = currency.unwrap_or_default().to_uppercase();
    let Ok(amount) = i64::try_from(amount.clone()) else {
        // not a whole number: shown as it came
        return Ok(format!("{amount} {currency}").trim().to_owned());
    };
    let digits = match currency.as_str() {
        code if WHOLE.contains(&code) => 0,
        code if THOUSANDTHS.contains(&code) => 3,
        _ => 2,
    };
    let sign = if amount < 0 { "-" } else { "" };
    let unit = 10_u64.pow(digits);
    let (whole, part) = (amount.unsigned_abs() / unit, amount.unsigned_abs() % unit);
    let width = usize::try_from(digits).unwrap_or_default();
    let number = if width == 0 { whole.to_string() } else { format!("{whole}.{part:0width$}") };
    Ok(format!("{sign}{number} {currency}").trim_end().to_owned())
}

/// `{{ text | truncated(300) }}`: at most so many characters, in one line.
fn truncated(text: &str, most: usize) -> String {
    let mut line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    if let Some((end, _)) = line.char_indices().nth(most) {
        line.truncate(end);
        line.push('…');
    }
    line
}

/// `{{ url | link("label") }}`: the label, leading there. Whatever is no web address is shown as text.
fn link(url: &str, label: Option<String>) -> Rendered {
    let label = escape::escaped(label.as_deref().unwrap_or(url)).replace('|', "¦");
    if !(url.starts_with("https://") || url.starts_with("http://")) || url.chars().any(char::is_control) {
        return Rendered::from_safe_string(label);
    }
    let address = url.replace('|', "%7C").replace('<', "%3C").replace('>', "%3E").replace(' ', "%20");
    Rendered::from_safe_string(format!("<{}|{label}>", address.replace('&', "&amp;")))
}

/// `{{ event.time | date }}`: a point in time (milliseconds since the epoch, or RFC 3339) as each reader's own clock shows
/// it.
fn date(at: Rendered) -> Result<Rendered, Error> {
    let millis = match at.as_str() {
        Some(text) => clock::parse_rfc3339(text),
        None => u64::try_from(at.clone()).ok(),
    };
    let Some(millis) = millis else {
        return Err(Error::new(
            ErrorKind::InvalidOperation,
            "date takes milliseconds or a text as in 2026-11-01T00:00:00Z",
        ));
    };
    let fallback = clock::rfc3339(millis);
    let text = format!("<!date^{}^{{date_short_pretty}} {{time}}|{fallback}>", millis / 1000);
    Ok(Rendered::from_safe_string(text))
}

/// In one line, with its place.
fn told(error: &Error) -> String {
    let what = error.detail().map_or_else(|| error.kind().to_string(), str::to_owned);
    match error.line() {
        Some(line) => format!("line {line}: {what}"),
        None => what,
    }
}
