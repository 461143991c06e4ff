//! The functions of templates: Go's own, and those of "sprig" that are about texts and lists.

use super::evaluate::Value;
use super::normalize;
use crate::rule::pattern;

/// Calls a function by its name.
pub(super) fn call(name: &str, args: &[Value]) -> Result<Value, String> {
    let found = logic(name, args).or_else(|| lists(name, args)).or_else(|| texts(name, args));
    found.ok_or_else(|| format!("function `{name}` is not supported"))
}

fn text(value: &str) -> Value {
    Value::Text(value.to_owned())
}

fn logic(name: &str, args: &[Value]) -> Option<Value> {
    Some(match (name, args) {
        ("eq", [first, rest @ ..]) if !rest.is_empty() => Value::Flag(rest.contains(first)),
        ("ne", [a, b]) => Value::Flag(a != b),
        ("not", [value]) => Value::Flag(!value.holds()),
        ("and", [_, ..]) => args.iter().find(|value| !value.holds()).or(args.last())?.clone(),
        ("or" | "coalesce", [_, ..]) => args.iter().find(|value| value.holds()).or(args.last())?.clone(),
        ("default", [other, value]) => if value.holds() { value } else { other }.clone(),
        ("ternary", [yes, no, condition]) => if condition.holds() { yes } else { no }.clone(),
        ("empty", [value]) => Value::Flag(!value.holds()),
        ("len", [value]) => Value::Number(i64::try_from(length(value)).unwrap_or(i64::MAX)),
        ("lt", [Value::Number(a), Value::Number(b)]) => Value::Flag(a < b),
        ("le", [Value::Number(a), Value::Number(b)]) => Value::Flag(a <= b),
        ("gt", [Value::Number(a), Value::Number(b)]) => Value::Flag(a > b),
        ("ge", [Value::Number(a), Value::Number(b)]) => Value::Flag(a >= b),
        _ => return None,
    })
}

fn length(value: &Value) -> usize {
    match value {
        Value::Text(text) => text.len(),
        Value::List(items) => items.len(),
        Value::Map(entries) => entries.len(),
        Value::Number(_) | Value::Flag(_) => 0,
    }
}

fn lists(name: &str, args: &[Value]) -> Option<Value> {
    let nothing = || text("");
    Some(match (name, args) {
        ("index" | "get", [Value::Map(entries), Value::Text(key)]) => entries.get(key).cloned().unwrap_or_else(nothing),
        ("index", [Value::List(items), Value::Number(at)]) => {
            usize::try_from(*at).ok().and_then(|at| items.get(at)).cloned().unwrap_or_else(nothing)
        }
        ("hasKey", [Value::Map(entries), Value::Text(key)]) => Value::Flag(entries.contains_key(key)),
        ("list", items) => Value::List(items.to_vec()),
        ("splitList", [Value::Text(separator), Value::Text(value)]) => {
            Value::List(value.split(separator.as_str()).map(text).collect())
        }
        ("split", [Value::Text(separator), Value::Text(value)]) => {
            let parts = value.split(separator.as_str()).enumerate();
            Value::Map(parts.map(|(at, part)| (format!("_{at}"), text(part))).collect())
        }
        ("join", [Value::Text(separator), Value::List(items)]) => {
            text(&items.iter().map(Value::text).collect::<Vec<_>>().join(separator))
        }
        ("first", [Value::List(items)]) => items.first().cloned().unwrap_or_else(nothing),
        ("last", [Value::List(items)]) => items.last().cloned().unwrap_or_else(nothing),
        ("rest", [Value::List(items)]) => Value::List(items.get(1..).unwrap_or_default().to_vec()),
        ("initial", [Value::List(items)]) => {
            Value::List(items.split_last().map(|(_, initial)| initial.to_vec()).unwrap_or_default())
        }
        ("has", [item, Value::List(items)]) => Value::Flag(items.contains(item)),
        _ => return None,
    })
}

fn texts(name: &str, args: &[Value]) -> Option<Value> {
    if matches!(name, "print" | "cat" | "printf") {
        let all: Vec<String> = args.iter().map(Value::text).collect();
        return Some(Value::Text(match name {
            "print" => all.concat(),
            "cat" => all.join(" "),
            _ => formatted(&all)?,
        }));
    }
    if name == "substr" {
        let [Value::Number(start), Value::Number(end), Value::Text(value)] = args else { return None };
        let (start, end) = (usize::try_from(*start).unwrap_or(0), usize::try_from(*end).unwrap_or(value.len()));
        return Some(text(value.get(start..end.min(value.len())).unwrap_or_default()));
    }
    if name == "trunc" {
        let [Value::Number(count), Value::Text(value)] = args else { return None };
        let length = usize::try_from(count.unsigned_abs()).unwrap_or(usize::MAX).min(value.len());
        let cut = if *count < 0 { value.get(value.len() - length..) } else { value.get(..length) };
        return Some(text(cut.unwrap_or(value)));
    }
    let all: Vec<&str> = args
        .iter()
        .map(|value| match value {
            Value::Text(text) => Some(text.as_str()),
            _ => None,
        })
        .collect::<Option<_>>()?;
    Some(match (name, all.as_slice()) {
        ("normalize", [value]) => Value::Text(normalize(value)),
        ("lower", [value]) => Value::Text(value.to_lowercase()),
        ("upper", [value]) => Value::Text(value.to_uppercase()),
        ("title", [value]) => Value::Text(title(value)),
        ("trim", [value]) => text(value.trim()),
        ("nospace", [value]) => Value::Text(value.split_whitespace().collect()),
        ("trimAll", [cut, value]) => text(value.trim_matches(|c| cut.contains(c))),
        ("trimPrefix", [prefix, value]) => text(value.strip_prefix(prefix).unwrap_or(value)),
        ("trimSuffix", [suffix, value]) => text(value.strip_suffix(suffix).unwrap_or(value)),
        ("replace", [old, new, value]) => Value::Text(value.replace(old, new)),
        ("contains", [part, value]) => Value::Flag(value.contains(part)),
        ("hasPrefix", [prefix, value]) => Value::Flag(value.starts_with(prefix)),
        ("hasSuffix", [suffix, value]) => Value::Flag(value.ends_with(suffix)),
        ("quote", [value]) => Value::Text(format!("{value:?}")),
        ("squote", [value]) => Value::Text(format!("'{value}'")),
        ("regexMatch", [regex, value]) => Value::Flag(pattern::compile(regex).ok()?.is_match(value.as_bytes())),
        ("regexReplaceAll", [regex, value, new]) => {
            let replaced = pattern::compile(regex).ok()?.replace_all(value.as_bytes(), new.as_bytes()).into_owned();
            Value::Text(String::from_utf8_lossy(&replaced).into_owned())
        }
        _ => return None,
    })
}

fn title(value: &str) -> String {
    let mut start = true;
    value
        .chars()
        .map(|c| {
            let next = if start { c.to_ascii_uppercase() } else { c };
            start = !c.is_alphanumeric();
            next
        })
        .collect()
}

/// `printf` with the verbs that take any value.
fn formatted(args: &[String]) -> Option<String> {
    let (format, values) = args.split_first()?;
    let mut values = values.iter();
    let mut out = String::new();
    let mut characters = format.chars();
    while let Some(c) = characters.next() {
        if c != '%' {
            out.push(c);
            continue;
        }
        match characters.next()? {
            '%' => out.push('%'),
            's' | 'v' | 'd' => out.push_str(values.next()?),
            'q' => out.push_str(&format!("{:?}", values.next()?)),
            _ => return None,
        }
    }
    Some(out)
}
