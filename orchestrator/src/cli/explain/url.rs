//! `stack explain URL`: why a request is answered as it is.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::path::PathBuf;
use std::process::ExitCode;

use proxy::inspect::{Explanation, Question};
use serde::Serialize;

use super::hints;
use super::print;
use crate::cli::ps::unsupported_format;
use crate::cli::routes::place::{Place, Projects};
use crate::cli::routes::{Routed, routed, scope};
use crate::cli::{Context, block_on, gateway, to_json};
use crate::edge::ask::{self, Answer, Query};
use crate::edge::containers::EdgeContainers;
use crate::error::{CommandError, Result};
use crate::ui::{output, terminal};

/// Redirects that are followed.
const MOST_REDIRECTS: usize = 5;

/// How the request is made.
#[derive(Debug, Default, clap::Args)]
pub(super) struct Options {
    /// Method of the request
    #[arg(short = 'X', long = "request", value_name = "METHOD", default_value = "GET")]
    method: String,
    /// Header of the request
    #[arg(short = 'H', long = "header", value_name = "NAME: VALUE")]
    headers: Vec<String>,
    /// Address that the request comes from
    #[arg(long, value_name = "IP", default_value = "127.0.0.1")]
    client: Option<IpAddr>,
    /// Every router, those for other hosts too
    #[arg(short, long)]
    all: bool,
    /// How to print
    #[arg(long, value_name = "text|json", default_value = "text")]
    format: String,
    /// Ask a static configuration of Traefik, which need not be served
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
}

/// One request of those that an answer leads through.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Told {
    /// What the gateway says.
    #[serde(flatten)]
    pub(super) explanation: Explanation,
    /// Where the router that takes it is written.
    pub(super) place: Place,
    /// What else may be the reason.
    pub(super) hints: Vec<String>,
    #[serde(skip)]
    pub(super) answer: Answer,
    /// All routers, for where they are written.
    #[serde(skip)]
    pub(super) routes: Vec<Routed>,
    /// For containers behind servers.
    #[serde(skip)]
    pub(super) servers: Vec<(String, String)>,
}

/// Whether somebody asks about a URL and not about a code.
pub(super) fn is_url(text: &str) -> bool {
    text.contains(['.', '/']) || text.eq_ignore_ascii_case("localhost") || text.starts_with("localhost:")
}

/// Explains a request, and those that it is redirected to.
pub(super) fn run(context: &Context, url: &str, options: &Options) -> Result<ExitCode> {
    if !matches!(options.format.as_str(), "text" | "json") {
        return Err(unsupported_format(&options.format));
    }
    let mut question = Question::of(url)
        .map_err(|reason| CommandError::new(reason).hint("write it as `https://app.example.com/path`"))?;
    question.method = options.method.to_ascii_uppercase();
    question.client = options.client;
    for header in &options.headers {
        let (name, value) = header.split_once(':').ok_or_else(|| {
            CommandError::new(format!("`{header}` is not a header")).hint("write it as `-H 'Name: value'`")
        })?;
        question.headers.push((name.trim().to_owned(), value.trim().to_owned()));
    }
    let told = match &options.config {
        Some(file) => offline(context, file, question)?,
        None => block_on(live(context, question))?,
    };
    let text = if options.format == "json" {
        format!("{}\n", to_json(&told)?)
    } else {
        let width = terminal::size().map_or(100, |(_, columns)| usize::from(columns)).clamp(40, 120);
        told.iter().map(|one| print::explanation(one, options.all, width)).collect::<Vec<_>>().join("\n")
    };
    output::stdout(&text)?;
    Ok(ExitCode::SUCCESS)
}

fn offline(context: &Context, file: &std::path::Path, mut question: Question) -> Result<Vec<Told>> {
    let (inspector, points) = gateway::by_hand::offline(context, file)?;
    let mut told = Vec::new();
    let mut seen = BTreeSet::new();
    while seen.len() < MOST_REDIRECTS && seen.insert(question.url()) {
        let explanation = inspector.explain(&question, &points);
        let next = next(&question, &explanation);
        let answer = Answer { report: inspector.report(), ..Answer::default() };
        told.push(tell(explanation, answer, &Projects::default()));
        let Some(next) = next else { break };
        question = next;
    }
    Ok(told)
}

async fn live(context: &Context, mut question: Question) -> Result<Vec<Told>> {
    let engine = context.engine()?;
    let pair = EdgeContainers::observe(engine.as_ref()).await?;
    let mut projects = None;
    let mut told = Vec::new();
    let mut seen = BTreeSet::new();
    while seen.len() < MOST_REDIRECTS && seen.insert(question.url()) {
        let mut answer = ask::ask(&engine, &pair, &Query::Explain(Box::new(question.clone()))).await?;
        let explanation = answer.explanation.take().unwrap_or_default();
        let next = next(&question, &explanation);
        let known = match projects.take() {
            Some(known) => known,
            // The files of this folder, where there are some, say where routers are written before containers do.
            None => {
                let scope = scope(context, false).ok().flatten();
                Projects::gather(context, &engine, &pair, scope, &answer.background).await?
            }
        };
        told.push(tell(explanation, answer, &known));
        projects = Some(known);
        let Some(next) = next else { break };
        question = next;
    }
    Ok(told)
}

fn tell(explanation: Explanation, answer: Answer, projects: &Projects) -> Told {
    let routes = routed(answer.report.clone(), &answer, projects);
    let taken = explanation.router.as_ref();
    let place =
        taken.and_then(|name| routes.iter().find(|one| one.route.protocol == "http" && one.route.name == *name));
    let place = place.map(|one| one.place.clone()).unwrap_or_default();
    let hints = hints::of(&explanation, &answer, &place, projects);
    let servers = explanation.service.iter().flat_map(|service| service.all_servers()).filter_map(|server| {
        let container = projects.at(hints::host_of(&server.url))?;
        Some((server.url.clone(), format!("{}, {}", container.name, hints::condition(container))))
    });
    let servers = servers.collect();
    Told { explanation, place, hints, answer, routes, servers }
}

/// The request that a browser makes where it is sent elsewhere.
fn next(question: &Question, explanation: &Explanation) -> Option<Question> {
    let next = Question::of(explanation.redirect.as_deref()?).ok()?;
    let method = question.method.clone();
    Some(Question { method, headers: question.headers.clone(), client: question.client, ..next })
}
