//! `stack build`

mod bake;

use std::process::ExitCode;
use std::sync::Arc;

use compose_schema::LoadOptions;
use compose_schema::model::{Bytes, SshKey};

use super::carry_out::Runner;
use super::push::{self, Pushes};
use super::{Context, Global, block_on, dry_run};
use crate::backend::BuildCheck;
use crate::edge::EdgeRequest;
use crate::error::{CommandError, Result};
use crate::reconcile::{Desired, Selection, up};
use crate::ui::output;
use crate::ui::style::printable;

/// Build the images of services
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Value of an `ARG`; without a value, ours
    #[arg(long = "build-arg", value_name = "KEY=VALUE")]
    build_args: Vec<String>,
    /// Do not use the cache
    #[arg(long)]
    no_cache: bool,
    /// Most memory a step of a build may use (`512m`)
    #[arg(short, long, value_name = "SIZE")]
    memory: Option<String>,
    /// Send the images to their registries once they are built
    #[arg(long)]
    push: bool,
    /// Look for newer base images
    #[arg(long)]
    pull: bool,
    /// Do not show what builds say
    #[arg(short, long)]
    quiet: bool,
    /// Images of what the services depend on, too
    #[arg(long)]
    with_dependencies: bool,
    /// SSH keys for `RUN --mount=type=ssh`: `default` for the user's agent, or an agent's socket or a key's file
    #[arg(long, value_name = "default|ID[=PATH]")]
    ssh: Vec<String>,
    /// Add an attestation of how the image was made
    #[arg(long, value_name = "VALUE", num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    provenance: Option<String>,
    /// Add a list of what is in the image
    #[arg(long, value_name = "VALUE", num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    sbom: Option<String>,
    /// Print the builds as a file of `docker buildx bake`, and build nothing
    #[arg(long)]
    print: bool,
    /// Check the Dockerfiles and build nothing
    #[arg(long)]
    check: bool,
    /// How progress is shown, as before the command
    #[arg(long, value_name = "auto|tty|plain|json|quiet", hide = true)]
    progress: Option<String>,
    /// No effect any more, as in Docker Compose
    #[arg(long, hide = true)]
    force_rm: bool,
    /// No effect any more, as in Docker Compose
    #[arg(long, hide = true)]
    no_rm: bool,
    /// No effect any more, as in Docker Compose
    #[arg(long, hide = true)]
    compress: bool,
    /// No effect any more, as in Docker Compose
    #[arg(long, hide = true)]
    parallel: bool,
    #[command(flatten)]
    refused: Refused,
    /// Services; none: all
    #[arg(value_name = "SERVICE")]
    services: Vec<String>,
}

/// Flags of Docker Compose that are about its other builders.
#[derive(Debug, clap::Args)]
struct Refused {
    /// The engine's own is `default`, or called as the context of the `docker` command
    #[arg(long, hide = true)]
    builder: Option<String>,
}

impl Refused {
    fn check(&self, context: &Context) -> Result<()> {
        let Some(builder) = self.builder.as_deref().filter(|builder| !matches!(*builder, "" | "default")) else {
            return Ok(());
        };
        // Each context of the `docker` command is a builder of its name: the engine's own.
        if context.environment.get("DOCKER_CONTEXT").is_some_and(|name| name == builder) {
            return Ok(());
        }
        let builder = printable(builder);
        let message = format!("`--builder {builder}` is not supported: images are built by the engine's own builder");
        Err(CommandError::new(message).hint(format!(
            "leave it out, or let that builder do it: `stack build --print | docker buildx bake --builder {builder} -f -`"
        )))
    }
}

