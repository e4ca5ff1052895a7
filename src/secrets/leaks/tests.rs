//! What is recognized, what is not, and where. Samples are made while the tests run: this file holds no secret.

use base64::engine::general_purpose::STANDARD;

use super::*;

/// Random text of an alphabet, the same for each seed.
struct Random(u64);

impl Random {
    fn text(&mut self, alphabet: &str, length: usize) -> String {
        let alphabet: Vec<char> = alphabet.chars().collect();
        let mut next = || {
            self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            usize::try_from(self.0 >> 33).unwrap_or(0)
        };
        (0..length).map(|_| alphabet[next() % alphabet.len()]).collect()
    }
}

const WORD: &str = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
const LOWER: &str = "abcdefghijklmnopqrstuvwxyz0123456789";
const UPPER: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
const HEX: &str = "0123456789abcdef";
const DIGITS: &str = "0123456789";
const BASE64: &str = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789+/";

fn found(path: &str, content: &str) -> Vec<String> {
    let found = Leaks::new([]).scan(path, &mut content.as_bytes()).expect("in memory");
    let mut names: Vec<String> = found.into_iter().map(|leak| leak.what).collect();
    names.dedup();
    names
}

/// A sample from a description: `ghp_ w36` is the prefix and 36 random letters and digits.
fn sample(written: &str, random: &mut Random) -> String {
    let alphabet = |name: char| match name {
        'w' => WORD,
        'l' => LOWER,
        'u' => UPPER,
        'h' => HEX,
        'd' => DIGITS,
        'b' => BASE64,
        _ => "",
    };
    let part = |part: &str, random: &mut Random| {
        let mut chars = part.chars();
        match (chars.next().map(alphabet), chars.as_str().parse()) {
            (Some(alphabet), Ok(length)) if !alphabet.is_empty() => random.text(alphabet, length),
            _ => part.to_owned(),
        }
    };
    written.split(' ').map(|written| part(written, random)).collect()
}

#[test]
fn recognizes_the_tokens_of_services() {
    let mut random = Random(7);
    for (name, written) in [
        ("AWS access key", "AKIA UEWRTYZXCV234567"),
        ("GitHub token", "ghp_ w36"),
        ("GitHub token", "github_pat_ w22 _ w59"),
        ("GitLab token", "glpat- w20"),
        ("GitLab token", "glrt- w20"),
        ("GitLab token", "glptt- h40"),
        ("GitLab token", "glagent- w50"),
        ("GitLab runner token", "GR1348941 w20"),
        ("Atlassian token", "ATATT3 w180 = h8"),
        ("Bitbucket app password", "ATBB w32"),
        ("npm token", "npm_ w36"),
        ("PyPI token", "pypi- AgEIcHlwaS5vcmc w70"),
        ("RubyGems token", "rubygems_ h48"),
        ("Docker Hub token", "dckr_pat_ w27"),
        ("DigitalOcean token", "dop_v1_ h64"),
        ("Vault token", "hvs. w95"),
        ("Vault token", "hvb. w150"),
        ("Terraform Cloud token", "w14 .atlasv1. w64"),
        ("Slack token", "xoxb- d12 - d12 - w24"),
        ("Slack token", "xoxp- d12 - d12 - d12 - h32"),
        ("Slack app token", "xapp-1-A u9 - d13 - h64"),
        ("Slack webhook", "https://hooks.slack.com/services/T u8 /B u10 / w24"),
        ("SendGrid token", "SG. w22 . w43"),
        ("Stripe key", "sk_test_ w24"),
        ("Stripe key", "rk_live_ w99"),
        ("OpenAI key", "sk-proj- w74 T3BlbkFJ w74"),
        ("OpenAI key", "sk-svcacct- w58 T3BlbkFJ w58"),
        ("OpenAI key", "sk- w20 T3BlbkFJ w20"),
        ("Anthropic key", "sk-ant-api03- w93 AA"),
        ("Hugging Face token", "hf_ w34"),
        ("Google API key", "AIza w35"),
        ("Google OAuth client secret", "GOCSPX- w28"),
        ("Telegram bot token", "d10 :AA w33"),
        ("Twilio API key", "SK h32"),
        ("Mailgun API key", "key- h32"),
        ("Shopify token", "shpat_ h32"),
        ("Square token", "sq0atp- w22"),
        ("Databricks token", "dapi h32"),
        ("Grafana token", "glsa_ w32 _ h8"),
        ("New Relic key", "NRAK- u27"),
        ("Doppler token", "dp.pt. w43"),
        ("Linear API key", "lin_api_ w40"),
        ("Notion token", "ntn_ d11 w35"),
        ("Postman API key", "PMAK- h24 - h34"),
        ("Pulumi token", "pul- h40"),
        ("Sentry token", "sntryu_ h64"),
        ("Azure storage key", "AccountKey= b86 =="),
        ("Azure AD client secret", "w3 8Q~ w34"),
        ("age secret key", "AGE-SECRET-KEY-1 QPZRY9X8GF2TVDW0S3JN54KHCE6MUA7LQPZRY9X8GF2TVDW0S3JN54KHCE"),
        ("password in a URL", "postgres://app: w16 @db.internal:5432/x"),
        ("OpenShift token", "sha256~ w43"),
        ("PlanetScale token", "pscale_pw_ w43"),
        ("Discord webhook", "https://discord.com/api/webhooks/ d18 / w68"),
    ] {
        let secret = sample(written, &mut random);
        for (before, after) in [("", ""), ("key = \"", "\"\n"), ("{\"a\":\"x\\n", "\\n\"}"), ("export K='", "'; run")] {
            let text = format!("{before}{secret}{after}");
            assert!(
                found("app/settings", &text).contains(&name.to_owned()),
                "{name}: {written}: {:?}",
                found("a", &text)
            );
            let config = Leaks::new([]).scan_text(&format!("TOKEN={secret}"));
            assert!(config.iter().any(|leak| leak.what == name), "{name} in a variable");
        }
    }
}

