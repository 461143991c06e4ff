//! What the API answers: routers, services and middlewares with their states, in the shapes of Traefik's own; and the dashboard.
//!
//! Specification: Traefik v3 documentation, "API: endpoints". Beside these `/api/stack` tells in one answer what the dashboard shows.

mod objects;
mod support;
mod values;

use std::collections::BTreeMap;
use std::sync::Arc;

use arc_swap::ArcSwap;
use bytes::Bytes;
use http::{HeaderValue, Method, Response, StatusCode, header};
use serde_json::{Value, json};

use crate::config::statics::{EncodedCharacters, EntryPoint};
use crate::gateway::Applied;
use crate::inspect::Inspector;
use crate::observe::dashboard;
use crate::snapshot::internal::{Handler, InternalAnswer};

use objects::Objects;

/// Objects on a page, where the request does not say.
const PER_PAGE: usize = 100;

/// What the API shows. Cloning is cheap; all clones show the same.
#[derive(Debug, Clone)]
pub struct Api {
    shown: Arc<ArcSwap<Shown>>,
    version: &'static str,
    /// When it began, RFC 3339.
    started: String,
    /// Path that everything is below, without final slash.
    base: String,
    /// Whether the dashboard is served, too.
    dashboard: bool,
}

/// Parts of the gateway that are on or off, as the overview tells.
#[derive(Debug, Clone, Copy, Default)]
pub struct Features {
    /// Requests are counted for Prometheus.
    pub metrics: bool,
    /// Finished requests are logged.
    pub access_log: bool,
    /// Requests have traces.
    pub tracing: bool,
}

#[derive(Debug, Default)]
struct Shown {
    entry_points: Vec<Value>,
    features: Features,
    looking: Option<Inspector>,
}

impl Api {
    /// An API that shows nothing yet, below the path `base`; with `dashboard`, the dashboard beside it. `version` is this program's.
    pub fn new(version: &'static str, base: &str, dashboard: bool) -> Self {
        Self {
            shown: Arc::default(),
            version,
            started: jiff::Timestamp::now().to_string(),
            base: base.trim_end_matches('/').to_owned(),
            dashboard,
        }
    }

    /// Shows what was put in force.
    pub fn show(&self, entry_points: &BTreeMap<String, EntryPoint>, features: Features, applied: &Applied) {
        let points = entry_points.iter().map(|(name, options)| {
            let mut value = json!(options);
            if let Some(http) = value.get_mut("http").and_then(Value::as_object_mut)
                && options.http.encoded_characters == EncodedCharacters::default()
            {
                http.remove("encodedCharacters");
            }
            without_empty(&mut value);
            if let Some(redirect) = value.pointer_mut("/http/redirections/entryPoint")
                && redirect.get("priority").is_none()
            {
                put(redirect, "priority", json!(crate::assemble::REDIRECT));
            }
            put(&mut value, "name", json!(name));
            value
        });
        let looking = Some(applied.inspector.clone());
        self.shown.store(Arc::new(Shown { entry_points: points.collect(), features, looking }));
    }

    /// The services `api@internal` and, where there is one, `dashboard@internal`.
    pub fn handlers(&self) -> Vec<(String, Handler)> {
        let api = self.clone();
        let mut handlers =
            vec![("api@internal".to_owned(), Handler::new(move |method, path, query| api.answer(method, path, query)))];
        if self.dashboard {
            let handler = Handler::new(|method, path, _| dashboard::answer(method, path));
            handlers.push(("dashboard@internal".to_owned(), handler));
        }
        handlers
    }

    fn answer(&self, method: &Method, path: &str, query: Option<&str>) -> InternalAnswer {
        let below = path.strip_prefix(&self.base).unwrap_or_default();
        if self.dashboard && !below.starts_with("/api") {
            return dashboard::answer(method, below);
        }
        let shown = self.shown.load();
        let Some(looking) = &shown.looking else { return plain(StatusCode::SERVICE_UNAVAILABLE, "not ready yet\n") };
        let objects = Objects::new(looking);
        let Some(rest) = below.strip_prefix("/api/").filter(|rest| !rest.ends_with('/')) else { return nothing() };
        let answer = self.get(rest, query, &shown, &objects);
        if answer.status() != StatusCode::NOT_FOUND && method != Method::GET && method != Method::HEAD {
            return plain(StatusCode::METHOD_NOT_ALLOWED, "");
        }
        answer
    }

