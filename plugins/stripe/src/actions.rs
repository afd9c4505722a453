//! The typed operations of an organization on its own Stripe account.
//!
//! An input is Stripe's parameters by Stripe's names, with the id that goes into the path among them. What is not listed in its
//! schema passes through; an answer passes back as Stripe wrote it.

use patchbay_sdk::{Actions, Call, Error, Verbatim};
use serde_json::{Map, Value, json};

use crate::api;
use crate::types::customer::{
    CreateCustomer, Customer, Customers, DeleteCustomer, Deleted, GetCustomer, ListCustomers, UpdateCustomer,
};
use crate::types::invoice::{
    FinalizeInvoice, GetInvoice, Invoice, Invoices, ListInvoices, PayInvoice, PreviewInvoice, VoidInvoice,
};
use crate::types::payment_link::{
    CreatePaymentLink, DeactivatePaymentLink, ListPaymentLinks, PaymentLink, PaymentLinks,
};
use crate::types::refund::{CreateRefund, GetRefund, Refund};
use crate::types::subscription::{
    CancelSubscription, CreateSubscription, GetSubscription, ListSubscriptions, ResumeSubscription, Subscription,
    Subscriptions, UpdateSubscription,
};

const CUSTOMERS: &str = "/v1/customers";
const SUBSCRIPTIONS: &str = "/v1/subscriptions";
const INVOICES: &str = "/v1/invoices";
const PAYMENT_LINKS: &str = "/v1/payment_links";
const REFUNDS: &str = "/v1/refunds";

/// A call whose input goes on as it is, and what comes back as it is.
type Passed<I> = Call<Verbatim<I>>;
type Answer<O> = Result<Verbatim<O>, Error>;

/// All of them, by their names in the manifest.
pub(crate) fn all() -> Actions {
    Actions::new()
        .add("create-customer", |call: Passed<CreateCustomer>| -> Answer<Customer> { create(CUSTOMERS, &call) })
        .add("get-customer", |call: Passed<GetCustomer>| -> Answer<Customer> { get(CUSTOMERS, "customer", &call) })
        .add("update-customer", |call: Passed<UpdateCustomer>| -> Answer<Customer> {
            post(CUSTOMERS, "customer", "", &call)
        })
        .add("list-customers", |call: Passed<ListCustomers>| -> Answer<Customers> { list(CUSTOMERS, &call) })
        .add("delete-customer", |call: Passed<DeleteCustomer>| -> Answer<Deleted> {
            delete(CUSTOMERS, "customer", &call)
        })
        .add("create-subscription", |call: Passed<CreateSubscription>| -> Answer<Subscription> {
            create(SUBSCRIPTIONS, &call)
        })
        .add("get-subscription", |call: Passed<GetSubscription>| -> Answer<Subscription> {
            get(SUBSCRIPTIONS, "subscription", &call)
        })
        .add("update-subscription", |call: Passed<UpdateSubscription>| -> Answer<Subscription> {
            post(SUBSCRIPTIONS, "subscription", "", &call)
        })
        .add("cancel-subscription", |call: Passed<CancelSubscription>| -> Answer<Subscription> {
            delete(SUBSCRIPTIONS, "subscription", &call)
        })
        .add("resume-subscription", |call: Passed<ResumeSubscription>| -> Answer<Subscription> {
            post(SUBSCRIPTIONS, "subscription", "/resume", &call)
        })
        .add("list-subscriptions", |call: Passed<ListSubscriptions>| -> Answer<Subscriptions> {
            list(SUBSCRIPTIONS, &call)
        })
        .add("get-invoice", |call: Passed<GetInvoice>| -> Answer<Invoice> { get(INVOICES, "invoice", &call) })
        .add("list-invoices", |call: Passed<ListInvoices>| -> Answer<Invoices> { list(INVOICES, &call) })
        .add("preview-invoice", preview_invoice)
        .add("finalize-invoice", |call: Passed<FinalizeInvoice>| -> Answer<Invoice> {
            post(INVOICES, "invoice", "/finalize", &call)
        })
        .add("pay-invoice", |call: Passed<PayInvoice>| -> Answer<Invoice> { post(INVOICES, "invoice", "/pay", &call) })
        .add("void-invoice", |call: Passed<VoidInvoice>| -> Answer<Invoice> {
            post(INVOICES, "invoice", "/void", &call)
        })
        .add("create-payment-link", |call: Passed<CreatePaymentLink>| -> Answer<PaymentLink> {
            create(PAYMENT_LINKS, &call)
        })
        .add("list-payment-links", |call: Passed<ListPaymentLinks>| -> Answer<PaymentLinks> {
            list(PAYMENT_LINKS, &call)
        })
        .add("deactivate-payment-link", deactivate_payment_link)
        .add("create-refund", create_refund)
        .add("get-refund", |call: Passed<GetRefund>| -> Answer<Refund> { get(REFUNDS, "refund", &call) })
}

