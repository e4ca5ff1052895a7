//! Opening files without waiting: a pipe, a socket or a device is refused by name, since its open or read may never end.
//! Knows no project.

use std::fs::{File, FileType, OpenOptions};
use std::io::{self, Read};
use std::os::unix::fs::{FileTypeExt, OpenOptionsExt};
use std::path::Path;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, poll};
use rustix::fs::OFlags;

/// What a file type is called in messages.
pub fn kind_name(kind: FileType) -> &'static str {
    match kind {
        _ if kind.is_file() => "a file",
        _ if kind.is_dir() => "a folder",
        _ if kind.is_symlink() => "a link that leads nowhere",
        _ if kind.is_fifo() => "a pipe",
        _ if kind.is_socket() => "a socket",
        _ if kind.is_block_device() || kind.is_char_device() => "a device",
        _ => "not a file",
    }
}

/// Opens a regular file for reading.
///
/// # Errors
/// The system's; of kind [`io::ErrorKind::InvalidInput`] for what is not a regular file, which is not opened.
pub fn open(path: &Path) -> io::Result<File> {
    refuse(std::fs::metadata(path)?.file_type())?;
    // another process may put a pipe there before the open
    let file = nonblocking(OpenOptions::new().read(true)).open(path)?;
    refuse(file.metadata()?.file_type())?;
    Ok(file)
}

/// The bytes of a regular file.
///
/// # Errors
/// As [`open`]; of kind [`io::ErrorKind::FileTooLarge`] for more than `limit` bytes.
pub fn read(path: &Path, limit: u64) -> io::Result<Vec<u8>> {
    read_from(open(path)?, limit)
}

/// The text of a regular file.
///
/// # Errors
/// As [`read`]; of kind [`io::ErrorKind::InvalidData`] for what is not UTF-8.
pub fn read_text(path: &Path, limit: u64) -> io::Result<String> {
    String::from_utf8(read(path, limit)?)
        .map_err(|_| io::Error::new(io::ErrorKind::InvalidData, "it is not UTF-8 text"))
}

/// The same for a file that may also be a pipe, such as `/dev/stdin` or the `/dev/fd/63` of `<(command)`: its end is waited
/// for until `within` is over.
///
/// # Errors
/// As [`read`]; of kind [`io::ErrorKind::TimedOut`] when a pipe is still open then.
pub fn read_or_drain(path: &Path, limit: u64, within: Duration) -> io::Result<Vec<u8>> {
    if !std::fs::metadata(path)?.file_type().is_fifo() {
        return read(path, limit);
    }
    let pipe = nonblocking(OpenOptions::new().read(true)).open(path)?;
    let deadline = Instant::now() + within;
    let (mut bytes, mut chunk) = (Vec::new(), [0; 4096]);
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        let wait = left.try_into().map_err(io::Error::other)?;
        match poll(&mut [PollFd::new(&pipe, PollFlags::IN)], Some(&wait)) {
            Err(rustix::io::Errno::INTR) => continue,
            Err(error) => return Err(error.into()),
            Ok(0) => {
                let words = format!("it is a pipe, and was not closed within {} s", within.as_secs());
                return Err(io::Error::new(io::ErrorKind::TimedOut, words));
            }
            Ok(_) => {}
        }
        match (&pipe).read(&mut chunk) {
            Ok(0) => return Ok(bytes),
            Ok(count) => bytes.extend_from_slice(&chunk[..count]),
            Err(error) if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted) => {}
            Err(error) => return Err(error),
        }
        if bytes.len() as u64 > limit {
            return Err(too_large(limit));
        }
    }
}

/// Creates a file for its owner alone, or empties the regular file that is there.
///
/// # Errors
/// The system's; a pipe that is there is refused.
pub fn create(path: &Path) -> io::Result<File> {
    let file = nonblocking(OpenOptions::new().write(true).create(true).truncate(true).mode(0o600)).open(path)?;
    refuse(file.metadata()?.file_type())?;
    Ok(file)
}

/// The options with which an open never waits. Regular files are read and written as without.
pub fn nonblocking(options: &mut OpenOptions) -> &mut OpenOptions {
    let flags = OFlags::NONBLOCK | OFlags::NOCTTY;
    options.custom_flags(flags.bits().cast_signed())
}

fn refuse(kind: FileType) -> io::Result<()> {
    if kind.is_file() {
        return Ok(());
    }
    let words = format!("it is {}, expected a file", kind_name(kind));
    Err(io::Error::new(io::ErrorKind::InvalidInput, words))
}

fn read_from(file: File, limit: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    file.take(limit.saturating_add(1)).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > limit { Err(too_large(limit)) } else { Ok(bytes) }
}

fn too_large(limit: u64) -> io::Error {
    let words = format!("it is larger than {}", crate::core::model::units::ByteSize(limit));
    io::Error::new(io::ErrorKind::FileTooLarge, words)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pipe(folder: &Path) -> std::path::PathBuf {
        let path = folder.join("pipe");
        assert!(std::process::Command::new("mkfifo").arg(&path).status().expect("mkfifo runs").success());
        path
    }

    #[test]
    fn only_regular_files_are_opened_for_reading_and_writing() {
        let folder = tempfile::tempdir().expect("tmp");
        let socket = folder.path().join("socket");
        let _listener = std::os::unix::net::UnixListener::bind(&socket).expect("a socket");
        for (path, words) in [
            (pipe(folder.path()), "it is a pipe, expected a file"),
            (socket, "it is a socket, expected a file"),
            ("/dev/zero".into(), "it is a device, expected a file"),
            (folder.path().to_owned(), "it is a folder, expected a file"),
        ] {
            assert_eq!(open(&path).expect_err("it is not a file").to_string(), words);
            assert!(read(&path, 10).is_err());
        }
        assert!(create(&folder.path().join("pipe")).is_err());
        let file = folder.path().join("file");
        std::fs::write(&file, "content").expect("writable");
        assert_eq!(read_text(&file, 7).expect("readable"), "content");
        assert_eq!(read(&file, 6).expect_err("too large").to_string(), "it is larger than 6 B");
        drop(create(&file).expect("writable"));
        assert_eq!(read(&file, 6).expect("readable"), b"");
    }

    #[test]
    fn a_pipe_is_read_to_its_end_or_until_the_time_is_over() {
        let folder = tempfile::tempdir().expect("tmp");
        let path = pipe(folder.path());
        let (short, long) = (Duration::from_millis(20), Duration::from_secs(60));
        let error = read_or_drain(&path, 100, short).expect_err("it has no writer");
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
        let to = path.clone();
        let writer = std::thread::spawn(move || std::fs::write(to, "secret"));
        assert_eq!(read_or_drain(&path, 100, long).expect("it was closed"), b"secret");
        writer.join().expect("no panic").expect("written");
    }
}
