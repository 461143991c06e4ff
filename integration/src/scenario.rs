//! A project of one scenario: its own folder and name on the shared engine, gone when the scenario ends.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};

use tempfile::TempDir;

use crate::command::{Background, Run, run};
use crate::engine;
use crate::private::Way;

static COUNT: AtomicU32 = AtomicU32::new(0);

/// One scenario's project.
#[derive(Debug)]
pub struct Scenario {
    /// Name of the project, that of its folder.
    pub project: String,
    folder: PathBuf,
    /// To an engine of its own; none: the machine's.
    way: Option<Way>,
    _temporary: TempDir,
    /// At the machine's engine.
    _turn: Option<File>,
}

impl Scenario {
    /// A project that shares the engine with the others; `None`, said aloud, where no engine answers.
    #[must_use]
    pub fn new(name: &str) -> Option<Self> {
        Self::begin(name, false)
    }

    /// A project that has the engine for itself: for scenarios that restart the gateway or the agent.
    #[must_use]
    pub fn alone(name: &str) -> Option<Self> {
        Self::begin(name, true)
    }

    fn begin(name: &str, alone: bool) -> Option<Self> {
        if !engine::is_there(name) {
            return None;
        }
        // Each test may be a process of its own, so turns are taken by a lock on a file.
        let turn = File::create(std::env::temp_dir().join("stack-integration.lock")).expect("the lock file");
        let taken = if alone { turn.lock() } else { turn.lock_shared() };
        taken.expect("a lock on the lock file");
        Some(Self::of(name, None, Some(turn)))
    }

    /// A project on an engine of its own.
    #[must_use]
    pub fn by(name: &str, way: Way) -> Self {
        Self::of(name, Some(way), None)
    }

    fn of(name: &str, way: Option<Way>, turn: Option<File>) -> Self {
        let temporary = tempfile::Builder::new().prefix("stack-it-").tempdir().expect("a temporary folder");
        let project = format!("it-{name}-{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        let folder = temporary.path().join(&project);
        fs::create_dir(&folder).expect("the project's folder");
        Self { project, folder, way, _temporary: temporary, _turn: turn }
    }

    /// The project's folder.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// How its engine is reached, where that is not the machine's.
    #[must_use]
    pub fn way(&self) -> Option<Way> {
        self.way.clone()
    }

    /// Writes a file of the project.
    pub fn write(&self, path: &str, text: &str) {
        let path = self.folder.join(path);
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder).expect("a folder of the project");
        }
        fs::write(path, text).expect("a file of the project");
    }

    /// Writes `docker-compose.yml`.
    pub fn compose_file(&self, text: &str) {
        self.write("docker-compose.yml", text);
    }

    /// Copies the files of a folder of the repository (`examples/01-webapp`) into the project's.
    pub fn copy_from(&self, folder: &str) {
        let from = repository().join(folder);
        let copied = run(Command::new("cp").arg("-R").arg(from.join(".")).arg(&self.folder));
        assert!(copied.code() == 0, "{copied}");
    }

    /// Makes the program of `examples/02-hello` a build context in this folder of the project.
    pub fn hello_context(&self, folder: &str) {
        let context = self.folder.join(folder);
        fs::create_dir_all(&context).expect("a build context");
        fs::copy(repository().join("examples/02-hello/hello"), context.join("hello"))
            .expect("examples/02-hello/hello, which `make hello` builds");
        let dockerfile = fs::read_to_string(repository().join("examples/02-hello/Dockerfile")).expect("its Dockerfile");
        // The classic builder reuses the newest layer of the same parent and instruction, also one that a scenario
        // beside this one has just made: a first layer of its own keeps a scenario's cache its own.
        let (before, after) = dockerfile.split_once("FROM scratch\n").expect("an image of its own");
        let own = format!("{before}FROM scratch\nLABEL scenario={}\n{after}", self.project);
        fs::write(context.join("Dockerfile"), own).expect("its Dockerfile");
    }

    /// `stack` with these arguments in the project's folder, not yet started.
    #[must_use]
    pub fn stack_command<const N: usize>(&self, arguments: [&str; N]) -> Command {
        self.command_of(&stack(), arguments)
    }

    /// As [`Self::stack_command`], with another `stack` than the one under test.
    #[must_use]
    pub fn command_of<const N: usize>(&self, stack: &Path, arguments: [&str; N]) -> Command {
        let mut command = self.program(stack);
        command.args(arguments).current_dir(&self.folder).env_remove("COMPOSE_PROJECT_NAME").env_remove("COMPOSE_FILE");
        command
    }

    /// A program that talks to the project's engine.
    #[must_use]
    pub fn program(&self, program: impl AsRef<OsStr>) -> Command {
        self.way.as_ref().map_or_else(|| Command::new(&program), |way| way.run(&program))
    }

    /// Runs the `docker` client.
    pub fn docker<const N: usize>(&self, arguments: [&str; N]) -> Run {
        run(self.program("docker").args(arguments))
    }

    /// Runs `stack` to its end.
    #[must_use]
    pub fn stack<const N: usize>(&self, arguments: [&str; N]) -> Run {
        run(&mut self.stack_command(arguments))
    }

    /// Starts `stack` and goes on.
    #[must_use]
    pub fn stack_in_background<const N: usize>(&self, arguments: [&str; N]) -> Background {
        Background::start(&mut self.stack_command(arguments))
    }

    /// Runs the real Docker Compose on the project; `None`, said aloud, where it cannot be had.
    #[must_use]
    pub fn compose<const N: usize>(&self, arguments: [&str; N]) -> Option<Run> {
        let peer = run(Command::new(repository().join("integration/peers.sh")).arg("compose"));
        if peer.code() != 0 {
            let why = "the real Docker Compose cannot be had on this machine";
            engine::skip_without_peer(&self.project, engine::Peer::Compose, why);
            return None;
        }
        Some(run(Command::new(peer.stdout.trim()).args(arguments).current_dir(&self.folder)))
    }

    /// Ids of the containers of a service, running or not, by name.
    #[must_use]
    pub fn containers(&self, service: &str) -> Vec<String> {
        let project = format!("label=com.docker.compose.project={}", self.project);
        let service = format!("label=com.docker.compose.service={service}");
        let listed = self
            .docker([
                "ps",
                "--all",
                "--no-trunc",
                "--filter",
                &project,
                "--filter",
                &service,
                "--format",
                "{{.Names}} {{.ID}}",
            ])
            .ok();
        let mut lines: Vec<&str> = listed.stdout.lines().collect();
        lines.sort_unstable();
        lines.iter().filter_map(|line| line.split(' ').nth(1)).map(str::to_owned).collect()
    }

    /// The only container of a service.
    #[must_use]
    pub fn container(&self, service: &str) -> String {
        let mut found = self.containers(service);
        assert!(found.len() == 1, "expected one container of `{service}`, found {found:?}");
        found.remove(0)
    }

    /// A value of a container, as `docker inspect --format` prints it.
    #[must_use]
    pub fn inspect(&self, container: &str, format: &str) -> String {
        self.docker(["inspect", "--format", format, container]).ok().stdout.trim().to_owned()
    }

    /// Names of the project's networks (`network`) or volumes (`volume`).
    #[must_use]
    pub fn owned(&self, kind: &str) -> Vec<String> {
        let project = format!("label=com.docker.compose.project={}", self.project);
        let listed = self.docker([kind, "ls", "--filter", &project, "--format", "{{.Name}}"]).ok();
        listed.stdout.lines().map(str::to_owned).collect()
    }
}