fn preview_invoice(call: Passed<PreviewInvoice>) -> Answer<Invoice> {
    let parameters: Map<String, Value> = call.input.peek()?;
    let says = |name: &str| parameters.get(name).is_some_and(|value| !value.is_null());
    if !says("customer") && !says("subscription") {
        return Err(Error::invalid("/subscription", "a subscription, or a customer for whom one would be begun"));
    }
    create(&format!("{INVOICES}/create_preview"), &call)
}

fn deactivate_payment_link(call: Passed<DeactivatePaymentLink>) -> Answer<PaymentLink> {
    let (path, mut parameters) = named(PAYMENT_LINKS, "payment_link", &call)?;
    parameters.insert("active".to_owned(), json!(false));
    api::verbatim(api::post(&path, &parameters, None)?)
}

fn create_refund(call: Passed<CreateRefund>) -> Answer<Refund> {
    let parameters: Map<String, Value> = call.input.peek()?;
    let says = |name: &str| parameters.get(name).is_some_and(|value| !value.is_null());
    if says("charge") == says("payment_intent") {
        return Err(Error::invalid("/charge", "either a charge or a payment intent"));
    }
    create(REFUNDS, &call)
}

fn create<I, O>(path: &str, call: &Passed<I>) -> Answer<O> {
    let parameters: Map<String, Value> = call.input.peek()?;
    api::verbatim(api::post(path, &parameters, None)?)
}

fn list<I, O>(path: &str, call: &Passed<I>) -> Answer<O> {
    let parameters: Map<String, Value> = call.input.peek()?;
    api::verbatim(api::get(path, &parameters)?)
}

fn get<I, O>(collection: &str, name: &str, call: &Passed<I>) -> Answer<O> {
    let (path, parameters) = named(collection, name, call)?;
    api::verbatim(api::get(&path, &parameters)?)
}

/// `what`: what is done with it, as in `/pay`.
fn post<I, O>(collection: &str, name: &str, what: &str, call: &Passed<I>) -> Answer<O> {
    let (path, parameters) = named(collection, name, call)?;
    api::verbatim(api::post(&format!("{path}{what}"), &parameters, None)?)
}

fn delete<I, O>(collection: &str, name: &str, call: &Passed<I>) -> Answer<O> {
    let (path, parameters) = named(collection, name, call)?;
    api::verbatim(api::delete(&path, &parameters)?)
}

/// The path of the object that the input names, and the rest of the input.
fn named<I>(collection: &str, name: &str, call: &Passed<I>) -> Result<(String, Map<String, Value>), Error> {
    let mut parameters: Map<String, Value> = call.input.peek()?;
    let id = parameters.remove(name);
    let id = id.as_ref().and_then(Value::as_str).unwrap_or_default();
    Ok((api::item(collection, &format!("/{name}"), id)?, parameters))
}
