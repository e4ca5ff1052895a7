//! Processes that outlived the runner that started them: found by the cookie that every process of a run carries in its
//! environment, ended with their groups. Never goes by a name.

use std::collections::BTreeMap;
use std::time::Duration;

use rustix::process::{Pid, getpgrp};

use crate::process::Group;
use crate::process::stat::Stat;

/// The variable that holds a run's cookie.
pub const COOKIE: &str = "PIPELINE_COOKIE";
/// The variable whose file is named after the step's node.
const OUTPUT: &str = "PIPELINE_OUTPUT";

/// A process of a run that is over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Orphan {
    /// Its id.
    pub pid: i32,
    /// Its process group.
    pub group: i32,
    /// The index of the node that started it, if it is known.
    pub node: Option<u32>,
    /// Its program, for people.
    pub program: String,
}

/// A fresh cookie: 32 letters and digits.
///
/// # Errors
/// [`crate::core::model::outcome::Fault`] when the operating system gives no random numbers.
pub fn cookie() -> Result<String, crate::core::model::outcome::Fault> {
    Ok(crate::secrets::secret_store::generate(32)?.expose().to_owned())
}

/// The processes that carry this cookie and still run.
pub fn find(cookie: &str) -> Vec<Orphan> {
    if cookie.len() < 16 {
        return Vec::new();
    }
    let found = if std::path::Path::new("/proc/self/environ").exists() { in_proc(cookie) } else { by_ps(cookie) };
    let own = i32::try_from(std::process::id()).unwrap_or_default();
    found.into_iter().filter(|orphan| orphan.pid != own).collect()
}

/// Ends them with their groups: SIGTERM, `grace`, SIGKILL. Comes back when none runs any more.
pub async fn end(orphans: &[Orphan], grace: Duration) {
    let own = getpgrp();
    let groups: BTreeMap<i32, Group> = orphans
        .iter()
        .filter_map(|orphan| Some((orphan.group, Pid::from_raw(orphan.group)?)))
        .filter(|(_, group)| *group != own && !group.is_init())
        .map(|(number, group)| (number, Group::of(group)))
        .collect();
    for group in groups.values() {
        group.terminate();
    }
    futures::future::join_all(groups.values().map(|group| group.gone(grace))).await;
}

fn in_proc(cookie: &str) -> Vec<Orphan> {
    let wanted = format!("{COOKIE}={cookie}");
    let Ok(entries) = std::fs::read_dir("/proc") else { return Vec::new() };
    entries
        .flatten()
        .filter_map(|entry| entry.file_name().to_str()?.parse::<i32>().ok())
        .filter_map(|pid| {
            // What is not ours cannot be read, and is no process of our run.
            let environ = std::fs::read(format!("/proc/{pid}/environ")).ok()?;
            let mut variables = environ.split(|byte| *byte == 0);
            variables.clone().any(|variable| variable == wanted.as_bytes()).then_some(())?;
            let output = variables.find_map(|variable| variable.strip_prefix(OUTPUT.as_bytes())?.strip_prefix(b"="));
            let stat = Stat::of(pid).filter(|stat| !stat.has_ended())?;
            let node = output.and_then(|path| node_of(&String::from_utf8_lossy(path)));
            Some(Orphan { pid, group: stat.group, node, program: stat.program })
        })
        .collect()
}

/// `…/12.output` is node 12.
fn node_of(path: &str) -> Option<u32> {
    path.rsplit('/').next()?.strip_suffix(".output")?.parse().ok()
}

/// Where there is no /proc: `ps` shows the environment of one's own processes.
fn by_ps(cookie: &str) -> Vec<Orphan> {
    let arguments = if cfg!(target_os = "linux") { "axeww" } else { "-axEww" };
    let listed = std::process::Command::new("ps").args([arguments, "-o", "pid=,pgid=,stat=,command="]).output();
    let Ok(listed) = listed else { return Vec::new() };
    of_ps(&String::from_utf8_lossy(&listed.stdout), cookie)
}

fn of_ps(text: &str, cookie: &str) -> Vec<Orphan> {
    let wanted = format!("{COOKIE}={cookie}");
    let of_line = |line: &str| {
        let mut words = line.split_whitespace();
        let (pid, group) = (words.next()?.parse().ok()?, words.next()?.parse().ok()?);
        let (state, program) = (words.next()?, words.next()?.to_owned());
        let mut variables = words.clone();
        (variables.any(|word| word == wanted) && !state.starts_with('Z')).then_some(())?;
        let node = words.find_map(|word| node_of(word.strip_prefix(OUTPUT)?.strip_prefix('=')?));
        Some(Orphan { pid, group, node, program })
    };
    text.lines().filter_map(of_line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::process::CommandExt;
    use std::process::{Child, Command};

    fn sleeper(cookie: &str) -> Child {
        Command::new("sleep")
            .arg("600")
            .env(COOKIE, cookie)
            .env(OUTPUT, "/tmp/x/7.output")
            .process_group(0)
            .spawn()
            .expect("sleep is there")
    }

    #[tokio::test]
    async fn finds_and_ends_what_carries_the_cookie_and_nothing_else() {
        let (ours, theirs) = (cookie().expect("random"), cookie().expect("random"));
        let (mut orphan, mut other) = (sleeper(&ours), sleeper(&theirs));
        let pid = i32::try_from(orphan.id()).expect("a process id");
        // between fork and exec a child has its parent's environment still
        let found = loop {
            match find(&ours) {
                found if found.is_empty() => tokio::task::yield_now().await,
                found => break found,
            }
        };
        assert_eq!(found, [Orphan { pid, group: pid, node: Some(7), program: "sleep".to_owned() }]);
        end(&found, Duration::from_secs(20)).await;
        assert!(!orphan.wait().expect("ended").success());
        assert_eq!(find(&ours), []);
        assert!(other.try_wait().expect("asked").is_none(), "another run's process lives on");
        other.kill().expect("ours");
        let _ = other.wait();
    }

    #[test]
    fn reads_what_ps_says() {
        let text = "  12    10 S    sleep 600 PATH=/bin PIPELINE_COOKIE=0123456789abcdef PIPELINE_OUTPUT=/t/3.output\n\
                    13 13 Z sh PIPELINE_COOKIE=0123456789abcdef\n   14 14 S cat PIPELINE_COOKIE=0123456789abcdeF\n";
        let orphan = Orphan { pid: 12, group: 10, node: Some(3), program: "sleep".to_owned() };
        assert_eq!(of_ps(text, "0123456789abcdef"), [orphan]);
    }
}
