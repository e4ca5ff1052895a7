//! `file`: a file of the project is there or not, with its size, mode, digest and content.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use async_trait::async_trait;
use schemars::JsonSchema;
use serde::Deserialize;

use crate::core::files::project::{self, Found};
use crate::core::files::{inputs, open};
use crate::core::kind::{Assertion, AssertionKind, Cel, CheckContext, Context, Sample, TextExpect};
use crate::core::model::diagnostic::Code;
use crate::core::model::expect::Expect;
use crate::core::model::outcome::{Fault, Measure, Verdict};
use crate::core::model::units::ByteSize;

/// The row of `file`.
pub const KIND: AssertionKind = AssertionKind::assertion::<File>(
    "file",
    "a file is there, with its size, mode, digest and content",
    "path: dist/app.tar.gz\nsize: \"< 20MB\"\n",
);

/// A file or folder. Its path is relative to the project's folder and stays below it.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(extend("x-short" = "path"))]
pub struct File {
    /// The path; it need not exist when the files are checked.
    #[schemars(extend("examples" = ["dist/app.tar.gz"]))]
    pub path: PathBuf,
    /// Nothing is there; with `*` and `?` in the path, nothing that it matches.
    #[serde(default)]
    pub absent: bool,
    /// Something is there, which is what is asserted anyway; `false` means the same as `absent: true`.
    #[serde(default)]
    pub exists: Option<bool>,
    /// The file's size.
    #[serde(default)]
    pub size: Option<Expect<ByteSize>>,
    /// The file's SHA-256, in hexadecimal.
    #[serde(default)]
    pub sha256: Option<String>,
    /// The permission bits as `chmod` takes them: `"0644"`.
    #[serde(default)]
    pub mode: Option<String>,
    /// The file holds this text.
    #[serde(default)]
    pub contains: Option<String>,
    /// The file does not hold this text.
    #[serde(default)]
    pub lacks: Option<String>,
    /// This regular expression matches somewhere in the file (`(?m)` makes `^` and `$` the ends of a line).
    #[serde(default)]
    pub matches: Option<String>,
    /// The file is JSON for which this CEL expression is true; `self` is the parsed file.
    #[serde(default)]
    pub json: Option<Cel>,
}

#[async_trait]
impl Assertion for File {
    fn check(&self, cx: &mut CheckContext<'_>) {
        if let Some(problem) = project::problem(&self.path) {
            let help = Some("paths are relative to the folder of pipeline.yaml and stay below it".to_owned());
            cx.error(&["path".into()], Code::InvalidReference, problem, help);
        }
        if is_pattern(&self.path) && !self.is_absent() {
            let message = format!("`{}` is a pattern, and `file` is about one file", self.path.display());
            let help = "name the file; patterns are for `absent: true`, and `for_each` repeats an assertion";
            cx.error(&["path".into()], Code::InvalidValue, message, Some(help.to_owned()));
        }
        if self.absent && self.exists == Some(true) {
            cx.error(&["exists".into()], Code::InvalidValue, "`exists: true` contradicts `absent: true`", None);
        }
        let asks =
            self.text() != TextExpect::default() || self.size.is_some() || self.sha256.is_some() || self.mode.is_some();
        if self.is_absent() && asks {
            cx.error(&[], Code::InvalidValue, "nothing can be expected of a file that is absent", None);
        }
        if self.text() != TextExpect::default() {
            self.text().check(cx, &[]);
        }
        if let Some(mode) = self.mode.as_deref().filter(|mode| parse_mode(mode).is_none()) {
            let help = Some("write `mode: \"0644\"`".to_owned());
            cx.error(&["mode".into()], Code::InvalidValue, format!("`{mode}` is not a mode in octal digits"), help);
        }
        let hex = |text: &str| text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
        if let Some(digest) = self.sha256.as_deref().filter(|digest| !hex(digest)) {
            let message = format!("`{digest}` is not a SHA-256: 64 hexadecimal digits");
            cx.error(&["sha256".into()], Code::InvalidValue, message, Some("type: sha256sum FILE".to_owned()));
        }
    }

    fn title(&self) -> String {
        let path = self.path.display();
        if self.is_absent() { format!("no file {path}") } else { format!("file {path}") }
    }

    async fn measure(&self, cx: &Context) -> Result<Verdict, Fault> {
        if self.is_absent() {
            return self.nothing_there(cx).await;
        }
        let found = project::look(&cx.project, &self.path)?;
        let shown = match &found {
            None => "absent",
            Some(found) => found.kind,
        };
        let mut measures = vec![Measure::new("path", shown, "there", found.is_some())];
        if let Some(found) = found {
            self.look_inside(&found, cx, &mut measures).await?;
        }
        Ok(Verdict::of(measures))
    }
}

