//! An engine of the scenario's own, that may be killed: in a network of its own, so that ports and firewall rules of the
//! machine's engine stay untouched, and with its data in memory, where nothing waits for a disk.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use tempfile::TempDir;

use crate::command::run;
use crate::engine::skip;
use crate::wait::{eventually, holds_within};

/// What an engine's data may grow to, in MiB.
const ROOM: u32 = 4096;

/// How an engine is reached that has a network of its own.
#[derive(Debug, Clone)]
pub struct Way {
    network: PathBuf,
    socket: PathBuf,
}

impl Way {
    /// A program that runs in the engine's network and talks to this engine.
    #[must_use]
    pub fn run(&self, program: impl AsRef<OsStr>) -> Command {
        let mut command = Command::new("nsenter");
        command.arg(format!("--net={}", self.network.display())).arg(program).env("DOCKER_HOST", self.address());
        command
    }

    /// The engine's address, as `DOCKER_HOST` takes it.
    #[must_use]
    pub fn address(&self) -> String {
        format!("unix://{}", self.socket.display())
    }

    /// The engine's socket.
    #[must_use]
    pub fn socket(&self) -> &Path {
        &self.socket
    }
}

/// A `dockerd` with its own data, socket and network namespace.
#[derive(Debug)]
pub struct PrivateEngine {
    /// Keeps the network namespace while the engine is down.
    holder: Child,
    engine: Option<Child>,
    folder: TempDir,
    /// More flags of it.
    flags: Vec<String>,
}

impl PrivateEngine {
    /// Starts one and gives it these images of the machine's engine; `None`, said aloud, where that cannot be done.
    #[must_use]
    pub fn start(scenario: &str, images: &[&str]) -> Option<Self> {
        Self::with(scenario, images, |_| Vec::new())
    }

    /// Whether this machine, and this user, can start one.
    #[must_use]
    pub fn can_be_had() -> bool {
        let able = "[ $(id -u) = 0 ] && command -v dockerd unshare nsenter ip && unshare --net --mount true";
        run(Command::new("sh").args(["-c", able])).code() == 0
    }

    /// As [`Self::start`], with flags of `dockerd`, which `prepare` makes files for in the engine's folder.
    #[must_use]
    pub fn with(scenario: &str, images: &[&str], prepare: impl FnOnce(&Path) -> Vec<String>) -> Option<Self> {
        if !Self::can_be_had() {
            skip(scenario, "an engine of its own needs root, dockerd, mounts, network namespaces and iproute2");
            return None;
        }
        let folder = tempfile::Builder::new().prefix("stack-engine-").tempdir().expect("a temporary folder");
        let size = format!("size={ROOM}m,mode=700");
        let mounted = run(Command::new("mount").args(["-t", "tmpfs", "-o", &size, "tmpfs"]).arg(folder.path()));
        assert!(mounted.code() == 0, "{mounted}");
        let holder = Command::new("unshare")
            .args(["--net", "sh", "-c", "ip link set lo up && exec cat"])
            // Its end is that of the scenario, however that ends.
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .spawn()
            .expect("unshare");
        let flags = prepare(folder.path());
        let mut private = Self { holder, engine: None, folder, flags };
        // Until it is one of its own, what the holder's is called is the machine's, which is up too.
        let machine = std::fs::read_link("/proc/self/ns/net").expect("the machine's network namespace");
        eventually("the network namespace is up", || {
            let own = std::fs::read_link(private.way().network).ok()?;
            let up = private.inside("ip").args(["-brief", "address", "show", "lo"]).output().ok()?;
            (own != machine && String::from_utf8_lossy(&up.stdout).contains("127.0.0.1")).then_some(())
        });
        private.boot();
        let line = format!("docker save {} | DOCKER_HOST={} docker load", images.join(" "), private.address());
        let loaded = run(Command::new("bash").args(["-o", "pipefail", "-c", &line]));
        assert!(loaded.code() == 0, "{loaded}");
        Some(private)
    }

