//! The broken deployments, one fault each.

use super::{Case, pod_spec, script, web};

pub const ROLLOUT: &str = "rollout: { workload: deployment/web }";
pub const READY: &str = "pods: { selector: app=web, ready: all, count: 1 }";
pub fn case(
    name: &'static str,
    manifests: String,
    gate: &'static str,
    cause: &'static str,
    words: &'static [&'static str],
    early: bool,
) -> Case {
    Case { name, manifests, gate, cause, words, early }
}

pub fn cases() -> Vec<Case> {
    let mut all = images_and_starts();
    all.extend(crashes());
    all.extend(probes_and_waits());
    all.extend(super::broken_workloads::cases());
    all.extend(super::broken_more::cases());
    all
}

fn images_and_starts() -> Vec<Case> {
    let never = "imagePullPolicy: Never\n";
    vec![
        case(
            "never-pull",
            web(&format!("image: kubecause-nowhere:1\n{never}"), ""),
            ROLLOUT,
            "ErrImageNeverPull",
            &["of 60s: ErrImageNeverPull cannot recover"],
            true,
        ),
        case("image-name", web("image: 'Not//An:Image'\n", ""), READY, "InvalidImageName", &[], true),
        case("image-host", web("image: registry.invalid/app:1\n", ""), READY, "ImagePull", &["registry.invalid"], true),
        case("no-command", web("command: [/no/such/program]\n", ""), READY, "/no/such/program", &[], true),
        case("not-executable", web("command: [/tmp]\n", ""), READY, "container app", &["permission denied"], true),
        case(
            "root-refused",
            web(&script("sleep 1000"), "securityContext: { runAsNonRoot: true }"),
            READY,
            "CreateContainerConfigError",
            &["runAsNonRoot"],
            true,
        ),
        case(
            "config-map",
            web(&format!("{}envFrom: [{{ configMapRef: {{ name: settings }} }}]\n", script("sleep 1000")), ""),
            READY,
            "CreateContainerConfigError",
            &["configmap \"settings\" not found"],
            false,
        ),
        case(
            "secret-key",
            format!(
                "apiVersion: v1\nkind: Secret\nmetadata: {{ name: db }}\nstringData: {{ URL: x }}\n---\n{}",
                web(
                    &format!(
                        "{}env: [{{ name: P, valueFrom: {{ secretKeyRef: {{ name: db, key: PASSWORD }} }} }}]\n",
                        script("sleep 1000")
                    ),
                    ""
                )
            ),
            READY,
            "CreateContainerConfigError",
            &["couldn't find key PASSWORD"],
            false,
        ),
        case(
            "volume",
            web(
                &format!("{}volumeMounts: [{{ name: tls, mountPath: /tls }}]\n", script("sleep 1000")),
                "volumes: [{ name: tls, secret: { secretName: tls } }]",
            ),
            READY,
            "FailedMount",
            &["secret \"tls\" not found"],
            false,
        ),
        case(
            "architecture",
            format!(
                "apiVersion: v1\nkind: ConfigMap\nmetadata: {{ name: bin }}\nbinaryData: {{ app: {FOREIGN} }}\n---\n{}",
                web(
                    "command: [/bin-of/app]\nvolumeMounts: [{ name: bin, mountPath: /bin-of }]\n",
                    "volumes: [{ name: bin, configMap: { name: bin, defaultMode: 493 } }]"
                )
            ),
            READY,
            "format error",
            &[],
            true,
        ),
    ]
}

/// The head of a program for a processor that no node has (ELF, machine 0xf3ff).
const FOREIGN: &str = "f0VMRgIBAQAAAAAAAAAAAAIA//MBAAAAAAAAAAAAAABAAAAAAAAAAAAAAAAAAAAAAAAAAEAAOAAAAAAAAAAAAA==";

fn crashes() -> Vec<Case> {
    // Never ready, also in the moment between two crashes.
    let unready = "readinessProbe: { exec: { command: [/bin/false] } }\n";
    let crash = script("echo no DATABASE_URL; exit 3") + unready;
    vec![
        case("crash", web(&crash, ""), READY, "exited with code 3", &["no DATABASE_URL", "restarted"], true),
        case("ends-well", web(&(script("echo done") + unready), ""), READY, "exited with code 0", &["restarted"], true),
        case(
            "init-crash",
            web(
                &script("sleep 1000"),
                "initContainers:\n- name: migrate\n  image: pipeline-busybox:local\n  \
                 command: [/bin/sh, -c, 'echo table is locked; exit 5']",
            ),
            READY,
            "init container migrate: exited with code 5",
            &["table is locked"],
            true,
        ),
        case(
            "out-of-memory",
            web(
                &format!(
                    "{}resources: {{ limits: {{ memory: 24Mi }} }}\nreadinessProbe: {{ tcpSocket: {{ port: 9 }}, periodSeconds: 1 }}\n",
                    script("x=aaaaaaaaaaaaaaaa; while true; do x=$x$x; done")
                ),
                "",
            ),
            READY,
            "OOMKilled",
            &["out of memory, limit 24Mi"],
            true,
        ),
        case(
            "between-crashes",
            web(
                &format!(
                    "{}readinessProbe: {{ tcpSocket: {{ port: 8080 }}, periodSeconds: 1 }}\n",
                    script("sleep 8; echo lost the database; exit 4")
                ),
                "",
            ),
            READY,
            "exited with code 4",
            &["lost the database", "restarted"],
            false,
        ),
        case(
            "post-start",
            web(
                &format!(
                    "{}lifecycle: {{ postStart: {{ exec: {{ command: [/bin/sh, -c, 'exit 7'] }} }} }}\n\
                     resources: {{ limits: {{ memory: 64Mi }} }}\n",
                    script("sleep 1000")
                ),
                "",
            ),
            READY,
            "PostStartHookError",
            &[],
            true,
        ),
        case(
            "bare-pod",
            format!(
                "apiVersion: v1\nkind: Pod\nmetadata: {{ name: web, labels: {{ app: web }} }}\nspec:\n{}",
                pod_spec(&crash, "restartPolicy: Never", 2)
            ),
            READY,
            "exited with code 3",
            &["no DATABASE_URL"],
            true,
        ),
    ]
}

