//! The scripts that run a step's command in a container whose image knows nothing of us: any `/bin/sh`, and tar for files.
//! Pure.
//!
//! `boot` waits for the files, runs the command with its output in one stream, and reports its exit code and outputs in
//! the termination message. Where artifacts come back it waits until `collect`, started beside it, has sent them.

use std::fmt::Write;
use std::path::Path;

use super::report::{OUTPUT_LIMIT, PREFIX};
use crate::core::kind::executor::Assignment;
use crate::core::mask::SecretText;
use crate::core::model::outcome::Fault;
use crate::kubernetes::job::STEP_FOLDER;
use crate::process::Command;

/// The folder of the container that is the step's own: `work` (the project), `io`, `home`.
pub(super) const FOLDER: &str = "/pipeline";
/// There once all files of the step are; below the folder.
pub(super) const FILES: &str = "io/files";
/// Seconds that a container waits for its files, and for the collection of its artifacts.
const PATIENCE_SECONDS: u32 = 600;
/// Bytes of a Secret that the API server takes, with room for its metadata.
const SECRET_LIMIT: usize = 1_000_000;

/// What becomes of the output of a command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Streams {
    /// Both streams are the container's log.
    Joined,
    /// Both are files that come back, at most so many bytes of each.
    Apart {
        /// Bytes of each.
        limit: usize,
    },
}

impl Streams {
    /// Whether they come back as files.
    pub fn are_apart(self) -> bool {
        self != Streams::Joined
    }

    /// Bytes of each that come back as files.
    pub fn limit(self) -> usize {
        match self {
            Streams::Joined => 0,
            Streams::Apart { limit } => limit,
        }
    }
}

/// What the container starts.
pub(super) fn command() -> Vec<String> {
    runs("boot")
}

/// The command that runs a script beside the container.
pub(super) fn runs(script: &str) -> Vec<String> {
    ["/bin/sh", &format!("{STEP_FOLDER}/{script}")].map(str::to_owned).to_vec()
}

/// The start of the script of every container: how it ends where it cannot do its part, and its folders. `fail` is what
/// the shell runs then, with the reason as `$1`.
pub(super) fn preamble(fail: &str) -> String {
    format!(
        "set -u\n\
         fail() {{ {fail}; }}\n\
         cd {FOLDER} && mkdir -p work io home || fail '{FOLDER} cannot be written'\n"
    )
}

/// A [`preamble`] of a container whose end the runner reads as a [`report`](super::report).
pub(super) fn reporting() -> String {
    format!("report() {{ printf '{PREFIX} %s\\n' \"$1\" > /dev/termination-log; }}\n")
        + &preamble("report \"setup $1\"; exit 125")
}

/// Ends the script where its image does not have a program. Below a [`preamble`].
pub(super) fn needs(program: &str) -> String {
    format!("command -v {program} > /dev/null 2>&1 || fail 'the image has no {program}'\n")
}

/// The files beside the container: the scripts, the environment, the command's input.
///
/// # Errors
/// [`Fault`] of kind invalid when they are too large, or hold what a shell cannot take.
pub(super) fn files(
    command: &Command,
    assignment: &Assignment,
    streams: Streams,
) -> Result<Vec<(String, SecretText)>, Fault> {
    let dir = folder(&command.dir, &assignment.project)?;
    let mut files = vec![
        ("boot".to_owned(), boot(assignment, streams, &dir)),
        ("env".to_owned(), env(command, assignment)?),
        ("start".to_owned(), start(command, streams)?),
    ];
    if returns(assignment, streams) {
        files.push(("collect".to_owned(), collect(&assignment.artifacts, streams)));
    }
    if let Some(stdin) = &command.stdin {
        files.push(("stdin".to_owned(), text(stdin)?.to_owned()));
    }
    let size: usize = files.iter().map(|(name, text)| name.len() + text.len()).sum();
    if size > SECRET_LIMIT {
        let message =
            format!("the script, its input and environment have {size} bytes, at most {SECRET_LIMIT} go to a Pod");
        return Err(Fault::invalid(message).help("put the script into a file of the project, and name it in `inputs:`"));
    }
    Ok(files.into_iter().map(|(name, text)| (name, SecretText::new(text))).collect())
}

/// The command's folder, below the container's own.
fn folder(dir: &Path, project: &Path) -> Result<String, Fault> {
    let below = dir.strip_prefix(project).ok().and_then(Path::to_str);
    let below = below.ok_or_else(|| Fault::invalid(format!("the folder {} is not in the project", dir.display())))?;
    Ok(format!("{FOLDER}/work/{below}"))
}

/// Whether files come back.
fn returns(assignment: &Assignment, streams: Streams) -> bool {
    streams.are_apart() || !assignment.artifacts.is_empty()
}

