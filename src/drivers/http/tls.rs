//! Whom to trust over TLS: the system's certificates, a file of one's own, or anybody.

use std::path::Path;
use std::sync::Arc;

use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};

use super::{HttpError, Trust};
use crate::drivers::plain;

/// Bytes of a file with certificates: the system's own has 200 kB.
const PEM_LIMIT: u64 = 16 << 20;

/// Connects with TLS where the URL says `https`.
pub fn connector<C>(config: ClientConfig, connector: C) -> HttpsConnector<C> {
    HttpsConnectorBuilder::new().with_tls_config(config).https_or_http().enable_http1().wrap_connector(connector)
}

/// Trusts whom the system trusts (`SSL_CERT_FILE` names other certificates); on a machine without any, whom
/// browsers trust.
pub fn system() -> ClientConfig {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    if roots.is_empty() {
        roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
    }
    builder().with_root_certificates(roots).with_no_client_auth()
}

/// Trusts as asked for.
pub fn config(trust: &Trust) -> Result<ClientConfig, HttpError> {
    if trust.insecure {
        let anybody = Arc::new(Anybody(ring::default_provider()));
        return Ok(builder().dangerous().with_custom_certificate_verifier(anybody).with_no_client_auth());
    }
    match &trust.ca {
        Some(file) => Ok(builder().with_root_certificates(roots(file)?).with_no_client_auth()),
        None => Ok(system()),
    }
}

fn builder() -> rustls::ConfigBuilder<ClientConfig, rustls::WantsVerifier> {
    ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("ring knows the default protocol versions")
}

fn roots(file: &Path) -> Result<RootCertStore, HttpError> {
    let shown = file.display();
    let unreadable =
        |error: &dyn std::fmt::Display| HttpError::Ca(format!("the certificates in `{shown}` cannot be read: {error}"));
    let pem = plain::read(file, PEM_LIMIT).map_err(|error| unreadable(&error))?;
    let all =
        CertificateDer::pem_slice_iter(&pem).collect::<Result<Vec<_>, _>>().map_err(|error| unreadable(&error))?;
    let mut roots = RootCertStore::empty();
    if roots.add_parsable_certificates(all).0 == 0 {
        return Err(HttpError::Ca(format!("`{shown}` holds no certificate (-----BEGIN CERTIFICATE-----)")));
    }
    Ok(roots)
}

/// Accepts every certificate, but only from one who has its key.
#[derive(Debug)]
struct Anybody(CryptoProvider);

impl ServerCertVerifier for Anybody {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, cert, signed, &self.0.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, cert, signed, &self.0.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
