//! From a configuration to the table: models applied, rules parsed, routes ordered and indexed.

use std::collections::{HashMap, HashSet};

use super::{EntryPointModel, EntryPointRoutes, Route, RoutingTable, Status, provider_of, qualify};
use crate::config::dynamic::{Configuration, Router, RouterObservability};
use crate::rule::Rule;
use crate::rule::priority::{self, MAX_USER_PRIORITY};

/// The entry point on which routers never are unless they name it.
const API_ENTRY_POINT: &str = "traefik";

pub(super) fn compile(configuration: &Configuration, models: &[EntryPointModel]) -> RoutingTable {
    let numbers: HashMap<&str, usize> =
        models.iter().enumerate().map(|(number, model)| (model.name.as_str(), number)).collect();
    let defaults = default_entry_points(models);
    let mut routes = Vec::with_capacity(configuration.http.routers.len());
    for (name, router) in &configuration.http.routers {
        routes.extend(
            apply_models(name, router, &defaults, models, &numbers)
                .into_iter()
                .map(|(name, router)| route(name, router, &numbers)),
        );
    }
    // Equal priorities go by name, so that the answer does not change from start to start.
    routes.sort_by(|a, b| b.priority.cmp(&a.priority).then_with(|| a.name.cmp(&b.name)));

    let mut entry_points: Vec<_> = models.iter().map(|_| EntryPointRoutes::default()).collect();
    let mut seen = HashMap::new();
    let mut ties = Vec::new();
    for (position, route) in routes.iter().enumerate() {
        let Some(rule) = route.rule.as_ref().filter(|_| route.is_enabled()) else {
            continue;
        };
        for number in route.using.iter().filter_map(|name| numbers.get(name.as_str())) {
            let Some(entry_point) = entry_points.get_mut(*number) else {
                continue;
            };
            let muxer = if route.tls.is_some() { &mut entry_point.tls } else { &mut entry_point.plain };
            muxer.add(position, rule.host_keys());
            let key = (*number, route.tls.is_some(), route.priority, route.router.rule.as_str());
            if let Some(first) = seen.insert(key, &route.name) {
                ties.push((first.clone(), route.name.clone()));
                seen.insert(key, first);
            }
        }
    }
    ties.dedup();
    RoutingTable { entry_points, ties, routes }
}

/// The entry points of routers that name none: those that are marked, or all, but never the one of the API.
pub(crate) fn default_entry_points(models: &[EntryPointModel]) -> Vec<String> {
    let marked = models.iter().any(|model| model.as_default);
    let chosen = models.iter().filter(|model| (model.as_default || !marked) && model.name != API_ENTRY_POINT);
    chosen.map(|model| model.name.clone()).collect()
}

/// A router with its entry points filled in, and split where an entry point adds something of its own.
fn apply_models(
    name: &str,
    router: &Router,
    defaults: &[String],
    models: &[EntryPointModel],
    numbers: &HashMap<&str, usize>,
) -> Vec<(String, Router)> {
    let named = if router.entry_points.is_empty() { defaults } else { &router.entry_points };
    let mut whole = Router { entry_points: Vec::new(), ..router.clone() };
    let mut split = Vec::new();
    for entry_point in named {
        let model = numbers.get(entry_point.as_str()).and_then(|number| models.get(*number));
        match model.filter(|model| adds(model)) {
            Some(model) => {
                let part = Router {
                    entry_points: vec![entry_point.clone()],
                    middlewares: model.middlewares.iter().chain(&router.middlewares).cloned().collect(),
                    tls: router.tls.clone().or_else(|| model.tls.clone()),
                    observability: RouterObservability::of(router.observability.as_ref(), model.observability.as_ref()),
                    ..router.clone()
                };
                let part_name = if named.len() > 1 { format!("{entry_point}-{name}") } else { name.to_owned() };
                // An entry point may be named twice.
                if split.iter().all(|(known, _)| *known != part_name) {
                    split.push((part_name, part));
                }
            }
            None => whole.entry_points.push(entry_point.clone()),
        }
    }
    if !whole.entry_points.is_empty() || split.is_empty() {
        split.push((name.to_owned(), whole));
    }
    split
}

/// What is said of a rule syntax that does not exist; its rule is read as one of v3, as in Traefik.
pub(crate) fn unknown_syntax(name: &str) -> Option<String> {
    let known = matches!(name, "" | "default" | "v3" | "v2");
    (!known).then(|| {
        format!("there is no rule syntax `{name}`, so that `v3` is used: leave `ruleSyntax` out, or write `v3` or `v2`")
    })
}

/// Whether routers on an entry point are others than they are written.
fn adds(model: &EntryPointModel) -> bool {
    model.tls.is_some() || !model.middlewares.is_empty() || model.observability.is_some()
}

fn route(name: String, router: Router, numbers: &HashMap<&str, usize>) -> Route {
    let provider = provider_of(&name).to_owned();
    let mut errors = Vec::new();
    let mut status = Status::Enabled;

    let mut once = HashSet::new();
    let (using, missing): (Vec<_>, Vec<_>) = router
        .entry_points
        .iter()
        .filter(|entry_point| once.insert(entry_point.as_str()))
        .cloned()
        .partition(|entry_point| numbers.contains_key(entry_point.as_str()));
    for entry_point in missing {
        errors.push(format!("entryPoint \"{entry_point}\" doesn't exist"));
        status = Status::Warning;
    }
    let mut disable = |reason: String| {
        errors.push(reason);
        status = Status::Disabled;
    };
    // As in Traefik, whose priority is that of the rule only where there is something to be first of.
    let own_priority = using.is_empty().then_some(router.priority);
    if using.is_empty() {
        disable("no valid entryPoint for this router".to_owned());
    }
    if provider != "internal" && router.priority > MAX_USER_PRIORITY {
        disable(format!(
            "the router priority {} exceeds the max user-defined priority {MAX_USER_PRIORITY}",
            router.priority
        ));
    }
    if !router.parent_refs.is_empty() {
        disable(
            "`parentRefs` (routers behind routers) is not supported: write the whole rule into this router".to_owned(),
        );
    }
    let rule = match router.rule_syntax.as_str() {
        "v2" => Rule::parse_v2(&router.rule),
        _ => Rule::parse(&router.rule),
    };
    let rule = rule.map_err(|error| disable(error.message)).ok();
    if let Some(reason) = unknown_syntax(&router.rule_syntax) {
        errors.push(reason);
        status = if status == Status::Enabled { Status::Warning } else { status };
    }
    let tls = router.tls.clone().map(|mut tls| {
        if !matches!(tls.options.as_str(), "" | "default") {
            tls.options = qualify(&tls.options, &provider);
        }
        tls
    });
    Route {
        service: qualify(&router.service, &provider),
        middlewares: router.middlewares.iter().map(|middleware| qualify(middleware, &provider)).collect(),
        tls,
        priority: own_priority.unwrap_or_else(|| priority::of(router.priority, &router.rule)),
        name,
        router,
        using,
        status,
        errors,
        rule,
    }
}
