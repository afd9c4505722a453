//! The component's side of every capability: thin calls of the generated bindings.
//!
//! Generated names stay in here and in its two parts, so that a new version of the WIT package touches
//! nothing that a connector is written with.

mod convert;
mod entitlements;
mod exports;
mod memory;
mod syncs;

#[allow(missing_docs, unsafe_code, clippy::all, clippy::pedantic, reason = "generated")]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "generated")]
#[allow(clippy::allow_attributes_without_reason, clippy::uninlined_format_args, reason = "generated")]
pub mod bindings {
    wit_bindgen::generate!({
        world: "connector",
        path: "../../wit/patchbay@1.1.0",
        pub_export_macro: true,
        default_bindings_module: "patchbay_sdk::guest::bindings",
    });
}

use std::time::Duration;

use bindings::patchbay::connector as wit;

use crate::blobs::Blob;
use crate::cache::{Answer, Found};
use crate::clock::Timestamp;
use crate::http::{Request, Response, WholeResponse};
use crate::installation::Account;
use crate::log::Level;
use crate::proxy::{Observation, Summary};
use crate::records::{Change, Document, Page};
use crate::signature::{Digest, KeyEncoding};
use crate::usage::Basis;
use crate::{Error, Headers, Source as PublicSource};

pub(crate) use entitlements::*;
pub use exports::Component;

#[derive(Debug)]
pub(crate) struct Source(wit::bytes::Source);

impl Source {
    pub(crate) fn read(&self, max: u32) -> Result<Option<Vec<u8>>, Error> {
        self.0.read(max).map_err(Error::from)
    }

    pub(crate) fn read_to_end(&self, limit: u32) -> Result<Vec<u8>, Error> {
        self.0.read_to_end(limit).map_err(Error::from)
    }

    pub(crate) fn size(&self) -> Option<u64> {
        self.0.size()
    }
}

#[derive(Debug)]
pub(crate) struct Responder(wit::reply::Responder);

impl Responder {
    pub(crate) fn start(&self, status: u16, headers: Headers) -> Result<(), Error> {
        self.0.start(status, &headers.into_pairs()).map_err(Error::from)
    }

    pub(crate) fn write(&self, chunk: &[u8]) -> Result<(), Error> {
        self.0.write(chunk).map_err(Error::from)
    }

    pub(crate) fn forward(&self, source: PublicSource, observe: Option<Observation>) -> Result<Summary, Error> {
        let observe = observe.map(Into::into);
        self.0.forward(source.0.0, observe.as_ref()).map(Into::into).map_err(Error::from)
    }
}

pub(crate) fn http_send(request: Request) -> Result<Response, Error> {
    let response = wit::http::send(request.into())?;
    Ok(Response {
        status: response.status,
        headers: response.headers.into(),
        body: PublicSource(Source(response.body)),
    })
}

pub(crate) fn http_fetch(request: Request) -> Result<WholeResponse, Error> {
    let response = wit::http::fetch(request.into())?;
    Ok(WholeResponse { status: response.status, headers: response.headers.into(), body: response.body })
}

pub(crate) fn hmac_matches(
    credential: &str,
    digest: Digest,
    encoding: KeyEncoding,
    message: &[u8],
    mac: &[u8],
) -> Result<bool, Error> {
    wit::signature::hmac_matches(credential, digest.into(), encoding.into(), message, mac).map_err(Error::from)
}

pub(crate) fn ed25519_matches(credential: &str, message: &[u8], signature: &[u8]) -> Result<bool, Error> {
    wit::signature::ed25519_matches(credential, message, signature).map_err(Error::from)
}

pub(crate) fn secret_equals(credential: &str, presented: &[u8]) -> Result<bool, Error> {
    wit::signature::equals(credential, presented).map_err(Error::from)
}

pub(crate) fn config() -> String {
    wit::installation::config()
}

pub(crate) fn connection() -> Option<Account> {
    wit::installation::connection().map(|account| Account {
        name: account.name,
        scopes: account.scopes,
        credentials: account.credentials,
    })
}

pub(crate) fn webhook_url() -> String {
    wit::installation::webhook_url()
}

pub(crate) fn record_get(collection: &str, id: &str) -> Result<Option<Document<String>>, Error> {
    Ok(wit::records::get(collection, id)?.map(Into::into))
}

pub(crate) fn record_get_many(collection: &str, ids: &[&str]) -> Result<Vec<Document<String>>, Error> {
    let ids: Vec<String> = ids.iter().map(|id| (*id).to_owned()).collect();
    Ok(wit::records::get_many(collection, &ids)?.into_iter().map(Into::into).collect())
}

pub(crate) fn record_put(collection: &str, id: &str, data: &str, expected: Option<u64>) -> Result<u64, Error> {
    wit::records::put(collection, id, data, expected).map_err(Error::from)
}

