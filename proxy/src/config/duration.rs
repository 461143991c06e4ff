//! Durations in the notation of the configuration: Go's (`1m30s`), a bare integer meaning seconds.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use serde::de::{Error as _, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A signed length of time with nanosecond precision.
///
/// Signed because some options give a meaning to a negative value (`responseForwarding.flushInterval` below zero flushes every write).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct GoDuration {
    nanos: i64,
}

impl GoDuration {
    /// No time at all; most options read it as "off".
    pub const ZERO: Self = Self { nanos: 0 };

    /// A whole number of seconds.
    pub const fn from_secs(secs: i64) -> Self {
        Self { nanos: secs.saturating_mul(1_000_000_000) }
    }

    /// A whole number of milliseconds.
    pub const fn from_millis(millis: i64) -> Self {
        Self { nanos: millis.saturating_mul(1_000_000) }
    }

    /// A number of nanoseconds.
    pub const fn from_nanos(nanos: i64) -> Self {
        Self { nanos }
    }

    /// Nanoseconds, negative ones included.
    pub const fn as_nanos(self) -> i64 {
        self.nanos
    }

    /// Whether the value is below zero.
    pub const fn is_negative(self) -> bool {
        self.nanos < 0
    }

    /// The same length for the standard library; a negative value counts as zero.
    pub const fn to_std(self) -> Duration {
        Duration::from_nanos(if self.nanos < 0 { 0 } else { self.nanos.unsigned_abs() })
    }

    /// The length as a time limit: `None` (no limit) for zero and below.
    pub const fn limit(self) -> Option<Duration> {
        if self.nanos <= 0 { None } else { Some(self.to_std()) }
    }
}

/// Why a text is no duration.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("invalid duration `{text}`, write for example `10s`, `1m30s` or a number of seconds")]
pub struct ParseDurationError {
    text: String,
}

const UNITS: [(&str, i64); 9] = [
    ("ns", 1),
    ("us", 1_000),
    ("\u{b5}s", 1_000),
    ("\u{3bc}s", 1_000),
    ("ms", 1_000_000),
    ("s", 1_000_000_000),
    ("m", 60_000_000_000),
    ("h", 3_600_000_000_000),
    ("", 0),
];

impl FromStr for GoDuration {
    type Err = ParseDurationError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let wrong = || ParseDurationError { text: text.to_owned() };
        if let Ok(secs) = text.parse::<i64>() {
            return secs.checked_mul(1_000_000_000).map(|nanos| Self { nanos }).ok_or_else(wrong);
        }
        let (negative, mut rest) = match text.as_bytes().first() {
            Some(b'-') => (true, text.get(1..).unwrap_or_default()),
            Some(b'+') => (false, text.get(1..).unwrap_or_default()),
            _ => (false, text),
        };
        if rest.is_empty() {
            return Err(wrong());
        }
        let mut total = 0_i64;
        while !rest.is_empty() {
            let (nanos, tail) = component(rest).ok_or_else(wrong)?;
            total = total.checked_add(nanos).ok_or_else(wrong)?;
            rest = tail;
        }
        Ok(Self { nanos: if negative { -total } else { total } })
    }
}

/// Reads one `<number><unit>` and gives its nanoseconds and what follows it.
fn component(text: &str) -> Option<(i64, &str)> {
    let digits = text.len() - text.trim_start_matches(|c: char| c.is_ascii_digit()).len();
    let (whole, mut rest) = text.split_at_checked(digits)?;
    let mut fraction = "";
    if let Some(tail) = rest.strip_prefix('.') {
        let digits = tail.len() - tail.trim_start_matches(|c: char| c.is_ascii_digit()).len();
        (fraction, rest) = tail.split_at_checked(digits)?;
    }
    if whole.is_empty() && fraction.is_empty() {
        return None;
    }
    let end = rest.find(|c: char| c == '.' || c.is_ascii_digit()).unwrap_or(rest.len());
    let (unit, rest) = rest.split_at_checked(end)?;
    let scale = UNITS.iter().find(|(name, scale)| *name == unit && *scale > 0)?.1;
    let whole = if whole.is_empty() { 0 } else { whole.parse::<i64>().ok()? };
    let mut nanos = whole.checked_mul(scale)?;
    let mut share = scale;
    for digit in fraction.bytes() {
        share /= 10;
        nanos = nanos.checked_add(share.checked_mul(i64::from(digit - b'0'))?)?;
    }
    Some((nanos, rest))
}

