//! What is expected of a text: of what a command prints, of a file, of a header. Pure: text in, measures out.

use regex::Regex;
use schemars::JsonSchema;
use serde::Deserialize;

use super::{Cel, CheckContext, Context, Sample};
use crate::core::expr::Expr;
use crate::core::mask::Masker;
use crate::core::model::diagnostic::Code;
use crate::core::model::expect::Expect;
use crate::core::model::outcome::{Fault, Measure};
use crate::core::model::units::{ByteSize, Count, Quantity, TimeSpan};
use crate::core::yaml::Segment;

/// Characters of a text shown beside an expectation.
const SHOWN: usize = 200;

/// What a text must be; everything written must hold. One line end at its end does not count. A text that was cut because it
/// is too large is not measured where its rest could change the verdict.
#[derive(Debug, Clone, Default, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(extend("x-some" = true, "x-short" = "equals"))]
pub struct TextExpect {
    /// It is exactly this.
    #[serde(default)]
    pub equals: Option<String>,
    /// It holds this.
    #[serde(default)]
    pub contains: Option<String>,
    /// It does not hold this.
    #[serde(default)]
    pub lacks: Option<String>,
    /// This regular expression matches somewhere in it (`^` and `$` are the text's ends; `(?m)` makes them a line's).
    #[serde(default)]
    pub matches: Option<String>,
    /// It is JSON for which this CEL expression is true; `self` is the parsed value: `self.items.size() > 0`.
    #[serde(default)]
    pub json: Option<Cel>,
    /// Its number of lines.
    #[serde(default)]
    pub lines: Option<Expect<Count>>,
    /// It is a whole number, and as expected: `">= 3"`.
    #[serde(default)]
    pub count: Option<Expect<Count>>,
    /// It is a size (a bare number counts bytes), and as expected: `"< 5MB"`.
    #[serde(default)]
    pub bytes: Option<Expect<ByteSize>>,
    /// It is a duration, and as expected: `"< 2s"`.
    #[serde(default)]
    pub duration: Option<Expect<TimeSpan>>,
}

impl TextExpect {
    /// What is wrong with it, at `path` of the body.
    pub fn check(&self, cx: &mut CheckContext<'_>, path: &[Segment]) {
        if *self == TextExpect::default() {
            let help =
                Some("write one of `equals`, `contains`, `lacks`, `matches`, `json`, `lines`, `count`".to_owned());
            cx.error(path, Code::MissingKey, "nothing is expected of it", help);
        }
        if let Some(error) = self.matches.as_deref().and_then(|pattern| Regex::new(pattern).err()) {
            let at: Vec<Segment> = path.iter().cloned().chain(["matches".into()]).collect();
            let help = "close it, or put `\\` before a bracket that is meant as itself; `contains:` takes plain text";
            cx.error(&at, Code::InvalidValue, regex_words(&error), Some(help.to_owned()));
        }
    }

    /// Measures `sample`, which is called `name`.
    ///
    /// # Errors
    /// [`Fault`] of kind invalid when the pattern or the expression cannot be used; of kind unknown when the text was cut and
    /// its rest could change the verdict.
    pub fn measures(&self, name: &str, sample: &Sample<'_>, cx: &Context) -> Result<Vec<Measure>, Fault> {
        let text = sample.text();
        let shown = excerpt(text, cx);
        let mut all = Vec::new();
        let mut hidden = false;
        let mut add = |expected: String, holds: Option<bool>| match holds {
            Some(holds) => all.push(Measure::new(name, &shown, expected, holds)),
            None => hidden = true,
        };
        if let Some(wanted) = &self.equals {
            add(format!("\"{}\"", excerpt(wanted, cx)), sample.equals(wanted));
        }
        if let Some(part) = &self.contains {
            add(format!("contains \"{part}\""), sample.contains(part));
        }
        if let Some(part) = &self.lacks {
            add(format!("lacks \"{part}\""), sample.contains(part).map(|found| !found));
        }
        if let Some(pattern) = &self.matches {
            let regex = Regex::new(pattern).map_err(|error| Fault::invalid(regex_words(&error)))?;
            add(format!("matches /{pattern}/"), sample.matches(&regex));
        }
        match (&self.lines, sample.lines()) {
            (Some(expect), Some(count)) => {
                let count = i64::try_from(count).unwrap_or(i64::MAX);
                all.push(expect.measure(&format!("{name} lines"), &Count(count)));
            }
            (Some(_), None) => hidden = true,
            (None, _) => {}
        }
        match sample.whole() {
            Some(text) => self.measure_whole(name, text, cx, &mut all)?,
            None => hidden |= self.needs_whole(),
        }
        // what is known not to hold is an answer, whatever the rest is
        if hidden && all.iter().all(|measure| measure.holds) { Err(sample.fault(name)) } else { Ok(all) }
    }

