"""Twilio's RequestValidator as a judge of signatures.

Each line of the input is JSON: {"url", "body", "signature"}, the body a form; each line of the output says whether Twilio's own
library accepts it.
"""

import json
import os
import sys
from urllib.parse import parse_qsl

from twilio.request_validator import RequestValidator


class Fields(dict):
    """A form with repeated names, as web frameworks hand it over."""

    def __init__(self, pairs):
        super().__init__(pairs)
        self.pairs = pairs

    def getlist(self, name):
        return [value for own, value in self.pairs if own == name]


validator = RequestValidator(os.environ["TOKEN"])
for line in sys.stdin:
    case = json.loads(line)
    fields = Fields(parse_qsl(case["body"], keep_blank_values=True))
    print("true" if validator.validate(case["url"], fields, case["signature"]) else "false")
