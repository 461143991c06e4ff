//! `stack config`

mod digests;
mod listing;
mod origins;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::ValueEnum;
use compose_schema::yaml::{Entry, Node};
use compose_schema::{Diagnostic, Failure, LoadOptions, Loaded, Model, Sources, emit, profile};

use crate::cli::{Context, context, dry_run, scope, show_warnings};
use crate::error::{CommandError, Result, from_failure};
use crate::ui::output;
use crate::ui::style::printable;

/// Check the compose files and print what they mean
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Services to print, with what they depend on (default: all)
    #[arg(value_name = "SERVICE")]
    names: Vec<String>,
    /// How to print; with `-q`, how to print mistakes in the files: with json, one line each
    #[arg(long, value_name = "yaml|json")]
    format: Option<String>,
    /// Only check
    #[arg(short, long)]
    quiet: bool,
    /// Write to a file
    #[arg(short, long, value_name = "FILE", value_parser = context::path())]
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
    /// Print where each value comes from: file, line, column, variables
    #[arg(long)]
    origins: bool,
    /// Print a JSON Schema of compose files, for editors
    #[arg(long)]
    schema: bool,
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
    if args.schema {
        let schema = serde_json::to_string_pretty(&compose_schema::schema::json_schema());
        let schema = schema.map_err(|error| CommandError::new(format!("cannot print the schema: {error}")))?;
        output::stdout(&format!("{schema}\n"))?;
        return Ok(ExitCode::SUCCESS);
    }
    if args.no_env_resolution {
        output::stderr("warning: `--no-env-resolution` has no effect, as in Docker Compose: env files are read\n");
    }
    if args.origins {
        if args.no_interpolate {
            return Err(CommandError::new("`--origins` and `--no-interpolate` exclude each other")
                .hint("leave `--no-interpolate` out: `--origins` names the variables of each value"));
        }
        output::stdout(&origins::print(context, args)?)?;
        return Ok(ExitCode::SUCCESS);
    }
    if let Some(listing) = listing::print(context, args)? {
        output::verbatim(&listing)?;
        return Ok(ExitCode::SUCCESS);
    }
    let format = args.format()?;
    let text = if args.no_interpolate {
        let mut model = args.model(context)?;
        if args.pins() {
            let places = places(&model.tree, &model.sources);
            digests::pin_tree(context, &mut model.tree, |service| places.get(service).cloned().unwrap_or_default())?;
        }
        if args.quiet {
            return Ok(ExitCode::SUCCESS);
        }
        if args.lock_image_digests {
            digests::keep_only_images(&mut model.tree);
        }
        match format {
            Format::Yaml => emit::tree_yaml(&model.tree),
            Format::Json => emit::tree_json(&model.tree).map_err(|error| CommandError::new(error.to_string()))?,
        }
    } else {
        let mut loaded = args.load(&args.names, &args.options(context, &args.names))?;
        if args.pins() {
            let places = places(&loaded.tree, &loaded.sources);
            digests::pin(context, &mut loaded.project, |service| places.get(service).cloned().unwrap_or_default())?;
        }
        if args.quiet {
            return Ok(ExitCode::SUCCESS);
        }
        if args.lock_image_digests {
            loaded.project = digests::only_images(&loaded.project);
        }
        let text = match format {
            Format::Yaml => emit::yaml(&loaded.project),
            Format::Json => emit::json(&loaded.project).map_err(|error| {
                let place = loaded.place(&error.path()).unwrap_or_default();
                CommandError::new(format!("{place}: {error}"))
            })?,
        };
        // Read again, it has to mean the same.
        text.replace('$', "$$")
    };
    match args.output.as_ref().filter(|path| !path.as_os_str().is_empty()) {
        Some(path) if context.global.dry_run => {
            dry_run::print(&format!("write {}", printable(&path.display().to_string())))?;
        }
        Some(path) => std::fs::write(path, text)
            .map_err(|error| CommandError::new(format!("cannot write `{}`: {error}", path.display())))?,
        None => output::verbatim(&text)?,
    }
    Ok(ExitCode::SUCCESS)
}