impl File {
    fn is_absent(&self) -> bool {
        self.absent || self.exists == Some(false)
    }

    /// That nothing has this name, or a name like it: a link to what is not there is something, too.
    async fn nothing_there(&self, cx: &Context) -> Result<Verdict, Fault> {
        let (project, path) = (cx.project.to_path_buf(), self.path.clone());
        let looked = tokio::task::spawn_blocking(move || names_like(&project, &path)).await;
        let found = looked.map_err(|error| Fault::unknown(error.to_string()))??;
        let actual = match found.as_slice() {
            [] => "absent".to_owned(),
            [(_, kind)] if !is_pattern(&self.path) => (*kind).to_owned(),
            [(first, _)] => first.display().to_string(),
            [(first, _), rest @ ..] => format!("{} and {} more", first.display(), rest.len()),
        };
        Ok(Verdict::of(vec![Measure::new("path", actual, "absent", found.is_empty())]))
    }

    fn text(&self) -> TextExpect {
        TextExpect {
            contains: self.contains.clone(),
            lacks: self.lacks.clone(),
            matches: self.matches.clone(),
            json: self.json.clone(),
            ..TextExpect::default()
        }
    }

    async fn look_inside(&self, found: &Found, cx: &Context, measures: &mut Vec<Measure>) -> Result<(), Fault> {
        if let Some(mode) = &self.mode {
            let holds = parse_mode(mode) == Some(found.mode);
            measures.push(Measure::new("mode", format!("{:04o}", found.mode), mode, holds));
        }
        let text = self.text();
        if !found.is_plain {
            if self.size.is_some() || self.sha256.is_some() || text != TextExpect::default() {
                measures.push(Measure::new("path", found.kind, "a file", false));
            }
            return Ok(());
        }
        if let Some(expect) = &self.size {
            measures.push(expect.measure("size", &ByteSize(found.size)));
        }
        if let Some(wanted) = &self.sha256 {
            let path = found.path.clone();
            // a large file takes a while, and others wait for this thread
            let digest = tokio::task::spawn_blocking(move || project::sha256(&path))
                .await
                .map_err(|error| Fault::unknown(format!("the digest was not computed: {error}")))??;
            let holds = digest.eq_ignore_ascii_case(wanted);
            measures.push(Measure::new("sha256", digest, wanted, holds));
        }
        if text != TextExpect::default() {
            let found = found.clone();
            let content = tokio::task::spawn_blocking(move || project::read(&found))
                .await
                .map_err(|error| Fault::unknown(format!("the file was not read: {error}")))??;
            measures.extend(text.measures("content", &Sample::new(&content, false), cx)?);
        }
        Ok(())
    }
}

/// Octal digits, with or without `0o`.
fn parse_mode(text: &str) -> Option<u32> {
    u32::from_str_radix(text.strip_prefix("0o").unwrap_or(text), 8).ok().filter(|mode| *mode <= 0o7777)
}

/// Whether a path means many names. `[` does not count: frameworks name files so.
fn is_pattern(path: &Path) -> bool {
    path.as_os_str().as_encoded_bytes().iter().any(|byte| matches!(byte, b'*' | b'?'))
}

