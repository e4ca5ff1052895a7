//! The causes that end a wait before its time, and why waiting cannot fix them; and those that may recover. Pure data.

/// The class of what a pipeline itself rules out: `never:`.
pub const NEVER: &str = "Never";

/// A class of causes that waiting cannot fix.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Class {
    /// Its name, as in `tolerate: [NAME]`.
    pub name: &'static str,
    /// The names of causes, as findings show them, that may be of this class.
    pub causes: &'static [&'static str],
    /// When a cause is of this class.
    pub when: &'static str,
    /// Why waiting cannot fix it.
    pub why: &'static str,
}

/// All classes, sorted by name.
pub const CLASSES: &[Class] = &[
    Class {
        name: "BackoffLimitExceeded",
        causes: &["BackoffLimitExceeded"],
        when: "a Job has failed as often as `backoffLimit` allows",
        why: "a failed Job is never started again",
    },
    Class {
        name: "ConfigInvalid",
        causes: &["CreateContainerConfigError", "CreateContainerError"],
        when: "the kubelet cannot create the container from its own specification: it must not run as root and the \
               image's user is root, it has no command, its user does not exist",
        why: "the Pod's specification and the image decide this, and neither changes",
    },
    Class {
        name: "DeadlineExceeded",
        causes: &["DeadlineExceeded"],
        when: "a Job or a Pod has run longer than `activeDeadlineSeconds`",
        why: "it is never started again",
    },
    Class {
        name: "ErrImageNeverPull",
        causes: &["ErrImageNeverPull"],
        when: "the image is not on the node and `imagePullPolicy: Never` forbids to pull it",
        why: "nothing in the cluster brings the image to the node; if another step loads it, tolerate this cause",
    },
    Class {
        name: "EvictedByLimit",
        causes: &["Evicted"],
        when: "three Pods of one controller were evicted because they use more storage than their own limits allow",
        why: "the limits and the application do not change; an eviction because the node runs short is not final",
    },
    Class {
        name: "ImageNotFound",
        causes: &["ErrImagePull", "ImagePullBackOff"],
        when: "two pulls have failed because the image, its tag or its registry does not exist, or access is denied",
        why: "the registry's answer is definitive; a first one is not final, because a tag may still be pushed",
    },
    Class {
        name: "InvalidImageName",
        causes: &["InvalidImageName"],
        when: "the image's name cannot be parsed",
        why: "the name is part of the specification",
    },
    Class {
        name: "InvalidPod",
        causes: &["FailedCreate"],
        when: "the API server refuses the Pod that a controller makes because it is invalid",
        why: "the template is part of the specification",
    },
    Class {
        name: "LimitRange",
        causes: &["LimitRangeExceeded"],
        when: "the API server refuses the Pod because of a LimitRange",
        why: "the Pod's requests and limits are part of the specification",
    },
    Class {
        name: "NamesNotAccepted",
        causes: &["NamesNotAccepted"],
        when: "the names of a CustomResourceDefinition are taken by another one",
        why: "the other definition keeps its names",
    },
    Class {
        name: NEVER,
        causes: &[NEVER],
        when: "the condition under `never:` of an assertion is true",
        why: "the pipeline says so; `tolerate` does not change this",
    },
    Class {
        name: "NoEndpoints",
        causes: &["NoEndpoints"],
        when: "for 8 s the selector of a Service matches no Pod, no workload in its namespace makes such Pods, no \
               controller owns the Service, and no Pod there has a part of these labels; all workloads must be readable",
        why: "no Pod is being created that it could select",
    },
    Class {
        name: "NoNodes",
        causes: &["NoNodes"],
        when: "a DaemonSet matches no node",
        why: "the labels and taints of nodes do not change by themselves",
    },
    Class {
        name: "Paused",
        causes: &["Paused"],
        when: "a Deployment is paused and its rollout is not complete",
        why: "it must be resumed by hand",
    },
    Class {
        name: "PodFailed",
        causes: &["PodFailed"],
        when: "a Pod that no controller replaces has failed",
        why: "a failed Pod is never started again",
    },
    Class {
        name: "PodFailurePolicy",
        causes: &["PodFailurePolicy", "FailedIndexes", "MaxFailedIndexesExceeded"],
        when: "a Job has failed by its `podFailurePolicy` or the limit of its failed indexes",
        why: "a failed Job is never started again",
    },
    Class {
        name: "PodRejected",
        causes: &["SysctlForbidden", "AppArmor", "PodOSNotSupported", "PodOSSelectorNodeLabelDoesNotMatch"],
        when: "the node rejects the Pod for what its specification asks: a sysctl, an AppArmor profile, an operating \
               system that the node does not allow or have",
        why: "the controller makes the same Pod again, and the node rejects it again",
    },
    Class {
        name: "PodSecurity",
        causes: &["PodSecurityViolation"],
        when: "the API server refuses the Pod because of the namespace's Pod Security level",
        why: "the Pod's specification and the namespace's labels decide this",
    },
    Class {
        name: "PolicyDenied",
        causes: &["PolicyDenied", "WebhookDenied"],
        when: "an admission webhook or policy denies the Pod",
        why: "the controller asks again with the same Pod; a webhook that cannot be reached is not final",
    },
    Class {
        name: "ProgressDeadlineExceeded",
        causes: &["ProgressDeadlineExceeded"],
        when: "the newest ReplicaSet of a Deployment has not progressed within `progressDeadlineSeconds`",
        why: "the Deployment's own limit is over",
    },
    Class {
        name: "QuotaExceeded",
        causes: &["QuotaExceeded"],
        when: "the API server refuses the Pod because of a ResourceQuota, and no Pod of the namespace is about to end",
        why: "nothing in the namespace frees the quota",
    },
    Class {
        name: "RepeatedFailure",
        causes: &[
            "CrashLoopBackOff",
            "Error",
            "OOMKilled",
            "LivenessProbeFailed",
            "StartupProbeFailed",
            "PostStartHookError",
            "Completed",
        ],
        when: "a container has failed three times with the same exit code; no other Pod of the namespace has become ready since its last start or is still starting, no Job is still to end, \
               and it is not itself of a Job, whose `backoffLimit` decides",
        why: "the same start under the same conditions fails again; one or two crashes are not final",
    },
    Class {
        name: "StartError",
        causes: &["StartError", "ContainerCannotRun", "RunContainerError"],
        when: "the runtime cannot start the container's command",
        why: "the command and the image do not change",
    },
    Class {
        name: "WrongArchitecture",
        causes: &["WrongArchitecture"],
        when: "the container's program is built for another architecture than the node's",
        why: "neither changes",
    },
    Class {
        name: "WrongProbePort",
        causes: &["WrongProbePort"],
        when: "a startup or readiness probe names a port that its container does not have",
        why: "probes and ports are part of the specification",
    },
    Class {
        name: "WrongTargetPort",
        causes: &["WrongTargetPort"],
        when: "a Service that is asked for names a target port that none of its Pods and none of their templates has; \
               all workloads must be readable",
        why: "the names of ports are part of the specification",
    },
];

