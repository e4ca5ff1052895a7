//! The functions of semantic versions.

use std::cmp::Ordering;

use super::super::failure::Error;
use super::super::meter::Meter;
use super::super::opaque::Semver;
use super::super::overload::{Overload, global, method};
use super::super::signature::T;
use super::super::value::{Out, Value};
use super::unexpected;

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
