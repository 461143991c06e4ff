//! Numbers as Go prints them: Docker Compose's own outputs and hashes depend on it.

/// A float as Go's `%g` with the shortest digits: with an exponent below 1e-04 and from 1e+06 up.
#[must_use]
pub fn general(value: f64) -> String {
    if value.is_nan() {
        return "NaN".to_owned();
    }
    if value.is_infinite() {
        return if value > 0.0 { "+Inf" } else { "-Inf" }.to_owned();
    }
    let scientific = format!("{value:e}");
    let (mantissa, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    if (-4..6).contains(&exponent) {
        return format!("{value}");
    }
    let sign = if exponent < 0 { '-' } else { '+' };
    format!("{mantissa}e{sign}{:02}", exponent.unsigned_abs())
}

/// A float as Go's `encoding/json` writes it.
#[must_use]
pub fn json(value: f64) -> String {
    let size = value.abs();
    if size != 0.0 && !(1e-6..1e21).contains(&size) {
        let scientific = format!("{value:e}");
        return match scientific.split_once('e') {
            Some((mantissa, exponent)) if !exponent.starts_with('-') => format!("{mantissa}e+{exponent}"),
            _ => scientific,
        };
    }
    format!("{value}")
}

#[cfg(test)]
mod tests {
    use super::{general, json};

    #[test]
    fn prints_as_go_does() {
        for (value, text) in [
            (1e6, "1e+06"),
            (1e3, "1000"),
            (123_456_789.0, "1.23456789e+08"),
            (0.00001, "1e-05"),
            (1.10, "1.1"),
            (0.5, "0.5"),
            (1e21, "1e+21"),
            (1.844_674_407_370_955_2e19, "1.8446744073709552e+19"),
            (-0.0, "-0"),
            (f64::INFINITY, "+Inf"),
        ] {
            assert_eq!(general(value), text);
        }
        assert_eq!(json(1e-7), "1e-7");
        assert_eq!(json(0.1), "0.1");
        assert_eq!(json(1e21), "1e+21");
    }
}
