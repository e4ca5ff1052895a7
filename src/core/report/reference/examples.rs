//! An example of every key for the reference, by its type or its name.

use serde_json::Value;

/// A value that the key `name` may have, as it is written in YAML.
pub(super) fn of(name: &str, schema: &Value, enumerated: Option<String>) -> Option<String> {
    if let Some(example) = schema.get("examples").and_then(|list| list.get(0)) {
        return Some(example.as_str().map_or_else(|| example.to_string(), str::to_owned));
    }
    if let Some(format) = schema.get("format").and_then(Value::as_str)
        && let Some(example) = of_format(format)
    {
        return Some(example.to_owned());
    }
    if let Some(first) = enumerated {
        return Some(first);
    }
    let types: Vec<&str> = match schema.get("type") {
        Some(Value::String(name)) => vec![name],
        Some(Value::Array(names)) => names.iter().filter_map(Value::as_str).filter(|name| *name != "null").collect(),
        _ => Vec::new(),
    };
    match types.as_slice() {
        ["boolean"] => Some("true".to_owned()),
        ["integer"] => Some(of_number(name).to_owned()),
        ["number"] => Some("0.5".to_owned()),
        ["string"] => Some(of_text(name).to_owned()),
        _ => None,
    }
}

/// An example of an element as the key takes it: in a list, or under a name.
pub(super) fn placed(outer: &Value, example: &str) -> String {
    let is = |name: &str| match outer.get("type") {
        Some(Value::String(of)) => of == name,
        Some(Value::Array(of)) => of.iter().any(|of| of == name) && !of.iter().any(|of| of == "string"),
        _ => false,
    };
    match () {
        () if is("array") && !example.starts_with('[') => format!("[{example}]"),
        () if is("object") && outer.get("properties").is_none() && !example.starts_with('{') => {
            format!("{{ app: {example} }}")
        }
        () => example.to_owned(),
    }
}

/// A value of a format.
fn of_format(format: &str) -> Option<&'static str> {
    Some(match format {
        "script" => "make test",
        "existing-path" => "app",
        "name" => "shop",
        "secret-text" => "\"${{ secrets.token }}\"",
        "cel" => "self.status == \"ok\"",
        "when" => "vars.replicas > 1",
        "step-id" => "build",
        "since" => "steps.apply",
        "bytes" => "300MB",
        "duration" => "30s",
        "rate" => "100/s",
        "percent" => "95%",
        "expect-bytes" => "\"< 300MB\"",
        "expect-duration" => "\"< 500ms\"",
        "expect-rate" => "\">= 100/s\"",
        "expect-percent" => "\">= 95%\"",
        "expect-count" | "expect-number" => "\">= 1\"",
        "expect-text" => "\"!= Failed\"",
        _ => return None,
    })
}

fn of_number(name: &str) -> &'static str {
    match name {
        "port" | "remote" | "local" => "8080",
        "user" => "65532",
        "version" => "1",
        "generate" => "32",
        "code" | "exit_code" => "0",
        "tail" => "100",
        _ => "2",
    }
}

/// A value of a key that takes text.
fn of_text(name: &str) -> &'static str {
    match name {
        "target" | "workload" | "object" | "of" => "deployment/web",
        "selector" => "app=web",
        "release" | "project" | "pipeline" | "name" | "stage" | "part" | "fresh" | "namespace" | "namespaces" => "shop",
        "matches" => "'(?i)ready'",
        "contains" | "equals" | "has" | "present" => "ready",
        "lacks" | "absent" | "absent_headers" | "env_absent" => "panic",
        "image" | "images" | "tag" | "tags" => "shop:dev",
        "url" | "endpoint" | "http" => "http://127.0.0.1:8080/health",
        "path" | "reach" => "/health",
        "description" | "message" | "otherwise" | "reason" => "the shop answers",
        "command" | "cmd" | "entrypoint" | "exec" => "[make, test]",
        "args" => "[--verbose]",
        "repository" => "https://charts.bitnami.com/bitnami",
        "version" | "kube_version" | "kubernetes_version" | "api_version" => "v1.31.0",
        "api_versions" => "monitoring.coreos.com/v1",
        "method" => "POST",
        "kind" | "kinds" => "Deployment",
        "chart" => "charts/shop",
        "body" | "stdin" => "'{\"id\": 1}'",
        "program" => "python3",
        "platform" => "linux/amd64",
        "shell" => "make test",
        "runs_on" => "farm",
        "needs" | "during" | "undo" | "use" | "over" => "build",
        "model" => "gpt-4o-mini",
        "key_env" => "OPENAI_API_KEY",
        "address" | "addresses" | "tcp" => "127.0.0.1:5432",
        "addons" => "ingress",
        "until" => "self.status.phase == \"Bound\"",
        "type" => "Warning",
        "to" => "registry.example.com/shop:1.0",
        "sha256" => "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
        "service_account" => "builder",
        "server_name" => "shop.example.com",
        "scheme" => "https",
        "question" | "query" => "why is the shop slow?",
        "pool" => "db",
        "outputs" | "output" => "version",
        "inputs" | "files" | "filter" | "except" => "\"src/**\"",
        "makes" | "cache" | "artifacts" => "dist",
        "network" => "none",
        "mode" => "\"0644\"",
        "junit" | "sarif" | "cyclonedx" | "trivy" | "grype" | "cobertura" | "lcov" | "jacoco" => "\"reports/*\"",
        "cpu" => "500m",
        "memory" => "512Mi",
        "context" | "contexts" => "minikube",
        "bearer" => "\"${{ secrets.token }}\"",
        "agent" => "k8s-agent",
        "env" => "SHOP_TOKEN",
        "file" => "secrets/token",
        "user" => "www-data",
        _ => "web",
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::placed;

    #[test]
    fn an_example_is_written_as_its_key_takes_it() {
        for (outer, example, written) in [
            (json!({ "type": "string" }), "web", "web"),
            (json!({ "type": "array" }), "web", "[web]"),
            (json!({ "type": ["array", "null"] }), "[make, test]", "[make, test]"),
            (json!({ "type": ["string", "array"] }), "web", "web"),
            (json!({ "type": "object", "additionalProperties": { "type": "string" } }), "web", "{ app: web }"),
            (json!({ "type": "object", "properties": {} }), "web", "web"),
        ] {
            assert_eq!(placed(&outer, example), written, "{outer}");
        }
    }
}
