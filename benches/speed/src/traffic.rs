//! Load beside wrk and oha: one nginx worker on loopback, the same connections, the same time, in turns. What a client
//! costs is its own processor time; how many requests there were, nginx itself says.

use std::fmt;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use crate::cost::{self, median};

/// How long a client runs, in seconds.
const SECONDS: u32 = 5;
const CONNECTIONS: u32 = 16;
/// Requests per second of the open loop.
const RATE: u32 = 2_000;

/// One client's figures: medians of the rounds.
struct Row {
    what: String,
    /// Requests per second.
    rate: f64,
    /// Processor time of the client to the time that passed.
    share: f64,
    /// The 99th percentile that it tells, and how late it says it was itself, in milliseconds.
    p99: Option<f64>,
    own: Option<f64>,
    verdict: String,
}

impl fmt::Display for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let millis = |time: Option<f64>| time.map_or_else(String::new, |time| format!("{time:.3} ms"));
        let per_core = self.rate / self.share;
        let (p99, own) = (millis(self.p99), millis(self.own));
        let share = self.share * 100.0;
        write!(
            f,
            "| {} | {:.0} | {share:.0}% | {per_core:.0} | {p99} | {own} | {} |",
            self.what, self.rate, self.verdict
        )
    }
}

/// Measures it and prints a table. Says why where nginx or both of the others are not there.
///
/// # Errors
/// When a client fails.
pub fn measure(pipeline: &Path, folder: &Path, rounds: usize) -> Result<(), String> {
    std::fs::create_dir_all(folder).map_err(|error| error.to_string())?;
    let Some(server) = Nginx::start(folder)? else {
        println!("\ntraffic: nginx is not installed, nothing was measured");
        return Ok(());
    };
    println!("\nLoad on one nginx worker, {CONNECTIONS} connections, {SECONDS} s, {rounds} rounds in turns:\n");
    println!("| client | requests/s | own CPU | requests/s and core | p99 | own lag p99 | |");
    println!("|---|---:|---:|---:|---:|---:|---|");
    let clients = clients(pipeline, &server.url);
    let mut figures: Vec<Vec<(f64, f64, ResponseView)>> = clients.iter().map(|_| Vec::new()).collect();
    for _ in 0..rounds {
        for (client, figures) in clients.iter().zip(&mut figures) {
            let before = server.requests()?;
            let words: Vec<&str> = client.words.iter().map(String::as_str).collect();
            let cost = cost::of(folder, &words)?;
            let requests = server.requests()? - before;
            let wall = cost.wall.as_secs_f64();
            #[expect(clippy::cast_precision_loss, reason = "a rate has a few figures")]
            figures.push((requests as f64 / wall, cost.own.as_secs_f64() / wall, (client.response)(&words)?));
        }
    }
    let rows: Vec<Row> = clients.iter().zip(&figures).map(|(client, figures)| client.row(figures)).collect();
    let per_core = |name: &str| rows.iter().find(|row| row.what.starts_with(name)).map(|row| row.rate / row.share);
    let (own, oha) = (per_core("pipeline, closed"), per_core("oha, closed"));
    for row in &rows {
        println!("{row}");
    }
    if let (Some(own), Some(oha)) = (own, oha) {
        let (wrk, rate) = (per_core("wrk").unwrap_or(f64::NAN), |name: &str| {
            rows.iter().find(|row| row.what.starts_with(name)).map_or(f64::NAN, |row| row.rate)
        });
        println!(
            "\nclosed loop: {:.2} of oha's requests a second, {:.2} of them per core (aim: at least 1); of wrk's {:.2} and {:.2}",
            rate("pipeline, closed") / rate("oha, closed"),
            own / oha,
            rate("pipeline, closed") / rate("wrk"),
            own / wrk
        );
    }
    Ok(())
}

/// What a client says itself: p99 and own lag in milliseconds.
type ResponseView = (Option<f64>, Option<f64>);

struct Client {
    name: &'static str,
    words: Vec<String>,
    response: fn(&[&str]) -> Result<ResponseView, String>,
    /// What is asked of it.
    aim: fn(&Row) -> String,
}

impl Client {
    fn row(&self, figures: &[(f64, f64, ResponseView)]) -> Row {
        let all = |one: fn(&(f64, f64, ResponseView)) -> Option<f64>| {
            let values: Vec<f64> = figures.iter().filter_map(one).collect();
            (!values.is_empty()).then(|| median(values))
        };
        let mut row = Row {
            what: self.name.to_owned(),
            rate: all(|figures| Some(figures.0)).unwrap_or(f64::NAN),
            share: all(|figures| Some(figures.1)).unwrap_or(f64::NAN),
            p99: all(|figures| figures.2.0),
            own: all(|figures| figures.2.1),
            verdict: String::new(),
        };
        row.verdict = (self.aim)(&row);
        row
    }
}

