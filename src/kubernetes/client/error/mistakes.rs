//! Mistakes of a manifest that the API server answers with 400 or 500 and with words of its own program: named, and shown
//! without Go's notation. Pure.

/// Values longer than this are left out of messages.
const LONG_VALUE: usize = 120;

/// Words by which a mistake of the manifest is known, whatever the status: the cause by its name, and what to do.
const KNOWN: [(&[&str], &str, &str); 9] = [
    (
        &["field not declared in schema", "unknown field", "strict decoding error"],
        "UnknownField",
        "correct the field's name or place; `kubectl explain KIND` lists them",
    ),
    (
        &["duplicate entries for key", "duplicate field"],
        "DuplicateKey",
        "keep one of the entries: each name may be there once",
    ),
    (
        &["illegal base64 data"],
        "NotBase64",
        "write plain text under `stringData:`, or encode the value: `printf %s VALUE | base64`",
    ),
    (
        &["expected string, got", "into Go struct field", "into Go value of type string", "ReadString: expects"],
        "WrongType",
        "correct the type of the value; text that reads as a number or as true or false needs quotes",
    ),
    (
        &[
            "expected map, got",
            "expected list, got",
            "expected numeric",
            "expected boolean",
            "expected bool",
            "expected list or map",
        ],
        "WrongType",
        "correct the type of the value; `kubectl explain KIND` shows it",
    ),
    (
        &[
            "quantities must match the regular expression",
            "unable to parse quantity",
            "unable to parse numeric part of quantity",
        ],
        "WrongType",
        "write a quantity such as 500m or 128Mi",
    ),
    (
        &[
            "cannot unmarshal",
            "cannot be handled as a",
            "unable to decode",
            "error decoding",
            "parsing time",
            "cannot convert",
        ],
        "WrongType",
        "correct the value; `kubectl explain KIND` shows its type",
    ),
    (
        &["failed to create typed patch object", "failed to convert new object", "failed to create typed live object"],
        "WrongType",
        "correct the field; `kubectl explain KIND` shows its type",
    ),
    (
        &["etcdserver: request is too large", "trying to send message larger than max", "Request entity too large"],
        "TooLarge",
        "make the object smaller: an object holds about 1 MB",
    ),
];

/// The mistake that the API server's words mean: its name, the words without Go's notation, and what to do.
pub(super) fn of(message: &str) -> Option<(&'static str, String, &'static str)> {
    // A webhook's or a converter's words about itself are not about the manifest.
    if message.contains("webhook") {
        return None;
    }
    let (_, cause, help) = KNOWN.iter().find(|(words, ..)| words.iter().any(|word| message.contains(word)))?;
    Some((cause, without_value(&plain(message)), help))
}

/// `.spec.env[name="PORT"].value: expected string, got 8080`, without what Go's types add.
fn plain(message: &str) -> String {
    let mut text = message.trim().trim_start_matches("Internal error occurred: ").to_owned();
    // `failed to create typed patch object (ns/name; apps/v1, Kind=Deployment): .spec…`
    if let Some(rest) = text.strip_prefix("failed to create typed patch object (")
        && let Some((_, rest)) = rest.split_once("): ")
    {
        text = rest.to_owned();
    }
    for opening in ["&value.valueUnstructured{Value:", "value.valueUnstructured{Value:"] {
        while let Some(at) = text.find(opening) {
            let inner = at + opening.len();
            let Some(end) = closing(&text[inner..], '}') else { break };
            let value = text[inner..inner + end].to_owned();
            text.replace_range(at..=inner + end, &value);
        }
    }
    text
}

/// `Invalid value: {…a whole object…}: field is immutable` without a value too long to be read.
pub(super) fn without_value(message: &str) -> String {
    const OPENING: &str = "Invalid value: ";
    let Some(at) = message.find(OPENING) else { return message.to_owned() };
    let from = at + OPENING.len();
    let Some(end) = value_end(&message[from..]).filter(|end| *end > LONG_VALUE) else { return message.to_owned() };
    let rest = message[from + end..].trim_start_matches(": ");
    let head = message[..at].trim_end();
    if head.is_empty() { rest.to_owned() } else { format!("{head} {rest}") }
}

