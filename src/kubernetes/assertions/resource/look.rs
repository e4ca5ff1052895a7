//! Objects held against a `resource` assertion: counted, matched in part, asked in CEL. Pure.

use std::sync::Arc;

use kube::api::DynamicObject;
use serde_json::Value;

use super::super::live::few;
use super::Resource;
use super::matching::{Mismatch, mismatches, shown};
use crate::core::expr::{Expr, Scope};
use crate::core::model::expect::Expect;
use crate::core::model::outcome::{Fault, Measure, Verdict};
use crate::core::model::units::Count;
use crate::kubernetes::client::misspelt;
use crate::kubernetes::rollout::is_observed;
use crate::kubernetes::secret_values::MASK;

/// How many objects have their mismatches listed one by one.
const TOLD: usize = 3;

/// What is wrong with one object.
struct Look {
    name: String,
    /// It is being deleted, and the assertion does not ask about that itself.
    dying: Option<String>,
    mismatches: Vec<Mismatch>,
    /// What the CEL expression gave, where it is not `true`.
    denied: Option<String>,
}

impl Resource {
    /// The measures of the objects that are meant; `secret`: they are Secrets, so no value of them is shown.
    pub(super) fn measures(
        &self,
        objects: &[Arc<DynamicObject>],
        secret: bool,
        scope: &Scope,
    ) -> Result<Vec<Measure>, Fault> {
        let meant = self.meant();
        if let Some(expect) = &self.count {
            let looks = self.looks(objects, secret, scope)?;
            let mut measures = vec![counted(expect, &looks)];
            measures.extend(looks.iter().flat_map(|look| self.reported(look)));
            return Ok(measures);
        }
        if self.absent {
            let there = self.looks(objects, secret, scope)?;
            let there = there.iter().filter(|look| look.mismatches.is_empty() && look.denied.is_none());
            let shown = |look: &Look| match &look.dying {
                Some(dying) => format!("{} ({dying})", look.name),
                None => look.name.clone(),
            };
            let names: Vec<String> = there.map(shown).collect();
            let listed = few(names.iter().map(String::as_str));
            let actual = if names.is_empty() { "absent".to_owned() } else { format!("there: {listed}") };
            return Ok(vec![Measure::new(meant, actual, "absent", names.is_empty())]);
        }
        if objects.is_empty() {
            return Ok(vec![Measure::new(meant, "not there", "there", false)]);
        }
        let looks = self.looks(objects, secret, scope)?;
        let dying: Vec<&Look> = looks.iter().filter(|look| look.dying.is_some()).collect();
        if dying.len() == looks.len() {
            let actual = few(dying.iter().map(|look| look.dying.as_deref().unwrap_or_default()));
            return Ok(vec![Measure::new(meant, actual, "there, and not being deleted", false)]);
        }
        let ending = if dying.is_empty() { String::new() } else { format!(", {} being deleted", dying.len()) };
        let mut wrong = looks.iter().filter(|look| !look.mismatches.is_empty() || look.denied.is_some());
        let mut measures: Vec<Measure> = wrong.by_ref().take(TOLD).flat_map(|look| self.reported(look)).collect();
        let rest = wrong.count();
        if rest > 0 {
            measures.push(Measure::new(&meant, format!("{rest} more do not match"), "all match", false));
        }
        if measures.is_empty() {
            let actual = if looks.len() == 1 { "there".to_owned() } else { format!("{} there{ending}", looks.len()) };
            let expected = match (&self.part, &self.assert) {
                (None, None) => "there".to_owned(),
                (Some(_), None) => "there and matching".to_owned(),
                (_, Some(assert)) => assert.0.clone(),
            };
            measures.push(Measure::new(meant, actual, expected, true));
        }
        Ok(measures)
    }

    /// A measure for each object whose status is of an earlier generation, where the assertion reads a status: it says nothing
    /// of the object as it is wanted now.
    pub(super) fn unobserved(&self, objects: &[Arc<DynamicObject>]) -> Vec<Measure> {
        if !self.reads_status() {
            return Vec::new();
        }
        let stale = objects.iter().filter(|object| !is_observed(object)).take(TOLD);
        let measure = |object: &Arc<DynamicObject>| {
            let name = object.metadata.name.as_deref().unwrap_or_default();
            let seen = object.data["status"]["observedGeneration"].as_i64().unwrap_or_default();
            let generation = object.metadata.generation.unwrap_or_default();
            Measure::new(format!("{name} observedGeneration"), seen, format!(">= {generation}"), false)
        };
        stale.map(measure).collect()
    }

