use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;
use std::process::Command;

use compat::conf::{Auditd, Flush, SizeAction};

use super::*;

fn settings(directory: &Path) -> Settings {
    let mut settings = Settings::new(&Auditd::default()).unwrap();
    settings.log_file = directory.join("audit.log");
    settings
}

fn read(directory: &Path, name: &str) -> String {
    fs::read_to_string(directory.join(name)).unwrap()
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().mode() & 0o7777
}

/// Numbered lines of 100 bytes.
fn lines(from: u64, count: u64) -> Vec<u8> {
    (from..from + count).flat_map(|n| format!("{n:099}\n").into_bytes()).collect()
}

/// The numbers of the lines of all logs, oldest log first; panics on a line that is not whole.
fn numbers(directory: &Path) -> Vec<u64> {
    let mut logs: Vec<_> = fs::read_dir(directory)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.to_str().unwrap().contains("audit.log"))
        .collect();
    let age = |path: &Path| path.extension().unwrap().to_str().unwrap().parse::<u32>().unwrap_or(0);
    logs.sort_by_key(|path| std::cmp::Reverse(age(path)));
    let mut numbers = Vec::new();
    for log in logs {
        for line in fs::read_to_string(log).unwrap().split_inclusive('\n') {
            assert_eq!(line.len(), 100, "torn: {line:?}");
            numbers.push(line.trim_end().parse().unwrap());
        }
    }
    numbers
}

#[test]
fn a_log_is_created_with_the_originals_modes() {
    let directory = tempfile::tempdir().unwrap();
    let mut settings = settings(directory.path());
    let mut log = Log::open(&settings).unwrap();
    log.write(b"one\n").unwrap();
    assert_eq!(read(directory.path(), "audit.log"), "one\n");
    assert_eq!(mode(&settings.log_file), 0o600);
    assert_eq!(mode(directory.path()), 0o700);
    drop(log);
    settings.log_group = 4;
    let mut log = Log::open(&settings).unwrap();
    log.write(b"two\n").unwrap();
    assert_eq!(read(directory.path(), "audit.log"), "one\ntwo\n");
    assert_eq!(mode(&settings.log_file), 0o640);
    assert_eq!(fs::metadata(&settings.log_file).unwrap().gid(), 4);
    assert_eq!(mode(directory.path()), 0o750);
    assert_eq!(fs::metadata(directory.path()).unwrap().gid(), 4);
    assert_eq!(log.counts(), Counts { written: 1, bytes: 4, ..Counts::default() });
}

#[test]
fn a_directory_that_is_everybodys_stays_so() {
    let directory = tempfile::tempdir().unwrap();
    fs::set_permissions(directory.path(), fs::Permissions::from_mode(0o1777)).unwrap();
    let settings = settings(directory.path());
    drop(Log::open(&settings).unwrap());
    assert_eq!(mode(directory.path()), 0o1777);
    assert_eq!(mode(&settings.log_file), 0o600);
}

#[test]
fn every_kind_of_flushing_writes_at_once() {
    for flush in [Flush::None, Flush::Incremental, Flush::IncrementalAsync, Flush::Data, Flush::Sync] {
        let directory = tempfile::tempdir().unwrap();
        let mut settings = settings(directory.path());
        (settings.flush, settings.freq) = (flush, 2);
        let mut log = Log::open(&settings).unwrap();
        for n in 0..5 {
            log.write(&lines(n, 1)).unwrap();
            assert_eq!(numbers(directory.path()).len() as u64, n + 1, "{flush:?}");
        }
        let (counts, synced) = log.close();
        synced.unwrap();
        assert_eq!(counts.written, 5);
    }
}

#[test]
fn what_is_no_log_is_not_opened() {
    let directory = tempfile::tempdir().unwrap();
    let settings = settings(directory.path());
    let target = directory.path().join("target");
    fs::write(&target, "").unwrap();
    std::os::unix::fs::symlink(&target, &settings.log_file).unwrap();
    let error = Log::open(&settings).unwrap_err().to_string();
    assert!(
        error.starts_with("Couldn't open log file ")
            && error.ends_with("(Too many levels of symbolic links)")
    );
    fs::remove_file(&settings.log_file).unwrap();
    fs::create_dir(&settings.log_file).unwrap();
    assert!(matches!(Log::open(&settings), Err(OpenError::Open { .. })));
    let mut nowhere = settings.clone();
    nowhere.log_file = directory.path().join("nowhere/audit.log");
    let error = Log::open(&nowhere).unwrap_err().to_string();
    assert!(error.ends_with("nowhere (No such file or directory)"), "{error}");
}

