//! A schema's complaints in words that an API consumer can act on.
//!
//! The library's own messages repeat the value that is wrong, which may be a secret or a megabyte; these
//! say what was expected instead.

use jsonschema::{JsonType, ValidationError, error::TypeKind, error::ValidationErrorKind as Kind};
use patchbay_model::Violation;
use serde_json::Value;

/// The longest excerpt of a schema or list of names in a message, in characters.
const MAX_EXCERPT: usize = 200;

/// One complaint.
pub(super) fn violation(error: &ValidationError<'_>) -> Violation {
    Violation { pointer: error.instance_path().as_str().to_owned(), expected: expected(error) }
}

fn expected(error: &ValidationError<'_>) -> String {
    match error.kind() {
        Kind::Type { kind: TypeKind::Single(one) } => noun(*one).to_owned(),
        Kind::Type { kind: TypeKind::Multiple(several) } => several.iter().map(noun).collect::<Vec<_>>().join(" or "),
        Kind::Required { property } => format!("the member {}", short(property)),
        Kind::AdditionalProperties { unexpected } | Kind::UnevaluatedProperties { unexpected } => {
            format!("no member {}", names(unexpected))
        }
        Kind::PropertyNames { error } => format!("members whose names are {}", expected(error)),
        Kind::Enum { options } => match options.as_ref() {
            Value::Array(options) => format!("one of {}", listed(options)),
            other => short(other),
        },
        Kind::Constant { expected_value } => short(expected_value),
        Kind::Minimum { limit } => format!("at least {limit}"),
        Kind::Maximum { limit } => format!("at most {limit}"),
        Kind::ExclusiveMinimum { limit } => format!("more than {limit}"),
        Kind::ExclusiveMaximum { limit } => format!("less than {limit}"),
        Kind::MultipleOf { multiple_of } => format!("a multiple of {multiple_of}"),
        Kind::MinLength { limit } => format!("at least {}", count(*limit, "character")),
        Kind::MaxLength { limit } => format!("at most {}", count(*limit, "character")),
        Kind::MinItems { limit } => format!("at least {}", count(*limit, "item")),
        Kind::MaxItems { limit } => format!("at most {}", count(*limit, "item")),
        Kind::AdditionalItems { limit } => format!("at most {}", count(*limit as u64, "item")),
        Kind::UnevaluatedItems { .. } => "no further items".to_owned(),
        Kind::MinProperties { limit } => format!("at least {}", count(*limit, "member")),
        Kind::MaxProperties { limit } => format!("at most {}", count(*limit, "member")),
        Kind::UniqueItems => "items that differ from each other".to_owned(),
        Kind::Contains => "another number of items that match the schema of `contains`".to_owned(),
        Kind::Pattern { pattern } => format!("text that matches the pattern {}", cut(pattern)),
        Kind::Format { format } => format!("text of the format {}", cut(format)),
        Kind::ContentEncoding { content_encoding } => format!("text encoded as {}", cut(content_encoding)),
        Kind::ContentMediaType { content_media_type } => format!("text of the type {}", cut(content_media_type)),
        Kind::FromUtf8 { .. } => "encoded text in UTF-8".to_owned(),
        Kind::AnyOf { context } | Kind::OneOfNotValid { context } => closest(error, context),
        Kind::OneOfMultipleValid { .. } => "a value that fits exactly one of the allowed forms; it fits several".into(),
        Kind::Not { schema } => format!("a value that does not match {}", short(schema)),
        Kind::FalseSchema => "nothing here".to_owned(),
        Kind::BacktrackLimitExceeded { .. } | Kind::RegexEngineFailure { .. } => {
            "text for which the pattern can be worked out".to_owned()
        }
        Kind::Custom { message, .. } => cut(message),
        Kind::Referencing(error) => format!("a reference that resolves: {}", cut(&error.to_string())),
    }
}

/// Of several forms, what is missing to the one that got furthest into the value.
fn closest(error: &ValidationError<'_>, forms: &[Vec<ValidationError<'static>>]) -> String {
    let depth = |error: &ValidationError<'_>| error.instance_path().as_str().matches('/').count();
    let best = forms
        .iter()
        .filter_map(|errors| errors.first().map(|first| (errors.len(), first)))
        .max_by_key(|(count, first)| (depth(first), usize::MAX - count));
    match best {
        Some((_, first)) if forms.len() > 1 => {
            let at = first.instance_path().as_str();
            let place = if at == error.instance_path().as_str() { String::new() } else { format!("at {at}: ") };
            format!("one of {} forms; the closest needs {place}{}", forms.len(), expected(first))
        }
        Some((_, first)) => expected(first),
        None => "a value of one of the allowed forms".to_owned(),
    }
}

fn noun(kind: JsonType) -> &'static str {
    match kind {
        JsonType::Null => "null",
        JsonType::Boolean => "true or false",
        JsonType::Integer => "an integer",
        JsonType::Number => "a number",
        JsonType::String => "a string",
        JsonType::Array => "an array",
        JsonType::Object => "an object",
    }
}

fn count(number: u64, what: &str) -> String {
    if number == 1 { format!("1 {what}") } else { format!("{number} {what}s") }
}

fn listed(values: &[Value]) -> String {
    cut(&values.iter().map(Value::to_string).collect::<Vec<_>>().join(", "))
}

fn names(names: &[String]) -> String {
    cut(&names.iter().map(|name| format!("{name:?}")).collect::<Vec<_>>().join(", "))
}

fn short(value: &Value) -> String {
    cut(&value.to_string())
}

fn cut(text: &str) -> String {
    match text.char_indices().nth(MAX_EXCERPT) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
        None => text.to_owned(),
    }
}
