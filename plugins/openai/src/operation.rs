//! What is asked of OpenAI, as far as it is treated differently.

/// One kind of request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Operation {
    /// `POST /v1/chat/completions`
    Chat,
    /// `POST /v1/responses`
    Response,
    /// `POST /v1/embeddings`
    Embedding,
    /// `POST /v1/moderations`: costs nothing.
    Moderation,
    /// `POST /v1/audio/speech`
    Speech,
    /// `POST /v1/audio/transcriptions` and `/v1/audio/translations`: forms.
    Transcription,
    /// `POST /v1/batches`: what costs happens later.
    Batch,
    /// What passes as it is: files, lists, what was stored.
    Other,
}

impl Operation {
    /// The kind of a request in OpenAI's shape.
    pub(crate) fn of(method: &str, path: &str) -> Self {
        if method != "POST" {
            return Self::Other;
        }
        match path {
            "/v1/chat/completions" => Self::Chat,
            "/v1/responses" => Self::Response,
            "/v1/embeddings" => Self::Embedding,
            "/v1/moderations" => Self::Moderation,
            "/v1/audio/speech" => Self::Speech,
            "/v1/audio/transcriptions" | "/v1/audio/translations" => Self::Transcription,
            "/v1/batches" => Self::Batch,
            _ => Self::Other,
        }
    }

    /// True if a model writes an answer: another model could write it as well, and the organization's default one.
    pub(crate) const fn writes(self) -> bool {
        matches!(self, Self::Chat | Self::Response)
    }

    /// True if the same request has the same answer, and nothing is kept at OpenAI that the answer points to.
    pub(crate) const fn may_be_kept(self) -> bool {
        matches!(self, Self::Chat | Self::Embedding | Self::Moderation)
    }
}
