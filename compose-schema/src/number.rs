//! Numbers as Go's `strconv.ParseFloat` reads them.

/// A decimal number with `_` between digits or without, or a word for one without end; nothing beyond what fits.
pub(crate) fn float(text: &str) -> Option<f64> {
    let number: f64 = without_separators(text)?.parse().ok()?;
    let fits = number.is_finite() || !text.contains(|c: char| c.is_ascii_digit());
    fits.then_some(number)
}

/// The number without the `_` that may stand between two digits.
fn without_separators(number: &str) -> Option<String> {
    let digit =
        |part: Option<&str>, end: fn(&str) -> Option<char>| part.and_then(end).is_some_and(|c| c.is_ascii_digit());
    let parts: Vec<&str> = number.split('_').collect();
    let between = parts.windows(2).all(|pair| {
        digit(pair.first().copied(), |part| part.chars().next_back())
            && digit(pair.last().copied(), |part| part.chars().next())
    });
    between.then(|| parts.concat())
}

#[cfg(test)]
mod tests {
    use super::float;

    #[test]
    fn separators_stand_between_digits() {
        for (text, number) in [("1_000.5", 1000.5), ("1_0e1_0", 10e10), ("-inf", f64::NEG_INFINITY), ("+.5", 0.5)] {
            assert_eq!(float(text), Some(number), "{text}");
        }
        for text in ["_1", "1_", "1__0", "1_e3", "1e400", "x", ""] {
            assert_eq!(float(text), None, "{text}");
        }
    }
}
