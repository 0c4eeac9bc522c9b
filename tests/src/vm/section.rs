//! What the benchmark of a guest has to say for the page of results: the lines between two marks.

use ::tests::performance::{BEGIN, END};

/// The section, as far as it was heard.
#[derive(Debug, Default)]
pub(super) struct Section {
    lines: Vec<String>,
    state: State,
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum State {
    #[default]
    Before,
    Within,
    After,
}

impl Section {
    /// Takes a line of the jobs' console; whether it belongs to the section.
    pub(super) fn hear(&mut self, text: &str) -> bool {
        match (self.state, text) {
            (State::Before, BEGIN) => self.state = State::Within,
            (State::Within, END) => self.state = State::After,
            (State::Within, line) => self.lines.push(line.to_owned()),
            _ => return false,
        }
        true
    }

    /// The whole of it; nothing if its end was not heard.
    pub(super) fn text(&self) -> Option<String> {
        (self.state == State::After).then(|| self.lines.join("\n") + "\n")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_whole_section_counts() {
        let mut section = Section::default();
        let heard: Vec<bool> = ["table", BEGIN, "## In a", "", "x"].map(|line| section.hear(line)).into();
        assert_eq!(heard, [false, true, true, true, true]);
        assert_eq!(section.text(), None);
        assert!(section.hear(END) && !section.hear("@vm done"));
        assert_eq!(section.text().as_deref(), Some("## In a\n\nx\n"));
    }
}
