//! The broken deployments whose fault is not in a container: refused Pods, workloads, Services.

use super::broken::{READY, ROLLOUT, case};
use super::{Case, pod_spec, script, web};

const SERVICE: &str = "\n---\napiVersion: v1\nkind: Service\nmetadata: { name: web }\nspec:\n  type: NodePort\n  ";
const HTTPD: &str = "command: [/bin/httpd, -f, -p, '8080']\nports: [{ name: http, containerPort: 8080 }]\n";

fn service(port: u32, rest: &str) -> String {
    format!("{SERVICE}ports: [{{ port: 80, nodePort: {port}, {rest} }}]\n")
}

fn job(container: &str, spec: &str) -> String {
    let spec: String = spec.lines().flat_map(|line| ["  ", line, "\n"]).collect();
    format!(
        "apiVersion: batch/v1\nkind: Job\nmetadata: {{ name: migrate }}\nspec:\n{spec}  template:\n    spec:\n{}",
        pod_spec(container, "restartPolicy: Never", 6)
    )
}

const JOB: &str = "resource: { kind: Job, name: migrate, assert: self.status.succeeded > 0 }";

pub fn cases() -> Vec<Case> {
    let mut all = admission();
    all.extend(workloads());
    all.extend(networks());
    all
}

fn admission() -> Vec<Case> {
    let sleeps = web(&script("sleep 1000"), "");
    vec![
        case(
            "quota",
            format!(
                "apiVersion: v1\nkind: ResourceQuota\nmetadata: {{ name: small }}\nspec: {{ hard: {{ pods: '0' }} }}\n---\n{sleeps}"
            ),
            ROLLOUT,
            "QuotaExceeded",
            &["small"],
            true,
        ),
        case(
            "limit-range",
            format!(
                "apiVersion: v1\nkind: LimitRange\nmetadata: {{ name: small }}\nspec: {{ limits: [{{ type: Container, max: {{ memory: 16Mi }} }}] }}\n---\n{}",
                web(&format!("{}resources: {{ limits: {{ memory: 64Mi }} }}\n", script("sleep 1000")), "")
            ),
            ROLLOUT,
            "LimitRangeExceeded",
            &["16Mi"],
            true,
        ),
        case(
            "service-account",
            web(&script("sleep 1000"), "serviceAccountName: nobody"),
            ROLLOUT,
            "FailedCreate",
            &["serviceaccount \"nobody\" not found"],
            false,
        ),
        case(
            "priority-class",
            web(&script("sleep 1000"), "priorityClassName: none-such"),
            ROLLOUT,
            "FailedCreate",
            &["none-such"],
            false,
        ),
    ]
}

