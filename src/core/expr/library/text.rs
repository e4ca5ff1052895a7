//! The string extensions. Positions count code points.

use std::sync::Arc;

use super::super::failure::Error;
use super::super::meter::Meter;
use super::super::overload::{Overload, global, method};
use super::super::signature::T;
use super::super::value::{Out, Value};
use super::unexpected;

pub(super) const FUNCTIONS: &[Overload] = &[
    method("charAt", &[T::Text, T::Int], T::Text, char_at, "'tea'.charAt(1) == 'e'"),
    method("indexOf", &[T::Text, T::Text], T::Int, index_of, "'tea'.indexOf('a') == 2"),
    method("indexOf", &[T::Text, T::Text, T::Int], T::Int, index_of, "'tate'.indexOf('t', 1) == 2"),
    method("join", &[T::List], T::Text, join, "['a', 'b'].join() == 'ab'"),
    method("join", &[T::List, T::Text], T::Text, join, "['a', 'b'].join('-') == 'a-b'"),
    global("jsonpatch.escapeKey", &[T::Text], T::Text, escape_key, "jsonpatch.escapeKey('a/b~c') == 'a~1b~0c'"),
    method("lastIndexOf", &[T::Text, T::Text], T::Int, last_index_of, "'tate'.lastIndexOf('t') == 2"),
    method("lastIndexOf", &[T::Text, T::Text, T::Int], T::Int, last_index_of, "'tate'.lastIndexOf('t', 1) == 0"),
    method("lowerAscii", &[T::Text], T::Text, lower, "'Tea'.lowerAscii() == 'tea'"),
    method("replace", &[T::Text, T::Text, T::Text], T::Text, replace, "'tea'.replace('t', 's') == 'sea'"),
    method("replace", &[T::Text, T::Text, T::Text, T::Int], T::Text, replace, "'aaa'.replace('a', 'b', 2) == 'bba'"),
    method("reverse", &[T::Text], T::Text, reverse, "'tea'.reverse() == 'aet'"),
    method("split", &[T::Text, T::Text], T::List, split, "'a,b'.split(',') == ['a', 'b']"),
    method("split", &[T::Text, T::Text, T::Int], T::List, split, "'a,b,c'.split(',', 2) == ['a', 'b,c']"),
    global("strings.quote", &[T::Text], T::Text, quote, "strings.quote('a') == '\"a\"'"),
    method("substring", &[T::Text, T::Int], T::Text, substring, "'tea'.substring(1) == 'ea'"),
    method("substring", &[T::Text, T::Int, T::Int], T::Text, substring, "'tea'.substring(0, 2) == 'te'"),
    method("trim", &[T::Text], T::Text, trim, "' tea '.trim() == 'tea'"),
    method("upperAscii", &[T::Text], T::Text, upper, "'Tea'.upperAscii() == 'TEA'"),
];

fn one<'a>(meter: &mut Meter, name: &str, args: &'a [Value]) -> Out<&'a Arc<str>> {
    let [Value::Text(text), ..] = args else { return Err(unexpected(name, args)) };
    meter.make(text.len())?;
    Ok(text)
}

/// A position from 0 to `len`.
fn position(name: &str, at: i64, len: usize) -> Out<usize> {
    usize::try_from(at)
        .ok()
        .filter(|at| *at <= len)
        .ok_or_else(|| Error::of(format!("`{name}`: the position {at} is not between 0 and {len}")))
}

fn char_at(meter: &mut Meter, args: &[Value]) -> Out {
    let text = one(meter, "charAt", args)?;
    let [_, Value::Int(at)] = args else { return Err(unexpected("charAt", args)) };
    let at = position("charAt", *at, text.chars().count())?;
    let found: String = text.chars().skip(at).take(1).collect();
    Ok(Value::text(&found))
}

/// The position of `part` in `text` where the search may start at `from`, and goes back or forth.
fn search(meter: &mut Meter, name: &str, args: &[Value], back: bool) -> Out {
    let (text, part, from) = match args {
        [Value::Text(text), Value::Text(part)] => (text, part, None),
        [Value::Text(text), Value::Text(part), Value::Int(from)] => (text, part, Some(*from)),
        _ => return Err(unexpected(name, args)),
    };
    meter.make(text.len() + part.len())?;
    let text: Vec<char> = text.chars().collect();
    let part: Vec<char> = part.chars().collect();
    let from = match from {
        None if back => text.len(),
        None => 0,
        Some(from) => {
            usize::try_from(from).map_err(|_| Error::of(format!("`{name}`: the position {from} is negative")))?
        }
    };
    if part.is_empty() {
        return Ok(Value::count(from));
    }
    let beyond = from >= text.len() && args.len() == 3;
    let Some(last) = text.len().checked_sub(part.len()).filter(|_| !beyond) else { return Ok(Value::Int(-1)) };
    meter.spend((text.len() as u64).saturating_mul(part.len() as u64) / 8)?;
    let here = |at: &usize| text[*at..].starts_with(&part);
    let found = if back { (0..=last.min(from)).rev().find(here) } else { (from..=last).find(here) };
    Ok(found.map_or(Value::Int(-1), Value::count))
}

