//! Answers that are kept for a repeat, in the form in which they are sealed.
//!
//! What is kept is what the hub gave and not the bytes that went out: a repeat's document has its own request id.

use std::time::Duration;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use patchbay_model::{Code, Entitlement, ExportId, Failure, JobId, SyncRunId, Upstream, Violation, record::Blob};
use patchbay_runtime::ReplyHead;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::value::RawValue;

use crate::invoke::Output;

/// The largest body that is kept, in bytes: what is larger is done once all the same, and a repeat is told which
/// run did it.
pub(crate) const MOST_KEPT: usize = 1 << 20;

/// An answer.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Kept {
    /// An action's JSON.
    Json(Box<RawValue>),
    /// An action's file.
    Blob(Blob),
    /// An action's bytes, and their media type.
    Bytes(String, Bytes),
    /// A proxied answer.
    Reply { status: u16, headers: Vec<(String, String)>, body: Bytes },
    /// The id of the job that will do it.
    Job(String),
    /// The id of the export.
    Export(String),
    /// The id of the sync's run.
    SyncRun(String),
    /// Why it failed, although a vendor may have done it.
    Failed(Failed),
}

/// Bytes, which JSON has no words for.
pub(crate) struct Bytes(pub(crate) Vec<u8>);

impl Serialize for Bytes {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&STANDARD.encode(&self.0))
    }
}

impl<'de> Deserialize<'de> for Bytes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        STANDARD.decode(text).map(Self).map_err(serde::de::Error::custom)
    }
}

/// A failure as callers see it.
#[derive(Serialize, Deserialize)]
pub(crate) struct Failed {
    code: String,
    detail: String,
    violations: Vec<Violation>,
    retry_after_ms: Option<u64>,
    upstream: Option<Upstream>,
    #[serde(default)]
    entitlement: Option<Box<Entitlement>>,
}

impl From<&Failure> for Failed {
    fn from(failure: &Failure) -> Self {
        let millis = |wait: Duration| u64::try_from(wait.as_millis()).unwrap_or(u64::MAX);
        Self {
            code: failure.code.as_str().to_owned(),
            detail: failure.detail.clone(),
            violations: failure.violations.clone(),
            retry_after_ms: failure.retry_after.map(millis),
            upstream: failure.upstream.clone(),
            entitlement: failure.entitlement.clone(),
        }
    }
}

impl From<Failed> for Failure {
    fn from(failed: Failed) -> Self {
        let Failed { code, detail, violations, retry_after_ms, upstream, entitlement } = failed;
        let code = Code::from_text(&code).unwrap_or(Code::Internal);
        let retry_after = retry_after_ms.map(Duration::from_millis);
        Self { violations, retry_after, upstream, entitlement, ..Self::new(code, detail) }
    }
}

impl Kept {
    /// What an action gave; none if it is too large.
    pub(crate) fn of_action(result: &Result<Output, Failure>) -> Option<Self> {
        Some(match result {
            Ok(Output::Json(json)) if json.get().len() <= MOST_KEPT => Self::Json(json.clone()),
            Ok(Output::Blob(blob)) => Self::Blob(blob.clone()),
            Ok(Output::Bytes(media_type, bytes)) if bytes.len() <= MOST_KEPT => {
                Self::Bytes(media_type.clone(), Bytes(bytes.to_vec()))
            }
            Ok(Output::Json(_) | Output::Bytes(..)) => return None,
            Err(failure) => Self::Failed(failure.into()),
        })
    }

    /// A proxied answer.
    pub(crate) fn of_reply(head: ReplyHead, body: Vec<u8>) -> Self {
        Self::Reply { status: head.status, headers: head.headers, body: Bytes(body) }
    }

    /// As the job that does it.
    pub(crate) fn into_job(self) -> Result<JobId, Failure> {
        match self {
            Self::Job(id) => id.parse().map_err(Failure::internal),
            Self::Failed(failed) => Err(failed.into()),
            _ => Err(Failure::internal("an answer was kept for a job")),
        }
    }

    /// As the export.
    pub(crate) fn into_export(self) -> Result<ExportId, Failure> {
        match self {
            Self::Export(id) => id.parse().map_err(Failure::internal),
            Self::Failed(failed) => Err(failed.into()),
            _ => Err(Failure::internal("an answer was kept for an export")),
        }
    }

    /// As the sync's run.
    pub(crate) fn into_sync_run(self) -> Result<SyncRunId, Failure> {
        match self {
            Self::SyncRun(id) => id.parse().map_err(Failure::internal),
            Self::Failed(failed) => Err(failed.into()),
            _ => Err(Failure::internal("an answer was kept for a sync's run")),
        }
    }

    /// As an action's result again.
    pub(crate) fn into_output(self) -> Result<Output, Failure> {
        match self {
            Self::Json(json) => Ok(Output::Json(json)),
            Self::Blob(blob) => Ok(Output::Blob(blob)),
            Self::Bytes(media_type, bytes) => Ok(Output::Bytes(media_type, bytes.0.into())),
            Self::Failed(failed) => Err(failed.into()),
            Self::Reply { .. } => Err(Failure::internal("a proxied answer was kept for an action")),
            Self::Export(_) => Err(Failure::internal("an export was kept for an action")),
            Self::SyncRun(_) => Err(Failure::internal("a sync's run was kept for an action")),
            Self::Job(_) => Err(Failure::internal("a job was kept for an action")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn again(kept: &Kept) -> Kept {
        serde_json::from_str(&serde_json::to_string(kept).unwrap()).unwrap()
    }

    #[test]
    fn an_answer_is_what_it_was_after_it_was_kept() {
        let json = RawValue::from_string(r#"{"b":1.50,"a":[]}"#.to_owned()).unwrap();
        let kept = Kept::of_action(&Ok(Output::Json(json))).unwrap();
        let Ok(Output::Json(json)) = again(&kept).into_output() else { panic!("other") };
        assert_eq!(json.get(), r#"{"b":1.50,"a":[]}"#);
        let bytes = Output::Bytes("audio/mpeg".to_owned(), vec![0, 255, 7].into());
        let Ok(Output::Bytes(media_type, bytes)) = again(&Kept::of_action(&Ok(bytes)).unwrap()).into_output() else {
            panic!("other")
        };
        assert_eq!((media_type.as_str(), &bytes[..]), ("audio/mpeg", &[0, 255, 7][..]));
    }

    #[test]
    fn a_failure_keeps_what_the_caller_saw_and_nothing_internal() {
        let upstream = Upstream { status: 500, code: Some("x".to_owned()) };
        let failure = Failure { upstream: Some(upstream), ..Failure::new(Code::UpstreamError, "it broke") };
        let failure = failure.retry_after(Duration::from_millis(1_500)).with_internal("a secret place");
        let kept = again(&Kept::of_action(&Err(failure.clone())).unwrap());
        assert_eq!(kept.into_output().unwrap_err(), Failure { internal: None, ..failure });
    }

    #[test]
    fn what_is_too_large_is_not_kept() {
        let bytes = Output::Bytes("audio/mpeg".to_owned(), vec![0; MOST_KEPT + 1].into());
        assert!(Kept::of_action(&Ok(bytes)).is_none());
    }
}