    /// Whether `match` or `assert` read the status.
    fn reads_status(&self) -> bool {
        let part = self.part.as_ref().is_some_and(|part| part.get("status").is_some());
        part || self.assert.as_ref().is_some_and(|assert| assert.0.contains("status"))
    }

    /// What follows from a kind that the cluster does not serve: of a custom kind whose definition is gone there are no
    /// objects. Of a kind that was misspelt nothing was measured.
    pub(super) fn of_unknown_kind(&self, unknown: Fault) -> Result<Verdict, Fault> {
        let of = self.api_version.as_ref().map(|version| format!(" of {version}")).unwrap_or_default();
        let actual = format!("the cluster serves no kind {}{of}", self.kind);
        let none = self.absent || self.count.as_ref().is_some_and(|count| count.holds(&Count(0)));
        if none && misspelt(&unknown) {
            return Err(Fault { message: format!("not measured: {}", unknown.message), ..unknown });
        }
        let expected = if self.absent { "absent" } else { "there" };
        Ok(Verdict::of(vec![Measure::new(self.meant(), actual, expected, none)]))
    }

    fn looks(&self, objects: &[Arc<DynamicObject>], secret: bool, scope: &Scope) -> Result<Vec<Look>, Fault> {
        let assert = self.assert.as_ref().map(|assert| Expr::parse(&assert.0)).transpose();
        let assert = assert.map_err(|error| Fault::invalid(format!("`assert` does not parse: {error}")))?;
        let mut scope = if assert.is_some() { scope.clone() } else { Scope::default() };
        let asks = self.asks_for_deletion();
        objects
            .iter()
            .map(|object| {
                let name = object.metadata.name.clone().unwrap_or_default();
                let dying = dying(object).filter(|_| !asks);
                let object = serde_json::to_value(&**object)
                    .map_err(|error| Fault::unknown(format!("{name} cannot be read as JSON: {error}")))?;
                let mut mismatches = self.part.as_ref().map(|part| mismatches(part, &object)).unwrap_or_default();
                if secret {
                    mismatches.iter_mut().for_each(Mismatch::hide);
                }
                let denied = match &assert {
                    Some(assert) => {
                        scope.roots.insert("self".to_owned(), object);
                        denied(assert, &scope, secret)?
                    }
                    None => None,
                };
                Ok(Look { name, dying, mismatches, denied })
            })
            .collect()
    }

    /// Whether `match` or `assert` read `deletionTimestamp` themselves.
    fn asks_for_deletion(&self) -> bool {
        let part = self.part.as_ref().map(Value::to_string).unwrap_or_default();
        let assert = self.assert.as_ref().map(|assert| assert.0.as_str()).unwrap_or_default();
        part.contains("deletionTimestamp") || assert.contains("deletionTimestamp")
    }

    /// Each mismatch with its path, both sides; what CEL gave.
    fn reported(&self, look: &Look) -> Vec<Measure> {
        let object = if self.name.is_some() { String::new() } else { format!("{} ", look.name) };
        let mismatches = look
            .mismatches
            .iter()
            .map(|it| Measure::new(format!("{object}{}", it.path), it.actual.as_str(), it.expected.as_str(), false));
        let expected = self.assert.as_ref().map(|assert| assert.0.as_str()).unwrap_or_default();
        let denied = look.denied.iter().map(|gave| Measure::new(format!("{object}assert"), gave, expected, false));
        mismatches.chain(denied).collect()
    }
}

/// How many there are. What is being deleted may count or not: the expectation must hold for both numbers.
fn counted(expect: &Expect<Count>, looks: &[Look]) -> Measure {
    let number = |count: usize| Count(i64::try_from(count).unwrap_or(i64::MAX));
    let dying = looks.iter().filter(|look| look.dying.is_some()).count();
    if dying == 0 {
        return expect.measure("count", &number(looks.len()));
    }
    let holds = expect.holds(&number(looks.len())) && expect.holds(&number(looks.len() - dying));
    Measure::new("count", format!("{}, {dying} of them being deleted", looks.len()), expect, holds)
}

/// That it is being deleted, since when, and what holds it.
fn dying(object: &DynamicObject) -> Option<String> {
    let since = object.metadata.deletion_timestamp.as_ref()?.0;
    let finalizers = object.metadata.finalizers.as_deref().unwrap_or_default();
    let held = if finalizers.is_empty() { String::new() } else { format!(" (finalizers: {})", finalizers.join(", ")) };
    Some(format!("being deleted since {}{held}", since.strftime("%Y-%m-%d %H:%M:%SZ")))
}

