//! The whole load path over any bytes: a pipeline file, a stage file and a gate file, parted by lines of `====`.
//! Nothing may panic, and what is wrong must be drawable.
#![no_main]

use std::fs;

use libfuzzer_sys::fuzz_target;
use pipeline::cli::REGISTRY;
use pipeline::core::plan::{Options, load};
use pipeline::core::report::diagnostics::{Style, render};

const NAMES: [&str; 3] = ["pipeline.yaml", "a.yaml", "gate.yaml"];

fuzz_target!(|data: &[u8]| {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let mut rest = data;
    for name in NAMES {
        let end = rest.windows(6).position(|bytes| bytes == b"\n====\n");
        let (file, tail) = end.map_or((rest, &b""[..]), |end| (&rest[..=end], &rest[end + 6..]));
        fs::write(folder.path().join(name), file).expect("a file can be written");
        rest = tail;
    }
    let options = Options { file: folder.path().join(NAMES[0]), ..Options::default() };
    if let Ok(loaded) = load(&options, REGISTRY) {
        assert!(loaded.plan.is_some() || !loaded.diagnostics.is_empty(), "no plan, and no word why");
        render(loaded.diagnostics, &loaded.sources, Style { colour: true, unicode: true, width: 80 });
    }
});
