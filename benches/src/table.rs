//! A table of text: the first column to the left, the others to the right.

use std::fmt;

/// Rows of cells under a head; each row may be a heading instead.
#[derive(Debug, Default)]
pub struct Table {
    rows: Vec<Row>,
}

#[derive(Debug)]
enum Row {
    Cells(Vec<String>),
    Heading(String),
}

impl Table {
    /// Adds a row.
    pub fn row(&mut self, cells: Vec<String>) {
        self.rows.push(Row::Cells(cells));
    }

    /// Adds a line that spans all columns.
    pub fn heading(&mut self, text: &str) {
        self.rows.push(Row::Heading(text.to_string()));
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut widths: Vec<usize> = Vec::new();
        for row in &self.rows {
            let Row::Cells(cells) = row else { continue };
            widths.resize(widths.len().max(cells.len()), 0);
            for (width, cell) in widths.iter_mut().zip(cells) {
                *width = (*width).max(cell.chars().count());
            }
        }
        for row in &self.rows {
            match row {
                Row::Heading(text) => writeln!(f, "{text}")?,
                Row::Cells(cells) => {
                    let mut line = String::new();
                    for (i, (cell, &width)) in cells.iter().zip(&widths).enumerate() {
                        line += &if i == 0 { format!("{cell:<width$}") } else { format!("  {cell:>width$}") };
                    }
                    writeln!(f, "{}", line.trim_end())?;
                }
            }
        }
        Ok(())
    }
}
