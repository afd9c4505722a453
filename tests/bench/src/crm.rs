//! A CRM with very many contacts: HubSpot's search and Salesforce's queries, as far as syncs ask for them. It answers as fast as it
//! can, gives as much on a page as it is asked for and the vendor allows, and counts what it is asked. What it does not know is
//! not found, so that a sync that asks for it fails.

use std::{
    convert::Infallible,
    fmt::Write as _,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicI64, AtomicU64, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::{Request, Response, StatusCode, body::Incoming, header, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use patchbay_model::{Clock as _, SystemClock, Timestamp};
use serde_json::{Value, json};
use tokio::{net::TcpListener, task::JoinHandle};

/// The most contacts of a page.
pub(crate) const HUBSPOT_PAGE: u64 = 200;
pub(crate) const SALESFORCE_PAGE: u64 = 2_000;
/// Those that HubSpot gives who is not told how many, and the fewest that Salesforce gives.
const HUBSPOT_UNASKED: u64 = 10;
const SALESFORCE_LEAST: u64 = 200;
/// By which Salesforce is told how many.
const BATCH: &str = "sforce-query-options";
/// Of so many contacts one is changed.
const ONE_OF: u64 = 100;
/// HubSpot's id of the first contact.
const FIRST: u64 = 100_000_000_001;
/// When nothing had been changed for long.
const BEFORE: Duration = Duration::from_secs(86_400);

/// A running one; it stops when this is dropped.
pub(crate) struct Crm {
    pub(crate) address: SocketAddr,
    contacts: Arc<Contacts>,
    task: JoinHandle<()>,
}

struct Contacts {
    count: u64,
    made_at: Timestamp,
    /// In milliseconds since 1970; 0: nothing was changed.
    changed_ms: AtomicI64,
    asked: AtomicU64,
}

impl Crm {
    pub(crate) async fn start(count: u64) -> anyhow::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let contacts = Arc::new(Contacts {
            count,
            made_at: SystemClock.now() - BEFORE,
            changed_ms: AtomicI64::new(0),
            asked: AtomicU64::new(0),
        });
        let task = tokio::spawn(serve(listener, Arc::clone(&contacts)));
        Ok(Self { address, contacts, task })
    }

    /// How many are changed by [`Crm::change`].
    pub(crate) fn changed(&self) -> u64 {
        self.contacts.count.div_ceil(ONE_OF)
    }

    /// Changes one percent of the contacts, now, each in a millisecond of its own.
    pub(crate) fn change(&self) {
        let first = SystemClock.now() - Duration::from_millis(self.changed());
        self.contacts.changed_ms.store(first.timestamp_millis(), Ordering::SeqCst);
    }

    /// How often it was asked since this was asked for last.
    pub(crate) fn asked(&self) -> u64 {
        self.contacts.asked.swap(0, Ordering::SeqCst)
    }
}

impl Drop for Crm {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn serve(listener: TcpListener, contacts: Arc<Contacts>) {
    while let Ok((stream, _)) = listener.accept().await {
        if stream.set_nodelay(true).is_err() {
            // it has gone
            continue;
        }
        let contacts = Arc::clone(&contacts);
        let service = service_fn(move |request| answer(Arc::clone(&contacts), request));
        // a connection that breaks off is the client's affair
        tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), service));
    }
}

async fn answer(contacts: Arc<Contacts>, request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
    contacts.asked.fetch_add(1, Ordering::SeqCst);
    let (path, query) = (request.uri().path().to_owned(), request.uri().query().unwrap_or_default().to_owned());
    let batch = request
        .headers()
        .get(BATCH)
        .and_then(|options| options.to_str().ok()?.strip_prefix("batchSize=")?.parse().ok());
    // a body that breaks off is none that can be answered
    let body = request.into_body().collect().await.map(|body| body.to_bytes()).unwrap_or_default();
    let told = if path.starts_with("/services/data/") {
        contacts.salesforce(&path, &query, batch.unwrap_or(SALESFORCE_PAGE))
    } else {
        contacts.hubspot(&path, &body)
    };
    let is_known = told.is_some();
    let mut response = Response::new(Full::new(Bytes::from(told.unwrap_or_default())));
    response.headers_mut().insert(header::CONTENT_TYPE, header::HeaderValue::from_static("application/json"));
    if !is_known {
        *response.status_mut() = StatusCode::NOT_FOUND;
    }
    Ok(response)
}

impl Contacts {
    /// When a contact was changed last.
    fn stamp(&self, contact: u64) -> Timestamp {
        self.changed(contact).unwrap_or(self.made_at)
    }

    fn changed(&self, contact: u64) -> Option<Timestamp> {
        let first = u64::try_from(self.changed_ms.load(Ordering::SeqCst)).ok().filter(|first| *first > 0)?;
        let at = Timestamp::UNIX_EPOCH + Duration::from_millis(first + contact / ONE_OF);
        contact.is_multiple_of(ONE_OF).then_some(at)
    }

