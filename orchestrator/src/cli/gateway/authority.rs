//! Where a gateway that is run by hand keeps the authority for local names.

use std::collections::BTreeMap;
use std::path::PathBuf;

/// Names the folder, or says `off`.
pub(in crate::cli) const VARIABLE: &str = "STACK_LOCAL_AUTHORITY";

/// The folder: the one that the environment names, else one below where the user's programs keep their data (XDG Base
/// Directory Specification); none where it is switched off or there is no such place.
pub(in crate::cli) fn folder(environment: &BTreeMap<String, String>) -> Option<PathBuf> {
    let named = |name: &str| environment.get(name).map(String::as_str).filter(|value| !value.is_empty());
    match named(VARIABLE) {
        Some(word) if word.eq_ignore_ascii_case("off") => None,
        Some(path) => Some(PathBuf::from(path)),
        None => data(environment).map(|data| data.join("local-authority")),
    }
}

/// Where `stack` keeps a user's data.
pub(in crate::cli) fn data(environment: &BTreeMap<String, String>) -> Option<PathBuf> {
    let folder = |name: &str| environment.get(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let data = folder("XDG_DATA_HOME").or_else(|| folder("HOME").map(|home| home.join(".local/share")));
    data.map(|data| data.join("stack"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_where_the_environment_says() {
        let at = |variables: &[(&str, &str)]| {
            folder(&variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect())
        };
        let home = ("HOME", "/home/me");
        assert_eq!(at(&[home]), Some("/home/me/.local/share/stack/local-authority".into()));
        assert_eq!(at(&[home, ("XDG_DATA_HOME", "/data")]), Some("/data/stack/local-authority".into()));
        assert_eq!(at(&[home, (VARIABLE, "/srv/ca")]), Some("/srv/ca".into()));
        assert_eq!(at(&[home, (VARIABLE, "off")]), None);
        assert_eq!(at(&[]), None);
    }
}