fn clients(pipeline: &Path, url: &str) -> Vec<Client> {
    let pipeline = pipeline.display().to_string();
    let (seconds, connections, rate) = (format!("{SECONDS}s"), CONNECTIONS.to_string(), RATE.to_string());
    let words = |all: &[&str]| all.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>();
    let mut clients = vec![
        Client {
            name: "pipeline, closed loop",
            words: words(&[&pipeline, "traffic", url, "--for", &seconds, "-c", &connections]),
            response: |words| Ok((own_words(words)?.0, None)),
            aim: |_| String::new(),
        },
        Client {
            name: "pipeline, 2000/s",
            words: words(&[
                &pipeline,
                "traffic",
                url,
                "--for",
                &seconds,
                "-c",
                &connections,
                "--rate",
                &format!("{rate}/s"),
            ]),
            response: own_words,
            aim: |row| {
                let held = row.share < 0.15 && row.own.is_some_and(|own| own < 1.0);
                format!("{}: < 15% of a core, own lag < 1 ms", if held { "holds" } else { "missed" })
            },
        },
    ];
    if let Some(wrk) = installed("wrk") {
        let words = words(&[&wrk, "-t1", "-c", &connections, "-d", &seconds, url]);
        clients.push(Client { name: "wrk, closed loop", words, response: |_| Ok((None, None)), aim: |_| String::new() });
    }
    if let Some(oha) = installed("oha") {
        let closed = words(&[&oha, "--no-tui", "-z", &seconds, "-c", &connections, url]);
        let open = words(&[&oha, "--no-tui", "-z", &seconds, "-c", &connections, "-q", &rate, url]);
        clients.push(Client { name: "oha, closed loop", words: closed, response: oha_words, aim: |_| String::new() });
        clients.push(Client { name: "oha, 2000/s", words: open, response: oha_words, aim: |_| String::new() });
    }
    clients
}

/// Where a command is, by PATH.
pub(crate) fn installed(name: &str) -> Option<String> {
    let path = std::env::var_os("PATH")?;
    let found = std::env::split_paths(&path).map(|folder| folder.join(name)).find(|file| file.is_file())?;
    Some(found.display().to_string())
}

pub(crate) fn said(words: &[&str]) -> Result<String, String> {
    let output = Command::new(words[0]).args(&words[1..]).stdin(Stdio::null()).stderr(Stdio::null()).output();
    let output = output.map_err(|error| format!("{}: {error}", words[0]))?;
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// Runs ourselves once more and reads what we say in JSON.
fn own_words(words: &[&str]) -> Result<ResponseView, String> {
    let text = said(&[words, &["--json"]].concat())?;
    let p99 = |part: &str| {
        let after = text.split_once(&format!("\"{part}\""))?.1.split_once("\"p99\":")?.1;
        let digits: String = after.trim_start().chars().take_while(char::is_ascii_digit).collect();
        digits.parse::<f64>().ok().map(|micros| micros / 1000.0)
    };
    Ok((p99("latency_us"), p99("own_lag_us")))
}

/// Runs oha once more and reads its `99.00% in 0.0050 sec`.
fn oha_words(words: &[&str]) -> Result<ResponseView, String> {
    let text = said(words)?;
    let line = text.lines().find_map(|line| line.split_once("99.00% in "));
    let mut parts = line.map(|(_, rest)| rest.split_whitespace()).into_iter().flatten();
    let value: Option<f64> = parts.next().and_then(|number| number.parse().ok());
    let scale = match parts.next() {
        Some("sec" | "secs" | "s") => 1000.0,
        Some("us" | "µs") => 0.001,
        _ => 1.0,
    };
    Ok((value.map(|value| value * scale), None))
}

/// An nginx of one worker, that answers by itself and counts.
struct Nginx {
    url: String,
    address: String,
    child: Child,
}

impl Nginx {
    fn start(folder: &Path) -> Result<Option<Self>, String> {
        let Some(program) =
            installed("nginx").or_else(|| Path::new("/usr/sbin/nginx").exists().then(|| "/usr/sbin/nginx".to_owned()))
        else {
            return Ok(None);
        };
        let port =
            TcpListener::bind("127.0.0.1:0").and_then(|it| it.local_addr()).map_err(|error| error.to_string())?.port();
        let config: PathBuf = folder.join("nginx.conf");
        let at = folder.display();
        let text = format!(
            "worker_processes 1; daemon off; pid {at}/nginx.pid; error_log {at}/error.log;\n\
             events {{ worker_connections 1024; }}\n\
             http {{ access_log off; keepalive_requests 1000000000;\n\
             client_body_temp_path {at}/a; proxy_temp_path {at}/b; fastcgi_temp_path {at}/c; uwsgi_temp_path {at}/d; scgi_temp_path {at}/e;\n\
             server {{ listen 127.0.0.1:{port};\n\
             location = /status {{ stub_status; }} location / {{ return 200 \"hello\\n\"; }} }} }}\n"
        );
        std::fs::write(&config, text).map_err(|error| error.to_string())?;
        let mut command = Command::new(program);
        command
            .arg("-p")
            .arg(folder)
            .arg("-c")
            .arg(&config)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        let child = command.spawn().map_err(|error| format!("nginx: {error}"))?;
        let address = format!("127.0.0.1:{port}");
        let server = Nginx { url: format!("http://{address}/"), address, child };
        for _ in 0..200 {
            if server.requests().is_ok() {
                return Ok(Some(server));
            }
            std::thread::sleep(Duration::from_millis(25));
        }
        Err("nginx does not answer".to_owned())
    }

    /// Requests so far, without the question itself.
    fn requests(&self) -> Result<u64, String> {
        let mut stream = TcpStream::connect(&self.address).map_err(|error| error.to_string())?;
        let _ = stream.write_all(b"GET /status HTTP/1.0\r\n\r\n");
        let mut text = String::new();
        let _ = stream.read_to_string(&mut text);
        let line = text.lines().skip_while(|line| !line.starts_with("server accepts")).nth(1);
        let count = line.and_then(|line| line.split_whitespace().nth(2)).and_then(|count| count.parse::<u64>().ok());
        count.map(|count| count.saturating_sub(1)).ok_or_else(|| "nginx does not say its counts".to_owned())
    }
}

impl Drop for Nginx {
    fn drop(&mut self) {
        // SIGTERM to the master ends its worker too; killed, it would leave it behind.
        let ended = Command::new("kill").arg(self.child.id().to_string()).status();
        if !ended.is_ok_and(|status| status.success()) {
            let _ = self.child.kill();
        }
        let _ = self.child.wait();
    }
}
