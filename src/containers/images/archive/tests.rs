//! What is read of image archives, whole and broken ones.

use super::super::layer::tests::tar_of;
use super::*;
use crate::core::files::glob::Glob;
use crate::core::mask::SecretText;
use crate::secrets::leaks::Leaks;

const CONFIG: &str = r#"{"architecture":"amd64","os":"linux","config":{"User":"app","Env":["DB=s3cret-value-1"]}}"#;

fn layers() -> [Vec<u8>; 2] {
    [
        tar_of(&[("etc/passwd", "app:x:1001:1001::/:/bin/sh\n"), ("app/.env", "A=b\n"), ("app/main.py", "print()\n")]),
        tar_of(&[("app/.wh..env", ""), ("data", "s3cret-value-1")]),
    ]
}

/// As `docker save` writes it: layers first, `manifest.json` last.
fn docker_archive() -> Vec<u8> {
    let [low, high] = layers();
    let mut builder = tar::Builder::new(Vec::new());
    let mut add = |path: &str, content: &[u8]| {
        let mut header = tar::Header::new_gnu();
        header.set_size(content.len() as u64);
        header.set_mode(0o644);
        builder.append_data(&mut header, path, content).expect("in memory");
    };
    add("aa/layer.tar", &low);
    add("bb/layer.tar", &high);
    add("c0ffee.json", CONFIG.as_bytes());
    add(
        "manifest.json",
        br#"[{"Config":"c0ffee.json","RepoTags":["todo:dev"],"Layers":["aa/layer.tar","bb/layer.tar"]}]"#,
    );
    builder.into_inner().expect("in memory")
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    io::Write::write_all(&mut encoder, bytes).expect("in memory");
    encoder.finish().expect("in memory")
}

fn zstd(bytes: &[u8]) -> Vec<u8> {
    ruzstd::encoding::compress_to_vec(bytes, ruzstd::encoding::CompressionLevel::Fastest)
}

/// An OCI layout's files: an index of two platforms, layers as gzip and zstd.
fn layout() -> Vec<(&'static str, Vec<u8>)> {
    let [low, high] = layers();
    vec![
        ("oci-layout", br#"{"imageLayoutVersion":"1.0.0"}"#.to_vec()),
        (
            "index.json",
            br#"{"manifests":[{"digest":"sha256:1111","annotations":{"org.opencontainers.image.ref.name":"todo:dev"}}]}"#
                .to_vec(),
        ),
        (
            "blobs/sha256/1111",
            br#"{"manifests":[{"digest":"sha256:2222","platform":{"os":"linux","architecture":"s390x"}},
                {"digest":"sha256:3333","platform":{"os":"linux","architecture":"amd64"}}]}"#
                .to_vec(),
        ),
        ("blobs/sha256/3333", br#"{"config":{"digest":"sha256:4444"},"layers":[{"digest":"sha256:5555"},{"digest":"sha256:6666"}]}"#.to_vec()),
        ("blobs/sha256/4444", CONFIG.as_bytes().to_vec()),
        ("blobs/sha256/5555", gzip(&low)),
        ("blobs/sha256/6666", zstd(&high)),
    ]
}

fn wanted() -> Wanted {
    Wanted {
        files: vec![Glob::new("/app/.env"), Glob::new("**/*.py")],
        leaks: Some(Leaks::new([("db", &SecretText::new("s3cret-value-1"))])),
        allowed: Vec::new(),
    }
}

fn check(contents: &Contents) {
    assert_eq!(contents.user, User::Id(1001));
    assert_eq!(contents.found, [None, Some("/app/main.py".to_owned())]);
    assert_eq!(contents.facts.layers, 2);
    let sightings: Vec<String> =
        contents.sightings.iter().map(|seen| format!("{}: {}", seen.what, seen.place)).collect();
    assert_eq!(
        sightings,
        [
            ".env file: /app/.env (layer 1 of 2, covered by a later layer but still readable)",
            "secret db: /data (layer 2 of 2)",
            "secret db: env DB",
        ]
    );
    let [low, high] = layers();
    assert_eq!(contents.size, ByteSize((low.len() + high.len()) as u64));
}

