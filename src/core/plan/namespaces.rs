//! `cluster.namespace`: what is wrong with the namespace that each run creates for itself, beyond its shape.

use crate::core::model::diagnostic::{Code, Diagnostic, Diagnostics};
use crate::core::spec::{FreshSpec, NamespaceSpec, PipelineSpec};
use crate::core::yaml::{Node, Segment};

/// Reports a name that no namespace can have, and a time that leaves none.
pub(super) fn check(spec: &PipelineSpec, node: &Node, out: &mut Diagnostics) {
    let Some(NamespaceSpec::Fresh(fresh)) = spec.cluster.as_ref().and_then(|cluster| cluster.namespace.as_ref()) else {
        return;
    };
    let span = |key: &str| node.span_at(&[Segment::from("cluster"), "namespace".into(), key.into()]);
    let prefix = fresh.fresh.as_str();
    let problem = if prefix.is_empty() {
        Some(("`fresh` names nothing".to_owned(), "write what the names begin with, such as `fresh: todo`".to_owned()))
    } else if prefix.len() > FreshSpec::LONGEST {
        let message = format!("`fresh` has {} characters, expected at most {}", prefix.len(), FreshSpec::LONGEST);
        Some((message, "the run's id follows it, and a namespace has at most 63 characters".to_owned()))
    } else if prefix.starts_with("kube-") {
        let message = format!("`{prefix}` cannot begin the name of a namespace: `kube-` belongs to the cluster itself");
        Some((message, "choose another, such as the name of the application".to_owned()))
    } else if !is_label(prefix) {
        let message = format!("`{}` cannot begin the name of a namespace", prefix.escape_debug());
        Some((message, "write lower-case letters, digits and `-`, such as `fresh: todo`".to_owned()))
    } else {
        None
    };
    if let Some((message, help)) = problem {
        out.push(Diagnostic::error(Code::InvalidName, span("fresh"), message).help(help));
    }
    if fresh.expires.is_some_and(|time| time.0.is_zero()) {
        let message = "`expires` leaves no time, expected more than 0s";
        out.push(Diagnostic::error(Code::InvalidValue, span("expires"), message).help("write a time such as 2h"));
    }
}

/// Whether a text can begin the name of a namespace.
fn is_label(text: &str) -> bool {
    let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    text.chars().all(fits) && !text.starts_with('-')
}
