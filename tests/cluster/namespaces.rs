//! Namespaces of stages and parts: what names none in them goes there, and gates measure it there.

use std::fs;

use crate::ran::{Ran, no_namespaces, quiet};

/// The namespaces of this test, deleted at its end, also by a panic.
struct Own([String; 3]);

impl Drop for Own {
    fn drop(&mut self) {
        for namespace in &self.0 {
            quiet("kubectl", &["delete", "namespace", namespace, "--ignore-not-found", "--wait=false"]);
        }
    }
}

#[test]
#[ignore = "needs the cluster"]
fn a_stage_and_a_part_have_namespaces_of_their_own() {
    let base = format!("pipeline-test-lang-{}", std::process::id());
    let own = Own([base.clone(), format!("{base}-stage"), format!("{base}-part")]);
    let folder = tempfile::tempdir().expect("a folder");
    let write = |name: &str, text: &str| fs::write(folder.path().join(name), text).expect("written");
    write(
        "pipeline.yaml",
        &format!(
            "version: 1\npipeline: lang\ncluster: {{ contexts: [local], namespace: {base} }}\nvars: {{ base: {base} }}\n\
             parts:\n  settings:\n    params: {{ color: {{ type: text, one_of: [red, blue] }} }}\n    \
             outputs: {{ color: '${{{{ steps.get.outputs.value }}}}' }}\n    steps:\n      \
             apply: {{ kube: {{ apply: {{ create_namespace: true, objects: [{{ apiVersion: v1, kind: ConfigMap, metadata: {{ name: settings }}, data: {{ color: '${{{{ params.color }}}}' }} }}] }} }} }}\n      \
             get: {{ needs: [apply], kube: {{ get: {{ target: configmap/settings, value: self.data.color }} }} }}\n    \
             gate:\n      - resource: {{ kind: ConfigMap, name: settings, match: {{ data: {{ color: '${{{{ params.color }}}}' }} }} }}\n\
             stages: [a.yaml]\n"
        ),
    );
    write(
        "a.yaml",
        "stage: a\nnamespace: '${{ vars.base }}-stage'\nsteps:\n  here: { use: settings, with: { color: red } }\n  \
         there: { use: settings, namespace: '${{ vars.base }}-part', with: { color: blue } }\n  \
         read: { kube: { get: { target: configmap/settings, value: self.data.color } }, needs: [here, there] }\n  \
         all: { env: { ALL: '${{ steps.here.outputs.color }} ${{ steps.there.outputs.color }} ${{ steps.read.outputs.value }}' }, \
         shell: { run: 'printf \"$ALL\" > all' } }\n\
         gate:\n  - resource: { kind: ConfigMap, name: settings, match: { data: { color: red } } }\n\
         finally:\n  away: { kube: { delete: { target: ['namespace/${{ vars.base }}-stage', 'namespace/${{ vars.base }}-part'] } } }\n",
    );
    let ran = Ran::of(folder.path(), &[], &[]);
    ran.ends(0, &["✔ a.here.gate", "✔ a.there.gate", "✔ a.gate"]);
    assert_eq!(fs::read_to_string(folder.path().join("all")).expect("written"), "red blue red");
    no_namespaces(&own.0);
}