/// What the expression gave with the values it looked at, where it is not `true`; of a Secret no value is shown.
///
/// # Errors
/// [`Fault`] of kind unknown when the evaluation had to end.
fn denied(assert: &Expr, scope: &Scope, secret: bool) -> Result<Option<String>, Fault> {
    let gave = match assert.eval(scope) {
        Ok(Value::Bool(true)) => return Ok(None),
        Ok(Value::Bool(false)) if secret => return Ok(Some("false".to_owned())),
        Ok(_) if secret => return Ok(Some(MASK.to_owned())),
        Err(error) if secret && !error.stopped => return Ok(Some(format!("an error: {MASK}"))),
        Ok(value) => shown(&value),
        Err(error) if error.stopped => return Err(Fault::unknown(format!("not measured: `assert`: {error}"))),
        // A field that is not there makes it fail; that is an answer about the object.
        Err(error) => error.message,
    };
    let mut seen: Vec<String> = Vec::new();
    for reference in assert.references() {
        let [root, path @ ..] = &reference.path[..] else { continue };
        let Some(start) = scope.roots.get(root).filter(|_| root == "self" && !path.is_empty()) else { continue };
        if let Some(value) = path.iter().try_fold(start, |value, key| value.get(key)) {
            let reported = format!("{} = {}", reference.path.join("."), shown(value));
            if !seen.contains(&reported) {
                seen.push(reported);
            }
        }
    }
    Ok(Some(if seen.is_empty() { gave } else { format!("{gave}, where {}", seen.join(", ")) }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn service(name: &str) -> Arc<DynamicObject> {
        let service = json!({
            "apiVersion": "v1", "kind": "Service", "metadata": {"name": name},
            "spec": {"type": "ClusterIP", "ports": [{"name": "http", "port": 80, "targetPort": 3000}]}
        });
        Arc::new(serde_json::from_value(service).expect("an object"))
    }

    fn measure(assertion: &str, objects: &[Arc<DynamicObject>]) -> Vec<String> {
        measure_of(assertion, objects, false)
    }

    fn measure_of(assertion: &str, objects: &[Arc<DynamicObject>], secret: bool) -> Vec<String> {
        let assertion: Resource = serde_yaml::from_str(assertion).expect("well formed");
        let scope = Scope { roots: [("vars".to_owned(), json!({"ports": 1}))].into(), ..Scope::default() };
        let measures = assertion.measures(objects, secret, &scope).expect("measured");
        measures.iter().map(|it| format!("{}: {} / {} / {}", it.name, it.actual, it.expected, it.holds)).collect()
    }

    #[test]
    fn lists_every_mismatch_with_its_path() {
        let assertion = "
kind: Service
name: web
match: { spec: { type: LoadBalancer, ports: [{ name: http, port: 8080, targetPort: '>= 3000' }] } }
assert: self.spec.ports.size() > vars.ports
";
        assert_eq!(
            measure(assertion, &[service("web")]),
            [
                "spec.type: \"ClusterIP\" / \"LoadBalancer\" / false",
                "spec.ports[name=http].port: 80 / 8080 / false",
                "assert: false, where self.spec.ports = [{\"name\":\"http\",\"port\":80,\"targetPort\":3000}] \
                 / self.spec.ports.size() > vars.ports / false",
            ]
        );
    }

    #[test]
    fn a_status_of_an_earlier_generation_is_not_observed_yet() {
        let object = |seen: i64| -> Vec<Arc<DynamicObject>> {
            let object = json!({ "metadata": { "name": "web", "generation": 2 },
                "status": { "observedGeneration": seen, "ready": 1 } });
            vec![Arc::new(serde_json::from_value(object).expect("an object"))]
        };
        let unobserved = |assertion: &str, seen: i64| -> Vec<String> {
            let assertion: Resource = serde_yaml::from_str(assertion).expect("well formed");
            let measures = assertion.unobserved(&object(seen));
            measures.iter().map(|it| format!("{}: {} / {} / {}", it.name, it.actual, it.expected, it.holds)).collect()
        };
        let reads = "{ kind: Deployment, name: web, match: { status: { ready: 1 } } }";
        assert_eq!(unobserved(reads, 1), ["web observedGeneration: 1 / >= 2 / false"]);
        assert_eq!(unobserved(reads, 2), [""; 0]);
        assert_eq!(unobserved("{ kind: Deployment, name: web, assert: self.spec.replicas == 1 }", 1), [""; 0]);
    }

    #[test]
    fn every_object_that_is_meant_must_match() {
        let all: Vec<_> = ["a", "b", "c", "d"].map(service).into();
        assert_eq!(
            measure("{ kind: Service, match: { spec: { type: NodePort } } }", &all),
            [
                "a spec.type: \"ClusterIP\" / \"NodePort\" / false",
                "b spec.type: \"ClusterIP\" / \"NodePort\" / false",
                "c spec.type: \"ClusterIP\" / \"NodePort\" / false",
                "service: 1 more do not match / all match / false",
            ]
        );
        assert_eq!(
            measure("{ kind: Service, match: { spec: { type: ClusterIP } } }", &all),
            ["service: 4 there / there and matching / true"]
        );
        assert_eq!(measure("{ kind: Service, count: 3 }", &all), ["count: 4 / 3 / false"]);
    }

    #[test]
    fn absent_means_none_that_matches() {
        let absent = "{ kind: Service, name: web, absent: true }";
        assert_eq!(measure(absent, &[]), ["service/web: absent / absent / true"]);
        assert_eq!(measure(absent, &[service("web")]), ["service/web: there: web / absent / false"]);
        assert_eq!(
            measure("{ kind: Service, absent: true, match: { spec: { type: LoadBalancer } } }", &[service("web")]),
            ["service: absent / absent / true"]
        );
        assert_eq!(measure("{ kind: Service, name: web }", &[]), ["service/web: not there / there / false"]);
    }

    fn dying(name: &str) -> Arc<DynamicObject> {
        let service = json!({ "apiVersion": "v1", "kind": "Service", "spec": { "type": "ClusterIP" },
            "metadata": { "name": name, "deletionTimestamp": "2030-01-01T00:00:00Z", "finalizers": ["example.com/hold"] } });
        Arc::new(serde_json::from_value(service).expect("an object"))
    }

    #[test]
    fn what_is_being_deleted_is_not_there_and_not_absent() {
        let since = "being deleted since 2030-01-01 00:00:00Z (finalizers: example.com/hold)";
        assert_eq!(
            measure("{ kind: Service, name: web, match: { spec: { type: ClusterIP } } }", &[dying("web")]),
            [format!("service/web: {since} / there, and not being deleted / false")]
        );
        assert_eq!(
            measure("{ kind: Service, name: web, absent: true }", &[dying("web")]),
            [format!("service/web: there: web ({since}) / absent / false")]
        );
        let two = [service("a"), dying("b")];
        assert_eq!(
            measure("{ kind: Service, match: { spec: { type: ClusterIP } } }", &two),
            ["service: 2 there, 1 being deleted / there and matching / true"]
        );
        assert_eq!(measure("{ kind: Service, count: 2 }", &two), ["count: 2, 1 of them being deleted / 2 / false"]);
        assert_eq!(
            measure("{ kind: Service, count: '>= 1' }", &two),
            ["count: 2, 1 of them being deleted / >= 1 / true"]
        );
        assert_eq!(
            measure("{ kind: Service, name: web, assert: 'has(self.metadata.deletionTimestamp)' }", &[dying("web")]),
            ["service/web: there / has(self.metadata.deletionTimestamp) / true"]
        );
    }

    #[test]
    fn values_of_a_secret_are_in_no_measure() {
        let metadata = json!({ "name": "db", "annotations": { "note": "s3cret" } });
        let secret = json!({ "metadata": metadata, "type": "Opaque", "data": { "password": "czNjcmV0" } });
        let secret: Vec<Arc<DynamicObject>> = vec![Arc::new(serde_json::from_value(secret).expect("an object"))];
        for kind in ["Secret", "secrets", "secrets.", "secrets.v1."] {
            let of = |rest: &str| measure_of(&format!("{{ kind: {kind}, name: db, {rest} }}"), &secret, true);
            assert_eq!(
                of("match: { type: tls, data: { password: b3RoZXI=, user: YQ== } }"),
                [
                    "type: \"Opaque\" / \"tls\" / false",
                    "data.password: *** / *** / false",
                    "data.user: not there / *** / false",
                ]
            );
            assert_eq!(
                of("match: { metadata: { annotations: { note: other } } }"),
                ["metadata.annotations.note: *** / *** / false"]
            );
            assert_eq!(
                of("assert: 'self.data.password == \"a\"'"),
                ["assert: false / self.data.password == \"a\" / false"]
            );
            assert_eq!(of("assert: self.data.password"), ["assert: *** / self.data.password / false"]);
            assert_eq!(of("assert: 'self.data.x == \"a\"'"), ["assert: an error: *** / self.data.x == \"a\" / false"]);
        }
    }

    #[test]
    fn a_field_that_is_not_there_makes_the_expression_fail_not_the_run() {
        let reported = measure("{ kind: Service, name: web, assert: 'self.status.x == 1' }", &[service("web")]);
        assert_eq!(reported.len(), 1);
        assert!(
            reported[0].starts_with("assert: ") && reported[0].ends_with(" / self.status.x == 1 / false"),
            "{}",
            reported[0]
        );
    }
}
