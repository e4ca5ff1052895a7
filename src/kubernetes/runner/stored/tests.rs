//! Contents on a volume: what is sent, what is not sent again, and what a broken connection leaves.

use std::os::unix::fs::{PermissionsExt, symlink};
use std::process::{Command, Stdio};

use super::*;

/// A project, a Pod's folder and a volume on this machine, and the scripts with their paths.
struct Place {
    folder: tempfile::TempDir,
    hashes: Hashes,
}

impl Place {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        for name in ["project/src/empty", "pod/work", "pod/io", "store"] {
            fs::create_dir_all(folder.path().join(name)).expect("made");
        }
        Place { folder, hashes: Hashes::default() }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn write(&self, name: &str, content: &[u8]) {
        fs::write(self.path("project").join(name), content).expect("written");
    }

    /// Runs a script of the container with this input.
    fn run(&self, name: &str, input: &[u8]) -> Result<String, i32> {
        let (_, script) = files("job-1").into_iter().find(|(script, _)| script == name).expect("a script");
        let text = script.expose().replace(STORE_FOLDER, &self.path("store").display().to_string());
        let text = text.replace(&format!("cd {FOLDER}"), &format!("cd {}", self.path("pod").display()));
        let text = text.replace(&format!("{FOLDER}/io"), &self.path("pod/io").display().to_string());
        let mut child = Command::new("sh");
        let child = child.args(["-c", &text]).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = child.spawn().expect("started");
        let mut stdin = child.stdin.take().expect("piped");
        // a script that fails does not read to the end
        let _ = stdin.write_all(input);
        drop(stdin);
        let ended = child.wait_with_output().expect("ended");
        if ended.status.success() {
            Ok(String::from_utf8(ended.stdout).expect("text"))
        } else {
            Err(ended.status.code().unwrap_or(-1))
        }
    }

    fn wanted(&self) -> Wanted {
        Wanted::of(&self.path("project"), &["src".to_owned()], &self.hashes).expect("readable")
    }

    fn missing(&self, wanted: &Wanted) -> Vec<String> {
        let names = wanted.objects.keys().fold(String::new(), |names, name| names + name + "\n") + "\n";
        self.run("want", names.as_bytes()).expect("a list").lines().map(str::to_owned).collect()
    }

    /// Sends everything as a step does; how many objects were missing.
    fn send(&self) -> usize {
        let wanted = self.wanted();
        let missing = self.missing(&wanted);
        if !missing.is_empty() {
            let mut bytes = Vec::new();
            wanted.put_objects(&self.path("project"), &missing, &mut bytes).expect("packed");
            self.run("put", &bytes).expect("taken");
        }
        for name in ["pod/work", "pod/io"] {
            fs::remove_dir_all(self.path(name)).expect("removed");
            fs::create_dir(self.path(name)).expect("made");
        }
        let mut heads = Vec::new();
        wanted.put_heads(&mut heads).expect("packed");
        self.run("restore", &heads).expect("restored");
        missing.len()
    }

    fn read(&self, name: &str) -> Vec<u8> {
        fs::read(self.path("pod/work").join(name)).expect("there")
    }
}

#[test]
fn only_changed_content_is_sent_and_everything_arrives() {
    let place = Place::new();
    let long = format!("src/{}", "n".repeat(180));
    let large: Vec<u8> = (0..100_000_u32).flat_map(u32::to_le_bytes).collect();
    place.write("src/a", b"one");
    place.write("src/block", &[7; 512]);
    place.write("src/large", &large);
    place.write("src/none", b"");
    place.write(&long, b"one");
    let run = place.path("project/src/a");
    fs::set_permissions(&run, fs::Permissions::from_mode(0o755)).expect("set");
    symlink("a", place.path("project/src/link")).expect("a link");
    assert_eq!(place.send(), 3, "files with the same content are one object");
    assert_eq!((place.read("src/a"), place.read(&long)), (b"one".to_vec(), b"one".to_vec()));
    assert_eq!((place.read("src/block"), place.read("src/none")), (vec![7; 512], Vec::new()));
    assert_eq!(place.read("src/large"), large);
    assert!(place.path("pod/work/src/empty").is_dir());
    assert_eq!(fs::read_link(place.path("pod/work/src/link")).expect("a link"), Path::new("a"));
    let mode = fs::metadata(place.path("pod/work/src/a")).expect("there").permissions().mode();
    assert_eq!(mode & 0o777, 0o755);
    assert_eq!(place.send(), 0, "nothing changed");
    place.write("src/a", b"two");
    assert_eq!(place.send(), 1, "one file changed");
    assert_eq!((place.read("src/a"), place.read(&long)), (b"two".to_vec(), b"one".to_vec()));
    assert_eq!(fs::read_dir(place.path("store/v1/new")).expect("there").count(), 0, "nothing is left beside");
}

#[test]
fn more_files_than_one_cat_takes_arrive() {
    let place = Place::new();
    for at in 0..(2 * BATCH + 3) {
        place.write(&format!("src/{at}"), at.to_string().as_bytes());
    }
    assert_eq!(place.send(), 2 * BATCH + 3);
    assert_eq!(place.read(&format!("src/{}", 2 * BATCH)), (2 * BATCH).to_string().as_bytes());
}

#[test]
fn a_part_of_an_object_is_never_used() {
    let place = Place::new();
    place.write("src/a", &[1; 5000]);
    place.write("src/b", &[2; 5000]);
    let wanted = place.wanted();
    let missing = place.missing(&wanted);
    let mut bytes = Vec::new();
    wanted.put_objects(&place.path("project"), &missing, &mut bytes).expect("packed");
    for cut in [100, 700, 5000, 6000, 9000, 11_000] {
        assert_eq!(place.run("put", &bytes[..cut]), Err(5), "cut at {cut}");
        assert_eq!(place.missing(&wanted), missing, "cut at {cut}");
    }
    place.run("put", &bytes).expect("taken");
    assert_eq!(place.missing(&wanted), Vec::<String>::new());
    // an object that a crash of the machine emptied is sent again
    fs::write(place.path("store/v1").join(&missing[0]), "").expect("written");
    assert_eq!(place.missing(&wanted), missing[..1]);
    let mut heads = Vec::new();
    wanted.put_heads(&mut heads).expect("packed");
    assert_eq!(place.run("restore", &heads), Err(7), "an object is not whole");
}

#[test]
fn content_that_changes_while_it_is_sent_is_not_stored_under_the_old_digest() {
    let place = Place::new();
    place.write("src/a", b"one");
    let wanted = place.wanted();
    let missing = place.missing(&wanted);
    place.write("src/a", b"two");
    let error = wanted.put_objects(&place.path("project"), &missing, Vec::new()).expect_err("another content");
    assert_eq!(error.to_string(), "`src/a` changed while it was read");
}
