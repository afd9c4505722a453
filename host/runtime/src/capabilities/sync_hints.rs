//! What a plugin says has changed at the vendor, kept until the run is committed.

use std::collections::BTreeSet;

use patchbay_model::object::StandardObject;

use super::{HostError, effects, invalid};
use crate::{
    bindings::{sync_hints::Host, types::Error},
    call::CallState,
};

/// The most ids that one call may name.
const CAP: usize = 1_000;
/// The longest id, in bytes.
const MOST_ID_BYTES: usize = 256;

/// What this call named, each once.
#[derive(Debug, Default)]
pub(crate) struct Hints(BTreeSet<(StandardObject, String)>);

impl Hints {
    /// All of them, in order of object and id.
    pub(crate) fn finish(self) -> Vec<(StandardObject, String)> {
        self.0.into_iter().collect()
    }
}

impl Host for CallState {
    async fn changed(&mut self, object: String, ids: Vec<String>) -> Result<(), HostError> {
        self.enter()?;
        let known = object.parse::<StandardObject>().ok().filter(|object| self.grants.syncs.contains(object));
        let Some(known) = known else {
            return Err(HostError::Guest(Error::Denied(format!(
                "{object:?} is not among the objects of the manifest's syncs: add [[syncs]] object = {object:?}"
            ))));
        };
        for (index, id) in ids.iter().enumerate() {
            if id.is_empty() || id.len() > MOST_ID_BYTES || id.contains(char::is_control) {
                let expected = format!("1 to {MOST_ID_BYTES} bytes without control characters");
                return Err(invalid(format!("/ids/{index}"), expected));
            }
        }
        // all or none: a guest that is refused may go on, and then knows what it has said
        let named = &self.capabilities.sync_hints.0;
        let new: BTreeSet<_> = ids.into_iter().map(|id| (known, id)).filter(|hint| !named.contains(hint)).collect();
        if named.len().saturating_add(new.len()) > CAP {
            return Err(HostError::Guest(Error::Exhausted(format!("{CAP} ids of what has changed per call"))));
        }
        let bytes = new.iter().map(|(_, id)| effects::size(None, 0, &[id.as_str()])).fold(0_u64, u64::saturating_add);
        self.hold_effect(bytes, 0)?;
        self.capabilities.sync_hints.0.extend(new);
        Ok(())
    }
}
