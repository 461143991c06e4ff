//! What the API answers: routers, services and middlewares with their states, in the shapes of Traefik's own.
//!
//! Specification: Traefik v3 documentation, "API: endpoints".

use std::collections::BTreeMap;
use std::sync::Arc;

use arc_swap::ArcSwap;
use bytes::Bytes;
use http::{HeaderValue, Method, Response, StatusCode, header};
use serde_json::{Map, Value, json};

use crate::config::dynamic::Configuration;
use crate::config::statics::EntryPoint;
use crate::gateway::Applied;
use crate::route::{Route, RoutingTable, provider_of};
use crate::snapshot::internal::{Handler, InternalAnswer};

/// Objects on a page, where the request does not say.
const PER_PAGE: usize = 100;

/// What the API shows. Cloning is cheap; all clones show the same.
#[derive(Debug, Clone)]
pub struct Api {
    shown: Arc<ArcSwap<Shown>>,
    version: &'static str,
    /// Path that everything is below, without final slash.
    base: String,
}

#[derive(Debug, Default)]
struct Shown {
    entry_points: Vec<Value>,
    configuration: Configuration,
    table: Option<Arc<RoutingTable>>,
}

impl Api {
    /// An API that shows nothing yet, below the path `base`. `version` is this program's.
    pub fn new(version: &'static str, base: &str) -> Self {
        Self { shown: Arc::default(), version, base: base.trim_end_matches('/').to_owned() }
    }

    /// Shows what was put in force.
    pub fn show(&self, entry_points: &BTreeMap<String, EntryPoint>, configuration: Configuration, applied: &Applied) {
        let points = entry_points.iter().map(|(name, options)| {
            let mut value = json!(options);
            put(&mut value, "name", json!(name));
            value
        });
        let table = Some(Arc::clone(&applied.table));
        self.shown.store(Arc::new(Shown { entry_points: points.collect(), configuration, table }));
    }

    /// The service `api@internal`.
    pub fn handler(&self) -> Handler {
        let api = self.clone();
        Handler::new(move |method, path, query| api.answer(method, path, query))
    }

    fn answer(&self, method: &Method, path: &str, query: Option<&str>) -> InternalAnswer {
        if method != Method::GET && method != Method::HEAD {
            return plain(StatusCode::METHOD_NOT_ALLOWED, "");
        }
        let shown = self.shown.load();
        let http = &shown.configuration.http;
        match path.strip_prefix(&self.base).unwrap_or_default().trim_end_matches('/') {
            "/api/version" => whole(&json!({ "Version": self.version, "Codename": "stack" })),
            "/api/entrypoints" => page(&shown.entry_points, query),
            "/api/overview" => whole(&shown.overview()),
            "/api/rawdata" => whole(&shown.raw()),
            "/api/http/routers" => page(&shown.routers(), query),
            "/api/http/services" => page(&objects(&http.services, |name| shown.used_service(name)), query),
            "/api/http/middlewares" => page(&objects(&http.middlewares, |name| shown.used_middleware(name)), query),
            other => match named(other, &shown) {
                Some(value) => whole(&value),
                None => plain(StatusCode::NOT_FOUND, "404 page not found\n"),
            },
        }
    }
}

/// One object, by `/api/http/KIND/NAME`.
fn named(path: &str, shown: &Shown) -> Option<Value> {
    let (kind, name) = path.strip_prefix("/api/http/")?.split_once('/')?;
    let http = &shown.configuration.http;
    let all = match kind {
        "routers" => shown.routers(),
        "services" => objects(&http.services, |name| shown.used_service(name)),
        "middlewares" => objects(&http.middlewares, |name| shown.used_middleware(name)),
        _ => return None,
    };
    all.into_iter().find(|value| value.get("name").and_then(Value::as_str) == Some(name))
}

impl Shown {
    fn routes(&self) -> &[Route] {
        self.table.as_ref().map_or(&[], |table| table.routes())
    }

    fn routers(&self) -> Vec<Value> {
        let mut routes: Vec<&Route> = self.routes().iter().collect();
        routes.sort_by(|a, b| a.name.cmp(&b.name));
        routes.into_iter().map(router).collect()
    }

    /// Names of the routers that lead to a service.
    fn used_service(&self, name: &str) -> Vec<&str> {
        self.routes().iter().filter(|route| route.service == name).map(|route| route.name.as_str()).collect()
    }

