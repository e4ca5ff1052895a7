//! `pipeline plan --diff --live`: what the steps of a plan would change on the cluster, without changing it.

use std::fmt::Write;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::cli::args::PlanFormat;
use crate::cli::run_context::environment;
use crate::cli::scratch::scratch;
use crate::cli::stderr_sink::StderrSink;
use crate::cli::{out, runtime};
use crate::core::expr::Scope;
use crate::core::kind::services::Services;
use crate::core::kind::{Context, Evidence, Preview, PreviewedObject, Signals, Step, Waits};
use crate::core::model::exit_code::Exit;
use crate::core::model::outcome::Fault;
use crate::core::plan::{Body, Plan, PlanNode, Work};
use crate::core::report::tame;
use crate::services::{Clients, services_of};

/// How long one step may take.
const LIMIT: Duration = Duration::from_secs(60);
const GRACE: Duration = Duration::from_secs(2);

/// What is known of one step.
struct Previewed {
    step: String,
    title: String,
    found: Found,
}

enum Found {
    Compared(Vec<PreviewedObject>),
    /// It cannot be compared, with the reason.
    Open(String),
    /// The comparison failed: the cluster or a program refuses what would be applied.
    Refused(String),
}

struct Nothing;

impl Evidence for Nothing {
    fn keep(&self, _: &str, _: &str) {}
}

/// Compares and shows it.
pub(super) fn run(plan: &Arc<Plan>, format: PlanFormat) -> Result<Exit, Fault> {
    let services = Arc::new(services_of(plan.settings().clone()));
    services.cluster().guard()?;
    let folder = scratch("plan")?;
    let runtime = runtime()?;
    let found = runtime.block_on(async {
        tokio::select! {
            found = all(plan, &services, &folder) => found.map(Some),
            _ = tokio::signal::ctrl_c() => Ok(None),
        }
    });
    runtime.shutdown_timeout(Duration::from_millis(200));
    let Some(found) = found? else { return Ok(Exit::Interrupted) };
    if format == PlanFormat::Json {
        out::data(&format!("{:#}", as_json(&found)));
    } else {
        out::styled(&lines(&found));
    }
    let refused = found.iter().any(|preview| matches!(preview.found, Found::Refused(_)));
    Ok(if refused { Exit::Failed } else { Exit::Passed })
}

async fn all(plan: &Arc<Plan>, services: &Arc<Services>, folder: &TempDir) -> Result<Vec<Previewed>, Fault> {
    services.cluster().client().await?;
    let base = context(plan, services, folder);
    let mut found = Vec::new();
    for node in plan.nodes() {
        let Work::Step(step) = &node.work else { continue };
        if !step.kind.cluster {
            continue;
        }
        let result = match &step.body {
            Body::Template(_) => {
                step.touches_cluster().then(|| Found::Open("its values are known only during the run".to_owned()))
            }
            Body::Ready(body) => preview(plan, node, &**body, &base).await?,
        };
        if let Some(result) = result {
            let outline = &node.outline;
            found.push(Previewed { step: outline.name.clone(), title: outline.title.clone(), found: result });
        }
    }
    Ok(found)
}

/// `None` for a step that changes no object.
async fn preview(plan: &Plan, node: &PlanNode, step: &dyn Step, base: &Context) -> Result<Option<Found>, Fault> {
    let namespace = match namespace(plan, node, &base.scope) {
        Ok(namespace) => namespace.unwrap_or_else(|| Arc::clone(&base.namespace)),
        Err(why) => return Ok(Some(Found::Open(why))),
    };
    let cx = Context { name: node.outline.name.as_str().into(), namespace, ..base.clone() };
    let Ok(answer) = tokio::time::timeout(LIMIT, step.preview(&cx)).await else {
        return Ok(Some(Found::Refused(format!("no answer within {}s", LIMIT.as_secs()))));
    };
    Ok(match answer? {
        None => step.touches_cluster().then(|| Found::Open("what it does is not an apply of objects".to_owned())),
        Some(Preview::Compared(objects)) => Some(Found::Compared(objects)),
        Some(Preview::Refused(failure)) => Some(Found::Refused(failure.summary)),
    })
}

