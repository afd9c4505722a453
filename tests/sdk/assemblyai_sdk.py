"""The official AssemblyAI SDK for Python against the hub: base URL and key come from the environment."""

import tempfile

import assemblyai as aai

# how long to wait between two questions; the SDK's own three seconds would be a test's time
aai.settings.polling_interval = 0.05

options = aai.TranscriptionConfig(
    speech_models=["assemblyai-stt-3-7", "universal-2"], sentiment_analysis=True, speaker_labels=True
)
with tempfile.NamedTemporaryFile(suffix=".wav") as audio:
    audio.write(b"RIFF" + bytes((3 << 20) - 4))
    audio.flush()
    transcript = aai.Transcriber(config=options).transcribe(audio.name)
assert transcript.status == aai.TranscriptStatus.completed, transcript.error
print(f"completed: {transcript.text}")
print("sentiment: " + ",".join(sentence.sentiment.value for sentence in transcript.sentiment_analysis))
print("speakers: " + ",".join(utterance.speaker for utterance in transcript.utterances))

page = aai.Transcriber().list_transcripts(aai.ListTranscriptParameters(limit=5))
print(f"listed: {[one.id for one in page.transcripts] == [transcript.id]}")
print(f"subtitles: {'Very good.' in transcript.export_subtitles_srt()}")
print(f"deleted: {aai.Transcript.delete_by_id(transcript.id).text}")

try:
    aai.Transcriber(client=aai.Client(api_key="pb_wrong")).list_transcripts()
except aai.AssemblyAIError as error:
    print(f"refused: {error.status_code}")
else:
    raise AssertionError("a wrong hub key was taken")
