//! What a command costs: time, processor time, memory. Knows nothing of what is compared.
//!
//! A command is a child of a small process of its own (`pipeline-speed cost`): the memory and the processor time of a
//! process's children are told for all of them together.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::wait::{Id, WaitPidFlag, waitid};
use nix::unistd::Pid;

/// What one run of a command cost.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Cost {
    /// From its start to its end.
    pub wall: Duration,
    /// Processor time of the program itself, without its children; zero where the system does not tell.
    pub own: Duration,
    /// Most memory that it or one of its children had, in bytes.
    pub peak: u64,
}

/// Runs a command in `folder`, with nothing on its input and nowhere to write to, and says what it cost.
///
/// # Errors
/// Where it cannot be started or fails; with its last words.
pub fn of(folder: &Path, command: &[&str]) -> Result<Cost, String> {
    let own = std::env::current_exe().map_err(|error| format!("who am I? {error}"))?;
    let mut child = Command::new(own);
    child.arg("cost").args(command).current_dir(folder).stdin(Stdio::null());
    let output = child.output().map_err(|error| format!("{}: {error}", command[0]))?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        let last: Vec<&str> = said.lines().rev().take(8).collect();
        return Err(format!("{} failed: {}", command.join(" "), last.into_iter().rev().collect::<Vec<_>>().join("\n")));
    }
    let text = String::from_utf8_lossy(&output.stdout);
    let mut figures = text.split_ascii_whitespace().map(|figure| figure.parse().unwrap_or(0));
    let mut next = || figures.next().unwrap_or(0);
    Ok(Cost { wall: Duration::from_nanos(next()), own: Duration::from_millis(next()), peak: next() })
}

/// The other end of [`of`]: runs the command and prints the figures.
pub fn tell(command: &[&str]) -> Result<(), String> {
    let started = Instant::now();
    let mut child = Command::new(command[0])
        .args(&command[1..])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .spawn()
        .map_err(|error| format!("{}: {error}", command[0]))?;
    let pid = Pid::from_raw(i32::try_from(child.id()).unwrap_or_default());
    // it is left a zombie for a moment, so that its own part of the time can be read
    let ended = waitid(Id::Pid(pid), WaitPidFlag::WEXITED | WaitPidFlag::WNOWAIT);
    let wall = started.elapsed();
    let own = own_time(pid);
    let status = child.wait().map_err(|error| error.to_string())?;
    ended.map_err(|error| error.to_string())?;
    if !status.success() {
        return Err(format!("ended with {status}"));
    }
    let usage = getrusage(UsageWho::RUSAGE_CHILDREN).map_err(|error| error.to_string())?;
    // Linux tells KiB
    let peak = u64::try_from(usage.max_rss()).unwrap_or(0) * 1024;
    println!("{} {} {peak}", wall.as_nanos(), own.as_millis());
    Ok(())
}

/// User and system time of a process without its children, which Linux tells in hundredths of a second.
fn own_time(pid: Pid) -> Duration {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    let fields = stat.rsplit(") ").next().unwrap_or_default().split(' ').skip(11).take(2);
    Duration::from_millis(fields.filter_map(|field| field.parse::<u64>().ok()).sum::<u64>() * 10)
}

/// The middle one of several.
pub fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_middle_one_is_the_median() {
        assert_eq!(median(vec![3.0, 1.0, 2.0]).to_string(), "2");
    }
}
