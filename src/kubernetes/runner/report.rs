//! What the script in a container reports in its termination message. Pure.

/// The start of every report.
pub(super) const PREFIX: &str = "pipeline";
/// Bytes of outputs that a report can hold beside its first line: the kubelet keeps 4096 bytes in all.
pub(super) const OUTPUT_LIMIT: usize = 3500;

/// A report.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Report {
    /// The step's command ended.
    Exit {
        /// Its exit code.
        code: i32,
        /// Whether the kernel ended a process of the container because of its memory limit.
        out_of_memory: bool,
        /// What it wrote to `$PIPELINE_OUTPUT`; nothing where that comes back with its artifacts.
        output: String,
    },
    /// The command was not started.
    Setup {
        /// Why.
        why: String,
    },
    /// The outputs do not fit into a report.
    LargeOutput {
        /// Bytes.
        size: u64,
    },
    /// `$PIPELINE_OUTPUT` is not a file.
    IrregularOutput,
}

impl Report {
    /// Reads a termination message; `None` where the script has not come so far.
    pub fn of(message: &str) -> Option<Self> {
        let (first, rest) = message.split_once('\n').unwrap_or((message, ""));
        let words = first.strip_prefix(PREFIX)?.trim_start();
        match words.split_once(' ')? {
            ("exit", said) => {
                let code = said.strip_suffix(" oom").unwrap_or(said).trim().parse().ok()?;
                Some(Report::Exit { code, out_of_memory: said.ends_with(" oom"), output: rest.to_owned() })
            }
            ("setup", why) => Some(Report::Setup { why: why.trim().to_owned() }),
            ("large", size) => Some(Report::LargeOutput { size: size.trim().parse().ok()? }),
            ("irregular", _) => Some(Report::IrregularOutput),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_without_its_start_is_not_a_report() {
        let exit = |code, output: &str| Some(Report::Exit { code, out_of_memory: false, output: output.to_owned() });
        assert_eq!(Report::of("pipeline exit 3\nkey=value\n"), exit(3, "key=value\n"));
        assert_eq!(Report::of("pipeline exit 0"), exit(0, ""));
        let killed = Report::Exit { code: 137, out_of_memory: true, output: String::new() };
        assert_eq!(Report::of("pipeline exit 137 oom\n"), Some(killed));
        let setup = Report::Setup { why: "the image has no tar".to_owned() };
        assert_eq!(Report::of("pipeline setup the image has no tar"), Some(setup));
        assert_eq!(Report::of("pipeline large 5000\n"), Some(Report::LargeOutput { size: 5000 }));
        for text in ["", "exit 3", "pipeline", "pipeline exit", "pipeline exit x"] {
            assert_eq!(Report::of(text), None, "{text}");
        }
    }
}