/// Builds; a failure of one image does not stop the others.
///
/// # Errors
/// See [`CommandError`].
pub fn run(context: &Context, args: &Args) -> Result<ExitCode> {
    args.refused.check(context)?;
    let memory = args.memory.as_deref().map_or(Ok(0), memory)?;
    for (given, flag, why) in [
        (args.force_rm, "--force-rm", "intermediate containers are always removed"),
        (args.no_rm, "--no-rm", "intermediate containers are always removed"),
        (args.compress, "--compress", "contexts are sent as the engine takes them best"),
        (args.parallel, "--parallel", "images are built at the same time"),
    ] {
        if given {
            output::stderr(&format!("warning: `{flag}` has no effect: {why}\n"));
        }
    }
    let progress = args.progress.clone().unwrap_or_else(|| context.global.progress.clone());
    let progress = if args.quiet { "quiet".to_owned() } else { progress };
    let context = &Context {
        global: Global { progress, ..context.global.clone() },
        working_dir: context.working_dir.clone(),
        environment: context.environment.clone(),
    };
    let loaded = context.load(&LoadOptions { unique_containers: false, ..context.load_options(&args.services) })?;
    let adopted = EdgeRequest::of(&loaded, true)?.as_ref().map(EdgeRequest::adopted).unwrap_or_default();
    let selection = Selection {
        services: args.services.clone(),
        no_dependencies: !args.with_dependencies,
        adopted,
        ..Selection::default()
    };
    let mut desired = Desired::new(&loaded.project, &selection, &|path| loaded.place(path))?;
    let built = desired.services.values_mut().chain(desired.bases.values_mut());
    for spec in built.filter_map(|service| service.build.as_mut()) {
        spec.build.no_cache |= args.no_cache;
        spec.build.pull |= args.pull;
        spec.memory = memory;
        for entry in &args.build_args {
            let (name, value) = match entry.split_once('=') {
                Some((name, value)) => (name, Some(value.to_owned())),
                None => (entry.as_str(), context.environment.get(entry).cloned()),
            };
            spec.build.args.insert(name.to_owned(), value);
        }
        for key in &args.ssh {
            let (id, path) = key.split_once('=').unwrap_or((key, ""));
            spec.build.ssh.retain(|key| key.id != id);
            spec.build.ssh.push(SshKey { id: id.to_owned(), path: path.to_owned() });
        }
        if let Some(provenance) = &args.provenance {
            provenance.clone_into(&mut spec.build.provenance);
        }
        if let Some(sbom) = &args.sbom {
            sbom.clone_into(&mut spec.build.sbom);
        }
    }
    if args.print {
        output::stdout(&bake::file(&loaded.project, &desired, &context.environment, args.push)?)?;
        return Ok(ExitCode::SUCCESS);
    }
    if args.check {
        return check(context, &desired);
    }
    let plan = up::builds(&desired)?;
    if plan.is_empty() {
        output::stderr("warning: no service has a `build` section\n");
        return Ok(ExitCode::SUCCESS);
    }
    let mut runner = Runner::new(context, &loaded.project.name)?;
    runner.quiet_build = args.quiet;
    let pushes = args.push.then(|| {
        let built = desired.services.iter().filter(|(_, service)| service.build.is_some()).map(|(name, _)| name);
        Pushes::of(&loaded.project, built)
    });
    let limit = context.calls_at_once()?.unwrap_or(usize::MAX);
    block_on(async {
        runner.watch_signals()?;
        runner.carry_out(&plan, Some(&desired)).await?;
        let Some(pushes) = pushes else { return Ok(ExitCode::SUCCESS) };
        if runner.dry_run {
            dry_run::print(&pushes.words())?;
            return Ok(ExitCode::SUCCESS);
        }
        let failures = tokio::select! {
            failures = pushes.push(&runner.engine, &runner.reporter, limit, args.quiet) => failures,
            () = runner.cancel.cancelled() => return Err(CommandError::interrupted()),
        };
        push::outcome(&failures, false)?;
        Ok(ExitCode::SUCCESS)
    })
}

/// Has the Dockerfiles checked, one after the other; anything to complain about is a failure.
fn check(context: &Context, desired: &Desired) -> Result<ExitCode> {
    let runner = Runner::new(context, &desired.project)?;
    block_on(async {
        runner.watch_signals()?;
        let mut clean = true;
        for (name, service) in &desired.services {
            let Some(spec) = &service.build else { continue };
            let checked = tokio::select! {
                checked = runner.engine.check_build(spec, Arc::new(|_| {})) => checked,
                () = runner.cancel.cancelled() => return Err(CommandError::interrupted()),
            };
            let checked = checked.map_err(|error| {
                let message = format!("cannot check the Dockerfile of service `{name}`: {}", error.message);
                CommandError::new(message)
            })?;
            clean &= checked.complaints == 0;
            output::stdout(&verdict(name, &checked))?;
        }
        Ok(if clean { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    })
}

/// What a check has found, as `docker buildx` words it.
fn verdict(service: &str, check: &BuildCheck) -> String {
    let found = match check.complaints {
        0 => "no warnings found.".to_owned(),
        1 => "1 warning has been found!".to_owned(),
        count => format!("{count} warnings have been found!"),
    };
    let text = if check.text.is_empty() { String::new() } else { format!("\n{}\n", check.text) };
    format!("{service}\n\nCheck complete, {found}\n{text}")
}

/// A limit in bytes.
fn memory(text: &str) -> Result<i64> {
    Bytes::parse(text).map(|size| size.0).ok().filter(|size| *size > 0).ok_or_else(|| {
        CommandError::new(format!("invalid value for `--memory`: `{}`", printable(text)))
            .hint("write a size, such as `512m` or `2g`")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_check_says_what_it_has_found() {
        let clean = BuildCheck::default();
        assert_eq!(verdict("app", &clean), "app\n\nCheck complete, no warnings found.\n");
        let one = BuildCheck { text: "WARNING: x".to_owned(), complaints: 1 };
        assert_eq!(verdict("app", &one), "app\n\nCheck complete, 1 warning has been found!\n\nWARNING: x\n");
        let two = BuildCheck { complaints: 2, ..one };
        assert!(verdict("app", &two).contains("2 warnings have been found!"));
    }
}
