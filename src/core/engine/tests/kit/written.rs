//! The little language that tests write plans in.

use std::sync::Arc;
use std::time::Duration;

use indexmap::IndexMap;

use super::fakes::{Claim, FAKE, FAKE_CLAIM, Fake, KINDS};
use crate::core::expr::{Expr, Template};
use crate::core::kind::Step;
use crate::core::kind::settings::Settings;
use crate::core::model::event::{NodeId, NodeOutline, Role};
use crate::core::model::source::{FileId, Span};
use crate::core::plan::{
    Baselines, Body, Gate, Plan, PlanAssertion, PlanNode, PlanStage, Retry, StageId, StepPlan, Work,
};
use crate::core::yaml::{Entry, Node, Value, Written};

/// The plan that `text` says.
pub fn plan(text: &str) -> Plan {
    let mut plan = Plan {
        pipeline: "test".to_owned(),
        profile: None,
        registry: KINDS,
        settings: Settings { project: "/project".into(), ..Settings::default() },
        vars: IndexMap::from([("replicas".to_owned(), 2.into()), ("yes".to_owned(), true.into())]),
        spelled: Arc::default(),
        env: Vec::new(),
        pools: Vec::new(),
        runners: Vec::new(),
        stages: Vec::new(),
        nodes: Vec::new(),
        parts: Vec::new(),
        baselines: Baselines::default(),
        timeout: None,
    };
    for line in text.lines().map(str::trim).filter(|line| !line.is_empty()) {
        if let Some(words) = line.strip_prefix("stage ") {
            stage(&mut plan, words);
        } else if let Some(words) = line.strip_prefix("pool ") {
            let (name, places) = words.split_once('=').expect("pool name=places");
            plan.pools.push((name.to_owned(), places.parse().expect("a number")));
        } else if let Some(words) = line.strip_prefix("env ") {
            plan.env.push(variable(words));
        } else {
            node(&mut plan, line);
        }
    }
    resolve(&mut plan, text);
    plan
}

fn stage(plan: &mut Plan, words: &str) {
    let (name, rest) = words.split_once(' ').unwrap_or((words, ""));
    plan.stages.push(PlanStage {
        name: name.to_owned(),
        needs: option(rest, "needs")
            .map(|needs| needs.split(',').map(|need| stage_id(plan, need)).collect())
            .unwrap_or_default(),
        always: rest.split(' ').any(|word| word == "always"),
        when: expression(rest),
        env: option(rest, "env").map(|words| vec![variable(words)]).unwrap_or_default(),
        timeout: None,
        namespace: None,
        facts: Vec::new(),
        nodes: Vec::new(),
    });
}

fn stage_id(plan: &Plan, name: &str) -> StageId {
    let at = plan.stages.iter().position(|stage| stage.name == name).expect("a stage above");
    StageId(u32::try_from(at).expect("few stages"))
}

fn node(plan: &mut Plan, line: &str) {
    let (name, words) = line.split_once(": ").expect("name: words");
    let (role, name) = match name.split_once('.') {
        Some(("finally", name)) => (Role::Finally, name),
        Some(("on_failure", name)) => (Role::OnFailure, name),
        _ if name == "gate" => (Role::Gate, name),
        _ => (Role::Step, name),
    };
    let stage = u32::try_from(plan.stages.len() - 1).expect("a stage above");
    let (step, item) = match name.split_once('[') {
        Some((step, item)) => (step, Some(Written { value: item.trim_end_matches(']').into(), ..Written::default() })),
        None => (name, None),
    };
    let id = NodeId(u32::try_from(plan.nodes.len()).expect("few nodes"));
    plan.stages[stage as usize].nodes.push(id);
    let retry = option(words, "retry").map(|retry| {
        let (attempts, backoff) = retry.split_once('x').expect("3x1s");
        Retry { attempts: attempts.parse().expect("a number"), backoff: time(backoff), ..Retry::default() }
    });
    plan.nodes.push(PlanNode {
        outline: NodeOutline {
            name: format!("{}.{name}", plan.stages[stage as usize].name),
            stage,
            role,
            kind: if role == Role::Gate { "gate" } else { "fake" }.to_owned(),
            title: String::new(),
            assertions: 0,
            ..NodeOutline::default()
        },
        stage: StageId(stage),
        role,
        step: step.to_owned(),
        item,
        each: None,
        needs: Vec::new(),
        after: option(words, "after")
            .map(|names| names.split(',').map(|name| stage_id(plan, name)).collect())
            .unwrap_or_default(),
        covers: Vec::new(),
        when: if role == Role::Gate { None } else { expression(words) },
        env: option(words, "env").map(|words| vec![variable(words)]).unwrap_or_default(),
        timeout: option(words, "timeout").map(time),
        tolerate: crate::core::kind::Tolerate::default(),
        retry: retry.unwrap_or_default(),
        retry_when: None,
        pool: option(words, "pool")
            .map(|pool| plan.pools.iter().position(|(name, _)| name == pool).expect("a pool above")),
        runs_on: None,
        artifacts: Vec::new(),
        continue_on_error: words.split(' ').any(|word| word == "tolerated"),
        definition: crate::core::plan::Definer::default().word(words).finish(),
        inputs: Vec::new(),
        cache: Vec::new(),
        makes: Vec::new(),
        once: words.split(' ').any(|word| word == "once"),
        part: None,
        facts: Vec::new(),
        work: if role == Role::Gate { Work::Gate(gate(words)) } else { Work::Step(step_plan(words)) },
    });
}

