//! The objects of Salesforce that are kept in step.

use patchbay_sdk::{Error, objects};

/// One of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Resource {
    Contact,
    Account,
    Opportunity,
    Task,
}

impl Resource {
    /// By Salesforce's name.
    ///
    /// # Errors
    /// [`Error::NotFound`] for another.
    pub(crate) fn named(name: &str) -> Result<Self, Error> {
        [Self::Contact, Self::Account, Self::Opportunity, Self::Task]
            .into_iter()
            .find(|resource| resource.name() == name)
            .ok_or_else(|| Error::NotFound(format!("{name} is not kept in step with Salesforce")))
    }

    /// Salesforce's name.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Contact => "Contact",
            Self::Account => "Account",
            Self::Opportunity => "Opportunity",
            Self::Task => "Task",
        }
    }

    /// The standard object that is read from it; none of tasks, which are written and not read.
    pub(crate) const fn object(self) -> Option<&'static str> {
        match self {
            Self::Contact => Some(objects::CONTACT),
            Self::Account => Some(objects::COMPANY),
            Self::Opportunity => Some(objects::DEAL),
            Self::Task => None,
        }
    }

    /// True if people can merge two of them. The one that goes then says into which.
    pub(crate) const fn is_mergeable(self) -> bool {
        matches!(self, Self::Contact | Self::Account)
    }
}
