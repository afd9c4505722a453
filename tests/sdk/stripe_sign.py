"""A `Stripe-Signature` made by the official package, checked by it, and printed."""

import os
import time

import stripe

secret, body, now = os.environ["SECRET"], os.environ["BODY"], int(time.time())
signature = stripe.WebhookSignature._compute_signature(f"{now}.{body}", secret)
header = f"t={now},v1={signature}"
stripe.WebhookSignature.verify_header(body, header, secret, tolerance=300)
print(header)
