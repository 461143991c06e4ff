//! The gateway as a program of its own, in Traefik's place.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use http::StatusCode;
use proxy::config::dynamic::Configuration;
use proxy::config::file;
use proxy::config::statics::{self, Severity, Sources, StaticConfig};
use proxy::entry_point::EntryPoint;
use proxy::gateway::{Announce, Gateway, Listener, Options, Update};
use proxy::inspect::Inspector;
use proxy::observe::access_log::AccessLog;
use proxy::observe::api::{Api, Features};
use proxy::{Resolver, assemble};

use super::authority;
use crate::cli::carry_out::Signals;
use crate::cli::{Context, block_on};
use crate::edge::descriptors::raise_limit;
use crate::edge::serve::{hostname, tracer};
use crate::error::{CommandError, Result};
use crate::ui::{output, trace};
use crate::watch::limits::explained;
use crate::watch::{ConfigurationFiles, FileWatch};

/// Serves until a signal ends it, then lets requests finish.
///
/// # Errors
/// A static configuration that makes no sense, an entry point that cannot be listened on, files that cannot be watched.
pub(super) fn run(context: &Context, flags: &[String]) -> Result<ExitCode> {
    let config = static_config(context, flags)?;
    trace::init_as(level(&config.log.level), config.log.format.eq_ignore_ascii_case("json"));
    raise_limit();
    block_on(async move {
        let base = config.api.as_ref().map_or("", |api| api.base_path.as_str());
        let dashboard = config.api.as_ref().is_some_and(|api| api.dashboard);
        let api = Api::new(env!("CARGO_PKG_VERSION"), base, dashboard);
        let handlers = if config.api.is_some() { api.handlers().into_iter().collect() } else { Default::default() };
        let options = Options {
            entry_points: assemble::entry_points(&config),
            hostname: hostname(),
            // In Traefik's place it answers what Traefik answers, and nothing more.
            mark_errors: false,
            access_log: config.access_log.as_ref().map(access_log).transpose()?,
            handlers,
            without_ping: config.ping.is_none(),
            terminating_status: config
                .ping
                .as_ref()
                .and_then(|ping| StatusCode::from_u16(ping.terminating_status_code).ok()),
            ..Options::default()
        };
        let mut signals = Signals::new()?;
        let gateway = Gateway::start(options)
            .await
            .map_err(|error| CommandError::new(format!("the gateway cannot start: {error}")))?;
        gateway.set_metrics(&config.metrics);
        gateway.set_tracer(tracer(config.tracing.clone()).await.map_err(CommandError::new)?);
        for (name, listener) in gateway.status().listeners {
            if let Listener::Failed(reason) = listener {
                return Err(CommandError::new(format!("entry point `{name}`: {reason}"))
                    .hint(format!("stop what holds the port, or set `--entrypoints.{name}.address` to another one")));
            }
        }
        let resolvers = assemble::resolvers(&config, &context.environment);
        let files = ConfigurationFiles::default();
        let last = Configuration::default();
        let authority = authority::folder(&context.environment);
        let mut serving = Serving { gateway, config, resolvers, authority, api, last, files };
        serving.serve(&mut signals).await?;
        let life = serving.config.entry_points.values().map(|point| &point.transport.life_cycle);
        let accept = life.clone().map(|life| life.request_accept_grace_timeout.to_std()).max().unwrap_or_default();
        let grace = life.map(|life| life.grace_time_out.to_std()).max().unwrap_or_default();
        serving.gateway.shutdown(accept, grace).await;
        Ok(ExitCode::SUCCESS)
    })
}

struct Serving {
    gateway: Gateway,
    config: StaticConfig,
    /// Where certificates come from, by name.
    resolvers: BTreeMap<String, Resolver>,
    /// Folder of the authority for local names.
    authority: Option<PathBuf>,
    api: Api,
    /// What the dynamic files said when they last could be read.
    last: Configuration,
    /// What the configuration is made of.
    files: ConfigurationFiles,
}

