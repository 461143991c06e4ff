//! The functions of templates: what decides, lists and maps, and the way to the others.

use std::borrow::Cow;
use std::cmp::Ordering;
use std::collections::BTreeMap;

use super::value::Value;
use super::{Context, dates, numbers, texts};

/// The name of a function without `must`: such functions are the same, but for errors that would be results otherwise.
pub(super) fn bare(name: &str) -> Cow<'_, str> {
    match name.strip_prefix("must").and_then(|rest| rest.split_at_checked(1)) {
        Some((first, rest)) => Cow::Owned(format!("{}{rest}", first.to_lowercase())),
        None => Cow::Borrowed(name),
    }
}

/// Calls a function by its name.
pub(super) fn call(name: &str, args: &[Value], context: &Context<'_>) -> Result<Value, String> {
    if name == "fail" {
        return Err(args.iter().map(Value::text).collect());
    }
    let name = &*bare(name);
    let variable = |name: &str| context.environment.get(name).cloned().unwrap_or_default();
    match (name, args) {
        ("env", [Value::Text(name)]) => return Ok(Value::Text(variable(name))),
        ("getHostByName", [Value::Text(name)]) => return address(name),
        ("uuidv4", []) => return uuid(),
        ("expandenv", [Value::Text(text)]) => return Ok(Value::Text(texts::expanded(text, &variable))),
        ("split", [Value::Text(text), Value::Text(separator)]) if context.split_is_go => {
            return Ok(texts::parts(text, separator).map(str::to_owned).collect());
        }
        ("index", [value, keys @ ..]) => {
            // Labels are texts, of which an empty one is none; what a map of anything lacks is nothing.
            let missing = if context.fields.is_empty() { Value::Nothing } else { "".into() };
            return index(value, keys, &missing);
        }
        _ => {}
    }
    if let Some(result) =
        numbers::call(name, args).or_else(|| texts::call(name, args)).or_else(|| dates::call(name, args))
    {
        return result;
    }
    let kinds = || args.iter().map(Value::kind).collect::<Vec<_>>().join(", ");
    let found = logic(name, args).or_else(|| lists(name, args)).or_else(|| maps(name, args));
    found.unwrap_or_else(|| match args.is_empty() {
        true => Err(format!("function `{name}` is not supported")),
        false => Err(format!("function `{name}` is not supported, or not with these arguments ({})", kinds())),
    })
}

fn logic(name: &str, args: &[Value]) -> Option<Result<Value, String>> {
    let compare = |fits: fn(Ordering) -> bool| match args {
        [a, b] => Some(
            order(a, b)
                .map(fits)
                .map(Value::Flag)
                .ok_or_else(|| format!("`{name}`: {} and {} have no order", a.kind(), b.kind())),
        ),
        _ => None,
    };
    Some(Ok(match (name, args) {
        ("eq", [first, rest @ ..]) if !rest.is_empty() => {
            if let Some(other) = rest.iter().find(|other| !comparable(first, other)) {
                return Some(Err(format!("`eq`: {} and {} are not compared", kind(first), kind(other))));
            }
            Value::Flag(rest.contains(first))
        }
        ("ne", [a, b]) if comparable(a, b) => Value::Flag(a != b),
        ("lt", _) => return compare(Ordering::is_lt),
        ("le", _) => return compare(Ordering::is_le),
        ("gt", _) => return compare(Ordering::is_gt),
        ("ge", _) => return compare(Ordering::is_ge),
        ("not", [value]) => Value::Flag(!value.holds()),
        ("coalesce", _) => args.iter().find(|value| value.holds()).cloned().unwrap_or(Value::Nothing),
        ("default", [other]) => other.clone(),
        ("default", [other, value]) => if value.holds() { value } else { other }.clone(),
        ("ternary", [yes, no, condition]) => if condition.holds() { yes } else { no }.clone(),
        ("empty", [value]) => Value::Flag(!value.holds()),
        ("all", _) => Value::Flag(args.iter().all(Value::holds)),
        ("any", _) => Value::Flag(args.iter().any(Value::holds)),
        ("kindOf", [value]) => kind(value).into(),
        ("typeOf", [value]) => match kind(value) {
            "slice" => "[]interface {}",
            "map" => "map[string]interface {}",
            "invalid" => "<nil>",
            other => other,
        }
        .into(),
        ("deepCopy", [value]) => value.clone(),
        ("kindIs", [Value::Text(name), value]) => Value::Flag(kind(value) == name),
        ("len", [value]) => match value {
            Value::Text(text) => count(text.len()),
            Value::List(items) => count(items.len()),
            Value::Map(entries) => count(entries.len()),
            other => return Some(Err(format!("`len`: {} has no length", other.kind()))),
        },
        ("toJson", [value]) => Value::Text(value.json().to_string()),
        ("toPrettyJson", [value]) => match serde_json::to_string_pretty(&value.json()) {
            Ok(text) => Value::Text(text),
            Err(error) => return Some(Err(error.to_string())),
        },
        ("fromJson", [Value::Text(text)]) => {
            serde_json::from_str(text).map_or_else(|_| Value::Text(String::new()), Value::of_json)
        }
        _ => return None,
    }))
}

