//! `stack push`

use std::collections::BTreeMap;
use std::process::ExitCode;

use compose_schema::{LoadOptions, Project};
use futures_util::StreamExt as _;

use super::{Context, block_on, dry_run};
use crate::backend::{Engine, ProgressSink};
use crate::edge::EdgeRequest;
use crate::error::{CommandError, Result};
use crate::reconcile::{Desired, Selection};
use crate::ui::output;
use crate::ui::progress::{Mode, Reporter, Status, Update};
use crate::ui::style::printable;

/// Send the images that services build to their registries
#[derive(Debug, clap::Args)]
pub struct Args {
    /// An image that cannot be pushed is no failure
    #[arg(long)]
    ignore_push_failures: bool,
    /// Images of what the services depend on, too
    #[arg(long)]
    include_deps: bool,
    /// Do not show what pushes say
    #[arg(short, long)]
    quiet: bool,
    /// Services; none: all
    #[arg(value_name = "SERVICE")]
    services: Vec<String>,
}

/// What of a project can be pushed.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Pushes {
    /// Images, each with the services it is of.
    pub images: BTreeMap<String, Vec<String>>,
    /// Services that are left out, and why.
    pub skipped: Vec<(String, &'static str)>,
}

impl Pushes {
    /// The images that services build: their names and further tags.
    pub(super) fn of<'a>(project: &Project, services: impl IntoIterator<Item = &'a String>) -> Self {
        let mut pushes = Self::default();
        for name in services {
            let Some(service) = project.services.get(name) else { continue };
            match &service.build {
                None => pushes.skipped.push((name.clone(), "it is not built here")),
                Some(_) if service.image.is_empty() => {
                    pushes.skipped.push((name.clone(), "it has no `image`, so no registry either"));
                }
                Some(build) => {
                    for image in std::iter::once(&service.image).chain(&build.tags) {
                        pushes.images.entry(image.clone()).or_default().push(name.clone());
                    }
                }
            }
        }
        pushes
    }

    /// Pushes all of them, also after the failure of one; the failures in words. At most `limit` at a time.
    pub(super) async fn push(&self, engine: &Engine, reporter: &Reporter, limit: usize, quiet: bool) -> Vec<String> {
        for (service, why) in &self.skipped {
            reporter.update(Update { id: service, status: Status::Done, text: "Skipped", details: why });
        }
        let pushes = self.images.iter().map(|(image, services)| async move {
            let resource = format!("Image {image}");
            reporter.working(&resource, "Pushing");
            let sink: ProgressSink = if quiet { std::sync::Arc::new(|_| {}) } else { reporter.sink(&resource) };
            match engine.push(image, sink).await {
                Ok(()) => {
                    reporter.done(&resource, "Pushed");
                    None
                }
                Err(error) => {
                    reporter.error(&resource, "Error", "");
                    Some(printable(&format!(
                        "cannot push {image} (service {}): {}",
                        services.join(", "),
                        error.message
                    )))
                }
            }
        });
        let failures: Vec<Option<String>> = futures_util::stream::iter(pushes).buffer_unordered(limit).collect().await;
        reporter.finish();
        let mut failures: Vec<String> = failures.into_iter().flatten().collect();
        failures.sort();
        failures
    }

    /// What would be pushed, a line each.
    pub(super) fn words(&self) -> String {
        let pushed = self.images.keys().map(|image| format!("push image {}\n", printable(image)));
        let skipped = self.skipped.iter().map(|(service, why)| format!("skip {}: {why}\n", printable(service)));
        skipped.chain(pushed).collect()
    }
}

/// All failures as one; nothing where they are not to count.
pub(super) fn outcome(failures: &[String], ignored: bool) -> Result<()> {
    if failures.is_empty() {
        return Ok(());
    }
    if ignored {
        output::stderr(&failures.iter().map(|failure| format!("warning: {failure}\n")).collect::<String>());
        return Ok(());
    }
    Err(CommandError::new(failures.join("\n"))
        .hint("`stack build` makes images that are not here; `docker login REGISTRY` lets you in"))
}

/// Pushes the images of services that have a `build` section.
///
/// # Errors
/// See [`CommandError`].
pub fn run(context: &Context, args: &Args) -> Result<ExitCode> {
    let loaded = context.load(&LoadOptions { unique_containers: false, ..context.load_options(&args.services) })?;
    let adopted = EdgeRequest::of(&loaded, true)?.as_ref().map(EdgeRequest::adopted).unwrap_or_default();
    let selection = Selection {
        services: args.services.clone(),
        no_dependencies: !args.include_deps,
        adopted,
        ..Selection::default()
    };
    let desired = Desired::new(&loaded.project, &selection, &|path| loaded.place(path))?;
    let pushes = Pushes::of(&loaded.project, desired.services.keys());
    if context.global.dry_run {
        dry_run::print(&pushes.words())?;
        return Ok(ExitCode::SUCCESS);
    }
    let progress = if args.quiet { "quiet" } else { &context.global.progress };
    let mode = Mode::choose(progress, &context.global.ansi, output::progress_is_watched())?;
    let (engine, limit) = (context.engine()?, context.calls_at_once()?.unwrap_or(usize::MAX));
    let failures = block_on(async { Ok(pushes.push(&engine, &Reporter::new(mode), limit, args.quiet).await) })?;
    outcome(&failures, args.ignore_push_failures)?;
    Ok(ExitCode::SUCCESS)
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use compose_schema::Project;
    use compose_schema::model::{Build, Service};

    use super::{Pushes, outcome};
    use crate::backend::memory::Memory;
    use crate::ui::progress::{Mode, Reporter};

    fn pushes() -> Pushes {
        let service = |image: &str, tags: Option<&[&str]>| Service {
            image: image.to_owned(),
            build: tags
                .map(|tags| Build { tags: tags.iter().map(|tag| (*tag).to_owned()).collect(), ..Build::default() })
                .map(Box::new),
            ..Service::default()
        };
        let services = [
            ("bought", service("nginx", None)),
            ("nameless", service("", Some(&[]))),
            ("web", service("registry.test/web", Some(&["registry.test/web:2"]))),
            ("worker", service("registry.test/web", Some(&[]))),
        ];
        let project = Project {
            services: services.into_iter().map(|(name, service)| (name.to_owned(), service)).collect(),
            ..Project::default()
        };
        Pushes::of(&project, project.services.keys())
    }

    #[test]
    fn what_is_built_and_has_a_name_is_pushed_once() {
        assert_eq!(
            pushes().words(),
            "skip bought: it is not built here\n\
             skip nameless: it has no `image`, so no registry either\n\
             push image registry.test/web\n\
             push image registry.test/web:2\n"
        );
    }

    #[tokio::test]
    async fn a_failure_does_not_keep_the_others_from_being_pushed() {
        let engine = Memory::new();
        engine.add_image_named("registry.test/web:2");
        let reporter = Reporter::into_writer(Mode::Quiet, Box::new(std::io::sink()));
        let handle: crate::backend::Engine = engine.clone();
        let failures = pushes().push(&handle, &reporter, 1, true).await;
        let missing = "cannot push registry.test/web (service web, worker): No such image: registry.test/web";
        assert_eq!(failures, [missing]);
        assert_eq!(engine.changes(), ["push image registry.test/web", "push image registry.test/web:2"]);
        assert!(outcome(&failures, true).is_ok());
        assert_eq!(outcome(&failures, false).unwrap_err().message, missing);
    }
}
