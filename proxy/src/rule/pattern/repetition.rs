//! `*`, `+`, `?` and `{2,3}`, with or without a `?` behind them.

use super::PatternError;

/// The most often that something may be repeated, also by repetitions in each other.
pub(super) const LIMIT: u32 = 1000;

/// A repetition as it is written.
#[derive(Clone, Copy, Debug)]
pub(super) struct Repetition<'a> {
    pub(super) text: &'a str,
    /// Only counted ones say how often; the others count as once.
    pub(super) least: u32,
    pub(super) most: Option<u32>,
}

/// The repetition that a text begins with, if it does.
pub(super) fn read(rest: &str) -> Result<Option<Repetition<'_>>, PatternError> {
    let (length, least, most) = match rest.as_bytes().first() {
        Some(b'*' | b'+' | b'?') => (1, 1, None),
        Some(b'{') => match counts(rest) {
            Some((length, least, most)) => {
                let shown = rest.get(..length).unwrap_or_default();
                let invalid = || PatternError::new("invalid repeat count", shown);
                let least = least.filter(|least| *least <= LIMIT).ok_or_else(invalid)?;
                let most = match most {
                    Most::Any => None,
                    Most::Number(most) => Some(most.filter(|most| (least..=LIMIT).contains(most)).ok_or_else(invalid)?),
                };
                (length, least, most)
            }
            None => return Ok(None),
        },
        _ => return Ok(None),
    };
    let lazy = usize::from(rest.as_bytes().get(length) == Some(&b'?'));
    Ok(Some(Repetition { text: rest.get(..length + lazy).unwrap_or_default(), least, most }))
}

enum Most {
    Any,
    Number(Option<u32>),
}

/// The length and the numbers of `{2}`, `{2,}` or `{2,3}` at the start of a text; a number that is too large is `None`.
fn counts(rest: &str) -> Option<(usize, Option<u32>, Most)> {
    let body = rest.get(1..rest.find('}')?)?;
    let number = |text: &str| {
        let plain = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        (plain && (text.len() == 1 || !text.starts_with('0'))).then(|| text.parse().ok())
    };
    let (least, most) = match body.split_once(',') {
        None => (number(body)?, Most::Number(number(body)?)),
        Some((least, "")) => (number(least)?, Most::Any),
        Some((least, most)) => (number(least)?, Most::Number(number(most)?)),
    };
    Some((body.len() + 2, least, most))
}
