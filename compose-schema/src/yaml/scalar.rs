//! The type of a scalar, as Docker Compose's reader (Go's `yaml.v3`) decides it: neither YAML 1.1 nor YAML 1.2.

use super::Value;

/// What an explicit `!!` tag asks a scalar to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum CoreTag {
    String,
    Bool,
    Int,
    Float,
    Null,
    Timestamp,
    Binary,
}

impl CoreTag {
    /// The tag behind `!!name`; nothing for collections and names that scalars ignore.
    pub(super) fn named(name: &str) -> Option<Self> {
        match name {
            "str" => Some(Self::String),
            "bool" => Some(Self::Bool),
            "int" => Some(Self::Int),
            "float" => Some(Self::Float),
            "null" => Some(Self::Null),
            "timestamp" => Some(Self::Timestamp),
            "binary" => Some(Self::Binary),
            _ => None,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::String => "!!str",
            Self::Bool => "!!bool",
            Self::Int => "!!int",
            Self::Float => "!!float",
            Self::Null => "!!null",
            Self::Timestamp => "!!timestamp",
            Self::Binary => "!!binary",
        }
    }
}

/// A plain scalar without a tag.
pub(super) fn plain(text: &str) -> Value {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => return Value::Null,
        "true" | "True" | "TRUE" => return Value::Bool(true),
        "false" | "False" | "FALSE" => return Value::Bool(false),
        ".nan" | ".NaN" | ".NAN" => return Value::Float(f64::NAN),
        ".inf" | ".Inf" | ".INF" | "+.inf" | "+.Inf" | "+.INF" => return Value::Float(f64::INFINITY),
        "-.inf" | "-.Inf" | "-.INF" => return Value::Float(f64::NEG_INFINITY),
        _ => {}
    }
    let number = match text.as_bytes().first() {
        Some(b'.') => float(text),
        Some(b'+' | b'-' | b'0'..=b'9') if rfc3339(text).is_some() => Some(Value::Timestamp(text.to_owned())),
        Some(b'+' | b'-' | b'0'..=b'9') => number(text),
        _ => None,
    };
    number.unwrap_or_else(|| Value::String(text.to_owned()))
}

/// A scalar with an explicit tag, however it is quoted.
///
/// # Errors
/// Words that continue "the value ..." where the text is not what the tag asks for.
pub(super) fn tagged(text: &str, tag: CoreTag) -> Result<Value, String> {
    let resolved = match tag {
        CoreTag::String => return Ok(Value::String(text.to_owned())),
        CoreTag::Binary => {
            let bytes = base64(text).ok_or("is not valid base64")?;
            return String::from_utf8(bytes).map(Value::String).map_err(|_| "is not text once decoded".to_owned());
        }
        _ => plain(text),
    };
    match (tag, resolved) {
        (CoreTag::Float, Value::Int(value)) => Ok(Value::Float(value as f64)),
        (CoreTag::Bool, value @ Value::Bool(_))
        | (CoreTag::Int, value @ Value::Int(_))
        | (CoreTag::Float, value @ Value::Float(_))
        | (CoreTag::Null, value @ Value::Null)
        | (CoreTag::Timestamp, value @ Value::Timestamp(_)) => Ok(value),
        _ => Err(format!("cannot be read as `{}`", tag.name())),
    }
}

/// A number as Go's `%v` prints it: the shortest digits, an exponent from a million up and below 1e-4.
#[must_use]
pub fn format_float(value: f64) -> String {
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
    format!("{mantissa}e{sign}{:02}", exponent.abs())
}

/// An integer, else a float, of a text that starts with a digit or a sign; `_` between digits does not count.
fn number(text: &str) -> Option<Value> {
    let digits: std::borrow::Cow<'_, str> = if text.contains('_') { text.replace('_', "").into() } else { text.into() };
    integer(&digits).or_else(|| if is_float(&digits) { float(&digits) } else { None })
}

fn integer(text: &str) -> Option<Value> {
    let (negative, signed, digits) = match text.strip_prefix('-') {
        Some(rest) => (true, true, rest),
        None => match text.strip_prefix('+') {
            Some(rest) => (false, true, rest),
            None => (false, false, text),
        },
    };
    let (radix, digits) = match digits.as_bytes() {
        [b'0', b'x' | b'X', ..] => (16, digits.get(2..)?),
        [b'0', b'b' | b'B', ..] => (2, digits.get(2..)?),
        [b'0', b'o' | b'O', ..] => (8, digits.get(2..)?),
        [b'0', _, ..] => (8, digits.get(1..)?),
        _ => (10, digits),
    };
    if digits.is_empty() || !digits.chars().all(|digit| digit.is_digit(radix)) {
        return None;
    }
    let magnitude = i128::from(u64::from_str_radix(digits, radix).ok()?);
    let value = if negative { -magnitude } else { magnitude };
    let limit = i128::from(i64::MAX);
    let fits = if signed { (-limit - 1..=limit).contains(&value) } else { true };
    fits.then_some(Value::Int(value))
}