impl Args {
    fn format(&self) -> Result<Format> {
        // A variable of a script that is not set gives an empty one.
        let Some(name) = self.format.as_ref().filter(|name| !name.is_empty()) else { return Ok(Format::Yaml) };
        Format::from_str(name, false)
            .map_err(|_| CommandError::new(format!("unsupported format `{name}`")).hint("use `yaml` or `json`"))
    }

    /// The load options that the flags ask for.
    fn options(&self, context: &Context, names: &[String]) -> LoadOptions {
        LoadOptions {
            // Docker Compose leaves normalizing out with `--compatibility` as well.
            normalize: !(self.no_normalize || context.global.compatibility),
            interpolate: !self.no_interpolate,
            resolve_paths: !self.no_path_resolution,
            consistency: !self.no_consistency,
            empty_names: true,
            // Docker Compose's `--no-env-resolution` reads them as well; only its listings do not.
            resolve_environment: true,
            ..context.load_options(names)
        }
    }

    /// Whether images are pinned to digests.
    fn pins(&self) -> bool {
        self.resolve_image_digests || self.lock_image_digests
    }

    /// The project, with the named services and what they depend on only, and what it was loaded from.
    fn load(&self, names: &[String], options: &LoadOptions) -> Result<Loaded> {
        let mut loaded = compose_schema::load(options).map_err(|failure| self.failed(&failure))?;
        self.warn(&loaded.warnings, &loaded.sources)?;
        if let Err(missing) = profile::select(&mut loaded.project, names) {
            return Err(no_such_service(&missing.0, &loaded));
        }
        if !options.all_resources {
            profile::prune(&mut loaded.project);
        }
        Ok(loaded)
    }

    /// The merged tree with its variables as they are written.
    fn model(&self, context: &Context) -> Result<Model> {
        let options = LoadOptions { interpolate: false, ..self.options(context, &[]) };
        let model = compose_schema::load_model(&options).map_err(|failure| self.failed(&failure))?;
        self.warn(&model.warnings, &model.sources)?;
        Ok(model)
    }

    /// The messages of files that cannot be loaded: for people, or one line of JSON each.
    fn failed(&self, failure: &Failure) -> CommandError {
        if self.reports_json() {
            return match self.warn(&failure.diagnostics, &failure.sources) {
                Ok(()) => CommandError::reported(),
                Err(error) => error,
            };
        }
        from_failure(failure, output::stderr_color())
    }

    fn warn(&self, diagnostics: &[Diagnostic], sources: &Sources) -> Result<()> {
        if !self.reports_json() {
            show_warnings(diagnostics, sources);
            return Ok(());
        }
        for diagnostic in diagnostics {
            output::stdout(&format!("{}\n", diagnostic.to_json(sources)))?;
        }
        Ok(())
    }

    /// With `-q` nothing but messages is printed, so `--format json` is about them: for editors and CI.
    fn reports_json(&self) -> bool {
        self.quiet && self.format().is_ok_and(|format| format == Format::Json)
    }
}

/// Where the images of services are written, as messages begin: `compose.yaml:3: `.
fn places(tree: &Node, sources: &Sources) -> BTreeMap<String, String> {
    let services = tree.get("services").and_then(Node::as_mapping).into_iter().flatten();
    let place = |(name, service): (&String, &Entry)| {
        let (source, line, _) = sources.locate(service.node.place(&["image"])?)?;
        Some((name.clone(), format!("{}:{line}: ", source.path.display())))
    };
    services.filter_map(place).collect()
}

/// Says what the name could have been, and where the services are written.
fn no_such_service(name: &str, loaded: &Loaded) -> CommandError {
    let project = &loaded.project;
    let place = |path: &[&str]| loaded.place(path).map(|place| format!(" ({place})")).unwrap_or_default();
    if let Some(service) = project.disabled_services.get(name) {
        let profile = service.profiles.first().map(String::as_str).unwrap_or_default();
        return CommandError::new(format!("service `{name}` is disabled{}", place(&["services", name])))
            .hint(format!("`--profile {profile}` switches it on"));
    }
    let error = scope::no_such_service(name, project.services.keys().map(String::as_str));
    CommandError { message: format!("{}{}", error.message, place(&["services"])), ..error }
}
