//! `--dry-run`: what would be done, on standard output, each line marked as Docker Compose marks its own.

use crate::error::Result;
use crate::ui::output;

/// In front of every line.
const MARK: &str = "DRY-RUN MODE - ";

/// Prints lines that say what would be done.
///
/// # Errors
/// An output that cannot be written.
pub(super) fn print(text: &str) -> Result<()> {
    Ok(output::stdout(&marked(text))?)
}

/// The lines with the mark; empty ones stay empty.
fn marked(text: &str) -> String {
    let mark = |line: &str| if line.is_empty() { "\n".to_owned() } else { format!("{MARK}{line}\n") };
    text.lines().map(mark).collect()
}

#[cfg(test)]
mod tests {
    use super::marked;

    #[test]
    fn every_line_has_the_mark() {
        assert_eq!(marked("a\n  b\n\nc"), "DRY-RUN MODE - a\nDRY-RUN MODE -   b\n\nDRY-RUN MODE - c\n");
        assert_eq!(marked(""), "");
    }
}
