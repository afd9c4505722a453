//! Sizes of headers, and time. The deadlines here are real and small; nothing sleeps.

use std::time::Duration;

use patchbay_egress::{EgressConfig, EgressError};
use tokio::{io::AsyncWriteExt, time::Instant};

use crate::support::{Vendor, answer, body, closed, egress, get, headers, ok, rules};

const SOON: Duration = Duration::from_millis(60);

#[tokio::test]
async fn headers_that_are_too_many_or_too_large_do_not_come_in() {
    let many = |count: usize| (0..count).map(|number| format!("x-{number}: 1\r\n")).collect::<String>();
    let large = format!("x-large: {}\r\n", "a".repeat(64 << 10));
    let enormous = format!("x-large: {}\r\n", "a".repeat(1 << 20));
    for extra in [many(100), many(5000), large, enormous] {
        let vendor = Vendor::saying(answer("200 OK", &extra, "")).await;
        let error = vendor.egress().send(&rules(), get("/")).await.unwrap_err();
        assert!(matches!(error, EgressError::HeadersTooLarge(_)), "{error}");
    }
    // With content-length it is the hundredth.
    let vendor = Vendor::saying(answer("200 OK", &many(99), "")).await;
    assert_eq!(vendor.egress().send(&rules(), get("/")).await.unwrap().headers.len(), 100);
}

#[tokio::test]
async fn headers_that_are_too_large_do_not_go_out() {
    let vendor = Vendor::saying(ok("")).await;
    let large = "a".repeat(64 << 10);
    let mut request = get("/");
    request.headers = headers(&[("x-large", &large)]);
    let long = get(&format!("/?{large}"));
    for request in [request, long] {
        assert!(matches!(vendor.egress().send(&rules(), request).await, Err(EgressError::HeadersTooLarge(_))));
    }
    assert_eq!(vendor.connections(), 0);
}

#[tokio::test]
async fn a_vendor_that_never_answers_is_left_at_the_deadline() {
    let vendor = Vendor::start(|_, _, mut socket| async move {
        closed(&mut socket).await;
        None
    })
    .await;
    let mut by_deadline = get("/");
    by_deadline.deadline = Instant::now() + SOON;
    let mut by_headers = get("/");
    by_headers.headers_timeout = Some(SOON);
    for request in [by_deadline, by_headers] {
        assert_eq!(vendor.egress().send(&rules(), request).await.unwrap_err(), EgressError::Timeout);
    }
}

#[tokio::test]
async fn headers_that_drip_in_are_left_at_the_deadline() {
    let vendor = Vendor::start(|_, _, mut socket| async move {
        socket.write_all(b"HTTP/1.1 200 OK\r\nx-slow: ").await.ok()?;
        closed(&mut socket).await;
        None
    })
    .await;
    let mut request = get("/");
    request.headers_timeout = Some(SOON);
    assert_eq!(vendor.egress().send(&rules(), request).await.unwrap_err(), EgressError::Timeout);
}

#[tokio::test]
async fn a_body_that_stalls_is_left_at_the_deadline_and_closed() {
    let vendor = Vendor::start(|_, _, mut socket| async move {
        socket.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nsome").await.ok()?;
        closed(&mut socket).await;
        None
    })
    .await;
    let egress = vendor.egress();
    let mut request = get("/");
    // The headers have to come within their time, on a busy machine too.
    request.deadline = Instant::now() + Duration::from_secs(3);
    // The time for the headers does not bind the body.
    request.headers_timeout = Some(Duration::from_secs(2));
    let mut response = egress.send(&rules(), request).await.unwrap();
    assert_eq!(body(&mut response).await.unwrap_err(), EgressError::Timeout);
    assert_eq!(body(&mut response).await.unwrap_err(), EgressError::Timeout);
}

#[tokio::test]
async fn a_body_that_never_ends_is_left_at_the_deadline_even_if_it_is_fast() {
    let vendor = Vendor::start(|_, _, mut socket| async move {
        socket.write_all(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n").await.ok()?;
        let chunk = [b"4000\r\n".as_slice(), &[b'x'; 0x4000], b"\r\n"].concat();
        while socket.write_all(&chunk).await.is_ok() {}
        None
    })
    .await;
    let egress = egress(EgressConfig { max_body_bytes: u64::MAX, ..vendor.config() });
    let mut request = get("/");
    // The headers have to come before it, on a busy machine too.
    request.deadline = Instant::now() + Duration::from_secs(2);
    let mut response = egress.send(&rules(), request).await.unwrap();
    let ended = loop {
        match response.body.chunk().await {
            Ok(chunk) => assert!(chunk.is_some(), "it has no end"),
            Err(error) => break error,
        }
    };
    assert_eq!(ended, EgressError::Timeout);
}

#[tokio::test]
async fn after_the_deadline_nothing_is_sent() {
    let vendor = Vendor::saying(ok("")).await;
    let mut request = get("/");
    request.deadline = Instant::now();
    assert_eq!(vendor.egress().send(&rules(), request).await.unwrap_err(), EgressError::Timeout);
    assert_eq!(vendor.connections(), 0);
}
