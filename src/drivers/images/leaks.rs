//! What looks like a secret in a stream of bytes: rules for well-known shapes, and given values word for word.
//! Reads in windows, so memory stays bounded. Never hands a value on, only the name of what was recognized.

use std::collections::BTreeSet;
use std::io::{self, Read};

use aho_corasick::AhoCorasick;
use regex::bytes::Regex;

use crate::drivers::traces::{Traces, WINDOW};
use crate::mask::SecretText;

/// Bytes kept from one window to the next: no rule's match is longer.
const OVERLAP: usize = 8 * 1024;

/// A shape: `anchor` is looked for first, `pattern` then decides around it.
struct Rule {
    name: &'static str,
    anchors: &'static [&'static str],
    pattern: &'static str,
}

/// In one regex dialect (`regex::bytes`, no Unicode); the anchor must be part of every match.
const RULES: &[Rule] = &[
    Rule {
        name: "private key",
        anchors: &["PRIVATE KEY"],
        pattern: r"-----BEGIN [A-Z0-9 ]{0,24}PRIVATE KEY( BLOCK)?-----(\s|\\n|\\r)*([A-Za-z-]{1,32}: [^\n]{0,200}(\n|\\n))*(\s|\\n)*([A-Za-z0-9+/=]{16,}(\s|\\n|\\r){0,4}){3}",
    },
    Rule {
        name: "AWS access key",
        anchors: &["AKIA", "ASIA"],
        pattern: r"(^|[^A-Za-z0-9])A[KS]IA[A-Z2-7]{16}($|[^A-Za-z0-9])",
    },
    Rule {
        name: "AWS secret key",
        anchors: &["aws_secret_access_key", "AWS_SECRET_ACCESS_KEY"],
        pattern: r#"(aws_secret_access_key|AWS_SECRET_ACCESS_KEY)["']?\s{0,4}[=:]\s{0,4}["']?[A-Za-z0-9/+]{40}($|[^A-Za-z0-9/+])"#,
    },
    Rule {
        name: "GitHub token",
        anchors: &["ghp_", "gho_", "ghu_", "ghs_", "ghr_", "github_pat_"],
        pattern: r"(gh[pousr]_[A-Za-z0-9]{36}|github_pat_[A-Za-z0-9]{22}_[A-Za-z0-9]{59})",
    },
    Rule { name: "GitLab token", anchors: &["glpat-"], pattern: r"glpat-[A-Za-z0-9_-]{20}" },
    Rule {
        name: "Slack token",
        anchors: &["xoxb-", "xoxp-", "xoxa-", "xoxs-"],
        pattern: r"xox[abps]-[0-9]{9,}-[A-Za-z0-9-]{12,}",
    },
    Rule { name: "npm token", anchors: &["npm_"], pattern: r"(^|[^A-Za-z0-9_])npm_[A-Za-z0-9]{36}($|[^A-Za-z0-9_])" },
    Rule { name: "PyPI token", anchors: &["pypi-AgEI"], pattern: r"pypi-AgEI[A-Za-z0-9_-]{50,}" },
    Rule {
        name: "Google API key",
        anchors: &["AIza"],
        pattern: r"(^|[^A-Za-z0-9])AIza[A-Za-z0-9_-]{35}($|[^A-Za-z0-9_-])",
    },
    Rule { name: "Stripe key", anchors: &["sk_live_", "rk_live_"], pattern: r"[sr]k_live_[A-Za-z0-9]{20,}" },
    Rule { name: "AI provider key", anchors: &["sk-proj-", "sk-ant-"], pattern: r"sk-(proj|ant)-[A-Za-z0-9_-]{32,}" },
];

/// Files that hold secrets by their name, where their content says so.
struct FileRule {
    name: &'static str,
    is_meant: fn(&str) -> bool,
    /// What the content must hold; empty: the file alone is enough.
    pattern: &'static str,
}

