//! The page of what the benchmark measured, `docs/performance.md`: what the machine itself measured, then a section for each
//! kernel in a virtual machine, between marks. Each is written without touching the others.

use std::path::Path;

use anyhow::{Context, Result};

/// The line before a section that the benchmark prints in a virtual machine.
pub const BEGIN: &str = "@bench section";
/// The line after it.
pub const END: &str = "@bench end";

/// What all marks begin with.
const MARK: &str = "<!-- virtual machine ";

/// The marks around the section of a kernel.
fn marks(kernel: &str) -> (String, String) {
    (format!("{MARK}{kernel}: begin -->\n"), format!("{MARK}{kernel}: end -->\n"))
}

/// The page with `own` as the machine's own part. The sections of virtual machines stay.
pub fn host(page: &str, own: &str) -> String {
    let sections = page.find(MARK).map_or("", |at| &page[at..]);
    let gap = if sections.is_empty() { "" } else { "\n" };
    format!("{}\n{gap}{sections}", own.trim_end())
}

/// The page with `text` as the section of a kernel, in the place of an older one, or after all others.
pub fn section(page: &str, kernel: &str, text: &str) -> String {
    let (begin, end) = marks(kernel);
    let section = format!("{begin}{}\n{end}", text.trim_end());
    let old = page.find(&begin).and_then(|start| {
        let length = page[start..].find(&end)? + end.len();
        Some(start..start + length)
    });
    match old {
        Some(old) => format!("{}{section}{}", &page[..old.start], &page[old.end..]),
        None => format!("{}\n\n{section}", page.trim_end()).trim_start().to_owned(),
    }
}

/// Changes the page at `path`; one that is not there yet is empty.
///
/// # Errors
/// When it cannot be read or written.
pub fn write(path: &Path, change: impl FnOnce(&str) -> String) -> Result<()> {
    let page = match std::fs::read_to_string(path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => String::new(),
        read => read.with_context(|| format!("reading {}", path.display()))?,
    };
    std::fs::write(path, change(&page)).with_context(|| format!("writing {}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_part_is_written_without_the_others() {
        let first = section(&host("", "# Performance\n\nold\n"), "6.12", "## In 6.12\n\none\n");
        let both = section(&first, "6.1", "## In 6.1\n");
        let again = section(&both, "6.12", "## In 6.12\n\ntwo\n");
        let page = host(&again, "# Performance\n\nnew\n");
        assert_eq!(
            page,
            "# Performance\n\nnew\n\n\
             <!-- virtual machine 6.12: begin -->\n## In 6.12\n\ntwo\n<!-- virtual machine 6.12: end -->\n\n\
             <!-- virtual machine 6.1: begin -->\n## In 6.1\n<!-- virtual machine 6.1: end -->\n"
        );
    }
}
