//! What is sent again and what never is.

use std::time::Duration;

use bytes::Bytes;
use futures::StreamExt;
use patchbay_egress::{Body, EgressError};
use tokio::{io::AsyncWriteExt, net::TcpSocket, time::Instant};

use crate::support::{HOST, Vendor, body, egress, get, read_request, request, rules};

const OK: &str = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";
const BUSY: &str = "HTTP/1.1 503 Service Unavailable\r\ncontent-length: 4\r\n\r\nbusy";

fn post() -> patchbay_egress::Request {
    let mut post = request("POST", "/");
    post.body = Body::Bytes(Bytes::from_static(b"pay"));
    post
}

#[tokio::test]
async fn an_idempotent_request_is_sent_again_after_a_passing_failure() {
    for status in ["429 Too Many Requests", "502 Bad Gateway", "503 Service Unavailable", "504 Gateway Timeout"] {
        let busy = format!("HTTP/1.1 {status}\r\ncontent-length: 0\r\n\r\n");
        let vendor = Vendor::saying_in_turn(&[&busy, OK]).await;
        let mut response = vendor.egress().send(&rules(), get("/")).await.unwrap();
        assert_eq!((response.status, body(&mut response).await.unwrap().as_slice()), (200, b"ok".as_slice()));
        assert_eq!(vendor.seen().len(), 2, "{status}");
    }
}

#[tokio::test]
async fn the_last_answer_is_the_guests_after_two_repeats() {
    let vendor = Vendor::saying(BUSY).await;
    let mut response = vendor.egress().send(&rules(), get("/")).await.unwrap();
    assert_eq!((response.status, body(&mut response).await.unwrap().as_slice()), (503, b"busy".as_slice()));
    assert_eq!(vendor.seen().len(), 3);
}

#[tokio::test]
async fn other_failures_are_answers() {
    for status in ["400 Bad Request", "401 Unauthorized", "404 Not Found", "500 Internal Server Error"] {
        let vendor = Vendor::saying(format!("HTTP/1.1 {status}\r\ncontent-length: 0\r\n\r\n")).await;
        vendor.egress().send(&rules(), get("/")).await.unwrap();
        assert_eq!(vendor.seen().len(), 1, "{status}");
    }
}

#[tokio::test]
async fn retry_after_is_honoured() {
    let busy = "HTTP/1.1 429 Too Many Requests\r\nretry-after: 1\r\ncontent-length: 0\r\n\r\n";
    let vendor = Vendor::saying_in_turn(&[busy, OK]).await;
    let start = Instant::now();
    assert_eq!(vendor.egress().send(&rules(), get("/")).await.unwrap().status, 200);
    assert!(start.elapsed() >= Duration::from_secs(1));
}

#[tokio::test]
async fn a_retry_after_beyond_the_time_left_hands_the_answer_over() {
    for wait in ["5", "3600", "Wed, 21 Oct 2065 07:28:00 GMT", "soon"] {
        let busy = format!("HTTP/1.1 429 Too Many Requests\r\nretry-after: {wait}\r\ncontent-length: 0\r\n\r\n");
        let vendor = Vendor::saying(busy).await;
        let mut request = get("/");
        request.deadline = Instant::now() + Duration::from_secs(4);
        let response = vendor.egress().send(&rules(), request).await.unwrap();
        assert_eq!(response.status, 429);
        assert!(response.headers.iter().any(|(name, value)| name == "retry-after" && value == wait));
        assert_eq!(vendor.seen().len(), 1);
    }
}

#[tokio::test]
async fn a_post_is_not_repeated_unless_the_guest_says_so() {
    let vendor = Vendor::saying_in_turn(&[BUSY, OK]).await;
    assert_eq!(vendor.egress().send(&rules(), post()).await.unwrap().status, 503);
    assert_eq!(vendor.seen().len(), 1);

    let vendor = Vendor::saying_in_turn(&[BUSY, OK]).await;
    let mut repeatable = post();
    repeatable.repeatable = Some(true);
    let response = vendor.egress().send(&rules(), repeatable).await.unwrap();
    assert_eq!(response.status, 200);
    assert!(vendor.seen().iter().all(|seen| seen.body == b"pay"));
    assert!(response.sent > 6);
}

