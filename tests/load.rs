//! Whatever a user writes, loading ends with a plan or with words: never with a panic, never with a place outside its file.

use std::fs;

use pipeline::cli::REGISTRY;
use pipeline::core::plan::{Options, load};
use pipeline::core::report::diagnostics::{Style, render};
use proptest::prelude::*;

const PIPELINE: &str = include_str!("../examples/greeter/pipeline.yaml");
const STAGES: [&str; 3] = [
    include_str!("../examples/greeter/stages/1-image.yaml"),
    include_str!("../examples/greeter/stages/3-manifests.yaml"),
    include_str!("../examples/greeter/stages/5-chart.yaml"),
];
const GATE: &str = include_str!("../examples/greeter/gates/greets.yaml");

/// What is done to a text, at a place that is a share of its length.
#[derive(Debug, Clone)]
enum Harm {
    Cut(f64),
    Drop(f64, usize),
    Insert(f64, String),
    Repeat(f64),
}

fn harm() -> impl Strategy<Value = Harm> {
    let token = prop::sample::select(vec![
        "${{",
        "}}",
        ": ",
        "\n",
        "\t",
        "- ",
        "[",
        "{",
        "'",
        "\"",
        "&a ",
        "*a",
        "<<: ",
        "|",
        ">",
        "#",
        "%",
        "\u{feff}",
        "é",
        "!!x ",
        "~",
        "? ",
        "0x",
        "1e999",
        "secrets.x",
        "steps.build.outputs.y",
        "\u{0}",
    ]);
    prop_oneof![
        (0.0..1.0).prop_map(Harm::Cut),
        ((0.0..1.0), 1usize..40).prop_map(|(at, length)| Harm::Drop(at, length)),
        ((0.0..1.0), token).prop_map(|(at, text)| Harm::Insert(at, text.to_owned())),
        ((0.0..1.0), ".{1,12}").prop_map(|(at, text)| Harm::Insert(at, text)),
        (0.0..1.0).prop_map(Harm::Repeat),
    ]
}

fn harmed(text: &str, harms: &[Harm]) -> String {
    let mut chars: Vec<char> = text.chars().collect();
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::cast_precision_loss,
        reason = "a share of a short text"
    )]
    let at = |share: f64, chars: &[char]| ((chars.len() as f64) * share) as usize;
    for harm in harms {
        match harm {
            Harm::Cut(share) => chars.truncate(at(*share, &chars)),
            Harm::Drop(share, length) => {
                let start = at(*share, &chars);
                let end = (start + length).min(chars.len());
                chars.drain(start..end);
            }
            Harm::Insert(share, text) => {
                let start = at(*share, &chars);
                chars.splice(start..start, text.chars());
            }
            Harm::Repeat(share) => {
                let start = at(*share, &chars);
                let line: Vec<char> = chars[start..].iter().copied().take_while(|c| *c != '\n').chain(['\n']).collect();
                chars.splice(start..start, line);
            }
        }
    }
    chars.into_iter().collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

    #[test]
    fn ends_with_a_plan_or_with_words(
        which in 0usize..5,
        harms in prop::collection::vec(harm(), 1..6),
    ) {
        let folder = tempfile::tempdir().expect("a temporary folder");
        for name in ["stages", "gates"] {
            fs::create_dir(folder.path().join(name)).expect("a folder can be made");
        }
        let names = ["pipeline.yaml", "stages/1-image.yaml", "stages/3-manifests.yaml", "stages/5-chart.yaml", "gates/greets.yaml"];
        let texts = [PIPELINE, STAGES[0], STAGES[1], STAGES[2], GATE];
        for (at, (name, text)) in names.iter().zip(texts).enumerate() {
            let text = if at == which { harmed(text, &harms) } else { text.to_owned() };
            fs::write(folder.path().join(name), text).expect("a file can be written");
        }
        let options = Options { file: folder.path().join("pipeline.yaml"), ..Options::default() };
        let Ok(loaded) = load(&options, REGISTRY) else { return Ok(()) };
        prop_assert!(loaded.plan.is_some() || !loaded.diagnostics.is_empty(), "no plan, and no word why");
        for label in loaded.diagnostics.iter().flat_map(|diagnostic| &diagnostic.labels) {
            let text = &loaded.sources.file(label.span.file).text;
            let (start, end) = (label.span.start as usize, label.span.end as usize);
            prop_assert!(start <= end && end <= text.len(), "{label:?} lies outside its file");
            prop_assert!(text.is_char_boundary(start) && text.is_char_boundary(end), "{label:?} cuts a character");
        }
        render(loaded.diagnostics, &loaded.sources, Style { colour: false, unicode: true, width: 80 });
    }
}
