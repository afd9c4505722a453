//! Zapier: the API that a Zapier app's REST hooks need, and pushes to the hooks.
//!
//! Zapier is the client here. A Zap that is switched on subscribes a URL of Zapier's to a type of event, and one that is
//! switched off takes it back; in between each event of the type is pushed there as flat JSON. What Zapier's editor wants
//! beside that (who am I, what does such an event look like) is answered from what the hub knows. All of it is there twice:
//! as actions, and as the plain REST surface below `/v1/proxy/zapier/` that Zapier's own templates expect, which this
//! plugin answers itself, without any vendor behind it.
//!
//! A URL of Zapier's is a secret of the Zap's owner: it is kept in the plugin's own records and never logged.

mod actions;
pub mod config;
mod delivery;
mod hook;
mod pace;
mod payload;
mod rest;
mod sample;
mod target;
pub mod types;

use patchbay_sdk::{Actions, Connector, Error, Schemas, Tasks, events, export_connector, proxy};

pub use config::Config;

/// The connector.
#[derive(Debug)]
pub struct Zapier;

impl Connector for Zapier {
    type Config = Config;

    fn actions() -> Actions {
        Actions::new()
            .add("auth-test", actions::auth_test)
            .add("subscribe", actions::subscribe)
            .add("unsubscribe", actions::unsubscribe)
            .add("list-hooks", actions::list_hooks)
            .add("sample", actions::sample)
            .add("push", actions::push)
    }

    fn schemas() -> Schemas {
        Schemas::new().with::<hook::Stored>("hook")
    }

    fn proxy(request: proxy::Request, responder: proxy::Responder) -> Result<(), Error> {
        rest::handle(&request, &responder)
    }

    fn on_event(event: events::Event) -> Result<(), Error> {
        delivery::plan(&event)
    }

    fn tasks() -> Tasks {
        Tasks::new().add(delivery::PUSH, delivery::push).add(delivery::SPREAD, delivery::spread)
    }
}

export_connector!(Zapier);
