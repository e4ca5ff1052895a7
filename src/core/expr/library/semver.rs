//! Semantic versions. Build metadata has no order.

use std::cmp::Ordering;

use super::super::failure::{Error, Out};
use super::super::meter::Meter;
use super::super::overload::{Overload, T, global, method};
use super::super::value::Value;
use super::unexpected;

/// A version.
#[derive(Debug, Clone)]
pub(in crate::core::expr) struct Semver {
    numbers: [u64; 3],
    pre: Vec<Part>,
    /// As it was written.
    pub text: String,
}

/// A part of a pre-release: numbers are below texts.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Part {
    Number(u64),
    Text(String),
}

pub(super) const FUNCTIONS: &[Overload] = &[
    method(
        "compareTo",
        &[T::Semver, T::Semver],
        T::Int,
        compare_to,
        "semver('1.2.3').compareTo(semver('1.10.0')) == -1",
    ),
    method(
        "isGreaterThan",
        &[T::Semver, T::Semver],
        T::Bool,
        is_greater,
        "semver('1.0.0').isGreaterThan(semver('1.0.0-rc.1'))",
    ),
    method("isLessThan", &[T::Semver, T::Semver], T::Bool, is_less, "semver('1.2.3').isLessThan(semver('2.0.0'))"),
    global("isSemver", &[T::Text], T::Bool, is_semver, "isSemver('1.0.0')"),
    global("isSemver", &[T::Text, T::Bool], T::Bool, is_semver, "isSemver('v1.0', true)"),
    method("major", &[T::Semver], T::Int, |_, args| number(args, 0), "semver('1.2.3').major() == 1"),
    method("minor", &[T::Semver], T::Int, |_, args| number(args, 1), "semver('1.2.3').minor() == 2"),
    method("patch", &[T::Semver], T::Int, |_, args| number(args, 2), "semver('1.2.3').patch() == 3"),
    global("semver", &[T::Text], T::Semver, semver, "semver('1.2.3') == semver('1.2.3+build')"),
    global("semver", &[T::Text, T::Bool], T::Semver, semver, "semver('v1.2', true) == semver('1.2.0')"),
];

impl Semver {
    fn parse(text: &str) -> Option<Semver> {
        let mut fields = text.splitn(3, '.');
        let (major, minor, rest) = (fields.next()?, fields.next()?, fields.next()?);
        let (rest, build) = rest.split_once('+').map_or((rest, None), |(rest, build)| (rest, Some(build)));
        let (patch, pre) = rest.split_once('-').map_or((rest, None), |(patch, pre)| (patch, Some(pre)));
        if build.is_some_and(|build| !build.split('.').all(is_identifier)) {
            return None;
        }
        let pre = pre.map_or_else(|| Some(Vec::new()), |pre| pre.split('.').map(part).collect())?;
        let numbers = [plain_number(major)?, plain_number(minor)?, plain_number(patch)?];
        Some(Semver { numbers, pre, text: text.to_owned() })
    }

    /// With a leading `v`, leading zeros and missing parts put right.
    fn parse_tolerantly(text: &str) -> Option<Semver> {
        let mut fields: Vec<String> =
            text.strip_prefix('v').unwrap_or(text).splitn(3, '.').map(without_zeros).collect();
        if fields.len() < 3 && fields.last()?.contains(['+', '-']) {
            return None;
        }
        fields.resize(3, "0".to_owned());
        Semver::parse(&fields.join("."))
    }

    fn compare(&self, other: &Semver) -> Ordering {
        self.numbers.cmp(&other.numbers).then_with(|| match (self.pre.is_empty(), other.pre.is_empty()) {
            (true, true) => Ordering::Equal,
            (true, false) => Ordering::Greater,
            (false, true) => Ordering::Less,
            (false, false) => self.pre.cmp(&other.pre),
        })
    }

    pub fn same(&self, other: &Semver) -> bool {
        self.compare(other) == Ordering::Equal
    }
}

fn without_zeros(field: &str) -> String {
    if field.len() < 2 {
        return field.to_owned();
    }
    let field = field.trim_start_matches('0');
    if field.starts_with(|c: char| c.is_ascii_digit()) { field.to_owned() } else { format!("0{field}") }
}

fn is_identifier(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
}

/// Digits without a leading zero.
fn plain_number(text: &str) -> Option<u64> {
    let digits = text.bytes().all(|byte| byte.is_ascii_digit()) && (text == "0" || !text.starts_with('0'));
    text.parse().ok().filter(|_| digits)
}

fn part(text: &str) -> Option<Part> {
    if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
        return plain_number(text).map(Part::Number);
    }
    is_identifier(text).then(|| Part::Text(text.to_owned()))
}

fn read(name: &str, args: &[Value]) -> Out<Option<Semver>> {
    match args {
        [Value::Text(text)] | [Value::Text(text), Value::Bool(false)] => Ok(Semver::parse(text)),
        [Value::Text(text), Value::Bool(true)] => Ok(Semver::parse_tolerantly(text)),
        _ => Err(unexpected(name, args)),
    }
}

fn semver(_: &mut Meter, args: &[Value]) -> Out {
    match read("semver", args)? {
        Some(version) => Ok(Value::Semver(version.into())),
        None => Err(Error::of("`semver`: the string is not a semantic version such as '1.2.3'")),
    }
}

fn is_semver(_: &mut Meter, args: &[Value]) -> Out {
    read("isSemver", args).map(|version| Value::Bool(version.is_some()))
}

fn number(args: &[Value], at: usize) -> Out {
    let [Value::Semver(version)] = args else { return Err(unexpected("a part of a version", args)) };
    Ok(Value::Int(version.numbers[at].cast_signed()))
}

fn two(name: &str, args: &[Value]) -> Out<Ordering> {
    let [Value::Semver(a), Value::Semver(b)] = args else { return Err(unexpected(name, args)) };
    Ok(a.compare(b))
}

fn compare_to(_: &mut Meter, args: &[Value]) -> Out {
    two("compareTo", args).map(|order| Value::Int(order as i64))
}

fn is_greater(_: &mut Meter, args: &[Value]) -> Out {
    two("isGreaterThan", args).map(|order| Value::Bool(order.is_gt()))
}

fn is_less(_: &mut Meter, args: &[Value]) -> Out {
    two("isLessThan", args).map(|order| Value::Bool(order.is_lt()))
}
