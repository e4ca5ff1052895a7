//! Reference pages on the language itself: expectations, gate files with parameters, and the keys of each file.

use std::fmt::Write as _;

use super::fields::Of;
use super::keys;
use crate::core::spec::{AssertionKeys, GateSpec, PipelineSpec, StageSpec, StepKeys};

/// The page on what is expected of a measure.
pub const EXPECTATIONS: &str = "# Expectations

A key that measures something (`size`, `time`, `count`, `status`, `revision`, `replicas`) takes an expectation.

| written | holds for |
|---|---|
| `200` | exactly this value |
| `\"!= 0\"` | every other value |
| `\"< 500MB\"`, `\"<= 500MB\"` | less; at most |
| `\"> 2\"`, `\">= 2\"` | more; at least |
| `\"200..299\"` | both ends and all between them |

An expectation with an operator is quoted: `>` and `!` have a meaning of their own in YAML. `$` and `..` need no quotes.

## Units

| quantity | units | example |
|---|---|---|
| size | `B`, `kB`, `MB`, `GB`, `TB`, `KiB`, `MiB`, `GiB`, `TiB` | `\"< 300MB\"` |
| duration | `us`, `ms`, `s`, `min`, `m`, `h` | `\"< 500ms\"`, `1m 30s` |
| rate | `/s`, `/min`, `/m` | `\">= 100/s\"` |
| share | `%` | `\">= 95%\"` |
| count, status, revision | none | `\">= 2\"` |
| text | none | `deployed`, `\"!= Failed\"` |

A value without its unit is an error (`invalid-unit`); `0` needs none. Templates may be a part of an expectation:
`size: \"< ${{ vars.limit }}\"`. Secrets may not.

## Several expectations on a text

`stdout`, `answer_headers` and the like take a mapping: `equals`, `contains`, `lacks`, `matches` (a regular expression), `json`
(CEL over the parsed text), `lines`, `count`, `bytes`. All that is written must hold. A text alone means `equals`.

## Time

`within: 60s` on an assertion waits until it holds; `for: 10s` demands that it stays so. Without `within` it is measured once.
What could not be measured (no connection, no permission, an answer that was cut) is never a pass.
";

/// The page on gate files and their parameters.
pub const USE: &str = "# use and with

A gate file is a list of assertions that several stages use. A part is a file of steps, with a gate and outputs, that
several stages use. With `params` both take values.

```yaml
# gates/running.yaml
description: A workload has rolled out and answers
params:
  deployment: { type: name }                            # `with:` must give it
  replicas: { type: integer, default: 2, min: 1 }
assertions:
  - rollout: { workload: \"deployment/${{ params.deployment }}\", replicas: \"${{ params.replicas }}\" }
  - http: { service: \"${{ params.deployment }}\", path: /health }
    within: 60s
```

```yaml
# parts/database.yaml
part: database
params:
  password: { type: secret }
steps:
  secret: { kube: { secret: { name: db, data: { PASSWORD: \"${{ params.password }}\" } } } }
  apply: { needs: [secret], kube: { apply: { files: manifests/database, wait: true } } }
outputs:
  url: \"postgresql://app:${{ params.password }}@db/app\"
```

```yaml
# stages/deploy.yaml
stage: deploy
namespace: shop
steps:
  database: { use: parts/database.yaml, with: { password: \"${{ secrets.database }}\" } }
  secret: { kube: { secret: { name: web, data: { DATABASE_URL: \"${{ steps.database.outputs.url }}\" } } } }
  web: { needs: [secret], kube: { apply: manifests/web } }
gate:
  - use: gates/running.yaml
    with: { deployment: web, replicas: 3 }
```

- The steps of a part become nodes of the same graph: `deploy.database.apply`. The caller's `needs`, `when`, `for_each`,
  `timeout`, `env` and `namespace` apply to all of them. They see the parameters, vars and secrets, not the caller's steps.
- A parameter is declared by its type, with `default`, `one_of`, `matches`, `min` and `max`. Or by its default alone, whose
  type it takes; `null` takes any. A missing or unknown parameter, or one of another type, is an error of `check`.
- Values of `with:` may be values of the run and outputs of steps. Secrets are given to parameters of the type `secret`
  alone, and an output that uses one stays a secret.
- Paths are relative to the project's folder. Gate files and parts may use others of their kind, never in a circle.
- `pipeline gate gates/running.yaml --param deployment=web` measures a gate file alone.
";

/// The page of a file's keys.
pub fn file(name: &str) -> Option<String> {
    let mut text = String::new();
    let title = match name {
        "pipeline.yaml" => "pipeline.yaml",
        "stage" => "A stage",
        "step" => "Keys of every step",
        "assertion" => "Keys of every assertion",
        "gate" => "A gate file",
        _ => return None,
    };
    let _infallible = write!(text, "# {title}\n\n");
    match name {
        "pipeline.yaml" => keys::<PipelineSpec>(&mut text, Of::Pipeline),
        "stage" => keys::<StageSpec>(&mut text, Of::Stage),
        "step" => keys::<StepKeys>(&mut text, Of::Step),
        "assertion" => keys::<AssertionKeys>(&mut text, Of::Assertion),
        _ => keys::<GateSpec>(&mut text, Of::Gate),
    }
    Some(text)
}