#[test]
fn logs_rotate_by_size_and_the_oldest_goes() {
    let directory = tempfile::tempdir().unwrap();
    let mut settings = settings(directory.path());
    settings.max_log_file = 1;
    settings.max_log_file_action = SizeAction::Rotate;
    settings.num_logs = 3;
    let mut log = Log::open(&settings).unwrap();
    let batch = 1000;
    let total = 50;
    for n in 0..total {
        log.write(&lines(n * batch, batch)).unwrap();
    }
    // 100 kB a batch, so a log is full after eleven.
    let numbers = numbers(directory.path());
    let full = 11 * batch;
    let current = total * batch % full;
    let expected: Vec<u64> = (total * batch - current - 2 * full..total * batch).collect();
    assert_eq!(numbers, expected);
    assert_eq!(mode(&directory.path().join("audit.log.1")), 0o400);
    assert_eq!(mode(&directory.path().join("audit.log.2")), 0o400);
    assert_eq!(mode(&settings.log_file), 0o600);
    assert!(!directory.path().join("audit.log.3").exists());
    assert_eq!(log.counts().written, total * batch);
}

#[test]
fn keep_logs_keeps_all() {
    let directory = tempfile::tempdir().unwrap();
    let mut settings = settings(directory.path());
    settings.max_log_file = 1;
    settings.max_log_file_action = SizeAction::KeepLogs;
    settings.num_logs = 2;
    settings.log_group = 4;
    let mut log = Log::open(&settings).unwrap();
    for n in 0..60 {
        log.write(&lines(n * 1000, 1000)).unwrap();
    }
    assert_eq!(numbers(directory.path()), (0..60_000).collect::<Vec<_>>());
    assert_eq!(mode(&directory.path().join("audit.log.5")), 0o440);
}

#[test]
fn ignore_lets_the_log_grow_and_suspend_stops_it() {
    for (action, written) in [(SizeAction::Ignore, 3), (SizeAction::Syslog, 3), (SizeAction::Suspend, 1)] {
        let directory = tempfile::tempdir().unwrap();
        let mut settings = settings(directory.path());
        (settings.max_log_file, settings.max_log_file_action, settings.num_logs) = (1, action, 3);
        let mut log = Log::open(&settings).unwrap();
        for n in 0..3 {
            log.write(&lines(n * 11_000, 11_000)).unwrap();
        }
        let counts = log.counts();
        assert_eq!(counts.written, written * 11_000, "{action:?}");
        assert_eq!(counts.discarded, (3 - written) * 11_000, "{action:?}");
        log.resume();
        log.write(b"more\n").unwrap();
        assert_eq!(log.counts().written, counts.written + 1, "{action:?}");
        assert!(!directory.path().join("audit.log.1").exists());
    }
}

#[test]
fn rotation_on_demand() {
    let directory = tempfile::tempdir().unwrap();
    let mut settings = settings(directory.path());
    settings.num_logs = 2;
    let mut log = Log::open(&settings).unwrap();
    for text in ["a\n", "b\n", "c\n"] {
        log.write(text.as_bytes()).unwrap();
        log.rotate().unwrap();
    }
    assert_eq!(read(directory.path(), "audit.log"), "");
    assert_eq!(read(directory.path(), "audit.log.1"), "c\n");
    assert!(!directory.path().join("audit.log.2").exists());
    drop(log);
    settings.num_logs = 1;
    let mut log = Log::open(&settings).unwrap();
    log.write(b"d\n").unwrap();
    log.rotate().unwrap();
    assert_eq!(read(directory.path(), "audit.log"), "d\n", "num_logs < 2: no rotation");
}

#[test]
fn a_log_that_somebody_else_moved_or_removed_has_a_successor() {
    let directory = tempfile::tempdir().unwrap();
    let mut settings = settings(directory.path());
    settings.num_logs = 3;
    let mut log = Log::open(&settings).unwrap();
    log.write(b"a\n").unwrap();
    fs::rename(&settings.log_file, directory.path().join("elsewhere")).unwrap();
    log.write(b"b\n").unwrap();
    log.rotate().unwrap();
    log.write(b"c\n").unwrap();
    assert_eq!(read(directory.path(), "elsewhere"), "a\nb\n");
    assert_eq!(read(directory.path(), "audit.log"), "c\n");
    fs::remove_file(&settings.log_file).unwrap();
    log.rotate().unwrap();
    log.write(b"d\n").unwrap();
    assert_eq!(read(directory.path(), "audit.log"), "d\n");
    assert_eq!(mode(&settings.log_file), 0o600);
}

