//! The functions of quantities.

use super::super::failure::Error;
use super::super::meter::Meter;
use super::super::opaque::Quantity;
use super::super::overload::{Overload, global, method};
use super::super::signature::T;
use super::super::value::{Out, Value};
use super::unexpected;

pub(super) const FUNCTIONS: &[Overload] = &[
    method("add", &[T::Quantity, T::Int], T::Quantity, add, "quantity('1k').add(24) == quantity('1024')"),
    method(
        "add",
        &[T::Quantity, T::Quantity],
        T::Quantity,
        add,
        "quantity('1k').add(quantity('1k')) == quantity('2k')",
    ),
    method("asApproximateFloat", &[T::Quantity], T::Double, as_double, "quantity('500m').asApproximateFloat() == 0.5"),
    method("asInteger", &[T::Quantity], T::Int, as_integer, "quantity('1Ki').asInteger() == 1024"),
    method(
        "compareTo",
        &[T::Quantity, T::Quantity],
        T::Int,
        compare_to,
        "quantity('1G').compareTo(quantity('1Gi')) == -1",
    ),
    method(
        "isGreaterThan",
        &[T::Quantity, T::Quantity],
        T::Bool,
        is_greater,
        "quantity('1Gi').isGreaterThan(quantity('1G'))",
    ),
    method("isInteger", &[T::Quantity], T::Bool, is_integer, "quantity('1k').isInteger()"),
    method("isLessThan", &[T::Quantity, T::Quantity], T::Bool, is_less, "quantity('500m').isLessThan(quantity('1'))"),
    global("isQuantity", &[T::Text], T::Bool, is_quantity, "isQuantity('1.5Gi')"),
    global("quantity", &[T::Text], T::Quantity, quantity, "quantity('200M') == quantity('0.2G')"),
    global("sign", &[T::Quantity], T::Int, sign, "sign(quantity('-1')) == -1"),
    method("sub", &[T::Quantity, T::Int], T::Quantity, sub, "quantity('1k').sub(1) == quantity('999')"),
    method(
        "sub",
        &[T::Quantity, T::Quantity],
        T::Quantity,
        sub,
        "quantity('1k').sub(quantity('500')) == quantity('500')",
    ),
];

fn quantity(_: &mut Meter, args: &[Value]) -> Out {
    let [Value::Text(text)] = args else { return Err(unexpected("quantity", args)) };
    match Quantity::parse(text) {
        Some(quantity) => Ok(Value::Quantity(quantity.into())),
        None => Err(Error::of("`quantity`: the string is not a quantity such as '500m' or '1.5Gi'")),
    }
}

fn is_quantity(_: &mut Meter, args: &[Value]) -> Out {
    let [Value::Text(text)] = args else { return Err(unexpected("isQuantity", args)) };
    Ok(Value::Bool(Quantity::parse(text).is_some()))
}

fn two<'a>(name: &str, args: &'a [Value]) -> Out<(&'a Quantity, std::borrow::Cow<'a, Quantity>)> {
    match args {
        [Value::Quantity(a), Value::Quantity(b)] => Ok((a, std::borrow::Cow::Borrowed(b))),
        [Value::Quantity(a), Value::Int(b)] => Ok((a, std::borrow::Cow::Owned(Quantity::of(*b)))),
        _ => Err(unexpected(name, args)),
    }
}

fn result(name: &str, quantity: Option<Quantity>) -> Out {
    let quantity = quantity.ok_or_else(|| Error::of(format!("the result of `{name}` is too large")))?;
    Ok(Value::Quantity(quantity.into()))
}

fn add(_: &mut Meter, args: &[Value]) -> Out {
    let (a, b) = two("add", args)?;
    result("add", a.plus(&b))
}

fn sub(_: &mut Meter, args: &[Value]) -> Out {
    let (a, b) = two("sub", args)?;
    result("sub", a.minus(&b))
}

fn compare_to(_: &mut Meter, args: &[Value]) -> Out {
    two("compareTo", args).map(|(a, b)| Value::Int(a.compare(&b) as i64))
}

fn is_greater(_: &mut Meter, args: &[Value]) -> Out {
    two("isGreaterThan", args).map(|(a, b)| Value::Bool(a.compare(&b).is_gt()))
}

fn is_less(_: &mut Meter, args: &[Value]) -> Out {
    two("isLessThan", args).map(|(a, b)| Value::Bool(a.compare(&b).is_lt()))
}

fn one<'a>(name: &str, args: &'a [Value]) -> Out<&'a Quantity> {
    let [Value::Quantity(quantity)] = args else { return Err(unexpected(name, args)) };
    Ok(quantity)
}

fn sign(_: &mut Meter, args: &[Value]) -> Out {
    one("sign", args).map(|quantity| Value::Int(quantity.sign()))
}

fn is_integer(_: &mut Meter, args: &[Value]) -> Out {
    one("isInteger", args).map(|quantity| Value::Bool(quantity.integer().is_some()))
}

fn as_integer(_: &mut Meter, args: &[Value]) -> Out {
    let integer = one("asInteger", args)?.integer();
    integer.map(Value::Int).ok_or_else(|| Error::of("`asInteger`: the quantity is not a whole number of 64 bits"))
}

fn as_double(_: &mut Meter, args: &[Value]) -> Out {
    one("asApproximateFloat", args).map(|quantity| Value::Double(quantity.approximately()))
}