fn scope(plan: &Plan) -> Scope {
    let mut scope = Scope { spelled: plan.spelled().clone(), ..Scope::default() };
    let vars = plan.vars().iter().map(|(name, value)| (name.clone(), value.clone())).collect();
    scope.roots.insert("vars".to_owned(), Value::Object(vars));
    let project = plan.settings().project.display().to_string();
    scope.roots.insert(
        "run".to_owned(),
        json!({ "pipeline": plan.pipeline(), "profile": plan.profile(), "project": project }),
    );
    scope
}

/// The namespace of the innermost part or stage that has one of its own.
fn namespace(plan: &Plan, node: &PlanNode, scope: &Scope) -> Result<Option<Arc<str>>, String> {
    let of_parts = plan.parts_around(node).map(|part| plan.part(part).namespace.as_ref());
    let all = of_parts.chain([plan.stages()[node.stage.index()].namespace.as_ref()]);
    let Some(template) = all.flatten().next() else { return Ok(None) };
    match template.eval(scope) {
        Ok(Value::String(name)) => Ok(Some(name.into())),
        _ => Err("its namespace is known only during the run".to_owned()),
    }
}

/// What the previews of all steps have in common.
fn context(plan: &Plan, services: &Arc<Services>, folder: &TempDir) -> Context {
    Context {
        name: "".into(),
        project: plan.settings().project.as_path().into(),
        run: "plan".into(),
        env: Arc::new(environment()),
        own_env: Vec::new(),
        secrets: Arc::default(),
        scope: Arc::new(scope(plan)),
        log: Arc::new(StderrSink),
        evidence: Arc::new(Nothing),
        scratch: folder.path().into(),
        output_file: folder.path().join("outputs"),
        steps: Arc::default(),
        ran: Arc::default(),
        executor: Arc::clone(services.here()),
        patience: Duration::ZERO,
        namespace: plan.settings().cluster.namespace().into(),
        waits: Waits::default(),
        signals: Signals::new(GRACE),
        services: Arc::clone(services),
    }
}

/// For people: each step with its counts, and the unified diff of what differs.
fn lines(found: &[Previewed]) -> String {
    let mut text = String::new();
    // writing to a String cannot fail
    for Previewed { step, title, found } in found {
        let step = format!("{}  {}", tame(step), tame(title));
        let _ = match found {
            Found::Open(why) => writeln!(text, "? {step}\n    not compared: {why}"),
            Found::Refused(why) => writeln!(text, "✘ {step}\n    {}", tame(why)),
            Found::Compared(objects) if !objects.iter().any(PreviewedObject::differs) => {
                writeln!(text, "= {step}\n    {} unchanged", objects.len())
            }
            Found::Compared(objects) => writeln!(text, "~ {step}\n    {}", counts(objects)),
        };
        let Found::Compared(objects) = found else { continue };
        for object in objects.iter().filter(|object| object.differs()) {
            let unchecked = object.unchecked.as_ref().map(|why| format!(" (not checked by the API server: {why})"));
            let _ = writeln!(text, "    {} {}{}", object.shown, object.difference, unchecked.unwrap_or_default());
            object.diff.lines().for_each(|line| _ = writeln!(text, "      {}", tame(line)));
        }
    }
    if text.is_empty() {
        text.push_str("no step changes objects of the cluster\n");
    }
    text
}

/// `1 added, 2 changed, 3 unchanged`.
fn counts(objects: &[PreviewedObject]) -> String {
    let of = |word: &str| {
        let count = objects.iter().filter(|object| object.difference == word).count();
        (count > 0).then(|| format!("{count} {word}"))
    };
    ["added", "changed", "deleted", "unchanged"].into_iter().filter_map(of).collect::<Vec<_>>().join(", ")
}

/// For programs.
fn as_json(found: &[Previewed]) -> Value {
    let step = |preview: &Previewed| {
        let mut one = json!({ "step": preview.step, "title": preview.title });
        match &preview.found {
            Found::Open(why) => one["not_compared"] = json!(why),
            Found::Refused(why) => one["refused"] = json!(why),
            Found::Compared(objects) => {
                let object = |it: &PreviewedObject| {
                    json!({
                        "object": it.shown, "kind": it.kind, "namespace": it.namespace,
                        "difference": it.difference, "diff": it.diff, "not_checked": it.unchecked,
                    })
                };
                one["objects"] = objects.iter().map(object).collect();
            }
        }
        one
    };
    json!({ "format": 1, "steps": found.iter().map(step).collect::<Vec<_>>() })
}
