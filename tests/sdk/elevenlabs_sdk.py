"""The official ElevenLabs SDK for Python against the hub: base URL and key come from the environment."""

import base64
import os

from elevenlabs.client import ElevenLabs
from elevenlabs.core.api_error import ApiError
from elevenlabs.types import VoiceSettings

base_url = os.environ["ELEVENLABS_BASE_URL"]
client = ElevenLabs(base_url=base_url, api_key=os.environ["ELEVENLABS_API_KEY"])
settings = VoiceSettings(stability=0.5, speed=1.1)

whole = b"".join(client.text_to_speech.convert("voice1", text="how are you", voice_settings=settings))
assert whole.startswith(b"1:voice1:eleven_multilingual_v2:mp3_44100_128:how are you;"), whole[:80]

# streamed: given again, because it is the same speech
chunks = list(client.text_to_speech.stream("voice1", text="how are you", voice_settings=settings))
assert b"".join(chunks) == whole

with client.text_to_speech.with_raw_response.convert("voice1", text="how are you", voice_settings=settings) as again:
    assert b"".join(again.data) == whole
    assert again.headers["cache-status"] == "patchbay; hit", again.headers
    assert again.headers["content-type"] == "audio/mpeg" and again.headers["request-id"] == "request1"

pcm = client.text_to_speech.stream(
    "voice2", text="x" * 5_000, model_id="eleven_flash_v2_5", output_format="pcm_16000", seed=7
)
pcm = list(pcm)
assert len(pcm) > 1 and sum(map(len, pcm)) == 5_000 * 64, [len(chunk) for chunk in pcm]

timed = client.text_to_speech.convert_with_timestamps("voice1", text="hi")
assert base64.b64decode(timed.audio_base_64).startswith(b"3:voice1"), timed
assert timed.alignment.characters == ["h", "i"], timed
lines = list(client.text_to_speech.stream_with_timestamps("voice1", text="hi there"))
assert "".join("".join(line.alignment.characters) for line in lines) == "hi there", lines

page = client.voices.search(page_size=2)
assert [voice.voice_id for voice in page.voices] == ["voice1", "voice2"] and page.has_more, page
page = client.voices.search(page_size=2, next_page_token=page.next_page_token)
assert [voice.name for voice in page.voices] == ["Bella"] and not page.has_more, page
assert client.voices.get("voice2").name == "Adam"
assert [model.model_id for model in client.models.list()] == ["eleven_multilingual_v2", "eleven_flash_v2_5"]

history = client.history.list(page_size=2)
assert [item.text for item in history.history] == ["hi there", "hi"] and history.has_more, history
item = client.history.list(page_size=2, start_after_history_item_id=history.last_history_item_id).history[-1]
assert item.text == "how are you", item
assert b"".join(client.history.get_audio(item.history_item_id)) == whole
client.history.delete(item.history_item_id)

for call, status in [
    (lambda: client.history.get(item.history_item_id), 404),
    (lambda: client.voices.get("nobody"), 404),
    (lambda: list(client.text_to_speech.convert("voice1", text="")), 422),
    (lambda: ElevenLabs(base_url=base_url, api_key="pb_wrong").models.list(), 401),
]:
    try:
        call()
    except ApiError as error:
        assert error.status_code == status, error
    else:
        raise AssertionError(f"no {status}")

print("characters of the subscription:", client.user.subscription.get().character_count)
