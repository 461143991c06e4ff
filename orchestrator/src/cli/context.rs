//! What every command starts from: global flags, environment, the project.

use std::collections::BTreeMap;
use std::path::PathBuf;

use clap::Args;
use clap::builder::{OsStringValueParser, TypedValueParser};
use compose_schema::{Diagnostic, LoadOptions, Loaded, Sources};

use crate::backend::{Engine, docker};
use crate::error::{CommandError, MAX_MESSAGES, Result, from_failure};
use crate::text::truth;
use crate::ui::progress::json;
use crate::ui::{output, trace};

/// Paths, with empty ones: a variable of a script that is not set gives one, which is as none.
pub(super) fn path() -> impl TypedValueParser<Value = PathBuf> {
    OsStringValueParser::new().map(PathBuf::from)
}

/// Flags that stand before the command, as Docker Compose has them.
#[derive(Debug, Clone, Default, Args)]
pub struct Global {
    /// Compose file; several are merged from left to right, `-` is standard input
    #[arg(short, long = "file", value_name = "FILE")]
    pub files: Vec<PathBuf>,
    /// Project name
    #[arg(short, long, value_name = "NAME")]
    pub project_name: Option<String>,
    /// Profile to switch on; `*` for all
    #[arg(long = "profile", value_name = "NAME", allow_hyphen_values = true)]
    pub profiles: Vec<String>,
    /// Environment file, in place of `.env`
    #[arg(long = "env-file", value_name = "FILE")]
    pub env_files: Vec<PathBuf>,
    /// Folder that relative paths start from (default: the folder of the first compose file)
    #[arg(long, alias = "workdir", value_name = "DIR", value_parser = path())]
    pub project_directory: Option<PathBuf>,
    /// How progress is shown
    #[arg(
        long,
        env = "COMPOSE_PROGRESS",
        value_name = "auto|tty|plain|json|quiet",
        default_value = "auto",
        hide_env = true
    )]
    pub progress: String,
    /// When to use colour and cursor movement
    #[arg(long, env = "COMPOSE_ANSI", value_name = "never|always|auto", default_value = "auto", hide_env = true)]
    pub ansi: String,
    /// Calls to the engine at a time, at most; -1 for no limit
    #[arg(long, env = "COMPOSE_PARALLEL_LIMIT", value_name = "N", default_value_t = -1, allow_negative_numbers = true, hide_env = true)]
    pub parallel: i32,
    /// Show what would be done, and do nothing
    #[arg(long, global = true)]
    pub dry_run: bool,
    /// Keep networks, volumes, secrets and configs that no service uses
    #[arg(long)]
    pub all_resources: bool,
    /// Warnings that are not to be shown, by code
    #[arg(long, env = "STACK_ALLOW", value_name = "CODE", value_delimiter = ',', hide_env = true)]
    pub allow: Vec<String>,
    /// Engine to use, instead of `DOCKER_HOST`
    #[arg(short = 'H', long, value_name = "ADDRESS")]
    pub host: Option<String>,
    /// Context of the `docker` command to use, instead of `DOCKER_CONTEXT`
    #[arg(long, value_name = "NAME")]
    pub context: Option<String>,
    /// Folder of the `docker` command's configuration, instead of `DOCKER_CONFIG`
    #[arg(long, value_name = "DIR", hide = true)]
    pub docker_config: Option<String>,
    /// Say what goes on inside, as `STACK_LOG=debug` does
    #[arg(short = 'D', long, alias = "debug", hide = true)]
    pub verbose: bool,
    /// `--ansi never`, as it was once called
    #[arg(long, hide = true)]
    pub no_ansi: bool,
    /// Print what `docker compose --compatibility config` prints
    #[arg(long, hide = true)]
    pub compatibility: bool,
}

/// The global flags with the surroundings of the process, read once.
#[derive(Debug)]
pub struct Context {
    /// Global flags.
    pub global: Global,
    /// Current directory.
    pub working_dir: PathBuf,
    /// Environment of the process; variables that are not UTF-8 are left out.
    pub environment: BTreeMap<String, String>,
}

