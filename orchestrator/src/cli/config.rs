//! `stack config`

mod listing;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::ValueEnum;
use compose_schema::{LoadOptions, Model, Project, emit, profile};

use crate::cli::Context;
use crate::error::{CommandError, Result, from_failure};
use crate::ui::output;

/// Check the compose files and print what they mean
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Services to print, with what they depend on (default: all)
    #[arg(value_name = "SERVICE")]
    names: Vec<String>,
    /// How to print
    #[arg(long, value_name = "yaml|json")]
    format: Option<String>,
    /// Only check
    #[arg(short, long)]
    quiet: bool,
    /// Write to a file
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Leave variables as they are written
    #[arg(long)]
    no_interpolate: bool,
    /// Add nothing that is only implied
    #[arg(long)]
    no_normalize: bool,
    /// Leave paths as they are written
    #[arg(long)]
    no_path_resolution: bool,
    /// Do not check that it makes sense as a whole
    #[arg(long)]
    no_consistency: bool,
    /// No effect, as in Docker Compose: env files are read into `environment`
    #[arg(long, hide = true)]
    no_env_resolution: bool,
    /// Pin images to digests
    #[arg(long)]
    resolve_image_digests: bool,
    /// Print an override file that pins images to digests
    #[arg(long)]
    lock_image_digests: bool,
    /// Print the names of services, dependencies first
    #[arg(long)]
    services: bool,
    /// Print the names of volumes
    #[arg(long)]
    volumes: bool,
    /// Print the names of networks
    #[arg(long)]
    networks: bool,
    /// Print the models
    #[arg(long)]
    models: bool,
    /// Print the names of images
    #[arg(long)]
    images: bool,
    /// Print the names of profiles
    #[arg(long)]
    profiles: bool,
    /// Print the config hash of a service, of several (`a,b`) or of all (`*`)
    #[arg(long, value_name = "SERVICE")]
    hash: Option<String>,
    /// Print the variables that the files ask for
    #[arg(long)]
    variables: bool,
    /// Print the environment that variables are taken from
    #[arg(long)]
    environment: bool,
}

/// What a project is printed as.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    Yaml,
    Json,
}

/// Loads the project and prints it, or a part of it.
///
/// # Errors
/// Files that cannot be loaded, services that do not exist, an output that cannot be written.
pub fn run(context: &Context, args: &Args) -> Result<ExitCode> {
    if args.resolve_image_digests || args.lock_image_digests {
        let flag = if args.lock_image_digests { "--lock-image-digests" } else { "--resolve-image-digests" };
        return Err(CommandError::new(format!("`{flag}` is not supported: it asks registries for digests"))
            .hint("pin images by hand: `image: name@sha256:...`"));
    }
    if args.no_env_resolution {
        output::stderr("warning: `--no-env-resolution` has no effect, as in Docker Compose: env files are read\n");
    }
    if let Some(listing) = listing::print(context, args)? {
        output::stdout(&listing)?;
        return Ok(ExitCode::SUCCESS);
    }
    let format = args.format()?;
    let text = if args.no_interpolate {
        let model = args.model(context)?;
        match format {
            Format::Yaml => emit::tree_yaml(&model.tree),
            Format::Json => emit::tree_json(&model.tree),
        }
    } else {
        let project = args.project(context, &args.names, args.options(context, &args.names))?;
        let text = match format {
            Format::Yaml => emit::yaml(&project),
            Format::Json => emit::json(&project).map_err(|error| CommandError::new(error.to_string()))?,
        };
        // Read again, it has to mean the same.
        text.replace('$', "$$")
    };
    match &args.output {
        _ if args.quiet => {}
        Some(path) => std::fs::write(path, text)
            .map_err(|error| CommandError::new(format!("cannot write `{}`: {error}", path.display())))?,
        None => output::stdout(&text)?,
    }
    Ok(ExitCode::SUCCESS)
}

impl Args {
    fn format(&self) -> Result<Format> {
        let Some(name) = &self.format else { return Ok(Format::Yaml) };
        Format::from_str(name, false)
            .map_err(|_| CommandError::new(format!("unsupported format `{name}`")).hint("use `yaml` or `json`"))
    }

    /// The load options that the flags ask for.
    fn options(&self, context: &Context, names: &[String]) -> LoadOptions {
        LoadOptions {
            interpolate: !self.no_interpolate,
            // Docker Compose leaves normalizing out with `--compatibility` as well.
            normalize: !(self.no_normalize || context.global.compatibility),
            resolve_paths: !self.no_path_resolution,
            consistency: !self.no_consistency,
            // Docker Compose's `--no-env-resolution` reads them as well; only its listings do not.
            resolve_environment: true,
            ..context.load_options(names)
        }
    }

    /// The project, with the named services and what they depend on only.
    fn project(&self, context: &Context, names: &[String], options: LoadOptions) -> Result<Project> {
        let options = LoadOptions { interpolate: true, ..options };
        let mut project = context.load(&options)?.project;
        profile::select(&mut project, names).map_err(|error| CommandError::new(error.to_string()))?;
        if !options.all_resources {
            profile::prune(&mut project);
        }
        Ok(project)
    }

    /// The merged tree with its variables as they are written.
    fn model(&self, context: &Context) -> Result<Model> {
        let color = output::stderr_color();
        let options = LoadOptions { interpolate: false, ..self.options(context, &[]) };
        let model = compose_schema::load_model(&options).map_err(|failure| from_failure(&failure, color))?;
        for warning in &model.warnings {
            output::stderr(&format!("{}\n", warning.render(&model.sources, color).trim_end()));
        }
        Ok(model)
    }
}
