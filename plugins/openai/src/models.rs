//! Which models may be asked.

/// True if an entry of a list (a model's id, or the beginning of one and `*`) is this model.
pub(crate) fn covers(listed: &str, model: &str) -> bool {
    match listed.strip_suffix('*') {
        Some(start) => model.starts_with(start),
        None => listed == model,
    }
}

/// The model of which this is a dated snapshot, as `gpt-5` of `gpt-5-2025-08-07`.
pub(crate) fn without_date(model: &str) -> Option<&str> {
    let (name, date) = model.split_at_checked(model.len().checked_sub("-2025-08-07".len())?)?;
    let is_date = date.char_indices().all(|(at, character)| match at {
        0 | 5 | 8 => character == '-',
        _ => character.is_ascii_digit(),
    });
    (is_date && !name.is_empty()).then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_at_the_end_is_any_rest() {
        assert!(covers("gpt-5*", "gpt-5") && covers("gpt-5*", "gpt-5-mini") && covers("*", "x"));
        assert!(!covers("gpt-5", "gpt-5-mini") && !covers("gpt-5*", "gpt-4") && !covers("*-mini", "gpt-5-mini"));
    }

    #[test]
    fn a_date_is_told_from_a_name() {
        assert_eq!(without_date("gpt-5-2025-08-07"), Some("gpt-5"));
        assert_eq!(without_date("gpt-4o-mini-tts-2025-12-15"), Some("gpt-4o-mini-tts"));
        for model in ["gpt-5", "-2025-08-07", "gpt-5-2025x08-07", "gpt-4-0125-preview", "gpt-ü-2025-08-0ü"] {
            assert_eq!(without_date(model), None, "{model}");
        }
    }
}
