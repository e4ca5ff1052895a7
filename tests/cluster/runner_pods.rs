//! What else runs in Pods of a runner, on the real cluster: services, assertions, Pods with a template, files by content.

use std::fs;
use std::process::Command;

use super::runners::{Farm, kubectl};

#[test]
#[ignore = "needs the cluster"]
fn a_service_in_a_pod_is_up_before_what_it_covers_and_gone_after_it() {
    let steps = "
  web:
    inputs: [site]
    during: [probe, gate]
    shell: { run: 'httpd -f -p 8080 -h site', ready: { http: 'http://127.0.0.1:8080/index.html', within: 40s } }
  talker:
    during: [probe]
    shell: { run: 'echo listening; sleep 100', ready: { log: listening } }
  probe:
    env: { URL: 'http://${{ steps.web.outputs.host }}:8080/index.html' }
    shell: 'wget -q -O - \"$URL\"'
gate:
  - { name: two streams, shell: { run: 'echo out; echo err >&2; exit 3', exit_code: 3, stdout: { equals: out }, stderr: { equals: err } } }
  - { name: sees inputs, inputs: [site], shell: { run: 'cat site/index.html; ls', stdout: { contains: hello, lacks: stage.yaml } } }
  - { name: too long, severity: warning, shell: { run: 'sleep 100', timeout: 2s } }
  - { name: here, runs_on: local, shell: { run: 'ls', stdout: { contains: stage.yaml } } }
";
    let farm = Farm::new("service", steps);
    farm.write("site/index.html", "hello\n");
    farm.run(&[]).ends(0, &["hello", "too long", "not measured (timed out after 2s)"]);
    farm.nothing_is_left();
}

#[test]
#[ignore = "needs the cluster"]
fn a_pod_template_reaches_the_pod_and_a_step_may_name_its_own_image() {
    let steps = "
  shaped: { shell: 'test -d /extra; test \"$(cat /info/kind)\" = tests' }
  other: { runs_on: { runner: farm, image: 'not-there.invalid/other:1' }, continue_on_error: true, shell: 'true' }
";
    let farm = Farm::new("template", steps);
    let template = "pod_template: { metadata: { annotations: { shop.dev/kind: tests } }, spec: { \
        volumes: [{ name: extra, emptyDir: {} }, { name: info, downwardAPI: { items: [{ path: kind, fieldRef: { \
        fieldPath: \"metadata.annotations['shop.dev/kind']\" } }] } }], containers: [{ name: step, volumeMounts: [{ name: extra, \
        mountPath: /extra }, { name: info, mountPath: /info }] }] } }, max: 3";
    farm.write("pipeline.yaml", &farm.read("pipeline.yaml").replace("max: 3", template));
    let ran = farm.run(&["--keep-going"]);
    ran.ends(0, &["not-there.invalid/other:1"]);
    farm.nothing_is_left();
}

#[test]
#[ignore = "needs the cluster"]
fn content_that_a_volume_has_is_not_sent_again() {
    let steps = "
  each:
    for_each: [1, 2, 3]
    inputs: [src]
    shell: 'cat src/a src/deep/b | wc -c; test -x src/run.sh; test ! -e /pipeline-store; test \"$(readlink src/link)\" = a'
";
    let farm = Farm::new("store", steps);
    let folder = tempfile::tempdir().expect("a folder");
    // the kubelet's folders do not get the Pod's group
    Command::new("chmod").arg("777").arg(folder.path()).status().expect("started");
    let volume = format!(
        "apiVersion: v1\nkind: PersistentVolume\nmetadata: {{ name: {name} }}\nspec: {{ capacity: {{ storage: 1Gi }}, \
         accessModes: [ReadWriteMany], storageClassName: '', hostPath: {{ path: {path} }}, \
         claimRef: {{ name: files, namespace: {name} }} }}\n---\napiVersion: v1\nkind: PersistentVolumeClaim\n\
         metadata: {{ name: files, namespace: {name} }}\nspec: {{ accessModes: [ReadWriteMany], storageClassName: '', \
         volumeName: {name}, resources: {{ requests: {{ storage: 1Gi }} }} }}\n",
        name = farm.namespace,
        path = folder.path().display()
    );
    farm.write("volume.yaml", &volume);
    kubectl(&["apply", "-f", &farm.path("volume.yaml").display().to_string()]);
    farm.write("pipeline.yaml", &farm.read("pipeline.yaml").replace("max: 3", "max: 3, store: files"));
    farm.write("src/a", "content\n");
    farm.write("src/deep/b", &"x".repeat(3_000_000));
    farm.write("src/run.sh", "#!/bin/sh\n");
    Command::new("chmod").arg("755").arg(farm.path("src/run.sh")).status().expect("started");
    std::os::unix::fs::symlink("a", farm.path("src/link")).expect("a link");
    let objects = || {
        let all = walkdir::WalkDir::new(folder.path()).into_iter().map(|entry| entry.expect("readable"));
        let files = all.filter(|entry| entry.file_type().is_file());
        files.map(|entry| (entry.path().to_owned(), entry.metadata().expect("there").modified().expect("a time")))
    };
    farm.run(&[]).ends(0, &["3000008"]);
    let first: std::collections::BTreeMap<_, _> = objects().collect();
    assert_eq!(first.len(), 3, "{first:?}");
    farm.write("src/a", "content, changed\n");
    farm.run(&[]).ends(0, &["3000017"]);
    let second: std::collections::BTreeMap<_, _> = objects().collect();
    assert_eq!(second.len(), 4, "{second:?}");
    assert!(first.iter().all(|(path, time)| second.get(path) == Some(time)), "unchanged content is not sent again");
    // a volume that cannot be written is no reason to fail
    fs::remove_dir_all(folder.path().join("v1")).expect("removed");
    fs::write(folder.path().join("v1"), "a file in its place").expect("written");
    farm.run(&[]).ends(0, &["the volume of the runner cannot be used", "3000017"]);
    farm.nothing_is_left();
    kubectl(&["delete", "pv", &farm.namespace, "--wait=false"]);
}
