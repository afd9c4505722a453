//! The one trait that a connector implements.

use schemars::JsonSchema;
use serde::de::DeserializeOwned;

use crate::{Actions, Error, Schemas, Tasks, Violation, events, proxy, sync, task, webhook};

/// Settings of a connector that has none. Unknown members are refused, so that an org learns at once that
/// there is nothing to set.
#[derive(Debug, Clone, Copy, Default, serde::Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NoConfig {}

/// A connector. Every method has a default that answers "not offered"; the manifest says what is offered.
///
/// The methods take no `self`: each call runs in a fresh instance, so there is nothing that could be kept
/// between two. What lasts is in [`crate::records`], [`crate::kv`] and [`crate::blobs`].
pub trait Connector: Sized + 'static {
    /// The org's settings; [`NoConfig`] if there are none. Its JSON Schema is the manifest's.
    type Config: DeserializeOwned + JsonSchema;

    /// Rules for the settings that a schema cannot hold. Asked when an org saves them, and before a new
    /// version is published to it.
    ///
    /// # Errors
    /// Everything that is wrong with them.
    fn validate_config(config: Self::Config) -> Result<(), Vec<Violation>> {
        drop(config);
        Ok(())
    }

    /// The typed operations, by their names in the manifest.
    fn actions() -> Actions {
        Actions::new()
    }

    /// Further types whose JSON Schemas the manifest names: data of events, documents of collections.
    fn schemas() -> Schemas {
        Schemas::new()
    }

    /// Answers a request in the vendor's own shape.
    ///
    /// # Errors
    /// One before [`proxy::Responder::start`] becomes the hub's own problem answer.
    fn proxy(request: proxy::Request, responder: proxy::Responder) -> Result<(), Error> {
        drop((request, responder));
        Err(not_offered("a proxy"))
    }

    /// Tells if a webhook is genuine, what it is called and whether it is a repeat.
    ///
    /// # Errors
    /// What kept it from telling; the vendor is asked to try again.
    fn verify_webhook(request: webhook::Request) -> Result<webhook::Verdict, Error> {
        drop(request);
        Err(not_offered("webhooks"))
    }

    /// The work, after the webhook is committed; tried again if it fails. The answer is sent only for a
    /// receipt that is in line.
    ///
    /// # Errors
    /// What went wrong; the host tries again later.
    fn process_webhook(receipt: webhook::Receipt, request: webhook::Request) -> Result<Option<webhook::Answer>, Error> {
        drop((receipt, request));
        Err(not_offered("webhooks"))
    }

    /// Takes one event of the hub in; may see it twice.
    ///
    /// # Errors
    /// What went wrong; the host tries again later.
    fn on_event(event: events::Event) -> Result<(), Error> {
        drop(event);
        Err(not_offered("event handling"))
    }

    /// The kinds of jobs, by their names in the manifest, each with what does one step of it.
    fn tasks() -> Tasks {
        Tasks::new()
    }

    /// Does one step of a job: by default whatever [`Connector::tasks`] lists for its kind.
    ///
    /// # Errors
    /// What went wrong; the host tries the step again later.
    fn step(task: task::Task) -> Result<task::Outcome, Error> {
        Self::tasks().step(task)
    }

    /// The fields that a resource of the manifest's syncs has in this account, at most 5,000.
    ///
    /// # Errors
    /// What kept it from telling.
    fn describe(resource: &str) -> Result<Vec<sync::Field>, Error> {
        Err(not_offered(&format!("the fields of {resource}")))
    }

    /// Reads a page of what the vendor has of a resource.
    ///
    /// # Errors
    /// What went wrong; the host tries the page again later.
    fn pull(pull: sync::Pull) -> Result<sync::Page, Error> {
        Err(not_offered(&format!("reading {}", pull.resource)))
    }

    /// Writes some of a resource, at most as many as the manifest's `batch`.
    ///
    /// # Errors
    /// What went wrong. It is then not known what became of any of them: the host tries all again, with the same keys. What is known of
    /// a single one is a [`sync::Written`].
    fn push(resource: &str, writes: Vec<sync::Write>) -> Result<sync::Pushed, Error> {
        drop(writes);
        Err(not_offered(&format!("writing {resource}")))
    }
}

fn not_offered(what: &str) -> Error {
    Error::NotFound(format!("this plugin does not offer {what}"))
}