#[expect(clippy::too_many_lines, reason = "a table of cases")]
fn workloads() -> Vec<Case> {
    let sleeps = script("sleep 1000");
    let daemon = |pod: &str| {
        format!(
            "apiVersion: apps/v1\nkind: DaemonSet\nmetadata: {{ name: agent }}\nspec:\n  selector: {{ matchLabels: {{ app: web }} }}\n  \
             template:\n    metadata: {{ labels: {{ app: web }} }}\n    spec:\n{}",
            pod_spec(&sleeps, pod, 6)
        )
    };
    vec![
        case(
            "daemon-no-node",
            daemon("nodeSelector: { gpu: 'true' }"),
            READY,
            "NoNodes",
            &["no node has gpu=true"],
            true,
        ),
        case(
            "daemon-rollout",
            daemon("nodeSelector: { gpu: 'true' }"),
            "rollout: { workload: daemonset/agent }",
            "NoNodes",
            &["it matches no node", "no node has gpu=true"],
            true,
        ),
        case(
            "daemon-image",
            daemon("")
                .replace("image: pipeline-busybox:local", "image: kubecause-nowhere:1\n        imagePullPolicy: Never"),
            "rollout: { workload: daemonset/agent }",
            "ErrImageNeverPull",
            &[],
            true,
        ),
        case(
            "paused",
            web(&sleeps, "").replace("  replicas: 1", "  paused: true\n  replicas: 1"),
            ROLLOUT,
            "Paused",
            &["kubectl rollout resume deployment/web -n kubecause-paused"],
            true,
        ),
        case(
            "progress-deadline",
            web(&format!("{sleeps}readinessProbe: {{ tcpSocket: {{ port: 9 }} }}\n"), "")
                .replace("  replicas: 1", "  progressDeadlineSeconds: 2\n  replicas: 1"),
            ROLLOUT,
            "ProgressDeadlineExceeded",
            &[],
            true,
        ),
        case(
            "job-fails",
            job(&script("echo table is locked; exit 5"), "backoffLimit: 0"),
            JOB,
            "BackoffLimitExceeded",
            &["table is locked"],
            true,
        ),
        case(
            "job-restarts",
            // The controller removes the Pod with the second end.
            job(&script("sleep 4; echo table is locked; exit 6"), "backoffLimit: 1")
                .replace("restartPolicy: Never", "restartPolicy: OnFailure"),
            JOB,
            "exited with code 6",
            &["BackoffLimitExceeded"],
            true,
        ),
        case("job-deadline", job(&sleeps, "activeDeadlineSeconds: 2"), JOB, "DeadlineExceeded", &[], true),
        case("job-suspended", job(&sleeps, "suspend: true"), JOB, "Suspended", &[], false),
        case(
            "stateful",
            format!(
                "apiVersion: apps/v1\nkind: StatefulSet\nmetadata: {{ name: db }}\nspec:\n  serviceName: db\n  selector: {{ matchLabels: {{ app: web }} }}\n  \
                 template:\n    metadata: {{ labels: {{ app: web }} }}\n    spec:\n{}",
                pod_spec("image: kubecause-nowhere:1\nimagePullPolicy: Never\n", "", 6)
            ),
            "rollout: { workload: statefulset/db }",
            "ErrImageNeverPull",
            &["pod/db-0"],
            true,
        ),
        case(
            "headless",
            format!(
                "apiVersion: apps/v1\nkind: StatefulSet\nmetadata: {{ name: db }}\nspec:\n  serviceName: db-internal\n  \
                 selector: {{ matchLabels: {{ app: web }} }}\n  template:\n    metadata: {{ labels: {{ app: web }} }}\n    spec:\n{}",
                pod_spec(&format!("{sleeps}readinessProbe: {{ exec: {{ command: [/bin/false] }} }}\n"), "", 6)
            ),
            "rollout: { workload: statefulset/db }",
            "NoGoverningService",
            &["db-internal", "ReadinessProbeFailed"],
            false,
        ),
        case(
            "cron-suspended",
            format!(
                "apiVersion: batch/v1\nkind: CronJob\nmetadata: {{ name: night }}\nspec:\n  schedule: '* * * * *'\n  suspend: true\n  \
                 jobTemplate:\n    spec:\n      template:\n        spec:\n{}",
                pod_spec(&sleeps, "restartPolicy: Never", 10)
            ),
            "resource: { kind: CronJob, name: night, assert: has(self.status.lastScheduleTime) }",
            "Suspended",
            &["spec.suspend"],
            false,
        ),
        case(
            "budget",
            format!(
                "{}---\napiVersion: policy/v1\nkind: PodDisruptionBudget\nmetadata: {{ name: web }}\n\
                 spec: {{ minAvailable: 1, selector: {{ matchLabels: {{ app: web }} }} }}\n",
                web(&sleeps, "")
            ),
            "resource: { kind: PodDisruptionBudget, name: web, assert: self.status.disruptionsAllowed > 0 }",
            "DisruptionNotAllowed",
            &["1 of 1 Pods are healthy"],
            false,
        ),
        case(
            "never",
            job(&script("sleep 1; exit 1"), "backoffLimit: 6"),
            "resource: { kind: Job, name: migrate, assert: self.status.succeeded > 0, never: self.status.failed > 0 }",
            "self.status.failed > 0 is true",
            &["the condition under `never` is true"],
            false,
        ),
    ]
}

fn networks() -> Vec<Case> {
    let httpd = web(HTTPD, "");
    vec![
        case(
            "http-no-endpoints",
            format!("{httpd}{}  selector: {{ app: wbe }}\n", service(31_811, "targetPort: 8080")),
            "http: { url: 'http://127.0.0.1:31811/' }",
            "NoEndpoints",
            &["port 31811 is its node port", "selector app=wbe matches no pod"],
            true,
        ),
        case(
            "http-port-name",
            format!("{httpd}{}  selector: {{ app: web }}\n", service(31_812, "targetPort: web")),
            "http: { url: 'http://127.0.0.1:31812/' }",
            "WrongTargetPort",
            &["targetPort web", "http"],
            true,
        ),
        case(
            "tcp-port",
            format!("{httpd}{}  selector: {{ app: web }}\n", service(31_813, "targetPort: 8081")),
            "tcp: { address: '127.0.0.1:31813' }",
            "WrongTargetPort",
            &["targetPort 8081", "8080"],
            false,
        ),
        case(
            "endpoint-slices",
            format!("{httpd}{}  selector: {{ app: wbe }}\n", service(31_814, "targetPort: 8080")),
            "resource: { kind: EndpointSlice, selector: kubernetes.io/service-name=web, assert: 'self.endpoints.size() > 0' }",
            "NoEndpoints",
            &["selector app=wbe matches no pod"],
            true,
        ),
        case(
            "balancer",
            format!(
                "{httpd}\n---\napiVersion: v1\nkind: Service\nmetadata: {{ name: web }}\nspec: {{ type: LoadBalancer, selector: {{ app: web }}, ports: [{{ port: 80, targetPort: 8080 }}] }}\n"
            ),
            "resource: { kind: Service, name: web, assert: 'self.status.loadBalancer.ingress.size() > 0' }",
            "LoadBalancerPending",
            &[],
            false,
        ),
        case(
            "ingress",
            "apiVersion: networking.k8s.io/v1\nkind: Ingress\nmetadata: { name: web }\nspec:\n  ingressClassName: none-such\n  \
             defaultBackend: { service: { name: web, port: { number: 80 } } }\n"
                .to_owned(),
            "resource: { kind: Ingress, name: web, assert: 'self.status.loadBalancer.ingress.size() > 0' }",
            "NoIngressClass",
            &["BackendNotFound"],
            false,
        ),
    ]
}