/// An address of a host.
fn address(name: &str) -> Result<Value, String> {
    use std::net::ToSocketAddrs;
    let found = (name, 0_u16).to_socket_addrs().map_err(|error| format!("`getHostByName`: `{name}`: {error}"))?;
    let mut found: Vec<_> = found.map(|found| found.ip()).collect();
    // One of them that stays the same as long as they do: a file is read again whenever it may have changed.
    found.sort_unstable();
    let first = found.first().ok_or_else(|| format!("`getHostByName`: `{name}` has no address"))?;
    Ok(Value::Text(first.to_string()))
}

/// An identifier that nobody has (RFC 9562 section 5.4).
fn uuid() -> Result<Value, String> {
    let mut bytes = [0; 16];
    aws_lc_rs::rand::fill(&mut bytes).map_err(|_| "`uuidv4`: there is no randomness".to_owned())?;
    let random = u128::from_be_bytes(bytes);
    let random = random & !(0xf << 76 | 0x3 << 62) | 0x4 << 76 | 0x2 << 62;
    let digits = format!("{random:032x}");
    let parts = [0..8, 8..12, 12..16, 16..20, 20..32].map(|part| digits.get(part).unwrap_or_default());
    Ok(Value::Text(parts.join("-")))
}

fn count(length: usize) -> Value {
    Value::Number(i64::try_from(length).unwrap_or(i64::MAX))
}

/// Go's name of a kind.
pub(super) const fn kind(value: &Value) -> &'static str {
    match value {
        Value::Nothing => "invalid",
        Value::Text(_) => "string",
        Value::Number(_) => "int",
        Value::Float(_) => "float64",
        Value::Flag(_) => "bool",
        Value::Time(_) => "struct",
        Value::List(_) => "slice",
        Value::Map(_) => "map",
    }
}

fn order(a: &Value, b: &Value) -> Option<Ordering> {
    match (a, b) {
        (Value::Number(a), Value::Number(b)) => Some(a.cmp(b)),
        (Value::Float(a), Value::Float(b)) => a.partial_cmp(b),
        (Value::Text(a), Value::Text(b)) => Some(a.cmp(b)),
        _ => None,
    }
}

/// Go compares values of one kind, and nothing with anything.
fn comparable(a: &Value, b: &Value) -> bool {
    kind(a) == kind(b) || [a, b].contains(&&Value::Nothing)
}

/// The items of a list.
fn items(value: &Value) -> Option<&[Value]> {
    match value {
        Value::List(items) => Some(items),
        _ => None,
    }
}

/// As texts, without what is not there.
fn there(items: &[Value]) -> impl Iterator<Item = String> {
    items.iter().filter(|item| **item != Value::Nothing).map(Value::text)
}

/// Each of them once.
fn once(items: impl IntoIterator<Item = Value>) -> Vec<Value> {
    let mut kept: Vec<Value> = Vec::new();
    for item in items {
        if !kept.contains(&item) {
            kept.push(item);
        }
    }
    kept
}

fn lists(name: &str, args: &[Value]) -> Option<Result<Value, String>> {
    let nothing = Value::Nothing;
    Some(Ok(match (name, args) {
        ("list" | "tuple", items) => Value::List(items.to_vec()),
        ("slice", [Value::List(items), bounds @ ..]) => return Some(slice(items, bounds)),
        ("first", [Value::List(items)]) => items.first().cloned().unwrap_or(nothing),
        ("last", [Value::List(items)]) => items.last().cloned().unwrap_or(nothing),
        ("rest", [Value::List(items)]) => Value::List(items.get(1..).unwrap_or_default().to_vec()),
        ("initial", [Value::List(items)]) => {
            Value::List(items.split_last().map(|(_, initial)| initial.to_vec()).unwrap_or_default())
        }
        ("append" | "push", [Value::List(items), item]) => Value::List(items.iter().chain([item]).cloned().collect()),
        ("prepend", [Value::List(items), item]) => Value::List([item].into_iter().chain(items).cloned().collect()),
        ("concat", all) => {
            let all: Vec<&[Value]> = all.iter().map(items).collect::<Option<_>>()?;
            Value::List(all.concat())
        }
        ("reverse", [Value::List(items)]) => Value::List(items.iter().rev().cloned().collect()),
        ("uniq", [Value::List(items)]) => Value::List(once(items.iter().cloned())),
        ("without", [Value::List(items), gone @ ..]) => {
            Value::List(items.iter().filter(|item| !gone.contains(item)).cloned().collect())
        }
        ("compact", [Value::List(items)]) => Value::List(items.iter().filter(|item| item.holds()).cloned().collect()),
        ("has", [item, Value::List(items)]) => Value::Flag(items.contains(item)),
        ("has", [_, Value::Nothing]) => Value::Flag(false),
        ("chunk", [Value::Number(size), Value::List(items)]) if *size > 0 => {
            let size = usize::try_from(*size).unwrap_or(usize::MAX);
            Value::List(items.chunks(size).map(|part| Value::List(part.to_vec())).collect())
        }
        ("sortAlpha", [Value::List(items)]) => {
            let mut sorted: Vec<String> = there(items).collect();
            sorted.sort_unstable();
            sorted.into_iter().collect()
        }
        ("toStrings", [Value::List(items)]) => there(items).collect(),
        ("join", [Value::Text(separator), Value::List(items)]) => {
            if items.len().saturating_mul(separator.len()) > 16 * 1024 * 1024 {
                return Some(Err("`join`: the text becomes too long".to_owned()));
            }
            Value::Text(there(items).collect::<Vec<_>>().join(separator))
        }
        ("join", [Value::Text(_), value]) => Value::Text(value.text()),
        _ => return None,
    }))
}

