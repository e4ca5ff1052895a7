//! A client for an API server whose own certificate is the one in the kubeconfig. What `openssl req -x509` makes calls
//! itself an authority, which webpki refuses for a server; kubectl accepts it. Name, dates and key are checked all the
//! same.

use hyper_rustls::{FixedServerNameResolver, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client as Sender;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use kube::client::{Body, ConfigExt};
use kube::{Client, Config};
use rustls::RootCertStore;
use rustls::pki_types::{CertificateDer, ServerName};
use tower::{BoxError, Layer, ServiceExt};

use crate::http::tls;

/// Whether an error says that the server's certificate calls itself an authority.
pub(super) fn is_needed(error: &kube::Error, config: &Config) -> bool {
    config.proxy_url.is_none() && format!("{error:?}").contains("CaUsedAsEndEntity")
}

/// The client.
///
/// # Errors
/// Certificates, names or credentials of the configuration that cannot be used.
pub(super) fn client(config: &Config) -> Result<Client, BoxError> {
    let mut own = config.rustls_client_config()?;
    let certificates: Vec<CertificateDer<'static>> =
        config.root_cert.iter().flatten().cloned().map(CertificateDer::from).collect();
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(certificates.iter().cloned());
    own.dangerous().set_certificate_verifier(tls::pinned(roots, certificates)?);
    let mut tcp = HttpConnector::new();
    tcp.enforce_http(false);
    tcp.set_connect_timeout(config.connect_timeout);
    let mut builder = HttpsConnectorBuilder::new().with_tls_config(own).https_or_http();
    if let Some(name) = &config.tls_server_name {
        builder = builder.with_server_name_resolver(FixedServerNameResolver::new(ServerName::try_from(name.clone())?));
    }
    let sender = Sender::builder(TokioExecutor::new()).build::<_, Body>(builder.enable_http1().wrap_connector(tcp));
    let service = config.base_uri_layer().layer(config.extra_headers_layer()?.layer(sender));
    let namespace = config.default_namespace.clone();
    Ok(match config.auth_layer()? {
        Some(auth) => Client::new(auth.layer(service.map_err(BoxError::from)), namespace),
        None => Client::new(service, namespace),
    })
}

#[cfg(test)]
mod tests {
    use rustls::pki_types::pem::PemObject;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;
    use tokio_rustls::TlsAcceptor;

    use super::*;
    use crate::http::load::tests::certificate::{Certificate, server_with};

    const VERSION: &str = r#"{"major":"1","minor":"34","gitVersion":"v1.34.0","gitCommit":"","gitTreeState":"","buildDate":"","goVersion":"","compiler":"","platform":""}"#;

    /// What the client hears of an API server with this certificate, which is in its kubeconfig.
    async fn asked(certificate: Certificate) -> Result<String, String> {
        let folder = tempfile::tempdir().expect("tmp");
        let file = folder.path().join("ca.pem");
        let acceptor = TlsAcceptor::from(server_with(certificate, &file, &[]));
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let server = format!("https://{}", listener.local_addr().expect("bound"));
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let Ok(mut stream) = acceptor.accept(stream).await else { continue };
                let _ = stream.read(&mut [0; 4096]).await;
                let head = format!(
                    "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n",
                    VERSION.len()
                );
                let _ = stream.write_all(format!("{head}{VERSION}").as_bytes()).await;
            }
        });
        let pem = std::fs::read(&file).expect("written");
        let certificates =
            CertificateDer::pem_slice_iter(&pem).map(|der| der.expect("a certificate").to_vec()).collect();
        let mut config = Config::new(server.parse().expect("a URL"));
        config.root_cert = Some(certificates);
        let first = Client::try_from(config.clone()).expect("a client").apiserver_version().await;
        let answer = match first {
            Err(error) if is_needed(&error, &config) => client(&config).expect("a client").apiserver_version().await,
            other => other,
        };
        answer.map(|version| version.minor).map_err(|error| format!("{error:?}"))
    }

    #[tokio::test]
    async fn the_certificate_of_the_kubeconfig_is_accepted_also_where_it_calls_itself_an_authority() {
        for ca in [false, true] {
            assert_eq!(asked(Certificate { ca, ..Certificate::default() }).await.as_deref(), Ok("34"), "{ca}");
        }
    }

    #[tokio::test]
    async fn its_name_and_its_dates_are_checked_all_the_same() {
        for ca in [false, true] {
            assert!(asked(Certificate { ca, host: 2, ..Certificate::default() }).await.is_err());
            assert!(asked(Certificate { ca, ends: "21", ..Certificate::default() }).await.is_err());
        }
    }
}
