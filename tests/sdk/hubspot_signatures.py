"""hubspot-api-client's Signature: judges requests, at the time of the test and not of the machine.

Each line of the input is JSON: {"method", "url", "body", "time", "now", "signature"}; each line of the output says whether the
library accepts it, and what it would have signed.
"""

import json
import os
import sys
from datetime import datetime, timezone

from hubspot.exceptions import InvalidSignatureTimestampError
from hubspot.utils import signature as library

SECRET = os.environ["SECRET"]


def still(milliseconds):
    """A datetime whose present is the request's."""

    class Still(datetime):
        @classmethod
        def now(cls, tz=None):
            return datetime.fromtimestamp(milliseconds / 1000, tz=tz or timezone.utc)

    return Still


for line in sys.stdin:
    case = json.loads(line)
    library.datetime = still(case["now"])
    about = {"http_uri": case["url"], "http_method": case["method"], "timestamp": case["time"]}
    try:
        accepted = library.Signature.is_valid(
            signature=case["signature"],
            client_secret=SECRET,
            request_body=case["body"],
            signature_version="v3",
            **about,
        )
    except InvalidSignatureTimestampError:
        accepted = False
    expected = library.Signature.get_signature(SECRET, case["body"], "v3", **about)
    print(json.dumps({"accepted": accepted, "signature": expected}))