/// Where a value at the start of `text` ends: before the `: ` outside of its brackets and quotes.
fn value_end(text: &str) -> Option<usize> {
    let (mut depth, mut quoted, mut escaped) = (0_usize, false, false);
    for (at, c) in text.char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' if quoted => escaped = true,
            '"' => quoted = !quoted,
            _ if quoted => {}
            '{' | '[' | '(' => depth += 1,
            '}' | ']' | ')' => depth = depth.saturating_sub(1),
            ':' if depth == 0 && text[at..].starts_with(": ") => return Some(at),
            _ => {}
        }
    }
    None
}

/// The position of `close` that ends what was opened before `text`.
fn closing(text: &str, close: char) -> Option<usize> {
    let (mut depth, mut quoted) = (0_usize, false);
    for (at, c) in text.char_indices() {
        match c {
            '"' => quoted = !quoted,
            _ if quoted => {}
            '{' => depth += 1,
            c if c == close && depth == 0 => return Some(at),
            '}' => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reported(message: &str) -> (String, String) {
        let (cause, message, _) = of(message).expect("a mistake");
        (cause.to_owned(), message)
    }

    #[test]
    fn a_wrong_type_is_reported_without_the_servers_own_types() {
        assert_eq!(
            reported(
                "failed to create typed patch object (hk-b/envn; apps/v1, Kind=Deployment): \
                 .spec.template.spec.containers[name=\"c\"].env[name=\"PORT\"].value: expected string, got &value.valueUnstructured{Value:8080}"
            ),
            (
                "WrongType".to_owned(),
                ".spec.template.spec.containers[name=\"c\"].env[name=\"PORT\"].value: expected string, got 8080"
                    .to_owned()
            )
        );
        assert_eq!(
            reported(
                "failed to create typed patch object (x/y; v1, Kind=ConfigMap): .data.A: expected string, got \
                 &value.valueUnstructured{Value:map[string]interface {}{\"a\":1}}"
            )
            .1,
            ".data.A: expected string, got map[string]interface {}{\"a\":1}"
        );
    }

    #[test]
    fn mistakes_are_known_by_their_words_whatever_their_status() {
        for (message, cause) in [
            (
                "failed to create typed patch object (x/y; apps/v1, Kind=Deployment): .spec.template.spec.containers[name=\"c\"].env: duplicate entries for key [name=\"A\"]",
                "DuplicateKey",
            ),
            (
                "Secret in version \"v1\" cannot be handled as a Secret: illegal base64 data at input byte 3",
                "NotBase64",
            ),
            (
                "ConfigMap in version \"v1\" cannot be handled as a ConfigMap: json: cannot unmarshal bool into Go struct field ConfigMap.data of type string",
                "WrongType",
            ),
            ("quantities must match the regular expression '^([+-]?[0-9.]+)'", "WrongType"),
            (".spec.replica: field not declared in schema", "UnknownField"),
            ("etcdserver: request is too large", "TooLarge"),
            (".spec.ports: expected list, got &{map[]}", "WrongType"),
        ] {
            assert_eq!(reported(message).0, cause, "{message}");
        }
    }

    #[test]
    fn what_the_environment_does_is_no_mistake() {
        for message in [
            "etcdserver: request timed out",
            "Internal error occurred: failed calling webhook \"w\": Post \"https://w\": connection refused",
            "conversion webhook for x failed: unable to decode: EOF",
            "the server is currently unable to handle the request",
        ] {
            assert_eq!(of(message), None, "{message}");
        }
    }

    #[test]
    fn a_value_too_long_to_be_read_is_left_out() {
        let template =
            format!("Invalid value: {{\"metadata\":{{\"a\":\": {}\"}}}}: field is immutable", "x".repeat(200));
        assert_eq!(without_value(&template), "field is immutable");
        let go = format!(
            "spec.template: Invalid value: core.PodTemplateSpec{{A:v1.B{{C:\"{}\"}}}}: field is immutable",
            "y".repeat(200)
        );
        assert_eq!(without_value(&go), "spec.template: field is immutable");
        let short = "Invalid value: -1: must be greater than or equal to 0";
        assert_eq!(without_value(short), short);
    }
}
