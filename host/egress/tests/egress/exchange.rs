//! What goes out and what comes back when all is well.

use std::sync::Arc;

use bytes::Bytes;
use futures::StreamExt;
use patchbay_egress::{Body, EgressError};
use tokio::{io::AsyncWriteExt, sync::Notify};

use crate::support::{Vendor, answer, body, closed, get, headers, ok, org, request, rules};

#[tokio::test]
async fn a_request_reaches_the_mapped_upstream_with_its_path_query_headers_and_body() {
    let vendor = Vendor::saying(answer("201 Created", "x-a: 1\r\nx-a: 2\r\nconnection: keep-alive\r\n", "made")).await;
    let mut post = request("POST", "/v1/things?a=b%20c&d");
    post.headers = headers(&[
        ("content-type", "application/json"),
        ("host", "evil"),
        ("content-length", "1"),
        ("connection", "x-gone"),
        ("x-gone", "1"),
    ]);
    post.body = Body::Bytes(Bytes::from_static(b"{\"a\":1}"));
    let mut response = vendor.egress().send(&rules(), post).await.unwrap();

    assert_eq!(response.status, 201);
    assert_eq!(response.headers, headers(&[("content-length", "4"), ("x-a", "1"), ("x-a", "2")]));
    assert_eq!(response.body.size_hint(), Some(4));
    assert_eq!(body(&mut response).await.unwrap(), b"made");
    assert_eq!(response.body.received(), 4);
    assert!(response.sent > 7);

    let seen = &vendor.seen()[0];
    assert!(seen.head.starts_with("POST /v1/things?a=b%20c&d HTTP/1.1\r\n"), "{}", seen.head);
    assert_eq!(seen.header("host"), [vendor.address.to_string()]);
    assert_eq!(seen.header("content-length"), ["7"]);
    assert_eq!(seen.header("content-type"), ["application/json"]);
    assert!(seen.header("x-gone").is_empty());
    assert_eq!(seen.body, b"{\"a\":1}");
}

#[tokio::test]
async fn a_streamed_body_goes_out_as_it_comes() {
    let vendor = Vendor::saying(ok("")).await;
    for (size, header) in [(Some(6), "content-length"), (None, "transfer-encoding")] {
        let mut put = request("PUT", "/file");
        let chunks = ["abc", "def"].map(|chunk| Ok(Bytes::from_static(chunk.as_bytes())));
        put.body = Body::Stream(futures::stream::iter(chunks).boxed(), size);
        let response = vendor.egress().send(&rules(), put).await.unwrap();
        assert_eq!(response.status, 200);
        let seen = vendor.seen().pop().unwrap();
        assert_eq!(seen.header(header).len(), 1);
        let text = String::from_utf8(seen.body).unwrap();
        assert_eq!(text.replace("\r\n", "").replace(['3', '0'], ""), "abcdef");
    }
}

#[tokio::test]
async fn a_streamed_body_of_another_size_than_it_said_is_broken_off() {
    let vendor = Vendor::saying(ok("")).await;
    for size in [2, 9] {
        let mut put = request("PUT", "/file");
        put.body = Body::Stream(futures::stream::iter([Ok(Bytes::from_static(b"abc"))]).boxed(), Some(size));
        let error = vendor.egress().send(&rules(), put).await.unwrap_err();
        assert!(matches!(error, EgressError::BrokenOff(_)), "{error}");
    }
    assert!(vendor.seen().is_empty());
}

#[tokio::test]
async fn what_is_not_in_the_list_never_leaves() {
    let vendor = Vendor::saying(ok("")).await;
    let egress = vendor.egress();
    let list =
        crate::support::rules_for("[[egress]]\nhost = \"api.example.com\"\nmethods = [\"GET\"]\npaths = [\"/v1/*\"]");
    let mut other_host = get("/v1/a");
    other_host.url.set_host(Some("other.example.com")).unwrap();
    let mut plain = get("/v1/a");
    plain.url.set_scheme("http").unwrap();
    for denied in [get("/v2/a"), get("/v1/a/b"), get("/v1/%2e%2e%2fadmin"), request("POST", "/v1/a"), other_host, plain]
    {
        let error = egress.send(&list, denied).await.unwrap_err();
        assert!(matches!(error, EgressError::Denied(_)), "{error}");
    }
    assert_eq!(vendor.connections(), 0);
}

