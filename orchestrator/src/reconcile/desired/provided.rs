//! What programs bring: services of providers and models; and the variables that others get by them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use compose_schema::model::{Project, ServiceModel};

use super::{Desired, fingerprint};
use crate::labels;
use crate::provide::{Provision, Task, Variables};

/// A task of a program.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Provided {
    /// The task.
    pub provision: Provision,
    /// Services of providers that come before.
    pub after: Vec<String>,
}

/// What programs bring for the services to run.
#[derive(Debug, Clone, Default)]
pub struct Programs {
    /// Services, by name.
    pub services: BTreeMap<String, Provided>,
    /// Models, by key.
    pub models: BTreeMap<String, Provided>,
    /// The address of the model runner, where there are models.
    pub endpoint: Option<Provided>,
    /// Services of providers that are not among those to run.
    elsewhere: BTreeSet<String>,
}

impl Programs {
    /// Nothing is asked of any program.
    pub fn is_empty(&self) -> bool {
        self.services.is_empty() && self.models.is_empty()
    }
}

/// The task of a provider; `None` for an ordinary service.
pub(in crate::reconcile) fn service(
    project: &Project,
    name: &str,
    down: bool,
    place: &dyn Fn(&[&str]) -> Option<String>,
) -> Option<Provision> {
    let provider = project.services.get(name)?.provider.as_ref()?;
    Some(Provision {
        task: Task::Service {
            name: name.to_owned(),
            kind: provider.kind.clone(),
            options: provider.options.clone(),
            down,
        },
        project: project.name.clone(),
        environment: Arc::new(project.environment.clone()),
        place: place(&["services", name, "provider"]),
    })
}

/// Variables of a service for a model: for its address, and for its name.
fn variables(key: &str, wish: Option<&ServiceModel>) -> (String, String) {
    let prefix = key.to_uppercase().replace('-', "_");
    let or = |given: Option<&String>, own: String| given.filter(|given| !given.is_empty()).cloned().unwrap_or(own);
    let endpoint = or(wish.map(|wish| &wish.endpoint_variable), format!("{prefix}_URL"));
    (endpoint, or(wish.map(|wish| &wish.model_variable), format!("{prefix}_MODEL")))
}

impl Desired {
    /// Takes the services of providers (with the services they depend on) and the models into account.
    pub(super) fn add_programs(
        &mut self,
        project: &Project,
        chosen: &BTreeSet<String>,
        place: &dyn Fn(&[&str]) -> Option<String>,
    ) {
        for (name, definition) in &project.services {
            let Some(provision) = service(project, name, false, place) else { continue };
            if chosen.contains(name) {
                let after = definition.depends_on.keys().cloned().collect();
                self.programs.services.insert(name.clone(), Provided { provision, after });
            } else {
                self.programs.elsewhere.insert(name.clone());
            }
        }
        let environment = Arc::new(project.environment.clone());
        for (name, key) in self
            .services
            .iter()
            .flat_map(|(name, service)| service.service.models.keys().map(move |key| (name.as_str(), key)))
        {
            // The loader has checked that it is defined.
            let Some(model) = project.models.get(key) else { continue };
            let provision = |task| Provided {
                provision: Provision {
                    task,
                    project: project.name.clone(),
                    environment: Arc::clone(&environment),
                    place: place(&["services", name, "models"]),
                },
                after: Vec::new(),
            };
            let task = Task::Model {
                key: key.clone(),
                model: model.model.clone(),
                context_size: model.context_size,
                flags: model.runtime_flags.clone(),
            };
            self.programs.models.entry(key.clone()).or_insert_with(|| provision(task));
            self.programs.endpoint.get_or_insert_with(|| provision(Task::Endpoint));
        }
    }

    /// Gives services what programs have set for them: those of a provider, by its service; the address of the model
    /// runner.
    pub fn provide(&mut self, by_service: &BTreeMap<String, Variables>, endpoint: Option<&str>) {
        let models = &self.programs.models;
        for service in self.services.values_mut() {
            let mut set = Variables::new();
            for name in service.service.depends_on.keys() {
                set.extend(by_service.get(name).cloned().unwrap_or_default());
            }
            if let Some(endpoint) = endpoint {
                for (key, wish) in &service.service.models {
                    let (address, name) = variables(key, wish.as_ref());
                    let Some(Task::Model { model, .. }) = models.get(key).map(|model| &model.provision.task) else {
                        continue;
                    };
                    set.extend([(address, endpoint.to_owned()), (name, model.clone())]);
                }
            }
            if set.is_empty() {
                continue;
            }
            service.environment.retain(|entry| {
                let name = entry.split_once('=').map_or(entry.as_str(), |(name, _)| name);
                !set.contains_key(name)
            });
            service.environment.extend(set.iter().map(|(name, value)| format!("{name}={value}")));
            service.service.environment.extend(set.into_iter().map(|(name, value)| (name, Some(value))));
            service.labels.insert(labels::STACK_CONFIG.to_owned(), fingerprint::of(&service.service));
        }
    }

    /// The services that get variables of programs which will not have been asked (all of them with `all`), each with the
    /// beginnings and the names of those variables: their containers have them from last time.
    pub fn unasked(&self, all: bool) -> BTreeMap<String, (Vec<String>, Vec<String>)> {
        let mut found = BTreeMap::new();
        for (name, service) in &self.services {
            let of_programs = service.service.depends_on.keys().filter(|other| {
                self.programs.elsewhere.contains(*other) || (all && self.programs.services.contains_key(*other))
            });
            let prefixes: Vec<String> = of_programs.map(|other| format!("{}_", other.to_uppercase())).collect();
            let models = service.service.models.iter().filter(|_| all);
            let names: Vec<String> = models
                .flat_map(|(key, wish)| {
                    let (address, name) = variables(key, wish.as_ref());
                    [address, name]
                })
                .collect();
            if !prefixes.is_empty() || !names.is_empty() {
                found.insert(name.clone(), (prefixes, names));
            }
        }
        found
    }

    /// Gives a service what a container of it has got of programs before; `environment` is the container's.
    pub fn remember(&mut self, service: &str, prefixes: &[String], names: &[String], environment: &[String]) {
        let Some(service) = self.services.get_mut(service) else { return };
        for entry in environment {
            let Some((name, value)) = entry.split_once('=') else { continue };
            let given = prefixes.iter().any(|prefix| name.starts_with(prefix)) || names.iter().any(|own| own == name);
            if given && !service.service.environment.contains_key(name) {
                service.environment.push(entry.clone());
                service.service.environment.insert(name.to_owned(), Some(value.to_owned()));
            }
        }
        service.labels.insert(labels::STACK_CONFIG.to_owned(), fingerprint::of(&service.service));
    }
}
