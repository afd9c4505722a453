"""telnyx-python's own check of webhooks, as the judge of what the hub takes.

Each line of the input is JSON: {"time" (of the check, in seconds), "headers", "body"}; each line of the output says whether
the library takes it.
"""

import json
import os
import sys
from unittest import mock

import telnyx

client = telnyx.Telnyx(api_key="unused", public_key=os.environ["PUBLIC_KEY"])

for line in sys.stdin:
    case = json.loads(line)
    with mock.patch("time.time", return_value=float(case["time"])):
        try:
            client.webhooks.unwrap(case["body"], headers=case["headers"])
        except json.JSONDecodeError:
            # the signature was right; a form is no JSON
            accepted = True
        except ValueError:
            accepted = False
        else:
            accepted = True
    print(json.dumps({"accepted": accepted}))