#[test]
fn logs_that_are_too_many_go_at_start() {
    let directory = tempfile::tempdir().unwrap();
    let mut settings = settings(directory.path());
    settings.max_log_file = 1;
    settings.num_logs = 3;
    for number in 1..6 {
        fs::write(directory.path().join(format!("audit.log.{number}")), "").unwrap();
    }
    drop(Log::open(&settings).unwrap());
    assert!(directory.path().join("audit.log.5").exists(), "only when rotating");
    settings.max_log_file_action = SizeAction::Rotate;
    drop(Log::open(&settings).unwrap());
    let left: Vec<u32> =
        (1..6).filter(|number| directory.path().join(format!("audit.log.{number}")).exists()).collect();
    assert_eq!(left, [1, 2]);
    settings.log_group = 4;
    drop(Log::open(&settings).unwrap());
    assert_eq!(mode(&directory.path().join("audit.log.2")), 0o440);
    assert_eq!(fs::metadata(directory.path().join("audit.log.2")).unwrap().gid(), 4);
}

#[test]
fn a_rotation_that_fails_loses_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let mut settings = settings(directory.path());
    (settings.max_log_file, settings.max_log_file_action, settings.num_logs) = (1, SizeAction::Rotate, 3);
    let mut log = Log::open(&settings).unwrap();
    // A directory cannot be replaced by a file.
    let obstacle = directory.path().join("audit.log.2");
    fs::create_dir_all(obstacle.join("x")).unwrap();
    fs::write(directory.path().join("audit.log.1"), "").unwrap();
    log.write(&lines(0, 11_000)).unwrap();
    log.write(&lines(11_000, 1000)).unwrap();
    assert!(log.rotate().is_err());
    fs::rename(&obstacle, directory.path().join("elsewhere")).unwrap();
    log.rotate().unwrap();
    log.write(&lines(12_000, 1000)).unwrap();
    assert_eq!(numbers(directory.path()), (0..13_000).collect::<Vec<_>>());
}

/// A file system of 256 KiB, gone with its owner.
struct Small(tempfile::TempDir);

impl Small {
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let mount = Command::new("mount")
            .args(["-t", "tmpfs", "-o", "size=256k", "tmpfs"])
            .arg(directory.path())
            .status()
            .unwrap();
        assert!(mount.success(), "these tests are for root");
        Self(directory)
    }
}

impl Drop for Small {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(self.0.path()).status();
    }
}

#[test]
fn a_full_disk_tears_no_line_and_loses_none_that_can_be_kept() {
    let small = Small::new();
    let path = small.0.path();
    fs::write(path.join("ballast"), vec![0; 100 << 10]).unwrap();
    let mut settings = settings(path);
    settings.num_logs = 3;
    let mut log = Log::open(&settings).unwrap();
    let mut failures = 0;
    // Odd pieces, so that the disk fills in the middle of a line.
    for n in 0..300 {
        match log.write(&lines(n * 7, 7)) {
            Ok(()) => assert_eq!(failures, 0),
            Err(WriteError::Full { waiting, lost, .. }) => {
                failures += 1;
                assert_eq!((waiting, lost), (log.counts().waiting, 0));
            }
            Err(other) => panic!("{other}"),
        }
    }
    assert!(failures > 10, "the disk was to be full");
    let counts = log.counts();
    assert_eq!(counts.written + counts.waiting, 2100);
    assert!(log.rotate().is_err(), "a line may be half written");
    let error = log.retry().unwrap_err().to_string();
    assert!(error.starts_with("Audit daemon has no space left on logging partition"), "{error}");
    fs::remove_file(path.join("ballast")).unwrap();
    log.write(&lines(2100, 7)).unwrap();
    assert_eq!(numbers(path), (0..2107).collect::<Vec<_>>());
    assert_eq!(log.counts(), Counts { written: 2107, bytes: 210_700, ..Counts::default() });
}

