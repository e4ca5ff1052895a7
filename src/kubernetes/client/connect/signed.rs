//! A client whose requests carry the credential that a plugin issued: renewed when it expires, or when the cluster does
//! not accept it any more. Knows no plugin.

use std::sync::{Arc, Mutex, PoisonError};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::header::{AUTHORIZATION, HeaderValue};
use http::{Request, Response, StatusCode};
use kube::client::Body;
use kube::{Client, Config};
use tower::BoxError;

use super::Trust;
use crate::kubernetes::client::credentials::{Credential, Credentials};

/// Requests of one configuration, signed.
struct Signed {
    config: Config,
    credentials: Arc<Credentials>,
    trust: Trust,
    /// The client below; its TLS holds the certificate of the credential with this serial, or none (0).
    below: Mutex<Option<(u64, Client)>>,
}

/// The client for `config`, which holds no credential of its own.
pub(crate) fn client(config: Config, credentials: Arc<Credentials>, trust: Trust) -> Client {
    let namespace = config.default_namespace.clone();
    let signed = Arc::new(Signed { config, credentials, trust, below: Mutex::default() });
    let service = tower::service_fn(move |request| {
        let signed = Arc::clone(&signed);
        async move { signed.send(request).await }
    });
    Client::new(service, namespace)
}

impl Signed {
    async fn send(&self, request: Request<Body>) -> Result<Response<Body>, BoxError> {
        let credential = self.credentials.current().await?;
        let (parts, body) = request.into_parts();
        let again = body.try_clone();
        let first = self.send_with(&credential, Request::from_parts(parts.clone(), body)).await?;
        if first.status() != StatusCode::UNAUTHORIZED {
            return Ok(first);
        }
        self.credentials.reject(credential.serial).await;
        let Some(body) = again else { return Ok(first) };
        let renewed = self.credentials.current().await?;
        self.send_with(&renewed, Request::from_parts(parts, body)).await
    }

    async fn send_with(&self, credential: &Credential, mut request: Request<Body>) -> Result<Response<Body>, BoxError> {
        if let Some(token) = &credential.token {
            let mut value = HeaderValue::from_str(&format!("Bearer {}", token.expose()))?;
            value.set_sensitive(true);
            request.headers_mut().insert(AUTHORIZATION, value);
        }
        Ok(self.below(credential)?.send(request).await?)
    }

    fn below(&self, credential: &Credential) -> Result<Client, BoxError> {
        let wanted = if credential.identity.is_some() { credential.serial } else { 0 };
        let mut below = self.below.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, client)) = below.as_ref().filter(|(serial, _)| *serial == wanted) {
            return Ok(client.clone());
        }
        let mut config = self.config.clone();
        if let Some((certificate, key)) = &credential.identity {
            config.auth_info.client_certificate_data = Some(STANDARD.encode(certificate));
            config.auth_info.client_key_data = Some(STANDARD.encode(key.expose()).into());
        }
        let client = self.trust.client(&config)?;
        *below = Some((wanted, client.clone()));
        Ok(client)
    }
}
