//! What the numbering plans say of a number, asked as libphonenumber asks: the whole number, the main country of a code
//! first. Nothing is read until it is asked for; see the build script.

use std::{
    collections::HashMap,
    sync::{Arc, LazyLock, Mutex, PoisonError},
};

use regex::{Regex, RegexBuilder};

use super::Kind;

/// The most patterns that are kept: those of two dozen countries.
const MOST_KEPT: usize = 256;

/// By calling code, the main country of each first.
static PLANS: &[Plan] = &include!(concat!(env!("OUT_DIR"), "/plans.rs"));

/// The numbering plan of a country, or of a service of all countries.
pub(super) struct Plan {
    /// ISO 3166-1, two letters; `001` for a service of all countries.
    pub(super) id: &'static str,
    /// The calling code.
    pub(super) code: u16,
    /// How numbers begin that are of this country and of no other with its code.
    leading: Option<&'static str>,
    /// What is dialled before a number abroad.
    abroad: Option<&'static str>,
    /// What is dialled before a number within the country.
    trunk: Option<&'static str>,
    /// What may stand before one there, and groups that stay of it.
    trunk_pattern: Option<&'static str>,
    /// What becomes of those.
    transform: Option<&'static str>,
    general: Description,
    /// In the order in which they hold against each other.
    kinds: &'static [(Kind, Description)],
}

/// What numbers of a kind look like, without calling code and trunk prefix.
struct Description {
    pattern: &'static str,
    /// How many digits they have; any number if it is empty.
    lengths: &'static [u16],
}

impl Description {
    fn matches(&self, national: &str) -> bool {
        let fits = self.lengths.is_empty() || self.lengths.iter().any(|length| usize::from(*length) == national.len());
        fits && whole(self.pattern).is_some_and(|pattern| pattern.is_match(national))
    }
}

impl Plan {
    /// As what the plan knows a number.
    fn described(&self, national: &str) -> Option<Kind> {
        if !self.general.matches(national) {
            return None;
        }
        let mut kinds =
            self.kinds.iter().filter(|(_, description)| description.matches(national)).map(|(kind, _)| *kind);
        match kinds.next()? {
            Kind::Local if kinds.any(|kind| kind == Kind::Mobile) => Some(Kind::LocalOrMobile),
            kind => Some(kind),
        }
    }

    /// True if the plan knows a number.
    pub(super) fn knows(&self, national: &str) -> bool {
        self.described(national).is_some()
    }

    /// True if numbers of some kind have so many digits.
    pub(super) fn has_length(&self, digits: usize) -> bool {
        self.lengths().any(|length| length == digits)
    }

    /// True if numbers of some kind have more digits.
    pub(super) fn has_longer(&self, digits: usize) -> bool {
        self.lengths().any(|length| length > digits)
    }

    fn lengths(&self) -> impl Iterator<Item = usize> {
        self.kinds.iter().flat_map(|(_, description)| description.lengths).map(|length| usize::from(*length))
    }

    /// What follows the prefix for abroad, if the digits begin with it.
    pub(super) fn dialled_from_abroad<'a>(&self, digits: &'a str) -> Option<&'a str> {
        digits.get(beginning(self.abroad?)?.find(digits)?.end()..)
    }

    /// Without the trunk prefix, if there is one.
    pub(super) fn without_trunk<'a>(&self, digits: &'a str) -> Option<&'a str> {
        digits.strip_prefix(self.trunk?)
    }

    /// Without whatever else may stand before a number in the country (a carrier's code), or with what has to.
    pub(super) fn transformed(&self, digits: &str) -> Option<String> {
        let captures = beginning(self.trunk_pattern?)?.captures(digits)?;
        let rest = digits.get(captures.get(0)?.end()..)?;
        let kept = captures.iter().skip(1).last().flatten().is_some();
        let mut national = String::new();
        if let Some(rule) = self.transform.filter(|_| kept) {
            captures.expand(rule, &mut national);
        }
        national.push_str(rest);
        Some(national)
    }
}

/// The plan of a country (ISO 3166-1, two letters in capitals).
pub(super) fn plan(country: &str) -> Option<&'static Plan> {
    PLANS.iter().find(|plan| plan.id == country && country != "001")
}

/// The plans of a calling code, the main country's first.
pub(super) fn plans(code: u16) -> impl Iterator<Item = &'static Plan> {
    let first = PLANS.partition_point(|plan| plan.code < code);
    PLANS.iter().skip(first).take_while(move |plan| plan.code == code)
}

/// The calling code and what follows it; `None` if there is no such code, or a digit is none.
pub(super) fn split(digits: &str) -> Option<(u16, &str)> {
    if digits.starts_with('0') {
        return None;
    }
    (1..=3).find_map(|length| {
        let (code, national) = digits.split_at_checked(length)?;
        let code = code.bytes().all(|byte| byte.is_ascii_digit()).then(|| code.parse().ok())??;
        plans(code).next().map(|_| (code, national))
    })
}

/// The kind of a number.
pub(super) fn kind(code: u16, national: &str) -> Kind {
    match code {
        870 | 881 | 882 | 883 => Kind::Satellite,
        800 => Kind::TollFree,
        808 => Kind::SharedCost,
        979 => Kind::PremiumRate,
        878 => Kind::Personal,
        // Ofcom has 084 apart from what is dear (09), libphonenumber no longer
        44 if national.starts_with("84") && found(code, national).is_some() => Kind::SharedCost,
        _ => found(code, national).map_or(Kind::Unknown, |(_, kind)| kind),
    }
}

