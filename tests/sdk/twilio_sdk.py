"""The official Twilio SDK for Python against the hub: base URL and key come from the environment."""

import os

from twilio.base.exceptions import TwilioServiceException
from twilio.rest import Client

NUMBER, CALLER = "+14155550199", "+14155550123"


def client(key):
    made = Client("hub", key)
    made.api.base_url = os.environ["HUB_URL"]
    return made


hub = client(os.environ["HUB_KEY"])

# pages are of seven numbers: the SDK follows next_page_uri through the hub
print(f"listed: {len(hub.incoming_phone_numbers.list(page_size=5))}")
print(f"found: {len(hub.available_phone_numbers('US').local.list(area_code=628, limit=3))}")

message = hub.messages.create(to=CALLER, from_=NUMBER, body="Hello, ü", status_callback=os.environ["HOOK"])
print(f"sent: {message.status}")
print(f"arrived: {hub.messages(message.sid).fetch().status}")

call = hub.calls.create(to=CALLER, from_=NUMBER, url=os.environ["HOOK"])
print(f"called: {call.status}")
print(f"ended: {hub.calls(call.sid).update(status='completed').status}")

try:
    client("pb_wrong").messages(message.sid).fetch()
except TwilioServiceException as error:
    print(f"refused: {error.status}")
else:
    raise AssertionError("a wrong hub key was taken")
