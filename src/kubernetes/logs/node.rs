//! What a node says in a log's place.

/// Whether a line is the node's, which says so in the log's place when it has none.
pub(crate) fn not_of_the_application(line: &str) -> bool {
    let runtimes = ["containerd://", "docker://", "cri-o://"];
    let of = |prefix: &str| line.strip_prefix(prefix);
    of("unable to retrieve container logs for ").is_some_and(|rest| runtimes.iter().any(|it| rest.starts_with(it)))
        || of("failed to try resolving symlinks in path \"/var/log/pods/").is_some()
        || of("failed to watch file \"/var/log/pods/").is_some()
        || of("failed to create fsnotify watcher: ").is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_node_says_is_not_of_the_application() {
        assert!(not_of_the_application("unable to retrieve container logs for containerd://0a1b"));
        assert!(not_of_the_application(
            "failed to try resolving symlinks in path \"/var/log/pods/x/y/0.log\": lstat: no such file"
        ));
        assert!(!not_of_the_application("unable to retrieve container logs for my dashboard"));
    }
}
