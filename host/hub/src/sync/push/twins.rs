//! Records here that a vendor would take for one.
//!
//! What the mapping joins by first (an e-mail address, a domain) tells records apart: whoever has it there is the same one. A record
//! that is to be made there and shares it with one that has its counterpart would be refused, or written over that counterpart,
//! whose changes come back to the other record. So it is told and left alone, and the two are merged here or one is given a value
//! of its own. Not before the vendor was looked through: it may have a second one that is this record's. By the other fields it is
//! only looked for: a family has one telephone.

use std::collections::{BTreeSet, HashMap};

use patchbay_model::{Failure, object::indexed_as, sync::SyncFailure};
use serde_json::Value;

use super::{DUPLICATE, Out, PlannedWrite};
use crate::{hub::Inner, sync::step::Stepped};

impl Inner {
    /// Of records that are to be made there, those that are no others' twins. The rest is told, and done with.
    pub(super) async fn without_twins(
        &self,
        out: &Out<'_>,
        creates: Vec<PlannedWrite>,
        stepped: &mut Stepped,
    ) -> Result<Vec<PlannedWrite>, Failure> {
        let object = out.object();
        let goes = |hub: &&String| out.mapping.fields.iter().any(|map| map.hub == **hub && map.direction.is_outward());
        let first = out.mapping.join.first().filter(goes).and_then(|hub| hub.strip_prefix('/'));
        let Some(field) = first.filter(|field| !creates.is_empty() && object.is_indexed(field)) else {
            return Ok(creates);
        };
        let indexed = creates.iter().filter_map(|planned| planned.write.data.get(field).and_then(indexed_as));
        let indexed: BTreeSet<String> = indexed.collect();
        let indexed: Vec<String> = indexed.into_iter().collect();
        let mut tx = self.database.read().await?;
        let mut ours = tx.org(out.org());
        let having = ours.objects().ids_having(object, field, &indexed).await?;
        let ids: Vec<String> = having.into_iter().map(|(_, id)| id).collect();
        let linked = ours.syncs().links_by_record(out.plugin(), object, &ids).await?;
        let linked: BTreeSet<String> = linked.into_iter().map(|link| link.record_id).collect();
        let linked: Vec<String> = linked.into_iter().collect();
        let others = if linked.is_empty() { Vec::new() } else { ours.objects().get_many(object, &linked).await? };
        drop(tx);
        let mut taken: HashMap<String, String> = HashMap::new();
        for other in others {
            // long values share what they are found by
            taken.extend(other.data.as_ref().and_then(|data| value_of(data, field)).map(|value| (value, other.id)));
        }
        let mut alone = Vec::with_capacity(creates.len());
        for planned in creates {
            let value = value_of(&planned.write.data, field);
            match value.as_ref().and_then(|value| taken.get(value)) {
                Some(other) => {
                    stepped.counts.failed += 1;
                    stepped.commit.failures.push(SyncFailure {
                        vendor_id: None,
                        record_id: Some(planned.write.record),
                        code: DUPLICATE.to_owned(),
                        detail: format!("the record `{other}` has the same `{field}`: one of the two is written there"),
                    });
                    stepped.commit.outbox_done.push(planned.row);
                }
                None => {
                    taken.extend(value.map(|value| (value, planned.write.record.clone())));
                    alone.push(planned);
                }
            }
        }
        Ok(alone)
    }
}

/// A field's value, as text that no other value has.
fn value_of(data: &Value, field: &str) -> Option<String> {
    data.get(field).filter(|value| indexed_as(value).is_some()).map(Value::to_string)
}
