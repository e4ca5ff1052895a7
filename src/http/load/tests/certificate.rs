//! A certificate for 127.0.0.1 that signs itself, made on the spot: the repository contains no key.

use std::path::Path;
use std::sync::Arc;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, KeyPair};
use rustls::ServerConfig;
use rustls::crypto::ring::default_provider;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};

const SEQUENCE: u8 = 0x30;
const ECDSA_WITH_SHA256: &[u8] = b"\x30\x0a\x06\x08\x2a\x86\x48\xce\x3d\x04\x03\x02";
const P256_KEY: &[u8] = b"\x30\x13\x06\x07\x2a\x86\x48\xce\x3d\x02\x01\x06\x08\x2a\x86\x48\xce\x3d\x03\x01\x07";
/// `CN=test`.
const NAME: &[u8] = b"\x30\x0f\x31\x0d\x30\x0b\x06\x03\x55\x04\x03\x0c\x04test";
/// basicConstraints: critical, CA:TRUE, as `openssl req -x509` writes it.
const CA: &[u8] = b"\x30\x0f\x06\x03\x55\x1d\x13\x01\x01\xff\x04\x05\x30\x03\x01\x01\xff";

/// What a certificate says of itself.
#[derive(Debug, Clone, Copy)]
pub struct Certificate {
    /// The last octet of the address 127.0.0.x that it is for.
    pub host: u8,
    /// Whether it calls itself the certificate of an authority.
    pub ca: bool,
    /// The two digits of the year in which it ends.
    pub ends: &'static str,
}

impl Default for Certificate {
    fn default() -> Self {
        Certificate { host: 1, ca: false, ends: "49" }
    }
}

/// The TLS settings of a server with a new certificate, which is written to `file` for clients that trust it.
pub fn server(file: &Path, protocols: &[&[u8]]) -> Arc<ServerConfig> {
    server_with(Certificate::default(), file, protocols)
}

/// The same with another certificate.
pub fn server_with(certificate: Certificate, file: &Path, protocols: &[&[u8]]) -> Arc<ServerConfig> {
    let random = SystemRandom::new();
    let key = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, &random).expect("random bytes");
    let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, key.as_ref(), &random).expect("a key");
    let mut signed = b"\xa0\x03\x02\x01\x02\x02\x01\x01".to_vec();
    signed.extend([ECDSA_WITH_SHA256, NAME].concat());
    let ends = format!("{}1231235959Z", certificate.ends);
    signed.extend(part(SEQUENCE, &[b"\x17\x0d200101000000Z\x17\x0d", ends.as_bytes()].concat()));
    signed.extend(NAME);
    signed.extend(part(SEQUENCE, &[P256_KEY, &bits(pair.public_key().as_ref())].concat()));
    // subjectAltName: one address
    let name = [b"\x30\x0f\x06\x03\x55\x1d\x11\x04\x08\x30\x06\x87\x04\x7f\x00\x00", &[certificate.host][..]].concat();
    let extensions = [if certificate.ca { CA } else { &[] }, &name].concat();
    signed.extend(part(0xa3, &part(SEQUENCE, &extensions)));
    let signed = part(SEQUENCE, &signed);
    let signature = pair.sign(&random, &signed).expect("random bytes");
    let whole = part(SEQUENCE, &[&signed, ECDSA_WITH_SHA256, &bits(signature.as_ref())].concat());
    let text = BASE64_STANDARD.encode(&whole);
    std::fs::write(file, format!("-----BEGIN CERTIFICATE-----\n{text}\n-----END CERTIFICATE-----\n"))
        .expect("writable");
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.as_ref().to_vec()));
    let mut config = ServerConfig::builder_with_provider(Arc::new(default_provider()))
        .with_safe_default_protocol_versions()
        .expect("ring knows them")
        .with_no_client_auth()
        .with_single_cert(vec![CertificateDer::from(whole)], key)
        .expect("the key belongs to it");
    config.alpn_protocols = protocols.iter().map(|name| name.to_vec()).collect();
    Arc::new(config)
}

/// One value in DER: what it is, how long it is, what is in it.
fn part(tag: u8, content: &[u8]) -> Vec<u8> {
    let length = u16::try_from(content.len()).expect("a short certificate");
    let head = match length.to_be_bytes() {
        [0, low @ 0..128] => vec![tag, low],
        [0, low] => vec![tag, 0x81, low],
        [high, low] => vec![tag, 0x82, high, low],
    };
    [&head, content].concat()
}

fn bits(content: &[u8]) -> Vec<u8> {
    part(3, &[&[0], content].concat())
}
