//! The result: kernel by group, what passed, what differed, what was skipped and why.

use std::collections::BTreeMap;
use std::fmt;

use super::console::{Line, Outcome, line};

/// What became of the members of one group under one kernel.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
struct Cell {
    passed: usize,
    differing: Vec<String>,
    skipped: Vec<String>,
}

impl fmt::Display for Cell {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} passed", self.passed)?;
        if !self.differing.is_empty() {
            write!(f, ", {} differing", self.differing.len())?;
        }
        if !self.skipped.is_empty() {
            write!(f, ", {} skipped", self.skipped.len())?;
        }
        Ok(())
    }
}

impl Cell {
    fn add(&mut self, name: &str, outcome: Outcome) {
        let told = |why: String| if why.is_empty() { name.to_owned() } else { format!("{name}: {why}") };
        match outcome {
            Outcome::Passed => self.passed += 1,
            Outcome::Differing(why) => self.differing.push(told(why)),
            Outcome::Skipped(why) => self.skipped.push(told(why)),
        }
    }

    fn is_empty(&self) -> bool {
        self.passed == 0 && self.differing.is_empty() && self.skipped.is_empty()
    }
}

/// One kernel's column, filled from what the guest says.
#[derive(Debug, Clone)]
pub(super) struct Column {
    kernel: String,
    cells: BTreeMap<String, Cell>,
    job: String,
    trouble: Option<String>,
}

impl Column {
    /// An empty column.
    pub(super) fn new(kernel: &str) -> Self {
        Self { kernel: kernel.to_owned(), cells: BTreeMap::new(), job: String::new(), trouble: None }
    }

    /// Takes a line of the jobs' console into account.
    pub(super) fn hear(&mut self, text: &str) {
        match line(text) {
            Line::Kernel(_) | Line::Done | Line::Stop | Line::Other => {}
            Line::Start(name) => {
                name.clone_into(&mut self.job);
                self.cells.entry(name.to_owned()).or_default();
            }
            Line::Test(name, outcome) => {
                let job = self.job.clone();
                self.cell(job).add(name, outcome);
            }
            Line::Scenario(group, name, outcome) => {
                let group = format!("{} {group}", self.job);
                self.cell(group).add(name, outcome);
            }
            Line::End(name, status) => {
                let cell = self.cell(name.to_owned());
                // A program that ends badly without a test that failed; and one that did nothing at all.
                if status != 0 && cell.differing.is_empty() {
                    cell.add("the program", Outcome::Differing(format!("ended with status {status}")));
                } else if status == 0 && cell.is_empty() {
                    cell.add("the program", Outcome::Differing("ran no test".to_owned()));
                }
            }
        }
    }

    fn cell(&mut self, group: String) -> &mut Cell {
        self.cells.entry(group).or_default()
    }

    /// The job that was to stop the machine has done so, and could not say so any more.
    pub(super) fn stopped(&mut self) {
        let job = self.job.clone();
        self.cell(job).add("the stop", Outcome::Passed);
    }

    /// The whole run failed, whatever its tests said.
    pub(super) fn fail(&mut self, why: String) {
        self.trouble = Some(why);
    }

    /// Tests and scenarios that passed; those that differed, and the run itself, if it failed.
    pub(super) fn sums(&self) -> (usize, usize) {
        let passed = self.cells.values().map(|cell| cell.passed).sum();
        let differing = self.cells.values().map(|cell| cell.differing.len()).sum::<usize>();
        (passed, differing + usize::from(self.trouble.is_some()))
    }
}

/// All kernels.
#[derive(Debug)]
pub(super) struct Table<'a>(pub(super) &'a [Column]);

impl fmt::Display for Table<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut rows: BTreeMap<&str, Vec<String>> = BTreeMap::new();
        for column in self.0 {
            for group in column.cells.keys() {
                rows.entry(group).or_default();
            }
        }
        for (group, row) in &mut rows {
            row.extend(self.0.iter().map(|column| {
                column.cells.get(*group).map_or_else(|| "not run".to_owned(), Cell::to_string)
            }));
        }
        let first = rows.keys().map(|group| group.len()).max().unwrap_or(0).max("group".len());
        let width = |index: usize| {
            let kernel = self.0.get(index).map_or(0, |column| column.kernel.len());
            rows.values().filter_map(|row| row.get(index)).map(String::len).max().unwrap_or(0).max(kernel)
        };
        let head = self.0.iter().map(|column| column.kernel.clone()).collect();
        for (group, row) in
            std::iter::once(("group", &head)).chain(rows.iter().map(|(name, row)| (*name, row)))
        {
            let cells = row.iter().enumerate().map(|(index, cell)| format!(" | {cell:0$}", width(index)));
            let text = format!("{group:first$}{}", cells.collect::<String>());
            writeln!(f, "{}", text.trim_end())?;
        }
        for column in self.0 {
            if let Some(why) = &column.trouble {
                writeln!(f, "{}: {why}", column.kernel)?;
            }
            for (group, cell) in &column.cells {
                for name in &cell.differing {
                    writeln!(f, "{} {group}: differing: {name}", column.kernel)?;
                }
                for name in &cell.skipped {
                    writeln!(f, "{} {group}: skipped: {name}", column.kernel)?;
                }
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn column(kernel: &str, lines: &[&str]) -> Column {
        let mut column = Column::new(kernel);
        for text in lines {
            column.hear(text);
        }
        column
    }

    #[test]
    fn kernels_by_groups() {
        let old = column(
            "5.10",
            &[
                "@vm start tests/a",
                "test x ... ok",
                "scenario file/openat2: skipped: ENOSYS",
                "@vm end tests/a 0",
            ],
        );
        let new = column(
            "6.12",
            &[
                "@vm start tests/a",
                "scenario file/openat2: equal",
                "test x ... FAILED",
                "@vm end tests/a 101",
                "@vm start tests/b",
                "@vm end tests/b 127",
            ],
        );
        assert_eq!((old.sums(), new.sums()), ((1, 0), (1, 2)));
        let expected = "\
group        | 5.10                | 6.12
tests/a      | 1 passed            | 0 passed, 1 differing
tests/a file | 0 passed, 1 skipped | 1 passed
tests/b      | not run             | 0 passed, 1 differing
5.10 tests/a file: skipped: openat2: ENOSYS
6.12 tests/a: differing: x
6.12 tests/b: differing: the program: ended with status 127
";
        assert_eq!(Table(&[old, new]).to_string(), expected);
    }

    #[test]
    fn a_program_without_tests_and_a_machine_that_failed_count() {
        let mut column = column("7", &["@vm start tests/a", "@vm end tests/a 0"]);
        assert_eq!(column.sums(), (0, 1));
        column.fail("stalled".to_owned());
        assert_eq!(column.sums(), (0, 2));
    }
}
