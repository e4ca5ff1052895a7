//! More broken deployments: scripts and storage, further refusals, Services that are not what a check asks for.

use super::broken::{ROLLOUT, case};
use super::{Case, pod_spec, script, web};

const HTTPD: &str = "command: [/bin/httpd, -f, -p, '8080', -h, /tmp]\nports: [{ name: http, containerPort: 8080 }]\n";
/// Ready as soon as it runs, as it has no probe: `for` finds out that it does not last.
const LASTS: &str = "rollout: { workload: deployment/web }\n    for: 12s";
const JOB: &str = "resource: { kind: Job, name: migrate, assert: self.status.succeeded > 0 }";

pub fn cases() -> Vec<Case> {
    let mut all = starts();
    all.extend(ends());
    all.extend(refusals());
    all.extend(services());
    all
}

/// A program that lies in a ConfigMap.
fn mounted(text: &str, mode: &str) -> String {
    format!(
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {{ name: c }}\ndata: {{ run.sh: {text:?} }}\n---\n{}",
        web(
            "command: [/c/run.sh]\nvolumeMounts: [{ name: c, mountPath: /c }]\n",
            &format!("volumes: [{{ name: c, configMap: {{ name: c, defaultMode: {mode} }} }}]"),
        )
    )
}

fn starts() -> Vec<Case> {
    let side = web(HTTPD, "").replace(
        "      - name: app",
        "      - name: side\n        image: pipeline-busybox:local\n        command: [/bin/sh, -c, 'echo side has no config; exit 4']\n      - name: app",
    );
    vec![
        case(
            "side-container",
            side,
            LASTS,
            "CrashLoopBackOff",
            &["container side", "code 4", "side has no config"],
            true,
        ),
        case("script-not-executable", mounted("#!/bin/sh\nsleep 9\n", "0644"), ROLLOUT, "permission denied", &[], true),
        case("script-no-shebang", mounted("sleep 9\n", "0755"), ROLLOUT, "exec format error", &[], true),
        // The runtime starts it, and the kernel finds no interpreter of this name.
        case(
            "script-crlf",
            mounted("#!/bin/sh\r\nsleep 9\r\n", "0755"),
            LASTS,
            "CrashLoopBackOff",
            &["no such file"],
            true,
        ),
        case("lives-shortly", web(&script("sleep 2; exit 3"), ""), LASTS, "CrashLoopBackOff", &["code 3"], true),
        case(
            "sub-path",
            format!(
                "apiVersion: v1\nkind: ConfigMap\nmetadata: {{ name: c }}\ndata: {{ A: x }}\n---\n{}",
                web(
                    &format!("{}volumeMounts: [{{ name: c, mountPath: /bin, subPath: A }}]\n", script("sleep 9")),
                    "volumes: [{ name: c, configMap: { name: c } }]"
                )
            ),
            ROLLOUT,
            "container app",
            &["mount"],
            true,
        ),
        case(
            "read-only",
            web(
                &format!("{}securityContext: {{ readOnlyRootFilesystem: true }}\n", script("echo x > /pid && sleep 9")),
                "",
            ),
            LASTS,
            "CrashLoopBackOff",
            &["Read-only file system"],
            true,
        ),
    ]
}

fn ends() -> Vec<Case> {
    let pod = "apiVersion: v1\nkind: Pod\nmetadata: { name: p, labels: { app: p } }\nspec:\n";
    let late = script("trap '' TERM; sleep 1000");
    let probe = "readinessProbe: { exec: { command: [/bin/false] } }\n";
    let policy = "  backoffLimit: 6\n  podFailurePolicy: { rules: [{ action: FailJob, onExitCodes: { operator: In, values: [42] } }] }\n";
    let set = format!(
        "apiVersion: apps/v1\nkind: StatefulSet\nmetadata: {{ name: db }}\nspec:\n  replicas: 2\n  serviceName: db\n  \
         selector: {{ matchLabels: {{ app: db }} }}\n  template:\n    metadata: {{ labels: {{ app: db }} }}\n    spec:\n{}",
        pod_spec(&script("case $HOSTNAME in *-1) echo cannot join; exit 6;; esac; sleep 1000"), "", 6)
    );
    vec![
        case(
            "pod-deadline",
            format!(
                "{pod}{}",
                pod_spec(&format!("{late}{probe}"), "activeDeadlineSeconds: 4", 2)
                    .replace("terminationGracePeriodSeconds: 0", "terminationGracePeriodSeconds: 30")
            ),
            "pods: { selector: app=p, ready: all }",
            "DeadlineExceeded",
            &["activeDeadlineSeconds: 4"],
            true,
        ),
        case(
            "job-policy",
            format!(
                "apiVersion: batch/v1\nkind: Job\nmetadata: {{ name: migrate }}\nspec:\n{policy}  template:\n    spec:\n{}",
                pod_spec(&script("echo schema is newer; exit 42"), "restartPolicy: Never", 6)
            ),
            JOB,
            "PodFailurePolicy",
            &["42", "schema is newer"],
            true,
        ),
        case(
            "second-replica",
            set,
            "rollout: { workload: statefulset/db }\n    for: 12s",
            "CrashLoopBackOff",
            &["pod/db-1", "cannot join"],
            true,
        ),
    ]
}

