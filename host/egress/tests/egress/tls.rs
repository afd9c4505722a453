//! Over TLS: HTTP/2 where the vendor speaks it, HTTP/1.1 where not, and only with a certificate to trust.

use std::{convert::Infallible, net::SocketAddr, sync::Arc};

use http_body_util::Full;
use hyper::{Request, Response, Version, body::Incoming, service::service_fn};
use hyper_util::{
    rt::{TokioExecutor, TokioIo},
    server::conn::auto,
};
use patchbay_egress::{Egress, EgressConfig, EgressError};
use tokio::net::TcpListener;
use tokio_rustls::{
    TlsAcceptor,
    rustls::{
        ServerConfig,
        crypto::aws_lc_rs,
        pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
    },
};

use crate::support::{Names, body, get, rules};

const AUTHORITY: &str = include_str!("tls/ca.pem");

/// Answers each request with the version that it came in and the host that it named.
async fn vendor(protocols: &[&str]) -> SocketAddr {
    let certificate = CertificateDer::from_pem_slice(include_bytes!("tls/server.pem")).unwrap();
    let key = PrivateKeyDer::from_pem_slice(include_bytes!("tls/server.key")).unwrap();
    let mut config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate], key)
        .unwrap();
    config.alpn_protocols = protocols.iter().map(|name| name.as_bytes().to_vec()).collect();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((socket, _)) = listener.accept().await {
            let acceptor = acceptor.clone();
            tokio::spawn(async move {
                let Ok(stream) = acceptor.accept(socket).await else { return };
                let service = service_fn(|request: Request<Incoming>| async move {
                    let host =
                        request.uri().host().or(request.headers().get("host").and_then(|host| host.to_str().ok()));
                    let text = format!("{:?} {}", request.version(), host.unwrap_or_default());
                    Ok::<_, Infallible>(Response::new(Full::new(bytes::Bytes::from(text))))
                });
                let _ = auto::Builder::new(TokioExecutor::new()).serve_connection(TokioIo::new(stream), service).await;
            });
        }
    });
    address
}

fn egress(vendor: SocketAddr, extra_roots: Option<&str>) -> Egress {
    let config = EgressConfig {
        ports: vec![vendor.port()],
        allow_addresses: vec!["127.0.0.1/32".parse().unwrap()],
        extra_roots: extra_roots.map(str::to_owned),
        max_retries: 0,
        ..EgressConfig::default()
    };
    // The blocked address beside the open one is simply not tried.
    Egress::new(config, Names::new(&[&["10.0.0.1", "127.0.0.1"]])).unwrap()
}

#[tokio::test]
async fn http_2_is_spoken_where_the_vendor_does_and_http_1_elsewhere() {
    for (protocols, version) in [(["h2", "http/1.1"].as_slice(), Version::HTTP_2), (&["http/1.1"], Version::HTTP_11)] {
        let vendor = vendor(protocols).await;
        let mut request = get("/");
        request.url.set_port(Some(vendor.port())).unwrap();
        let mut response = egress(vendor, Some(AUTHORITY)).send(&rules(), request).await.unwrap();
        let text = String::from_utf8(body(&mut response).await.unwrap()).unwrap();
        assert!(text.starts_with(&format!("{version:?} api.example.com")), "{text}");
    }
}

#[tokio::test]
async fn a_certificate_that_nobody_vouches_for_is_no_connection() {
    let vendor = vendor(&["h2"]).await;
    let mut request = get("/");
    request.url.set_port(Some(vendor.port())).unwrap();
    let error = egress(vendor, None).send(&rules(), request).await.unwrap_err();
    assert!(matches!(error, EgressError::Unreachable(_)), "{error}");
}

#[test]
fn authorities_that_cannot_be_read_are_refused_at_the_start() {
    let broken = "-----BEGIN CERTIFICATE-----\n!!!!\n-----END CERTIFICATE-----\n";
    let config = EgressConfig { extra_roots: Some(broken.to_owned()), ..EgressConfig::default() };
    assert!(Egress::new(config, Names::new(&[])).is_err());
}
