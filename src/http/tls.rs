//! Whom to trust over TLS: the system's certificates, a file of one's own, or anybody.

use std::path::Path;
use std::sync::Arc;

use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{VerifierBuilderError, WebPkiServerVerifier, verify_server_name};
use rustls::crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{CertificateError, ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};

use super::{HttpError, Trust};
use crate::core::files::open;

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
    let native = rustls_native_certs::load_native_certs().certs;
    roots.add_parsable_certificates(native.iter().cloned());
    if roots.is_empty() {
        roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
    }
    match pinned(roots.clone(), native) {
        Ok(verifier) => builder().dangerous().with_custom_certificate_verifier(verifier).with_no_client_auth(),
        Err(_) => builder().with_root_certificates(roots).with_no_client_auth(),
    }
}

/// Accepts a certificate whose issuer is among `roots`, and one that is itself `pinned`.
///
/// # Errors
/// There is no root.
pub fn pinned(
    roots: RootCertStore,
    pinned: Vec<CertificateDer<'static>>,
) -> Result<Arc<dyn ServerCertVerifier>, VerifierBuilderError> {
    let provider = Arc::new(ring::default_provider());
    let by_issuer = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider)).build()?;
    Ok(Arc::new(Verifier { provider, accepts: Accepts::Pinned { by_issuer, pinned } }))
}

/// Trusts as asked for.
pub fn config(trust: &Trust) -> Result<ClientConfig, HttpError> {
    let verifier: Arc<dyn ServerCertVerifier> = match &trust.ca {
        _ if trust.insecure => {
            Arc::new(Verifier { provider: Arc::new(ring::default_provider()), accepts: Accepts::Any })
        }
        None => return Ok(system()),
        Some(file) => {
            let (roots, all) = roots(file)?;
            pinned(roots, all).map_err(|error| {
                HttpError::Ca(format!("the certificates in `{}` cannot be used: {error}", file.display()))
            })?
        }
    };
    Ok(builder().dangerous().with_custom_certificate_verifier(verifier).with_no_client_auth())
}

fn builder() -> rustls::ConfigBuilder<ClientConfig, rustls::WantsVerifier> {
    ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("ring knows the default protocol versions")
}

fn roots(file: &Path) -> Result<(RootCertStore, Vec<CertificateDer<'static>>), HttpError> {
    let shown = file.display();
    let unreadable =
        |error: &dyn std::fmt::Display| HttpError::Ca(format!("the certificates in `{shown}` cannot be read: {error}"));
    let pem = open::read(file, PEM_LIMIT).map_err(|error| unreadable(&error))?;
    let all =
        CertificateDer::pem_slice_iter(&pem).collect::<Result<Vec<_>, _>>().map_err(|error| unreadable(&error))?;
    let mut roots = RootCertStore::empty();
    if roots.add_parsable_certificates(all.iter().cloned()).0 == 0 {
        return Err(HttpError::Ca(format!("`{shown}` holds no certificate (-----BEGIN CERTIFICATE-----)")));
    }
    Ok((roots, all))
}

/// Which certificates of a server are accepted. Whatever they are, the server must have the key.
#[derive(Debug)]
struct Verifier {
    provider: Arc<CryptoProvider>,
    accepts: Accepts,
}

#[derive(Debug)]
enum Accepts {
    /// Every certificate.
    Any,
    /// One whose issuer is in the file, or that is in the file itself. The second is what `openssl req -x509` makes: it
    /// calls itself an authority, which webpki refuses for a server, and curl and Python accept.
    Pinned { by_issuer: Arc<WebPkiServerVerifier>, pinned: Vec<CertificateDer<'static>> },
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        cert: &CertificateDer<'_>,
        chain: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let Accepts::Pinned { by_issuer, pinned } = &self.accepts else { return Ok(ServerCertVerified::assertion()) };
        let verified = by_issuer.verify_server_cert(cert, chain, name, ocsp, now);
        // webpki checks the dates first, so these errors say that they are right; the name is still to be checked
        match &verified {
            Err(rustls::Error::InvalidCertificate(CertificateError::UnknownIssuer | CertificateError::Other(_)))
                if pinned.contains(cert) =>
            {
                verify_server_name(&ParsedCertificate::try_from(cert)?, name)?;
                Ok(ServerCertVerified::assertion())
            }
            _ => verified,
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, cert, signed, &self.provider.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, cert, signed, &self.provider.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}

#[cfg(test)]
mod tests {
    use tokio::net::TcpListener;
    use tokio_rustls::TlsAcceptor;

    use super::*;
    use crate::http::load::tests::certificate::{Certificate, server_with};
    use crate::http::{Http, Request};

    /// What a client says of a server with this certificate, which is in its file of trusted ones.
    async fn trusted(certificate: Certificate) -> Result<u16, String> {
        let folder = tempfile::tempdir().expect("tmp");
        let file = folder.path().join("ca.pem");
        let acceptor = TlsAcceptor::from(server_with(certificate, &file, &[]));
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let url = format!("https://{}", listener.local_addr().expect("bound"));
        tokio::spawn(async move {
            let (stream, _) = listener.accept().await.expect("a client");
            if let Ok(mut stream) = acceptor.accept(stream).await {
                use tokio::io::{AsyncReadExt, AsyncWriteExt};
                let _ = stream.read(&mut [0; 1024]).await;
                let _ = stream.write_all(b"HTTP/1.1 204 No Content\r\n\r\n").await;
                let _ = stream.shutdown().await;
            }
        });
        let trust = Trust { ca: Some(file), insecure: false };
        let answer = Http::new().send(&Request::get(url), &trust).await;
        answer.map(|answer| answer.status).map_err(|error| error.to_string())
    }

    #[tokio::test]
    async fn a_certificate_in_the_file_is_trusted_also_where_it_calls_itself_an_authority() {
        for ca in [false, true] {
            assert_eq!(trusted(Certificate { ca, ..Certificate::default() }).await, Ok(204));
        }
    }

    #[tokio::test]
    async fn its_name_and_its_dates_are_checked_all_the_same() {
        for ca in [false, true] {
            let other_name = trusted(Certificate { ca, host: 2, ..Certificate::default() }).await;
            assert!(other_name.as_ref().is_err_and(|words| words.contains("not valid for")), "{other_name:?}");
            let expired = trusted(Certificate { ca, ends: "21", ..Certificate::default() }).await;
            assert!(expired.as_ref().is_err_and(|words| words.contains("expired")), "{expired:?}");
        }
    }
}
