//! Flags, variables and files as one list of options, checked by name, put together.

use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;

use serde_json::{Map, Value};

use super::StaticConfig;
use super::options::{self, Kind, Spec, Support};
use crate::config::duration::GoDuration;

/// Where the static configuration may come from.
#[derive(Clone, Copy, Debug, Default)]
pub struct Sources<'a> {
    /// Command line, without the program.
    pub flags: &'a [String],
    /// Environment; only `TRAEFIK_*` counts.
    pub environment: Option<&'a BTreeMap<String, String>>,
    /// Name and text of the static file, if there is one.
    pub file: Option<(&'a Path, &'a str)>,
}

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Severity {
    /// Something is not in force.
    Warning,
    /// The gateway cannot start with it.
    Error,
}

/// Something about one option.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Warning or error.
    pub severity: Severity,
    /// The option as it was written, with where.
    pub place: String,
    /// What is wrong, and the way out.
    pub message: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}: {}", self.place, self.message)
    }
}

/// One option as it was written.
struct Written {
    path: Vec<String>,
    value: Option<String>,
    place: String,
}

/// The warning that flags count for nothing beside a file.
fn overruled(sources: &Sources<'_>) -> Option<Problem> {
    let (path, _) = sources.file?;
    let is_option = |flag: &&String| !flag.trim_start_matches('-').to_ascii_lowercase().starts_with("configfile");
    let first = sources.flags.iter().find(is_option)?;
    Some(Problem {
        severity: Severity::Warning,
        place: format!("`{first}`"),
        message: format!("flags count for nothing beside the file `{}`, as in Traefik", path.display()),
    })
}

/// Reads the first source that says something.
pub(super) fn read(sources: &Sources<'_>) -> Result<(StaticConfig, Vec<Problem>), Vec<Problem>> {
    let written = match sources.file {
        Some((path, text)) => from_file(path, text).map_err(|problem| vec![problem])?,
        None => {
            let flags = from_flags(sources.flags).map_err(|problem| vec![problem])?;
            if flags.is_empty() { sources.environment.map(from_environment).unwrap_or_default() } else { flags }
        }
    };
    let mut problems: Vec<Problem> = overruled(sources).into_iter().collect();
    let mut tree = Map::new();
    for option in &written {
        let Some((spec, path)) = options::find(&option.path) else {
            problems.push(unknown(option));
            continue;
        };
        if let Some(problem) = supported(option, spec, &path) {
            problems.push(problem);
        }
        match typed(option, spec) {
            Ok(value) if carried(&path) => put(&mut tree, &path, value),
            Ok(_) => {}
            Err(problem) => problems.push(problem),
        }
    }
    if problems.iter().any(|problem| problem.severity == Severity::Error) {
        return Err(problems);
    }
    let config: StaticConfig = serde_json::from_value(listed(Value::Object(tree))).map_err(|error| {
        vec![Problem {
            severity: Severity::Error,
            place: "static configuration".to_owned(),
            message: error.to_string(),
        }]
    })?;
    // As in Traefik, a resolver that cannot work is passed over, and the rest goes on.
    problems.extend(config.certificates_resolvers.iter().filter_map(|(name, resolver)| {
        let reason = resolver.acme.as_ref()?.obstacle()?;
        Some(Problem {
            severity: Severity::Warning,
            place: format!("certificatesResolvers.{name}.acme"),
            message: format!("{reason}; this resolver obtains no certificate"),
        })
    }));
    let mistakes = super::check::mistakes(&config);
    if mistakes.is_empty() { Ok((config, problems)) } else { Err(mistakes) }
}

/// `--a.b=c`, `--a.b c`, `--a.b`, one dash or two; several times the same list option adds up.
fn from_flags(flags: &[String]) -> Result<Vec<Written>, Problem> {
    let mut written: Vec<Written> = Vec::new();
    let mut words = flags.iter().peekable();
    while let Some(word) = words.next() {
        let Some(flag) = word.strip_prefix("--").or_else(|| word.strip_prefix('-')).filter(|flag| !flag.is_empty())
        else {
            return Err(Problem {
                severity: Severity::Error,
                place: format!("`{word}`"),
                message: "is no flag; flags start with `--`".to_owned(),
            });
        };
        let (name, mut value) = match flag.split_once('=') {
            Some((name, value)) => (name, Some(unquoted(value).to_owned())),
            None => (flag, None),
        };
        if value.is_none() {
            value = words.next_if(|next| !next.starts_with('-')).map(|next| unquoted(next).to_owned());
        }
        if name.eq_ignore_ascii_case("configfile") {
            continue;
        }
        let path = as_named_before(&written, segments(name));
        written.push(Written { path, value, place: format!("`--{name}`") });
    }
    Ok(written)
}

