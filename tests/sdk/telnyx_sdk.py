"""Telnyx' own library, unchanged but for its address and its key, which is the hub's."""

import os

import telnyx

client = telnyx.Telnyx(api_key=os.environ["TELNYX_KEY"], base_url=os.environ["TELNYX_BASE"], max_retries=0)

application = client.call_control_applications.create(
    application_name="sdk", webhook_event_url="https://example.com/hook", webhook_api_version="2"
)
connection = application.data.id
print("application:", application.data.application_name)

found = client.available_phone_numbers.list(
    filter={"country_code": "US", "national_destination_code": "312", "best_effort": False, "limit": 5}
)
print("available:", [number.phone_number for number in found.data])

print("pages:", sorted(number.phone_number for number in client.phone_numbers.list(page_size=1)))

call = client.calls.dial(connection_id=connection, to="+14155550100", from_="+13125550188", command_id="sdk-1").data
print("call:", call.is_alive, call.call_control_id.startswith("v3:"))
status = client.calls.retrieve_status(call.call_control_id)
print("alive:", status.data.is_alive)
spoken = client.calls.actions.speak(call.call_control_id, payload="hello", voice="AWS.Polly.Joanna")
print("speak:", spoken.data.result)
print("hangup:", client.calls.actions.hangup(call.call_control_id).data.result)


def failing(what, ask):
    try:
        ask()
    except telnyx.APIStatusError as error:
        print(f"{what}: {type(error).__name__} {error.status_code}")
    else:
        print(f"{what}: no error")


failing("ended", lambda: client.calls.actions.hangup(call.call_control_id))
failing("premium", lambda: client.calls.dial(connection_id=connection, to="+19005550100", from_="+13125550188"))
failing("order", lambda: client.number_orders.create(phone_numbers=[{"phone_number": "+13125550199"}]))
