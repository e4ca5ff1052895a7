//! What `/proc/PID/stat` says of a process. Only Linux has it.

/// A process, as far as it is asked about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stat {
    /// The name of its program, which may hold blanks and parentheses.
    pub program: String,
    /// `R`, `S`, `T`, `Z`, …
    pub state: char,
    /// The process that it is a child of.
    pub parent: i32,
    /// Its process group.
    pub group: i32,
    /// Its terminal; 0 without one.
    pub terminal: i32,
    /// Of a suspended process the signal that did it.
    pub signal: i32,
}

impl Stat {
    /// That of a process, by its id or `self`; `None` where there is no such process, or no /proc.
    pub fn of(pid: impl std::fmt::Display) -> Option<Self> {
        Stat::parse(&std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?)
    }

    fn parse(stat: &str) -> Option<Self> {
        let (before, after) = stat.rsplit_once(')')?;
        let fields: Vec<&str> = after.split_ascii_whitespace().collect();
        let number = |at: usize| fields.get(at).and_then(|field| field.parse().ok());
        Some(Stat {
            program: before.split_once('(')?.1.to_owned(),
            state: fields.first()?.chars().next()?,
            parent: number(1)?,
            group: number(2)?,
            terminal: number(4)?,
            signal: number(49).unwrap_or(0),
        })
    }

    /// Whether it has ended, and only waits to be reaped.
    pub fn has_ended(&self) -> bool {
        matches!(self.state, 'Z' | 'X')
    }

    /// Whether it is suspended since it reads from a terminal or changes its modes.
    pub fn waits_for_terminal(&self) -> bool {
        self.state == 'T' && self.terminal != 0 && [libc::SIGTTIN, libc::SIGTTOU].contains(&self.signal)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SUSPENDED: &str = concat!(
        "23328 (a) b) T 23327 23327 23326 34816 23326 4194304 0 0 0 0 0 0 0 0 20 0 1 0 ",
        "1 2 3 4 5 6 7 8 9 0 0 0 0 0 0 0 17 0 0 0 0 0 0 1 2 3 4 5 6 7 21"
    );

    #[test]
    fn a_process_that_waits_for_the_terminal_is_distinguished_from_one_that_the_user_stopped() {
        let stat = Stat::parse(SUSPENDED).expect("a stat");
        assert!(stat.waits_for_terminal());
        assert_eq!(stat.group, 23327);
        let by_user = SUSPENDED.replace("7 21", "7 19");
        assert!(!Stat::parse(&by_user).expect("a stat").waits_for_terminal());
        let running = SUSPENDED.replace(") T ", ") S ");
        assert!(!Stat::parse(&running).expect("a stat").waits_for_terminal());
    }

    #[test]
    fn a_program_may_have_any_name() {
        let stat = Stat::parse("12 (a) b (c) Z 1 77 76 0").expect("a stat");
        assert_eq!((stat.program.as_str(), stat.parent, stat.group), ("a) b (c", 1, 77));
        assert!(stat.has_ended());
        assert_eq!(Stat::parse("12 (sh"), None);
    }
}