/// What flags name (`--entryPoints.webSecure.address`) has the name that the first of them gives it, in whatever letters later ones
/// write that, as by Traefik.
fn as_named_before(written: &[Written], mut path: Vec<String>) -> Vec<String> {
    if let [group, own, ..] = path.as_mut_slice() {
        let same = |one: &&Written| match one.path.as_slice() {
            [of, name, ..] => of.eq_ignore_ascii_case(group) && name.eq_ignore_ascii_case(own),
            _ => false,
        };
        if let Some(name) = written.iter().find(same).and_then(|one| one.path.get(1)) {
            own.clone_from(name);
        }
    }
    path
}

/// People write `--flag="value"` in YAML lists, where no shell takes the quotes off.
fn unquoted(value: &str) -> &str {
    ['"', '\''].iter().find_map(|quote| value.strip_prefix(*quote)?.strip_suffix(*quote)).unwrap_or(value)
}

fn from_environment(environment: &BTreeMap<String, String>) -> Vec<Written> {
    environment
        .iter()
        .filter_map(|(name, value)| {
            let path = name.get(..8).filter(|prefix| prefix.eq_ignore_ascii_case("TRAEFIK_")).and(name.get(8..))?;
            if path.eq_ignore_ascii_case("configfile") {
                return None;
            }
            Some(Written {
                path: segments(&path.to_ascii_lowercase().replace('_', ".")),
                value: Some(value.clone()),
                place: format!("`{name}`"),
            })
        })
        .collect()
}

/// `a.b[0].c` as `a`, `b`, `0`, `c`.
fn segments(name: &str) -> Vec<String> {
    name.split('.').flat_map(|part| part.split('[').map(|part| part.trim_end_matches(']').to_owned())).collect()
}

fn from_file(path: &Path, text: &str) -> Result<Vec<Written>, Problem> {
    let fail = |message: String| Problem { severity: Severity::Error, place: path.display().to_string(), message };
    let value: Value = if path.extension().is_some_and(|end| end.eq_ignore_ascii_case("toml")) {
        toml::from_str(text).map_err(|error| fail(error.to_string()))?
    } else {
        // By way of `serde_yaml::Value`, where a key given twice is an error with its line.
        let value: serde_yaml::Value = serde_yaml::from_str(text).map_err(|error| fail(error.to_string()))?;
        serde_json::to_value(value).map_err(|error| fail(error.to_string()))?
    };
    let mut written = Vec::new();
    flatten(&value, &mut Vec::new(), &path.display().to_string(), &mut written);
    Ok(written)
}

fn flatten(value: &Value, path: &mut Vec<String>, file: &str, written: &mut Vec<Written>) {
    let mut leaf = |value: Option<String>| {
        if !path.is_empty() {
            written.push(Written { path: path.clone(), value, place: format!("{file}: `{}`", path.join(".")) });
        }
    };
    match value {
        Value::Null => leaf(None),
        Value::Bool(flag) => leaf(Some(flag.to_string())),
        Value::Number(number) => leaf(Some(number.to_string())),
        Value::String(text) => leaf(Some(text.clone())),
        Value::Object(entries) if entries.is_empty() => leaf(None),
        Value::Object(entries) => {
            for (name, value) in entries {
                path.push(name.clone());
                flatten(value, path, file, written);
                path.pop();
            }
        }
        Value::Array(items) if items.iter().any(Value::is_object) => {
            for (index, value) in items.iter().enumerate() {
                path.push(index.to_string());
                flatten(value, path, file, written);
                path.pop();
            }
        }
        Value::Array(items) => {
            let texts = items.iter().map(|item| item.as_str().map_or_else(|| item.to_string(), str::to_owned));
            leaf(Some(texts.collect::<Vec<_>>().join(",")));
        }
    }
}

