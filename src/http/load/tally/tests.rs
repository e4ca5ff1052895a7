//! Claims about counting.

use super::*;

fn millis(count: u64) -> Duration {
    Duration::from_millis(count)
}

/// A request that was due `due` ms after the start, was seen `lag` ms later, and took `took` ms in all.
fn request(start: Instant, due: u64, lag: u64, took: u64, result: Result<(), Cause>) -> Ended {
    Ended {
        due: start + millis(due),
        seen: start + millis(due + lag),
        over: start + millis(due + took),
        waited: false,
        endpoint: None,
        result: result.map_err(|cause| (cause, "why".to_owned())),
    }
}

#[test]
fn counts_by_cause_and_second() {
    let start = Instant::now();
    let mut tally = Tally::new(start, false);
    tally.begin(start);
    for (due, result) in [
        (0, Ok(())),
        (500, Err(Cause::WrongStatus)),
        (1500, Err(Cause::Refused)),
        (3100, Err(Cause::StaleConnection)),
        (3200, Ok(())),
    ] {
        tally.measure(request(start, due, 0, 10, result));
    }
    let report = tally.report(millis(4000));
    assert_eq!((report.counts.requests, report.counts.ok(), report.counts.failed()), (5, 2, 2));
    assert_eq!(report.counts.of(Cause::StaleConnection), 1);
    let seconds: Vec<(u64, u64, u64)> = report
        .seconds
        .iter()
        .map(|second| (second.at.as_secs(), second.counts.requests, second.counts.failed()))
        .collect();
    assert_eq!(seconds, [(0, 2, 1), (1, 1, 1), (2, 0, 0), (3, 2, 0)]);
    let failures: Vec<(Cause, u128)> =
        report.failures.iter().map(|failed| (failed.cause, failed.due.as_millis())).collect();
    assert_eq!(failures, [(Cause::WrongStatus, 500), (Cause::Refused, 1500)]);
    assert!((report.rate - 1.25).abs() < 1e-9);
}

#[test]
fn a_stale_connection_fails_where_that_is_asked_for() {
    let start = Instant::now();
    let mut tally = Tally::new(start, true);
    tally.begin(start);
    tally.measure(request(start, 0, 0, 1, Err(Cause::StaleConnection)));
    let report = tally.report(millis(1000));
    assert_eq!((report.counts.failed(), report.failures.len()), (1, 1));
}

#[test]
fn latency_runs_from_when_it_was_due_and_blame_from_when_we_were_ready() {
    let start = Instant::now();
    let mut tally = Tally::new(start, false);
    tally.begin(start);
    tally.measure(request(start, 0, 300, 400, Ok(())));
    tally.measure(request(start, 10, 0, 1, Err(Cause::Refused)));
    let report = tally.report(millis(1000));
    assert_eq!(report.latency.max.as_millis(), 400);
    assert_eq!(report.blamed.max.as_millis(), 100);
    assert_eq!(report.latency.p50.as_millis(), 400, "what was refused at once is not fast");
}

#[test]
fn the_log_is_read_by_hdrhistogram() {
    let start = Instant::now();
    let mut tally = Tally::new(start, false);
    tally.begin(start);
    tally.measure(request(start, 0, 0, 5, Ok(())));
    tally.measure(request(start, 1100, 0, 7, Ok(())));
    let log = tally.report(millis(2000)).log;
    let mut lengths = Vec::new();
    for entry in hdrhistogram::serialization::interval_log::IntervalLogIterator::new(log.as_bytes()) {
        if let hdrhistogram::serialization::interval_log::LogEntry::Interval(interval) = entry.expect("well formed") {
            let bytes = BASE64_STANDARD.decode(interval.encoded_histogram()).expect("base64");
            let read: Histogram<u64> =
                hdrhistogram::serialization::Deserializer::new().deserialize(&mut bytes.as_slice()).expect("V2");
            lengths.push((interval.start_timestamp().as_secs(), read.len(), read.max() / 1000));
        }
    }
    assert_eq!(lengths, [(0, 1, 5), (1, 1, 7)]);
}
