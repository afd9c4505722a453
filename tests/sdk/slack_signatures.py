"""slack_sdk's SignatureVerifier: judges what the simulator signs, and signs what the hub shall accept.

Each line of the input is JSON: {"time", "body", "signature"}; each line of the output says whether it is accepted, and
what the verifier itself would have signed.
"""

import json
import os
import sys

from slack_sdk.signature import SignatureVerifier


class Still:
    """A clock that shows the request's own time."""

    def __init__(self, time):
        self.time = time

    def now(self):
        return float(self.time)


for line in sys.stdin:
    case = json.loads(line)
    time, body = str(case["time"]), case["body"]
    verifier = SignatureVerifier(os.environ["SECRET"], clock=Still(case["time"]))
    accepted = verifier.is_valid(body=body, timestamp=time, signature=case["signature"])
    print(json.dumps({"accepted": accepted, "signature": verifier.generate_signature(timestamp=time, body=body)}))
