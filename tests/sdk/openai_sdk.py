"""The official OpenAI SDK for Python against the hub: base URL and key come from the environment."""

import openai

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
