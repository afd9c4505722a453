//! Which events concern which endpoints.

use patchbay_model::{
    EndpointId, OrgId,
    endpoint::{ENDPOINT_TEST, Endpoint, EventTypes},
    filter::Filter,
};
use patchbay_storage::{NewDelivery, RawEvent};
use serde_json::Value;

/// An org's endpoints that are switched on, as far as matching needs them.
#[derive(Debug, Default)]
pub(super) struct Subscribers(Vec<Subscriber>);

#[derive(Debug)]
struct Subscriber {
    id: EndpointId,
    /// As its text, which is what tests are about.
    subject: String,
    types: EventTypes,
    filter: Filter,
    from_sequence: i64,
}

impl Subscribers {
    pub(super) fn of(endpoints: &[Endpoint]) -> Self {
        let subscriber = |endpoint: &Endpoint| {
            let filter = endpoint.settings.filter.as_ref().map(Filter::parse).transpose();
            // one that was checked when it was written: a newer hub may know more, and nothing is sent by a filter that is not
            // understood
            let filter = filter
                .inspect_err(|_| tracing::error!(endpoint.id = %endpoint.id, "an endpoint's filter is not understood"));
            Some(Subscriber {
                id: endpoint.id,
                subject: endpoint.id.to_string(),
                types: endpoint.settings.types.clone(),
                filter: filter.ok()?.unwrap_or_default(),
                from_sequence: endpoint.from_sequence,
            })
        };
        Self(endpoints.iter().filter(|endpoint| endpoint.disabled.is_none()).filter_map(subscriber).collect())
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Those that an event concerns. Its facts are read only if a filter asks for them, and once.
    pub(super) fn of_event<'s>(&'s self, event: &'s RawEvent) -> impl Iterator<Item = EndpointId> + 's {
        let mut facts: Option<Value> = None;
        self.0.iter().filter(move |one| one.wants(event, &mut facts)).map(|one| one.id)
    }
}

impl Subscriber {
    fn wants(&self, event: &RawEvent, facts: &mut Option<Value>) -> bool {
        if event.kind == ENDPOINT_TEST {
            return event.subject == self.subject;
        }
        if event.sequence <= self.from_sequence || !self.types.has(&event.kind) {
            return false;
        }
        self.filter.is_empty() || {
            let facts = facts.get_or_insert_with(|| serde_json::from_str(&event.data).unwrap_or_default());
            self.filter.matches(facts)
        }
    }
}

/// What one endpoint would get, whenever it was made.
pub(crate) struct WouldGet(Subscribers);

impl WouldGet {
    /// Of an endpoint as it is now, whose filter is read once.
    pub(crate) fn of(endpoint: &Endpoint) -> Self {
        Self(Subscribers::of(&[Endpoint { from_sequence: 0, disabled: None, ..endpoint.clone() }]))
    }

    /// True if this event is of it.
    pub(crate) fn has(&self, event: &RawEvent) -> bool {
        self.0.of_event(event).next().is_some()
    }
}

/// What is to be delivered of events.
pub(super) fn deliveries<'k>(
    events: &[RawEvent],
    subscribers: impl Fn(OrgId) -> Option<&'k Subscribers>,
) -> Vec<NewDelivery> {
    let of_event = |event: &RawEvent| {
        let endpoints: Vec<EndpointId> =
            subscribers(event.org).map(|all| all.of_event(event).collect()).unwrap_or_default();
        let (org, id, sequence, kind) = (event.org, event.id, event.sequence, event.kind.clone());
        endpoints.into_iter().map(move |endpoint| NewDelivery {
            org,
            endpoint,
            event: id,
            sequence,
            kind: kind.clone(),
        })
    };
    events.iter().flat_map(of_event).collect()
}
