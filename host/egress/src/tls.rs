//! One TLS configuration for all clients: the system's root certificates are read and parsed once, not
//! once per org. What must not be shared is: session tickets, which would tell a vendor that two orgs are
//! customers of one hub.

use std::sync::Arc;

use rustls::{
    ClientConfig,
    client::{Resumption, danger::ServerCertVerifier},
    crypto::{CryptoProvider, aws_lc_rs},
    pki_types::{CertificateDer, pem::PemObject},
};
use rustls_platform_verifier::Verifier;

use crate::ConfigError;

/// Sessions remembered per org.
const SESSIONS: usize = 64;

/// Makes the TLS side of each client.
#[derive(Clone)]
pub(crate) struct Tls {
    provider: Arc<CryptoProvider>,
    verifier: Arc<dyn ServerCertVerifier>,
}

impl Tls {
    /// Reads the system's root certificates and adds the operator's.
    pub(crate) fn new(extra_roots: Option<&str>) -> Result<Self, ConfigError> {
        let refuse = |error: &dyn std::fmt::Display| ConfigError::Tls(error.to_string());
        let provider = Arc::new(aws_lc_rs::default_provider());
        let extra = extra_roots
            .map(|pem| CertificateDer::pem_slice_iter(pem.as_bytes()).collect::<Result<Vec<_>, _>>())
            .transpose()
            .map_err(|error| refuse(&error))?
            .unwrap_or_default();
        let verifier = Verifier::new_with_extra_roots(extra, provider.clone()).map_err(|error| refuse(&error))?;
        Ok(Self { provider, verifier: Arc::new(verifier) })
    }

    /// A configuration with session memory of its own.
    pub(crate) fn client(&self) -> Result<ClientConfig, ConfigError> {
        let mut config = ClientConfig::builder_with_provider(self.provider.clone())
            .with_safe_default_protocol_versions()
            .map_err(|error| ConfigError::Tls(error.to_string()))?
            // Not laxer than the default: the platform verifier checks chain, name and time.
            .dangerous()
            .with_custom_certificate_verifier(self.verifier.clone())
            .with_no_client_auth();
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        config.resumption = Resumption::in_memory_sessions(SESSIONS);
        Ok(config)
    }
}
