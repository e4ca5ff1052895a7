//! Image archives: any bytes as a docker-archive, an OCI archive, gzip or zstd; and any bytes as the one layer of a good one.
//! Nothing may panic, and a budget ends what does not end by itself.
#![no_main]

use std::sync::OnceLock;

use libfuzzer_sys::fuzz_target;
use pipeline::containers::images::archive::{Choice, read_archive};
use pipeline::core::files::glob::Glob;
use pipeline::containers::images::layer::{Limits, Wanted};
use pipeline::secrets::leaks::Leaks;
use pipeline::core::mask::SecretText;

/// Made once: its rules take longer to compile than an archive to read.
fn wanted() -> &'static Wanted {
    static WANTED: OnceLock<Wanted> = OnceLock::new();
    WANTED.get_or_init(|| Wanted {
        files: vec![Glob::new("/etc/**"), Glob::new("**/*.pem")],
        leaks: Some(Leaks::new([("token", &SecretText::new("hunter2-and-more"))])),
        allowed: vec![Glob::new("/usr/share/**")],
    })
}

/// A tar of these files, without a library that would refuse odd ones.
fn tar(files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut out = Vec::new();
    for (name, content) in files {
        let mut head = [0u8; 512];
        head[..name.len()].copy_from_slice(name.as_bytes());
        head[100..107].copy_from_slice(b"0000644");
        head[124..135].copy_from_slice(format!("{:011o}", content.len()).as_bytes());
        head[156] = b'0';
        head[257..263].copy_from_slice(b"ustar\0");
        head[263..265].copy_from_slice(b"00");
        head[148..156].fill(b' ');
        let sum: u32 = head.iter().map(|byte| u32::from(*byte)).sum();
        head[148..155].copy_from_slice(format!("{sum:06o}\0").as_bytes());
        out.extend_from_slice(&head);
        out.extend_from_slice(content);
        out.resize(out.len().next_multiple_of(512), 0);
    }
    out.resize(out.len() + 1024, 0);
    out
}

fuzz_target!(|data: &[u8]| {
    let limits = Limits { bytes: 1 << 16, entries: 200 };
    let _ = read_archive(data, &Choice::default(), wanted(), limits);
    let manifest = br#"[{"Config":"c.json","RepoTags":["a:1"],"Layers":["l.tar"]}]"#;
    let config = br#"{"architecture":"amd64","os":"linux","config":{"User":"app"},"rootfs":{"diff_ids":["sha256:0"]}}"#;
    let whole = tar(&[("l.tar", data), ("c.json", config), ("manifest.json", manifest)]);
    let _ = read_archive(&whole[..], &Choice::default(), wanted(), limits);
    let whole = tar(&[("c.json", data), ("manifest.json", manifest), ("l.tar", &[0; 1024])]);
    let _ = read_archive(&whole[..], &Choice::default(), wanted(), limits);
});
