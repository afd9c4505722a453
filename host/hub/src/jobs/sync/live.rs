//! What of a sync goes before all else, and what becomes of it if it fails again and again.

use patchbay_model::{Code, Failure, sync::SyncFailure};

use crate::{
    jobs::outcome::Try,
    sync::step::{Ask, Next},
};

/// After so many failed tries what is live is taken one by one.
const TOGETHER: u32 = 3;

/// What of a step goes before all else.
#[derive(Debug, Default)]
pub(super) struct Live {
    /// Ids that somebody said have changed at the vendor.
    pub(super) hints: Vec<(String, u64)>,
    /// Records that have changed here.
    pub(super) rows: Vec<(String, u64)>,
}

impl Live {
    /// Takes one alone if several have failed together.
    pub(super) fn of(next: &mut Next, this: &Try) -> Self {
        let most = if this.attempts > TOGETHER { 1 } else { usize::MAX };
        match next {
            Next::Pull(Ask::Hints(hints, _)) => {
                hints.truncate(most);
                Self { hints: hints.clone(), rows: Vec::new() }
            }
            Next::Push(rows, _) => {
                rows.truncate(most);
                Self { hints: Vec::new(), rows: rows.clone() }
            }
            _ => Self::default(),
        }
    }

    pub(super) fn several(&self) -> bool {
        self.hints.len() + self.rows.len() > 1
    }

    /// What was asked for alone, and failed.
    pub(super) fn one(&self) -> Option<SyncFailure> {
        let failure =
            |vendor_id, record_id| SyncFailure { vendor_id, record_id, code: String::new(), detail: String::new() };
        match (self.hints.as_slice(), self.rows.as_slice()) {
            ([(id, _)], []) => Some(failure(Some(id.clone()), None)),
            ([], [(id, _)]) => Some(failure(None, Some(id.clone()))),
            _ => None,
        }
    }
}

/// True for failures that are the asked-for's own: the plugin breaks on it, or its vendor does not take it. Not for a vendor that
/// is away, or that takes nothing from this connection.
pub(super) fn is_about_what_was_asked(failure: &Failure) -> bool {
    if let Some(upstream) = &failure.upstream {
        return (400..500).contains(&upstream.status) && !matches!(upstream.status, 401 | 402 | 403 | 408 | 425 | 429);
    }
    matches!(
        failure.code,
        Code::InvalidInput
            | Code::PluginError
            | Code::PluginTrapped
            | Code::PluginCpuExceeded
            | Code::PluginTimeout
            | Code::PluginMemoryExceeded
            | Code::PluginTableExceeded
            | Code::PluginStackExhausted
            | Code::PluginHostCallsExceeded
            | Code::PluginHandlesExceeded
            | Code::PluginOutputTooLarge
            | Code::PluginOutputInvalid
            | Code::PluginLogExceeded
            | Code::PluginBudgetExhausted
    )
}

#[cfg(test)]
mod tests {
    use patchbay_model::{JobId, Timestamp, Upstream};
    use uuid::Uuid;

    use super::*;

    fn a_try(attempts: u32) -> Try {
        Try {
            id: JobId(Uuid::nil()),
            lease: Uuid::nil(),
            attempts,
            begun: attempts,
            most_attempts: 8,
            started_at: Timestamp::UNIX_EPOCH,
            created_at: Timestamp::UNIX_EPOCH,
        }
    }

    #[test]
    fn what_has_failed_together_is_taken_one_by_one() {
        let rows = vec![("telnyx:1".to_owned(), 1), ("telnyx:2".to_owned(), 2)];
        let mut next = Next::Push(rows.clone(), None);
        let live = Live::of(&mut next, &a_try(TOGETHER));
        assert_eq!((live.rows.len(), live.several(), live.one()), (2, true, None));
        let live = Live::of(&mut next, &a_try(TOGETHER + 1));
        assert!(matches!(next, Next::Push(rows, _) if rows.len() == 1));
        assert_eq!(live.one().and_then(|one| one.record_id).as_deref(), Some("telnyx:1"));
        let mut next = Next::Pull(Ask::Hints(rows, None));
        let live = Live::of(&mut next, &a_try(TOGETHER + 1));
        assert_eq!(live.one().and_then(|one| one.vendor_id).as_deref(), Some("telnyx:1"));
    }

    #[test]
    fn nothing_is_set_aside_because_a_vendor_is_away() {
        let upstream = |status| {
            let upstream = Some(Upstream { status, code: None });
            Failure { upstream, ..Failure::new(Code::UpstreamError, "") }
        };
        assert!(
            is_about_what_was_asked(&upstream(422)) && is_about_what_was_asked(&Failure::new(Code::PluginTrapped, ""))
        );
        for failure in [upstream(500), upstream(401), upstream(429), Failure::new(Code::UpstreamUnavailable, "")] {
            assert!(!is_about_what_was_asked(&failure), "{failure}");
        }
    }
}