#[test]
fn what_cannot_be_kept_is_counted() {
    let small = Small::new();
    let mut log = Log::open(&settings(small.0.path())).unwrap();
    let total = 60_000;
    for n in 0..total / 1000 {
        let _ = log.write(&lines(n * 1000, 1000));
    }
    let counts = log.counts();
    assert!(counts.lost > 0 && counts.waiting > 0);
    assert_eq!(counts.written + counts.waiting + counts.lost, total);
    let (counts, result) = log.close();
    assert!(matches!(result, Err(WriteError::Full { .. })));
    assert_eq!((counts.written + counts.lost, counts.waiting), (total, 0));
}

#[test]
fn a_new_sink_takes_over() {
    let small = Small::new();
    let path = small.0.path();
    fs::write(path.join("ballast"), vec![0; 200 << 10]).unwrap();
    let settings = settings(path);
    let mut old = Sink::open(&settings, false).unwrap();
    assert!(old.write(&lines(0, 1000)).is_err());
    let mut new = Sink::open(&settings, false).unwrap();
    new.inherit(old);
    assert!(new.counts().waiting > 0);
    fs::remove_file(path.join("ballast")).unwrap();
    new.retry().unwrap();
    new.write(&lines(1000, 1)).unwrap();
    assert_eq!(numbers(path), (0..1001).collect::<Vec<_>>());
    assert_eq!(new.counts().written, 1001);
}

#[test]
fn a_new_sink_writes_to_the_log_that_has_the_name_when_it_takes_over() {
    let directory = tempfile::tempdir().unwrap();
    let mut settings = settings(directory.path());
    settings.num_logs = 3;
    let mut old = Sink::open(&settings, false).unwrap();
    old.write(b"one\n").unwrap();
    let mut new = Sink::find(&settings, false).unwrap();
    // The recorder rotates while the main thread is still busy with the new configuration.
    old.rotate().unwrap();
    old.write(b"two\n").unwrap();
    new.inherit(old);
    new.write(b"three\n").unwrap();
    assert_eq!(read(directory.path(), "audit.log.1"), "one\n");
    assert_eq!(read(directory.path(), "audit.log"), "two\nthree\n");
    // The same from a sink that wrote nowhere.
    let mut new = Sink::find(&settings, false).unwrap();
    fs::rename(&settings.log_file, directory.path().join("away")).unwrap();
    new.inherit(Sink::Nowhere(Counts::default()));
    new.write(b"four\n").unwrap();
    assert_eq!(read(directory.path(), "audit.log"), "four\n");
}

#[test]
fn a_sink_changes_no_log_before_it_takes_over() {
    let directory = tempfile::tempdir().unwrap();
    let mut settings = settings(directory.path());
    settings.num_logs = 6;
    settings.max_log_file_action = SizeAction::Rotate;
    let old = Sink::open(&settings, false).unwrap();
    for number in 1..6 {
        fs::write(directory.path().join(format!("audit.log.{number}")), "").unwrap();
    }
    let count = || fs::read_dir(directory.path()).unwrap().count();
    let modes = || [mode(directory.path()), mode(&settings.log_file)];
    let before = (count(), modes());
    let wanted = Settings { num_logs: 2, log_group: 4, ..settings.clone() };
    let mut new = Sink::find(&wanted, false).unwrap();
    assert_eq!((count(), modes()), before);
    new.inherit(old);
    assert_eq!((count(), modes()), (2, [0o750, 0o640]));
    assert_eq!(mode(&directory.path().join("audit.log.1")), 0o440);
}

#[test]
fn a_log_emptied_by_somebody_else_is_not_rotated() {
    let directory = tempfile::tempdir().unwrap();
    let mut settings = settings(directory.path());
    (settings.max_log_file, settings.max_log_file_action, settings.num_logs) = (1, SizeAction::Rotate, 3);
    let mut log = Log::open(&settings).unwrap();
    log.write(&lines(0, 10_000)).unwrap();
    fs::OpenOptions::new().write(true).truncate(true).open(&settings.log_file).unwrap();
    log.write(&lines(10_000, 1000)).unwrap();
    assert!(!directory.path().join("audit.log.1").exists());
    assert_eq!(numbers(directory.path()), (10_000..11_000).collect::<Vec<_>>());
}

#[test]
fn nowhere_writes_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let mut settings = settings(directory.path());
    settings.write_logs = false;
    let mut sink = Sink::open(&settings, false).unwrap();
    sink.write(&lines(0, 3)).unwrap();
    assert_eq!(sink.close().0.discarded, 3);
    assert!(!settings.log_file.exists());
}
