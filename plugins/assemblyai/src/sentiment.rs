//! Sentiment as figures: how many sentences are of which kind, in all and by speaker. What was said is not kept.

use std::collections::BTreeMap;
use std::fmt;

use schemars::JsonSchema;
use serde::de::{SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};

/// Speakers who are counted each by themselves. AssemblyAI tells far fewer apart.
const MOST_SPEAKERS: usize = 100;

/// How many sentences are of which kind.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, JsonSchema)]
pub(crate) struct Figures {
    /// Sentences in all.
    pub(crate) sentences: u64,
    /// Those that are positive.
    pub(crate) positive: u64,
    /// Those that are neither.
    pub(crate) neutral: u64,
    /// Those that are negative.
    pub(crate) negative: u64,
    /// The same by speaker, if speakers were told apart.
    pub(crate) speakers: Vec<Speaker>,
}

/// What one speaker said, by kind.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub(crate) struct Speaker {
    /// AssemblyAI's name for them, as in `A`.
    pub(crate) speaker: String,
    /// Positive sentences.
    pub(crate) positive: u64,
    /// Sentences that are neither.
    pub(crate) neutral: u64,
    /// Negative sentences.
    pub(crate) negative: u64,
}

/// One sentence of `sentiment_analysis_results`; its text is passed over.
#[derive(Deserialize)]
struct Sentence {
    sentiment: String,
    speaker: Option<String>,
}

/// Positive, neutral, negative.
#[derive(Default)]
struct Counts([u64; 3]);

impl Counts {
    fn add(&mut self, sentiment: &str) {
        let Self([positive, neutral, negative]) = self;
        match sentiment {
            "POSITIVE" => *positive += 1,
            "NEGATIVE" => *negative += 1,
            _ => *neutral += 1,
        }
    }
}

impl<'de> Deserialize<'de> for Figures {
    /// Counts sentence by sentence: a long recording has thousands.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_seq(Counting)
    }
}

struct Counting;

impl<'de> Visitor<'de> for Counting {
    type Value = Figures;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("sentences with their sentiment")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Figures, A::Error> {
        let (mut all, mut sentences) = (Counts::default(), 0);
        let mut speakers: BTreeMap<String, Counts> = BTreeMap::new();
        while let Some(Sentence { sentiment, speaker }) = list.next_element()? {
            sentences += 1;
            all.add(&sentiment);
            if let Some(speaker) = speaker
                && (speakers.len() < MOST_SPEAKERS || speakers.contains_key(&speaker))
            {
                speakers.entry(speaker).or_default().add(&sentiment);
            }
        }
        let Counts([positive, neutral, negative]) = all;
        let speakers = speakers.into_iter().map(|(speaker, Counts([positive, neutral, negative]))| Speaker {
            speaker,
            positive,
            neutral,
            negative,
        });
        Ok(Figures { sentences, positive, neutral, negative, speakers: speakers.collect() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sentences_are_counted_in_all_and_by_speaker() {
        let figures: Figures = serde_json::from_str(
            r#"[{"text":"a","sentiment":"POSITIVE","speaker":"B","confidence":0.9},
                {"text":"b","sentiment":"NEGATIVE","speaker":"A"},{"text":"c","sentiment":"NEUTRAL","speaker":null},
                {"text":"d","sentiment":"POSITIVE","speaker":"A"}]"#,
        )
        .unwrap();
        let speaker = |speaker: &str, [positive, neutral, negative]: [u64; 3]| Speaker {
            speaker: speaker.to_owned(),
            positive,
            neutral,
            negative,
        };
        let speakers = vec![speaker("A", [1, 0, 1]), speaker("B", [1, 0, 0])];
        assert_eq!(figures, Figures { sentences: 4, positive: 2, neutral: 1, negative: 1, speakers });
    }

    #[test]
    fn a_recording_without_a_sentence_has_zeros() {
        assert_eq!(serde_json::from_str::<Figures>("[]").unwrap(), Figures::default());
    }
}
