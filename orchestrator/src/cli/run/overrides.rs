//! What the flags of `run` change about a service.

use std::io::Write as _;

use compose_schema::LoadOptions;
use compose_schema::model::{Project, Service};
use serde_json::json;

use super::Args;
use crate::cli::Context;
use crate::error::{CommandError, Result};
use crate::ui::style::printable;

/// Values of flags in the language of compose files, read as if they stood in one: one grammar for both.
fn written(context: &Context, args: &Args, project: &Project) -> Result<Service> {
    let fail = |error: &dyn std::fmt::Display| CommandError::new(format!("cannot read the flags: {error}"));
    if let Some(label) = args.labels.iter().find(|label| !label.contains('=')) {
        return Err(CommandError::new(format!("label must be set as KEY=VALUE: `{}`", printable(label))));
    }
    let env_files: Vec<_> =
        args.env_from_file.iter().map(|path| json!({ "path": context.working_dir.join(path) })).collect();
    let mut service = json!({
        "image": "none",
        "environment": args.environment,
        "env_file": env_files,
        "labels": args.labels,
        "ports": args.publish,
        "volumes": args.volumes,
    });
    if let (Some(entrypoint), Some(map)) = (&args.entrypoint, service.as_object_mut()) {
        map.insert("entrypoint".to_owned(), json!(entrypoint));
    }
    // The shell has replaced variables already.
    let text = json!({ "services": { "run": service } }).to_string().replace('$', "$$");
    let mut file = tempfile::Builder::new().suffix(".yaml").tempfile().map_err(|error| fail(&error))?;
    file.write_all(text.as_bytes()).map_err(|error| fail(&error))?;
    let options = LoadOptions {
        files: vec![file.path().to_owned()],
        project_directory: Some(context.working_dir.clone()),
        project_name: Some(project.name.clone()),
        consistency: false,
        ..LoadOptions::new(context.working_dir.clone(), project.environment.clone())
    };
    let mut loaded = compose_schema::load(&options).map_err(|failure| {
        let messages: Vec<&str> = failure.diagnostics.iter().map(|found| found.message.as_str()).collect();
        CommandError::new(messages.join("\n").replace("`services.run.", "flag `"))
            .hint("values of `-e`, `-l`, `-p`, `-v` and `--entrypoint` are written as in compose files")
    })?;
    Ok(loaded.project.services.remove("run").unwrap_or_default())
}

/// Makes the service what this one container shall be.
///
/// # Errors
/// Flags that make no sense.
pub(super) fn apply(
    context: &Context,
    args: &Args,
    tty: bool,
    command: &[String],
    project: &mut Project,
) -> Result<()> {
    let given = written(context, args, project)?;
    let Some(service) = project.services.get_mut(args.service()) else { return Ok(()) };
    if !args.service_ports {
        service.ports = given.ports;
    }
    for mount in given.volumes {
        service.volumes.retain(|other| other.target != mount.target);
        service.volumes.push(mount);
    }
    // What has no value here leaves that of the file alone.
    service.environment.extend(given.environment.into_iter().filter(|(_, value)| value.is_some()));
    service.labels.extend(given.labels);
    service.cap_add.extend(args.cap_add.iter().cloned());
    service.cap_drop.extend(args.cap_drop.iter().cloned());
    if args.entrypoint.is_some() {
        service.entrypoint = given.entrypoint;
        // The command of the file was meant for the entrypoint of the file.
        service.command = Some(Vec::new());
    }
    if !command.is_empty() {
        service.command = Some(command.to_vec());
    }
    if let Some(user) = &args.user {
        service.user.clone_from(user);
    }
    if let Some(folder) = &args.workdir {
        service.working_dir.clone_from(folder);
    }
    service.tty = tty;
    service.container_name.clear();
    // It runs once.
    service.restart.clear();
    if let Some(deploy) = &mut service.deploy {
        deploy.restart_policy = None;
    }
    Ok(())
}
