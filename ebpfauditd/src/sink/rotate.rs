//! The chain `audit.log`, `audit.log.1`, ..., newest first.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::PermissionsExt;

use super::RotateError;
use super::open::Place;

/// How many logs there may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Keep {
    /// This many, the current one included; the oldest is overwritten.
    Logs(u32),
    /// All (`keep_logs`).
    All,
}

/// Removes the logs that are too many, as the original does at start: `audit.log.N` and above.
pub(super) fn remove_excess(place: &Place, num_logs: u32) {
    if num_logs < 2 {
        return;
    }
    for number in num_logs.. {
        let path = place.numbered(number);
        match fs::remove_file(&path) {
            Ok(()) => log::info!("Log {} removed as it exceeds num_logs parameter", path.display()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => return,
            Err(error) => {
                log::warn!("cannot remove {}, which exceeds num_logs: {error}", path.display());
                return;
            }
        }
    }
}

/// Moves every log one place on: the current one, which is `file`, becomes `.1`. Afterwards there is no current one.
///
/// The file stays open and may be written further: if a step fails, nothing is lost. If somebody else has moved or removed
/// it there is nothing to move, and a new one can take its place as after a move of ours.
pub(super) fn shift(place: &Place, file: &File, keep: Keep) -> Result<(), RotateError> {
    let last = match keep {
        Keep::Logs(logs) => logs.saturating_sub(1),
        Keep::All => (1..u32::MAX)
            .find(|&number| fs::symlink_metadata(place.numbered(number)).is_err())
            .unwrap_or(u32::MAX),
    };
    for number in (1..last).rev() {
        let (from, to) = (place.numbered(number), place.numbered(number + 1));
        match fs::rename(&from, &to) {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(source) => return Err(RotateError::Rename { from, to, source }),
        }
    }
    let to = place.numbered(1);
    match fs::rename(&place.path, &to) {
        Ok(()) => {}
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            log::warn!("{} was moved or removed by somebody else, beginning a new one", place.path.display());
        }
        Err(source) => return Err(RotateError::Rename { from: place.path.clone(), to, source }),
    }
    // Only now: if it could not be moved it is still the current log.
    if let Err(error) = file.set_permissions(fs::Permissions::from_mode(place.rotated_mode())) {
        log::warn!("Couldn't change permissions while rotating log file ({error})");
    }
    Ok(())
}
