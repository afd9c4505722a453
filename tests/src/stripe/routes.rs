//! Every endpoint that the simulator has.

use serde_json::Value;

use super::{
    catalogue, change, checkout, customer, event, invoice, invoice_item, meter, parameters::Parameters, payment,
    payment_link, portal, preview, refund, refusal::Refusal, state::State, subscription,
};

/// Serves a request: the ids in its path, and its parameters without `expand`.
pub(super) type Handler = fn(&mut State, &[&str], Parameters) -> Result<Value, Refusal>;

/// Method, path as the contract writes it, and what serves it. The first that fits.
const ROUTES: &[(&str, &str, Handler)] = &[
    ("POST", "/v1/customers", customer::create),
    ("GET", "/v1/customers", customer::list),
    ("GET", "/v1/customers/{customer}", customer::get),
    ("POST", "/v1/customers/{customer}", customer::update),
    ("DELETE", "/v1/customers/{customer}", customer::delete),
    ("POST", "/v1/products", catalogue::create_product),
    ("GET", "/v1/products", catalogue::list_products),
    ("GET", "/v1/products/{id}", catalogue::get_product),
    ("POST", "/v1/prices", catalogue::create_price),
    ("GET", "/v1/prices", catalogue::list_prices),
    ("GET", "/v1/prices/{price}", catalogue::get_price),
    ("POST", "/v1/checkout/sessions", checkout::create),
    ("GET", "/v1/checkout/sessions", checkout::list),
    ("GET", "/v1/checkout/sessions/{session}", checkout::get),
    ("GET", "/v1/checkout/sessions/{session}/line_items", checkout::list_line_items),
    ("POST", "/v1/checkout/sessions/{session}/expire", checkout::expire),
    ("POST", "/v1/billing_portal/sessions", portal::create),
    ("POST", "/v1/subscriptions", subscription::create),
    ("GET", "/v1/subscriptions", subscription::list),
    ("GET", "/v1/subscriptions/{subscription}", subscription::get),
    ("POST", "/v1/subscriptions/{subscription}", change::update),
    ("DELETE", "/v1/subscriptions/{subscription}", subscription::cancel),
    ("POST", "/v1/subscriptions/{subscription}/resume", subscription::resume),
    ("GET", "/v1/subscription_items", subscription::list_items),
    ("POST", "/v1/subscription_items/{item}", change::update_item),
    ("POST", "/v1/invoices", invoice::create),
    ("GET", "/v1/invoices", invoice::list),
    ("POST", "/v1/invoices/create_preview", preview::create),
    ("GET", "/v1/invoices/{invoice}", invoice::get),
    ("DELETE", "/v1/invoices/{invoice}", invoice::delete),
    ("GET", "/v1/invoices/{invoice}/lines", invoice::lines),
    ("POST", "/v1/invoices/{invoice}/finalize", invoice::finalize_now),
    ("POST", "/v1/invoices/{invoice}/pay", invoice::pay_now),
    ("POST", "/v1/invoices/{invoice}/void", invoice::void_now),
    ("POST", "/v1/invoices/{invoice}/mark_uncollectible", invoice::mark_uncollectible),
    ("POST", "/v1/invoices/{invoice}/send", invoice::send),
    ("POST", "/v1/invoiceitems", invoice_item::create),
    ("GET", "/v1/invoiceitems", invoice_item::list),
    ("GET", "/v1/invoiceitems/{invoiceitem}", invoice_item::get),
    ("DELETE", "/v1/invoiceitems/{invoiceitem}", invoice_item::delete),
    ("POST", "/v1/payment_links", payment_link::create),
    ("GET", "/v1/payment_links", payment_link::list),
    ("GET", "/v1/payment_links/{payment_link}", payment_link::get),
    ("POST", "/v1/payment_links/{payment_link}", payment_link::update),
    ("GET", "/v1/payment_links/{payment_link}/line_items", payment_link::line_items),
    ("POST", "/v1/refunds", refund::create),
    ("GET", "/v1/refunds", refund::list),
    ("GET", "/v1/refunds/{refund}", refund::get),
    ("POST", "/v1/refunds/{refund}", refund::update),
    ("GET", "/v1/payment_intents", payment::list_intents),
    ("GET", "/v1/payment_intents/{intent}", payment::get_intent),
    ("GET", "/v1/charges", payment::list_charges),
    ("GET", "/v1/charges/{charge}", payment::get_charge),
    ("POST", "/v1/billing/meters", meter::create),
    ("GET", "/v1/billing/meters", meter::list),
    ("GET", "/v1/billing/meters/{id}", meter::get),
    ("POST", "/v1/billing/meters/{id}", meter::update),
    ("POST", "/v1/billing/meters/{id}/deactivate", meter::deactivate),
    ("POST", "/v1/billing/meters/{id}/reactivate", meter::reactivate),
    ("GET", "/v1/billing/meters/{id}/event_summaries", meter::summaries),
    ("POST", "/v1/billing/meter_events", meter::create_event),
    ("POST", "/v1/billing/meter_event_adjustments", meter::adjust),
    ("GET", "/v1/events", event::list),
    ("GET", "/v1/events/{id}", event::get),
];

/// What serves a request: the name of its endpoint in the contract, the ids in its path, and the handler.
pub(super) fn route<'a>(method: &str, path: &'a str) -> Option<(String, Vec<&'a str>, Handler)> {
    let mut fitting = ROUTES.iter().filter(|(own, ..)| *own == method);
    fitting.find_map(|(_, pattern, handler)| Some((format!("{method} {pattern}"), ids(pattern, path)?, *handler)))
}

/// The segments of a path in the place of a pattern's names, if it fits.
fn ids<'a>(pattern: &str, path: &'a str) -> Option<Vec<&'a str>> {
    let (mut wanted, mut given) = (pattern.split('/'), path.split('/'));
    let mut ids = Vec::new();
    loop {
        match (wanted.next(), given.next()) {
            (None, None) => return Some(ids),
            (Some(name), Some(segment)) if name.starts_with('{') && !segment.is_empty() => ids.push(segment),
            (Some(name), Some(segment)) if name == segment => {}
            _ => return None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_find_their_endpoint() {
        let (name, ids, _) = route("POST", "/v1/invoices/in_1/pay").unwrap();
        assert_eq!((name.as_str(), ids), ("POST /v1/invoices/{invoice}/pay", vec!["in_1"]));
        let (name, ids, _) = route("POST", "/v1/invoices/create_preview").unwrap();
        assert_eq!((name.as_str(), ids), ("POST /v1/invoices/create_preview", Vec::<&str>::new()));
        assert!(route("POST", "/v1/invoices/").is_none() && route("PUT", "/v1/customers").is_none());
    }
}
