//! Numbers as Go prints them: Docker Compose's own outputs and hashes depend on it.

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
    use super::json;

    #[test]
    fn prints_as_go_does() {
        for (value, text) in [(1e-7, "1e-7"), (0.1, "0.1"), (1e21, "1e+21")] {
            assert_eq!(json(value), text);
        }
    }
}
