//! Stripe: customers, subscriptions, invoices, payment links and refunds of an organization's own account as typed actions,
//! Stripe's own API for its SDKs, and its webhooks, each checked and published as the event `stripe.<type>`.
//!
//! Outwards, a secret or restricted key; the hub puts it into the request. Inwards, both shapes that Stripe sends are taken in:
//! snapshot events, which carry the object as it was, and thin notifications (`v2.core.event`), which only name it. The event's
//! id is Stripe's, so a webhook that Stripe sends again, or one that is processed again after a crash, is published once.
//!
//! To take webhooks in: make a webhook endpoint at Stripe with the installation's webhook URL, and put its signing
//! secret (`whsec_…`) into the connection. When the secret is rolled, keep the previous one for the day in
//! which Stripe signs with both.

mod actions;
mod api;
mod config;
mod event;
mod failure;
mod platform;
mod proxy;
mod signature;
pub mod types;

use patchbay_sdk::{
    Actions, Connector, Error, Schemas, Tasks, Violation, clock, events, export_connector, log, proxy as sdk_proxy,
    webhook,
};

use config::Config;
use event::{About, Notification, Published};
use types::{
    checkout::CheckoutSession, customer::Customer, invoice::Invoice, refund::Refund, subscription::Subscription,
};

/// The connector.
#[derive(Debug)]
pub struct Stripe;

impl Connector for Stripe {
    type Config = Config;

    fn validate_config(config: Config) -> Result<(), Vec<Violation>> {
        let wrong = config.platform.map(|platform| platform.check()).unwrap_or_default();
        if wrong.is_empty() { Ok(()) } else { Err(wrong) }
    }

    fn tasks() -> Tasks {
        platform::tasks()
    }

    fn actions() -> Actions {
        platform::add_actions(actions::all())
    }

    fn schemas() -> Schemas {
        Schemas::new()
            .with::<Published<'_>>("event")
            .with::<About<Customer>>("customer-event")
            .with::<About<Subscription>>("subscription-event")
            .with::<About<Invoice>>("invoice-event")
            .with::<About<CheckoutSession>>("checkout-session-event")
            .with::<About<Refund>>("refund-event")
    }

    fn proxy(request: sdk_proxy::Request, responder: sdk_proxy::Responder) -> Result<(), Error> {
        proxy::handle(request, &responder)
    }

    fn verify_webhook(request: webhook::Request) -> Result<webhook::Verdict, Error> {
        if let Err(refusal) = signature::check(&request, clock::now())? {
            return Ok(webhook::Verdict::Refused(refusal));
        }
        Ok(match Notification::parse(&request.body) {
            Ok(notification) => webhook::Verdict::Genuine(webhook::Receipt {
                occurred_at: notification.occurred_at(),
                id: notification.id.into_owned(),
                kind: notification.kind.into_owned(),
                in_line: false,
            }),
            Err(reason) => webhook::Verdict::Refused(format!("signed, but {reason}")),
        })
    }

    fn process_webhook(receipt: webhook::Receipt, request: webhook::Request) -> Result<Option<webhook::Answer>, Error> {
        let notification = Notification::parse(&request.body).map_err(|reason| Error::invalid("", reason))?;
        let kind = format!("stripe.{}", notification.kind);
        let subject = notification.subject();
        if subject.is_none() {
            log::debug("the object has no id", &[("type", &notification.kind)]);
        }
        events::publish(&kind, subject.as_deref().unwrap_or_default(), &notification.published(), Some(&receipt.id))?;
        platform::inbound::take(&request)?;
        Ok(None)
    }
}

export_connector!(Stripe);
