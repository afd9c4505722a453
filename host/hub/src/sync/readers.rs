//! Who refers to a record that is another one than was thought.
//!
//! A deal may be read before its contact. Its field then has the id that the contact's record will get when it is made. If the
//! contact turns out to be a record that is there already, or becomes one with another, whoever refers to the id that came to
//! nothing is read once more. It costs a question for a hundred of them, and only where this happens. Rejected: to leave such
//! fields empty (nothing tells when to fill them), and to keep what refers to what (a table that all pages write).

use std::collections::BTreeSet;

use patchbay_model::{
    Failure,
    object::StandardObject,
    sync::{Mapping, SyncState, Transform},
};
use patchbay_package::Manifest;
use patchbay_storage::OrgTx;

use super::{declared, direction_of, mapping_of, outbox::referring_to};

/// The syncs of a plugin that read, with what each of them goes by.
pub(super) fn reading<'a>(
    states: &'a [SyncState],
    manifest: &'a Manifest,
) -> impl Iterator<Item = (&'a SyncState, &'a Mapping)> {
    states.iter().filter(|state| state.settings.enabled).filter_map(move |state| {
        let decl = declared(manifest, state.object)?;
        let reads = direction_of(state, decl)?.is_inward();
        reads.then(|| (state, mapping_of(state, decl)))
    })
}

/// The indexed fields of a mapping that refer to records of an object.
fn fields_to(mapping: &Mapping, of: StandardObject, to: StandardObject) -> BTreeSet<&str> {
    let refers = |transform: &Transform| matches!(transform, Transform::Reference { object } if *object == to);
    let fields = mapping.fields.iter().filter(|map| map.direction.is_inward() && map.transforms.iter().any(refers));
    fields.filter_map(|map| map.hub.strip_prefix('/')).filter(|field| of.is_indexed(field)).collect()
}

/// What of the plugin's syncs refers to these records of an object, by the vendor's ids.
pub(super) async fn of(
    ours: &mut OrgTx<'_>,
    states: &[SyncState],
    manifest: &Manifest,
    object: StandardObject,
    records: &BTreeSet<String>,
) -> Result<Vec<(StandardObject, String)>, Failure> {
    let mut found = Vec::new();
    if records.is_empty() {
        return Ok(found);
    }
    for (state, mapping) in reading(states, manifest) {
        for field in fields_to(mapping, state.object, object) {
            let ids: Vec<String> =
                referring_to(ours, state.object, field, records.clone()).await?.into_iter().collect();
            if ids.is_empty() {
                continue;
            }
            let links = ours.syncs().links_by_record(&state.plugin, state.object, &ids).await?;
            found.extend(links.into_iter().map(|link| (state.object, link.vendor_id)));
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use patchbay_model::sync::{Direction, FieldMap};

    use super::*;

    #[test]
    fn only_what_comes_from_the_vendor_and_is_found_by_an_index_counts() {
        let field = |hub: &str, object, direction| FieldMap {
            hub: hub.to_owned(),
            vendor: "any".to_owned(),
            direction,
            transforms: vec![Transform::Reference { object }],
            wins: None,
        };
        let mapping = Mapping {
            fields: vec![
                field("/company_id", StandardObject::Company, Direction::Both),
                field("/contact_id", StandardObject::Contact, Direction::In),
                field("/extra/company", StandardObject::Company, Direction::In),
                field("/contact_id", StandardObject::Company, Direction::Out),
            ],
            join: Vec::new(),
        };
        let to = |object| fields_to(&mapping, StandardObject::Deal, object).into_iter().collect::<Vec<_>>();
        assert_eq!(to(StandardObject::Company), ["company_id"]);
        assert_eq!(to(StandardObject::Contact), ["contact_id"]);
        assert!(to(StandardObject::Call).is_empty());
    }
}
