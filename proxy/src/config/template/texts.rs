//! Functions about texts.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest as _, Sha256};

use crate::rule::pattern;
use crate::template::{Value, quoted};

/// Letters and digits, everything between them one hyphen.
pub(in crate::config) fn normalize(text: &str) -> String {
    let parts: Vec<&str> = text.split(|c: char| !c.is_alphanumeric()).filter(|part| !part.is_empty()).collect();
    parts.join("-")
}

/// The parts of a text; without a separator its characters.
pub(super) fn parts<'a>(text: &'a str, separator: &'a str) -> Box<dyn Iterator<Item = &'a str> + 'a> {
    if separator.is_empty() {
        Box::new(text.split("").filter(|part| !part.is_empty()))
    } else {
        Box::new(text.split(separator))
    }
}

/// `$NAME` and `${NAME}` filled in.
pub(super) fn expanded(text: &str, variable: &dyn Fn(&str) -> String) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('$') {
        out.push_str(before);
        let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
        let (name, tail) = match after.strip_prefix('{').and_then(|inner| inner.split_once('}')) {
            Some(found) => found,
            None => after.split_at(after.find(|c| !is_name(c)).unwrap_or(after.len())),
        };
        if name.is_empty() {
            out.push('$');
        }
        out.push_str(&variable(name));
        rest = tail;
    }
    out + rest
}

/// Whether a result may be as long as this many times that many bytes.
fn fits(times: usize, bytes: usize) -> bool {
    times.saturating_mul(bytes) <= 16 * 1024 * 1024
}

/// Calls a function; `None` where it is none of these.
pub(super) fn call(name: &str, args: &[Value]) -> Option<Result<Value, String>> {
    let joined = |separator: &str, show: fn(&Value) -> String| {
        let shown: Vec<String> = args.iter().filter(|value| **value != Value::Nothing).map(show).collect();
        Value::Text(shown.join(separator))
    };
    match (name, args) {
        ("cat", _) => return Some(Ok(joined(" ", Value::text))),
        ("quote", _) => return Some(Ok(joined(" ", |value| quoted(&value.text())))),
        ("squote", _) => return Some(Ok(joined(" ", |value| format!("'{}'", value.text())))),
        ("toString", [value]) => return Some(Ok(Value::Text(value.text()))),
        _ => {}
    }
    match (name, args) {
        ("regexFindAll" | "regexSplit", [Value::Text(expression), Value::Text(text), Value::Number(most)]) => {
            return Some(several(name, expression, text, *most));
        }
        ("plural", [Value::Text(one), Value::Text(many), Value::Number(count)]) => {
            return Some(Ok(Value::Text(if *count == 1 { one } else { many }.clone())));
        }
        _ => {}
    }
    match args {
        [numbers @ .., Value::Text(text)] if numbers.iter().any(|value| matches!(value, Value::Number(_))) => {
            with_numbers(name, numbers, text)
        }
        _ => {
            let text = |value: &Value| match value {
                Value::Text(text) => Some(text.clone()),
                _ => None,
            };
            let all: Vec<String> = args.iter().map(text).collect::<Option<_>>()?;
            let all: Vec<&str> = all.iter().map(String::as_str).collect();
            if let ([_, a, b], true) = (all.as_slice(), name.contains("eplace"))
                && !fits(a.len().max(1), b.len().max(1))
            {
                return Some(Err(format!("`{name}`: the text becomes too long")));
            }
            plain(name, &all).map(Ok).or_else(|| regular(name, &all))
        }
    }
}

/// The matches of an expression, or what is between them: `most` at most, unless that is less than zero.
fn several(name: &str, expression: &str, text: &str, most: i64) -> Result<Value, String> {
    let expression = pattern::compile(expression).map_err(|error| format!("`{name}`: {error}"))?;
    let most = usize::try_from(most).unwrap_or(usize::MAX);
    let shown = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    Ok(if name == "regexFindAll" {
        expression.find_iter(text.as_bytes()).take(most).map(|found| shown(found.as_bytes())).collect()
    } else {
        expression.splitn(text.as_bytes(), most).map(shown).collect()
    })
}

