"""slack_sdk's WebClient, unchanged but for its address and its token, which is the hub's key."""

import os

from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError

client = WebClient(token=os.environ["SLACK_TOKEN"], base_url=os.environ["SLACK_BASE_URL"])

print("team:", client.auth_test()["team"])

posted = client.chat_postMessage(
    channel="C0TEST",
    text="Deploy finished",
    blocks=[{"type": "section", "text": {"type": "mrkdwn", "text": "*api* → `v1.4.2`"}}],
)
print("ts is text:", isinstance(posted["ts"], str))
client.chat_update(channel="C0TEST", ts=posted["ts"], text="Deploy really finished")

names = [channel["id"] for page in client.conversations_list(limit=2) for channel in page["channels"]]
print("channels:", ",".join(names))

try:
    client.chat_postMessage(channel="C0NONE", text="nobody reads this")
except SlackApiError as error:
    print("error:", error.response["error"])
