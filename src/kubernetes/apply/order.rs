//! In which order objects go to the cluster: what others need first, as Helm installs. Pure.

/// Helm's install order; kinds that are not listed come after all that are.
const ORDER: [&str; 36] = [
    "PriorityClass",
    "Namespace",
    "NetworkPolicy",
    "ResourceQuota",
    "LimitRange",
    "PodSecurityPolicy",
    "PodDisruptionBudget",
    "ServiceAccount",
    "Secret",
    "SecretList",
    "ConfigMap",
    "StorageClass",
    "PersistentVolume",
    "PersistentVolumeClaim",
    "CustomResourceDefinition",
    "ClusterRole",
    "ClusterRoleList",
    "ClusterRoleBinding",
    "ClusterRoleBindingList",
    "Role",
    "RoleList",
    "RoleBinding",
    "RoleBindingList",
    "Service",
    "DaemonSet",
    "Pod",
    "ReplicationController",
    "ReplicaSet",
    "Deployment",
    "HorizontalPodAutoscaler",
    "StatefulSet",
    "Job",
    "CronJob",
    "IngressClass",
    "Ingress",
    "APIService",
];

/// The rank of a kind: objects of one rank go side by side, ranks one after the other.
/// Webhooks come last of all: they would judge, or block, what comes with them.
pub fn install_rank(kind: &str) -> usize {
    match kind {
        "MutatingWebhookConfiguration" | "ValidatingWebhookConfiguration" => ORDER.len() + 1,
        _ => ORDER.iter().position(|known| *known == kind).unwrap_or(ORDER.len()),
    }
}

/// Whether objects of this kind must be there before any other can be.
pub(super) fn goes_ahead(kind: &str) -> bool {
    matches!(kind, "Namespace" | "CustomResourceDefinition")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_others_need_goes_first_and_webhooks_go_last() {
        let mut kinds = [
            "Deployment",
            "ValidatingWebhookConfiguration",
            "Certificate",
            "ConfigMap",
            "Namespace",
            "Service",
            "ServiceAccount",
        ];
        kinds.sort_by_key(|kind| install_rank(kind));
        assert_eq!(
            kinds,
            [
                "Namespace",
                "ServiceAccount",
                "ConfigMap",
                "Service",
                "Deployment",
                "Certificate",
                "ValidatingWebhookConfiguration"
            ]
        );
    }
}
