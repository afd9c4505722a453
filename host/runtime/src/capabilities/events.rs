//! Facts for the rest of the hub, kept until the run is committed.

use patchbay_model::{EventId, event::Event};

use super::{HostError, effects, invalid};
use crate::{
    bindings::{
        events::Host,
        types::{Error, Violation},
    },
    call::CallState,
};

/// The most events that one run may publish.
const CAP: usize = 1_000;
/// The largest data of an event, in bytes: as much as a webhook may have whose event it becomes.
const DATA_CAP: usize = 1 << 20;

/// What this call published.
#[derive(Debug, Default)]
pub(crate) struct Published(pub(crate) Vec<Event>);

impl Host for CallState {
    async fn publish(
        &mut self,
        kind: String,
        subject: String,
        data: String,
        id: Option<String>,
    ) -> Result<String, HostError> {
        self.enter()?;
        let Some(emitted) = self.grants.emitted(&kind) else {
            return Err(HostError::Guest(Error::Denied(format!(
                "the manifest does not emit {kind:?}: add [[events.emits]] type = {kind:?}"
            ))));
        };
        if data.len() > DATA_CAP {
            return Err(invalid("/data", format!("at most {DATA_CAP} bytes")));
        }
        if subject.len() > 1024 {
            return Err(invalid("/subject", "at most 1024 bytes"));
        }
        if id.as_ref().is_some_and(|id| id.is_empty() || id.len() > 256) {
            return Err(invalid("/id", "1 to 256 bytes"));
        }
        let text = data.len();
        let data = serde_json::from_str::<serde_json::Value>(&data)
            .map_err(|error| invalid("/data", format!("JSON ({error})")))?;
        if let Some(schema) = emitted {
            schema.validate(&data).map_err(|violations| {
                HostError::Guest(Error::Invalid(
                    violations
                        .into_iter()
                        .map(|violation| Violation {
                            pointer: format!("/data{}", violation.pointer),
                            expected: violation.expected,
                        })
                        .collect(),
                ))
            })?;
        }
        if self.capabilities.events.0.len() >= CAP {
            return Err(HostError::Guest(Error::Exhausted(format!("{CAP} events per call"))));
        }
        let bytes = effects::size(Some(&data), text, &[&kind, &subject, id.as_deref().unwrap_or_default()]);
        self.hold_effect(bytes, 0)?;
        let event = Event {
            id: EventId::new(&*self.services.clock, &*self.services.random),
            org: self.tenant.org,
            source: Some(self.grants.plugin.clone()),
            kind,
            subject,
            data,
            dedupe: id,
            run: Some(self.run),
            at: self.services.clock.now(),
            // by whoever commits the run: the guest's call does not know what led to it
            hops: 0,
        };
        let id = event.id.to_string();
        self.capabilities.events.0.push(event);
        Ok(id)
    }
}
