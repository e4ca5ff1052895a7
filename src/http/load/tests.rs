//! Claims about the whole generator, against servers that misbehave on purpose and count what they see.

pub(crate) mod certificate;
mod http2;
mod server;

use std::sync::atomic::Ordering;

use super::*;
use crate::http::{Request, Trust};
use server::{Act, Server};

/// Judges by the status, and by the body where one is wanted.
struct Expects(Option<&'static str>);

impl ResponseCheck for Expects {
    fn reads_body(&self) -> bool {
        self.0.is_some()
    }

    fn judge(&self, response: &ResponseView<'_>) -> Result<(), (Cause, String)> {
        if response.status != 200 {
            return Err((Cause::WrongStatus, response.status.to_string()));
        }
        match self.0 {
            Some(body) if body.as_bytes() != response.body => Err((Cause::WrongBody, "another body".to_owned())),
            _ => Ok(()),
        }
    }
}

fn load(url: &str, pace: Pace, until: Until) -> Load {
    let target = Target::new(&Request::get(url), &Trust::default(), Protocol::Http1, true).expect("well formed");
    Load {
        targets: vec![target],
        pace,
        connections: 8,
        protocol: Protocol::Http1,
        timeout: Duration::from_secs(20),
        keep_alive: true,
        stale_fails: false,
        warmup: Duration::ZERO,
        patience: Duration::from_secs(60),
        until,
        judge: Arc::new(Expects(None)),
    }
}

fn open(rate: f64) -> Pace {
    Pace::Open { rate, poisson: None }
}

async fn measured(load: Load) -> Report {
    start(load).expect("started").report().await.expect("measured")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_the_client_counts_is_what_the_server_counted() {
    counts_agree(20_000).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "takes its time; `cargo test --release --lib -- --ignored counts_agree`"]
async fn counts_agree_over_a_hundred_thousand() {
    counts_agree(100_000).await;
}

async fn counts_agree(requests: u64) {
    // Every way to end, in turns that no other number of requests divides; the rest is answered.
    let server = Server::start(|number| match number % 101 {
        3 => Act::Status(503),
        17 => Act::ResetInBody,
        31 => Act::CloseInBody,
        47 => Act::CloseUnanswered,
        61 => Act::HalfClose,
        83 => Act::Stall(Duration::from_millis(20)),
        97 => Act::SayClose,
        _ => Act::Answer,
    })
    .await;
    let report = measured(load(&server.url, Pace::Closed, Until::Requests(requests))).await;
    let seen = |act: usize| server.seen[act].load(Ordering::SeqCst);
    let counts = &report.counts;
    assert_eq!(counts.requests, requests);
    assert_eq!(counts.requests, server.requests.load(Ordering::SeqCst), "{counts:?}");
    assert_eq!(counts.of(Cause::WrongStatus), seen(server::STATUS));
    assert_eq!(counts.of(Cause::Reset), seen(server::RESET_IN_BODY));
    assert_eq!(counts.of(Cause::Closed), seen(server::CLOSE_IN_BODY) + seen(server::CLOSE_UNANSWERED));
    assert_eq!(counts.ok(), seen(server::ANSWER));
    assert!(counts.failed() > requests / 30 && counts.failed() == counts.requests - counts.ok(), "{counts:?}");
}

/// The most that a thread with nothing to do wakes later than it was to, within this time.
async fn held_up(time: Duration) -> Duration {
    let look = move || {
        let (begun, nap, mut most) = (std::time::Instant::now(), Duration::from_millis(1), Duration::ZERO);
        while begun.elapsed() < time {
            let napping = std::time::Instant::now();
            std::thread::sleep(nap);
            most = most.max(napping.elapsed().saturating_sub(nap));
        }
        most
    };
    tokio::task::spawn_blocking(look).await.expect("no panic")
}

/// A server that stalls for `pause` at the end of each `every`, and what the load says of that beside what has to be
/// so: a request due while it stalls is answered when it goes on.
async fn stalled(every: Duration, pause: Duration, periods: u32, rate: f64) {
    let server = Server::start(|_| Act::Answer).await;
    server.stand_still(pause, every);
    let mut load = load(&server.url, open(rate), Until::Elapsed(every * periods));
    load.connections = 128;
    let (report, held_up) = (measured(load), held_up(every * periods));
    let (report, held_up) = tokio::join!(report, held_up);
    assert_eq!(report.counts.failed(), 0, "{:?}", report.counts);
    let share = pause.as_secs_f64() / every.as_secs_f64();
    let p99 = pause.mul_f64(1.0 - 0.01 / share);
    // What this machine did beside that: the server answers late, the client sends late and wakes late for the answer. All
    // were measured, the last on a thread that does nothing else.
    let noise = server.overslept() + report.own.max + held_up;
    for (name, measured, expected) in [("p99", report.latency.p99, p99), ("max", report.latency.max, pause)] {
        let (low, high) = (expected.mul_f64(0.98), expected.mul_f64(1.02) + noise);
        assert!(
            (low..=high).contains(&measured),
            "{name} is {measured:?}, not in {low:?} to {high:?}: {:?}",
            report.latency
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn latency_runs_from_when_a_request_was_due() {
    // A tenth of all requests are due while it stalls. A closed loop would have seen one for each connection.
    stalled(Duration::from_secs(1), Duration::from_millis(100), 3, 1000.0).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "takes 20 s"]
async fn latency_agrees_with_the_arithmetic_of_half_a_second_in_five() {
    stalled(Duration::from_secs(5), Duration::from_millis(500), 4, 200.0).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_connection_closed_just_before_the_request_is_counted_apart() {
    // The server resets a connection as a client's request reaches it unread: after each second answer.
    let server = Server::start(|number| if number % 2 == 1 { Act::AnswerThenResetUnread } else { Act::Answer }).await;
    let mut load = load(&server.url, Pace::Closed, Until::Requests(200));
    load.connections = 1;
    let report = measured(load).await;
    let counts = &report.counts;
    assert_eq!(counts.failed(), 0, "{counts:?} {:?}", report.failures);
    assert!(counts.of(Cause::StaleConnection) > 0, "{counts:?}");
    assert_eq!(counts.ok(), server.requests.load(Ordering::SeqCst), "no request is sent twice");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_request_that_was_read_and_not_answered_is_a_failure_on_a_kept_connection_too() {
    let server = Server::start(|number| if number % 4 == 3 { Act::CloseUnanswered } else { Act::Answer }).await;
    let mut load = load(&server.url, Pace::Closed, Until::Requests(100));
    load.connections = 1;
    let report = measured(load).await;
    assert_eq!((report.counts.of(Cause::Closed), report.counts.of(Cause::StaleConnection)), (25, 0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_generator_that_stood_still_says_so() {
    struct Sleeps;
    impl ResponseCheck for Sleeps {
        fn reads_body(&self) -> bool {
            false
        }
        fn judge(&self, _: &ResponseView<'_>) -> Result<(), (Cause, String)> {
            // In the generator's own thread, as a machine that is too busy would do.
            std::thread::park_timeout(Duration::from_millis(50));
            Ok(())
        }
    }
    let server = Server::start(|_| Act::Answer).await;
    let judge = Arc::new(Sleeps);
    let report = measured(Load { judge, ..load(&server.url, open(200.0), Until::Requests(100)) }).await;
    assert_eq!(report.counts.requests, 100);
    let fault = report.behind().expect("it fell behind");
    assert!(fault.message.starts_with("the load generator itself fell behind: "), "{}", fault.message);
    assert!(report.blamed.p50 < report.latency.p50, "the server is not blamed: {report:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_slow_server_is_not_taken_for_a_slow_generator() {
    let server = Server::start(|_| Act::Stall(Duration::from_millis(300))).await;
    let report = measured(load(&server.url, open(100.0), Until::Requests(60))).await;
    assert_eq!(report.counts.failed(), 0);
    assert!(report.counts.late > 0 && report.latency.p99 > Duration::from_millis(900), "{:?}", report.latency);
    assert!(report.blamed.p99 > Duration::from_millis(900), "the server is to blame: {:?}", report.blamed);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_cannot_be_sent_in_time_is_counted() {
    let server = Server::start(|_| Act::Stall(Duration::from_millis(400))).await;
    let mut load = load(&server.url, open(50_000.0), Until::Requests(50));
    load.connections = 1;
    load.timeout = Duration::from_millis(900);
    let report = measured(load).await;
    let (unsent, timed_out) = (report.counts.of(Cause::Unsent), report.counts.of(Cause::TimedOut));
    assert!(unsent > 0 && unsent + timed_out >= 47, "{:?}", report.counts);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_there_and_no_such_name_are_distinguished() {
    let silent = tokio::net::TcpSocket::new_v4().expect("a socket");
    silent.bind(([127, 0, 0, 1], 0).into()).expect("a free port");
    let url = format!("http://{}", silent.local_addr().expect("bound"));
    let report = measured(load(&url, open(500.0), Until::Requests(20))).await;
    assert_eq!(report.counts.of(Cause::Refused), 20);
    assert_eq!(report.failures[0].detail, "Connection refused (os error 111)");
    let report = measured(load("http://no-such-host.invalid/", open(500.0), Until::Requests(3))).await;
    assert_eq!(report.counts.of(Cause::Dns), 3);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_body_with_a_good_status_is_a_failure() {
    let server = Server::start(|_| Act::Answer).await;
    let judge = Arc::new(Expects(Some("bye")));
    let report = measured(Load { judge, ..load(&server.url, Pace::Closed, Until::Requests(50)) }).await;
    assert_eq!((report.counts.of(Cause::WrongBody), report.counts.ok()), (50, 0));
    let judge = Arc::new(Expects(Some("ok")));
    let report = measured(Load { judge, ..load(&server.url, Pace::Closed, Until::Requests(50)) }).await;
    assert_eq!((report.counts.failed(), report.counts.ok()), (0, 50));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn is_up_once_the_warm_up_is_clean_and_measures_nothing_of_it() {
    // The first answers are bad; what is measured later is not.
    let server = Server::start(|number| if number < 5 { Act::Status(503) } else { Act::Answer }).await;
    let mut load = load(&server.url, open(200.0), Until::Requests(50));
    load.warmup = Duration::from_millis(200);
    let mut running = start(load).expect("started");
    let mut live = running.live();
    live.wait_for(|live| live.up).await.expect("it comes up");
    let report = running.report().await.expect("measured");
    assert_eq!((report.counts.requests, report.counts.failed()), (50, 0));
    assert!(server.requests.load(Ordering::SeqCst) >= 90, "the warm-up was sent too");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn says_what_failed_where_the_warm_up_never_comes_clean() {
    let server = Server::start(|_| Act::Status(500)).await;
    let mut load = load(&server.url, open(100.0), Until::Stopped);
    load.warmup = Duration::from_millis(100);
    load.patience = Duration::from_millis(400);
    let Err(Broken::NotClean(report)) = start(load).expect("started").report().await else { panic!("never clean") };
    assert_eq!(report.failures[0].cause, Cause::WrongStatus);
    assert_eq!(report.counts.requests, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ends_well_when_stopped_and_loses_nothing_under_way() {
    let server = Server::start(|_| Act::Stall(Duration::from_millis(50))).await;
    let mut running = start(load(&server.url, open(100.0), Until::Stopped)).expect("started");
    tokio::time::sleep(Duration::from_millis(300)).await;
    running.stop();
    let report = running.report().await.expect("measured");
    assert!(report.counts.requests > 0 && report.counts.failed() == 0, "{:?}", report.counts);
    assert_eq!(report.counts.requests, server.requests.load(Ordering::SeqCst));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn asks_targets_by_their_weight() {
    let server = Server::start(|_| Act::Answer).await;
    let mut load = load(&server.url, Pace::Closed, Until::Requests(400));
    let other = format!("{}missing", server.url);
    load.targets
        .push(Target::new(&Request::get(other), &Trust::default(), Protocol::Http1, true).expect("well formed"));
    load.targets[0].weight = 3;
    let report = measured(load).await;
    assert_eq!((report.counts.ok(), report.counts.of(Cause::WrongStatus)), (300, 100));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn leaves_endpoints_that_are_gone() {
    let (one, two) = (Server::start(|_| Act::Answer).await, Server::start(|_| Act::Answer).await);
    let (endpoints, list) = watch::channel(Arc::new(vec![one.address]));
    let mut load = load(&one.url, open(200.0), Until::Stopped);
    load.targets[0].addresses = Addresses::Spread(list);
    let mut running = start(load).expect("started");
    while one.requests.load(Ordering::SeqCst) < 20 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    endpoints.send_replace(Arc::new(vec![two.address]));
    while two.requests.load(Ordering::SeqCst) < 20 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let before = one.requests.load(Ordering::SeqCst);
    while two.requests.load(Ordering::SeqCst) < 40 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    assert_eq!(one.requests.load(Ordering::SeqCst), before);
    running.stop();
    assert_eq!(running.report().await.expect("measured").counts.failed(), 0);
}