fn resolve(plan: &mut Plan, text: &str) {
    let lines: Vec<&str> = text
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty() && !["stage ", "pool ", "env "].iter().any(|word| line.starts_with(word)))
        .collect();
    for (index, line) in lines.iter().enumerate() {
        let (stage, role) = (plan.nodes[index].stage, plan.nodes[index].role);
        let find = |names: Option<&str>| -> Vec<NodeId> {
            let names: Vec<&str> = names.into_iter().flat_map(|names| names.split(',')).collect();
            let of_stage = plan.stages[stage.index()].nodes.iter().copied();
            of_stage
                .filter(|id| {
                    let node = &plan.nodes[id.index()];
                    let gate = node.role == Role::Gate && role == Role::Step;
                    names.contains(&node.step.as_str()) && (node.role == role || gate)
                })
                .collect()
        };
        let needs = find(option(line, "needs"));
        let covers = find(option(line, "during"));
        plan.nodes[index].needs = needs;
        plan.nodes[index].covers = covers;
    }
}

fn step_plan(words: &str) -> StepPlan {
    let has = |word: &str| words.split(' ').any(|other| other == word);
    let body: Body<dyn Step> = match option(words, "template") {
        Some(text) => Body::Template(tree(text)),
        None => Body::Ready(Box::new(Fake {
            ends: words.split(' ').next().unwrap_or_default().to_owned(),
            after: words.split(' ').nth(1).filter(|word| word.ends_with('s') && !word.contains('=')).map_or(0, millis),
            up: option(words, "up").map(millis),
            flaky: option(words, "flaky").map_or(0, |count| count.parse().expect("a number")),
            deaf: has("deaf"),
            late: option(words, "late").map_or(0, millis),
            gives: option(words, "gives").map(pairs).unwrap_or_default(),
            writes: option(words, "writes").map(|text| text.replace(';', "\n")),
            says: option(words, "says").map(|names| names.split(',').map(str::to_owned).collect()).unwrap_or_default(),
            ..Fake::default()
        })),
    };
    let outputs = option(words, "outputs").map(|names| names.split(',').map(str::to_owned).collect());
    StepPlan { kind: &FAKE, body, outputs: outputs.unwrap_or_default(), span: Span::new(FileId(0), 0, 0) }
}

/// `{ends: text}`.
fn tree(text: &str) -> Node {
    mapping("ends", &text.replace('_', " "))
}

fn mapping(key: &str, text: &str) -> Node {
    let span = Span::new(FileId(0), 0, 0);
    let node = Node::new(span, Value::Text(text.to_owned()));
    Node::new(span, Value::Map(vec![Entry { key: key.to_owned(), key_span: span, plain: true, node }]))
}

/// A real script.
pub fn shell(script: &str) -> Work {
    let kind = *crate::kinds::STEPS.iter().find(|kind| kind.name == "shell").expect("there is a shell");
    let body = Body::Ready(kind.decode(&mapping("run", script)).expect("a script"));
    Work::Step(StepPlan { kind, body, outputs: Vec::new(), span: Span::new(FileId(0), 0, 0) })
}

fn gate(words: &str) -> Gate {
    let words = words.split(" timeout=").next().unwrap_or_default();
    Gate {
        without: Vec::new(),
        assertions: words
            .split(';')
            .map(str::trim)
            .filter(|words| !words.is_empty())
            .map(|words| PlanAssertion {
                name: option(words, "name").map(str::to_owned),
                identity: words.to_owned(),
                kind: &FAKE_CLAIM,
                body: Body::Ready(Box::new(Claim {
                    line: words.split(' ').next().unwrap_or_default().split(',').map(moment).collect(),
                    watched: !words.contains("polled"),
                    ..Claim::default()
                })),
                within: option(words, "within").map(time),
                hold: option(words, "for").map(time),
                when: expression(words),
                otherwise: option(words, "otherwise").map(str::to_owned),
                tolerate: if words.contains("tolerate=all") {
                    crate::core::kind::Tolerate::All
                } else {
                    crate::core::kind::Tolerate::Nothing
                },
                runs_on: None,
                inputs: Vec::new(),
                warning: words.split(' ').any(|word| word == "warning"),
                params: None,
                item: None,
            })
            .collect(),
    }
}

/// `unmet@3s`: from that time on.
fn moment(text: &str) -> (u64, String) {
    let (verdict, at) = text.split_once('@').unwrap_or((text, "0s"));
    (millis(at), verdict.to_owned())
}

fn option<'a>(words: &'a str, name: &str) -> Option<&'a str> {
    words.split(' ').find_map(|word| word.strip_prefix(name)?.strip_prefix('='))
}

fn expression(words: &str) -> Option<Expr> {
    option(words, "when").map(|text| Expr::parse(&text.replace('_', " ")).expect("an expression"))
}

fn variable(words: &str) -> (String, Template) {
    let (name, value) = words.split_once(':').expect("NAME:value");
    (name.to_owned(), Template::parse(&value.replace('_', " ")).expect("a template"))
}

fn pairs(words: &str) -> std::collections::BTreeMap<String, String> {
    words.split(';').filter_map(|pair| pair.split_once(':')).map(|(key, value)| (key.into(), value.into())).collect()
}

fn millis(text: &str) -> u64 {
    u64::try_from(time(text).as_millis()).expect("a short time")
}

fn time(text: &str) -> Duration {
    let text = text.trim_end_matches('s');
    match text.strip_suffix('m') {
        Some(millis) => Duration::from_millis(millis.parse().expect("a number")),
        None => Duration::from_secs_f64(text.parse().expect("a number")),
    }
}