/// The country of a number; that of its code if none knows it.
pub(super) fn country(code: u16, national: &str) -> Option<&'static str> {
    let plan = match found(code, national) {
        Some((plan, _)) => plan,
        None => plans(code).next()?,
    };
    (plan.id != "001").then_some(plan.id)
}

/// The country that it belongs to: by its leading digits where the plans have them, whether they know the rest or not, and
/// else by the plan.
fn found(code: u16, national: &str) -> Option<(&'static Plan, Kind)> {
    plans(code).find_map(|plan| {
        let kind = match plan.leading {
            Some(leading) if !beginning(leading)?.is_match(national) => None,
            Some(_) => Some(plan.described(national).unwrap_or(Kind::Unknown)),
            None => plan.described(national),
        };
        kind.map(|kind| (plan, kind))
    })
}

/// A pattern that a whole number has to be like.
fn whole(pattern: &str) -> Option<Arc<Regex>> {
    compiled(format!("^(?:{pattern})$"))
}

/// A pattern that a number has to begin with.
fn beginning(pattern: &str) -> Option<Arc<Regex>> {
    compiled(format!("^(?:{pattern})"))
}

/// Digits are ASCII here, which makes a pattern cheap to read. Still that takes far longer than to match a number, so patterns
/// are kept: the hub reads the numbers of whole address books, of a few countries. That each is one is tested.
fn compiled(pattern: String) -> Option<Arc<Regex>> {
    static KEPT: LazyLock<Mutex<HashMap<String, Arc<Regex>>>> = LazyLock::new(Mutex::default);
    // what a panic leaves behind is patterns, which are right
    let kept = || KEPT.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(regex) = kept().get(&pattern) {
        return Some(Arc::clone(regex));
    }
    let regex = Arc::new(RegexBuilder::new(&pattern).unicode(false).build().ok()?);
    let mut kept = kept();
    if kept.len() >= MOST_KEPT {
        kept.clear();
    }
    kept.insert(pattern, Arc::clone(&regex));
    Some(regex)
}

#[cfg(test)]
mod tests {
    use phonenumber::metadata::DATABASE;

    use super::*;

    #[test]
    fn every_pattern_is_one() {
        for plan in PLANS {
            assert!(whole(plan.general.pattern).is_some(), "{}", plan.id);
            for (kind, description) in plan.kinds {
                assert!(whole(description.pattern).is_some(), "{} {kind:?}", plan.id);
            }
            for pattern in [plan.leading, plan.abroad, plan.trunk_pattern].into_iter().flatten() {
                assert!(beginning(pattern).is_some(), "{} {pattern}", plan.id);
            }
        }
    }

    #[test]
    fn plans_are_in_the_order_of_their_codes_and_no_code_begins_another() {
        assert!(PLANS.is_sorted_by_key(|plan| plan.code));
        assert_eq!(PLANS.iter().filter(|plan| plan.code == 1).count(), 25);
        assert_eq!(plans(1).next().map(|plan| plan.id), Some("US"));
        assert_eq!(plans(44).next().map(|plan| plan.id), Some("GB"));
        for plan in PLANS {
            let code = plan.code.to_string();
            assert_eq!(split(&format!("{code}123456")), Some((plan.code, "123456")), "{code}");
        }
    }

    #[test]
    fn a_number_falls_into_its_code_and_the_rest() {
        for (digits, parts) in [
            ("14155550100", Some((1, "4155550100"))),
            ("4930123456", Some((49, "30123456"))),
            ("88112345678", Some((881, "12345678"))),
            ("99912345678", None),
            ("0123", None),
            ("", None),
            ("+1", None),
        ] {
            assert_eq!(split(digits), parts, "{digits}");
        }
    }

    /// The examples of libphonenumber, one for each kind and country.
    #[test]
    fn every_example_is_of_its_kind() {
        let mut examples = 0;
        for plan in PLANS.iter().filter(|plan| plan.id != "001") {
            let theirs = DATABASE.by_id(plan.id).unwrap().descriptors();
            for (descriptor, expected) in [
                (theirs.premium_rate(), Kind::PremiumRate),
                (theirs.toll_free(), Kind::TollFree),
                (theirs.shared_cost(), Kind::SharedCost),
                (theirs.voip(), Kind::Voip),
                (theirs.personal_number(), Kind::Personal),
                (theirs.pager(), Kind::Pager),
                (theirs.uan(), Kind::National),
                (theirs.voicemail(), Kind::National),
                (theirs.fixed_line(), Kind::Local),
                (theirs.mobile(), Kind::Mobile),
            ] {
                let Some(example) = descriptor.and_then(|descriptor| descriptor.example()) else { continue };
                let found = kind(plan.code, example);
                let either = found == Kind::LocalOrMobile && matches!(expected, Kind::Local | Kind::Mobile);
                assert!(found == expected || either, "{} {example}: {found:?} for {expected:?}", plan.id);
                examples += 1;
            }
        }
        assert!(examples > 1000, "{examples}");
    }
}
