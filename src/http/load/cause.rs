//! How requests end badly, by one word each.

/// Why a request was no success.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Cause {
    /// An answer with another status than expected.
    WrongStatus,
    /// An answer whose body or headers are not as expected.
    WrongBody,
    /// No process listens.
    Refused,
    /// The connection was reset: on connecting, before the answer, or within it.
    Reset,
    /// No whole answer in time.
    TimedOut,
    /// The server closed the connection before the answer was whole.
    Closed,
    /// The host's name leads nowhere.
    Dns,
    /// No secure connection.
    Tls,
    /// No way to the host, or no name server to ask.
    Unreachable,
    /// What came is not HTTP.
    Malformed,
    /// An answer whose body is larger than what is kept of it, so that nothing is known of it.
    Unmeasured,
    /// No connection was free in time.
    Unsent,
    /// Met a kept connection that the server was just closing; counted apart.
    StaleConnection,
}

impl Cause {
    /// All of them, in the order of reports.
    pub const ALL: [Cause; 13] = [
        Cause::WrongStatus,
        Cause::WrongBody,
        Cause::Refused,
        Cause::Reset,
        Cause::TimedOut,
        Cause::Closed,
        Cause::Dns,
        Cause::Tls,
        Cause::Unreachable,
        Cause::Malformed,
        Cause::Unmeasured,
        Cause::Unsent,
        Cause::StaleConnection,
    ];

    /// Its name in outputs and files.
    pub fn key(self) -> &'static str {
        match self {
            Cause::WrongStatus => "wrong_status",
            Cause::WrongBody => "wrong_body",
            Cause::Refused => "refused",
            Cause::Reset => "reset",
            Cause::TimedOut => "timed_out",
            Cause::Closed => "closed",
            Cause::Dns => "dns",
            Cause::Tls => "tls",
            Cause::Unreachable => "unreachable",
            Cause::Malformed => "malformed",
            Cause::Unmeasured => "unmeasured",
            Cause::Unsent => "unsent",
            Cause::StaleConnection => "stale_connection",
        }
    }

    /// Its place in [`Cause::ALL`].
    pub(super) fn index(self) -> usize {
        self as usize
    }

    /// Whether the request took as long as it did because of the server: its time says something.
    pub(super) fn is_timed(self) -> bool {
        matches!(self, Cause::WrongStatus | Cause::WrongBody | Cause::TimedOut | Cause::Unsent)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_cause_knows_its_place() {
        assert!(Cause::ALL.iter().enumerate().all(|(at, cause)| cause.index() == at));
    }
}
