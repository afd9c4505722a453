"""The official OpenAI SDK for Python against the hub: base URL and key come from the environment."""

import json

import openai
import pydantic

client = openai.OpenAI(max_retries=0)
told = 0
messages = [{"role": "user", "content": "how are you"}]

answer = client.chat.completions.create(model="gpt-4.1", messages=messages)
assert answer.choices[0].message.content.startswith("word0 word1"), answer
told += answer.usage.total_tokens

stream = client.chat.completions.create(model="sim:tokens=20", messages=messages, stream=True)
chunks = list(stream)
assert sum(1 for chunk in chunks if chunk.choices and chunk.choices[0].delta.content) == 20
assert all(chunk.usage is None for chunk in chunks), "usage was not asked for"
assert all(chunk.choices for chunk in chunks), "the usage frame was not asked for"

stream = client.chat.completions.create(
    model="sim:tokens=20", messages=messages, stream=True, stream_options={"include_usage": True}
)
chunks = list(stream)
assert chunks[-1].usage.completion_tokens == 20
told += chunks[-1].usage.total_tokens

response = client.responses.create(model="gpt-4.1", input="how are you")
assert response.output_text.startswith("word0 word1"), response
told += response.usage.total_tokens

with client.responses.stream(model="gpt-4.1", input="how are you") as events:
    kinds = [event.type for event in events]
    final = events.get_final_response()
assert kinds.count("response.output_text.delta") == 6, kinds
told += final.usage.total_tokens

embedding = client.embeddings.create(model="text-embedding-3-small", input=["one", "two three"])
assert len(embedding.data) == 2 and len(embedding.data[0].embedding) == 1536
told += embedding.usage.total_tokens

weather = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "strict": True,
        "parameters": {
            "type": "object",
            "properties": {"city": {"type": "string"}, "unit": {"type": "string", "enum": ["celsius"]}},
            "required": ["city", "unit"],
            "additionalProperties": False,
        },
    },
}
answer = client.chat.completions.create(model="gpt-4.1", messages=messages, tools=[weather], tool_choice="required")
call = answer.choices[0].message.tool_calls[0]
arguments = {"city": "word0", "unit": "celsius"}
assert answer.choices[0].finish_reason == "tool_calls" and json.loads(call.function.arguments) == arguments, answer
told += answer.usage.total_tokens
turn = {"role": "assistant", "content": None, "tool_calls": [call.model_dump(exclude_none=True)]}
result = {"role": "tool", "tool_call_id": call.id, "content": "sunny"}
answer = client.chat.completions.create(model="gpt-4.1", messages=[*messages, turn, result], tools=[weather])
assert answer.choices[0].message.content.startswith("word0"), answer
told += answer.usage.total_tokens

stream = client.chat.completions.create(
    model="gpt-4.1", messages=messages, tools=[weather], tool_choice="required", stream=True
)
pieces = [call for chunk in stream for call in chunk.choices[0].delta.tool_calls or []]
assert pieces[0].function.name == "get_weather"
assert json.loads("".join(piece.function.arguments for piece in pieces)) == arguments


class City(pydantic.BaseModel):
    name: str
    population: int


parsed = client.chat.completions.parse(model="gpt-4.1", messages=messages, response_format=City)
assert parsed.choices[0].message.parsed == City(name="word0", population=7), parsed
told += parsed.usage.total_tokens

image = {"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORw0KGgo=", "detail": "low"}}
looked = client.chat.completions.create(
    model="gpt-4.1", messages=[{"role": "user", "content": [{"type": "text", "text": "what is this"}, image]}]
)
assert looked.usage.prompt_tokens > 85, looked
told += looked.usage.total_tokens

recording = ("call.wav", bytes(5_000))
transcript = client.audio.transcriptions.create(model="whisper-1", file=recording)
assert transcript.text == "word0 word1 word2" and transcript.usage.seconds == 5, transcript
assert client.audio.transcriptions.create(model="whisper-1", file=recording, response_format="text") == "word0 word1 word2\n"
assert "00:00:05,000" in client.audio.transcriptions.create(model="whisper-1", file=recording, response_format="srt")
verbose = client.audio.transcriptions.create(
    model="whisper-1", file=recording, response_format="verbose_json", timestamp_granularities=["word"]
)
assert verbose.language == "english" and float(verbose.duration) == 5.0, verbose
transcript = client.audio.transcriptions.create(model="gpt-4o-transcribe", file=recording)
assert transcript.usage.input_tokens == 50, transcript
told += transcript.usage.total_tokens
kinds = [event.type for event in client.audio.transcriptions.create(model="gpt-4o-transcribe", file=recording, stream=True)]
assert kinds == ["transcript.text.delta", "transcript.text.done"], kinds
assert client.audio.translations.create(model="whisper-1", file=recording).text == "word0 word1 word2"

with client.audio.speech.with_streaming_response.create(model="tts-1", voice="alloy", input="Hello") as speech:
    audio = b"".join(speech.iter_bytes())
    assert speech.headers["content-type"] == "audio/mpeg" and audio == bytes(range(50)), len(audio)

judged = client.moderations.create(input=["all is well", "this may harm"])
assert [result.flagged for result in judged.results] == [False, True], judged

lines = json.dumps(
    {"custom_id": "1", "method": "POST", "url": "/v1/chat/completions", "body": {"model": "gpt-4.1", "messages": messages}}
).encode()
file = client.files.create(file=("batch.jsonl", lines), purpose="batch")
assert client.files.retrieve(file.id).bytes == len(lines)
assert client.files.content(file.id).read() == lines
assert [one.id for one in client.files.list()] == [file.id]
batch = client.batches.create(input_file_id=file.id, endpoint="/v1/chat/completions", completion_window="24h")
assert client.batches.retrieve(batch.id).status == "in_progress"
assert [one.id for one in client.batches.list()] == [batch.id]
assert client.batches.cancel(batch.id).status == "cancelling"
assert client.files.delete(file.id).deleted

assert [model.id for model in client.models.list()][0] == "gpt-4.1"
assert client.models.retrieve("gpt-4.1").owned_by == "simulator"

for model, kind, status in [
    ("sim:status=401", openai.AuthenticationError, 401),
    ("sim:status=429,retry-after=7", openai.RateLimitError, 429),
    ("sim:status=500", openai.InternalServerError, 500),
]:
    for stream in (False, True):
        try:
            client.chat.completions.create(model=model, messages=messages, stream=stream)
        except kind as error:
            assert error.status_code == status, error
            assert status != 429 or error.response.headers["retry-after"] == "7"
        else:
            raise AssertionError(f"{model} did not raise {kind.__name__}")

try:
    openai.OpenAI(api_key="pb_wrong", max_retries=0).models.list()
except openai.AuthenticationError:
    pass
else:
    raise AssertionError("a wrong hub key was taken")

try:
    list(client.chat.completions.create(model="sim:error-after=3", messages=messages, stream=True))
except openai.APIError as error:
    assert "error" in str(error), error
else:
    raise AssertionError("an error in the stream was lost")

print(f"openai {openai.__version__} for Python")
print(f"tokens told: {told}")
