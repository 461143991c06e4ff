//! The nearest of several names, for "did you mean".

/// Bytes of a name that is compared.
const LONGEST: usize = 256;

/// The name that differs least from `written` (case does not count), if it is near enough to be a slip.
pub fn nearest<'a>(written: &str, names: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let limit = (written.chars().count() / 3).max(1);
    within(written, names, limit)
}

/// The name that differs least from `written`, in at most `limit` characters (case does not count).
pub fn within<'a>(written: &str, names: impl IntoIterator<Item = &'a str>, limit: usize) -> Option<&'a str> {
    // Comparing takes time with the length, and nothing that is written by hand is so long.
    if written.len() > LONGEST {
        return None;
    }
    let written = written.to_ascii_lowercase();
    names
        .into_iter()
        .map(|name| (strsim::osa_distance(&written, &name.to_ascii_lowercase()), name))
        .filter(|(distance, _)| *distance <= limit)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, name)| name)
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