/// Functions whose last argument is a text, after numbers.
fn with_numbers(name: &str, numbers: &[Value], text: &str) -> Option<Result<Value, String>> {
    let count = |value: &Value| match value {
        Value::Number(number) => Some(*number),
        _ => None,
    };
    let size = |number: i64| usize::try_from(number).unwrap_or(0);
    let characters = |text: &str, count: usize| text.chars().take(count).collect::<String>();
    let numbers: Vec<i64> = numbers.iter().map(count).collect::<Option<_>>()?;
    Some(Ok(Value::Text(match (name, numbers.as_slice()) {
        ("substr", [start, end]) => {
            let end = usize::try_from(*end).unwrap_or(text.len()).min(text.len());
            text.get(size(*start)..end).unwrap_or_default().to_owned()
        }
        ("trunc", [count]) => {
            let length = usize::try_from(count.unsigned_abs()).unwrap_or(usize::MAX).min(text.len());
            let cut = if *count < 0 { text.get(text.len() - length..) } else { text.get(..length) };
            cut.unwrap_or(text).to_owned()
        }
        ("repeat", [count]) => {
            let count = size(*count);
            if !fits(text.len(), count) {
                return Some(Err("`repeat`: the text becomes too long".to_owned()));
            }
            text.repeat(count)
        }
        ("indent" | "nindent", [count]) if !fits(text.len() + 1, size(*count).min(1024)) => {
            return Some(Err(format!("`{name}`: the text becomes too long")));
        }
        ("indent", [count]) => indented(text, size(*count)),
        ("nindent", [count]) => format!("\n{}", indented(text, size(*count))),
        ("abbrev", [width]) => {
            let width = size(*width);
            if width < 4 || text.chars().count() <= width {
                text.to_owned()
            } else {
                characters(text, width - 3) + "..."
            }
        }
        _ => return None,
    })))
}

fn indented(text: &str, count: usize) -> String {
    let margin = " ".repeat(count.min(1024));
    format!("{margin}{}", text.replace('\n', &format!("\n{margin}")))
}