#[tokio::test]
async fn a_redirect_is_an_answer_and_is_not_followed() {
    let other = Vendor::saying(ok("stolen")).await;
    let location = format!("location: http://{}/x\r\n", other.address);
    for status in
        ["301 Moved Permanently", "302 Found", "303 See Other", "307 Temporary Redirect", "308 Permanent Redirect"]
    {
        let vendor = Vendor::saying(answer(status, &location, "")).await;
        let response = vendor.egress().send(&rules(), get("/")).await.unwrap();
        assert_eq!(response.status.to_string(), status[..3]);
        assert!(response.headers.iter().any(|(name, _)| name == "location"));
    }
    assert_eq!(other.connections(), 0);
}

#[tokio::test]
async fn connections_are_kept_for_one_org_and_never_shared_with_another() {
    let vendor = Vendor::saying(ok("hello")).await;
    let egress = vendor.egress();
    for (number, connections) in [(1, 1), (1, 1), (2, 2), (1, 2), (2, 2)] {
        let mut request = get("/");
        request.org = org(number);
        let mut response = egress.send(&rules(), request).await.unwrap();
        body(&mut response).await.unwrap();
        assert_eq!(vendor.connections(), connections);
    }
    egress.forget_org(org(1));
    body(&mut egress.send(&rules(), get("/")).await.unwrap()).await.unwrap();
    assert_eq!(vendor.connections(), 3);
}

#[tokio::test]
async fn a_streams_chunks_arrive_one_by_one() {
    let go_on = Arc::new(Notify::new());
    let wait = go_on.clone();
    let vendor = Vendor::start(move |_, _, mut socket| {
        let wait = wait.clone();
        async move {
            socket.write_all(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n").await.ok()?;
            for frame in ["data: one\n\n", "data: two\n\n", "data: three\n\n"] {
                wait.notified().await;
                socket.write_all(format!("{:x}\r\n{frame}\r\n", frame.len()).as_bytes()).await.ok()?;
            }
            socket.write_all(b"0\r\n\r\n").await.ok()?;
            Some(socket)
        }
    })
    .await;
    let mut response = vendor.egress().send(&rules(), get("/")).await.unwrap();
    assert_eq!(response.body.size_hint(), None);
    // The vendor sends each frame only once the one before it has come through.
    for frame in ["data: one\n\n", "data: two\n\n", "data: three\n\n"] {
        go_on.notify_one();
        assert_eq!(response.body.chunk().await.unwrap().unwrap(), frame);
    }
    assert_eq!(response.body.chunk().await.unwrap(), None);
    assert_eq!(response.body.chunk().await.unwrap(), None);
}

#[tokio::test]
async fn dropping_a_response_closes_the_vendors_connection() {
    let gone = Arc::new(Notify::new());
    let tell = gone.clone();
    let vendor = Vendor::start(move |_, _, mut socket| {
        let tell = tell.clone();
        async move {
            socket.write_all(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nfirst\r\n").await.ok()?;
            closed(&mut socket).await;
            tell.notify_one();
            None
        }
    })
    .await;
    let mut response = vendor.egress().send(&rules(), get("/")).await.unwrap();
    assert_eq!(response.body.chunk().await.unwrap().unwrap(), "first");
    drop(response);
    gone.notified().await;
}

#[tokio::test]
async fn dropping_a_call_before_its_answer_closes_the_vendors_connection() {
    let (seen, gone) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let (tell_seen, tell_gone) = (seen.clone(), gone.clone());
    let vendor = Vendor::start(move |_, _, mut socket| {
        tell_seen.notify_one();
        let tell_gone = tell_gone.clone();
        async move {
            closed(&mut socket).await;
            tell_gone.notify_one();
            None
        }
    })
    .await;
    let (egress, rules) = (vendor.egress(), rules());
    tokio::select! {
        _ = egress.send(&rules, get("/")) => panic!("there is no answer"),
        () = seen.notified() => {}
    }
    gone.notified().await;
}

#[tokio::test]
async fn a_body_that_stops_early_is_an_error_that_stays() {
    let vendor = Vendor::start(|_, _, mut socket| async move {
        socket.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nfirst").await.ok()?;
        None
    })
    .await;
    let mut response = vendor.egress().send(&rules(), get("/")).await.unwrap();
    let error = body(&mut response).await.unwrap_err();
    assert!(matches!(error, EgressError::BrokenOff(_)), "{error}");
    assert_eq!(response.body.chunk().await.unwrap_err(), error);
}

#[tokio::test]
async fn an_upgrade_is_not_an_answer() {
    let vendor =
        Vendor::saying("HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: upgrade\r\n\r\n").await;
    let error = vendor.egress().send(&rules(), request("POST", "/")).await.unwrap_err();
    assert!(matches!(error, EgressError::BrokenOff(_)), "{error}");
}