fn unknown(option: &Written) -> Problem {
    let near = options::near(&option.path);
    let hint = near.map_or_else(|| "see Traefik's static options".to_owned(), |near| format!("did you mean `{near}`?"));
    Problem {
        severity: Severity::Error,
        place: option.place.clone(),
        message: format!("Traefik has no such option; {hint}"),
    }
}

fn supported(option: &Written, spec: &Spec, path: &[String]) -> Option<Problem> {
    let name = path.join(".");
    // What is switched off is not missed.
    if spec.support == Support::Missing && option.value.as_deref().and_then(boolean) == Some(false) {
        return None;
    }
    let (severity, message) = match spec.support {
        Support::Used | Support::Idle => return None,
        Support::Missing => (Severity::Warning, format!("`{name}` is not supported yet and not in force")),
        Support::Refused => (
            Severity::Error,
            format!(
                "`{name}` is not supported yet, and going on without it would not be safe; take it out to go on without it"
            ),
        ),
    };
    Some(Problem { severity, place: option.place.clone(), message })
}

fn typed(option: &Written, spec: &Spec) -> Result<Value, Problem> {
    let text = option.value.as_deref().unwrap_or("true").trim();
    let wrong = |what: &str| Problem {
        severity: Severity::Error,
        place: option.place.clone(),
        message: format!("takes {what}, not `{text}`"),
    };
    match spec.kind {
        Kind::Text => Ok(Value::String(option.value.clone().unwrap_or_default())),
        Kind::List => Ok(text.split(',').map(str::trim).filter(|item| !item.is_empty()).map(Value::from).collect()),
        Kind::Bool => boolean(text).map(Value::Bool).ok_or_else(|| wrong("`true` or `false`")),
        Kind::Number => text.parse::<i64>().map(Value::from).map_err(|_| wrong("a whole number")),
        Kind::Duration => {
            text.parse::<GoDuration>().map(|_| Value::from(text)).map_err(|_| wrong("a duration such as `10s`"))
        }
        // Switched on, or off again; its own options come as options of their own.
        Kind::Group => match boolean(text) {
            Some(false) => Ok(Value::Null),
            _ => Ok(Value::Object(Map::new())),
        },
    }
}

/// Go's `strconv.ParseBool`.
fn boolean(text: &str) -> Option<bool> {
    match text {
        "1" | "t" | "T" | "true" | "TRUE" | "True" => Some(true),
        "0" | "f" | "F" | "false" | "FALSE" | "False" => Some(false),
        _ => None,
    }
}

/// Whether the typed configuration has a place for it.
fn carried(path: &[String]) -> bool {
    options::find(path).is_some_and(|(spec, _)| spec.support == Support::Used)
}

/// Puts a value at its path. Options add to groups that are on already; lists add up.
fn put(tree: &mut Map<String, Value>, path: &[String], value: Value) {
    let Some((name, rest)) = path.split_first() else { return };
    if rest.is_empty() {
        match (tree.get_mut(name), value) {
            (Some(Value::Object(_)), Value::Object(_)) => {}
            (Some(Value::Array(old)), Value::Array(new)) => old.extend(new),
            (_, value) => {
                tree.insert(name.clone(), value);
            }
        }
        return;
    }
    let entry = tree.entry(name.clone()).or_insert_with(|| Value::Object(Map::new()));
    if !entry.is_object() {
        *entry = Value::Object(Map::new());
    }
    if let Value::Object(inner) = entry {
        put(inner, rest, value);
    }
}

/// Groups whose names are `0`, `1`, ... are lists.
fn listed(value: Value) -> Value {
    match value {
        Value::Object(entries) => {
            let mut numbered: Vec<(usize, &Value)> =
                entries.iter().filter_map(|(name, value)| Some((name.parse().ok()?, value))).collect();
            if !entries.is_empty() && numbered.len() == entries.len() {
                numbered.sort_by_key(|(index, _)| *index);
                return numbered.into_iter().map(|(_, value)| listed(value.clone())).collect();
            }
            Value::Object(entries.into_iter().map(|(name, value)| (name, listed(value))).collect())
        }
        other => other,
    }
}
