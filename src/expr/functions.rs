//! The functions an expression may call: those of CEL and the Kubernetes libraries. `cel` keeps its registry to itself,
//! so their names stand here and a test holds them against it.

use crate::diagnostic::did_you_mean;

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
pub(super) fn unknown(name: &str) -> String {
    if MACROS.contains(&name) {
        let shape = match name {
            "has" => "`has(vars.x)`",
            _ => "a list and a name: `list.NAME(x, …)`",
        };
        return format!("`{name}` is not called like this; it takes {}", shape.replace("NAME", name));
    }
    let close = did_you_mean(name, FUNCTIONS.iter().chain(MACROS).copied()).filter(|words| words.starts_with("did"));
    match close {
        Some(words) => format!("no function is called `{name}`; {words}"),
        None => format!("no function is called `{name}`"),
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
        assert_eq!(unknown("startWith"), "no function is called `startWith`; did you mean \"startsWith\"?");
        assert_eq!(unknown("system"), "no function is called `system`");
        assert_eq!(
            unknown("filter"),
            "`filter` is not called like this; it takes a list and a name: `list.filter(x, …)`"
        );
    }
}
