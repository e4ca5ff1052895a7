//! Archives that come back, good and hostile ones.

use tar::{Builder, Header};

use super::*;

/// An archive of `(path, kind, content or target)`, as a container sends it.
fn archive(entries: &[(&str, EntryType, &str)], complete: bool) -> Vec<u8> {
    let mut builder = Builder::new(Vec::new());
    let ends: &[(&str, EntryType, &str)] = &[("io/artifacts-complete", EntryType::Regular, "")];
    let start = [("io/exit", EntryType::Regular, "3"), ("io/output", EntryType::Regular, "a=1\n")];
    for (path, kind, text) in start.iter().chain(entries).chain(ends.iter().filter(|_| complete)) {
        let mut header = Header::new_gnu();
        header.set_entry_type(*kind);
        header.set_mode(0o755);
        // set by hand: the builder refuses paths that a hostile archive has
        let name = &mut header.as_old_mut().name;
        name[..path.len()].copy_from_slice(path.as_bytes());
        let is_link = matches!(kind, EntryType::Symlink | EntryType::Link);
        let content = if is_link { "" } else { text };
        if is_link {
            header.as_old_mut().linkname[..text.len()].copy_from_slice(text.as_bytes());
        }
        header.set_size(content.len() as u64);
        header.set_cksum();
        builder.append(&header, content.as_bytes()).expect("written");
    }
    builder.into_inner().expect("written")
}

struct Place {
    project: tempfile::TempDir,
    staging: tempfile::TempDir,
}

impl Place {
    fn new() -> Self {
        let folder = || tempfile::tempdir().expect("a folder");
        Place { project: folder(), staging: folder() }
    }

    fn unpack(&self, patterns: &[&str], bytes: &[u8]) -> Result<Returned, String> {
        let patterns: Vec<String> = patterns.iter().map(|text| (*text).to_owned()).collect();
        let staging = self.staging.path().join("new");
        let _ = fs::remove_dir_all(&staging);
        fs::create_dir(&staging).expect("made");
        unpack(bytes, self.project.path(), &patterns, &staging, 8).map_err(|refused| refused.to_string())
    }

    fn names(&self) -> Vec<String> {
        let all = walkdir::WalkDir::new(self.project.path()).min_depth(1).sort_by_file_name();
        let below =
            |entry: walkdir::DirEntry| entry.path().strip_prefix(self.project.path()).expect("below").to_owned();
        all.into_iter().map(|entry| below(entry.expect("readable")).display().to_string()).collect()
    }
}

const FILE: EntryType = EntryType::Regular;

#[test]
fn what_the_patterns_name_comes_to_its_place_and_nothing_else() {
    let place = Place::new();
    fs::create_dir(place.project.path().join("reports")).expect("made");
    fs::write(place.project.path().join("reports/a.xml"), "old").expect("written");
    let bytes = archive(
        &[
            ("work/reports/a.xml", FILE, "new"),
            ("work/reports/a.txt", FILE, "not named"),
            ("work/dist/empty", EntryType::Directory, ""),
            ("work/dist/app", FILE, "binary"),
            ("work/dist/link", EntryType::Symlink, "../reports/a.xml"),
            ("work/dist/same", EntryType::Link, "work/dist/app"),
        ],
        true,
    );
    let returned = place.unpack(&["reports/*.xml", "dist"], &bytes);
    assert_eq!(returned, Ok(Returned { code: 3, output: b"a=1\n".to_vec(), files: 4, ..Returned::default() }));
    let names = ["dist", "dist/app", "dist/empty", "dist/link", "dist/same", "reports", "reports/a.xml"];
    assert_eq!(place.names(), names);
    let read = |name: &str| fs::read_to_string(place.project.path().join(name)).expect("readable");
    assert_eq!(
        (read("reports/a.xml"), read("dist/link"), read("dist/same")),
        ("new".into(), "new".into(), "binary".into())
    );
    let mode = place.project.path().join("dist/app").metadata().expect("there").permissions().mode();
    assert_eq!(mode & 0o7777, 0o755);
}

#[test]
fn hostile_archives_change_nothing() {
    let place = Place::new();
    let outside = tempfile::tempdir().expect("a folder");
    symlink(outside.path(), place.project.path().join("out")).expect("a link");
    for (entries, why) in [
        (vec![("work/../../x", FILE, "x")], "leads out of the project"),
        (vec![("/etc/x", FILE, "x")], "leads out of the project"),
        (vec![("elsewhere/x", FILE, "x")], "is not an artifact"),
        (vec![("work/a", EntryType::Symlink, "/etc/passwd")], "is a link to `/etc/passwd`, out of the project"),
        (vec![("work/d/a", EntryType::Symlink, "../../x")], "out of the project"),
        (vec![("work/d/a", EntryType::Symlink, "b"), ("work/d/a/x", FILE, "x")], "behind a link that came with it"),
        (vec![("work/a", EntryType::Link, "/etc/passwd")], "leads out of the project"),
        (vec![("work/a", EntryType::Link, "work/b")], "a link to a file that is not one"),
        (vec![("work/a", EntryType::Fifo, "")], "a device, a pipe or a socket"),
        (vec![("work/.git/hooks/pre-commit", FILE, "x")], "nothing is returned into"),
        (vec![("work/out/x", FILE, "x")], "leads out of the project"),
    ] {
        let error = place.unpack(&["."], &archive(&entries, true)).expect_err(why);
        assert!(error.contains(why), "{error}: {why}");
        assert_eq!(place.names(), ["out"], "{why}");
        assert_eq!(fs::read_dir(outside.path()).expect("readable").count(), 0, "{why}");
    }
}

#[test]
fn an_archive_that_ends_early_changes_nothing() {
    let place = Place::new();
    let whole = archive(&[("work/a", FILE, "content")], true);
    let without_end = archive(&[("work/a", FILE, "content")], false);
    assert!(place.unpack(&["."], &without_end).is_err_and(|error| error.contains("its end is missing")));
    for cut in (0..whole.len() - 1024).step_by(100) {
        let error = place.unpack(&["."], &whole[..cut]).expect_err("it is cut");
        assert!(error.contains("did not arrive whole"), "cut at {cut}: {error}");
        assert_eq!(place.names(), [""; 0]);
    }
}

#[test]
fn a_size_beyond_all_bounds_is_refused_before_it_is_written() {
    let place = Place::new();
    let mut header = Header::new_gnu();
    header.set_entry_type(FILE);
    header.set_path("work/huge").expect("a path");
    header.set_mode(0o644);
    header.set_size(LIMIT + 1);
    header.set_cksum();
    let mut bytes = header.as_bytes().to_vec();
    bytes.extend([0; 4096]);
    let error = place.unpack(&["."], &bytes).expect_err("too large");
    assert!(error.contains("more than 8.59 GB"), "{error}");
}
