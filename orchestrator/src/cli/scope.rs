//! Which project a command is about, and which of its containers.
//!
//! As Docker Compose has it: with `-p` and no `-f`, no file is read and the labels of containers are all there is; else
//! the files say which project it is.

#[cfg(test)]
mod tests;

use std::collections::BTreeSet;

use compose_schema::{LoadOptions, Loaded, Project, codes, suggest};

use super::Context;
use crate::backend::{Container, Engine, LabelFilter};
use crate::error::{CommandError, Result, from_failure};
use crate::labels;
use crate::reconcile::observed::{is_oneoff, number_of, service_of};
use crate::ui::output;
use crate::ui::style::printable;

/// A project, by its files or by its name alone.
#[derive(Debug)]
pub struct Scope {
    /// Name of the project.
    pub name: String,
    /// What the files say, where they were read.
    pub loaded: Option<Loaded>,
    /// Services that files declare which count for nothing else: with `-p` and no `-f` those of the folder. One of these
    /// without a container is no mistake.
    pub declared: BTreeSet<String>,
}

impl Scope {
    /// The project that the global flags mean; `services` are those named on the command line.
    ///
    /// # Errors
    /// The diagnostics of files that cannot be loaded; a name that no project can have.
    pub fn find(context: &Context, services: &[String]) -> Result<Self> {
        // What env files hold is of no use here, so they need not be there.
        Self::with(context, &LoadOptions { resolve_environment: false, ..context.load_options(services) })
    }

    /// [`Scope::find`] for commands that run hooks or start containers: they need the whole environment.
    ///
    /// # Errors
    /// As there.
    pub fn find_whole(context: &Context, services: &[String]) -> Result<Self> {
        Self::with(context, &context.load_options(services))
    }

    fn with(context: &Context, options: &LoadOptions) -> Result<Self> {
        // Containers of these commands are there already, or are not: the files make none.
        let options = &LoadOptions { unique_containers: false, ..options.clone() };
        if let Some(name) = options.project_name.as_ref().filter(|_| options.files.is_empty()) {
            let mut scope = Self::named(name)?;
            if !options.selected.is_empty() {
                scope.declared = declared(options);
            }
            return Ok(scope);
        }
        match compose_schema::load(options) {
            Ok(loaded) => {
                super::show_warnings(&loaded.warnings, &loaded.sources);
                Ok(Self { name: loaded.project.name.clone(), loaded: Some(loaded), declared: BTreeSet::new() })
            }
            Err(failure) => {
                let name = context.environment.get("COMPOSE_PROJECT_NAME").filter(|name| !name.is_empty());
                let error = from_failure(&failure, output::stderr_color());
                let Some(name) = name.filter(|_| options.files.is_empty()) else { return Err(error) };
                let nothing = failure.diagnostics.iter().any(|found| found.code == codes::input::NO_FILE);
                if !nothing {
                    output::stderr(&format!("{}\n", error.message.trim_end()));
                    output::stderr("warning: the compose files are left aside: `COMPOSE_PROJECT_NAME` is set\n");
                }
                Self::named(name)
            }
        }
    }

    fn named(name: &str) -> Result<Self> {
        let letter = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
        if !name.starts_with(letter) || !name.chars().all(|c| letter(c) || matches!(c, '-' | '_')) {
            return Err(CommandError::new(format!("`{}` is not a valid project name", printable(name)))
                .hint("use lowercase letters, digits, `-` and `_`, and start with a letter or a digit"));
        }
        Ok(Self { name: name.to_owned(), loaded: None, declared: BTreeSet::new() })
    }

    /// The project of the files, where they were read.
    pub fn project(&self) -> Option<&Project> {
        self.loaded.as_ref().map(|loaded| &loaded.project)
    }

    /// Everything of the project.
    pub fn filter(&self) -> LabelFilter {
        LabelFilter(vec![(labels::PROJECT.to_owned(), Some(self.name.clone()))])
    }

