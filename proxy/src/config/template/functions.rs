//! The functions of the gateway's templates: what decides, lists and maps, and the way to the others.

use std::borrow::Cow;
use std::collections::BTreeMap;

use super::{Context, dates, numbers, texts};
use crate::template::{Changes, Functions, Value};

/// The name of a function without `must`: such functions are the same, but for errors that would be results otherwise.
pub(super) fn bare(name: &str) -> Cow<'_, str> {
    match name.strip_prefix("must").and_then(|rest| rest.split_at_checked(1)) {
        Some((first, rest)) => Cow::Owned(format!("{}{rest}", first.to_lowercase())),
        None => Cow::Borrowed(name),
    }
}

impl Functions for Context<'_> {
    fn call(&self, name: &str, args: &[Value]) -> Option<Result<Value, String>> {
        if name == "fail" {
            return Some(Err(args.iter().map(Value::text).collect()));
        }
        let name = &*bare(name);
        let variable = |name: &str| self.environment.get(name).cloned().unwrap_or_default();
        match (name, args) {
            ("env", [Value::Text(name)]) => return Some(Ok(Value::Text(variable(name)))),
            ("getHostByName", [Value::Text(name)]) => return Some(address(name)),
            ("uuidv4", []) => return Some(uuid()),
            ("expandenv", [Value::Text(text)]) => return Some(Ok(Value::Text(texts::expanded(text, &variable)))),
            ("split", [Value::Text(text), Value::Text(separator)]) if self.split_is_go => {
                return Some(Ok(texts::parts(text, separator).map(str::to_owned).collect()));
            }
            // Labels are texts, of which one that is not there is an empty one.
            ("index", [Value::Map(entries), Value::Text(key)]) if self.labels_are_texts => {
                return Some(Ok(entries.get(key).cloned().unwrap_or_else(|| "".into())));
            }
            _ => {}
        }
        let found = numbers::call(name, args).or_else(|| texts::call(name, args)).or_else(|| dates::call(name, args));
        found.or_else(|| logic(name, args)).or_else(|| lists(name, args)).or_else(|| maps(name, args))
    }

    fn changes(&self, name: &str) -> Changes {
        match &*bare(name) {
            "set" | "unset" => Changes::Variables,
            "merge" => Changes::AnyMap,
            _ => Changes::Nothing,
        }
    }

    fn work(&self, name: &str) -> usize {
        // To read an expression is work, whatever comes of it.
        if bare(name).starts_with("regex") { 4096 } else { 0 }
    }
}

fn logic(name: &str, args: &[Value]) -> Option<Result<Value, String>> {
    Some(Ok(match (name, args) {
        ("coalesce", _) => args.iter().find(|value| value.holds()).cloned().unwrap_or(Value::Nothing),
        ("default", [other]) => other.clone(),
        ("default", [other, value]) => if value.holds() { value } else { other }.clone(),
        ("ternary", [yes, no, condition]) => if condition.holds() { yes } else { no }.clone(),
        ("empty", [value]) => Value::Flag(!value.holds()),
        ("all", _) => Value::Flag(args.iter().all(Value::holds)),
        ("any", _) => Value::Flag(args.iter().any(Value::holds)),
        ("kindOf", [value]) => value.go_kind().into(),
        ("typeOf", [value]) => match value.go_kind() {
            "slice" => "[]interface {}",
            "map" => "map[string]interface {}",
            "invalid" => "<nil>",
            other => other,
        }
        .into(),
        ("deepCopy", [value]) => value.clone(),
        ("kindIs", [Value::Text(name), value]) => Value::Flag(value.go_kind() == name),
        ("toJson", [value]) => match serde_json::to_string(value) {
            Ok(text) => Value::Text(text),
            Err(error) => return Some(Err(error.to_string())),
        },
        ("toPrettyJson", [value]) => match serde_json::to_string_pretty(value) {
            Ok(text) => Value::Text(text),
            Err(error) => return Some(Err(error.to_string())),
        },
        ("fromJson", [Value::Text(text)]) => {
            serde_json::from_str(text).map_or_else(|_| Value::Text(String::new()), of_json)
        }
        _ => return None,
    }))
}

/// An address of a host.
fn address(name: &str) -> Result<Value, String> {
    use std::net::ToSocketAddrs;
    #[expect(clippy::disallowed_methods, reason = "files are read by threads of their own")]
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
        ("slice", [Value::Text(_), ..]) => return Some(Err("`slice`: a text is no list".to_owned())),
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

fn maps(name: &str, args: &[Value]) -> Option<Result<Value, String>> {
    let texts = |keys: &[Value]| keys.iter().map(Value::text).collect::<Vec<_>>();
    Some(Ok(match (name, args) {
        // What these change is kept where the map comes from.
        ("set", [Value::Map(entries), Value::Text(key), value]) => {
            Value::Map(entries.clone().into_iter().chain([(key.clone(), value.clone())]).collect())
        }
        ("unset", [Value::Map(entries), Value::Text(key)]) => {
            Value::Map(entries.clone().into_iter().filter(|(name, _)| name != key).collect())
        }
        ("set" | "unset", _) => {
            return Some(Err("`set` takes a map, a name and a value, `unset` a map and a name".to_owned()));
        }
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

/// A value that JSON says.
fn of_json(json: serde_json::Value) -> Value {
    match json {
        serde_json::Value::Null => Value::Nothing,
        serde_json::Value::Bool(flag) => Value::Flag(flag),
        serde_json::Value::Number(number) => match number.as_i64() {
            Some(number) => Value::Number(number),
            None => Value::Float(number.as_f64().unwrap_or_default()),
        },
        serde_json::Value::String(text) => Value::Text(text),
        serde_json::Value::Array(items) => Value::List(items.into_iter().map(of_json).collect()),
        serde_json::Value::Object(entries) => {
            Value::Map(entries.into_iter().map(|(key, value)| (key, of_json(value))).collect())
        }
    }
}