pub(crate) fn record_put_many(collection: &str, changes: Vec<Change<String>>) -> Result<Vec<u64>, Error> {
    let changes: Vec<_> = changes.into_iter().map(Into::into).collect();
    wit::records::put_many(collection, &changes).map_err(Error::from)
}

pub(crate) fn record_delete(collection: &str, id: &str) -> Result<bool, Error> {
    wit::records::delete(collection, id).map_err(Error::from)
}

pub(crate) fn record_query(
    collection: &str,
    filter: &str,
    limit: u32,
    after: Option<&str>,
) -> Result<Page<String>, Error> {
    let page = wit::records::query(collection, filter, limit, after)?;
    Ok(Page { documents: page.documents.into_iter().map(Into::into).collect(), next: page.next })
}

pub(crate) fn kv_get(key: &str) -> Result<Option<crate::kv::Entry>, Error> {
    let entry = wit::kv::get(key)?;
    Ok(entry.map(|entry| crate::kv::Entry { value: entry.value, version: entry.version }))
}

pub(crate) fn kv_set(key: &str, value: &[u8], ttl_ms: Option<u64>, expected: Option<u64>) -> Result<u64, Error> {
    wit::kv::set(key, value, ttl_ms, expected).map_err(Error::from)
}

pub(crate) fn kv_delete(key: &str) -> Result<bool, Error> {
    wit::kv::delete(key).map_err(Error::from)
}

pub(crate) fn kv_add(key: &str, delta: i64, ttl_ms: Option<u64>) -> Result<i64, Error> {
    wit::kv::add(key, delta, ttl_ms).map_err(Error::from)
}

pub(crate) fn blob_put(content_type: &str, body: PublicSource) -> Result<Blob, Error> {
    Ok(wit::blobs::put(content_type, body.0.0)?.into())
}

pub(crate) fn blob_put_bytes(content_type: &str, bytes: &[u8]) -> Result<Blob, Error> {
    Ok(wit::blobs::put_bytes(content_type, bytes)?.into())
}

pub(crate) fn blob_open(id: &str) -> Result<(Blob, PublicSource), Error> {
    let (blob, source) = wit::blobs::open(id)?;
    Ok((blob.into(), PublicSource(Source(source))))
}

pub(crate) fn blob_delete(id: &str) -> Result<bool, Error> {
    wit::blobs::delete(id).map_err(Error::from)
}

#[derive(Debug)]
pub(crate) struct Vacancy(wit::cache::Vacancy);

impl Vacancy {
    pub(crate) fn keep(self, headers: Headers, body: PublicSource) -> Result<PublicSource, Error> {
        let source = self.0.keep(&headers.into_pairs(), body.0.0)?;
        Ok(PublicSource(Source(source)))
    }
}

pub(crate) fn cache_find(key: &[u8], max_age_ms: u64, max_bytes: u64) -> Result<Found, Error> {
    Ok(match wit::cache::find(key, wit::cache::Terms { max_age_ms, max_bytes })? {
        wit::cache::Found::Kept(answer) => Found::Kept(Answer {
            headers: answer.headers.into(),
            body: PublicSource(Source(answer.body)),
            age: Duration::from_millis(answer.age_ms),
        }),
        wit::cache::Found::Missing(vacancy) => Found::Missing(crate::cache::Vacancy(Vacancy(vacancy))),
    })
}

pub(crate) fn publish(kind: &str, subject: &str, data: &str, id: Option<&str>) -> Result<String, Error> {
    wit::events::publish(kind, subject, data, id).map_err(Error::from)
}

pub(crate) fn enqueue(kind: &str, payload: &str, delay_ms: u64, key: Option<&str>) -> Result<String, Error> {
    wit::jobs::enqueue(kind, payload, delay_ms, key).map_err(Error::from)
}

pub(crate) fn call_peer(plugin: &str, action: &str, input: &str) -> Result<String, Error> {
    wit::peers::call(plugin, action, input).map_err(Error::from)
}

pub(crate) fn sync_changed(object: &str, ids: &[String]) -> Result<(), Error> {
    wit::sync_hints::changed(object, ids).map_err(Error::from)
}

pub(crate) fn usage_add(meter: &str, quantity: u64, basis: Basis, id: Option<&str>) -> Result<(), Error> {
    wit::usage::add(meter, quantity, basis.into(), id).map_err(Error::from)
}

pub(crate) fn usage_grows(meter: &str, by: &str, begun: u64, each: u64) -> Result<(), Error> {
    wit::usage::grows(meter, by, begun, each).map_err(Error::from)
}

pub(crate) fn log(level: Level, message: &str, fields: &[(&str, &str)]) {
    let fields: Vec<_> = fields.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    wit::log::write(level.into(), message, &fields);
}

pub(crate) fn now() -> Timestamp {
    wit::clock::now()
}

pub(crate) fn random(length: u32) -> Vec<u8> {
    wit::random::bytes(length)
}
