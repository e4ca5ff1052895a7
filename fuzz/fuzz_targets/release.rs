//! The release Secret of helm: any bytes, and any JSON packed as helm packs it. Nothing may panic or grow without end.
#![no_main]

use std::io::Write;
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use libfuzzer_sys::fuzz_target;
use pipeline::core::yaml::manifests;
use pipeline::kubernetes::helm::release::Release;

fuzz_target!(|data: &[u8]| {
    let _ = Release::decode(data);
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gzip.write_all(data).expect("in memory");
    let packed = STANDARD.encode(gzip.finish().expect("in memory"));
    if let Ok(release) = Release::decode(packed.as_bytes()) {
        release.manifest_digest();
        let _ = manifests::parse(&release.manifest, Path::new("release"));
    }
    let _ = Release::decode(STANDARD.encode(data).as_bytes());
});