impl fmt::Display for GoDuration {
    /// As Go prints it: `1m30s`, `100ms`, `0s`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let total = self.nanos.unsigned_abs();
        if self.nanos < 0 {
            f.write_str("-")?;
        }
        let (unit, scale) = match total {
            0 => return f.write_str("0s"),
            1..1_000 => ("ns", 1),
            1_000..1_000_000 => ("\u{b5}s", 1_000),
            1_000_000..1_000_000_000 => ("ms", 1_000_000),
            _ => {
                let (hours, minutes) = (total / 3_600_000_000_000, total / 60_000_000_000 % 60);
                if hours > 0 {
                    write!(f, "{hours}h")?;
                }
                if hours > 0 || minutes > 0 {
                    write!(f, "{minutes}m")?;
                }
                return decimal(f, total % 60_000_000_000, 1_000_000_000).and_then(|()| f.write_str("s"));
            }
        };
        decimal(f, total, scale)?;
        f.write_str(unit)
    }
}

/// Writes `value / scale` with as many decimals as it takes; `scale` is a power of ten.
fn decimal(f: &mut fmt::Formatter<'_>, value: u64, scale: u64) -> fmt::Result {
    write!(f, "{}", value / scale)?;
    let (mut rest, mut scale) = (value % scale, scale);
    if rest > 0 {
        f.write_str(".")?;
    }
    while rest > 0 {
        scale /= 10;
        write!(f, "{}", rest / scale)?;
        rest %= scale;
    }
    Ok(())
}

impl Serialize for GoDuration {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for GoDuration {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Text;
        impl Visitor<'_> for Text {
            type Value = GoDuration;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a duration such as `10s`, or a number of seconds")
            }

            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<GoDuration, E> {
                text.parse().map_err(E::custom)
            }

            fn visit_i64<E: serde::de::Error>(self, secs: i64) -> Result<GoDuration, E> {
                Ok(GoDuration::from_secs(secs))
            }

            fn visit_u64<E: serde::de::Error>(self, secs: u64) -> Result<GoDuration, E> {
                i64::try_from(secs).map(GoDuration::from_secs).map_err(E::custom)
            }
        }
        deserializer.deserialize_any(Text).map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test may stop at the first surprise")]

    use super::GoDuration;

    #[test]
    fn reads_and_writes_go_notation() {
        for (text, nanos, shown) in [
            ("0", 0, "0s"),
            ("10", 10_000_000_000, "10s"),
            ("-1", -1_000_000_000, "-1s"),
            ("90s", 90_000_000_000, "1m30s"),
            ("1h", 3_600_000_000_000, "1h0m0s"),
            ("100ms", 100_000_000, "100ms"),
            ("1.5s", 1_500_000_000, "1.5s"),
            (".5m", 30_000_000_000, "30s"),
            ("1h2m3.004s", 3_723_004_000_000, "1h2m3.004s"),
            ("250us", 250_000, "250\u{b5}s"),
        ] {
            let duration: GoDuration = text.parse().unwrap();
            assert_eq!((duration.as_nanos(), duration.to_string()), (nanos, shown.to_owned()), "{text}");
        }
    }

    #[test]
    fn refuses_what_is_no_duration() {
        for text in ["", "-", "s", "1x", "1 s", "1.s.", "9223372036854775807", "1e3s", "--1s", "."] {
            assert!(text.parse::<GoDuration>().is_err(), "{text}");
        }
    }
}
