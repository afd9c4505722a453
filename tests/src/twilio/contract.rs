//! Twilio's published OpenAPI document as a judge of the parameters of requests.
//!
//! The document is not part of this repository. It is looked for under `PATCHBAY_VENDOR_SPECS`; where it is missing the
//! simulator says so and keeps to its hand-written checks.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::OnceLock,
};

use crate::vendor_specs;

/// The names of parameters, by `METHOD /path`, with the account and the SID of an item as `{}`.
pub(super) struct Contract(BTreeMap<String, BTreeSet<String>>);

impl Contract {
    /// The document, read once per process; none if it is not there.
    pub(super) fn load() -> Option<&'static Self> {
        static LOADED: OnceLock<Option<Contract>> = OnceLock::new();
        LOADED.get_or_init(Self::read).as_ref()
    }

    fn read() -> Option<Self> {
        let document = vendor_specs::document("twilio/twilio_api_v2010.json")?;
        let mut all = BTreeMap::new();
        for (path, methods) in document["paths"].as_object().expect("paths") {
            for method in ["get", "post", "delete"] {
                let Some(operation) = methods.get(method) else { continue };
                let named = operation["parameters"].as_array().into_iter().flatten();
                let named = named.filter(|one| one["in"] == "query").filter_map(|one| one["name"].as_str());
                let form = &operation["requestBody"]["content"]["application/x-www-form-urlencoded"]["schema"];
                let fields = form["properties"].as_object().into_iter().flatten().map(|(name, _)| name.as_str());
                let names = named.chain(fields).map(str::to_owned).collect();
                all.insert(format!("{} {}", method.to_uppercase(), shape(path)), names);
            }
        }
        Some(Self(all))
    }

    /// Names that Twilio does not know; `None` if it has no such endpoint.
    pub(super) fn unknown<'a>(
        &self,
        method: &str,
        path: &str,
        names: impl Iterator<Item = &'a str>,
    ) -> Option<Vec<String>> {
        let known = self.0.get(&format!("{method} {}", shape(path)))?;
        Some(names.filter(|name| !known.contains(*name)).map(str::to_owned).collect())
    }
}

/// A path with `{}` for each part that is an id, in the document as in a request.
fn shape(path: &str) -> String {
    let parts = path.split('/').map(|part| {
        let (name, end) = part.strip_suffix(".json").map_or((part, ""), |name| (name, ".json"));
        let is_sid = name.len() == 34 && name.bytes().skip(2).all(|byte| byte.is_ascii_hexdigit());
        let is_country = name.len() == 2 && name.bytes().all(|byte| byte.is_ascii_uppercase());
        if is_sid || is_country || name.starts_with('{') { format!("{{}}{end}") } else { part.to_owned() }
    });
    parts.collect::<Vec<_>>().join("/")
}
