//! Settings of the machine that a case needs for a moment.

use anyhow::{Context, Result};

/// A file below /proc/sys with another value; [`Setting::back`] puts it back and says if that fails.
#[derive(Debug)]
pub struct Setting {
    path: &'static str,
    before: String,
}

impl Setting {
    /// Changes it.
    pub fn put(path: &'static str, value: &str) -> Result<Self> {
        let before = std::fs::read_to_string(path).context(path)?;
        std::fs::write(path, value).context(path)?;
        Ok(Self { path, before })
    }

    /// Puts it back.
    pub fn back(self) -> Result<()> {
        std::fs::write(self.path, &self.before).context(self.path)
    }
}
