//! What a child costs beside a bare `posix_spawn`: run by hand, in release, on a quiet machine.
//! `cargo test --release --lib drivers::process::cost -- --ignored --nocapture`

use std::path::PathBuf;
use std::process::Stdio;
use std::time::{Duration, Instant};

use tokio_util::sync::CancellationToken;

use super::{Command, LineSink, Stop, run};

const COUNT: usize = 4000;
const JOBS: usize = 2;

struct Nowhere;

impl LineSink for Nowhere {
    fn line(&self, _: &[u8]) {}
}

/// Processor time of this process and of the children it has waited for, in clock ticks.
fn ticks() -> u64 {
    let stat = std::fs::read_to_string("/proc/self/stat").expect("Linux");
    let fields = stat[stat.rfind(')').expect("a name") + 2..].split(' ').skip(11).take(4);
    fields.map(|field| field.parse::<u64>().expect("a number")).sum()
}

/// `COUNT` times `sh -c true`, two at a time, as cheap as std can: one thread each, no pipe, no environment.
fn bare() -> Duration {
    let start = Instant::now();
    std::thread::scope(|scope| {
        for _ in 0..JOBS {
            scope.spawn(|| {
                for _ in 0..COUNT / JOBS {
                    std::process::Command::new("/bin/sh")
                        .args(["-c", "true"])
                        .stdin(Stdio::null())
                        .status()
                        .expect("sh is everywhere");
                }
            });
        }
    });
    start.elapsed()
}

/// The same through this driver, with an environment of the usual size.
async fn driven() -> Duration {
    let command = Command {
        program: "sh".into(),
        args: vec!["-c".into(), "true".into()],
        env: std::env::vars_os().collect(),
        dir: PathBuf::from("/"),
        ..Command::default()
    };
    let start = Instant::now();
    let jobs = (0..JOBS).map(|_| {
        let command = command.clone();
        async move {
            let stop = Stop { cancel: CancellationToken::new(), grace: Duration::from_secs(5) };
            for _ in 0..COUNT / JOBS {
                run(&command, &Nowhere, &stop).await.expect("sh is everywhere");
            }
        }
    });
    futures::future::join_all(jobs).await;
    start.elapsed()
}

#[test]
#[ignore = "a measurement: run by hand in release"]
#[expect(clippy::print_stderr, reason = "the figure is what it is for")]
fn costs_beside_a_bare_loop() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let mut ratios = Vec::new();
    for _ in 0..5 {
        let start = ticks();
        let bare = bare();
        let middle = ticks();
        let driven = runtime.block_on(driven());
        // a busy machine stretches the clock; processor time tells what the driver itself costs
        let (less, more) = (middle - start, ticks() - middle);
        ratios.push(driven.as_secs_f64() / bare.as_secs_f64());
        eprintln!("bare {bare:?} ({less} ticks), driven {driven:?} ({more} ticks)");
    }
    ratios.sort_by(f64::total_cmp);
    eprintln!("median ratio {:.3}", ratios[ratios.len() / 2]);
}
