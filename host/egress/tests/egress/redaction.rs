//! A vendor that echoes the credential, in every way that happens by accident.

use std::sync::Arc;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use patchbay_egress::Redactor;
use tokio::io::AsyncWriteExt;

use crate::support::{SECRET, Vendor, answer, bearer, body, get, ok, rules};

#[tokio::test]
async fn an_echo_in_a_header_is_taken_out() {
    let basic = STANDARD.encode(format!("{SECRET}:"));
    let echo = format!(
        "x-echo: Bearer {SECRET}\r\nx-basic: Basic {basic}\r\nset-cookie: k={SECRET}; Path=/\r\nlocation: https://x/?key={SECRET}&a\r\n"
    );
    let vendor = Vendor::saying(answer("200 OK", &echo, "")).await;
    let mut request = get("/");
    request.credential = Some(bearer());
    let response = vendor.egress().send(&rules(), request).await.unwrap();
    let text = format!("{:?}", response.headers);
    assert!(!text.contains(SECRET) && !text.contains(&basic[..20]), "{text}");
    assert!(text.contains("Bearer [redacted]") && text.contains("k=[redacted]; Path=/"), "{text}");
}

#[tokio::test]
async fn an_echo_in_the_body_is_masked_in_every_form_and_keeps_its_length() {
    let secret = "sk/live+\"key\"-\u{e9} 0123456789";
    let forms = [
        secret.to_owned(),
        serde_json::json!({ "you sent": secret }).to_string(),
        url::form_urlencoded::Serializer::new(String::new()).append_pair("key", secret).finish(),
        STANDARD.encode(format!("{secret}:")),
        STANDARD.encode(format!("user:{secret}")),
    ];
    for form in forms {
        let vendor = Vendor::saying(ok(format!("<{form}>"))).await;
        let mut request = get("/");
        request.redact = Arc::new(Redactor::new([secret]));
        let mut response = vendor.egress().send(&rules(), request).await.unwrap();
        assert_eq!(response.body.size_hint(), Some(form.len() as u64 + 2));
        let text = String::from_utf8_lossy(&body(&mut response).await.unwrap()).into_owned();
        assert_eq!(text.len(), form.len() + 2);
        assert!(text.contains("****************"), "{form} became {text}");
        assert!(!text.contains("live") && !text.contains("0123456789"), "{text}");
    }
}

#[tokio::test]
async fn an_echo_is_masked_wherever_the_vendor_cuts_it() {
    let text = format!("before {SECRET} after");
    for cut in 0..=text.len() {
        let (first, second) = (text[..cut].to_owned(), text[cut..].to_owned());
        let vendor = Vendor::start(move |_, _, mut socket| {
            let chunks = [first.clone(), second.clone()];
            async move {
                socket.write_all(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n").await.ok()?;
                for chunk in chunks.iter().filter(|chunk| !chunk.is_empty()) {
                    socket.write_all(format!("{:x}\r\n{chunk}\r\n", chunk.len()).as_bytes()).await.ok()?;
                }
                socket.write_all(b"0\r\n\r\n").await.ok()?;
                Some(socket)
            }
        })
        .await;
        let mut response = vendor.egress().send(&rules(), get("/")).await.unwrap();
        let masked = String::from_utf8(body(&mut response).await.unwrap()).unwrap();
        assert_eq!(masked, format!("before {} after", "*".repeat(SECRET.len())), "cut at {cut}");
    }
}

#[tokio::test]
async fn an_echo_inside_a_compressed_body_is_masked() {
    let gzip = crate::encoding::gzip(format!("{{\"key\":\"{SECRET}\"}}").as_bytes()).await;
    let vendor = Vendor::saying(answer("200 OK", "content-encoding: gzip\r\n", gzip)).await;
    let mut response = vendor.egress().send(&rules(), get("/")).await.unwrap();
    let text = String::from_utf8(body(&mut response).await.unwrap()).unwrap();
    assert_eq!(text, format!("{{\"key\":\"{}\"}}", "*".repeat(SECRET.len())));
}