/// What has this name below the project, or matches it, each with the kind of thing that it is.
fn names_like(project: &Path, path: &Path) -> Result<Vec<(PathBuf, &'static str)>, Fault> {
    if let Some(found) = project::look(project, path)? {
        return Ok(vec![(path.to_path_buf(), found.kind)]);
    }
    let unreadable =
        |error: std::io::Error| Fault::unknown(format!("`{}` cannot be looked at: {error}", path.display()));
    let text = path.to_string_lossy();
    let named = if is_pattern(path) {
        inputs::list(project, [text.as_ref()]).map_err(unreadable)?.into_iter().collect()
    } else {
        vec![PathBuf::from(text.trim_end_matches('/'))]
    };
    let kind = |path: PathBuf| match project.join(&path).symlink_metadata() {
        Ok(meta) => Ok(Some((path, open::kind_name(meta.file_type())))),
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => Ok(None),
        Err(error) => Err(unreadable(error)),
    };
    named.into_iter().map(kind).filter_map(Result::transpose).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::core::kind::test_context::{TestContext, body, complaints};

    async fn measured(trial: &TestContext, json: serde_json::Value) -> Verdict {
        body::<File>(&json).measure(&trial.cx).await.expect("it can be measured")
    }

    #[tokio::test]
    async fn holds_where_all_is_as_expected() {
        let trial = TestContext::new().file("dist/a.json", "{\"ok\": true}\n");
        let all =
            json!({ "path": "dist/a.json", "size": "< 1kB", "contains": "ok", "lacks": "error", "json": "self.ok" });
        let verdict = measured(&trial, all).await;
        assert!(verdict.holds(), "{verdict:?}");
    }

    #[tokio::test]
    async fn computes_the_sha256() {
        let trial = TestContext::new().file("abc", "abc");
        let sha256 = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert!(measured(&trial, json!({ "path": "abc", "sha256": sha256 })).await.holds());
    }

    #[tokio::test]
    async fn shows_both_sides() {
        let trial = TestContext::new().file("a", "hello");
        let measures = vec![
            Measure::new("path", "a file", "there", true),
            Measure::new("size", "5 B", "> 1kB", false),
            Measure::new("content", "hello", "matches /^bye/", false),
        ];
        let verdict = measured(&trial, json!({ "path": "a", "size": "> 1kB", "matches": "^bye" })).await;
        assert_eq!(verdict, Verdict::Unmet { measures });
    }

    #[tokio::test]
    async fn a_file_can_be_expected_to_be_absent() {
        let trial = TestContext::new().file("a", "");
        assert!(measured(&trial, json!({ "path": "b/c", "absent": true })).await.holds());
        let measures = vec![Measure::new("path", "a file", "absent", false)];
        assert_eq!(measured(&trial, json!({ "path": "a", "exists": false })).await, Verdict::Unmet { measures });
        let measures = vec![Measure::new("path", "a", "absent", false)];
        assert_eq!(measured(&trial, json!({ "path": "?", "absent": true })).await, Verdict::Unmet { measures });
        assert!(measured(&trial, json!({ "path": "*.tmp", "absent": true })).await.holds());
        std::os::unix::fs::symlink("nowhere", trial.project().join("link")).expect("writable");
        assert!(!measured(&trial, json!({ "path": "link", "absent": true })).await.holds());
        assert!(!measured(&trial, json!({ "path": "a/", "absent": true })).await.holds());
        let measures = vec![Measure::new("path", "absent", "there", false)];
        assert_eq!(measured(&trial, json!({ "path": "a/c" })).await, Verdict::Unmet { measures });
    }

    #[tokio::test]
    async fn content_of_a_pipe_a_socket_or_a_device_is_not_waited_for() {
        let trial = TestContext::new();
        let pipe = trial.project().join("pipe");
        rustix::fs::mknodat(rustix::fs::CWD, &pipe, rustix::fs::FileType::Fifo, rustix::fs::Mode::RUSR, 0)
            .expect("writable");
        for asked in [
            json!({ "path": "pipe", "contains": "x" }),
            json!({ "path": "pipe", "lacks": "x" }),
            json!({ "path": "pipe", "matches": "x" }),
            json!({ "path": "pipe", "json": "true" }),
            json!({ "path": "pipe", "size": "< 1kB" }),
            json!({ "path": "pipe", "sha256": "0".repeat(64) }),
        ] {
            let measures =
                vec![Measure::new("path", "a pipe", "there", true), Measure::new("path", "a pipe", "a file", false)];
            assert_eq!(measured(&trial, asked).await, Verdict::Unmet { measures });
        }
        assert!(measured(&trial, json!({ "path": "pipe" })).await.holds());
    }

    #[tokio::test]
    async fn a_symbolic_link_out_of_the_project_is_a_fault() {
        let trial = TestContext::new();
        std::os::unix::fs::symlink("/etc", trial.project().join("etc")).expect("writable");
        let fault = body::<File>(&json!({ "path": "etc/passwd" })).measure(&trial.cx).await.expect_err("outside");
        assert_eq!(fault.message, "`etc/passwd` leads out of the project by a symbolic link");
    }

    #[test]
    fn refuses_bodies_that_make_no_sense() {
        for (json, message) in [
            (json!({ "path": "../a" }), "`../a` leads out of the project's folder"),
            (json!({ "path": "/a" }), "`/a` leads out of the project's folder"),
            (
                json!({ "path": "a", "absent": true, "contains": "x" }),
                "nothing can be expected of a file that is absent",
            ),
            (json!({ "path": "a", "mode": "rw" }), "`rw` is not a mode in octal digits"),
            (json!({ "path": "a", "sha256": "x" }), "`x` is not a SHA-256: 64 hexadecimal digits"),
            (json!({ "path": "a", "matches": "[" }), "the regular expression cannot be used: unclosed character class"),
        ] {
            let found = complaints(&json, false, |cx| body::<File>(&json).check(cx));
            assert_eq!(found.iter().map(|(_, text)| text.as_str()).collect::<Vec<_>>(), [message]);
        }
    }
}
