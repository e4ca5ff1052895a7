//! Files that resemble manifests and are another tool's: a kustomization, a Helm chart. Applied as they are, they would
//! give another result than the tool's, or none.

use std::path::Path;

/// The names that kustomize reads, in its order.
const KUSTOMIZATIONS: [&str; 3] = ["kustomization.yaml", "kustomization.yml", "Kustomization"];

/// Why `file` is no manifest, where it or what is beside it is another tool's.
pub(super) fn file(file: &Path) -> Option<String> {
    let name = file.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    let folder = file.parent().unwrap_or(Path::new("."));
    if KUSTOMIZATIONS.contains(&name) || (folder.join(KUSTOMIZATIONS[2]).is_file() && !name.is_empty()) {
        return Some(kustomization(folder));
    }
    if name == "Chart.yaml" && folder.join("templates").is_dir() {
        return Some(
            "the folder is a Helm chart: install it with a `helm` step, or render it with `helm: { template: … }`"
                .to_owned(),
        );
    }
    None
}

/// Why an object of this group is no manifest.
pub(super) fn object(api_version: &str, source: &Path) -> Option<String> {
    api_version
        .starts_with("kustomize.config.k8s.io/")
        .then(|| kustomization(source.parent().unwrap_or(Path::new("."))))
}

fn kustomization(folder: &Path) -> String {
    let folder = folder.file_name().map_or_else(|| ".".to_owned(), |name| name.to_string_lossy().into_owned());
    format!(
        "the folder holds a kustomization, which only kustomize reads: name it under `kustomize:`, as in `kustomize: {folder}`"
    )
}

#[cfg(test)]
mod tests {
    use std::fs;

    use crate::core::yaml::manifests::read;

    fn refused(files: &[(&str, &str)]) -> String {
        let folder = tempfile::tempdir().expect("a folder");
        for (name, text) in files {
            let path = folder.path().join(name);
            fs::create_dir_all(path.parent().expect("a folder")).expect("made");
            fs::write(path, text).expect("written");
        }
        read(&folder.path().join("m"), folder.path()).expect_err("refused").message
    }

    const MAP: (&str, &str) = ("m/a.yaml", "apiVersion: v1\nkind: ConfigMap\nmetadata: { name: a }\n");

    #[test]
    fn a_kustomization_is_named_and_what_to_do() {
        let expected = "the folder holds a kustomization, which only kustomize reads: name it under `kustomize:`, as in \
                        `kustomize: m`";
        let text = "resources: [a.yaml]\n";
        for name in ["m/kustomization.yaml", "m/kustomization.yml", "m/Kustomization"] {
            assert_eq!(refused(&[MAP, (name, text)]), expected, "{name}");
        }
        let by_group = "apiVersion: kustomize.config.k8s.io/v1alpha1\nkind: Component\n";
        assert_eq!(refused(&[("m/component.yaml", by_group)]), expected);
    }

    #[test]
    fn a_chart_is_named() {
        let chart = ("m/Chart.yaml", "apiVersion: v2\nname: x\nversion: 1.0.0\n");
        let expected = refused(&[chart, ("m/templates/a.yaml", MAP.1)]);
        assert!(expected.starts_with("the folder is a Helm chart"), "{expected}");
    }
}