    fn get(&self, path: &str, query: Option<&str>, shown: &Shown, objects: &Objects<'_>) -> InternalAnswer {
        match path {
            "version" => {
                let mut response = whole(&self.version());
                let kind = HeaderValue::from_static("application/json; charset=UTF-8");
                response.headers_mut().insert(header::CONTENT_TYPE, kind);
                response
            }
            "overview" => whole(&objects.overview(shown.features)),
            "rawdata" => whole(&objects.raw()),
            "stack" => whole(&objects.stack(self.version, &self.started)),
            "support-dump" => {
                let parts = [
                    ("version.json", self.version()),
                    ("static-config.json", json!({ "entryPoints": by_name(&shown.entry_points) })),
                    ("runtime-config.json", objects.raw()),
                ];
                support::dump(&parts).unwrap_or_else(|_| plain(StatusCode::INTERNAL_SERVER_ERROR, ""))
            }
            "entrypoints" => page(shown.entry_points.clone(), query),
            other => match other.strip_prefix("entrypoints/") {
                Some(name) => one(&shown.entry_points, name, "entry point"),
                None => list_or_one(objects, other, query),
            },
        }
    }

    fn version(&self) -> Value {
        json!({ "Version": self.version, "Codename": "stack", "startDate": self.started })
    }
}

/// `/api/PROTOCOL/KIND` and `/api/PROTOCOL/KIND/NAME`, `/api/certificates` and one of these.
fn list_or_one(objects: &Objects<'_>, path: &str, query: Option<&str>) -> InternalAnswer {
    let (kind, name) = match path.strip_prefix("certificates") {
        Some("") => ("certificates", None),
        Some(rest) => ("certificates", rest.strip_prefix('/')),
        None => {
            let mut slashes = path.match_indices('/').map(|(at, _)| at);
            match (slashes.next(), slashes.next()) {
                (Some(_), Some(second)) => (path.get(..second).unwrap_or_default(), path.get(second + 1..)),
                _ => (path, None),
            }
        }
    };
    let Some(all) = objects.all(kind) else { return nothing() };
    match name {
        Some(name) => {
            let word = kind.rsplit('/').next().unwrap_or_default().trim_end_matches('s');
            one(&all, &decoded(name), word)
        }
        None => page(filtered(all, query, kind.ends_with("/routers")), query),
    }
}

/// A name in a path, its percent-encodings taken off: names hold `@` and what people put into container names.
fn decoded(name: &str) -> String {
    crate::http::raw_path::unescape(name)
        .map_or_else(|_| name.to_owned(), |bytes| String::from_utf8_lossy(&bytes).into_owned())
}

/// One object of a list, by its name.
fn one(all: &[Value], name: &str, word: &str) -> InternalAnswer {
    match all.iter().find(|value| value.get("name").and_then(Value::as_str) == Some(name)) {
        Some(value) => whole(value),
        None => message(StatusCode::NOT_FOUND, &format!("{word} not found: {name}")),
    }
}

/// What is wrong with a question.
fn message(status: StatusCode, text: &str) -> InternalAnswer {
    let mut response = answer(status, Bytes::from(format!("{}\n", json!({ "message": text }))));
    described(&mut response);
    response
}

fn described(response: &mut InternalAnswer) {
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
}

fn by_name(values: &[Value]) -> Value {
    let named = values.iter().cloned().filter_map(|mut value| {
        let fields = value.as_object_mut()?;
        let name = fields.remove("name")?.as_str()?.to_owned();
        fields.remove("provider");
        fields.remove("priorityStr");
        fields.remove("type");
        Some((name, value))
    });
    Value::Object(named.collect())
}

/// Takes away what says nothing: Traefik leaves it out, too.
fn without_empty(value: &mut Value) {
    let Some(fields) = value.as_object_mut() else { return };
    fields.retain(|_, field| {
        without_empty(field);
        match field {
            Value::Null | Value::Bool(false) => false,
            Value::Number(number) => number.as_f64() != Some(0.0),
            Value::String(text) => !text.is_empty() && text != "0s",
            Value::Array(list) => !list.is_empty(),
            Value::Object(_) | Value::Bool(true) => true,
        }
    });
}

fn put(value: &mut Value, name: &str, field: Value) {
    if let Some(fields) = value.as_object_mut() {
        fields.insert(name.to_owned(), field);
    }
}

/// A parameter of the query; an empty one counts as absent.
fn parameter(query: Option<&str>, name: &str) -> Option<String> {
    let pairs = query.unwrap_or_default().split('&').filter_map(|pair| pair.split_once('='));
    let value = pairs.filter(|(key, _)| *key == name).map(|(_, value)| value).find(|value| !value.is_empty())?;
    Some(decoded(&value.replace('+', " ")))
}

