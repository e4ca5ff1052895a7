//! Why an evaluation gives no value: an error, which `&&` and `||` may absorb, or a stop, which nothing absorbs.
//! Messages name types, never values.

/// What to do with values of types that do not fit.
pub(super) const ONE_TYPE: &str = "make both of one type: `string(vars.NAME)`, `int(vars.NAME)`";

/// Why there is no value.
#[derive(Debug, Clone)]
pub(super) enum Error {
    /// The evaluation had to end.
    Stopped(Stop),
    Failed(Box<Failure>),
}

/// Why an evaluation had to end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stop {
    /// It cost more than it may.
    Cost(u64),
    /// The run, the step or the gate that needs it is over.
    Cancelled,
}

/// An error of an expression.
#[derive(Debug, Clone)]
pub(super) struct Failure {
    /// The bytes of the expression that it is about.
    pub span: Option<(usize, usize)>,
    pub cause: Cause,
    pub message: String,
}

/// What an error is about; it decides what to type instead.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Cause {
    /// A map has no such key.
    Key,
    /// A list has no such item.
    Item,
    /// A value has no fields.
    Field,
    /// A name that is not known.
    Name,
    /// Types that do not fit.
    Types,
    Other,
}

impl Error {
    pub fn new(cause: Cause, message: impl Into<String>) -> Self {
        Error::Failed(Box::new(Failure { span: None, cause, message: message.into() }))
    }

    /// An error whose message says it all.
    pub fn of(message: impl Into<String>) -> Self {
        Error::new(Cause::Other, message)
    }

    /// A result that does not fit.
    pub fn overflow(name: &str) -> Self {
        Error::of(format!("the result of `{name}` does not fit into 64 bits"))
    }

    /// The same, at this place unless a closer one is known.
    pub fn at(mut self, span: (usize, usize)) -> Self {
        if let Error::Failed(failure) = &mut self {
            failure.span.get_or_insert(span);
        }
        self
    }
}

impl From<Stop> for Error {
    fn from(stop: Stop) -> Self {
        Error::Stopped(stop)
    }
}
