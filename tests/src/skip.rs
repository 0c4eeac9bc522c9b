//! What a test leaves out, said aloud: past the test harness, which keeps what a passing test prints to itself.

use std::fmt::Display;
use std::io::Write as _;

/// Says what is left out, and why.
pub fn skipped(what: impl Display) {
    let _ = writeln!(std::io::stderr(), "skipped: {what}");
}