    /// Whether an expectation reads the text as one value.
    fn needs_whole(&self) -> bool {
        self.json.is_some() || self.count.is_some() || self.bytes.is_some() || self.duration.is_some()
    }

    fn measure_whole(&self, name: &str, text: &str, cx: &Context, all: &mut Vec<Measure>) -> Result<(), Fault> {
        let shown = excerpt(text, cx);
        if let Some(cel) = &self.json {
            all.push(json(name, cel, text, cx)?);
        }
        all.extend(self.count.as_ref().map(|expect| quantity(name, expect, text, &shown)));
        let sized = if text.trim().bytes().all(|byte| byte.is_ascii_digit()) {
            format!("{}B", text.trim())
        } else {
            text.to_owned()
        };
        all.extend(self.bytes.as_ref().map(|expect| quantity(name, expect, &sized, &shown)));
        all.extend(self.duration.as_ref().map(|expect| quantity(name, expect, text, &shown)));
        Ok(())
    }
}

/// A text read as a quantity, beside its expectation; a text that is none does not hold.
fn quantity<Q: Quantity>(name: &str, expect: &Expect<Q>, text: &str, shown: &str) -> Measure {
    match Q::parse(text.trim()) {
        Ok(value) => expect.measure(name, &value),
        Err(_) => Measure::new(name, format!("{shown} (not {})", Q::EXAMPLE), expect, false),
    }
}

/// A text as JSON, as `self` of an expression that must be true.
///
/// # Errors
/// [`Fault`] of kind invalid when the expression cannot be used, of kind unknown when its evaluation had to end.
fn json(name: &str, cel: &Cel, text: &str, cx: &Context) -> Result<Measure, Fault> {
    let shown = excerpt(text, cx);
    // some programs put a byte order mark in front
    let Ok(value) = serde_json::from_str::<serde_json::Value>(text.trim_start_matches('\u{feff}')) else {
        return Ok(Measure::new(name, format!("{shown} (not JSON)"), &cel.0, false));
    };
    let expr = Expr::parse(&cel.0)
        .map_err(|error| Fault::invalid(format!("the expression `{}` cannot be used: {error}", cel.0)))?;
    let mut scope = cx.scope.as_ref().clone();
    scope.roots.insert("self".to_owned(), value);
    Ok(match expr.truthy(&scope) {
        Ok(holds) => Measure::new(name, shown, &cel.0, holds),
        Err(error) if error.stopped => {
            return Err(Fault::unknown(format!("not measured: {name}: `{}`: {error}", cel.0)));
        }
        Err(error) => Measure::new(name, format!("{shown} ({error})"), &cel.0, false),
    })
}

/// The start of a text on one line: line ends and other control characters are written as escapes, secrets are masked
/// before the text is cut (a part of a secret could not be found any more).
pub fn excerpt(text: &str, cx: &Context) -> String {
    brief(&Masker::new(cx.secrets.values()).mask(text))
}

fn brief(text: &str) -> String {
    let mut shown = String::new();
    for (count, c) in text.chars().enumerate() {
        if count == SHOWN {
            shown.push('…');
            break;
        }
        if c.is_control() { shown.extend(c.escape_default()) } else { shown.push(c) }
    }
    shown
}

/// Lines that belong together, as a finding shows them: without secrets, none longer than twice an excerpt.
pub fn finding_lines<'t>(lines: impl IntoIterator<Item = &'t str>, cx: &Context) -> Vec<String> {
    let mut lines = lines.into_iter().map(str::to_owned).collect();
    Masker::new(cx.secrets.values()).mask_lines(&mut lines);
    lines.iter().map(|line| line.chars().take(2 * SHOWN).collect()).collect()
}