#[allow(clippy::too_many_lines, reason = "a table of cases")]
fn probes_and_waits() -> Vec<Case> {
    let sleeps = script("sleep 1000");
    let probe =
        |kind: &str, rest: &str| format!("{sleeps}{kind}: {{ tcpSocket: {{ port: 8080 }}, periodSeconds: 1{rest} }}\n");
    vec![
        case(
            "readiness",
            web(&probe("readinessProbe", ""), ""),
            READY,
            "ReadinessProbeFailed",
            &["container app"],
            false,
        ),
        case(
            "liveness",
            web(
                &format!(
                    "{}resources: {{ limits: {{ memory: 64Mi }} }}\n",
                    probe("livenessProbe", ", failureThreshold: 1")
                ),
                "",
            ),
            "pods: { selector: app=web, restarts: '< 0' }",
            "LivenessProbeFailed",
            &[],
            false,
        ),
        case(
            "probe-port",
            web(
                &format!(
                    "{sleeps}ports: [{{ name: http, containerPort: 8080 }}]\n\
                     readinessProbe: {{ httpGet: {{ path: /, port: htp }}, periodSeconds: 1 }}\n"
                ),
                "",
            ),
            READY,
            "WrongProbePort",
            &["readiness probe names the port htp", "it has http"],
            true,
        ),
        case(
            "sysctl",
            web(&sleeps, "securityContext: { sysctls: [{ name: kernel.msgmax, value: '65536' }] }"),
            ROLLOUT,
            "SysctlForbidden",
            &["kernel.msgmax"],
            true,
        ),
        case(
            "startup",
            web(&probe("startupProbe", ", failureThreshold: 100"), ""),
            READY,
            "StartupProbeFailed",
            &[],
            false,
        ),
        case(
            "sidecar",
            web(
                &sleeps,
                "initContainers:\n- name: proxy\n  restartPolicy: Always\n  image: pipeline-busybox:local\n  \
                 command: [/bin/sleep, '1000']\n  startupProbe: { tcpSocket: { port: 9 }, periodSeconds: 1, failureThreshold: 100 }",
            ),
            READY,
            "sidecar container proxy",
            &["StartupProbeFailed"],
            false,
        ),
        case(
            "init-hangs",
            web(
                &sleeps,
                "initContainers:\n- name: wait-for-db\n  image: pipeline-busybox:local\n  \
                 command: [/bin/sh, -c, 'echo waiting for db:5432; sleep 1000']",
            ),
            ROLLOUT,
            "init container wait-for-db is still running",
            &["waiting for db:5432"],
            false,
        ),
        case(
            "cpu",
            web(&format!("{sleeps}resources: {{ requests: {{ cpu: '1000' }} }}\n"), ""),
            READY,
            "Unschedulable",
            &["Insufficient cpu"],
            false,
        ),
        case(
            "node-selector",
            web(&sleeps, "nodeSelector: { gpu: 'yes' }"),
            READY,
            "Unschedulable",
            &["affinity/selector"],
            false,
        ),
        case(
            "scheduler",
            web(&sleeps, "schedulerName: mine"),
            READY,
            "NotScheduled",
            &["schedulerName is mine"],
            false,
        ),
        case(
            "scheduling-gate",
            web(&sleeps, "schedulingGates: [{ name: todo.dev/hold }]"),
            READY,
            "SchedulingGated",
            &[],
            false,
        ),
        case(
            "readiness-gate",
            web(&sleeps, "readinessGates: [{ conditionType: todo.dev/ok }]"),
            READY,
            "ReadinessGatesNotReady",
            &[],
            false,
        ),
        case(
            "claim",
            format!(
                "apiVersion: v1\nkind: PersistentVolumeClaim\nmetadata: {{ name: data }}\nspec:\n  storageClassName: none-such\n  \
                 accessModes: [ReadWriteOnce]\n  resources: {{ requests: {{ storage: 1Gi }} }}\n---\n{}",
                web(&sleeps, "volumes: [{ name: data, persistentVolumeClaim: { claimName: data } }]")
            ),
            READY,
            "PVCUnbound",
            &["none-such"],
            false,
        ),
        case(
            "claim-missing",
            web(&sleeps, "volumes: [{ name: data, persistentVolumeClaim: { claimName: data } }]"),
            READY,
            "persistentvolumeclaim \"data\" not found",
            &[],
            false,
        ),
        case(
            "min-ready",
            web(&sleeps, "")
                .replace("  replicas: 1", "  minReadySeconds: 600\n  progressDeadlineSeconds: 1200\n  replicas: 1"),
            ROLLOUT,
            "MinReadySeconds",
            &["600"],
            false,
        ),
    ]
}
