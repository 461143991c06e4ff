//! Tables on standard output: columns as wide as their widest cell.

use super::style::printable;

/// Rows under one another; every column is at least `least` wide, `gap` included. The last column is not padded.
/// Control characters are shown escaped.
pub fn table<R: AsRef<[String]>>(rows: &[R], least: usize, gap: usize) -> String {
    padded(rows, least, gap).into_iter().map(|line| format!("{}\n", line.trim_end())).collect()
}

/// The same with the white space that empty cells at the end of a row leave, as Go's programs print it.
pub fn ragged_table<R: AsRef<[String]>>(rows: &[R], least: usize, gap: usize) -> String {
    padded(rows, least, gap).into_iter().map(|line| line + "\n").collect()
}

/// The lines, with every cell but the last one as wide as its column.
fn padded<R: AsRef<[String]>>(rows: &[R], least: usize, gap: usize) -> Vec<String> {
    let cells: Vec<Vec<String>> =
        rows.iter().map(|row| row.as_ref().iter().map(|cell| printable(cell)).collect()).collect();
    let mut widths: Vec<usize> = Vec::new();
    for row in &cells {
        widths.resize(widths.len().max(row.len()), least);
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (cell.chars().count() + gap).max(*width);
        }
    }
    let line = |row: &Vec<String>| {
        let last = row.len().saturating_sub(1);
        let cells = row.iter().zip(&widths).enumerate();
        cells.map(|(at, (cell, width))| if at == last { cell.clone() } else { format!("{cell:width$}") }).collect()
    };
    cells.iter().map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::{ragged_table, table};

    #[test]
    fn columns_fit_their_cells() {
        let row = |a: &str, b: &str, c: &str| [a, b, c].map(str::to_owned);
        let text =
            table(&[row("NAME", "ÜBER", "X"), row("a\u{1b}[2J", "", "x"), row("b", "longer than 10", "")], 10, 3);
        assert_eq!(
            text,
            "NAME         ÜBER             X\na\\u{1b}[2J                    x\nb            longer than 10\n"
        );
        assert_eq!(ragged_table(&[row("a", "", ""), row("b", "c", "d")], 4, 1), "a       \nb   c   d\n");
    }
}
