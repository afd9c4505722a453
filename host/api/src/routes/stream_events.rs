//! `GET /v1/events/stream`

use std::{convert::Infallible, fmt::Write as _};

use axum::{
    body::Body,
    extract::State,
    response::{IntoResponse, Response},
};
use bytes::Bytes;
use futures::{Stream, StreamExt as _, stream};
use http::{HeaderMap, HeaderName, HeaderValue, header};
use patchbay_hub::{EventStream, Hub, Streamed};
use patchbay_model::{Code, Failure};

use super::list_events::EventQuery;
use crate::{
    extract::{Allowed, Query, ReadActivity, Shown},
    problem::Problem,
    view::Event,
};

/// What a browser shows when it comes back.
const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");
/// After how long a client comes back whose stream ended, in milliseconds. Sent at once, so that a client that waits for
/// the first byte has it.
const BEGINNING: &str = "retry: 2000\n\n";

/// Follow events
///
/// Server-sent events, from now on. Each has its sequence as `id` and a CloudEvent as `data`; a client that comes back with
/// `Last-Event-ID`, or with `after`, gets all that came since. If some of that is no longer kept, the first is an event of
/// the type `gap`, whose data says which sequences are missing. While nothing happens, an `id` without data comes four
/// times a minute. `limit`, `from` and `to` are for lists and refused here.
#[utoipa::path(
    get,
    path = "/v1/events/stream",
    tag = "Events",
    security(("api_key" = ["read_activity"])),
    params(EventQuery, ("last-event-id" = Option<String>, Header, description = "The last `id` that came; it goes before `after`")),
    responses((status = 200, description = "Without end", body = String, content_type = "text/event-stream"))
)]
pub(crate) async fn stream_events(
    caller: Allowed<ReadActivity>,
    Shown(token): Shown,
    State(hub): State<Hub>,
    headers: HeaderMap,
    Query(query): Query<EventQuery>,
) -> Result<Response, Problem> {
    let mut filter = query.filter();
    if filter.limit.is_some() || filter.from.is_some() || filter.to.is_some() {
        return Err(Failure::new(Code::InvalidRequest, "`limit`, `from` and `to` are for lists").into());
    }
    if let Some(last) = headers.get(LAST_EVENT_ID) {
        let sequence = last.to_str().ok().and_then(|text| text.parse().ok());
        let sequence = sequence.ok_or_else(|| Failure::new(Code::InvalidRequest, "`Last-Event-ID` is a sequence"))?;
        filter.after = Some(sequence);
    }
    let followed = hub.follow_events(&caller, token, filter).await?;
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static("text/event-stream")),
        (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
        // proxies that collect answers before they pass them on
        (HeaderName::from_static("x-accel-buffering"), HeaderValue::from_static("no")),
    ];
    Ok((headers, Body::from_stream(frames(followed))).into_response())
}

fn frames(followed: EventStream) -> impl Stream<Item = Result<Bytes, Infallible>> {
    let beginning = stream::once(async { Ok(Bytes::from_static(BEGINNING.as_bytes())) });
    beginning.chain(stream::unfold(followed, |mut followed| async {
        let next = followed.next().await?;
        Some((Ok(frame(next).into()), followed))
    }))
}

fn frame(streamed: Streamed) -> String {
    let mut text = String::new();
    // writing to a text does not fail
    let _ = match streamed {
        Streamed::Event(event) => {
            let (sequence, event) = (event.sequence, Event::from(*event));
            let data = serde_json::to_string(&event).unwrap_or_default();
            write!(text, "id: {sequence}\ndata: {data}\n\n")
        }
        Streamed::Gap(first, last) => {
            write!(text, "id: {last}\nevent: gap\ndata: {{\"from\":{first},\"to\":{last}}}\n\n")
        }
        // an event without data is none, but its id counts
        Streamed::Quiet(sequence) => write!(text, "id: {sequence}\n\n"),
    };
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_an_event_still_tells_the_place() {
        assert_eq!(frame(Streamed::Quiet(7)), "id: 7\n\n");
        assert_eq!(frame(Streamed::Gap(3, 9)), "id: 9\nevent: gap\ndata: {\"from\":3,\"to\":9}\n\n");
    }
}