    /// How it is reached.
    #[must_use]
    pub fn way(&self) -> Way {
        let network = PathBuf::from(format!("/proc/{}/ns/net", self.holder.id()));
        Way { network, socket: self.path("docker.sock") }
    }

    /// The engine's address, as `DOCKER_HOST` takes it.
    #[must_use]
    pub fn address(&self) -> String {
        self.way().address()
    }

    /// A program that runs in the engine's network and talks to this engine.
    #[must_use]
    pub fn inside(&self, program: &str) -> Command {
        self.way().run(program)
    }

    /// Leaves this many KiB of room for its data, whatever it has by now.
    pub fn leave_room(&self, kilobytes: u64) {
        let used = run(Command::new("df").args(["--output=used", "-k"]).arg(self.folder.path())).ok();
        let used: u64 = used.stdout.lines().last().and_then(|line| line.trim().parse().ok()).expect("a number");
        let size = format!("remount,size={}k", used + kilobytes);
        let _ = run(Command::new("mount").args(["-o", &size]).arg(self.folder.path())).ok();
    }

    /// Ends the engine as a power cut would; containers go on for the time being.
    pub fn kill(&mut self) {
        if let Some(mut engine) = self.engine.take() {
            let _ = engine.kill();
            let _ = engine.wait();
        }
        // Its containerd goes with it. Where nobody reaps the dead, the next engine would take that for a living one.
        let pid = self.path("run/containerd/containerd.pid");
        if let Ok(number) = std::fs::read_to_string(&pid) {
            let _ = Command::new("kill").args(["-9", number.trim()]).output();
            let _ = std::fs::remove_file(&pid);
        }
    }

    /// Starts the engine on the data it has.
    pub fn boot(&mut self) {
        let log = std::fs::File::options().create(true).append(true).open(self.path("log")).expect("a log file");
        let mut command = self.inside("dockerd");
        command.arg("--data-root").arg(self.path("data")).arg("--exec-root").arg(self.path("run"));
        command.arg("--pidfile").arg(self.path("pid")).arg("--host").arg(self.address());
        command.args(["--containerd-namespace", "stack-it", "--containerd-plugins-namespace", "stack-it-plugins"]);
        command.args(&self.flags);
        command.env_remove("DOCKER_HOST").stdin(Stdio::null()).stdout(Stdio::null()).stderr(log);
        let _ = std::fs::remove_file(self.path("pid"));
        self.engine = Some(command.spawn().expect("dockerd"));
        let answers = || self.inside("docker").arg("version").output().is_ok_and(|output| output.status.success());
        let up = holds_within(Duration::from_secs(60), || answers().then_some(()));
        assert!(
            up.is_some(),
            "the engine does not start:\n{}",
            std::fs::read_to_string(self.path("log")).unwrap_or_default()
        );
    }

    fn path(&self, name: &str) -> PathBuf {
        Path::new(self.folder.path()).join(name)
    }
}

impl Drop for PrivateEngine {
    fn drop(&mut self) {
        let _ = self.inside("sh").args(["-c", "docker ps -aq | xargs -r docker rm -f"]).output();
        if let Some(mut engine) = self.engine.take() {
            // SIGTERM, so that it takes its own containerd along.
            let _ = Command::new("kill").arg(engine.id().to_string()).output();
            if holds_within(Duration::from_secs(20), || engine.try_wait().ok().flatten()).is_none() {
                let _ = engine.kill();
                let _ = engine.wait();
            }
        }
        let _ = self.holder.kill();
        let _ = self.holder.wait();
        // What a killed engine had mounted would keep its folder.
        let prefix = self.folder.path().display().to_string();
        let mounts = std::fs::read_to_string("/proc/self/mounts").unwrap_or_default();
        let own = mounts.lines().filter_map(|line| line.split(' ').nth(1)).filter(|path| path.starts_with(&prefix));
        for path in own.collect::<Vec<_>>().into_iter().rev() {
            let _ = Command::new("umount").args(["-l", path]).output();
        }
    }
}