fn refusals() -> Vec<Case> {
    let sleeps = script("sleep 1000");
    vec![
        case(
            "quota-needs-limits",
            format!(
                "apiVersion: v1\nkind: ResourceQuota\nmetadata: {{ name: q }}\nspec: {{ hard: {{ limits.memory: 1Gi }} }}\n---\n{}",
                web(&sleeps, "")
            ),
            ROLLOUT,
            "QuotaExceeded",
            &["must specify limits.memory"],
            true,
        ),
        case(
            "limit-ratio",
            format!(
                "apiVersion: v1\nkind: LimitRange\nmetadata: {{ name: l }}\nspec: {{ limits: [{{ type: Container, maxLimitRequestRatio: {{ memory: '2' }} }}] }}\n---\n{}",
                web(
                    &format!("{sleeps}resources: {{ requests: {{ memory: 10Mi }}, limits: {{ memory: 100Mi }} }}\n"),
                    ""
                )
            ),
            ROLLOUT,
            "LimitRangeExceeded",
            &["ratio"],
            true,
        ),
        case("runtime-class", web(&sleeps, "runtimeClassName: gvisor"), ROLLOUT, "FailedCreate", &["gvisor"], false),
        case(
            "spread",
            web(
                &sleeps,
                "topologySpreadConstraints: [{ maxSkew: 1, topologyKey: no/zone, whenUnsatisfiable: DoNotSchedule, labelSelector: { matchLabels: { app: web } } }]",
            ),
            ROLLOUT,
            "Unschedulable",
            &["topology spread"],
            false,
        ),
    ]
}

fn services() -> Vec<Case> {
    let service = |kind: &str, app: &str, port: u32| {
        format!(
            "{}\n---\napiVersion: v1\nkind: Service\nmetadata: {{ name: web }}\nspec: {{ {kind}, selector: {{ app: {app} }}, ports: [{{ port: 80, targetPort: {port} }}] }}\n",
            web(HTTPD, "")
        )
    };
    let node_port = "type: NodePort";
    let ingress = "---\napiVersion: networking.k8s.io/v1\nkind: Ingress\nmetadata: { name: web }\nspec:\n  tls: [{ secretName: web-tls }]\n  \
                   defaultBackend: { service: { name: web, port: { number: 80 } } }\n";
    let external = "apiVersion: v1\nkind: Service\nmetadata: { name: db }\nspec: { type: ExternalName, externalName: db.invalid }\n";
    vec![
        case("no-service", web(HTTPD, ""), "http: { service: wbe }", "no service/wbe", &[], false),
        case(
            "no-such-port",
            service(node_port, "web", 8080),
            "http: { service: web, port: 8081 }",
            "service/web has no port 8081; it has 80",
            &[],
            false,
        ),
        case(
            "headless",
            service("clusterIP: None", "wbe", 8080),
            "tcp: { service: web }",
            "NoEndpoints",
            &["app=wbe"],
            true,
        ),
        case(
            "loopback-only",
            service(node_port, "web", 8080).replace("'8080'", "'127.0.0.1:8080'"),
            "http: { service: web, status: 404 }",
            "NothingListens",
            &["127.0.0.1"],
            false,
        ),
        case(
            "external-name",
            external.to_owned(),
            "tcp: { service: db, port: 5432 }",
            "db.invalid",
            &["closed"],
            false,
        ),
        case(
            "tls-secret",
            format!("{}{ingress}", service(node_port, "web", 8080)),
            "resource: { kind: Ingress, name: web, assert: 'self.status.loadBalancer.ingress.size() > 0' }",
            "TLSSecretNotFound",
            &["secret/web-tls"],
            false,
        ),
    ]
}