impl Scenario {
    fn sweep<const N: usize, const M: usize>(&self, list: [&str; N], remove: [&str; M]) {
        let Ok(listed) = self.program("docker").args(list).output() else { return };
        let found = String::from_utf8_lossy(&listed.stdout);
        if !found.trim().is_empty() {
            let _ = self.program("docker").args(remove).args(found.split_whitespace()).output();
        }
    }
}

impl Drop for Scenario {
    fn drop(&mut self) {
        // By labels and with the plain client, so that a scenario that failed half-way is cleaned up as well; `stack down`
        // first, because only it knows what the project asked of the gateway.
        let _ = self
            .program(stack())
            .args(["--project-name", &self.project, "down", "--volumes", "--timeout", "1", "--remove-orphans"])
            .current_dir(std::env::temp_dir())
            .output();
        let label = format!("label=com.docker.compose.project={}", self.project);
        self.sweep(["ps", "--all", "--quiet", "--filter", &label], ["rm", "--force", "--volumes"]);
        self.sweep(["network", "ls", "--quiet", "--filter", &label], ["network", "rm"]);
        self.sweep(["volume", "ls", "--quiet", "--filter", &label], ["volume", "rm"]);
        let reference = format!("reference={}*", self.project);
        self.sweep(["image", "ls", "--quiet", "--filter", &reference], ["image", "rm", "--force"]);
    }
}

/// The repository's folder.
#[must_use]
pub fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().map(Path::to_path_buf).unwrap_or_default()
}

/// The `stack` under test: `STACK_BIN`, else the static one of `make build`.
#[must_use]
pub fn stack() -> PathBuf {
    std::env::var_os("STACK_BIN").map_or_else(|| repository().join("target/release/stack"), PathBuf::from)
}
