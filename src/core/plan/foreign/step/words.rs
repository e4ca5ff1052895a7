//! The keys of steps in other tools, by what they mean here.

/// Keys under which other tools write what runs.
pub(super) const SCRIPTS: [&str; 14] = [
    "run",
    "script",
    "cmd",
    "cmds",
    "commands",
    "command",
    "exec",
    "bash",
    "sh",
    "before_script",
    "after_script",
    "execute",
    "recipe",
    "bash_command",
];
/// Programs that are taken for a key.
pub(super) const PROGRAMS: [&str; 12] =
    ["kubectl", "docker", "docker-compose", "make", "npm", "yarn", "go", "cargo", "python", "node", "git", "terraform"];
/// What a step waits for.
pub(super) const NEEDS: [&str; 10] = [
    "depends_on",
    "dependsOn",
    "depends-on",
    "deps",
    "dependencies",
    "runAfter",
    "run_after",
    "requires",
    "depends",
    "after",
];
/// That its failure is no failure of the run.
pub(super) const GOES_ON: [&str; 6] =
    ["continue-on-error", "continueOnError", "allow_failure", "ignore_error", "ignore_errors", "soft_fail"];
/// Where it runs.
pub(super) const FOLDERS: [&str; 8] =
    ["working-directory", "working_directory", "workdir", "workingDir", "workingDirectory", "cwd", "dir", "chdir"];
/// What it is repeated for.
pub(super) const LOOPS: [&str; 9] =
    ["strategy", "matrix", "parallel", "withItems", "withParam", "with_items", "loop", "foreach", "forEach"];
/// What has no counterpart, and why it can be left out.
pub(super) const LEFT_OUT: [(&[&str], &str); 5] = [
    (
        &["runs-on", "tags", "runner", "agent", "resource_class", "pool_name", "vmImage"],
        "steps run on this machine: nothing says where",
    ),
    (&["artifacts", "artifact"], "files stay in the project's folder, where later steps find them"),
    (
        &[
            "permissions",
            "concurrency",
            "interruptible",
            "defaults",
            "secrets",
            "outputs_to",
            "silent",
            "interactive",
            "method",
            "preconditions",
            "status",
            "internal",
            "extends",
            "coverage",
            "services",
            "volumes",
            "ports",
            "resource_group",
            "pull_policy",
            "securityContext",
            "resources",
            "volumeMounts",
            "onExit",
            "platform",
        ],
        "it has no counterpart here",
    ),
    (&["id"], "the step's name is its key"),
    (&["stage"], "a step belongs to the stage that it is written in"),
];
