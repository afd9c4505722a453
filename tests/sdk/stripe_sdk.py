"""Stripe's own library, unchanged but for its address and its key, which is the hub's."""

import os

import stripe

client = stripe.StripeClient(
    os.environ["STRIPE_KEY"],
    base_addresses={"api": os.environ["STRIPE_BASE"]},
    max_network_retries=0,
)
price, dearer = os.environ["PRICE"], os.environ["DEARER_PRICE"]

customer = client.v1.customers.create(
    {
        "email": "ada@example.com",
        "name": "Ada & Söhne",
        "payment_method": "pm_card_visa",
        "invoice_settings": {"default_payment_method": "pm_card_visa"},
        "metadata": {"tenant id": "t1"},
    }
)
client.v1.customers.update(customer.id, {"description": "updated", "metadata": {"tenant id": "", "a": "b"}})
read = client.v1.customers.retrieve(customer.id)
print("customer:", read.name, read.description, read.metadata.to_dict())

# the same key: the first answer; other parameters under it: an error
options = {"idempotency_key": "sdk-key-1"}
first = client.v1.customers.create({"name": "Once"}, options)
again = client.v1.customers.create({"name": "Once"}, options)
print("once:", first.id == again.id)

for number in range(3):
    client.v1.customers.create({"name": f"Number {number}", "email": "many@example.com"})
page = client.v1.customers.list({"limit": 2, "email": "many@example.com"})
print("page:", len(page.data), page.has_more)
print("pages:", [one.name for one in page.auto_paging_iter()])

subscription = client.v1.subscriptions.create(
    {"customer": customer.id, "items": [{"price": price}], "expand": ["latest_invoice.payments"]}
)
print("subscription:", subscription.status, subscription.latest_invoice.amount_paid)
item = subscription["items"].data[0]
preview = client.v1.invoices.create_preview(
    {
        "customer": customer.id,
        "subscription": subscription.id,
        "subscription_details": {"items": [{"id": item.id, "price": dearer}], "proration_behavior": "always_invoice"},
    }
)
changed = client.v1.subscriptions.update(
    subscription.id,
    {"items": [{"id": item.id, "price": dearer}], "proration_behavior": "always_invoice"},
)
charged = client.v1.invoices.retrieve(changed.latest_invoice)
print("proration:", preview.total, charged.total == preview.total, charged.status)
print("invoices:", len(client.v1.invoices.list({"customer": customer.id}).data))

intent = subscription.latest_invoice.payments.data[0].payment.payment_intent
refund = client.v1.refunds.create({"payment_intent": intent, "amount": 500})
print("refund:", refund.status, client.v1.refunds.retrieve(refund.id).amount)

link = client.v1.payment_links.create({"line_items": [{"price": price, "quantity": 1}]})
print("link:", link.active, client.v1.payment_links.update(link.id, {"active": False}).active)

canceled = client.v1.subscriptions.cancel(subscription.id, {"prorate": True})
print("canceled:", canceled.status)
print("deleted:", client.v1.customers.delete(customer.id).deleted)


def failing(what, call):
    try:
        call()
    except stripe.StripeError as error:
        print(f"{what}: {type(error).__name__} {error.http_status} {error.code} {getattr(error, 'param', None)}")
    else:
        print(f"{what}: no error")


failing("missing", lambda: client.v1.customers.retrieve("cus_nobody"))
failing("unknown", lambda: client.v1.customers.create({"prize": "1"}))
poor = client.v1.customers.create({"payment_method": "pm_card_chargeCustomerFail"})
failing(
    "declined",
    lambda: client.v1.subscriptions.create(
        {"customer": poor.id, "items": [{"price": price}], "payment_behavior": "error_if_incomplete"}
    ),
)
