//! Names of namespaces, and those that no pipeline may use.

use super::outcome::Fault;

/// Namespaces that belong to the cluster itself.
const SYSTEM: [&str; 3] = ["kube-system", "kube-public", "kube-node-lease"];

/// Refuses the namespaces that belong to the cluster itself, and what is not a name of a namespace at all.
///
/// # Errors
/// [`Fault`] that names it.
pub fn refuse_system_namespace(namespace: &str) -> Result<(), Fault> {
    // a name goes into the path of a request: `kube-system/` would be another one than it says
    let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    let is_label = namespace.len() <= 63 && !namespace.starts_with('-') && !namespace.ends_with('-');
    if !is_label || !namespace.chars().all(fits) {
        let shown = namespace.escape_debug();
        return Err(Fault::invalid(format!("\"{shown}\" is not a name of a namespace"))
            .help("write lower-case letters, digits and `-`, at most 63 characters"));
    }
    if !SYSTEM.contains(&namespace) {
        return Ok(());
    }
    Err(Fault::environment(format!("namespace \"{namespace}\" belongs to the cluster itself and is never touched"))
        .help("name a namespace of your own: `cluster: { namespace: NAME }` in pipeline.yaml, or `namespace:` in the step"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refuses_the_namespaces_of_the_system() {
        for name in ["kube-system", "kube-public", "kube-node-lease"] {
            assert_eq!(
                refuse_system_namespace(name).expect_err("a system namespace").message,
                format!("namespace \"{name}\" belongs to the cluster itself and is never touched")
            );
        }
        assert_eq!(refuse_system_namespace("todo"), Ok(()));
    }
}
