//! `stack routes`

pub mod place;
mod print;

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::process::ExitCode;

use compose_schema::codes;
use proxy::inspect::{Report, RouteSeen, ServiceSeen};
use serde::Serialize;

use super::ps::unsupported_format;
use super::scope::Scope;
use super::{Context, block_on, gateway, to_json};
use crate::edge::ask::{self, Answer, Query};
use crate::edge::containers::EdgeContainers;
use crate::error::Result;
use crate::ui::{output, terminal};

use place::{Place, Projects};
pub(super) use print::{days, folded, origin};

/// Show what the gateway routes where
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Routes of all projects
    #[arg(short, long)]
    all: bool,
    /// How to print
    #[arg(long, value_name = "table|json", default_value = "table")]
    format: String,
    /// Routes of a static configuration of Traefik, which need not be served
    #[arg(long, value_name = "FILE", conflicts_with = "all")]
    config: Option<PathBuf>,
}

/// A router, with all that is known about it.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Routed {
    /// As the gateway sees it.
    #[serde(flatten)]
    pub(super) route: RouteSeen,
    /// What people call its entry points.
    pub(super) entry_point_names: Vec<String>,
    /// Its service and how the servers are.
    pub(super) service_state: ServiceSeen,
    /// Where it is written.
    pub(super) place: Place,
}

/// Prints the routes.
///
/// # Errors
/// See [`crate::error::CommandError`].
pub fn run(context: &Context, args: &Args) -> Result<ExitCode> {
    if !matches!(args.format.as_str(), "table" | "json") {
        return Err(unsupported_format(&args.format));
    }
    let (routes, problems) = match &args.config {
        Some(file) => {
            let (inspector, _) = gateway::by_hand::offline(context, file)?;
            let problems = inspector.problems().iter().map(ToString::to_string).collect();
            (routed(inspector.report(), &Answer::default(), &Projects::default()), problems)
        }
        None => {
            let scope = scope(context, args.all)?;
            block_on(live(context, scope))?
        }
    };
    let text = if args.format == "json" {
        format!("{}\n", to_json(&routes)?)
    } else {
        print::routes(&routes, terminal::size().map(|(_, columns)| usize::from(columns)))
    };
    output::stdout(&text)?;
    let problems: BTreeSet<String> = problems;
    // What is wrong with a router stands beside it already.
    let told = |problem: &String| routes.iter().any(|one| one.route.errors.iter().any(|error| problem.contains(error)));
    for problem in problems.iter().filter(|problem| !told(problem)) {
        output::stderr(&format!("warning: {}\n", crate::ui::style::printable(problem)));
    }
    Ok(ExitCode::SUCCESS)
}

/// What the gateway of the engine routes for the project of `scope`, or for all; and what does not work there.
async fn live(context: &Context, scope: Option<Scope>) -> Result<(Vec<Routed>, BTreeSet<String>)> {
    let engine = context.engine()?;
    let pair = EdgeContainers::observe(engine.as_ref()).await?;
    let answer = ask::ask(&engine, &pair, &Query::Routes).await?;
    let name = scope.as_ref().map(|scope| scope.name.clone());
    let projects = Projects::gather(context, &engine, &pair, scope, &answer.background).await?;
    let mut routes = routed(answer.report.clone(), &answer, &projects);
    let mut problems = BTreeSet::new();
    for (project, lines) in &answer.background.problems {
        let is_ours = name.as_ref().is_none_or(|name| name == project);
        problems.extend(lines.iter().filter(|_| is_ours && !project.is_empty()).cloned());
    }
    if let Some(name) = &name {
        routes.retain(|one| one.place.project == *name);
    } else {
        problems.extend(answer.background.problems.get("").into_iter().flatten().cloned());
    }
    Ok((routes, problems))
}

/// The project that the command is about; none for all of them, which is also what is meant where there is no compose file.
pub(super) fn scope(context: &Context, all: bool) -> Result<Option<Scope>> {
    if all {
        return Ok(None);
    }
    let options = compose_schema::LoadOptions { resolve_environment: false, ..context.load_options(&[]) };
    let named = options.project_name.is_some()
        || context.environment.get("COMPOSE_PROJECT_NAME").is_some_and(|name| !name.is_empty());
    if options.files.is_empty()
        && !named
        && let Err(failure) = compose_schema::load(&options)
        && failure.diagnostics.iter().any(|found| found.code == codes::input::NO_FILE)
    {
        return Ok(None);
    }
    Scope::find(context, &[]).map(Some)
}

/// The routers of a report with where they come from.
pub(super) fn routed(report: Report, answer: &Answer, projects: &Projects) -> Vec<Routed> {
    let Report { routes, services, .. } = report;
    let one = |route: RouteSeen| {
        let names = route.entry_points.iter().map(|listener| entry_point(listener, answer)).collect();
        let service_state = services.get(&format!("{} {}", route.protocol, route.service)).cloned().unwrap_or_default();
        let origin = answer.background.origins.get(&format!("{} {}", route.protocol, route.name));
        let place = origin.map(|origin| projects.place(&route.protocol, origin)).unwrap_or_default();
        Routed { route, entry_point_names: names, service_state, place }
    };
    routes.into_iter().map(one).collect()
}

/// What people call a listener: `websecure (:443)`.
pub(super) fn entry_point(listener: &str, answer: &Answer) -> String {
    match answer.background.entry_points.get(listener) {
        Some(names) if !names.is_empty() => {
            format!("{} ({listener})", names.iter().map(String::as_str).collect::<Vec<_>>().join(", "))
        }
        _ => listener.to_owned(),
    }
}
