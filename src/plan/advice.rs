//! What to type instead, for values and expressions that cannot be read. Knows the words of the rooms that refuse them.

use crate::expect::Expect;
use crate::units::Quantity;

/// The help line for a quantity that is none.
pub(super) fn quantity<Q: Quantity>() -> String {
    format!("write {}", Q::EXAMPLE)
}

/// The help line for an expectation that is none: the same with the operator that was meant, or how one is written.
pub(super) fn expectation<Q: Quantity>(written: &str) -> String {
    const SLIPS: [(&str, &str); 6] = [("<>", "!= "), ("=>", ">= "), ("=<", "<= "), ("!", "!= "), ("~", ""), ("=", "")];
    let written = written.trim();
    for (slip, meant) in SLIPS {
        let Some(rest) =
            written.strip_prefix(slip).filter(|_| !written.starts_with("!=") && !written.starts_with("=="))
        else {
            continue;
        };
        let fixed = format!("{meant}{}", rest.trim());
        if Expect::<Q>::parse(&fixed).is_ok() {
            return format!("write \"{fixed}\"");
        }
    }
    let value = Q::EXAMPLE.split(" such as ").nth(1).unwrap_or("x").split([',', ' ']).next().unwrap_or("x");
    match Q::FORMAT {
        "text" => "write the text itself, or `\"!= …\"` for any other".to_owned(),
        _ => format!(
            "write {}, a comparison such as \"< {value}\" or \">= {value}\", or a range with `..` between its ends",
            Q::EXAMPLE
        ),
    }
}

/// The help line for what a kind refuses without one.
pub(super) fn of_kind(message: &str, kind: &str) -> String {
    match message {
        _ if message.contains("cannot stand together") => "leave one of them out".to_owned(),
        _ if message.ends_with("is empty") => "write it, or leave the key out".to_owned(),
        _ => format!("`pipeline explain {kind}` shows how it is written"),
    }
}

/// The words for an expression that cannot be used, parted into what is wrong and what to type.
pub(super) fn expression(message: &str) -> (String, String) {
    if let Some((wrong, advice)) = message.split_once("; write ") {
        return (wrong.to_owned(), format!("write {advice}"));
    }
    let advice = match message {
        _ if message.contains("is called `always`") => "put the step under `finally:`: its steps always run",
        _ if message.contains("is called `failure`") => {
            "put the step under `on_failure:`: its steps run after a failure"
        }
        _ if message.contains("is called `success`") => "leave it out: what fails keeps the rest from starting",
        _ if message.contains("no function is called") => {
            "functions are those of CEL and Kubernetes: size, contains, startsWith, matches, split, quantity, semver, …"
        }
        _ if message.contains("is not closed, expected `}}`") => "close it: `${{ vars.NAME }}`",
        _ if message.contains("quote is not closed") || message.contains("text is not closed") => {
            "close the quote: `vars.NAME == 'text'`"
        }
        _ if message.contains("expression is empty") => "write one, such as `vars.replicas > 1`, or leave the key out",
        _ if message.contains("found the end") => "write the rest of it, such as `vars.replicas > 1`",
        _ if message.contains("no such key") => "ask first: `has(vars.NAME) ? vars.NAME : \"\"`",
        _ if message.contains("no such item") => "ask first: `size(vars.LIST) > 1 ? vars.LIST[1] : \"\"`",
        _ if message.contains("cannot take") || message.contains("do not fit") => {
            "make both of one type: `string(vars.NAME)`, `int(vars.NAME)`"
        }
        _ if message.contains("expected true or false") => "compare it: `vars.NAME == \"text\"`, `vars.COUNT > 0`",
        _ if message.contains("bytes long")
            || message.contains("deeper than")
            || message.contains("rest on each other") =>
        {
            "put a part of it into a var"
        }
        _ => "an expression is CEL, such as `vars.replicas > 1 && env.CI == \"true\"`",
    };
    (message.to_owned(), advice.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::units::{ByteSize, Count};

    #[test]
    fn names_the_operator_that_was_meant() {
        assert_eq!(expectation::<Count>("<> 5"), "write \"!= 5\"");
        assert_eq!(expectation::<Count>("=>5"), "write \">= 5\"");
        assert_eq!(
            expectation::<ByteSize>("big"),
            "write a size such as 500MB or 2GiB, a comparison such as \"< 500MB\" or \">= 500MB\", or a range with `..` \
             between its ends"
        );
    }

    #[test]
    fn parts_what_is_wrong_from_what_to_type() {
        assert_eq!(
            expression("`=` is no operator; write `==` to compare"),
            ("`=` is no operator".to_owned(), "write `==` to compare".to_owned())
        );
    }
}
