//! An engine of the scenario's own, that may be killed: in a network of its own, so that ports and firewall rules of the
//! machine's engine stay untouched.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use tempfile::TempDir;

use crate::command::run;
use crate::engine::skip;
use crate::wait::{eventually, holds_within};

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

    /// As [`Self::start`], with flags of `dockerd`, which `prepare` makes files for in the engine's folder.
    #[must_use]
    pub fn with(scenario: &str, images: &[&str], prepare: impl FnOnce(&Path) -> Vec<String>) -> Option<Self> {
        let able = "[ $(id -u) = 0 ] && command -v dockerd unshare nsenter ip && unshare --net true";
        if run(Command::new("sh").args(["-c", able])).code() != 0 {
            skip(scenario, "an engine of its own needs root, dockerd, network namespaces and iproute2");
            return None;
        }
        let folder = tempfile::Builder::new().prefix("stack-engine-").tempdir().expect("a temporary folder");
        let holder = Command::new("unshare")
            .args(["--net", "sh", "-c", "ip link set lo up && exec sleep 1000"])
            .stdin(Stdio::null())
            .spawn()
            .expect("unshare");
        let flags = prepare(folder.path());
        let mut private = Self { holder, engine: None, folder, flags };
        eventually("the network namespace is up", || {
            let up = private.inside("ip").args(["-brief", "address", "show", "lo"]).output().ok()?;
            String::from_utf8_lossy(&up.stdout).contains("127.0.0.1").then_some(())
        });
        private.boot();
        let line = format!("docker save {} | DOCKER_HOST={} docker load", images.join(" "), private.address());
        let loaded = run(Command::new("bash").args(["-o", "pipefail", "-c", &line]));
        assert!(loaded.code() == 0, "{loaded}");
        Some(private)
    }

    /// The engine's address, as `DOCKER_HOST` takes it.
    #[must_use]
    pub fn address(&self) -> String {
        format!("unix://{}", self.path("docker.sock").display())
    }

    /// A program that runs in the engine's network and talks to this engine.
    #[must_use]
    pub fn inside(&self, program: &str) -> Command {
        let mut command = Command::new("nsenter");
        command.arg(format!("--net=/proc/{}/ns/net", self.holder.id())).arg(program);
        command.env("DOCKER_HOST", self.address());
        command
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