fn index(value: &Value, keys: &[Value], missing: &Value) -> Result<Value, String> {
    let mut value = value.clone();
    for key in keys {
        value = match (value, key) {
            (Value::Map(mut entries), Value::Text(key)) => entries.remove(key).unwrap_or_else(|| missing.clone()),
            (Value::List(items), Value::Number(at)) => {
                let found = usize::try_from(*at).ok().and_then(|at| items.get(at)).cloned();
                found.ok_or_else(|| format!("`index`: {at} is outside of a list of {}", items.len()))?
            }
            (value, key) => return Err(format!("`index`: {} has no {}", value.kind(), key.text())),
        };
    }
    Ok(value)
}

fn slice(items: &[Value], bounds: &[Value]) -> Result<Value, String> {
    let bound = |at: usize, other: usize| match bounds.get(at) {
        None => Some(other),
        Some(Value::Number(bound)) => usize::try_from(*bound).ok(),
        Some(_) => None,
    };
    let part = bound(0, 0).zip(bound(1, items.len())).and_then(|(from, to)| items.get(from..to));
    let part = part.ok_or_else(|| format!("`slice`: outside of a list of {}", items.len()))?;
    Ok(Value::List(part.to_vec()))
}

fn maps(name: &str, args: &[Value]) -> Option<Result<Value, String>> {
    let texts = |keys: &[Value]| keys.iter().map(Value::text).collect::<Vec<_>>();
    Some(Ok(match (name, args) {
        ("dict", pairs) => {
            let pair = |pair: &[Value]| Some((pair.first()?.text(), pair.get(1).cloned().unwrap_or_else(|| "".into())));
            Value::Map(pairs.chunks(2).filter_map(pair).collect())
        }
        ("get", [Value::Map(entries), Value::Text(key)]) => entries.get(key).cloned().unwrap_or_else(|| "".into()),
        ("hasKey", [Value::Map(entries), Value::Text(key)]) => Value::Flag(entries.contains_key(key)),
        ("keys", all) => {
            let mut keys = Vec::new();
            for map in all {
                let Value::Map(entries) = map else { return None };
                keys.extend(entries.keys().cloned());
            }
            keys.into_iter().collect()
        }
        ("values", [Value::Map(entries)]) => Value::List(entries.values().cloned().collect()),
        ("pick", [Value::Map(entries), keys @ ..]) => {
            let keys = texts(keys);
            let kept = entries.iter().filter(|(key, _)| keys.contains(key));
            Value::Map(kept.map(|(key, value)| (key.clone(), value.clone())).collect())
        }
        ("omit", [Value::Map(entries), keys @ ..]) => {
            let keys = texts(keys);
            let kept = entries.iter().filter(|(key, _)| !keys.contains(key));
            Value::Map(kept.map(|(key, value)| (key.clone(), value.clone())).collect())
        }
        ("merge", [_, ..]) => {
            let mut merged = BTreeMap::new();
            for map in args {
                let Value::Map(entries) = map else { return None };
                fill(&mut merged, entries);
            }
            Value::Map(merged)
        }
        ("dig", [keys @ .., other, Value::Map(entries)]) if !keys.is_empty() => {
            let found = Value::Map(entries.clone()).below(&texts(keys));
            match found {
                Ok(Value::Nothing) => other.clone(),
                Ok(found) => found,
                Err(reason) => return Some(Err(reason)),
            }
        }
        ("pluck", [Value::Text(key), maps @ ..]) => {
            let mut found = Vec::new();
            for map in maps {
                let Value::Map(entries) = map else { return None };
                found.extend(entries.get(key).cloned());
            }
            Value::List(found)
        }
        _ => return None,
    }))
}

/// Adds what a map lacks; maps in it are filled too.
fn fill(map: &mut BTreeMap<String, Value>, with: &BTreeMap<String, Value>) {
    for (key, value) in with {
        match (map.get_mut(key), value) {
            (Some(Value::Map(inner)), Value::Map(more)) => fill(inner, more),
            (Some(known), value) if !known.holds() => *known = value.clone(),
            (Some(_), _) => {}
            (None, value) => {
                map.insert(key.clone(), value.clone());
            }
        }
    }
}