#[test]
fn recognizes_values_that_are_given_to_names_of_services() {
    let mut random = Random(11);
    for (name, word, written) in [
        ("Datadog key", "DATADOG_API_KEY", "h32"),
        ("Snyk token", "snyk_token", "h8 - h4 - h4 - h4 - h12"),
        ("Heroku key", "HEROKU_API_KEY", "h8 - h4 - h4 - h4 - h12"),
        ("Twilio auth token", "twilioAuthToken", "h32"),
        ("Fastly token", "fastly-key", "w32"),
        ("Okta token", "okta_api_token", "00 w40"),
        ("Travis CI token", "TRAVIS_TOKEN", "w22"),
        ("Cloudflare key", "CLOUDFLARE_API_TOKEN", "w40"),
    ] {
        let secret = sample(written, &mut random);
        for text in [
            format!("{word}={secret}\n"),
            format!("  {word}: \"{secret}\"\n"),
            format!("{{\"{word}\": \"{secret}\"}}"),
            format!("- name: {word}\n  value: {secret}\n"),
            format!("const {word} = '{secret}';"),
        ] {
            assert!(found("app/x.js", &text).contains(&name.to_owned()), "{name}: {text}");
        }
    }
}

#[test]
fn recognizes_keys_and_credentials_of_programs() {
    let mut random = Random(3);
    let body = format!("{}\n{}\n{}\n", random.text(BASE64, 64), random.text(BASE64, 64), random.text(BASE64, 40));
    let pem = |kind: &str| format!("-----BEGIN {kind}PRIVATE KEY-----\n{body}-----END {kind}PRIVATE KEY-----\n");
    for kind in ["", "RSA ", "EC ", "OPENSSH ", "ENCRYPTED "] {
        assert_eq!(found("root/id", &pem(kind)), ["private key"], "{kind}");
        let kubeconfig = format!("    client-key-data: {}\n", STANDARD.encode(pem(kind)));
        assert_eq!(found("root/x.yaml", &kubeconfig), ["private key (in base64)"], "{kind}");
        let json = serde_json::json!({ "type": "service_account", "private_key": pem(kind) }).to_string();
        assert_eq!(found("app/account.json", &json), ["private key"], "{kind}");
    }
    let certificate = format!("-----BEGIN CERTIFICATE-----\n{body}");
    assert_eq!(found("x.yaml", &format!("ca: {}", STANDARD.encode(certificate))), Vec::<String>::new());
    let putty = format!(
        "PuTTY-User-Key-File-3: ssh-rsa\nEncryption: none\nComment: x\nPublic-Lines: 1\n{}\nPrivate-Lines: 1\n{}\n",
        random.text(BASE64, 64),
        random.text(BASE64, 64)
    );
    assert_eq!(found("x.ppk", &putty), ["PuTTY private key"]);
    let part = |value: &str| base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(value);
    let jwt = format!(
        "{}.{}.{}",
        part(r#"{"alg":"HS256","typ":"JWT"}"#),
        part(r#"{"sub":"7","name":"a b"}"#),
        random.text(WORD, 43)
    );
    assert_eq!(found("x", &format!("Cookie: s={jwt}\n")), ["JSON Web Token"]);
    let aws = random.text(BASE64, 40);
    for text in [
        format!("aws_secret_access_key = {aws}\n"),
        format!("- name: AWS_SECRET_ACCESS_KEY\n  value: {aws}\n"),
        format!("- name: AWS_SECRET_ACCESS_KEY\n  value: \"{aws}\"\n"),
        format!("\"SecretAccessKey\": \"{aws}\""),
        format!("{{\"name\": \"AWS_SECRET_ACCESS_KEY\", \"value\": \"{aws}\"}}"),
    ] {
        assert_eq!(found("x", &text), ["AWS secret key"], "{text}");
    }
    let login = STANDARD.encode(format!("me:{}", random.text(WORD, 20)));
    let docker = format!("{{\"auths\":{{\"r.io\":{{\"auth\":\"{login}\"}}}}}}");
    assert_eq!(found("root/.docker/config.json", &docker), ["registry credentials"]);
    for text in
        [format!("//r.io/:_auth={login}\n"), format!("_auth = \"{login}\"\n"), format!("npm_config__auth={login}\n")]
    {
        assert_eq!(found("app/npm.txt", &text), ["npm registry credentials"], "{text}");
    }
    assert_eq!(
        found("x.yaml", &format!(".dockerconfigjson: {}", STANDARD.encode(&docker))),
        ["registry credentials (in base64)"]
    );
    for (path, text, name) in [
        ("root/.netrc", "machine a login b password c\n", ".netrc password"),
        ("root/.npmrc", "//r/:_authToken=abc\n", ".npmrc credentials"),
        ("root/.git-credentials", "https://me:pw@host\n", "git credentials"),
        ("root/.pgpass", "db:5432:app:me:pw\n", ".pgpass"),
        ("root/.pypirc", "[pypi]\npassword = x\n", ".pypirc password"),
        ("app/.env", "A=b\n", ".env file"),
        ("app/.env.production", "export A='b'\n", ".env file"),
        ("a/store.p12", "\u{30}x", "PKCS#12 key store"),
    ] {
        assert!(found(path, text).contains(&name.to_owned()), "{path}: {:?}", found(path, text));
    }
    let gcloud = format!(
        "{{\"client_id\": \"x\", \"refresh_token\": \"1//0{}\", \"type\": \"authorized_user\"}}",
        random.text(WORD, 90)
    );
    assert!(found("adc.json", &gcloud).contains(&"gcloud refresh token".to_owned()));
}

#[test]
fn leaves_headers_examples_templates_and_empty_values_alone() {
    let header = ["if line == '-----BEGIN ", "PRIVATE KEY-----': return\n"].concat();
    for (path, text) in [
        ("lib/ssl.py", header.as_str()),
        ("doc", &["AKIA", "IOSFODNN7EXAMPLE"].concat()),
        ("app/.env.example", "A=b\n"),
        ("app/.env", "A=\nB=\"\"\nC=''\n# D=x\nexport E=\n"),
        ("root/.npmrc", "//r/:_authToken=${NPM_TOKEN}\n"),
        ("a.yaml", "url: postgres://user:password@host/db\nother: https://me:${TOKEN}@host\nx: http://a:8080@b\n"),
        ("a.js", "const token = getTokenFromRequestHeaderAuthorization2();\nconst sentry = require('@sentry/node');\n"),
        ("Cargo.lock", &format!("name = \"sentry\"\nchecksum = \"{}\"\n", Random(5).text(HEX, 64))),
        ("a.md", "curl -u user:pass https://x; curl -H 'Authorization: Bearer $TOKEN' https://y\n"),
        ("a.json", "{\"auth\": \"none-at-all-of-these\", \"twitter\": \"https://twitter.com/x\"}"),
        ("a.tf", "password = var.database_password\n"),
        ("usr/lib/python3.11/urllib/request.py", "proxy_auth = base64.b64encode(user.encode()).decode('ascii')\n"),
        ("a.py", "self._auth = base64.b64encode(user)\nself.add_password = self.passwd2.add_password\n"),
        ("a.txt", "the kraken, linear algebra = 12345678901234567890123456789012 or so\n"),
    ] {
        assert_eq!(found(path, text), Vec::<String>::new(), "{path}: {text}");
    }
}

#[test]
fn code_that_assigns_credentials_is_no_leak() {
    for (path, text) in [
        (
            "usr/lib/python3.11/urllib/request.py",
            "proxy_auth = base64.b64encode(proxy_passwd.encode()).decode('ascii')\n",
        ),
        ("app/client.py", "self.basic_auth = requests.auth.HTTPBasicAuth2(user, word)\n"),
        ("app/a.js", "const _auth = createAuthenticator2(options)\n"),
        ("app/a.py", "old_password = read_password_from_file2\n"),
    ] {
        assert_eq!(found(path, text), Vec::<String>::new(), "{path}: {text}");
    }
    let login = STANDARD.encode(format!("me:{}", Random(11).text(WORD, 20)));
    for text in [
        format!("_auth={login}\n"),
        format!("//r.example.org/:_authToken={login}\n"),
        format!("export NPM_CONFIG__AUTH={login}"),
        format!("npm_config__authToken = \"{login}\"\n"),
    ] {
        assert_eq!(found("app/setup", &text), ["npm registry credentials"], "{text}");
    }
}

#[test]
fn a_url_with_a_made_up_password_in_a_package_of_npm_is_no_leak() {
    let text = ["use a URI like dotenv", "://:key_1234@dotenv.org/vault/.env.vault"].concat();
    assert_eq!(found("app/node_modules/@next/env/dist/index.js", &text), Vec::<String>::new());
    assert_eq!(found("app/server.js", &text), ["password in a URL"]);
    assert_eq!(found("usr/lib/site-packages/app/settings.py", &text), ["password in a URL"]);
}

#[test]
fn keys_that_a_systems_library_tests_itself_with_are_no_leak() {
    let key = ["\x7fELF", "-----BEGIN ", "RSA PRIVATE KEY-----\n", &"QUJD".repeat(40), "\n"].concat();
    assert_eq!(found("usr/lib/libgnutls.so.30", &key), Vec::<String>::new());
    assert_eq!(found("app/server", &key), ["private key"]);
    assert_eq!(found("library/server", &key), ["private key"]);
}

#[test]
fn what_is_across_windows_is_found_once_with_the_same_digest() {
    let token = sample("ghp_ w36", &mut Random(9));
    let digest = |at: usize| {
        let text = format!("{}\n{token}\n{}", "x".repeat(at), "y".repeat(WINDOW));
        let found = Leaks::new([]).scan("a", &mut text.as_bytes()).expect("in memory");
        assert_eq!(found.len(), 1, "{at}: {found:?}");
        found.into_iter().next().and_then(|leak| leak.digest)
    };
    let expected = Some(judge::digest(token.as_bytes()));
    for at in
        [0, 100, WINDOW - OVERLAP - 20, WINDOW - AHEAD - 20, WINDOW - AHEAD, WINDOW - 20, WINDOW + 5, 2 * WINDOW - 20]
    {
        assert_eq!(digest(at), expected, "{at}");
    }
}

#[test]
fn finds_values_across_windows_and_in_base64() {
    let value = SecretText::new("correct horse battery");
    let leaks = Leaks::new([("db", &value), ("pin", &SecretText::new("1234"))]);
    let names = |found: BTreeSet<Leak>| found.into_iter().map(|leak| leak.what).collect::<Vec<_>>();
    let mut text = "x".repeat(WINDOW - 10);
    text.push_str("correct horse battery");
    assert_eq!(names(leaks.scan("a", &mut text.as_bytes()).expect("in memory")), ["secret db"]);
    for prefix in ["", "a", "ab", "abc"] {
        let hidden = STANDARD.encode(format!("{prefix}correct horse battery tail"));
        assert_eq!(names(leaks.scan_text(&hidden)), ["secret db (in base64)"], "{prefix}");
    }
    assert_eq!(leaks.too_short(), ["pin"]);
}

/// Run in release: `SCAN=/usr cargo test --release --lib what_a_folder_holds -- --ignored --nocapture`.
#[test]
#[ignore = "a measurement"]
#[expect(clippy::print_stderr, reason = "a measurement is read by people")]
fn what_a_folder_holds() {
    let root = std::env::var("SCAN").unwrap_or_else(|_| ".".to_owned());
    let leaks = Leaks::new([]);
    let (mut bytes, begun) = (0, std::time::Instant::now());
    for entry in walkdir::WalkDir::new(&root).into_iter().flatten().filter(|entry| entry.file_type().is_file()) {
        let Ok(mut file) = std::fs::File::open(entry.path()) else { continue };
        bytes += entry.metadata().map_or(0, |meta| meta.len());
        let path = entry.path().strip_prefix("/").unwrap_or(entry.path()).to_string_lossy().into_owned();
        for leak in leaks.scan(&path, &mut file).unwrap_or_default() {
            eprintln!("{} {path} {}", leak.what, leak.digest.unwrap_or_default());
        }
    }
    eprintln!("{bytes} bytes in {:?}", begun.elapsed());
}