/// The objects that `search`, `status`, `serviceName` and `middlewareName` ask for, in the order of `sortBy` and `direction`.
/// A service or middleware is asked for among `routers` only.
fn filtered(mut all: Vec<Value>, query: Option<&str>, routers: bool) -> Vec<Value> {
    let text = |value: &Value, field: &str| match value.get(field) {
        Some(Value::String(text)) => text.clone(),
        Some(Value::Null) | None => String::new(),
        Some(other) => other.to_string(),
    };
    if let Some(search) = parameter(query, "search").map(|search| search.to_ascii_lowercase()) {
        let fields = ["name", "rule", "commonName", "sans", "issuerCN"];
        all.retain(|value| fields.iter().any(|field| text(value, field).to_ascii_lowercase().contains(&search)));
    }
    if let Some(status) = parameter(query, "status") {
        all.retain(|value| text(value, "status").eq_ignore_ascii_case(&status));
    }
    let provider = |value: &Value| text(value, "provider");
    let means = |written: &str, wanted: &str, provider: &str| {
        written == wanted || (!written.contains('@') && format!("{written}@{provider}") == wanted)
    };
    if let Some(service) = parameter(query, "serviceName").filter(|_| routers) {
        all.retain(|value| means(&text(value, "service"), &service, &provider(value)));
    }
    if let Some(middleware) = parameter(query, "middlewareName").filter(|_| routers) {
        all.retain(|value| {
            let used =
                value.get("middlewares").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str);
            let provider = provider(value);
            used.into_iter().any(|used| means(used, &middleware, &provider))
        });
    }
    if let Some(field) = parameter(query, "sortBy") {
        let many = |value: &Value, place: &str| {
            i64::try_from(value.pointer(place).and_then(Value::as_array).map_or(0, Vec::len)).unwrap_or(i64::MAX)
        };
        let number = |value: &Value| match field.as_str() {
            "entryPoints" => many(value, "/entryPoints"),
            "servers" => many(value, "/loadBalancer/servers"),
            field => value.get(field).and_then(Value::as_i64).unwrap_or(0),
        };
        let text = |value: &Value, field: &str| match field {
            "entryPoints" | "servers" | "priority" => String::new(),
            field => text(value, field),
        };
        all.sort_by(|a, b| {
            number(a)
                .cmp(&number(b))
                .then_with(|| text(a, &field).cmp(&text(b, &field)))
                .then_with(|| text(a, "name").cmp(&text(b, "name")))
        });
        if parameter(query, "direction").is_some_and(|direction| direction == "desc") {
            all.reverse();
        }
    }
    all
}

/// One page of a list (`page`, `per_page`), and which comes next.
fn page(all: Vec<Value>, query: Option<&str>) -> InternalAnswer {
    // What is no number is read as 0, which is refused.
    let number = |name: &str, usual: usize| match parameter(query, name) {
        None => Ok(usual),
        Some(text) => {
            let number = text.parse::<i64>().unwrap_or(0);
            let valid = usize::try_from(number).ok().filter(|number| *number > 0);
            valid.ok_or_else(|| format!("invalid request: {name}: {number}"))
        }
    };
    let (page, size) = match number("page", 1).and_then(|page| Ok((page, number("per_page", PER_PAGE)?))) {
        Ok(both) => both,
        Err(wrong) => return message(StatusCode::BAD_REQUEST, &wrong),
    };
    let start = (page - 1).saturating_mul(size);
    if start > 0 && start >= all.len() {
        return message(StatusCode::BAD_REQUEST, &format!("invalid request: page: {page}, per_page: {size}"));
    }
    let count = all.len();
    let shown: Vec<Value> = all.into_iter().skip(start).take(size).collect();
    let next = if start + shown.len() < count { page + 1 } else { 1 };
    let mut response = whole(&json!(shown));
    response.headers_mut().insert("x-next-page", HeaderValue::from(next));
    response
}

fn whole(value: &Value) -> InternalAnswer {
    answer(StatusCode::OK, Bytes::from(value.to_string()))
}

fn answer(status: StatusCode, body: Bytes) -> InternalAnswer {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

fn nothing() -> InternalAnswer {
    let mut response = plain(StatusCode::NOT_FOUND, "404 page not found\n");
    described(&mut response);
    response
}

fn plain(status: StatusCode, text: &'static str) -> InternalAnswer {
    let mut response = Response::new(Bytes::from_static(text.as_bytes()));
    *response.status_mut() = status;
    response
}

#[cfg(test)]
mod tests;
