//! Variables that makers of DNS records are configured by (lego documentation, "DNS Providers"): a value stands in the
//! environment, or in a file that the same name with `_FILE` names.

use std::collections::BTreeMap;
use std::path::Path;

use crate::file;

/// No time is longer, in seconds.
const LONGEST: u64 = 6 * 3600;

/// The variables of one resolver.
#[derive(Clone, Copy, Debug)]
pub(super) struct Variables<'a>(pub(super) &'a BTreeMap<String, String>);

impl Variables<'_> {
    /// The value of a variable, or of the file that `NAME_FILE` names; none where it is empty. Reads files.
    ///
    /// # Errors
    /// A file that cannot be read, by the names of variable and file.
    pub(super) fn value(&self, name: &str) -> Result<Option<String>, String> {
        let filled = |text: &String| Some(text.trim().to_owned()).filter(|text| !text.is_empty());
        if let Some(found) = self.0.get(name).and_then(filled) {
            return Ok(Some(found));
        }
        let variable = format!("{name}_FILE");
        let Some(path) = self.0.get(&variable).and_then(filled) else { return Ok(None) };
        let text = text(Path::new(&path)).map_err(|reason| format!("`{variable}`: `{path}`: {reason}"))?;
        Ok(filled(&text))
    }

    /// The first of several names of one thing that has a value, with it.
    ///
    /// # Errors
    /// As [`Self::value`].
    pub(super) fn first<'n>(&self, names: &[&'n str]) -> Result<Option<(&'n str, String)>, String> {
        names.iter().find_map(|name| self.value(name).map(|found| Some((*name, found?))).transpose()).transpose()
    }

    /// A number of seconds, `usual` where none is set.
    ///
    /// # Errors
    /// What is no such number, or longer than six hours; as [`Self::value`].
    pub(super) fn seconds(&self, name: &str, usual: u64) -> Result<u64, String> {
        let Some(text) = self.value(name)? else { return Ok(usual) };
        let number = text.parse().ok().filter(|number| *number <= LONGEST);
        number.ok_or_else(|| format!("`{name}` takes a number of seconds, not `{text}`"))
    }

    /// A number of seconds as far as it can be told without reading files.
    pub(super) fn roughly(&self, name: &str, usual: u64) -> u64 {
        self.0.get(name).and_then(|text| text.trim().parse().ok()).unwrap_or(usual).min(LONGEST)
    }

    /// Whether a record is where an alias (CNAME) of its name leads to.
    pub(super) fn follows_aliases(&self) -> bool {
        let is_off = self.0.get("LEGO_DISABLE_CNAME_SUPPORT");
        !is_off.is_some_and(|text| matches!(text.as_str(), "1" | "t" | "T" | "true" | "TRUE" | "True"))
    }
}

/// What is shown to nobody.
#[derive(Clone)]
pub(super) struct Secret(pub(super) String);

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secret")
    }
}

/// The text of a file.
///
/// # Errors
/// Why there is none.
pub(super) fn text(path: &Path) -> Result<String, String> {
    let bytes = file::read(path).map_err(|error| error.to_string())?.ok_or("there is no such file")?;
    String::from_utf8(bytes).map_err(|_| "it is no text".to_owned())
}
