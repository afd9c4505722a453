// The official OpenAI SDK for Node against the hub: base URL and key come from the environment.

import assert from "node:assert/strict";
import OpenAI, { toFile } from "openai";

const client = new OpenAI({ maxRetries: 0 });
const messages = [{ role: "user", content: "how are you" }];
let told = 0;

const answer = await client.chat.completions.create({ model: "gpt-4.1", messages });
assert.match(answer.choices[0].message.content, /^word0 word1/);
told += answer.usage.total_tokens;

let words = 0;
for await (const chunk of await client.chat.completions.create({ model: "sim:tokens=20", messages, stream: true })) {
  assert.equal(chunk.usage ?? null, null);
  if (chunk.choices[0].delta.content) words += 1;
}
assert.equal(words, 20);

let last;
const asked = { model: "sim:tokens=20", messages, stream: true, stream_options: { include_usage: true } };
for await (const chunk of await client.chat.completions.create(asked)) last = chunk;
assert.equal(last.usage.completion_tokens, 20);
told += last.usage.total_tokens;

const response = await client.responses.create({ model: "gpt-4.1", input: "how are you" });
assert.match(response.output_text, /^word0 word1/);
told += response.usage.total_tokens;

let deltas = 0;
for await (const event of await client.responses.create({ model: "gpt-4.1", input: "how are you", stream: true })) {
  if (event.type === "response.output_text.delta") deltas += 1;
  if (event.type === "response.completed") told += event.response.usage.total_tokens;
}
assert.equal(deltas, 6);

const embedding = await client.embeddings.create({ model: "text-embedding-3-small", input: ["one", "two three"] });
assert.equal(embedding.data[0].embedding.length, 1536);
told += embedding.usage.total_tokens;

const parameters = {
  type: "object",
  properties: { city: { type: "string" } },
  required: ["city"],
  additionalProperties: false,
};
const tools = [{ type: "function", function: { name: "get_weather", strict: true, parameters } }];
const called = await client.chat.completions.create({ model: "gpt-4.1", messages, tools, tool_choice: "required" });
assert.deepEqual(JSON.parse(called.choices[0].message.tool_calls[0].function.arguments), { city: "word0" });
told += called.usage.total_tokens;

const response_format = { type: "json_schema", json_schema: { name: "weather", strict: true, schema: parameters } };
const shaped = await client.chat.completions.create({ model: "gpt-4.1", messages, response_format });
assert.deepEqual(JSON.parse(shaped.choices[0].message.content), { city: "word0" });
told += shaped.usage.total_tokens;

const recording = () => toFile(Buffer.alloc(5000), "call.wav");
const transcript = await client.audio.transcriptions.create({ model: "whisper-1", file: await recording() });
assert.equal(transcript.text, "word0 word1 word2");
const text = await client.audio.transcriptions.create({
  model: "whisper-1",
  file: await recording(),
  response_format: "text",
});
assert.equal(text, "word0 word1 word2\n");

const speech = await client.audio.speech.create({ model: "tts-1", voice: "alloy", input: "Hello" });
assert.equal((await speech.arrayBuffer()).byteLength, 50);

const judged = await client.moderations.create({ input: "this may harm" });
assert.equal(judged.results[0].flagged, true);

const file = await client.files.create({ file: await toFile(Buffer.from("{}\n"), "notes.jsonl"), purpose: "user_data" });
assert.equal(await (await client.files.content(file.id)).text(), "{}\n");
assert.equal((await client.files.delete(file.id)).deleted, true);

const models = [];
for await (const model of await client.models.list()) models.push(model.id);
assert.equal(models[0], "gpt-4.1");

for (const [model, kind, status] of [
  ["sim:status=401", OpenAI.AuthenticationError, 401],
  ["sim:status=429,retry-after=7", OpenAI.RateLimitError, 429],
  ["sim:status=500", OpenAI.InternalServerError, 500],
]) {
  for (const stream of [false, true]) {
    const error = await client.chat.completions.create({ model, messages, stream }).then(() => null, (thrown) => thrown);
    assert.ok(error instanceof kind, `${model} gave ${error}`);
    assert.equal(error.status, status);
    if (status === 429) assert.equal(error.headers.get("retry-after"), "7");
  }
}

console.log("openai for Node");
console.log(`tokens told: ${told}`);