    fn title(&self, contact: u64) -> &'static str {
        if self.changed(contact).is_some() { "Head of analysis" } else { "Head of engines" }
    }

    fn hubspot(&self, path: &str, body: &[u8]) -> Option<String> {
        if path.ends_with("/details") {
            return Some(
                json!({"portalId": 62515, "uiDomain": "app.hubspot.com", "companyCurrency": "EUR"}).to_string(),
            );
        }
        if !path.ends_with("/contacts/search") {
            return None;
        }
        let asked: Value = serde_json::from_slice(body).ok()?;
        let filter = asked.pointer("/filterGroups/0/filters/0")?;
        // in the order of what is looked for, and from the first row on
        if asked.pointer("/sorts/0/propertyName") != filter.get("propertyName") || asked.get("after")? != "0" {
            return None;
        }
        let most = asked.get("limit").and_then(Value::as_u64).unwrap_or(HUBSPOT_UNASKED).min(HUBSPOT_PAGE);
        let value: u64 = filter.get("value")?.as_str()?.parse().ok()?;
        let from = if filter.get("operator")?.as_str()? == "GTE" { value } else { value.saturating_add(1) };
        // no two were changed in one millisecond, so the filter of the rows within one has nothing to find
        let rows: Vec<u64> = if filter.get("propertyName")?.as_str()? == "hs_object_id" {
            (from.saturating_sub(FIRST)..self.count).collect()
        } else {
            let since =
                |contact: &u64| u64::try_from(self.stamp(*contact).timestamp_millis()).is_ok_and(|at| at >= from);
            (0..self.count).step_by(usize::try_from(ONE_OF).ok()?).filter(since).collect()
        };
        let mut told = format!("{{\"total\":{},\"results\":[", rows.len());
        for (place, contact) in rows.iter().take(usize::try_from(most).ok()?).enumerate() {
            told.push_str(if place == 0 { "" } else { "," });
            self.write_hubspot(&mut told, *contact).ok()?;
        }
        told.push_str("]}");
        Some(told)
    }

    fn write_hubspot(&self, told: &mut String, contact: u64) -> std::fmt::Result {
        let (id, at) = (FIRST + contact, self.stamp(contact).format("%Y-%m-%dT%H:%M:%S%.3fZ"));
        write!(
            told,
            r#"{{"id":"{id}","properties":{{"hs_object_id":"{id}","firstname":"Ada","lastname":"Lovelace {contact}","email":"ada.{contact}@example.com","phone":"+1555{contact:07}","jobtitle":"{}","company":"Example","lifecyclestage":"customer","address":"1 Main Street","city":"Springfield","state":"IL","zip":"12345","createdate":"2025-01-01T00:00:00.000Z","lastmodifieddate":"{at}"}},"createdAt":"2025-01-01T00:00:00.000Z","updatedAt":"{at}","archived":false}}"#,
            self.title(contact)
        )
    }

    /// `batch`: so many records it is asked for on a page.
    fn salesforce(&self, path: &str, query: &str, batch: u64) -> Option<String> {
        let now = SystemClock.now().format("%Y-%m-%dT%H:%M:%S%.3f+0000");
        if path.contains("/deleted") {
            return Some(format!("{{\"deletedRecords\":[],\"latestDateCovered\":\"{now}\"}}"));
        }
        let (_, place) = path.split_once("/query")?;
        // a place is what there is and how much of it was read
        let (what, from) = match place.strip_prefix('/') {
            Some(place) => place.split_once('-')?,
            None => (if query.contains("WHERE") { "changed" } else { "all" }, "0"),
        };
        let (from, step) = (from.parse::<u64>().ok()?, if what == "all" { 1 } else { ONE_OF });
        let total = match what {
            "changed" if self.changed_ms.load(Ordering::SeqCst) == 0 => 0,
            _ => self.count.div_ceil(step),
        };
        let to = total.min(from.saturating_add(batch.clamp(SALESFORCE_LEAST, SALESFORCE_PAGE)));
        let mut told = format!("{{\"totalSize\":{total},\"done\":{},", to == total);
        if to < total {
            write!(told, "\"nextRecordsUrl\":\"/services/data/v68.0/query/{what}-{to}\",").ok()?;
        }
        told.push_str("\"records\":[");
        for row in from..to {
            told.push_str(if row == from { "" } else { "," });
            self.write_salesforce(&mut told, row * step).ok()?;
        }
        told.push_str("]}");
        Some(told)
    }

    fn write_salesforce(&self, told: &mut String, contact: u64) -> std::fmt::Result {
        let at = self.stamp(contact).format("%Y-%m-%dT%H:%M:%S%.3f+0000");
        write!(
            told,
            r#"{{"attributes":{{"type":"Contact"}},"Id":"003{contact:012}AAA","SystemModstamp":"{at}","FirstName":"Ada","LastName":"Lovelace {contact}","Name":"Ada Lovelace {contact}","Email":"ada.{contact}@example.com","Phone":"+1555{contact:07}","Title":"{}","AccountId":null,"LeadSource":"Web","MailingStreet":"1 Main Street","MailingCity":"Springfield","MailingState":"IL","MailingPostalCode":"12345","Description":null,"CreatedDate":"2025-01-01T00:00:00.000+0000"}}"#,
            self.title(contact)
        )
    }
}