#[test]
fn reads_a_docker_archive_also_compressed() {
    let name = Choice { name: Some("todo:dev".into()), platform: None };
    let plain = docker_archive();
    for bytes in [plain.clone(), gzip(&plain), zstd(&plain)] {
        let contents = read_archive(&bytes[..], &name, &wanted(), Limits::default()).expect("well formed");
        check(&contents);
        assert_eq!(contents.facts.id, "sha256:c0ffee");
    }
}

#[test]
fn reads_an_oci_layout_as_folder_and_as_archive() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let mut builder = tar::Builder::new(Vec::new());
    for (path, content) in layout() {
        let on_disk = folder.path().join(path);
        std::fs::create_dir_all(on_disk.parent().expect("below the folder")).expect("writable");
        std::fs::write(&on_disk, &content).expect("writable");
        let mut header = tar::Header::new_gnu();
        header.set_size(content.len() as u64);
        builder.append_data(&mut header, path, &content[..]).expect("in memory");
    }
    let amd64 = Choice { name: None, platform: Some("linux/amd64".into()) };
    check(&read_layout(folder.path(), &amd64, &wanted(), Limits::default()).expect("well formed"));
    let bytes = builder.into_inner().expect("in memory");
    check(&read_archive(&bytes[..], &amd64, &wanted(), Limits::default()).expect("well formed"));
    let arm = Choice { name: None, platform: Some("linux/arm64".into()) };
    let error = read_archive(&bytes[..], &arm, &wanted(), Limits::default()).expect_err("not there");
    assert_eq!(error.to_string(), "it has no image linux/arm64; it has linux/s390x, linux/amd64");
}

#[test]
fn an_image_that_is_not_in_the_archive_is_reported_with_those_that_are() {
    let other = Choice { name: Some("todo:prod".into()), platform: None };
    let error = read_archive(&docker_archive()[..], &other, &wanted(), Limits::default()).expect_err("not there");
    assert_eq!(error.to_string(), "it has no image todo:prod; it has todo:dev");
}

#[test]
fn a_stream_that_is_no_image_is_reported() {
    let error = read_archive(&tar_of(&[("x", "y")])[..], &Choice::default(), &wanted(), Limits::default());
    assert_eq!(error.expect_err("no image").to_string(), ArchiveError::NoImage.to_string());
    let torn = &docker_archive()[..3000];
    assert!(read_archive(torn, &Choice::default(), &wanted(), Limits::default()).is_err());
    assert!(read_archive(&b"not a tar at all"[..], &Choice::default(), &wanted(), Limits::default()).is_err());
}

#[test]
fn a_decompression_bomb_meets_the_limit() {
    let bomb = gzip(&tar_of(&[("aa/layer.tar", "")]));
    assert!(read_archive(&bomb[..], &Choice::default(), &wanted(), Limits::default()).is_err());
    let layer = tar_of(&[("zeros", &"\0".repeat(2_000_000))]);
    let mut builder = tar::Builder::new(Vec::new());
    let packed = gzip(&layer);
    let mut header = tar::Header::new_gnu();
    header.set_size(packed.len() as u64);
    builder.append_data(&mut header, "blobs/sha256/1", &packed[..]).expect("in memory");
    let bytes = builder.into_inner().expect("in memory");
    let limits = Limits { bytes: 1_000_000, entries: 10 };
    let error = read_archive(&bytes[..], &Choice::default(), &wanted(), limits).expect_err("too large");
    assert_eq!(error.to_string(), "the image has more uncompressed bytes than will be read");
}

#[test]
fn same_image_under_its_different_names() {
    let archive = docker_archive();
    for name in ["todo:dev", "localhost/todo:dev", "docker.io/library/todo:dev"] {
        let choice = Choice { name: Some(name.into()), platform: None };
        assert!(read_archive(&archive[..], &choice, &wanted(), Limits::default()).is_ok(), "{name}");
    }
}