/// The last line of a regex error says what is wrong; those before it draw the place.
pub fn regex_words(error: &regex::Error) -> String {
    let text = error.to_string();
    let last = text.lines().last().unwrap_or_default().trim_start_matches("error: ");
    format!("the regular expression cannot be used: {last}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::kind::test_context::{TestContext, body};
    use serde_json::json as value;

    fn measured(expect: &serde_json::Value, text: &str) -> Vec<(String, String, bool)> {
        let expect: TextExpect = body(expect);
        let measures = expect.measures("stdout", &text.into(), &TestContext::new().cx).expect("it can be measured");
        measures.into_iter().map(|measure| (measure.actual, measure.expected, measure.holds)).collect()
    }

    fn row(actual: &str, expected: &str, holds: bool) -> (String, String, bool) {
        (actual.to_owned(), expected.to_owned(), holds)
    }

    #[test]
    fn one_line_end_at_the_end_does_not_count() {
        assert_eq!(measured(&value!({ "equals": "ok" }), "ok\n"), [row("ok", "\"ok\"", true)]);
        assert_eq!(measured(&value!({ "equals": "ok" }), "not ok\n"), [row("not ok", "\"ok\"", false)]);
        assert_eq!(measured(&value!({ "equals": "ok" }), "ok\n\n"), [row("ok\\n", "\"ok\"", false)]);
        assert_eq!(measured(&value!({ "lines": 1 }), "\n"), [row("1", "1", true)]);
    }

    #[test]
    fn shows_both_sides_of_every_expectation() {
        let expect = value!({ "contains": "b", "lacks": "b", "matches": "^a.c$", "lines": 2 });
        assert_eq!(
            measured(&expect, "abc\nd"),
            [
                row("abc\\nd", "contains \"b\"", true),
                row("abc\\nd", "lacks \"b\"", false),
                row("abc\\nd", "matches /^a.c$/", false),
                row("2", "2", true),
            ]
        );
    }

    #[test]
    fn reads_numbers_sizes_and_durations() {
        assert_eq!(measured(&value!({ "count": ">= 3" }), "12\n"), [row("12", ">= 3", true)]);
        assert_eq!(measured(&value!({ "bytes": "< 5MB" }), "6000000\n"), [row("6 MB", "< 5MB", false)]);
        assert_eq!(measured(&value!({ "duration": "< 2s" }), "90ms"), [row("90ms", "< 2s", true)]);
        let none = row("many (not a whole number such as 3)", "3", false);
        assert_eq!(measured(&value!({ "count": 3 }), "many"), [none]);
    }

    #[test]
    fn a_secret_at_the_edge_of_an_excerpt_is_masked_whole() {
        let trial = TestContext::new().secrets(&[("token", "s3cr3t-value")]);
        let text = format!("{}s3cr3t-value", "x".repeat(SHOWN - 6));
        assert_eq!(excerpt(&text, &trial.cx), format!("{}***", "x".repeat(SHOWN - 6)));
    }

    #[test]
    fn asks_json_with_cel() {
        let expect = value!({ "json": "self.items.size() == 2" });
        assert_eq!(measured(&expect, "{\"items\":[1,2]}"), [row("{\"items\":[1,2]}", "self.items.size() == 2", true)]);
        assert_eq!(measured(&expect, "nope"), [row("nope (not JSON)", "self.items.size() == 2", false)]);
        assert!(!measured(&expect, "{}")[0].2);
        assert!(measured(&expect, "\u{feff}{\"items\":[1,2]}")[0].2);
    }

    #[test]
    fn a_cut_text_is_not_measured_unless_the_verdict_is_certain() {
        let measured = |expect: serde_json::Value| {
            body::<TextExpect>(&expect).measures("stdout", &Sample::new(b"12345678", true), &TestContext::new().cx)
        };
        for expect in [
            value!({ "lacks": "x" }),
            value!({ "contains": "x" }),
            value!({ "matches": "^[0-9]+$" }),
            value!({ "equals": "123456789" }),
            value!({ "lines": 1 }),
            value!({ "json": "self > 1" }),
            value!({ "count": "> 1" }),
            value!({ "bytes": "> 1kB" }),
            value!({ "duration": "< 1s" }),
        ] {
            let fault = measured(expect.clone()).expect_err(&expect.to_string());
            assert_eq!(fault.message, "not measured: stdout is larger than 8 B, and only its beginning was kept");
        }
        for (expect, holds) in [
            (value!({ "contains": "123", "lacks": "123" }), false),
            (value!({ "contains": "345" }), true),
            (value!({ "lacks": "345", "lines": 3 }), false),
            (value!({ "matches": "^1" }), true),
        ] {
            let measures = measured(expect).expect("certain");
            assert_eq!(measures.iter().all(|measure| measure.holds), holds);
        }
    }
}
