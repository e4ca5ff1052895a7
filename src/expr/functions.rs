//! The functions an expression may call: those of CEL and the Kubernetes libraries. `cel` keeps its registry to itself,
//! so their names stand here and a test holds them against it.

use super::cel::ExprError;
use crate::diagnostic::closest;

/// Every function and method, sorted; a dot separates a library's name.
const FUNCTIONS: &[&str] = &[
    "add",
    "asApproximateFloat",
    "asInteger",
    "base64.decode",
    "base64.encode",
    "bytes",
    "charAt",
    "cidr",
    "compareTo",
    "contains",
    "containsCIDR",
    "containsIP",
    "distinct",
    "double",
    "duration",
    "endsWith",
    "family",
    "find",
    "findAll",
    "first",
    "flatten",
    "format",
    "format.byte",
    "format.date",
    "format.datetime",
    "format.dns1035Label",
    "format.dns1035LabelPrefix",
    "format.dns1123Label",
    "format.dns1123LabelPrefix",
    "format.dns1123Subdomain",
    "format.dns1123SubdomainPrefix",
    "format.labelValue",
    "format.named",
    "format.qualifiedName",
    "format.uri",
    "format.uuid",
    "getDate",
    "getDayOfMonth",
    "getDayOfWeek",
    "getDayOfYear",
    "getEscapedPath",
    "getFullYear",
    "getHost",
    "getHostname",
    "getHours",
    "getMilliseconds",
    "getMinutes",
    "getMonth",
    "getPort",
    "getQuery",
    "getScheme",
    "getSeconds",
    "hasValue",
    "indexOf",
    "int",
    "ip",
    "ip.isCanonical",
    "isCIDR",
    "isCIDRv4",
    "isCIDRv6",
    "isGlobalUnicast",
    "isGreaterThan",
    "isIP",
    "isIPv4",
    "isIPv6",
    "isInteger",
    "isLessThan",
    "isLinkLocalMulticast",
    "isLinkLocalUnicast",
    "isLoopback",
    "isQuantity",
    "isSemver",
    "isSorted",
    "isURL",
    "isUnspecified",
    "join",
    "jsonpatch.escapeKey",
    "last",
    "lastIndexOf",
    "lists.range",
    "lowerAscii",
    "major",
    "masked",
    "matches",
    "math.abs",
    "math.bitAnd",
    "math.bitNot",
    "math.bitOr",
    "math.bitShiftLeft",
    "math.bitShiftRight",
    "math.bitXor",
    "math.ceil",
    "math.floor",
    "math.greatest",
    "math.isFinite",
    "math.isInf",
    "math.isNaN",
    "math.least",
    "math.round",
    "math.sign",
    "math.sqrt",
    "math.trunc",
    "max",
    "min",
    "minor",
    "optional.none",
    "optional.of",
    "optional.ofNonZeroValue",
    "or",
    "orValue",
    "patch",
    "prefixLength",
    "quantity",
    "replace",
    "reverse",
    "semver",
    "sets.contains",
    "sets.equivalent",
    "sets.intersects",
    "sign",
    "size",
    "slice",
    "sort",
    "split",
    "startsWith",
    "string",
    "strings.quote",
    "sub",
    "substring",
    "sum",
    "timestamp",
    "trim",
    "uint",
    "upperAscii",
    "url",
    "validate",
    "value",
];

/// What the grammar turns into loops and tests; not functions, but offered as such.
const MACROS: &[&str] = &["all", "exists", "exists_one", "filter", "has", "map"];

/// Whether `name` (with its library, if any) can be called.
pub(super) fn is_function(name: &str) -> bool {
    FUNCTIONS.binary_search(&name).is_ok()
}

/// What is wrong with a call of `name`.
pub(super) fn unknown(name: &str, (start, end): (usize, usize)) -> ExprError {
    if MACROS.contains(&name) {
        let shape = match name {
            "has" => "write `has(vars.x)`".to_owned(),
            _ => format!("it takes a list and a name: `list.{name}(x, …)`"),
        };
        return ExprError::at(start, end, format!("`{name}` is not called like this")).help(shape);
    }
    let error = ExprError::at(start, end, format!("no function is called `{name}`"));
    // What other systems call so is not called at all here.
    let elsewhere = match name {
        "always" => "put the step under `finally:`: its steps always run",
        "failure" => "put the step under `on_failure:`: its steps run after a failure",
        "success" => "leave it out: what fails keeps the rest from starting",
        _ => {
            "functions are those of CEL and Kubernetes: size, contains, startsWith, matches, split, quantity, semver, …"
        }
    };
    match closest(name, FUNCTIONS.iter().chain(MACROS).copied()) {
        Some(close) => error.help(format!("did you mean \"{close}\"?")),
        None => error.help(elsewhere),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use kube_cel::KubeCelExt;
    use kube_cel::cel::common::ast::{CallExpr, Expr};
    use kube_cel::cel::{Context, ExecutionError, IdedExpr, Value};

    #[test]
    fn every_name_is_registered_and_the_table_is_sorted() {
        assert!(FUNCTIONS.windows(2).all(|pair| pair[0] < pair[1]));
        let context = Context::default().with_all();
        for name in FUNCTIONS {
            let call = CallExpr { func_name: (*name).to_owned(), target: None, args: Vec::new() };
            let result = Value::resolve(&IdedExpr { id: 1, expr: Expr::Call(call) }, &context);
            assert!(!matches!(result, Err(ExecutionError::UndeclaredReference(_))), "{name}");
        }
    }

    #[test]
    fn says_what_was_meant() {
        let said = |name: &str| {
            let error = unknown(name, (0, name.len()));
            (error.message, error.help.unwrap_or_default())
        };
        assert_eq!(
            said("startWith"),
            ("no function is called `startWith`".to_owned(), "did you mean \"startsWith\"?".to_owned())
        );
        assert!(said("system").1.starts_with("functions are those of CEL and Kubernetes"));
        assert_eq!(said("always").1, "put the step under `finally:`: its steps always run");
        assert_eq!(
            said("filter"),
            (
                "`filter` is not called like this".to_owned(),
                "it takes a list and a name: `list.filter(x, …)`".to_owned()
            )
        );
    }
}
