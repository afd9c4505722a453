//! What the numbering plans say of a number.
//!
//! The library's own look-up drops the leading zeros that Italian numbers have, and is content if a number begins as a pattern
//! says; so its tables are asked here as libphonenumber asks them: the whole number, the main country of a code first.

use phonenumber::{
    Metadata,
    metadata::{DATABASE, Descriptor},
};

use regex::RegexBuilder;

use super::Kind;

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

/// True if a country's plan knows a number.
pub(super) fn knows(metadata: &Metadata, national: &str) -> bool {
    described(metadata, national).is_some()
}

/// The country of a number; that of its code if none knows it.
pub(super) fn country(code: u16, national: &str) -> Option<&'static str> {
    let metadata = match found(code, national) {
        Some((metadata, _)) => metadata,
        None => DATABASE.by_code(&code)?.into_iter().next()?,
    };
    let id = metadata.id();
    (id != "001").then_some(id)
}

/// The country that it belongs to: by its leading digits where the tables have them, whether the plan knows the rest or not,
/// and else by the plan.
fn found(code: u16, national: &str) -> Option<(&'static Metadata, Kind)> {
    DATABASE.by_code(&code)?.into_iter().find_map(|metadata| {
        let kind = described(metadata, national);
        let kind = match metadata.leading_digits().map(|leading| leading.find(national)) {
            Some(found) => found.is_some_and(|found| found.start() == 0).then(|| kind.unwrap_or(Kind::Unknown)),
            None => kind,
        };
        kind.map(|kind| (metadata, kind))
    })
}

/// As what a country's plan knows the number. What is dear comes first.
fn described(metadata: &Metadata, national: &str) -> Option<Kind> {
    let plan = metadata.descriptors();
    let is = |descriptor: Option<&Descriptor>| descriptor.is_some_and(|descriptor| matches(descriptor, national));
    if !matches(plan.general(), national) {
        return None;
    }
    [
        (plan.premium_rate(), Kind::PremiumRate),
        (plan.toll_free(), Kind::TollFree),
        (plan.shared_cost(), Kind::SharedCost),
        (plan.voip(), Kind::Voip),
        (plan.personal_number(), Kind::Personal),
        (plan.pager(), Kind::Pager),
        (plan.uan(), Kind::National),
        (plan.voicemail(), Kind::National),
    ]
    .into_iter()
    .find_map(|(descriptor, kind)| is(descriptor).then_some(kind))
    .or_else(|| match (is(plan.fixed_line()), is(plan.mobile())) {
        (true, true) => Some(Kind::LocalOrMobile),
        (true, false) => Some(Kind::Local),
        (false, true) => Some(Kind::Mobile),
        (false, false) => None,
    })
}

/// True if a description is of a whole number. Its digits are ASCII, which makes a pattern cheap to read.
fn matches(descriptor: &Descriptor, national: &str) -> bool {
    let lengths = descriptor.possible_length();
    if !lengths.is_empty() && !lengths.iter().any(|length| usize::from(*length) == national.len()) {
        return false;
    }
    let whole = format!("^(?:{})$", descriptor.national_number().as_str());
    let pattern = RegexBuilder::new(&whole).ignore_whitespace(true).unicode(false).build();
    pattern.is_ok_and(|pattern| pattern.is_match(national))
}
