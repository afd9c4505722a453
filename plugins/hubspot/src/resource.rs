//! What HubSpot has that corresponds to something here.

use patchbay_sdk::{Error, objects};

/// A kind of HubSpot's objects that is kept in step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Resource {
    Contacts,
    Companies,
    Deals,
    Calls,
}

impl Resource {
    pub(crate) const ALL: [Self; 4] = [Self::Contacts, Self::Companies, Self::Deals, Self::Calls];

    /// By its name in the manifest's syncs.
    ///
    /// # Errors
    /// [`Error::NotFound`] for any other text.
    pub(crate) fn named(name: &str) -> Result<Self, Error> {
        let found = Self::ALL.into_iter().find(|resource| resource.path() == name);
        found.ok_or_else(|| Error::NotFound(format!("HubSpot's {name} are not kept in step")))
    }

    /// By HubSpot's word in a type of webhook (`contact.deletion`), or by its id of the type, as in `0-1`.
    pub(crate) fn of_webhook(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|resource| resource.singular() == word || resource.type_id() == word)
    }

    /// As in URLs.
    pub(crate) const fn path(self) -> &'static str {
        match self {
            Self::Contacts => "contacts",
            Self::Companies => "companies",
            Self::Deals => "deals",
            Self::Calls => "calls",
        }
    }

    const fn singular(self) -> &'static str {
        match self {
            Self::Contacts => "contact",
            Self::Companies => "company",
            Self::Deals => "deal",
            Self::Calls => "call",
        }
    }

    /// HubSpot's id of the type.
    pub(crate) const fn type_id(self) -> &'static str {
        match self {
            Self::Contacts => "0-1",
            Self::Companies => "0-2",
            Self::Deals => "0-3",
            Self::Calls => "0-48",
        }
    }

    /// The standard object.
    pub(crate) const fn object(self) -> &'static str {
        match self {
            Self::Contacts => objects::CONTACT,
            Self::Companies => objects::COMPANY,
            Self::Deals => objects::DEAL,
            Self::Calls => objects::CALL,
        }
    }

    /// True if it is read, too: calls are only told.
    pub(crate) const fn is_read(self) -> bool {
        !matches!(self, Self::Calls)
    }

    /// The property with the time of the last change. Contacts have a name of their own for it.
    pub(crate) const fn modified(self) -> &'static str {
        match self {
            Self::Contacts => "lastmodifieddate",
            Self::Companies | Self::Deals | Self::Calls => "hs_lastmodifieddate",
        }
    }
}
