//! Signatures of images, verified by cosign against the registry. Knows no kind.

use std::ffi::OsStr;

use crate::core::model::outcome::Fault;
use crate::process::command_context::{CommandContext, last_line};
use crate::process::{capture, find_program};

/// Bytes of cosign's answer that are read: it lists every signature.
const ANSWER_LIMIT: usize = 4 << 20;

/// Whose signature is expected.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signer {
    /// The file of a public key, absolute.
    pub key: Option<String>,
    /// The identity in the certificate of a signature without a key, and who issued it.
    pub identity: Option<(String, String)>,
    /// Whether the signature must be in the transparency log.
    pub logged: bool,
    /// Speaks HTTP, or trusts any certificate of the registry.
    pub insecure: bool,
}

/// What cosign says of an image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Signed {
    /// A signature of this signer is there.
    Yes,
    /// None is, with the reason.
    No(String),
}

/// Verifies that `image` has a signature of `signer`.
///
/// # Errors
/// [`Fault`] of kind environment when cosign is not installed; of kind unknown when it could not find out.
pub async fn verify(image: &str, signer: &Signer, call: &CommandContext<'_>) -> Result<Signed, Fault> {
    let path = call.env.get("PATH").map(OsStr::new);
    if find_program(OsStr::new("cosign"), path, &call.dir).is_err() {
        return Err(Fault::environment(
            "cosign is not installed (not in PATH), and it alone verifies signatures of images",
        )
        .help("install cosign, or leave `signed_by` out"));
    }
    let command = call.command("cosign", arguments(image, signer).iter().map(OsStr::new));
    let said = capture(&command, ANSWER_LIMIT, &call.stop).await?;
    let words = String::from_utf8_lossy(&said.stderr).into_owned();
    judged(said.code, &words, last_line(&said.stderr))
}

/// What an end of cosign means. Its codes: 10 no signature, 11 no such tag, 12 none that matches; 1 is any other end, which
/// older versions use for all of these.
fn judged(code: Option<i32>, words: &str, last: Option<String>) -> Result<Signed, Fault> {
    let why = || last.clone().unwrap_or_else(|| "it said nothing".to_owned());
    let unsigned = ["no signatures found", "no matching signatures", "none of the expected identities matched"];
    match code {
        Some(0) => Ok(Signed::Yes),
        Some(10) => Ok(Signed::No("no signature".to_owned())),
        Some(12) => Ok(Signed::No("no signature of this signer".to_owned())),
        Some(1) if unsigned.iter().any(|text| words.to_ascii_lowercase().contains(text)) => {
            Ok(Signed::No("no signature of this signer".to_owned()))
        }
        _ => Err(Fault::unknown(format!("cosign could not verify the image: {}", why().trim_start_matches("Error: ")))),
    }
}

fn arguments(image: &str, signer: &Signer) -> Vec<String> {
    let mut arguments = vec!["verify".to_owned()];
    let mut flag = |name: &str, value: &str| arguments.push(format!("--{name}={value}"));
    if let Some(key) = &signer.key {
        flag("key", key);
    }
    if let Some((identity, issuer)) = &signer.identity {
        flag("certificate-identity", identity);
        flag("certificate-oidc-issuer", issuer);
    }
    if !signer.logged {
        flag("insecure-ignore-tlog", "true");
    }
    if signer.insecure {
        flag("allow-insecure-registry", "true");
        flag("allow-http-registry", "true");
    }
    arguments.push(image.to_owned());
    arguments
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_verified_signature_counts_and_what_is_not_known_is_a_fault() {
        let end = |code, words: &str| judged(code, words, words.lines().last().map(str::to_owned));
        assert_eq!(end(Some(0), ""), Ok(Signed::Yes));
        assert_eq!(end(Some(10), "Error: no signatures found"), Ok(Signed::No("no signature".to_owned())));
        let other = Ok(Signed::No("no signature of this signer".to_owned()));
        assert_eq!(end(Some(12), "Error: no matching signatures: invalid signature"), other);
        assert_eq!(end(Some(1), "Error: no matching signatures:\nmain.go:74: error during command execution"), other);
        for (code, words) in
            [(Some(1), "Error: GET http://127.0.0.1:1/v2/: connection refused"), (Some(11), "Error: x")]
        {
            let fault = end(code, words).expect_err("not known");
            assert_eq!(fault.message, format!("cosign could not verify the image: {}", &words[7..]));
        }
        assert_eq!(end(None, "").expect_err("killed").message, "cosign could not verify the image: it said nothing");
    }

    #[test]
    fn a_signer_is_a_key_or_an_identity() {
        let key = Signer { key: Some("/p/cosign.pub".to_owned()), identity: None, logged: false, insecure: true };
        assert_eq!(
            arguments("reg/shop@sha256:1", &key),
            [
                "verify",
                "--key=/p/cosign.pub",
                "--insecure-ignore-tlog=true",
                "--allow-insecure-registry=true",
                "--allow-http-registry=true",
                "reg/shop@sha256:1",
            ]
        );
        let identity = Some(("ci@example.org".to_owned(), "https://issuer.example.org".to_owned()));
        let signer = Signer { key: None, identity, logged: true, insecure: false };
        assert_eq!(
            arguments("shop", &signer),
            [
                "verify",
                "--certificate-identity=ci@example.org",
                "--certificate-oidc-issuer=https://issuer.example.org",
                "shop",
            ]
        );
    }
}
