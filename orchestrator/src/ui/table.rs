//! Tables on standard output: columns as wide as their widest cell.

use super::style::printable;

/// Rows under one another; every column is at least `least` wide, `gap` included. The last column is not padded.
/// Control characters are shown escaped.
pub fn table<R: AsRef<[String]>>(rows: &[R], least: usize, gap: usize) -> String {
    let cells: Vec<Vec<String>> =
        rows.iter().map(|row| row.as_ref().iter().map(|cell| printable(cell)).collect()).collect();
    let mut widths: Vec<usize> = Vec::new();
    for row in &cells {
        widths.resize(widths.len().max(row.len()), least);
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (cell.chars().count() + gap).max(*width);
        }
    }
    let mut text = String::new();
    for row in &cells {
        let line: String = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:width$}")).collect();
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::table;

    #[test]
    fn columns_fit_their_cells() {
        let row = |a: &str, b: &str, c: &str| [a, b, c].map(str::to_owned);
        let text =
            table(&[row("NAME", "ÜBER", "X"), row("a\u{1b}[2J", "", "x"), row("b", "longer than 10", "")], 10, 3);
        assert_eq!(
            text,
            "NAME         ÜBER             X\na\\u{1b}[2J                    x\nb            longer than 10\n"
        );
    }
}