fn boot(assignment: &Assignment, streams: Streams, dir: &str) -> String {
    let mut script = reporting() + "pause() { sleep 0.1 2>/dev/null || sleep 1; }\n";
    if !assignment.inputs.is_empty() || returns(assignment, streams) {
        script += &needs("tar");
    }
    if !assignment.inputs.is_empty() {
        script += &wait_for_files();
    }
    let _ = write!(
        script,
        ": > io/output\n\
         {own_tmp}\
         . {STEP_FOLDER}/env\n\
         cd {dir} 2> /dev/null || fail \"the folder is not among the inputs: \"{dir}\n\
         : > {FOLDER}/io/started\n\
         exec 2> /dev/null\n\
         stopped=\n\
         trap 'stopped=1; kill -TERM -1 2> /dev/null' TERM\n\
         ( . {STEP_FOLDER}/start ) &\n\
         child=$!\n\
         while :; do wait \"$child\"; code=$?; kill -0 \"$child\" 2> /dev/null || break; done\n\
         {killed}\
         cd {FOLDER}/io\n\
         [ -z \"$stopped\" ] || exit \"$code\"\n\
         if [ -e output ] && [ ! -f output ] || [ -L output ]; then report 'irregular output'; exit \"$code\"; fi\n\
         [ -e output ] || : > output\n",
        own_tmp = own_tmp(),
        killed = killed(),
        dir = quoted(dir)
    );
    if returns(assignment, streams) {
        let polls = PATIENCE_SECONDS * 10;
        let _ = write!(
            script,
            "printf '%s' \"$code\" > exit.new && mv exit.new exit\n\
             report \"exit $code$killed\"\n\
             polls=0\n\
             while [ ! -e collected ] && [ \"$polls\" -lt {polls} ] && [ -z \"$stopped\" ]; do\n\
             polls=$((polls + 1)); pause\n\
             done\n"
        );
    } else {
        let _ = write!(
            script,
            "size=$(($(wc -c < output)))\n\
             if [ \"$size\" -gt {OUTPUT_LIMIT} ]; then report \"large $size\"; exit \"$code\"; fi\n\
             {{ printf '{PREFIX} exit %s\\n' \"$code$killed\"; cat output; }} > /dev/termination-log\n"
        );
    }
    script + "exit \"$code\"\n"
}

/// Whether the kernel ended a process of the container because of its memory, by its own count: the runtime may not have
/// heard of it yet when the container ends.
fn killed() -> &'static str {
    "killed=\n\
     if [ \"$code\" = 137 ]; then\n\
     for file in /sys/fs/cgroup/memory.events /sys/fs/cgroup/memory/memory.oom_control; do\n\
     [ -r \"$file\" ] || continue\n\
     while read -r key count; do [ \"$key\" != oom_kill ] || [ \"$count\" = 0 ] || killed=' oom'; done < \"$file\"\n\
     done\n\
     fi\n"
}

/// A folder for temporary files where the image has none that its user can write to.
pub(super) fn own_tmp() -> String {
    format!("[ -w /tmp ] || {{ mkdir -p {FOLDER}/tmp && export TMPDIR={FOLDER}/tmp; }}\n")
}

/// Waits until all files are there, for a limited time. SIGTERM ends it at once: the first process of a container gets no
/// signal that it has no handler for. Below a [`preamble`].
pub(super) fn wait_for_files() -> String {
    let polls = PATIENCE_SECONDS * 10;
    format!(
        "trap 'exit 143' TERM\n\
         polls=0\n\
         while [ ! -e {FILES} ]; do\n\
         polls=$((polls + 1))\n\
         [ \"$polls\" -lt {polls} ] || fail 'its files did not arrive'\n\
         sleep 0.1 2> /dev/null || sleep 1\n\
         done\n"
    )
}

/// Packs the artifacts once the command has ended; the reader of the archive says when it has it all.
fn collect(artifacts: &[String], streams: Streams) -> String {
    let streams = if streams.are_apart() { "io/stdout io/stderr " } else { "" };
    let mut script = format!(
        "cd {FOLDER}\n\
         while [ ! -e io/exit ]; do sleep 0.1 2>/dev/null || sleep 1; done\n\
         set --\n"
    );
    for prefix in prefixes(artifacts) {
        let path = quoted(&format!("work/{prefix}"));
        let _ = writeln!(script, "if [ -e {path} ] || [ -L {path} ]; then set -- \"$@\" {path}; fi");
    }
    let _ = write!(
        script,
        ": > io/artifacts-complete\n\
         tar -cf - io/exit io/output {streams}\"$@\" io/artifacts-complete || exit 3\n\
         read -r answer && [ \"$answer\" = whole ] && : > io/collected\n"
    );
    script
}

/// The folders and files that the patterns lead to, without those that are below another one.
fn prefixes(patterns: &[String]) -> Vec<String> {
    let mut all: Vec<String> = patterns.iter().map(|pattern| plain_start(pattern)).collect();
    all.sort();
    all.dedup();
    let covers = |outer: &str, inner: &str| {
        outer != inner && (outer.is_empty() || inner.strip_prefix(outer).is_some_and(|rest| rest.starts_with('/')))
    };
    let kept = all.iter().filter(|path| !all.iter().any(|other| covers(other, path)));
    kept.cloned().collect()
}

