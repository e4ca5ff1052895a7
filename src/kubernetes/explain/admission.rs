//! Why the API server refused to make a pod, out of a controller's words. Pure.

/// The cause by its name and the refusal without its wrapping: `Error creating: pods "x" is forbidden: exceeded quota …`.
pub(super) fn refusal(message: &str) -> (&'static str, &str) {
    const MARKS: &[(&str, &str)] = &[
        ("exceeded quota", "QuotaExceeded"),
        ("failed quota", "QuotaExceeded"),
        ("admission webhook", "WebhookDenied"),
        ("failed calling webhook", "WebhookFailed"),
        ("violates PodSecurity", "PodSecurityViolation"),
        ("ValidatingAdmissionPolicy", "PolicyDenied"),
        ("maximum cpu usage per", "LimitRangeExceeded"),
        ("minimum cpu usage per", "LimitRangeExceeded"),
        ("maximum memory usage per", "LimitRangeExceeded"),
        ("minimum memory usage per", "LimitRangeExceeded"),
        ("maximum ephemeral-storage usage per", "LimitRangeExceeded"),
        ("minimum ephemeral-storage usage per", "LimitRangeExceeded"),
        ("limit to request ratio per", "LimitRangeExceeded"),
    ];
    for (mark, cause) in MARKS {
        if let Some(at) = message.find(mark) {
            return (cause, &message[at..]);
        }
    }
    let bare = message.strip_prefix("Error creating: ").unwrap_or(message);
    ("FailedCreate", bare)
}

/// The cause alone.
pub(crate) fn cause(message: &str) -> &'static str {
    refusal(message).0
}

/// The class of a refusal that asking again with the same Pod does not change.
pub(super) fn class(cause: &str, message: &str) -> Option<&'static str> {
    match cause {
        "QuotaExceeded" => Some("QuotaExceeded"),
        "WebhookDenied" | "PolicyDenied" => Some("PolicyDenied"),
        "PodSecurityViolation" => Some("PodSecurity"),
        "LimitRangeExceeded" => Some("LimitRange"),
        "FailedCreate" if message.contains(" is invalid: ") => Some("InvalidPod"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_the_refusal() {
        for (message, cause, words) in [
            (
                "Error creating: pods \"web-1-x\" is forbidden: exceeded quota: small, requested: pods=1, used: pods=2, limited: pods=2",
                "QuotaExceeded",
                "exceeded quota: small, requested: pods=1, used: pods=2, limited: pods=2",
            ),
            (
                "Error creating: admission webhook \"no.todo.dev\" denied the request: no latest tags",
                "WebhookDenied",
                "admission webhook \"no.todo.dev\" denied the request: no latest tags",
            ),
            (
                "Error creating: Internal error occurred: failed calling webhook \"x\": connection refused",
                "WebhookFailed",
                "failed calling webhook \"x\": connection refused",
            ),
            (
                "Error creating: pods \"a\" is forbidden: error looking up service account todo/web: serviceaccount \"web\" not found",
                "FailedCreate",
                "pods \"a\" is forbidden: error looking up service account todo/web: serviceaccount \"web\" not found",
            ),
        ] {
            assert_eq!(refusal(message), (cause, words));
        }
    }
}