#[tokio::test]
async fn a_get_is_not_repeated_if_the_guest_says_so() {
    let vendor = Vendor::saying_in_turn(&[BUSY, OK]).await;
    let mut once = get("/");
    once.repeatable = Some(false);
    assert_eq!(vendor.egress().send(&rules(), once).await.unwrap().status, 503);
}

#[tokio::test]
async fn a_streamed_body_is_never_sent_twice() {
    let vendor = Vendor::saying_in_turn(&[BUSY, OK]).await;
    let mut put = request("PUT", "/");
    put.body = Body::Stream(futures::stream::iter([Ok(Bytes::from_static(b"abc"))]).boxed(), Some(3));
    put.repeatable = Some(true);
    assert_eq!(vendor.egress().send(&rules(), put).await.unwrap().status, 503);
    assert_eq!(vendor.seen().len(), 1);
}

#[tokio::test]
async fn a_post_that_may_have_been_seen_is_not_repeated() {
    // The vendor reads the request and hangs up without a word.
    let vendor = Vendor::start(|_, _, socket| async move {
        drop(socket);
        None
    })
    .await;
    let error = vendor.egress().send(&rules(), post()).await.unwrap_err();
    assert!(matches!(error, EgressError::BrokenOff(_)), "{error}");
    assert_eq!(vendor.seen().len(), 1);
}

#[tokio::test]
async fn a_post_on_a_kept_connection_is_not_repeated_either() {
    let vendor = Vendor::start(|count, _, mut socket| async move {
        if count > 0 {
            return None;
        }
        socket.write_all(OK.as_bytes()).await.ok()?;
        Some(socket)
    })
    .await;
    let egress = vendor.egress();
    body(&mut egress.send(&rules(), get("/")).await.unwrap()).await.unwrap();
    assert!(matches!(egress.send(&rules(), post()).await, Err(EgressError::BrokenOff(_))));
    assert_eq!(vendor.seen().len(), 2);
    assert_eq!(vendor.connections(), 1);
}

#[tokio::test]
async fn a_get_that_broke_off_is_sent_again() {
    let vendor = Vendor::start(|count, _, mut socket| async move {
        if count == 0 {
            return None;
        }
        socket.write_all(OK.as_bytes()).await.ok()?;
        Some(socket)
    })
    .await;
    assert_eq!(vendor.egress().send(&rules(), get("/")).await.unwrap().status, 200);
    assert_eq!(vendor.seen().len(), 2);
}

/// A port that nobody listens on yet, and nobody else can take.
fn silent_port() -> TcpSocket {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    socket
}

#[tokio::test]
async fn a_post_is_repeated_if_no_connection_was_made() {
    let silent = silent_port();
    let address = silent.local_addr().unwrap();
    let vendor = Vendor::saying(OK).await;
    let mut config = vendor.config();
    config.upstreams.insert(HOST.to_owned(), format!("http://{address}").parse().unwrap());
    let (egress, rules) = (egress(config), rules());
    let sending = egress.send(&rules, post());
    // Refused at first: nothing listens. Then the vendor comes up, before the repeats are used up.
    let vendor_comes_up = async {
        let listener = silent.listen(1).unwrap();
        let (mut socket, _) = listener.accept().await.unwrap();
        let seen = read_request(&mut socket).await.unwrap();
        socket.write_all(OK.as_bytes()).await.unwrap();
        seen
    };
    // `biased` polls the sending first, so that its first connection is refused.
    let (response, seen) = tokio::join!(biased; sending, async {
        tokio::task::yield_now().await;
        vendor_comes_up.await
    });
    assert_eq!(response.unwrap().status, 200);
    assert_eq!(seen.body, b"pay");
}

#[tokio::test]
async fn no_connection_at_all_is_unreachable() {
    let silent = silent_port();
    let address = silent.local_addr().unwrap();
    let vendor = Vendor::saying(OK).await;
    let mut config = vendor.config();
    config.upstreams.insert(HOST.to_owned(), format!("http://{address}").parse().unwrap());
    let error = egress(config).send(&rules(), post()).await.unwrap_err();
    assert!(matches!(&error, EgressError::Unreachable(text) if text.contains(HOST)), "{error}");
}
