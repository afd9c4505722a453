//! `GET /v1/records/{object}`

use axum::{Json, extract::State};
use patchbay_hub::{Hub, RecordFilter};
use patchbay_model::{Code, Failure, object::StandardObject};

use crate::{
    extract::{Allowed, Path, Query, ReadActivity},
    problem::Problem,
    view::{Page, Record},
};

/// List records
///
/// In order of id. Beside the parameters below, every field of the object is one: `?phone=%2B15550100` gives the records with
/// that telephone number, `?external_ids.hubspot=151` the one that HubSpot calls so. A contact has each of its `phones` and
/// `emails`. `filter` says more, in the language of filters, and takes their place. A page can be short although there are more:
/// ask on for as long as there is a `next`.
#[utoipa::path(
    get,
    path = "/v1/records/{object}",
    tag = "Records",
    security(("api_key" = ["read_activity"])),
    params(
        ("object" = String, Path, description = "The object's name, as in `call`"),
        ("after" = Option<String>, Query, description = "Only records after this id: the cursor"),
        ("filter" = Option<String>, Query, description = "Only records that match: a filter as JSON, as in {\"duration_s\":{\"gte\":60}}"),
        ("fields" = Option<String>, Query, description = "Only these fields of their data, with commas between them"),
        ("limit" = Option<u32>, Query, description = "At most so many: 1 to 1,000, default 50"),
    ),
    responses((status = 200, description = "A part of them", body = Page<Record>))
)]
pub(crate) async fn list_records(
    caller: Allowed<ReadActivity>,
    State(hub): State<Hub>,
    Path(object): Path<StandardObject>,
    Query(query): Query<Vec<(String, String)>>,
) -> Result<Json<Page<Record>>, Problem> {
    Ok(Json(hub.records(&caller, object, wanted(query)?).await?.into()))
}

/// What is asked for, each thing once.
fn wanted(query: Vec<(String, String)>) -> Result<RecordFilter, Failure> {
    let refused = |detail: String| Failure::new(Code::InvalidRequest, detail);
    let mut wanted = RecordFilter::default();
    for (index, (name, text)) in query.iter().enumerate() {
        if query.iter().take(index).any(|(before, _)| before == name) {
            return Err(refused(format!("in the query: {name:?} is there twice")));
        }
        match name.as_str() {
            "after" => wanted.after = Some(text.clone()),
            "limit" => {
                let limit = text.parse().map_err(|_| refused("in the query: `limit` is a number".to_owned()))?;
                wanted.limit = Some(limit);
            }
            "fields" => wanted.select = text.split(',').map(|field| field.trim().to_owned()).collect(),
            "filter" => {
                let filter = serde_json::from_str(text);
                let filter = filter.map_err(|error| refused(format!("in the query: `filter` is JSON ({error})")))?;
                wanted.filter = Some(filter);
            }
            _ => wanted.fields.push((name.clone(), text.clone())),
        }
    }
    Ok(wanted)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn of(query: &[(&str, &str)]) -> Result<RecordFilter, Failure> {
        wanted(query.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect())
    }

    #[test]
    fn what_is_no_parameter_is_a_field() {
        let wanted =
            of(&[("phone", "+15550100"), ("fields", "phone, name"), ("limit", "3"), ("after", "a:1")]).unwrap();
        assert_eq!(wanted.fields, [("phone".to_owned(), "+15550100".to_owned())]);
        assert_eq!(wanted.select, ["phone", "name"]);
        assert_eq!((wanted.limit, wanted.after.as_deref(), wanted.filter), (Some(3), Some("a:1"), None));
        assert_eq!(of(&[("filter", "{\"phone\":null}")]).unwrap().filter, Some(json!({"phone": null})));
    }

    #[test]
    fn what_cannot_be_meant_is_refused() {
        for query in [&[("limit", "many")][..], &[("filter", "{")], &[("phone", "1"), ("phone", "2")]] {
            assert_eq!(of(query).unwrap_err().code, Code::InvalidRequest, "{query:?}");
        }
    }
}
