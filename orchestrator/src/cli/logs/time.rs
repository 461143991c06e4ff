//! Times on the command line.

use compose_schema::model::Duration;
use jiff::civil::{Date, DateTime, Time};
use jiff::{Timestamp, tz::TimeZone};

use crate::error::{CommandError, Result};
use crate::ui::style::printable;

/// `--since`, as RFC 3339.
///
/// # Errors
/// A text that is no time.
pub(in crate::cli) fn since(text: Option<&str>, now: Timestamp) -> Result<Option<String>> {
    text.map(|text| parse("--since", text, now)).transpose()
}

/// `--until`, as RFC 3339.
///
/// # Errors
/// A text that is no time.
pub(in crate::cli) fn until(text: Option<&str>, now: Timestamp) -> Result<Option<String>> {
    text.map(|text| parse("--until", text, now)).transpose()
}

fn parse(flag: &str, text: &str, now: Timestamp) -> Result<String> {
    instant(text, now).map(|time| time.to_string()).ok_or_else(|| {
        CommandError::new(format!("invalid value for `{flag}`: `{}`", printable(text)))
            .hint("write a time (`2026-01-02T15:04:05`) or a length of time until now (`10m`)")
    })
}

/// A length of time before now; seconds since the epoch; a time with its offset; a time or a day here.
fn instant(text: &str, now: Timestamp) -> Option<Timestamp> {
    if let Ok(length) = Duration::parse(text) {
        return Timestamp::from_nanosecond(now.as_nanosecond() - i128::from(length.0)).ok();
    }
    if let Some((seconds, fraction)) = text.split_once('.')
        && let (Ok(seconds), Ok(nanos)) = (seconds.parse::<i64>(), format!("{fraction:0<9}").parse::<i32>())
    {
        return Timestamp::new(seconds, nanos).ok();
    }
    if let Ok(seconds) = text.parse::<i64>() {
        return Timestamp::from_second(seconds).ok();
    }
    if let Ok(time) = text.parse::<Timestamp>() {
        return Some(time);
    }
    let day = || text.parse::<Date>().map(|date| date.to_datetime(Time::midnight()));
    let local = text.parse::<DateTime>().or_else(|_| day()).ok()?;
    Some(local.to_zoned_datetime(TimeZone::system()).ok()?.timestamp())
}

#[cfg(test)]
mod tests {
    use super::instant;

    #[test]
    fn times_are_absolute_or_until_now() {
        let now = jiff::Timestamp::from_second(1_767_366_245).unwrap_or_default();
        let shown = |text: &str| instant(text, now).map(|time| time.to_string());
        assert_eq!(shown("10m"), Some("2026-01-02T14:54:05Z".to_owned()));
        assert_eq!(shown("1h30m"), Some("2026-01-02T13:34:05Z".to_owned()));
        assert_eq!(shown("2026-01-02T15:04:05+01:00"), Some("2026-01-02T14:04:05Z".to_owned()));
        assert_eq!(shown("1767366245"), Some("2026-01-02T15:04:05Z".to_owned()));
        assert_eq!(shown("1767366245.5"), Some("2026-01-02T15:04:05.5Z".to_owned()));
        assert!(shown("2026-01-02").is_some());
        assert!(shown("2026-01-02T03:04").is_some());
        assert_eq!(shown("yesterday"), None);
    }
}
