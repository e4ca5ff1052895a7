//! What a credential plugin wrote to its standard output, read as a credential. No error here repeats any of it.

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::Value;

use crate::core::mask::SecretText;

/// A credential as issued.
pub(in crate::kubernetes::client) struct Answer {
    pub token: Option<SecretText>,
    pub identity: Option<(String, SecretText)>,
    pub expires: Option<Timestamp>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ExecCredential {
    kind: Option<String>,
    api_version: Option<String>,
    status: Option<Status>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Status {
    token: Option<String>,
    client_certificate_data: Option<String>,
    client_key_data: Option<String>,
    expiration_timestamp: Option<String>,
}

/// Reads an `ExecCredential`, as JSON or YAML. `api_version` is the one that kubeconfig asks for.
///
/// # Errors
/// Why it is no credential, without a word of it.
pub(super) fn exec_credential(stdout: &[u8], api_version: Option<&str>) -> Result<Answer, String> {
    if stdout.iter().all(u8::is_ascii_whitespace) {
        return Err("wrote nothing to its standard output".to_owned());
    }
    let read: ExecCredential = serde_saphyr::from_slice(stdout)
        .map_err(|_| "wrote no ExecCredential object to its standard output".to_owned())?;
    if read.kind.as_deref().is_some_and(|kind| kind != "ExecCredential") {
        return Err("wrote an object that is not an ExecCredential".to_owned());
    }
    if let (Some(asked), Some(written)) = (api_version, read.api_version.as_deref())
        && asked != written
    {
        let known = written.starts_with("client.authentication.k8s.io/") && written.len() < 64;
        let written = if known { written } else { "another one" };
        return Err(format!("answered with apiVersion {written}; kubeconfig asks for {asked}"));
    }
    let status = read.status.ok_or("wrote an ExecCredential without a status")?;
    let expires = status.expiration_timestamp.as_deref().map(str::parse).transpose();
    let filled = |text: Option<String>| text.filter(|text| !text.trim().is_empty());
    let token = filled(status.token).map(SecretText::new);
    let identity = match (filled(status.client_certificate_data), filled(status.client_key_data)) {
        (Some(certificate), Some(key)) => Some((certificate, SecretText::new(key))),
        (None, None) => None,
        (Some(_), None) => return Err("answered with a client certificate without its key".to_owned()),
        (None, Some(_)) => return Err("answered with a client key without its certificate".to_owned()),
    };
    if token.is_none() && identity.is_none() {
        return Err("answered with neither a token nor a client certificate".to_owned());
    }
    check_token(token.as_ref())?;
    let expires =
        expires.map_err(|_| "answered with an expirationTimestamp that is not an RFC 3339 time".to_owned())?;
    Ok(Answer { token, identity, expires })
}

/// Reads the answer of an `auth-provider` command: the token itself, or JSON in which `token_key` and `expiry_key` name
/// it (`{.credential.access_token}`).
///
/// # Errors
/// As [`exec_credential`].
pub(super) fn provider(stdout: &[u8], token_key: Option<&str>, expiry_key: Option<&str>) -> Result<Answer, String> {
    let Some(token_key) = token_key else {
        let text = std::str::from_utf8(stdout).map_err(|_| "wrote a token that is not text".to_owned())?;
        let token = Some(text.trim()).filter(|text| !text.is_empty()).map(SecretText::new);
        if token.is_none() {
            return Err("wrote nothing to its standard output".to_owned());
        }
        check_token(token.as_ref())?;
        return Ok(Answer { token, identity: None, expires: None });
    };
    let answer: Value =
        serde_json::from_slice(stdout).map_err(|_| "wrote no JSON to its standard output".to_owned())?;
    let at = |path: &str| {
        let path = path.trim_matches(['{', '}', '"']).trim_start_matches('$').trim_start_matches('.');
        path.split('.').try_fold(&answer, |value, key| value.get(key)).and_then(Value::as_str)
    };
    let token = at(token_key).map(SecretText::new).ok_or("answered with no text where token-key says the token is")?;
    check_token(Some(&token))?;
    let expires = expiry_key.and_then(at).map(str::parse).transpose();
    let expires = expires.map_err(|_| "answered with an expiry that is not an RFC 3339 time".to_owned())?;
    Ok(Answer { token: Some(token), identity: None, expires })
}

fn check_token(token: Option<&SecretText>) -> Result<(), String> {
    match token {
        Some(token) if !token.expose().bytes().all(|byte| (0x21..0x7f).contains(&byte)) => {
            Err("answered with a token that holds characters no header can".to_owned())
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const V1: &str = "client.authentication.k8s.io/v1";

    fn why(stdout: &str) -> String {
        exec_credential(stdout.as_bytes(), Some(V1)).err().expect("no credential")
    }

    #[test]
    fn a_credential_is_read_from_json_and_from_yaml() {
        let json = format!(
            r#"{{"kind":"ExecCredential","apiVersion":"{V1}","status":{{"token":"abc","expirationTimestamp":"2030-01-02T03:04:05Z"}}}}"#
        );
        let answer = exec_credential(json.as_bytes(), Some(V1)).expect("a credential");
        assert_eq!(answer.token.expect("a token").expose(), "abc");
        assert_eq!(answer.expires.expect("a time").to_string(), "2030-01-02T03:04:05Z");
        let yaml = "status:\n  clientCertificateData: CERT\n  clientKeyData: KEY\n";
        let (certificate, key) =
            exec_credential(yaml.as_bytes(), Some(V1)).expect("a credential").identity.expect("an identity");
        assert_eq!((certificate.as_str(), key.expose()), ("CERT", "KEY"));
    }

    #[test]
    fn no_error_repeats_what_the_plugin_wrote() {
        for (stdout, expected) in [
            ("", "wrote nothing to its standard output"),
            ("hunter2", "wrote no ExecCredential object to its standard output"),
            (r#"{"status":"hunter2"}"#, "wrote no ExecCredential object to its standard output"),
            (r#"{"kind":"hunter2"}"#, "wrote an object that is not an ExecCredential"),
            (
                r#"{"apiVersion":"hunter2","status":{"token":"t"}}"#,
                "answered with apiVersion another one; kubeconfig asks for client.authentication.k8s.io/v1",
            ),
            (
                r#"{"apiVersion":"client.authentication.k8s.io/v1beta1","status":{"token":"t"}}"#,
                "answered with apiVersion client.authentication.k8s.io/v1beta1; kubeconfig asks for client.authentication.k8s.io/v1",
            ),
            (r#"{"kind":"ExecCredential"}"#, "wrote an ExecCredential without a status"),
            (r#"{"status":{"token":""}}"#, "answered with neither a token nor a client certificate"),
            (r#"{"status":{"clientKeyData":"hunter2"}}"#, "answered with a client key without its certificate"),
            (r#"{"status":{"token":"hunter2\nx"}}"#, "answered with a token that holds characters no header can"),
            (
                r#"{"status":{"token":"t","expirationTimestamp":"hunter2"}}"#,
                "answered with an expirationTimestamp that is not an RFC 3339 time",
            ),
        ] {
            assert_eq!(why(stdout), expected, "{stdout}");
        }
    }

    #[test]
    fn a_provider_command_writes_the_token_or_json_with_it() {
        let token = |stdout: &str, key| {
            provider(stdout.as_bytes(), key, None).map(|answer| answer.token.expect("a token").expose().to_owned())
        };
        assert_eq!(token("abc\n", None), Ok("abc".to_owned()));
        assert_eq!(token(r#"{"credential":{"t":"abc"}}"#, Some("{.credential.t}")), Ok("abc".to_owned()));
        let missing = "answered with no text where token-key says the token is";
        assert_eq!(token(r#"{"credential":{"x":"hunter2"}}"#, Some("{.credential.t}")), Err(missing.to_owned()));
    }
}
