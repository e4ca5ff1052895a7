//! What is written under `helm:` of a step.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::core::kind::{ExistingPath, PushedImage, SecretField, WrittenValue};
use crate::core::model::units::TimeSpan;
use crate::kubernetes::helm::{Author, Back, Chart, Deploy, LEFT_AFTER, Presence, Remove, Repair};

/// Exactly one of `lint`, `template`, `install`, `upgrade`, `rollback`, `test` and `uninstall`.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(extend("x-one-of" = ["lint", "template", "install", "upgrade", "rollback", "test", "uninstall"]))]
pub struct Helm {
    /// Checks a chart; asks no cluster.
    pub lint: Option<LintSpec>,
    /// Renders a chart's manifests; asks no cluster, unless `from_cluster` is set.
    pub template: Option<TemplateSpec>,
    /// Installs a release, or upgrades it where it is there.
    pub install: Option<InstallSpec>,
    /// Upgrades a release that has to be there.
    pub upgrade: Option<UpgradeSpec>,
    /// Goes back to an earlier revision.
    pub rollback: Option<RollbackSpec>,
    /// Runs the tests that a release's chart brings along.
    pub test: Option<TestSpec>,
    /// Removes a release.
    pub uninstall: Option<UninstallSpec>,
}

/// A struct with the fields that every use of a chart has, which `flatten` would cost their places in messages.
macro_rules! chart_spec {
    ($(#[$doc:meta])* $name:ident { $($(#[$field_doc:meta])* $field:ident: $type:ty,)* }) => {
        #[derive(Debug, Clone, Deserialize, JsonSchema)]
        #[serde(deny_unknown_fields)]
        $(#[$doc])*
        pub struct $name {
            /// The chart: a folder or `.tgz` of the project, `oci://…`, or a name in `repository`.
            pub chart: String,
            /// The URL of a chart repository.
            pub repository: Option<String>,
            /// The version of a chart that is fetched.
            pub version: Option<String>,
            /// Values files; later ones win.
            #[serde(default)]
            pub values_files: Vec<ExistingPath>,
            /// Values on top of the files, as a map.
            #[serde(default)]
            pub values: BTreeMap<String, Value>,
            /// Single values on top of those, by dotted path: `{ image.tag: v2 }`. `\.` is a dot in a name. A number that
            /// would change is text: `1.10`.
            #[serde(default)]
            pub set: BTreeMap<String, WrittenValue>,
            /// Secret values on top of all, by dotted path: `{ api.token: "${{ secrets.token }}" }`. They reach helm in a
            /// file that only this user can read, never as arguments.
            #[serde(default)]
            pub secret_values: BTreeMap<String, SecretField>,
            /// Fetches the chart's dependencies first.
            #[serde(default)]
            pub dependency_update: bool,
            $($(#[$field_doc])* pub $field: $type,)*
        }

        impl UsesChart for $name {
            fn chart(&self) -> ChartFields<'_> {
                ChartFields {
                    chart: &self.chart,
                    repository: self.repository.as_deref(),
                    version: self.version.as_deref(),
                    values_files: &self.values_files,
                    values: &self.values,
                    set: &self.set,
                    secret_values: &self.secret_values,
                    dependency_update: self.dependency_update,
                }
            }
        }
    };
}

chart_spec! {
    /// What to check.
    #[schemars(extend("x-short" = "chart"))]
    LintSpec {
        /// Whether warnings fail it as well. Default: true.
        strict: Option<bool>,
    }
}

chart_spec! {
    /// What to render.
    #[schemars(extend("x-short" = "chart"))]
    TemplateSpec {
        /// Values that name an image, by dotted path, and the steps that have pushed it (`push` or `build.push`):
        /// `{ image.tag: push }`. A path that ends in `digest`, `repository` or `tag` gets that part, any other
        /// `NAME@sha256:…`. Where the chart's objects do not have the pushed digest then, the step fails.
        #[serde(default)]
        pin: BTreeMap<String, PushedImage>,
        /// The release's name in the templates. Default: the chart's.
        release: Option<String>,
        /// The namespace in the templates; else the pipeline's.
        namespace: Option<String>,
        /// The file to write, relative to the project's folder. Without it the manifests go to a private file; either
        /// way the output `path` names it.
        output: Option<PathBuf>,
        /// The Kubernetes version that the chart sees: `v1.31.0`. Without it helm's own default, which charts may refuse.
        kube_version: Option<String>,
        /// Further API versions that the chart finds in the cluster: `monitoring.coreos.com/v1`.
        #[serde(default)]
        api_versions: Vec<String>,
        /// Takes the Kubernetes version and the API versions from the cluster, which must answer; `kube_version` goes before
        /// its version.
        #[serde(default)]
        from_cluster: bool,
        /// Leaves out the chart's tests.
        #[serde(default)]
        skip_tests: bool,
    }
}

chart_spec! {
    /// What to install.
    InstallSpec {
        /// Values that name an image, by dotted path, and the steps that have pushed it (`push` or `build.push`):
        /// `{ image.tag: push }`. A path that ends in `digest`, `repository` or `tag` gets that part, any other
        /// `NAME@sha256:…`. Where the chart's objects do not have the pushed digest then, the step fails.
        #[serde(default)]
        pin: BTreeMap<String, PushedImage>,
        /// The release's name.
        release: String,
        /// Its namespace; else the pipeline's.
        namespace: Option<String>,
        /// Fails where the release is there already, instead of upgrading it.
        #[serde(default)]
        only_new: bool,
        /// Makes the namespace where it is missing.
        #[serde(default)]
        create_namespace: bool,
        /// Waits until all its objects are ready.
        #[serde(default)]
        wait: bool,
        /// Undoes everything when it fails; waits as well.
        #[serde(default)]
        atomic: bool,
        /// How long helm waits for each object. Helm's default: 5m.
        timeout: Option<TimeSpan>,
        /// Asks the cluster what it would say, and changes nothing.
        #[serde(default)]
        dry_run: bool,
        /// Repairs a release that a killed helm left pending (`pending-install`, `pending-upgrade`, `pending-rollback`): goes
        /// back to the last good revision, or removes a first install that was half done. Without it such a release is
        /// explained, and the step fails.
        #[serde(default)]
        repair: bool,
        /// How long a release must be pending before it is repaired, unless this pipeline certainly began the install or
        /// upgrade: another helm may be at work on it. Default: 5m.
        repair_after: Option<TimeSpan>,
    }
}

chart_spec! {
    /// What to upgrade.
    UpgradeSpec {
        /// Values that name an image, by dotted path, and the steps that have pushed it (`push` or `build.push`):
        /// `{ image.tag: push }`. A path that ends in `digest`, `repository` or `tag` gets that part, any other
        /// `NAME@sha256:…`. Where the chart's objects do not have the pushed digest then, the step fails.
        #[serde(default)]
        pin: BTreeMap<String, PushedImage>,
        /// The release's name.
        release: String,
        /// Its namespace; else the pipeline's.
        namespace: Option<String>,
        /// Keeps the values of the last revision where none are given here.
        #[serde(default)]
        reuse_values: bool,
        /// Waits until all its objects are ready.
        #[serde(default)]
        wait: bool,
        /// Goes back to the last good revision when it fails; waits as well.
        #[serde(default)]
        atomic: bool,
        /// How long helm waits for each object. Helm's default: 5m.
        timeout: Option<TimeSpan>,
        /// Asks the cluster what it would say, and changes nothing.
        #[serde(default)]
        dry_run: bool,
        /// Repairs a release that a killed helm left pending (`pending-install`, `pending-upgrade`, `pending-rollback`): goes
        /// back to the last good revision, or removes a first install that was half done. Without it such a release is
        /// explained, and the step fails.
        #[serde(default)]
        repair: bool,
        /// How long a release must be pending before it is repaired, unless this pipeline certainly began the install or
        /// upgrade: another helm may be at work on it. Default: 5m.
        repair_after: Option<TimeSpan>,
    }
}

/// Where to go back to.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(extend("x-short" = "release"))]
pub struct RollbackSpec {
    /// The release's name.
    pub release: String,
    /// Its namespace; else the pipeline's.
    pub namespace: Option<String>,
    /// The revision; the one before the current where none is named.
    pub revision: Option<u32>,
    /// Waits until all its objects are ready.
    #[serde(default)]
    pub wait: bool,
    /// How long helm waits for each object. Helm's default: 5m.
    pub timeout: Option<TimeSpan>,
    /// Repairs a release that a killed helm left pending (`pending-install`, `pending-upgrade`, `pending-rollback`): goes
    /// back to the last good revision, or removes a first install that was half done. Without it such a release is
    /// explained, and the step fails.
    #[serde(default)]
    pub repair: bool,
    /// How long a release must be pending before it is repaired, unless this pipeline certainly began the install or
    /// upgrade: another helm may be at work on it. Default: 5m.
    pub repair_after: Option<TimeSpan>,
}

/// What to test.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(extend("x-short" = "release"))]
pub struct TestSpec {
    /// The release's name.
    pub release: String,
    /// Its namespace; else the pipeline's.
    pub namespace: Option<String>,
    /// How long helm waits for each test. Helm's default: 5m.
    pub timeout: Option<TimeSpan>,
    /// Only the tests of these names; `!NAME` leaves one out.
    #[serde(default)]
    pub filter: Vec<String>,
}

/// What to remove.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(extend("x-short" = "release"))]
pub struct UninstallSpec {
    /// The release's name.
    pub release: String,
    /// Its namespace; else the pipeline's.
    pub namespace: Option<String>,
    /// Whether to wait until its objects are gone. Default: true.
    pub wait: Option<bool>,
    /// Keeps the record of its revisions.
    #[serde(default)]
    pub keep_history: bool,
    /// Passes where there is no such release.
    #[serde(default)]
    pub ignore_missing: bool,
    /// How long helm waits. Helm's default: 5m.
    pub timeout: Option<TimeSpan>,
}

/// What a step does, of the things it can.
pub enum Verb<'a> {
    Lint(&'a LintSpec),
    Template(&'a TemplateSpec),
    Install(&'a InstallSpec),
    Upgrade(&'a UpgradeSpec),
    Rollback(&'a RollbackSpec),
    Test(&'a TestSpec),
    Uninstall(&'a UninstallSpec),
}

impl Helm {
    /// What is written, in the order of the keys; exactly one when it was checked.
    pub fn verbs(&self) -> Vec<(&'static str, Verb<'_>)> {
        let verbs = [
            self.lint.as_ref().map(|spec| ("lint", Verb::Lint(spec))),
            self.template.as_ref().map(|spec| ("template", Verb::Template(spec))),
            self.install.as_ref().map(|spec| ("install", Verb::Install(spec))),
            self.upgrade.as_ref().map(|spec| ("upgrade", Verb::Upgrade(spec))),
            self.rollback.as_ref().map(|spec| ("rollback", Verb::Rollback(spec))),
            self.test.as_ref().map(|spec| ("test", Verb::Test(spec))),
            self.uninstall.as_ref().map(|spec| ("uninstall", Verb::Uninstall(spec))),
        ];
        verbs.into_iter().flatten().collect()
    }
}

/// The fields of a chart, wherever they stand.
pub struct ChartFields<'a> {
    pub chart: &'a str,
    pub repository: Option<&'a str>,
    pub version: Option<&'a str>,
    pub values_files: &'a [ExistingPath],
    pub values: &'a BTreeMap<String, Value>,
    pub set: &'a BTreeMap<String, WrittenValue>,
    pub secret_values: &'a BTreeMap<String, SecretField>,
    pub dependency_update: bool,
}

/// A verb that takes a chart.
pub trait UsesChart {
    /// Its fields.
    fn chart(&self) -> ChartFields<'_>;
}

impl ChartFields<'_> {
    /// Whether it is a folder or file of the project.
    pub fn is_local(&self) -> bool {
        self.repository.is_none() && !self.chart.contains("://")
    }

    /// For the driver, with paths below `project`.
    pub fn chart(&self, project: &Path) -> Chart {
        let local = self.is_local().then(|| project.join(self.chart).to_string_lossy().into_owned());
        Chart {
            chart: local.unwrap_or_else(|| self.chart.to_owned()),
            repository: self.repository.map(str::to_owned),
            version: self.version.map(str::to_owned),
            files: self.values_files.iter().map(|file| file.below(project)).collect(),
            values: self.values.clone().into_iter().collect::<Map<String, Value>>(),
            set: self.set.iter().map(|(path, value)| (path.clone(), value.0.clone())).collect(),
            secret_values: self.secret_values.iter().map(|(path, value)| (path.clone(), value.0.clone())).collect(),
            dependency_update: self.dependency_update,
        }
    }
}

impl InstallSpec {
    /// For the driver.
    pub fn deploy(&self, author: Author) -> Deploy {
        Deploy {
            presence: if self.only_new { Presence::Refused } else { Presence::Any },
            create_namespace: self.create_namespace,
            wait: self.wait,
            atomic: self.atomic,
            timeout: self.timeout.map(|limit| limit.0),
            dry_run: self.dry_run,
            reuse_values: false,
            repair: repair(self.repair, self.repair_after),
            author,
        }
    }
}

impl UpgradeSpec {
    /// For the driver.
    pub fn deploy(&self, author: Author) -> Deploy {
        Deploy {
            presence: Presence::Required,
            create_namespace: false,
            wait: self.wait,
            atomic: self.atomic,
            timeout: self.timeout.map(|limit| limit.0),
            dry_run: self.dry_run,
            reuse_values: self.reuse_values,
            repair: repair(self.repair, self.repair_after),
            author,
        }
    }
}

impl RollbackSpec {
    /// For the driver.
    pub fn back(&self, author: Author) -> Back {
        Back {
            revision: self.revision,
            wait: self.wait,
            timeout: self.timeout.map(|limit| limit.0),
            repair: repair(self.repair, self.repair_after),
            author,
        }
    }
}

fn repair(wanted: bool, after: Option<TimeSpan>) -> Repair {
    if wanted { Repair::After(after.map_or(LEFT_AFTER, |after| after.0)) } else { Repair::Never }
}

impl UninstallSpec {
    /// For the driver.
    pub fn remove(&self) -> Remove {
        Remove {
            wait: self.wait.unwrap_or(true),
            keep_history: self.keep_history,
            ignore_missing: self.ignore_missing,
            timeout: self.timeout.map(|limit| limit.0),
        }
    }
}