/// The names of a pattern before its first one with a special character.
fn plain_start(pattern: &str) -> String {
    let names = pattern.split('/').filter(|name| !name.is_empty() && *name != ".");
    names.take_while(|name| !name.contains(['*', '?', '[', '{', '\\'])).collect::<Vec<_>>().join("/")
}

/// What the script exports: the variables that the pipeline's files set, and ours.
fn env(command: &Command, assignment: &Assignment) -> Result<String, Fault> {
    let mut script = format!("export HOME={FOLDER}/home\n");
    for name in &assignment.env {
        let Some(value) = command.variable(name) else { continue };
        let fits = |c: char| c.is_ascii_alphanumeric() || c == '_';
        if !name.chars().all(fits) || name.starts_with(|c: char| c.is_ascii_digit()) {
            return Err(Fault::invalid(format!(
                "the variable `{name}` cannot be handed to a Pod: a shell has no such name"
            )));
        }
        let _ = writeln!(script, "export {name}={}", quoted(text(value.as_encoded_bytes())?));
    }
    let own = [("PIPELINE_PROJECT", "work"), ("PIPELINE_OUTPUT", "io/output")];
    for (name, below) in own {
        let _ = writeln!(script, "export {name}={FOLDER}/{below}");
    }
    if let Some(step) = command.variable("PIPELINE_STEP") {
        let _ = writeln!(script, "export PIPELINE_STEP={}", quoted(text(step.as_encoded_bytes())?));
    }
    Ok(script)
}

/// Starts the command in the place of the shell.
fn start(command: &Command, streams: Streams) -> Result<String, Fault> {
    let words = std::iter::once(&command.program).chain(&command.args);
    let words: Vec<String> = words.map(|word| text(word.as_encoded_bytes()).map(quoted)).collect::<Result<_, _>>()?;
    let input = if command.stdin.is_some() { format!("{STEP_FOLDER}/stdin") } else { "/dev/null".to_owned() };
    let output = match streams {
        Streams::Joined => "2>&1".to_owned(),
        Streams::Apart { .. } => format!("> {FOLDER}/io/stdout 2> {FOLDER}/io/stderr"),
    };
    Ok(format!("exec {} < {input} {output}\n", words.join(" ")))
}

fn text(bytes: &[u8]) -> Result<&str, Fault> {
    std::str::from_utf8(bytes).map_err(|_| Fault::invalid("a command for a Pod holds bytes that are not UTF-8 text"))
}

/// As a shell takes it for one word.
pub(super) fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::sync::Arc;

    use super::*;

    fn assignment(inputs: &[&str], artifacts: &[&str]) -> Assignment {
        let owned = |list: &[&str]| list.iter().map(|text| (*text).to_owned()).collect();
        Assignment {
            pipeline: "shop".to_owned(),
            run: "r1".into(),
            step: "test.unit".into(),
            project: Path::new("/project").into(),
            image: None,
            env: vec!["TOKEN".to_owned(), "UNSET".to_owned()],
            inputs: owned(inputs),
            artifacts: owned(artifacts),
            key: None,
            resumes: false,
            timeout: None,
        }
    }

    fn command() -> Command {
        Command {
            program: "sh".into(),
            args: ["-eu", "-c", "echo 'it is'"].map(Into::into).to_vec(),
            base: Arc::new(BTreeMap::from([("TOKEN", "a'b\nc"), ("PATH", "/bin")].map(|(k, v)| (k.into(), v.into())))),
            dir: "/project/web".into(),
            ..Command::default()
        }
    }

    #[test]
    fn only_what_the_pipeline_sets_goes_with_the_command() {
        let env = env(&command(), &assignment(&[], &[])).expect("names that a shell takes");
        assert!(env.contains("export TOKEN='a'\\''b\nc'\n"), "{env}");
        assert!(!env.contains("PATH") && !env.contains("UNSET"), "{env}");
    }

    #[test]
    fn the_command_takes_the_place_of_the_shell() {
        let expected = "exec 'sh' '-eu' '-c' 'echo '\\''it is'\\''' < /dev/null 2>&1\n";
        assert_eq!(start(&command(), Streams::Joined).expect("text"), expected);
        let apart = start(&command(), Streams::Apart { limit: 1 }).expect("text");
        assert!(apart.ends_with(" > /pipeline/io/stdout 2> /pipeline/io/stderr\n"), "{apart}");
        assert_eq!(folder(Path::new("/project/web"), Path::new("/project")).as_deref(), Ok("/pipeline/work/web"));
        assert!(folder(Path::new("/elsewhere"), Path::new("/project")).is_err());
    }

    #[test]
    fn a_pattern_is_collected_from_the_folder_before_its_first_special_name() {
        let of = |patterns: &[&str]| prefixes(&patterns.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>());
        assert_eq!(of(&["reports/*.xml", "./dist"]), ["dist", "reports"]);
        assert_eq!(of(&["a/b/*.c", "a", "ab"]), ["a", "ab"]);
        assert_eq!(of(&["**/*.xml", "reports"]), [""]);
    }
}
