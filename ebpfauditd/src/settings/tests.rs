use std::os::unix::fs::PermissionsExt;

use super::*;

struct Directory(tempfile::TempDir);

impl Directory {
    fn with(conf: &str) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let conf = conf.replace('@', directory.path().to_str().unwrap());
        fs::write(directory.path().join(FILE), conf).unwrap();
        Self(directory)
    }

    fn load(&self) -> Result<(Settings, Vec<String>), SettingsError> {
        Settings::load(self.0.path(), false)
    }

    fn error(&self) -> String {
        let error = self.load().unwrap_err();
        assert_eq!(error.exit_code(), 6);
        error.to_string().replace(self.0.path().to_str().unwrap(), "@")
    }
}

#[test]
fn no_file_gives_the_defaults_and_a_note() {
    let directory = tempfile::tempdir().unwrap();
    let (settings, notes) = Settings::load(directory.path(), false).unwrap();
    assert_eq!(settings, Settings::new(&Auditd::default()).unwrap());
    assert_eq!(
        notes,
        [format!("Config file {}/auditd.conf doesn't exist, skipping", directory.path().display())]
    );
}

#[test]
fn the_whole_is_checked_in_the_originals_words() {
    let log = "log_file = @/audit.log\n";
    let error = |conf: &str| Directory::with(&format!("{log}{conf}")).error();
    assert_eq!(
        error("space_left = 1\nadmin_space_left = 1\n"),
        "Error - space_left(1) must be larger than admin_space_left(1)"
    );
    assert_eq!(
        error("flush = incremental\n"),
        "Error - incremental flushing chosen, but 0 selected for freq"
    );
    assert_eq!(error("name_format = user\n"), "User defined name missing");
    assert_eq!(
        Directory::with("log_file = /var/log/audit.log\nlog_group = 4\n").error(),
        "Error - log_file is directly in /var/log and chgrp will alter a system directory's permissions. Use another \
         directory."
    );
    assert_eq!(
        Directory::with("log_file = @/nowhere/audit.log\n").error(),
        "Could not open dir @/nowhere (No such file or directory)"
    );
    assert_eq!(Directory::with("log_file = @\nwrite_logs = yes\n").error(), "@ is not a regular file");
}

#[test]
fn percentages_are_not_compared() {
    let directory = Directory::with("log_file = @/audit.log\nspace_left = 5%\nadmin_space_left = 50\n");
    directory.load().unwrap();
}

#[test]
fn the_log_that_is_there_is_looked_at() {
    let directory = Directory::with("log_file = @/audit.log\n");
    let log = directory.0.path().join("audit.log");
    fs::write(&log, "").unwrap();
    let mode = |mode| fs::set_permissions(&log, fs::Permissions::from_mode(mode)).unwrap();
    mode(0o644);
    let notes = directory.load().unwrap().1;
    assert_eq!(notes, [format!("{} permissions should be 0600 or 0640", log.display())]);
    mode(0o400);
    assert_eq!(directory.error(), "audit log is not writable by owner");
    mode(0o600);
    assert_eq!(directory.load().unwrap().1, [""; 0]);
    std::os::unix::fs::chown(&log, Some(65534), None).unwrap();
    assert_eq!(directory.error(), "@/audit.log is not owned by root");
}

#[test]
fn names_of_the_machine() {
    let named = Directory::with("log_file = @/audit.log\nname_format = USER\nname = here\n");
    assert_eq!(named.load().unwrap().0.node.as_deref(), Some(&b"here"[..]));
    let host = Directory::with("log_file = @/audit.log\nname_format = hostname\n").load().unwrap().0.node;
    let uname = std::process::Command::new("uname").arg("-n").output().unwrap().stdout;
    assert_eq!(host.unwrap(), uname.trim_ascii_end());
}

#[test]
fn what_has_no_effect_is_named() {
    let conf = "log_file = @/audit.log\nq_depth = 2000\nfreq = 3\ndisk_full_action = suspend\n";
    let notes = Directory::with(conf).load().unwrap().1;
    assert!(
        notes[0].ends_with("known, but without effect in this version: q_depth, disk_full_action"),
        "{notes:?}"
    );
    assert_eq!(notes[1], "Warning - freq is non-zero and incremental flushing not selected.");
}