impl Serving {
    async fn serve(&mut self, signals: &mut Signals) -> Result<()> {
        let mut watch = self.watch()?;
        self.apply().await?;
        loop {
            if let Some(watch) = &mut watch {
                self.look_after(watch);
            }
            let changed = async {
                match &mut watch {
                    Some(watch) => watch.changed().await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                () = signals.next() => return Ok(()),
                () = changed => self.apply().await?,
                () = self.gateway.broken() => return Err(CommandError::new("the gateway cannot run: its threads have ended")),
            }
        }
    }

    /// Watches the files that the configuration names, wherever they are: certificates above all.
    fn look_after(&self, watch: &mut FileWatch) {
        for folder in self.files.folders() {
            if let Err(error) = watch.add_flat(&folder) {
                tracing::warn!("changes are not noticed: {}", explained(&folder, &error));
            }
        }
    }

    /// A watch over the dynamic files; none where there are none, or where they are not to be watched.
    fn watch(&self) -> Result<Option<FileWatch>> {
        let Some(provider) = self.config.providers.file.as_ref().filter(|provider| provider.watch) else {
            return Ok(None);
        };
        let Some(path) = provider.path() else { return Ok(None) };
        let fail = |error: notify::Error| explained(path, &error);
        let files = self.files.clone();
        let mut watch = FileWatch::new(move |path| files.has(path)).map_err(fail)?;
        if path.is_dir() {
            watch.add(path).map_err(fail)?;
        } else {
            // A file is watched by its folder: editors replace it. What is below that folder may be the site itself, where every
            // file that is opened would wake the watch.
            let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
            watch.add_flat(folder).map_err(fail)?;
        }
        Ok(Some(watch))
    }

    /// Reads the dynamic files and puts them in force; files that cannot be read leave the last ones in force.
    async fn apply(&mut self) -> Result<()> {
        let provider = self.config.providers.file.as_ref();
        if let Some((path, environment)) = provider.and_then(|provider| Some((provider.path()?, &provider.environment)))
        {
            let (path, environment) = (path.to_owned(), environment.clone());
            let read = tokio::task::spawn_blocking(move || file::read(&path, &environment))
                .await
                .map_err(|error| CommandError::new(format!("reading the dynamic files was cut off: {error}")))?;
            match read {
                Ok((configuration, problems)) => {
                    for problem in &problems {
                        tracing::error!("{problem}");
                    }
                    self.last = configuration;
                }
                Err(problem) => tracing::error!("{problem}; what was read before stays in force"),
            }
        }
        let configuration = assemble::merge(&self.config, [("file", self.last.clone())]);
        // Before they are read: a change after that is seen. A dynamic file that is given by name may be called anything.
        let provider = self.config.providers.file.as_ref().and_then(|provider| provider.path());
        self.files.set_named(configuration.files().into_iter().chain(provider.map(Path::to_owned)));
        let (api, points) = (self.api.clone(), self.config.entry_points.clone());
        let features = Features {
            metrics: self.config.metrics.prometheus.is_some(),
            access_log: self.config.access_log.is_some(),
            tracing: self.config.tracing.is_some(),
        };
        let update = Update {
            configuration,
            announce: Some(Announce::new(move |applied| api.show(&points, features, applied))),
            models: assemble::models(&self.config),
            udp_entry_points: assemble::udp_entry_points(&self.config),
            resolvers: self.resolvers.clone(),
            local_authority: self.authority.clone(),
            ..Update::default()
        };
        let applied =
            self.gateway.apply(update).await.map_err(|_| CommandError::new("the gateway's threads have ended"))?;
        for problem in &applied.problems {
            tracing::error!("{problem}");
        }
        Ok(())
    }
}

/// A look at what a static configuration file and its dynamic files ask for, without serving it, and its entry points. Problems are
/// printed.
///
/// # Errors
/// Files that cannot be read, or make no sense.
pub(in crate::cli) fn offline(context: &Context, file: &Path) -> Result<(Inspector, Vec<EntryPoint>)> {
    let config = static_config(context, &[format!("--configFile={}", file.display())])?;
    let mut found = Configuration::default();
    let provider = config.providers.file.as_ref();
    if let Some((path, environment)) = provider.and_then(|provider| Some((provider.path()?, &provider.environment))) {
        let (configuration, problems) =
            file::read(path, environment).map_err(|problem| CommandError::new(problem.to_string()))?;
        for problem in &problems {
            output::stderr(&format!("warning: {problem}\n"));
        }
        found = configuration;
    }
    let update = Update {
        configuration: assemble::merge(&config, [("file", found)]),
        models: assemble::models(&config),
        resolvers: assemble::resolvers(&config, &context.environment),
        ..Update::default()
    };
    let mut internal = vec!["api@internal", "dashboard@internal", "noop@internal", "prometheus@internal"];
    internal.extend(config.ping.as_ref().map(|_| "ping@internal"));
    let inspector = Inspector::offline(&update, &internal)
        .map_err(|error| CommandError::new(format!("cannot make keys: {error}")))?;
    Ok((inspector, assemble::entry_points(&config)))
}

/// The static configuration, from a file, from flags or from the environment; warnings are printed.
fn static_config(context: &Context, flags: &[String]) -> Result<StaticConfig> {
    let path = named_file(flags).or_else(|| default_file(context));
    let text = match &path {
        Some(path) => Some(fs::read_to_string(path).map_err(|error| {
            CommandError::new(format!("cannot read the static configuration `{}`: {error}", path.display()))
        })?),
        None => None,
    };
    let sources =
        Sources { flags, environment: Some(&context.environment), file: path.as_deref().zip(text.as_deref()) };
    match StaticConfig::read(&sources) {
        Ok((config, problems)) => {
            for problem in &problems {
                output::stderr(&format!("warning: {problem}\n"));
            }
            if config.providers.docker.is_some() {
                output::stderr(
                    "warning: `providers.docker`: the gateway by hand does not talk to an engine; `stack up` routes by labels\n",
                );
            }
            Ok(config)
        }
        Err(problems) => {
            let errors = problems.iter().filter(|problem| problem.severity == Severity::Error);
            Err(CommandError::new(errors.map(ToString::to_string).collect::<Vec<_>>().join("\n")))
        }
    }
}

/// The file that `--configFile` names.
fn named_file(flags: &[String]) -> Option<PathBuf> {
    let mut words = flags.iter();
    while let Some(word) = words.next() {
        let flag = word.trim_start_matches('-');
        match flag.split_once('=') {
            Some((name, value)) if name.eq_ignore_ascii_case("configfile") => return Some(PathBuf::from(value)),
            None if flag.eq_ignore_ascii_case("configfile") => return words.next().map(PathBuf::from),
            _ => {}
        }
    }
    None
}

fn default_file(context: &Context) -> Option<PathBuf> {
    let folder = |name: &str| context.environment.get(name).map(Path::new);
    statics::default_files(folder("HOME"), folder("XDG_CONFIG_HOME")).into_iter().find(|path| path.is_file())
}

fn access_log(options: &statics::AccessLog) -> Result<AccessLog> {
    let place = if options.file_path.is_empty() { "standard output" } else { options.file_path.as_str() };
    let fail = |error: std::io::Error| CommandError::new(format!("cannot write the access log to {place}: {error}"));
    let started = if options.file_path.is_empty() {
        AccessLog::start(options, std::io::stdout())
    } else {
        let file = fs::File::options().create(true).append(true).open(&options.file_path).map_err(fail)?;
        AccessLog::start(options, file)
    };
    started.map_err(fail)
}

/// Traefik's log levels by ours.
fn level(traefik: &str) -> &'static str {
    match traefik.to_ascii_uppercase().as_str() {
        "TRACE" => "trace",
        "DEBUG" => "debug",
        "INFO" => "info",
        "WARN" => "warn",
        _ => "error",
    }
}