fn index_of(meter: &mut Meter, args: &[Value]) -> Out {
    search(meter, "indexOf", args, false)
}

fn last_index_of(meter: &mut Meter, args: &[Value]) -> Out {
    search(meter, "lastIndexOf", args, true)
}

fn join(meter: &mut Meter, args: &[Value]) -> Out {
    let (items, separator): (_, &str) = match args {
        [Value::List(items)] => (items, ""),
        [Value::List(items), Value::Text(separator)] => (items, &**separator),
        _ => return Err(unexpected("join", args)),
    };
    let mut text = String::new();
    for (at, item) in items.iter().enumerate() {
        let Value::Text(item) = item else { return Err(unexpected("join", std::slice::from_ref(item))) };
        meter.make(item.len() + separator.len())?;
        if at > 0 {
            text.push_str(separator);
        }
        text.push_str(item);
    }
    Ok(Value::text(&text))
}

fn escape_key(meter: &mut Meter, args: &[Value]) -> Out {
    let text = one(meter, "jsonpatch.escapeKey", args)?;
    Ok(Value::text(&text.replace('~', "~0").replace('/', "~1")))
}

fn lower(meter: &mut Meter, args: &[Value]) -> Out {
    one(meter, "lowerAscii", args).map(|text| Value::text(&text.to_ascii_lowercase()))
}

fn upper(meter: &mut Meter, args: &[Value]) -> Out {
    one(meter, "upperAscii", args).map(|text| Value::text(&text.to_ascii_uppercase()))
}

fn trim(meter: &mut Meter, args: &[Value]) -> Out {
    one(meter, "trim", args).map(|text| Value::text(text.trim()))
}

fn reverse(meter: &mut Meter, args: &[Value]) -> Out {
    one(meter, "reverse", args).map(|text| Value::text(&text.chars().rev().collect::<String>()))
}

fn replace(meter: &mut Meter, args: &[Value]) -> Out {
    let (text, old, new, times) = match args {
        [Value::Text(text), Value::Text(old), Value::Text(new)] => (text, old, new, usize::MAX),
        [Value::Text(text), Value::Text(old), Value::Text(new), Value::Int(times)] => {
            (text, old, new, usize::try_from(*times).unwrap_or(usize::MAX))
        }
        _ => return Err(unexpected("replace", args)),
    };
    meter.make(text.len() + old.len())?;
    let found = text.matches(&**old).take(times).count();
    meter.make(found.saturating_mul(new.len()))?;
    Ok(Value::text(&text.replacen(&**old, new, times)))
}

fn split(meter: &mut Meter, args: &[Value]) -> Out {
    let (text, separator, limit) = match args {
        [Value::Text(text), Value::Text(separator)] => (text, separator, usize::MAX),
        [Value::Text(text), Value::Text(separator), Value::Int(limit)] => {
            (text, separator, usize::try_from(*limit).unwrap_or(usize::MAX))
        }
        _ => return Err(unexpected("split", args)),
    };
    meter.make(text.len().saturating_mul(2) + 1)?;
    if limit == 0 {
        return Ok(Value::list(Vec::new()));
    }
    if !separator.is_empty() {
        return Ok(Value::list(text.splitn(limit, &**separator).map(Value::text).collect()));
    }
    let mut parts = Vec::new();
    let mut rest: &str = text;
    while let Some(first) = rest.chars().next() {
        let (part, after) = rest.split_at(if parts.len() + 1 == limit { rest.len() } else { first.len_utf8() });
        parts.push(Value::text(part));
        rest = after;
    }
    Ok(Value::list(parts))
}

fn substring(meter: &mut Meter, args: &[Value]) -> Out {
    let text = one(meter, "substring", args)?;
    let len = text.chars().count();
    let (from, to) = match args {
        [_, Value::Int(from)] => (position("substring", *from, len)?, len),
        [_, Value::Int(from), Value::Int(to)] => (position("substring", *from, len)?, position("substring", *to, len)?),
        _ => return Err(unexpected("substring", args)),
    };
    if from > to {
        return Err(Error::of(format!("`substring`: the start {from} is behind the end {to}")));
    }
    let part: String = text.chars().skip(from).take(to - from).collect();
    Ok(Value::text(&part))
}

/// In double quotes, with CEL's escapes.
fn quote(meter: &mut Meter, args: &[Value]) -> Out {
    let text = one(meter, "strings.quote", args)?;
    let mut quoted = String::with_capacity(text.len() + 2);
    quoted.push('"');
    for c in text.chars() {
        match c {
            '\u{7}' => quoted.push_str("\\a"),
            '\u{8}' => quoted.push_str("\\b"),
            '\u{c}' => quoted.push_str("\\f"),
            '\n' => quoted.push_str("\\n"),
            '\r' => quoted.push_str("\\r"),
            '\t' => quoted.push_str("\\t"),
            '\u{b}' => quoted.push_str("\\v"),
            '\\' => quoted.push_str("\\\\"),
            '"' => quoted.push_str("\\\""),
            other => quoted.push(other),
        }
    }
    quoted.push('"');
    Ok(Value::text(&quoted))
}