/// Functions of texts alone.
fn plain(name: &str, args: &[&str]) -> Option<Value> {
    Some(match (name, args) {
        ("normalize", [value]) => Value::Text(normalize(value)),
        ("lower", [value]) => Value::Text(value.to_lowercase()),
        ("upper", [value]) => Value::Text(value.to_uppercase()),
        ("title", [value]) => Value::Text(starts(value, |c| c.to_uppercase().to_string())),
        ("untitle", [value]) => Value::Text(starts(value, |c| c.to_lowercase().to_string())),
        ("trim", [value]) => value.trim().into(),
        ("nospace", [value]) => Value::Text(value.split_whitespace().collect()),
        ("initials", [value]) => Value::Text(value.split_whitespace().filter_map(|word| word.chars().next()).collect()),
        ("trimAll" | "trimall", [cut, value]) => value.trim_matches(|c| cut.contains(c)).into(),
        ("trimPrefix", [prefix, value]) => value.strip_prefix(prefix).unwrap_or(value).into(),
        ("trimSuffix", [suffix, value]) => value.strip_suffix(suffix).unwrap_or(value).into(),
        ("replace", [old, new, value]) => Value::Text(value.replace(old, new)),
        ("contains", [part, value]) => Value::Flag(value.contains(part)),
        ("hasPrefix", [prefix, value]) => Value::Flag(value.starts_with(prefix)),
        ("hasSuffix", [suffix, value]) => Value::Flag(value.ends_with(suffix)),
        ("splitList", [separator, value]) => parts(value, separator).map(str::to_owned).collect(),
        ("split", [separator, value]) => {
            let parts = parts(value, separator).enumerate();
            Value::Map(parts.map(|(at, part)| (format!("_{at}"), part.into())).collect())
        }
        ("snakecase", [value]) => Value::Text(words(value).join("_")),
        ("kebabcase", [value]) => Value::Text(words(value).join("-")),
        ("camelcase", [value]) => {
            let words = words(value);
            let later = words.iter().skip(1).map(|word| starts(word, |c| c.to_uppercase().to_string()));
            Value::Text(words.first().cloned().into_iter().chain(later).collect())
        }
        ("b64enc", [value]) => Value::Text(STANDARD.encode(value)),
        ("b64dec", [value]) => Value::Text(match STANDARD.decode(value) {
            Ok(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
            // As "sprig" answers.
            Err(base64::DecodeError::InvalidByte(at, _)) => format!("illegal base64 data at input byte {at}"),
            Err(error) => error.to_string(),
        }),
        ("adler32sum", [value]) => {
            let sums = value.bytes().fold((1_u32, 0_u32), |(a, b), byte| {
                let a = (a + u32::from(byte)) % 65_521;
                (a, (b + a) % 65_521)
            });
            Value::Text((sums.1 << 16 | sums.0).to_string())
        }
        ("sha256sum", [value]) => Value::Text(Sha256::digest(value).iter().map(|byte| format!("{byte:02x}")).collect()),
        ("swapcase", [value]) => Value::Text(
            value
                .chars()
                .flat_map(|c| {
                    if c.is_uppercase() { c.to_lowercase().collect::<Vec<_>>() } else { c.to_uppercase().collect() }
                })
                .collect(),
        ),
        ("base", [value]) => match value.trim_end_matches('/').rsplit('/').next() {
            _ if value.is_empty() => ".".into(),
            None | Some("") => "/".into(),
            Some(last) => last.into(),
        },
        ("ext", [value]) => {
            let last = value.rsplit('/').next().unwrap_or_default();
            last.rfind('.').and_then(|at| last.get(at..)).unwrap_or_default().into()
        }
        ("dir", [value]) => match value.rsplit_once('/') {
            None => ".".into(),
            Some((before, _)) if before.trim_end_matches('/').is_empty() => "/".into(),
            Some((before, _)) => before.trim_end_matches('/').into(),
        },
        ("isAbs", [value]) => Value::Flag(value.starts_with('/')),
        _ => return None,
    })
}

/// Functions with regular expressions.
fn regular(name: &str, args: &[&str]) -> Option<Result<Value, String>> {
    if !name.starts_with("regex") {
        return None;
    }
    if let ("regexQuoteMeta", [value]) = (name, args) {
        return Some(Ok(Value::Text(regex::escape(value))));
    }
    let expression = match pattern::compile(args.first()?) {
        Ok(expression) => expression,
        Err(error) => return Some(Err(format!("`{name}`: {error}"))),
    };
    let text = |bytes: &[u8]| Value::Text(String::from_utf8_lossy(bytes).into_owned());
    Some(Ok(match (name, args) {
        ("regexMatch", [_, value]) => Value::Flag(expression.is_match(value.as_bytes())),
        ("regexFind", [_, value]) => {
            expression.find(value.as_bytes()).map_or_else(|| "".into(), |found| text(found.as_bytes()))
        }
        ("regexReplaceAll", [_, value, new]) => text(&expression.replace_all(value.as_bytes(), new.as_bytes())),
        ("regexReplaceAllLiteral", [_, value, new]) => {
            text(&expression.replace_all(value.as_bytes(), regex::bytes::NoExpand(new.as_bytes())))
        }
        _ => return None,
    }))
}

/// The words of a name, in lower case: at hyphens, underscores, white space, and where lower case becomes upper.
fn words(value: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut word = String::new();
    let mut before = ' ';
    for c in value.chars() {
        let breaks = matches!(c, '-' | '_') || c.is_whitespace();
        if (breaks || (c.is_uppercase() && before.is_lowercase())) && !word.is_empty() {
            words.push(std::mem::take(&mut word));
        }
        if !breaks {
            word.extend(c.to_lowercase());
        }
        before = c;
    }
    words.extend((!word.is_empty()).then_some(word));
    words
}

/// Changes the first character of each word.
fn starts(value: &str, change: fn(char) -> String) -> String {
    let mut start = true;
    value
        .chars()
        .map(|c| {
            let next = if start { change(c) } else { c.to_string() };
            start = !c.is_alphanumeric() && c != '_';
            next
        })
        .collect()
}