/// Causes that may recover, with what may happen: a wait goes on to its end.
pub const RECOVERABLE: &[(&str, &str)] = &[
    ("CreateContainerConfigError", "a ConfigMap or Secret, or a key in it, does not exist yet"),
    ("ErrImagePull", "a first pull failed, or the registry was unreachable, overloaded or too slow"),
    ("FailedMount", "a volume, ConfigMap or Secret does not exist yet"),
    ("InitContainerRunning", "an init container waits for something that may come"),
    ("LivenessProbeFailed", "a restart may help, until it has failed three times with the same exit code"),
    ("LoadBalancerPending", "a controller may still assign an address"),
    ("NoEndpoints", "Pods may still come or become ready, or the labels of those that are there may change"),
    ("NodeNotReady", "a node may come back"),
    ("PVCUnbound", "a volume may still be provisioned"),
    ("ReadinessProbeFailed", "the application may still become ready"),
    ("Unschedulable", "nodes may be added, or Pods may end"),
    ("WebhookFailed", "the webhook's own Pods may still become ready"),
    ("WrongTargetPort", "a workload may still make Pods with this port, or a port that is not declared may be served"),
];

/// Words of an expectation that waits for a failure itself: a failure is not what ends that wait.
const OF_FAILURE: &[&str] = &[
    "fail",
    "restart",
    "laststate",
    "terminated",
    "waiting",
    "unavailable",
    "oomkilled",
    "crash",
    "backoff",
    "imagepull",
    "evict",
    "\"false\"",
];

/// Whether an expression or a partial object asks about a failure.
pub fn asks_about_failure(text: &str) -> bool {
    let text = text.to_lowercase();
    OF_FAILURE.iter().any(|word| text.contains(word))
}

/// Every name that `tolerate` takes: classes, and the causes of theirs.
pub fn names() -> impl Iterator<Item = &'static str> {
    let mut names: Vec<&str> =
        CLASSES.iter().flat_map(|class| std::iter::once(class.name).chain(class.causes.iter().copied())).collect();
    names.retain(|name| *name != NEVER);
    names.sort_unstable();
    names.dedup();
    names.into_iter()
}

/// Whether a cause may be of this class.
pub fn covers(cause: &str, class: &str) -> bool {
    CLASSES.iter().any(|row| row.name == class && row.causes.contains(&cause))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classes_are_sorted_and_named_once() {
        assert!(CLASSES.windows(2).all(|pair| pair[0].name < pair[1].name));
        assert!(RECOVERABLE.windows(2).all(|pair| pair[0].0 < pair[1].0));
    }
}
