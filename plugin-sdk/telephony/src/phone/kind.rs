//! What kinds of numbers there are, as far as it matters to who pays.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What kind of number it is, by the numbering plan of its country.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// A fixed line.
    Local,
    /// A mobile.
    Mobile,
    /// One or the other: North America does not tell them apart.
    LocalOrMobile,
    /// Of an organization in the whole country, at the price of a usual call.
    National,
    /// Over the internet, at no fixed place.
    Voip,
    /// Follows a person from line to line. Can be dear.
    Personal,
    /// A pager. Can be dear.
    Pager,
    /// The called pays: 1 800, +800.
    TollFree,
    /// The caller pays a part: 084 in the United Kingdom, +808.
    SharedCost,
    /// The caller pays for a service: 1 900, 09 in the United Kingdom, 0900 in Germany, +979.
    PremiumRate,
    /// By satellite or a network of no country (+870, +881, +882, +883): often dearer than a premium-rate number.
    Satellite,
    /// A few digits that only carriers of one country know. No [`super::Number`] is one; see [`super::Party`].
    ShortCode,
    /// No numbering plan knows it.
    Unknown,
}

impl Kind {
    /// As the standard object `phone-number` names it; `None` for what it has no name for.
    #[must_use]
    pub fn as_object(self) -> Option<&'static str> {
        match self {
            Self::Local | Self::LocalOrMobile => Some("local"),
            Self::National | Self::Voip => Some("national"),
            Self::Mobile => Some("mobile"),
            Self::TollFree => Some("toll-free"),
            Self::ShortCode => Some("short-code"),
            Self::Personal | Self::Pager | Self::SharedCost | Self::PremiumRate | Self::Satellite | Self::Unknown => {
                None
            }
        }
    }
}