/// `[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?`
fn is_float(text: &str) -> bool {
    let rest = text.strip_prefix(['-', '+']).unwrap_or(text);
    let (mantissa, exponent) = match rest.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, Some(exponent)),
        None => (rest, None),
    };
    let all_digits = |digits: &str| digits.bytes().all(|byte| byte.is_ascii_digit());
    let mantissa_fits = match mantissa.split_once('.') {
        Some((whole, fraction)) => {
            all_digits(whole) && all_digits(fraction) && !(whole.is_empty() && fraction.is_empty())
        }
        None => !mantissa.is_empty() && all_digits(mantissa),
    };
    mantissa_fits
        && exponent.is_none_or(|exponent| {
            let digits = exponent.strip_prefix(['-', '+']).unwrap_or(exponent);
            !digits.is_empty() && all_digits(digits)
        })
}

/// A float; what overflows is no number.
fn float(text: &str) -> Option<Value> {
    let value: f64 = text.parse().ok()?;
    value.is_finite().then_some(Value::Float(value))
}

/// `2001-1-2`, `2001-1-2T3:4:5.6Z`, `2001-1-2 3:4:5`, with dates and times that exist, as Go writes them (RFC 3339);
/// nothing for other texts.
#[must_use]
pub fn rfc3339(text: &str) -> Option<String> {
    fn take(text: &str, digits: std::ops::RangeInclusive<usize>) -> Option<(u32, &str)> {
        let length = text.bytes().take_while(u8::is_ascii_digit).count().min(*digits.end());
        if length < *digits.start() {
            return None;
        }
        let (number, rest) = text.split_at(length);
        Some((number.parse().ok()?, rest))
    }
    fn time(text: &str) -> Option<(String, &str)> {
        let (hour, rest) = take(text, 1..=2)?;
        let (minute, rest) = take(rest.strip_prefix(':')?, 1..=2)?;
        let (second, rest) = take(rest.strip_prefix(':')?, 1..=2)?;
        if hour > 23 || minute > 59 || second > 59 {
            return None;
        }
        let whole = format!("{hour:02}:{minute:02}:{second:02}");
        let Some(fraction) = rest.strip_prefix('.') else { return Some((whole, rest)) };
        let digits = fraction.bytes().take_while(u8::is_ascii_digit).count();
        let (fraction, rest) = fraction.split_at(digits);
        let nanoseconds = fraction.get(..9).unwrap_or(fraction).trim_end_matches('0');
        Some((if nanoseconds.is_empty() { whole } else { format!("{whole}.{nanoseconds}") }, rest))
    }
    fn zone(text: &str) -> Option<&str> {
        if text == "Z" {
            return Some(text);
        }
        let (hour, rest) = take(text.strip_prefix(['+', '-'])?, 2..=2)?;
        let (minute, rest) = take(rest.strip_prefix(':')?, 2..=2)?;
        (minute < 60 && rest.is_empty()).then_some(if hour + minute == 0 { "Z" } else { text })
    }
    let (year, rest) = take(text, 4..=4)?;
    let (month, rest) = take(rest.strip_prefix('-')?, 1..=2)?;
    let (day, rest) = take(rest.strip_prefix('-')?, 1..=2)?;
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let days = match month {
        2 => 28 + u32::from(leap),
        4 | 6 | 9 | 11 => 30,
        1..=12 => 31,
        _ => return None,
    };
    if day == 0 || day > days {
        return None;
    }
    let date = format!("{year:04}-{month:02}-{day:02}");
    if rest.is_empty() {
        return Some(format!("{date}T00:00:00Z"));
    }
    match rest.strip_prefix(['T', 't']) {
        Some(rest) => {
            let (time, rest) = time(rest)?;
            Some(format!("{date}T{time}{}", zone(rest)?))
        }
        None => {
            let (time, rest) = time(rest.strip_prefix(' ')?)?;
            rest.is_empty().then(|| format!("{date}T{time}Z"))
        }
    }
}

/// Standard base64 with padding; line ends do not count.
fn base64(text: &str) -> Option<Vec<u8>> {
    let symbols: Vec<u8> = text.bytes().filter(|byte| !matches!(byte, b'\n' | b'\r')).collect();
    if !symbols.len().is_multiple_of(4) {
        return None;
    }
    let mut bytes = Vec::with_capacity(symbols.len() / 4 * 3);
    let last = symbols.len() / 4;
    for (index, group) in symbols.chunks(4).enumerate() {
        let padding = group.iter().rev().take_while(|&&symbol| symbol == b'=').count();
        if padding > 2 || (padding > 0 && index + 1 != last) {
            return None;
        }
        let mut bits = 0u32;
        for &symbol in group.iter().take(4 - padding) {
            let six = match symbol {
                b'A'..=b'Z' => symbol - b'A',
                b'a'..=b'z' => symbol - b'a' + 26,
                b'0'..=b'9' => symbol - b'0' + 52,
                b'+' => 62,
                b'/' => 63,
                _ => return None,
            };
            bits = bits << 6 | u32::from(six);
        }
        bits <<= 6 * padding;
        bytes.extend(bits.to_be_bytes().into_iter().skip(1).take(3 - padding));
    }
    Some(bytes)
}