const FILE_RULES: &[FileRule] = &[
    FileRule {
        name: ".env file",
        is_meant: is_env_file,
        pattern: r"(?m)^\s*(export\s+)?[A-Za-z_][A-Za-z0-9_]*\s*=\s*\S",
    },
    FileRule {
        name: ".npmrc credentials",
        is_meant: |name| name == ".npmrc",
        pattern: r"(?m)(_authToken|_auth|_password)\s*=\s*[^\s$]",
    },
    FileRule {
        name: "git credentials",
        is_meant: |name| name == ".git-credentials",
        pattern: r"https?://[^\s:/]*:[^\s@]+@",
    },
    FileRule {
        name: ".netrc password",
        is_meant: |name| name == ".netrc" || name == "_netrc",
        pattern: r"\bpassword\s+\S",
    },
    FileRule { name: ".pypirc password", is_meant: |name| name == ".pypirc", pattern: r"(?m)^\s*password\s*[=:]\s*\S" },
    FileRule { name: ".pgpass", is_meant: |name| name == ".pgpass", pattern: r"(?m)^[^#\s]+:[^:]+:[^:]+:[^:]+:\S" },
    FileRule {
        name: "registry credentials",
        is_meant: |name| {
            name == "config.json" || name == ".dockerconfigjson" || name == ".dockercfg" || name == "auth.json"
        },
        pattern: r#""auth"\s*:\s*"[A-Za-z0-9+/=]{8,}""#,
    },
];

fn is_env_file(name: &str) -> bool {
    let template = ["example", "sample", "template", "dist", "defaults", "schema"];
    match name.strip_prefix(".env") {
        Some("") => true,
        Some(rest) => rest.strip_prefix('.').is_some_and(|kind| !template.iter().any(|word| kind.contains(word))),
        None => false,
    }
}

/// Compiled rules and values.
pub struct Leaks {
    finder: AhoCorasick,
    /// The rule of each anchor of the finder.
    anchors: Vec<usize>,
    rules: Vec<(&'static str, Regex)>,
    files: Vec<FileMatcher>,
    /// Finds values in every form that masking knows.
    values: Traces,
}

/// A file rule, compiled.
struct FileMatcher {
    name: &'static str,
    is_meant: fn(&str) -> bool,
    pattern: Regex,
}

impl Leaks {
    /// The built-in rules and `values` by name, in every form that masking knows (base64, hexadecimal, …). Values too short
    /// to look for are told by [`Leaks::too_short`].
    pub fn new<'a>(values: impl IntoIterator<Item = (&'a str, &'a SecretText)>) -> Self {
        Leaks::with(RULES, FILE_RULES, Traces::new(values))
    }

    /// The values alone: no shape is looked for.
    pub fn of_values(values: Traces) -> Self {
        Leaks::with(&[], &[], values)
    }

    fn with(rules: &[Rule], file_rules: &[FileRule], values: Traces) -> Self {
        let anchors = rules.iter().enumerate().flat_map(|(at, rule)| rule.anchors.iter().map(move |text| (at, *text)));
        let (anchors, texts): (Vec<usize>, Vec<&str>) = anchors.unzip();
        let compile = |pattern: &str| {
            regex::bytes::RegexBuilder::new(pattern).unicode(false).build().expect("the rules are constants")
        };
        let matcher =
            |rule: &FileRule| FileMatcher { name: rule.name, is_meant: rule.is_meant, pattern: compile(rule.pattern) };
        Leaks {
            finder: AhoCorasick::new(&texts).expect("far fewer patterns than the limit"),
            anchors,
            rules: rules.iter().map(|rule| (rule.name, compile(rule.pattern))).collect(),
            files: file_rules.iter().map(matcher).collect(),
            values,
        }
    }

    /// Names of the values that were too short to look for.
    pub fn too_short(&self) -> &[String] {
        self.values.too_short()
    }

    /// What was recognized in the content of the file at `path`.
    ///
    /// # Errors
    /// The stream's.
    pub fn scan(&self, path: &str, content: &mut dyn Read) -> io::Result<BTreeSet<String>> {
        let name = path.rsplit('/').next().unwrap_or(path);
        let file_rules: Vec<_> = self.files.iter().filter(|rule| (rule.is_meant)(name)).collect();
        let mut found = BTreeSet::new();
        let mut window = Vec::with_capacity(WINDOW);
        let mut shapes = true;
        loop {
            let kept = window.len();
            content.take(WINDOW as u64).read_to_end(&mut window)?;
            if window.len() == kept {
                return Ok(found);
            }
            shapes = shapes && !(window.starts_with(b"\x7fELF") && is_of_the_system(path));
            self.scan_window(&window, shapes, &mut found);
            let matching = file_rules.iter().filter(|rule| rule.pattern.is_match(&window));
            found.extend(matching.map(|rule| rule.name.to_owned()));
            let keep = OVERLAP.max(self.values.overlap()).min(window.len());
            window.drain(..window.len() - keep);
        }
    }

    /// What was recognized in a text.
    pub fn scan_text(&self, text: &str) -> BTreeSet<String> {
        let mut found = BTreeSet::new();
        self.scan_window(text.as_bytes(), true, &mut found);
        found
    }

