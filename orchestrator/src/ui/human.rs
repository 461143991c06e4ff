//! Times and sizes in words, as Docker prints them.

/// How long something took or has been going on, from seconds: the largest unit that fits.
pub fn duration(seconds: i64) -> String {
    let minutes = seconds / 60;
    let hours = (seconds + 1_800) / 3_600;
    let (count, unit) = match seconds {
        ..1 => return "Less than a second".to_owned(),
        1..60 => (seconds, "second"),
        60..120 => return "About a minute".to_owned(),
        _ if minutes < 60 => (minutes, "minute"),
        _ if hours == 1 => return "About an hour".to_owned(),
        _ if hours < 48 => (hours, "hour"),
        _ if hours < 24 * 7 * 2 => (hours / 24, "day"),
        _ if hours < 24 * 30 * 2 => (hours / 24 / 7, "week"),
        _ if hours < 24 * 365 * 2 => (hours / 24 / 30, "month"),
        _ => (seconds / 31_536_000, "year"),
    };
    format!("{count} {unit}{}", if count == 1 { "" } else { "s" })
}

/// Bytes in powers of 1000, with three digits: `1.99MB`.
pub fn size(bytes: i64) -> String {
    const UNITS: [&str; 6] = ["kB", "MB", "GB", "TB", "PB", "EB"];
    if bytes < 1000 {
        return format!("{bytes}B");
    }
    // Widths of this many bytes lose nothing that three digits could show.
    #[expect(clippy::cast_precision_loss, reason = "three digits are shown")]
    let mut value = bytes as f64;
    let mut unit = "B";
    for larger in UNITS {
        if value < 1000.0 {
            break;
        }
        value /= 1000.0;
        unit = larger;
    }
    let digits = if value >= 99.95 {
        0
    } else if value >= 9.995 {
        1
    } else {
        2
    };
    let text = format!("{value:.digits$}");
    let text = if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.') } else { &text };
    format!("{text}{unit}")
}

/// Bytes in powers of 1024, with four digits: `23.54GiB`.
pub fn binary_size(bytes: u64) -> String {
    const UNITS: [&str; 6] = ["KiB", "MiB", "GiB", "TiB", "PiB", "EiB"];
    #[expect(clippy::cast_precision_loss, reason = "four digits are shown")]
    let mut value = bytes as f64;
    let mut unit = "B";
    for larger in UNITS {
        if value < 1024.0 {
            break;
        }
        value /= 1024.0;
        unit = larger;
    }
    let digits = match value {
        ..9.9995 => 3,
        ..99.995 => 2,
        ..999.95 => 1,
        _ => 0,
    };
    let text = format!("{value:.digits$}");
    let text = if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.') } else { &text };
    format!("{text}{unit}")
}

#[cfg(test)]
mod tests {
    use super::{binary_size, duration, size};

    #[test]
    fn binary_sizes_have_four_digits() {
        let found = [0, 999, 1_023, 1_024, 466_944, 1_047_552, 25_276_502_016, u64::MAX];
        assert_eq!(found.map(binary_size), ["0B", "999B", "1023B", "1KiB", "456KiB", "1023KiB", "23.54GiB", "16EiB"]);
    }

    #[test]
    fn durations_take_the_largest_unit() {
        let found = [0, 1, 59, 60, 119, 120, 3_599, 3_600, 5_400, 7_200, 172_800, 1_209_600, 5_184_000, 63_072_000];
        assert_eq!(
            found.map(duration),
            [
                "Less than a second",
                "1 second",
                "59 seconds",
                "About a minute",
                "About a minute",
                "2 minutes",
                "59 minutes",
                "About an hour",
                "2 hours",
                "2 hours",
                "2 days",
                "2 weeks",
                "2 months",
                "2 years"
            ]
        );
    }

    #[test]
    fn sizes_have_three_digits() {
        let found = [0, 999, 1_000, 1_986_814, 87_300_000, 102_400_000, 1_500_000_000];
        assert_eq!(found.map(size), ["0B", "999B", "1kB", "1.99MB", "87.3MB", "102MB", "1.5GB"]);
    }
}
