//! What the numbering plans say of a number.
//!
//! The library's own look-up drops the leading zeros that Italian numbers have, and then knows none of them; so the
//! descriptions of its tables are asked here, in its order.

use phonenumber::{
    Metadata,
    metadata::{DATABASE, Descriptor},
};

use super::Kind;

/// The main country of a code first, as libphonenumber has it.
pub(super) fn kind(code: u16, national: &str) -> Kind {
    match code {
        870 | 881 | 882 | 883 => Kind::Satellite,
        800 => Kind::TollFree,
        808 => Kind::SharedCost,
        979 => Kind::PremiumRate,
        878 => Kind::Personal,
        _ => found(code, national).map_or(Kind::Unknown, |(_, kind)| kind),
    }
}

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
    let is = |descriptor: Option<&Descriptor>| descriptor.is_some_and(|descriptor| descriptor.is_match(national));
    if !plan.general().is_match(national) {
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
