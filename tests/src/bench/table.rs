//! Aligned columns, for the terminal and as Markdown.

/// A table: the first column is text, the others are numbers and stand to the right.
#[derive(Debug)]
pub(super) struct Table {
    rows: Vec<Vec<String>>,
}

impl Table {
    /// A table with this head.
    pub(super) fn new(head: &[&str]) -> Self {
        Self { rows: vec![head.iter().map(|cell| (*cell).to_owned()).collect()] }
    }

    /// Adds a row.
    pub(super) fn row(&mut self, cells: Vec<String>) {
        self.rows.push(cells);
    }

    fn widths(&self) -> Vec<usize> {
        let columns = self.rows.iter().map(Vec::len).max().unwrap_or(0);
        let width = |column| {
            self.rows.iter().filter_map(|row| row.get(column)).map(|cell: &String| cell.chars().count()).max()
        };
        (0..columns).map(|column| width(column).unwrap_or(0)).collect()
    }

    /// With two spaces between columns.
    pub(super) fn text(&self) -> String {
        let mut out = String::new();
        for line in self.lines("  ") {
            out.push_str(line.trim_end());
            out.push('\n');
        }
        out
    }

    /// As a Markdown table.
    pub(super) fn markdown(&self) -> String {
        let mut out = String::new();
        for (index, line) in self.lines(" | ").iter().enumerate() {
            out.push_str("| ");
            out.push_str(line);
            out.push_str(" |\n");
            if index == 0 {
                for (column, width) in self.widths().iter().enumerate() {
                    out.push_str("| ");
                    out.push_str(&"-".repeat(width.saturating_sub(1)));
                    out.push(if column == 0 { '-' } else { ':' });
                    out.push(' ');
                }
                out.push_str("|\n");
            }
        }
        out
    }

    fn lines(&self, between: &str) -> Vec<String> {
        let widths = self.widths();
        let line = |row: &Vec<String>| {
            let cells: Vec<String> = widths
                .iter()
                .enumerate()
                .map(|(column, width)| {
                    let cell = row.get(column).map_or("", String::as_str);
                    if column == 0 { format!("{cell:<width$}") } else { format!("{cell:>width$}") }
                })
                .collect();
            cells.join(between)
        };
        self.rows.iter().map(line).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_line_up() {
        let mut table = Table::new(&["what", "ns"]);
        table.row(vec!["null".into(), "1142".into()]);
        assert_eq!(table.text(), "what    ns\nnull  1142\n");
        assert_eq!(table.markdown(), "| what |   ns |\n| ---- | ---: |\n| null | 1142 |\n");
    }
}
