//! A project, an engine in memory, and what happens between them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use compose_schema::model::{Condition, Dependency, Mount, Network, Project, Service, Volume};
use tokio_util::sync::CancellationToken;

use crate::backend::Engine;
use crate::backend::memory::Memory;
use crate::reconcile::execute::{Executor, Outcome};
use crate::reconcile::up::{self, UpOptions};
use crate::reconcile::{Desired, Observed, Plan, Selection};
use crate::ui::progress::{Mode, Reporter};

/// A service of an image, in the default network.
pub(in crate::reconcile) fn service(image: &str) -> Service {
    Service { image: image.to_owned(), networks: BTreeMap::from([("default".to_owned(), None)]), ..Service::default() }
}

/// The same with an environment.
pub(in crate::reconcile) fn with_env(mut service: Service, variables: &[(&str, &str)]) -> Service {
    service.environment = variables.iter().map(|(k, v)| ((*k).to_owned(), Some((*v).to_owned()))).collect();
    service
}

/// The same after others.
pub(in crate::reconcile) fn after(mut service: Service, others: &[(&str, Condition)]) -> Service {
    let dependency = |condition| Dependency { condition, required: true, ..Dependency::default() };
    service.depends_on = others.iter().map(|(name, condition)| ((*name).to_owned(), dependency(*condition))).collect();
    service
}

/// The same with a named volume.
pub(in crate::reconcile) fn with_volume(mut service: Service, source: &str, target: &str) -> Service {
    service.volumes.push(Mount {
        kind: "volume".to_owned(),
        source: source.to_owned(),
        target: target.to_owned(),
        ..Mount::default()
    });
    service
}

/// A project `demo` with a default network, and the volumes its services name.
pub(in crate::reconcile) fn project(services: &[(&str, Service)]) -> Project {
    let volumes = services.iter().flat_map(|(_, service)| &service.volumes).filter(|mount| !mount.source.is_empty());
    Project {
        name: "demo".to_owned(),
        working_dir: "/srv/demo".into(),
        compose_files: vec!["/srv/demo/compose.yaml".into()],
        networks: BTreeMap::from([(
            "default".to_owned(),
            Network { name: "demo_default".to_owned(), ..Network::default() },
        )]),
        volumes: volumes
            .map(|mount| {
                let name = format!("demo_{}", mount.source);
                (mount.source.clone(), Volume { name, ..Volume::default() })
            })
            .collect(),
        services: services.iter().map(|(name, service)| ((*name).to_owned(), service.clone())).collect(),
        ..Project::default()
    }
}

/// A project on an engine.
pub(in crate::reconcile) struct Scene {
    pub(in crate::reconcile) engine: Arc<Memory>,
    pub(in crate::reconcile) project: Project,
    pub(in crate::reconcile) selection: Selection,
    pub(in crate::reconcile) options: UpOptions,
}

impl Scene {
    /// The project on an empty engine that has its images.
    pub(in crate::reconcile) fn new(services: &[(&str, Service)]) -> Self {
        let engine = Memory::new();
        let images: BTreeSet<&str> =
            services.iter().map(|(_, service)| service.image.as_str()).filter(|image| !image.is_empty()).collect();
        images.into_iter().for_each(|image| engine.add_image_named(image));
        Self { engine, project: project(services), selection: Selection::default(), options: UpOptions::default() }
    }

    pub(in crate::reconcile) fn desired(&self) -> Desired {
        let place = |path: &[&str]| (path.len() > 2).then(|| format!("compose.yaml:{}", path.len() + 10));
        Desired::new(&self.project, &self.selection, &place).unwrap()
    }

    pub(in crate::reconcile) async fn observe(&self) -> Observed {
        let engine: Engine = self.engine.clone();
        up::observe(&engine, &self.desired(), &self.options).await.unwrap()
    }

    /// The plan of `up`.
    pub(in crate::reconcile) async fn plan(&self) -> Plan {
        up::plan(&self.desired(), &self.observe().await, &self.options).unwrap()
    }

    /// The plan of `up` as text.
    pub(in crate::reconcile) async fn text(&self) -> String {
        self.plan().await.to_string()
    }

    /// Carries a plan out.
    pub(in crate::reconcile) async fn execute(&self, plan: &Plan) -> Outcome {
        executor(&self.engine).execute(plan).await
    }

    /// `up`, which must succeed.
    pub(in crate::reconcile) async fn up(&self) {
        let plan = self.plan().await;
        let outcome = self.execute(&plan).await;
        outcome.into_result(&plan, Some(&self.desired())).map_err(|error| error.message).expect("up succeeds");
    }

    /// Names and states of all containers.
    pub(in crate::reconcile) fn containers(&self) -> Vec<String> {
        self.engine.snapshot().values().map(|c| format!("{} {:?}", c.name, c.state)).collect()
    }
}

pub(in crate::reconcile) fn executor(engine: &Arc<Memory>) -> Executor {
    Executor {
        engine: engine.clone(),
        project: "demo".to_owned(),
        reporter: Reporter::into_writer(Mode::Quiet, Box::new(std::io::sink())),
        parallel: None,
        cancel: CancellationToken::new(),
        quiet_pull: true,
        quiet_build: true,
    }
}