    /// The containers of services (none named: of all) in any state, by service and number. Those of `run` only with
    /// `oneoffs`.
    ///
    /// # Errors
    /// Services that neither the files nor any container knows; the engine's.
    pub async fn containers(&self, engine: &Engine, services: &[String], oneoffs: bool) -> Result<Vec<Container>> {
        let mut containers = engine.containers(&self.filter()).await?;
        self.check(services, &containers)?;
        containers.retain(|container| {
            let named = services.is_empty() || services.iter().any(|name| name == service_of(container));
            named && (oneoffs || !is_oneoff(container))
        });
        let place = |container: &Container| (service_of(container).to_owned(), number_of(container));
        containers.sort_by(|a, b| place(a).cmp(&place(b)).then_with(|| a.name.cmp(&b.name)));
        Ok(containers)
    }

    /// Checks names of services against the files and against the containers that are there.
    ///
    /// # Errors
    /// Names that neither knows.
    pub fn check(&self, services: &[String], containers: &[Container]) -> Result<()> {
        let mut known: BTreeSet<&str> = containers.iter().map(service_of).collect();
        known.extend(self.declared.iter().map(String::as_str));
        if let Some(project) = self.project() {
            known.extend(project.services.keys().chain(project.disabled_services.keys()).map(String::as_str));
        }
        match services.iter().find(|name| !known.contains(name.as_str())) {
            Some(name) => Err(no_such_service(name, known)),
            None => Ok(()),
        }
    }

    /// One container of a service in any state: the one with that number, or the lowest, one that runs first.
    ///
    /// # Errors
    /// A service that is not known or has no such container; the engine's.
    pub async fn any(&self, engine: &Engine, service: &str, index: Option<u32>) -> Result<Container> {
        let containers = self.containers(engine, &[service.to_owned()], false).await?;
        let index = index.filter(|index| *index > 0);
        let mut found: Vec<Container> = containers
            .into_iter()
            .filter(|container| index.is_none_or(|index| number_of(container) == index))
            .collect();
        found.sort_by_key(|container| !runs(container));
        found.into_iter().next().ok_or_else(|| {
            let which = index.map(|index| format!(" #{index}")).unwrap_or_default();
            let service = printable(service);
            CommandError::new(format!("service \"{service}\" has no container{which}"))
                .hint(format!("`stack create {service}` makes one, `stack ps -a {service}` shows what is there"))
        })
    }

    /// One running container of a service: the one with that number, or the lowest.
    ///
    /// # Errors
    /// A service that is not known or does not run; the engine's.
    pub async fn running(&self, engine: &Engine, service: &str, index: Option<u32>) -> Result<Container> {
        let containers = self.containers(engine, &[service.to_owned()], false).await?;
        let mut running = containers.into_iter().filter(runs);
        let found = match index.filter(|index| *index > 0) {
            None => running.next(),
            Some(index) => running.find(|container| number_of(container) == index),
        };
        found.ok_or_else(|| {
            let which = index.filter(|index| *index > 0).map(|index| format!(" container #{index}"));
            CommandError::new(format!("service \"{service}\" is not running{}", which.unwrap_or_default()))
                .hint(format!("`stack up -d {service}` starts it, `stack ps -a {service}` shows what is there"))
        })
    }
}

/// The services of the folder's files; none where there are no files, or none that can be read.
fn declared(options: &LoadOptions) -> BTreeSet<String> {
    let options =
        LoadOptions { selected: Vec::new(), resolve_environment: false, consistency: false, ..options.clone() };
    let Ok(loaded) = compose_schema::load(&options) else { return BTreeSet::new() };
    let project = loaded.project;
    project.services.into_keys().chain(project.disabled_services.into_keys()).collect()
}

/// The error about a name that is no service, with the one that was probably meant.
pub fn no_such_service<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> CommandError {
    let known: Vec<&str> = known.into_iter().filter(|name| !name.is_empty()).collect();
    let error = CommandError::new(format!("no such service: {}", printable(name)));
    match suggest::nearest(name, known.iter().copied()) {
        Some(meant) => error.hint(format!("did you mean `{}`?", printable(meant))),
        None if known.is_empty() => error,
        None => error.hint(format!("services are: {}", printable(&known.join(", ")))),
    }
}

/// Whether a container has a process.
pub fn runs(container: &Container) -> bool {
    container.state.has_process()
}
