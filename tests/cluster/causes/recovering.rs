//! Deployments that are not well at first, and recover by themselves within 40 s.

use std::time::Duration;

use super::{Case, Ran, later, quiet, script, web};

/// A deployment that gets well.
pub struct Recovering {
    pub name: &'static str,
    case: Case,
    /// What happens a while after it was applied: kubectl's arguments, with a manifest in `later.yaml`.
    then: Option<(Duration, String)>,
}

impl Recovering {
    /// What is wrong with how its run ended; nothing if it passed.
    pub fn run(&self) -> Option<String> {
        let folder = tempfile::tempdir().expect("a folder");
        self.case.write(folder.path());
        let namespace = self.case.namespace();
        let ran = std::thread::scope(|scope| {
            if let Some((after, manifest)) = &self.then {
                let file = folder.path().join("later.txt");
                std::fs::write(&file, manifest).expect("writable");
                let namespace = &namespace;
                scope.spawn(move || {
                    later(*after, "kubectl", &["apply", "-n", namespace, "-f", &file.display().to_string()]);
                });
            }
            Ran::of(folder.path(), &[], &[])
        });
        quiet("kubectl", &["delete", "namespace", &namespace, "--wait=false", "--ignore-not-found"]);
        (ran.code != 0).then(|| format!("{}: exit code {}\n{}", self.name, ran.code, ran.err))
    }
}

fn recovers(name: &'static str, manifests: String, then: Option<(u64, &str)>) -> Recovering {
    let gate = "rollout: { workload: deployment/web }";
    let case = Case { name, manifests, gate, cause: "", words: &[], early: true };
    let then = then.map(|(seconds, manifest)| (Duration::from_secs(seconds), manifest.to_owned()));
    Recovering { name, case, then }
}

#[allow(clippy::too_many_lines, reason = "a table")]
pub fn cases() -> Vec<Recovering> {
    // A container that fails until its Pod is this old: the volume outlives the container.
    let fails_twice = "echo x >> /state/starts; if [ $(wc -l < /state/starts) -lt 3 ]; then exit 3; fi; sleep 1000";
    let state = "volumes: [{ name: state, emptyDir: {} }]";
    let mount = "volumeMounts: [{ name: state, mountPath: /state }]\n";
    let varied = "echo x >> /state/starts; n=$(wc -l < /state/starts); if [ $n -lt 4 ]; then exit $n; fi; sleep 1000";
    let ready_late = "sleep 15; touch /tmp/ready; sleep 1000";
    let probe = "readinessProbe: { exec: { command: [/bin/test, -f, /tmp/ready] }, periodSeconds: 1 }\n";
    let config = "apiVersion: v1\nkind: ConfigMap\nmetadata: { name: settings }\ndata: { MODE: fast }\n";
    let secret = "apiVersion: v1\nkind: Secret\nmetadata: { name: tls }\nstringData: { key: x }\n";
    let answers_late = "mkdir /tmp/w; httpd -p 8080 -h /tmp/w; sleep 20; echo ok > /tmp/w/index.html; sleep 1000";
    let listens = "readinessProbe: { tcpSocket: { port: 8080 }, periodSeconds: 1 }\n";
    let init = "echo x >> /state/starts; [ $(wc -l < /state/starts) -ge 3 ]";
    let account = "apiVersion: v1\nkind: ServiceAccount\nmetadata: { name: runner }\n";
    vec![
        recovers("crashes-twice", web(&format!("{}{mount}", script(fails_twice)), state), None),
        recovers("crashes-differently", web(&format!("{}{mount}", script(varied)), state), None),
        recovers("ready-late", web(&format!("{}{probe}", script(ready_late)), ""), None),
        recovers(
            "config-late",
            web(&format!("{}envFrom: [{{ configMapRef: {{ name: settings }} }}]\n", script("sleep 1000")), ""),
            Some((12, config)),
        ),
        recovers(
            "secret-late",
            web(
                &format!("{}volumeMounts: [{{ name: tls, mountPath: /tls }}]\n", script("sleep 1000")),
                "volumes: [{ name: tls, secret: { secretName: tls } }]",
            ),
            Some((6, secret)),
        ),
        recovers("account-late", web(&script("sleep 1000"), "serviceAccountName: runner"), Some((6, account))),
        recovers(
            "init-waits",
            web(
                &script("sleep 1000"),
                "initContainers:\n- name: wait\n  image: pipeline-busybox:local\n  command: [/bin/sleep, '12']",
            ),
            None,
        ),
        recovers(
            "database-late",
            format!(
                "{}---\n{}",
                web(
                    &format!(
                        "{}{mount}",
                        script("test -f /state/up || { sleep 11; touch /state/up; exit 3; }; sleep 1000")
                    ),
                    state
                ),
                web(&format!("{}{probe}", script(ready_late)), "").replace("web", "db")
            ),
            None,
        ),
        // It is ready at first, fails once, and stays.
        by(
            "lives-then-fails-once",
            web(
                &format!(
                    "{}{mount}",
                    script(
                        "echo x >> /state/starts; if [ $(wc -l < /state/starts) -lt 2 ]; then sleep 3; exit 3; fi; sleep 1000"
                    )
                ),
                state,
            ),
            "pods: { selector: app=web, ready: all }\n    for: 15s",
        ),
        by(
            "late-answer",
            format!("{}{SERVICE}", web(&script(answers_late), "")),
            "http: { service: web, contains: ok }",
        ),
        by(
            "late-endpoint",
            format!("{}{SERVICE}", web(&format!("{}{listens}", script("sleep 15; httpd -f -p 8080 -h /bin")), "")),
            "http: { service: web, status: 404 }",
        ),
        by(
            "init-fails-twice",
            web(
                &script("sleep 1000"),
                &format!(
                    "{state}\ninitContainers: [{{ name: w, image: 'pipeline-busybox:local', command: [/bin/sh, -c, {init:?}], volumeMounts: [{{ name: state, mountPath: /state }}] }}]"
                ),
            ),
            "rollout: { workload: deployment/web }",
        ),
        recovers(
            "key-late",
            format!(
                "{}---\n{}",
                config.replace("MODE: fast", "OTHER: x"),
                web(
                    &format!(
                        "{}env: [{{ name: X, valueFrom: {{ configMapKeyRef: {{ name: settings, key: MODE }} }} }}]\n",
                        script("sleep 1000")
                    ),
                    "",
                )
            ),
            Some((12, config)),
        ),
    ]
}

const SERVICE: &str = "\n---\napiVersion: v1\nkind: Service\nmetadata: { name: web }\nspec: { type: NodePort, selector: { app: web }, ports: [{ port: 80, targetPort: 8080 }] }\n";

fn by(name: &'static str, manifests: String, gate: &'static str) -> Recovering {
    Recovering { name, case: Case { name, manifests, gate, cause: "", words: &[], early: true }, then: None }
}
