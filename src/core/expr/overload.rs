//! A function for arguments of certain types.

use super::meter::Meter;
use super::signature::T;
use super::types::Type;
use super::value::{Out, Value};

/// A function for arguments of certain types; a method takes what it is called on as its first argument.
pub(super) struct Overload {
    pub name: &'static str,
    pub method: bool,
    pub takes: &'static [T],
    pub gives: T,
    /// An expression that is true.
    pub example: &'static str,
    pub run: fn(&mut Meter, &[Value]) -> Out,
}

impl std::fmt::Debug for Overload {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.signature())
    }
}

/// A method.
pub(super) const fn method(
    name: &'static str,
    takes: &'static [T],
    gives: T,
    run: fn(&mut Meter, &[Value]) -> Out,
    example: &'static str,
) -> Overload {
    Overload { name, method: true, takes, gives, example, run }
}

/// A function.
pub(super) const fn global(
    name: &'static str,
    takes: &'static [T],
    gives: T,
    run: fn(&mut Meter, &[Value]) -> Out,
    example: &'static str,
) -> Overload {
    Overload { name, method: false, takes, gives, example, run }
}

impl Overload {
    pub fn fits(&self, args: &[Value]) -> bool {
        self.accepts(args.len()) && self.takes.iter().zip(args).all(|(takes, arg)| takes.matches(arg))
    }

    /// Whether values of these types may fit.
    pub fn may_take(&self, args: &[Type]) -> bool {
        self.accepts(args.len()) && self.takes.iter().zip(args).all(|(takes, arg)| arg.may_be(*takes))
    }

    /// Whether it can be called with so many arguments.
    pub(super) fn accepts(&self, count: usize) -> bool {
        if self.takes.last() == Some(&T::Many) { count >= self.takes.len() } else { count == self.takes.len() }
    }

    /// How it is written: `string.charAt(int) -> string`.
    pub fn signature(&self) -> String {
        let (target, args) = match self.takes {
            [target, args @ ..] if self.method => (format!("{}.", target.name()), args),
            args => (String::new(), args),
        };
        let args: Vec<&str> = args.iter().map(|arg| arg.name()).collect();
        format!("{target}{}({}) -> {}", self.name, args.join(", "), self.gives.name())
    }
}
