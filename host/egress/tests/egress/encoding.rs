//! Compressed bodies, honest ones and bombs.

use async_compression::tokio::bufread::{BrotliEncoder, GzipEncoder, ZstdEncoder};
use patchbay_egress::EgressError;
use tokio::io::AsyncReadExt;

use crate::support::{Vendor, answer, body, egress, get, headers, ok, request, rules};

pub async fn gzip(plain: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    GzipEncoder::new(plain).read_to_end(&mut out).await.unwrap();
    out
}

async fn encoded(encoding: &str, plain: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    match encoding {
        "br" => BrotliEncoder::new(plain).read_to_end(&mut out).await.unwrap(),
        "zstd" => ZstdEncoder::new(plain).read_to_end(&mut out).await.unwrap(),
        _ => return gzip(plain).await,
    };
    out
}

#[tokio::test]
async fn a_compressed_body_arrives_decoded() {
    for encoding in ["gzip", "br", "zstd"] {
        let compressed = encoded(encoding, b"hello hello hello").await;
        let size = compressed.len() as u64;
        let vendor =
            Vendor::saying(answer("200 OK", &format!("content-encoding: {encoding}\r\nx-a: 1\r\n"), compressed)).await;
        let mut response = vendor.egress().send(&rules(), get("/")).await.unwrap();
        assert_eq!(response.headers, headers(&[("x-a", "1")]));
        assert_eq!(response.body.size_hint(), None);
        assert_eq!(body(&mut response).await.unwrap(), b"hello hello hello", "{encoding}");
        assert_eq!(response.body.received(), size);
        assert_eq!(vendor.seen()[0].header("accept-encoding"), ["gzip, br, zstd, deflate"]);
    }
}

#[tokio::test]
async fn a_body_that_cannot_be_looked_into_does_not_arrive() {
    let twice = gzip(&gzip(b"hello").await).await;
    for (headers, bytes) in [
        ("content-encoding: own\r\n", b"bytes".to_vec()),
        ("content-encoding: gzip, gzip\r\n", twice.clone()),
        ("content-encoding: gzip\r\ncontent-encoding: gzip\r\n", twice),
    ] {
        let vendor = Vendor::saying(answer("200 OK", headers, bytes)).await;
        let mut response = vendor.egress().send(&rules(), get("/")).await.unwrap();
        assert!(!response.headers.iter().any(|(name, _)| name == "content-encoding"), "{headers}");
        assert!(matches!(body(&mut response).await, Err(EgressError::BrokenOff(_))), "{headers}");
    }
}

#[tokio::test]
async fn an_answer_to_head_has_nothing_to_decode() {
    let vendor = Vendor::saying("HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: 500\r\n\r\n").await;
    let mut response = vendor.egress().send(&rules(), request("HEAD", "/")).await.unwrap();
    assert!(body(&mut response).await.unwrap().is_empty());
}

#[tokio::test]
async fn a_bomb_is_stopped_by_its_ratio_long_before_it_is_whole() {
    for encoding in ["gzip", "br", "zstd"] {
        let bomb = encoded(encoding, &vec![0; 64 << 20]).await;
        let vendor = Vendor::saying(answer("200 OK", &format!("content-encoding: {encoding}\r\n"), bomb)).await;
        let mut response = vendor.egress().send(&rules(), get("/")).await.unwrap();
        let mut delivered = 0;
        let error = loop {
            match response.body.chunk().await {
                Ok(chunk) => delivered += chunk.unwrap().len(),
                Err(error) => break error,
            }
        };
        assert!(matches!(error, EgressError::BodyTooLarge(_)), "{encoding}: {error}");
        assert!(delivered <= 16 << 20, "{encoding}: {delivered}");
    }
}

#[tokio::test]
async fn a_body_past_the_absolute_cap_is_stopped() {
    let noise: Vec<u8> = (0..300_000_u32).flat_map(|number| number.wrapping_mul(2_654_435_761).to_le_bytes()).collect();
    let vendor = Vendor::saying(answer("200 OK", "content-encoding: gzip\r\n", gzip(&noise).await)).await;
    let mut config = vendor.config();
    config.max_decompressed_bytes = 1 << 20;
    let mut response = egress(config).send(&rules(), get("/")).await.unwrap();
    assert!(matches!(body(&mut response).await, Err(EgressError::BodyTooLarge(_))));

    let vendor = Vendor::saying(ok(vec![b'x'; 4096])).await;
    let mut config = vendor.config();
    config.max_body_bytes = 4095;
    assert!(matches!(egress(config).send(&rules(), get("/")).await, Err(EgressError::BodyTooLarge(_))));
    let vendor = Vendor::saying(
        [b"HTTP/1.0 200 OK\r\ntransfer-encoding: identity\r\nconnection: close\r\n\r\n".to_vec(), vec![b'x'; 4096]]
            .concat(),
    )
    .await;
    let mut config = vendor.config();
    config.max_body_bytes = 4095;
    let outcome = match egress(config).send(&rules(), get("/")).await {
        Ok(mut response) => body(&mut response).await.map(drop),
        Err(error) => Err(error),
    };
    assert!(outcome.is_err());
}

#[tokio::test]
async fn a_body_that_lies_about_its_encoding_is_broken() {
    let vendor = Vendor::saying(answer("200 OK", "content-encoding: gzip\r\n", "this is not gzip")).await;
    let mut response = vendor.egress().send(&rules(), get("/")).await.unwrap();
    assert!(matches!(body(&mut response).await, Err(EgressError::BrokenOff(_))));
}
