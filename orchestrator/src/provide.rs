//! What programs bring instead of the engine: services of providers (`provider:`), and models of the model runner.
//!
//! A program is called as Docker Compose calls it. What it answers are variables for the services that depend on it.

mod messages;
mod model;
mod plugin;
mod program;
mod service;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::sync::Arc;

/// Variables by name.
pub type Variables = BTreeMap<String, String>;

/// What a program is to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Task {
    /// Bring a service, or take it away.
    Service {
        /// The service.
        name: String,
        /// Which program: a plugin of the `docker` command (`docker-KIND`), or a program's name or path.
        kind: String,
        /// Its options, each with all its values.
        options: BTreeMap<String, Vec<String>>,
        /// Take it away.
        down: bool,
    },
    /// Get a model and configure it.
    Model {
        /// Its key in the file.
        key: String,
        /// The model (`ai/smollm2`).
        model: String,
        /// Size of the context window; 0 for the model's own.
        context_size: i64,
        /// Flags of the runtime.
        flags: Vec<String>,
    },
    /// Ask where the model runner is: the variable [`Provision::ENDPOINT`].
    Endpoint,
}

/// A task with what its program is to know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Provision {
    /// What to do.
    pub task: Task,
    /// Name of the project.
    pub project: String,
    /// Environment of the program.
    pub environment: Arc<BTreeMap<String, String>>,
    /// Where the file asks for it, where known.
    pub place: Option<String>,
}

/// Why it was not done.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Refusal {
    /// What is wrong.
    pub message: String,
    /// The way out, where one is known.
    pub hint: Option<String>,
}

impl Refusal {
    fn new(message: impl Into<String>) -> Self {
        Self { message: message.into(), hint: None }
    }

    fn hint(self, hint: impl Into<String>) -> Self {
        Self { hint: Some(hint.into()), ..self }
    }
}

impl Provision {
    /// The variable with the address of the model runner.
    pub const ENDPOINT: &str = "endpoint";

    /// Runs the program; what it sets. `say` shows what it says meanwhile. Dropped, it kills the program.
    ///
    /// # Errors
    /// A program that is not there or that fails.
    pub async fn run(&self, say: impl Fn(&str)) -> Result<Variables, Refusal> {
        match &self.task {
            Task::Service { name, kind, options, down } => {
                service::run(self, &service::Wanted { name, kind, options, down: *down }, say).await
            }
            Task::Model { model, context_size, flags, .. } => {
                model::get(self, model, *context_size, flags, say).await?;
                Ok(Variables::new())
            }
            Task::Endpoint => {
                let endpoint = model::endpoint(self).await?;
                Ok(Variables::from([(Self::ENDPOINT.to_owned(), endpoint)]))
            }
        }
    }

    /// The place, as it follows a message.
    fn at(&self) -> String {
        self.place.as_ref().map(|place| format!(" ({place})")).unwrap_or_default()
    }
}
