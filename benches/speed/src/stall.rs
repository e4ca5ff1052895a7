//! What clients say of a server that stands still for half a second in every five, beside what follows from that: the
//! server of the cluster's tests, built by `cc`. A client that waits with its next request spares it.

use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use crate::traffic::{installed, said};

/// Two periods.
const SECONDS: u32 = 10;
const RATE: u32 = 200;

/// p95, p99 and max in milliseconds, as far as they are told.
type ResponseView = [Option<f64>; 3];

/// Measures it and prints a table.
///
/// # Errors
/// When the server cannot be built or a client cannot be started.
pub fn measure(pipeline: &Path, folder: &Path) -> Result<(), String> {
    std::fs::create_dir_all(folder).map_err(|error| error.to_string())?;
    let Some(cc) = installed("cc") else {
        println!("\na server that stands still: cc is not installed, nothing was measured");
        return Ok(());
    };
    let server = Stalls::start(&cc, folder)?;
    let url = format!("http://{}/", server.address);
    let (seconds, rate) = (format!("{SECONDS}s"), RATE.to_string());
    println!("\nA server that stands still for 500 ms in every 5 s, {SECONDS} s:\n");
    println!("| client | p95 | p99 | max |");
    println!("|---|---:|---:|---:|");
    show(&format!("what {RATE}/s must see"), [Some(250.0), Some(450.0), Some(500.0)]);
    let pipeline = pipeline.display().to_string();
    let open = [&pipeline, "traffic", &url, "--for", &seconds, "-c", "128", "--rate", &format!("{rate}/s"), "--json"];
    show(&format!("pipeline, {RATE}/s"), own(&said(&open)?));
    let closed = [&pipeline, "traffic", &url, "--for", &seconds, "-c", "16", "--json"];
    show("pipeline, closed loop, 16 connections", own(&said(&closed)?));
    if let Some(oha) = installed("oha") {
        let words = [&oha, "--no-tui", "-z", &seconds, "-c", "16", &url];
        show("oha, closed loop, 16 connections", of_oha(&said(&words)?));
        let words = [&oha, "--no-tui", "-z", &seconds, "-c", "16", "-q", &rate, &url];
        show(&format!("oha, {RATE}/s, 16 connections"), of_oha(&said(&words)?));
    }
    if let Some(wrk) = installed("wrk") {
        let words = [&wrk, "-t1", "-c", "16", "-d", &seconds, "--latency", &url];
        show("wrk, closed loop, 16 connections", of_wrk(&said(&words)?));
    }
    Ok(())
}

fn show(client: &str, response: ResponseView) {
    let [p95, p99, max] = response.map(|time| time.map_or_else(String::new, |time| format!("{time:.1} ms")));
    println!("| {client} | {p95} | {p99} | {max} |");
}

fn own(text: &str) -> ResponseView {
    let latency = text.split_once("\"latency_us\"").map_or("", |(_, rest)| rest);
    ["\"p95\":", "\"p99\":", "\"max\":"].map(|name| {
        let after = latency.split_once(name)?.1.trim_start();
        let digits: String = after.chars().take_while(char::is_ascii_digit).collect();
        digits.parse::<f64>().ok().map(|micros| micros / 1000.0)
    })
}

fn of_oha(text: &str) -> ResponseView {
    ["95.00% in ", "99.00% in ", "Slowest:"].map(|name| {
        let line = text.lines().find_map(|line| Some(line.split_once(name)?.1))?;
        let mut words = line.split_whitespace();
        time(words.next()?, words.next()?)
    })
}

/// `99%  441.98ms`, and the third figure of `Latency  21.95ms  81.37ms  510.70ms  93.28%`.
fn of_wrk(text: &str) -> ResponseView {
    let whole = |word: &str| word.find(char::is_alphabetic).and_then(|at| time(&word[..at], &word[at..]));
    let field = |name: &str, place: usize| {
        let line = text.lines().map(str::trim_start).find(|line| line.starts_with(name))?;
        whole(line.split_whitespace().nth(place)?)
    };
    [None, field("99% ", 1), field("Latency  ", 3)]
}

fn time(number: &str, unit: &str) -> Option<f64> {
    let scale = match unit {
        "s" | "sec" | "secs" => 1000.0,
        "us" | "µs" => 0.001,
        _ => 1.0,
    };
    number.parse::<f64>().ok().map(|value| value * scale)
}

/// The server.
struct Stalls {
    address: String,
    child: Child,
}

impl Stalls {
    fn start(cc: &str, folder: &Path) -> Result<Self, String> {
        let source = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/cluster/traffic/server.c");
        let program = folder.join("stalls");
        let built = Command::new(cc).args(["-O1", "-pthread", "-o"]).arg(&program).arg(source).status();
        if !built.is_ok_and(|status| status.success()) {
            return Err(format!("{source} cannot be built"));
        }
        let port =
            TcpListener::bind("127.0.0.1:0").and_then(|it| it.local_addr()).map_err(|error| error.to_string())?;
        let mut command = Command::new(program);
        command.env("PORT", port.port().to_string()).env("STALL_MS", "500").env("EVERY_MS", "5000");
        command.env("ON_TERM", "exit").stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let child = command.spawn().map_err(|error| error.to_string())?;
        let server = Stalls { address: port.to_string(), child };
        for _ in 0..200 {
            if TcpStream::connect(&server.address).is_ok() {
                return Ok(server);
            }
            std::thread::sleep(Duration::from_millis(25));
        }
        Err("the server does not listen".to_owned())
    }
}

impl Drop for Stalls {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_the_others_say() {
        let wrk = "    Latency    21.95ms   81.37ms 510.70ms   93.28%\n     99%  441.98us\n";
        assert_eq!(of_wrk(wrk), [None, Some(0.441_98), Some(510.7)]);
        let oha = "  Slowest:\t526.3036 ms\n  95.00% in 0.0025 sec\n  99.00% in 458.4291 ms\n";
        assert_eq!(of_oha(oha), [Some(2.5), Some(458.4291), Some(526.3036)]);
    }
}
