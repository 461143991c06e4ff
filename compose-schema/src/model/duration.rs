use std::fmt;

/// A length of time in nanoseconds, as compose files write it (`1m30s`).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Duration(pub i64);

/// Units with their length in nanoseconds.
const UNITS: [(&str, i128); 9] = [
    ("ns", 1),
    ("us", 1_000),
    ("µs", 1_000),
    ("μs", 1_000),
    ("ms", 1_000_000),
    ("s", 1_000_000_000),
    ("m", 60_000_000_000),
    ("h", 3_600_000_000_000),
    ("d", 86_400_000_000_000),
];
const WEEK: i128 = 7 * 86_400_000_000_000;

impl Duration {
    /// Reads numbers with units, each from `ns us ms s m h d w` (`1h30m`, `1.5s`), with a sign in front or not.
    ///
    /// # Errors
    /// What is wrong with the text.
    pub fn parse(text: &str) -> Result<Self, String> {
        let invalid = || format!("`{text}` is not a duration");
        let (negative, mut rest) = match text.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, text.strip_prefix('+').unwrap_or(text)),
        };
        if rest == "0" {
            return Ok(Self(0));
        }
        if rest.is_empty() {
            return Err(invalid());
        }
        let mut total: i128 = 0;
        while !rest.is_empty() {
            let number_end = rest.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(rest.len());
            let (number, tail) = rest.split_at(number_end);
            let unit_end = tail.find(|c: char| c.is_ascii_digit() || c == '.').unwrap_or(tail.len());
            let (unit, tail) = tail.split_at(unit_end);
            let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
            if fraction.contains('.') || (whole.is_empty() && fraction.is_empty()) {
                return Err(invalid());
            }
            if unit.is_empty() {
                return Err(format!("the duration `{text}` has a number without a unit"));
            }
            let scale = match unit {
                "w" => WEEK,
                _ => UNITS
                    .iter()
                    .find(|(name, _)| *name == unit)
                    .map(|(_, scale)| *scale)
                    .ok_or_else(|| format!("the duration `{text}` has an unknown unit `{unit}`"))?,
            };
            total += amount(whole, fraction, scale).ok_or_else(|| format!("the duration `{text}` is too long"))?;
            rest = tail;
        }
        let total = if negative { -total } else { total };
        i64::try_from(total).map(Self).map_err(|_| format!("the duration `{text}` is too long"))
    }

    /// As the standard library's type; negative lengths become zero.
    #[must_use]
    pub fn std(self) -> std::time::Duration {
        std::time::Duration::from_nanos(u64::try_from(self.0).unwrap_or(0))
    }
}

/// `whole.fraction` units in nanoseconds; none where that is more than a duration can hold.
fn amount(whole: &str, fraction: &str, scale: i128) -> Option<i128> {
    let whole: i128 = if whole.is_empty() { 0 } else { i128::from(whole.parse::<i64>().ok()?) };
    let mut nanoseconds = whole.checked_mul(scale)?;
    // What is shorter than a nanosecond is cut off; the length of a week in nanoseconds has 15 digits.
    let (mut numerator, mut denominator) = (0_i128, 1_i128);
    for digit in fraction.bytes().take(18) {
        numerator = numerator * 10 + i128::from(digit - b'0');
        denominator *= 10;
    }
    nanoseconds += numerator * scale / denominator;
    Some(nanoseconds)
}

/// As Go prints durations: hours, minutes and seconds from one second up, else the largest fitting unit.
impl fmt::Display for Duration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let nanoseconds = self.0.unsigned_abs();
        if self.0 < 0 {
            f.write_str("-")?;
        }
        match nanoseconds {
            0 => f.write_str("0s"),
            1..1_000 => write!(f, "{nanoseconds}ns"),
            1_000..1_000_000 => write!(f, "{}µs", decimal(nanoseconds, 1_000)),
            1_000_000..1_000_000_000 => write!(f, "{}ms", decimal(nanoseconds, 1_000_000)),
            _ => {
                let minutes = nanoseconds / 60_000_000_000;
                let (hours, minutes) = (minutes / 60, minutes % 60);
                if hours > 0 {
                    write!(f, "{hours}h{minutes}m")?;
                } else if minutes > 0 {
                    write!(f, "{minutes}m")?;
                }
                write!(f, "{}s", decimal(nanoseconds % 60_000_000_000, 1_000_000_000))
            }
        }
    }
}

/// `value / unit` with as many decimals as it takes; `unit` is a power of ten.
fn decimal(value: u64, unit: u64) -> String {
    let (whole, rest) = (value / unit, value % unit);
    if rest == 0 {
        return whole.to_string();
    }
    let width = unit.ilog10() as usize;
    format!("{whole}.{}", format!("{rest:0width$}").trim_end_matches('0'))
}

impl serde::Serialize for Duration {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a failed test may panic")]

    use super::Duration;

    #[test]
    fn reads_and_prints_as_docker_compose_does() {
        for (text, printed) in [
            ("90s", "1m30s"),
            ("1h", "1h0m0s"),
            ("1.5s", "1.5s"),
            ("100us", "100µs"),
            ("1d", "24h0m0s"),
            ("1w", "168h0m0s"),
            ("1500ms", "1.5s"),
            ("0", "0s"),
            ("-1m", "-1m0s"),
            ("1h30m10.25s", "1h30m10.25s"),
            ("0.1ms", "100µs"),
            (".5h", "30m0s"),
        ] {
            assert_eq!(Duration::parse(text).unwrap().to_string(), printed, "{text}");
        }
    }

    #[test]
    fn refuses_what_is_no_duration() {
        for text in ["", "5", "1m30", "5S", "s", "1.2.3s", "99999999999h", "1 s", "-"] {
            assert!(Duration::parse(text).is_err(), "{text}");
        }
    }
}
