"""Deliveries of the hub, verified by the official packages, each with each secret that should do and some that should not.

Reads JSON lines: {"secrets": [...], "wrong": [...], "headers": {...}, "body": "..."}; prints how many were verified.
"""

import json
import sys

import standardwebhooks
import svix


def refuses(package, secret, body, headers):
    """True if the package takes this for forged."""
    try:
        package.Webhook(secret).verify(body, headers)
    except package.WebhookVerificationError:
        return True
    return False


count = 0
for line in sys.stdin:
    one = json.loads(line)
    body, headers = one["body"].encode(), one["headers"]
    branded = {name.replace("webhook-", "svix-"): value for name, value in headers.items()}
    other = {**headers, "webhook-id": headers["webhook-id"] + "0"}
    later = {**headers, "webhook-timestamp": str(int(headers["webhook-timestamp"]) + 1)}
    for secret in one["secrets"]:
        assert standardwebhooks.Webhook(secret).verify(body, headers) == json.loads(body)
        svix.Webhook(secret).verify(body, headers)
        svix.Webhook(secret).verify(body, branded)
        for package in (standardwebhooks, svix):
            assert refuses(package, secret, body + b" ", headers), "a changed body was taken"
            assert refuses(package, secret, body.replace(b"{", b"[", 1), headers), "a changed body was taken"
            assert refuses(package, secret, body, other), "another id was taken"
            assert refuses(package, secret, body, later), "another time was taken"
        count += 1
    for secret in one["wrong"]:
        for package in (standardwebhooks, svix):
            assert refuses(package, secret, body, headers), "a wrong secret was taken"
print(f"verified: {count}")