    fn used_middleware(&self, name: &str) -> Vec<&str> {
        let uses = |route: &&Route| route.middlewares.iter().any(|used| used == name);
        self.routes().iter().filter(uses).map(|route| route.name.as_str()).collect()
    }

    fn overview(&self) -> Value {
        let state =
            |wanted: &str| self.routes().iter().filter(|route| json!(route.status()).as_str() == Some(wanted)).count();
        let http = &self.configuration.http;
        let sound = |total: usize| json!({ "total": total, "warnings": 0, "errors": 0 });
        let routers =
            json!({ "total": self.routes().len(), "warnings": state("warning"), "errors": state("disabled") });
        json!({
            "http": {
                "routers": routers,
                "services": sound(http.services.len()),
                "middlewares": sound(http.middlewares.len()),
            },
            "tcp": { "routers": sound(self.configuration.tcp.routers.len()), "services": sound(self.configuration.tcp.services.len()), "middlewares": sound(self.configuration.tcp.middlewares.len()) },
            "udp": { "routers": sound(self.configuration.udp.routers.len()), "services": sound(self.configuration.udp.services.len()) },
        })
    }

    /// Everything at once, by name.
    fn raw(&self) -> Value {
        let by_name = |values: Vec<Value>| -> Value {
            let named = values.into_iter().filter_map(|mut value| {
                let name = value.as_object_mut()?.remove("name")?;
                value.as_object_mut()?.remove("provider");
                Some((name.as_str()?.to_owned(), value))
            });
            Value::Object(named.collect::<Map<_, _>>())
        };
        let http = &self.configuration.http;
        json!({
            "routers": by_name(self.routers()),
            "services": by_name(objects(&http.services, |name| self.used_service(name))),
            "middlewares": by_name(objects(&http.middlewares, |name| self.used_middleware(name))),
        })
    }
}

fn router(route: &Route) -> Value {
    let mut value = json!(route.router);
    put(&mut value, "priority", json!(route.priority));
    put(&mut value, "status", json!(route.status()));
    put(&mut value, "using", json!(route.using));
    if !route.errors().is_empty() {
        put(&mut value, "error", json!(route.errors()));
    }
    put(&mut value, "name", json!(route.name));
    put(&mut value, "provider", json!(route.provider()));
    value
}

fn objects<'a, T: serde::Serialize>(
    named: &'a crate::config::dynamic::Named<T>,
    used_by: impl Fn(&'a str) -> Vec<&'a str>,
) -> Vec<Value> {
    named
        .iter()
        .map(|(name, object)| {
            let mut value = json!(object);
            let kind = value.as_object().and_then(|fields| fields.keys().next().map(|kind| kind.to_ascii_lowercase()));
            put(&mut value, "type", json!(kind.unwrap_or_default()));
            put(&mut value, "status", json!("enabled"));
            let users = used_by(name);
            if !users.is_empty() {
                put(&mut value, "usedBy", json!(users));
            }
            put(&mut value, "name", json!(name));
            put(&mut value, "provider", json!(provider_of(name)));
            value
        })
        .collect()
}

fn put(value: &mut Value, name: &str, field: Value) {
    if let Some(fields) = value.as_object_mut() {
        fields.insert(name.to_owned(), field);
    }
}

/// One page of a list (`page`, `per_page`), and which comes next.
fn page(all: &[Value], query: Option<&str>) -> InternalAnswer {
    let number = |name: &str| {
        let pairs = query.unwrap_or_default().split('&').filter_map(|pair| pair.split_once('='));
        pairs.filter(|(key, _)| *key == name).find_map(|(_, value)| value.parse::<usize>().ok())
    };
    let (page, size) = (number("page").unwrap_or(1).max(1), number("per_page").unwrap_or(PER_PAGE).max(1));
    let start = (page - 1).saturating_mul(size);
    if start > 0 && start >= all.len() {
        let reason = format!("{{\"message\":\"invalid request: page: {page}, per_page: {size}\"}}");
        return answer(StatusCode::BAD_REQUEST, reason.into());
    }
    let shown: Vec<&Value> = all.iter().skip(start).take(size).collect();
    let next = if start + shown.len() < all.len() { page + 1 } else { 1 };
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

fn plain(status: StatusCode, text: &'static str) -> InternalAnswer {
    let mut response = Response::new(Bytes::from_static(text.as_bytes()));
    *response.status_mut() = status;
    response
}
