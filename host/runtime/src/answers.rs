//! Answers of vendors that are given again: who asks the vendor while others wait, and what they read meanwhile.
//!
//! Of the calls of one hub that look for the same answer at once, one asks the vendor. The others wait until the vendor begins to
//! answer and then read along (`flowing.rs`); when the answer is whole it is kept (`keeping.rs`). If the one that asks gives up, one of
//! those that wait takes its place. Hubs that share a database share what is kept, and may each ask once at the same time: a
//! lease over hubs would cost every miss a write and a wait, to save a call that happens once per hub.

pub(crate) mod flowing;
pub(crate) mod keeping;

use std::{
    collections::{HashMap, hash_map::Entry},
    sync::{Arc, Mutex, PoisonError, Weak},
};

use patchbay_model::{OrgId, PluginId};
use tokio::sync::watch;

use flowing::Flowing;

/// Which answer.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Which {
    pub(crate) org: OrgId,
    pub(crate) plugin: PluginId,
    /// A hash of all that it depends on.
    pub(crate) key: [u8; 32],
}

/// How far an answer is.
#[derive(Debug, Clone)]
pub(crate) enum Stage {
    /// The vendor is being asked.
    Asked,
    /// It answers. Gone when nobody reads any more.
    Flows(Weak<Flowing>),
}

/// Answers that somebody is getting.
#[derive(Debug, Clone, Default)]
pub(crate) struct Underway(Arc<Mutex<HashMap<Which, watch::Receiver<Stage>>>>);

/// Who gets an answer.
#[derive(Debug)]
pub(crate) enum Claimed {
    /// Who asked for it just now.
    Ours(Claim),
    /// Somebody else, who tells how far it is. Ends when that is over, one way or the other.
    Theirs(watch::Receiver<Stage>),
}

/// The right to get an answer, until it is dropped.
#[derive(Debug)]
pub(crate) struct Claim {
    pub(crate) which: Which,
    underway: Underway,
    stage: watch::Sender<Stage>,
}

impl Underway {
    /// How far somebody is with an answer.
    pub(crate) fn of(&self, which: &Which) -> Option<watch::Receiver<Stage>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(which).cloned()
    }

    /// Claims an answer, unless somebody else has.
    pub(crate) fn claim(&self, which: Which) -> Claimed {
        match self.0.lock().unwrap_or_else(PoisonError::into_inner).entry(which) {
            Entry::Occupied(taken) => Claimed::Theirs(taken.get().clone()),
            Entry::Vacant(free) => {
                let (stage, told) = watch::channel(Stage::Asked);
                let which = free.key().clone();
                free.insert(told);
                Claimed::Ours(Claim { which, underway: self.clone(), stage })
            }
        }
    }
}

impl Claim {
    /// Where those who wait are told.
    pub(crate) fn stage(&self) -> watch::Sender<Stage> {
        self.stage.clone()
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        // before those who wait are told, by the end of `stage`: one of them claims it next
        self.underway.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.which);
    }
}

/// What became of an answer that somebody else was getting.
pub(crate) enum Waited {
    /// It flows.
    Flows(Arc<Flowing>),
    /// It flowed, and may be kept by now.
    Over,
    /// Whoever was getting it has given up.
    GivenUp,
}

/// Waits until an answer flows, or whoever was getting it gives up.
pub(crate) async fn until_it_flows(mut told: watch::Receiver<Stage>) -> Waited {
    let stage = told.wait_for(|stage| matches!(stage, Stage::Flows(_))).await.map(|stage| stage.clone());
    match stage {
        Ok(Stage::Flows(flowing)) => flowing.upgrade().map_or(Waited::Over, Waited::Flows),
        Ok(Stage::Asked) | Err(_) => Waited::GivenUp,
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt as _;
    use uuid::Uuid;

    use super::*;

    fn which(org: u128) -> Which {
        Which { org: OrgId(Uuid::from_u128(org)), plugin: "elevenlabs".parse().unwrap(), key: [7; 32] }
    }

    #[tokio::test]
    async fn one_gets_an_answer_and_if_it_gives_up_the_next_one_does() {
        let underway = Underway::default();
        let Claimed::Ours(claim) = underway.claim(which(1)) else { panic!("nobody has it") };
        let Claimed::Theirs(told) = underway.claim(which(1)) else { panic!("it is claimed") };
        assert!(matches!(underway.claim(which(2)), Claimed::Ours(_)), "another org's is another one");
        let mut waiting = Box::pin(until_it_flows(told));
        assert!((&mut waiting).now_or_never().is_none());
        drop(claim);
        assert!(matches!(waiting.await, Waited::GivenUp));
        assert!(underway.of(&which(1)).is_none());
        assert!(matches!(underway.claim(which(1)), Claimed::Ours(_)));
    }
}