impl Context {
    /// Reads the surroundings.
    ///
    /// # Errors
    /// A current directory that is gone.
    pub fn new(mut global: Global) -> Result<Self> {
        let working_dir = std::env::current_dir()
            .map_err(|error| CommandError::new(format!("cannot tell the current directory: {error}")))?;
        #[expect(clippy::disallowed_methods, reason = "this is where it is read")]
        let mut environment: BTreeMap<String, String> = std::env::vars_os()
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
            .collect();
        if global.verbose {
            trace::init("debug");
        }
        if global.no_ansi {
            output::stderr("warning: `--no-ansi` is deprecated: use `--ansi never`\n");
            "never".clone_into(&mut global.ansi);
        }
        // A variable must not break every command, as a flag that means nothing may.
        let is_known = matches!(global.ansi.as_str(), "auto" | "always" | "never");
        if !is_known && environment.get("COMPOSE_ANSI") == Some(&global.ansi) {
            "auto".clone_into(&mut global.ansi);
        }
        if let Some(folder) = &global.docker_config {
            environment.insert("DOCKER_CONFIG".to_owned(), folder.clone());
        }
        if let Some(host) = &global.host {
            environment.insert("DOCKER_HOST".to_owned(), host.clone());
        }
        if let Some(name) = &global.context {
            if global.host.is_some() {
                return Err(
                    CommandError::new("`--host` and `--context` contradict each other").hint("leave one of them out")
                );
            }
            // An address in the environment would count for more than a context; it is what `default` means.
            if name != "default" {
                environment.remove("DOCKER_HOST");
            }
            environment.insert("DOCKER_CONTEXT".to_owned(), name.clone());
        }
        Ok(Self { global, working_dir, environment })
    }

    /// Whether a variable of the environment is set to true, as Go's `strconv.ParseBool` reads it: Docker Compose does.
    #[must_use]
    pub fn is_true(&self, name: &str) -> bool {
        self.environment.get(name).and_then(|value| truth(value)) == Some(true)
    }

    /// The load options that the global flags ask for, with `selected` services named on the command line.
    pub fn load_options(&self, selected: &[String]) -> LoadOptions {
        LoadOptions {
            files: self.global.files.clone(),
            project_directory: self.global.project_directory.clone().filter(|folder| !folder.as_os_str().is_empty()),
            project_name: self.global.project_name.clone().filter(|name| !name.is_empty()),
            profiles: self.global.profiles.clone(),
            selected: selected.to_vec(),
            env_files: self.global.env_files.clone(),
            all_resources: self.global.all_resources,
            allow: self.global.allow.iter().filter(|code| !code.is_empty()).cloned().collect(),
            ..LoadOptions::new(self.working_dir.clone(), self.environment.clone())
        }
    }

    /// Calls to the engine at a time, by `--parallel`; none for any number.
    ///
    /// # Errors
    /// `--parallel 0`.
    pub fn calls_at_once(&self) -> Result<Option<usize>> {
        match self.global.parallel {
            ..=-1 => Ok(None),
            0 => Err(CommandError::new("`--parallel 0` would do nothing").hint("leave it out for no limit")),
            limit => Ok(usize::try_from(limit).ok()),
        }
    }

    /// The engine that the environment names. Nothing is sent to it yet.
    ///
    /// # Errors
    /// An address that makes no sense.
    pub fn engine(&self) -> Result<Engine> {
        Ok(docker::connect(&self.environment)?)
    }

    /// Loads the project; warnings go to standard error.
    ///
    /// # Errors
    /// The diagnostics of a project that cannot be loaded.
    pub fn load(&self, options: &LoadOptions) -> Result<Loaded> {
        let color = output::stderr_color();
        let loaded = compose_schema::load(options).map_err(|failure| from_failure(&failure, color))?;
        show_warnings(&loaded.warnings, &loaded.sources);
        Ok(loaded)
    }
}

/// Prints what is legal in the files but probably not meant, on standard error.
pub fn show_warnings(warnings: &[Diagnostic], sources: &Sources) {
    for warning in warnings.iter().take(MAX_MESSAGES) {
        if output::speaks_to_programs() {
            output::stderr(&json::warning(warning.render(sources, false).trim_end()));
            continue;
        }
        output::stderr(&format!("{}\n", warning.render(sources, output::stderr_color()).trim_end()));
    }
    if let Some(left_out) = warnings.len().checked_sub(MAX_MESSAGES).filter(|left_out| *left_out > 0) {
        output::stderr(&format!("and {left_out} warnings more\n"));
    }
}

#[cfg(test)]
mod tests {
    use super::{Context, Global};

    #[test]
    fn flags_about_the_engine_count_for_more_than_the_environment() {
        let context = |host: Option<&str>, name: Option<&str>| {
            let (host, name) = (host.map(str::to_owned), name.map(str::to_owned));
            let global = Global { host, context: name, no_ansi: false, ..Global::default() };
            Context::new(global).map(|context| context.environment).unwrap_or_default()
        };
        let found = context(Some("tcp://engine.test:1"), None);
        assert_eq!(found.get("DOCKER_HOST").map(String::as_str), Some("tcp://engine.test:1"));
        let found = context(None, Some("far"));
        assert_eq!((found.get("DOCKER_HOST"), found.get("DOCKER_CONTEXT").map(String::as_str)), (None, Some("far")));
        assert_eq!(context(Some("tcp://engine.test:1"), Some("far")).len(), 0, "one of them only");
        let old = Global { no_ansi: true, ansi: "auto".to_owned(), ..Global::default() };
        assert_eq!(Context::new(old).map(|context| context.global.ansi).ok().as_deref(), Some("never"));
    }
}
