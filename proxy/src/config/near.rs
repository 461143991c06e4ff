//! The nearest of several names, for "did you mean".

/// The name that differs least from `written` (case does not count), if it is near enough to be a slip.
pub fn nearest<'a>(written: &str, names: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let limit = (written.chars().count() / 3).max(1);
    within(written, names, limit)
}

/// The name that differs least from `written`, in at most `limit` characters (case does not count).
pub fn within<'a>(written: &str, names: impl IntoIterator<Item = &'a str>, limit: usize) -> Option<&'a str> {
    let written = written.to_ascii_lowercase();
    names
        .into_iter()
        .map(|name| (distance(&written, &name.to_ascii_lowercase()), name))
        .filter(|(distance, _)| *distance <= limit)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, name)| name)
}

/// Levenshtein distance.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.chars().enumerate() {
        let mut diagonal = i;
        let mut left = i + 1;
        for (cell, y) in row.iter_mut().skip(1).zip(&b) {
            let above = *cell;
            let best = (diagonal + usize::from(x != *y)).min(above + 1).min(left + 1);
            diagonal = above;
            left = best;
            *cell = best;
        }
        if let Some(first) = row.first_mut() {
            *first = i + 1;
        }
    }
    row.last().copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::nearest;

    #[test]
    fn finds_slips_and_nothing_else() {
        let names = ["entryPoints", "middlewares", "priority", "rule", "service", "tls"];
        assert_eq!(nearest("entrypoint", names), Some("entryPoints"));
        assert_eq!(nearest("midlewares", names), Some("middlewares"));
        assert_eq!(nearest("foo", names), None);
        assert_eq!(nearest("rul", names), Some("rule"));
    }
}
