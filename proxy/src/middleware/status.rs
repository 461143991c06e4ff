//! Status codes and ranges, as configurations write them.

use http::StatusCode;

/// Codes and ranges of codes (`404`, `500-599`).
#[derive(Debug, Clone)]
pub(crate) struct Statuses(Vec<(u16, u16)>);

impl Statuses {
    /// From texts.
    ///
    /// # Errors
    /// The first that is neither code nor range, in the words that Traefik has for it.
    pub(crate) fn new(texts: &[String]) -> Result<Self, String> {
        texts.iter().map(|text| range(text)).collect::<Result<_, _>>().map(Self)
    }

    /// Whether a status is one of them.
    pub(crate) fn contains(&self, status: StatusCode) -> bool {
        self.0.iter().any(|(low, high)| (*low..=*high).contains(&status.as_u16()))
    }

    /// Whether there is none at all.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// One code or range.
///
/// # Errors
/// It is neither.
pub(crate) fn range(text: &str) -> Result<(u16, u16), String> {
    let mut ends = text.trim().split('-');
    let low = ends.next().unwrap_or_default();
    // As in Traefik, what follows a second `-` counts for nothing.
    let high = ends.next().unwrap_or(low);
    let number =
        |part: &str| part.parse::<u16>().map_err(|_| format!("strconv.Atoi: parsing {part:?}: invalid syntax"));
    Ok((number(low)?, number(high)?))
}