    /// Looks for values, and where `shapes` says so for shapes.
    fn scan_window(&self, window: &[u8], shapes: bool, found: &mut BTreeSet<String>) {
        let shapes = shapes && !self.rules.is_empty();
        for hit in self.finder.find_overlapping_iter(window).take_while(|_| shapes) {
            let (name, pattern) = &self.rules[self.anchors[hit.pattern().as_usize()]];
            let around = &window[hit.start().saturating_sub(64)..window.len().min(hit.end() + OVERLAP / 2)];
            let real = |found: regex::bytes::Match<'_>| !is_placeholder(found.as_bytes());
            if !found.contains(*name) && pattern.find_iter(around).any(real) {
                found.insert((*name).to_owned());
            }
        }
        if !self.values.is_empty() {
            found.extend(self.values.within(window).iter().map(ToString::to_string));
        }
    }
}

/// Whether a path belongs to the distribution. Its programs and libraries bring keys along to test themselves with
/// (libgnutls does); programs elsewhere are the project's own.
fn is_of_the_system(path: &str) -> bool {
    let folders = ["usr/lib", "usr/bin", "usr/sbin", "lib", "bin", "sbin"];
    folders.iter().any(|folder| path.starts_with(folder))
}

/// Documentation's examples: `AKIAIOSFODNN7EXAMPLE` and the like.
fn is_placeholder(found: &[u8]) -> bool {
    found.windows(7).any(|word| word.eq_ignore_ascii_case(b"EXAMPLE"))
        || found.windows(8).any(|word| word == b"xxxxxxxx")
}

#[cfg(test)]
mod tests {
    use super::*;
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;

    fn found(path: &str, content: &str) -> Vec<String> {
        Leaks::new([]).scan(path, &mut content.as_bytes()).expect("in memory").into_iter().collect()
    }

    /// Written in two parts, so that this file holds nothing that looks like a secret.
    fn join(parts: &[&str]) -> String {
        parts.concat()
    }

    #[test]
    fn recognizes_well_known_shapes() {
        let key = join(&["-----BEGIN ", "OPENSSH PRIVATE KEY-----\n", &"QUJD".repeat(40), "\n"]);
        assert_eq!(found("root/id", &key), ["private key"]);
        let aws = join(&["key = AKIA", "QWERTYUIOP234567", "\n"]);
        assert_eq!(found("a", &aws), ["AWS access key"]);
        let token = join(&["ghp_", &"a1B2".repeat(9)]);
        assert_eq!(found("a", &token), ["GitHub token"]);
        assert_eq!(found("app/.env", "A=b\n"), [".env file"]);
        assert_eq!(found("root/.npmrc", "//r/:_authToken=abc\n"), [".npmrc credentials"]);
        assert_eq!(found("root/.git-credentials", "https://me:pw@host\n"), ["git credentials"]);
    }

    #[test]
    fn keys_that_a_systems_library_tests_itself_with_are_no_leak() {
        let key = join(&["\x7fELF", "-----BEGIN ", "RSA PRIVATE KEY-----\n", &"QUJD".repeat(40), "\n"]);
        assert_eq!(found("usr/lib/libgnutls.so.30", &key), Vec::<String>::new());
        assert_eq!(found("app/server", &key), ["private key"]);
    }

    #[test]
    fn leaves_headers_examples_and_templates_alone() {
        let header = join(&["if line == '-----BEGIN ", "PRIVATE KEY-----': return\n"]);
        assert_eq!(found("lib/ssl.py", &header), Vec::<String>::new());
        assert_eq!(found("doc", &join(&["AKIA", "IOSFODNN7EXAMPLE"])), Vec::<String>::new());
        assert_eq!(found("app/.env.example", "A=b\n"), Vec::<String>::new());
        assert_eq!(found("root/.npmrc", "//r/:_authToken=${NPM_TOKEN}\n"), Vec::<String>::new());
    }

    #[test]
    fn finds_values_across_windows_and_in_base64() {
        let value = SecretText::new("correct horse battery");
        let leaks = Leaks::new([("db", &value), ("pin", &SecretText::new("1234"))]);
        let mut text = "x".repeat(WINDOW - 10);
        text.push_str("correct horse battery");
        assert_eq!(leaks.scan("a", &mut text.as_bytes()).expect("in memory"), BTreeSet::from(["secret db".to_owned()]));
        for prefix in ["", "a", "ab", "abc"] {
            let hidden = STANDARD.encode(format!("{prefix}correct horse battery tail"));
            assert_eq!(leaks.scan_text(&hidden), BTreeSet::from(["secret db (in base64)".to_owned()]), "{prefix}");
        }
        assert_eq!(leaks.too_short(), ["pin"]);
    }
}
