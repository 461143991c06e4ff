//! "Did you mean": the nearest of the names that would have been right.

/// Bytes of a name that is compared.
const LONGEST: usize = 256;

/// The candidate nearest to `name`, if it is near enough to be a slip of the keyboard.
#[must_use]
pub fn nearest<'a>(name: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let allowed = match name.chars().count() {
        0..=2 => 1,
        3..=6 => 2,
        _ => 3,
    };
    // No slip makes so long a name, and comparing takes time with its length.
    if name.len() > LONGEST {
        return None;
    }
    candidates
        .into_iter()
        .map(|candidate| (strsim::osa_distance(name, candidate), candidate))
        .filter(|(distance, candidate)| *distance <= allowed && *distance < candidate.chars().count())
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

#[cfg(test)]
mod tests {
    use super::nearest;

    #[test]
    fn finds_slips_and_nothing_else() {
        let names = ["image", "ports", "expose", "environment", "env_file", "memory"];
        for (slip, meant) in [
            ("imgae", Some("image")),
            ("portz", Some("ports")),
            ("enviroment", Some("environment")),
            ("memroy", Some("memory")),
            ("kubernetes", None),
            ("gpu", None),
        ] {
            assert_eq!(nearest(slip, names), meant, "{slip}");
        }
    }
}
