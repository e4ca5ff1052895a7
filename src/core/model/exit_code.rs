//! What the program returns to its caller. Documented in the README; scripts rely on it.

/// How a command ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// 0: it held.
    Passed,
    /// 1: a step or a gate failed.
    Failed,
    /// 2: the files or the command line are wrong; nothing was run.
    Invalid,
    /// 3: the environment is not there: no cluster, no Docker, a refused context.
    Environment,
    /// 4: the record or a report could not be written.
    Report,
    /// 130: Ctrl-C or SIGTERM.
    Interrupted,
}

impl Exit {
    /// Its number.
    pub fn code(self) -> u8 {
        match self {
            Exit::Passed => 0,
            Exit::Failed => 1,
            Exit::Invalid => 2,
            Exit::Environment => 3,
            Exit::Report => 4,
            Exit::Interrupted => 130,
        }
    }

    /// The one of this number; any other number is a failure.
    pub fn of(code: impl Into<i64>) -> Self {
        match code.into() {
            0 => Exit::Passed,
            2 => Exit::Invalid,
            3 => Exit::Environment,
            4 => Exit::Report,
            130 => Exit::Interrupted,
            _ => Exit::Failed,
        }
    }
}

impl From<crate::core::model::outcome::FaultKind> for Exit {
    fn from(kind: crate::core::model::outcome::FaultKind) -> Self {
        match kind {
            crate::core::model::outcome::FaultKind::Invalid => Exit::Invalid,
            crate::core::model::outcome::FaultKind::Environment => Exit::Environment,
            crate::core::model::outcome::FaultKind::Unknown => Exit::Failed,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_number_means_its_end_and_any_other_a_failure() {
        for exit in [Exit::Passed, Exit::Failed, Exit::Invalid, Exit::Environment, Exit::Report, Exit::Interrupted] {
            assert_eq!(Exit::of(exit.code()), exit);
        }
        assert_eq!((Exit::of(137), Exit::of(-1)), (Exit::Failed, Exit::Failed));
    }
}
