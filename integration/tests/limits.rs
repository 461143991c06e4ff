//! Limits of the file are in force: read back from the control groups, inside the container.

use std::process::Command;

use integration::{Scenario, run};

#[test]
fn cpu_memory_pids_and_io_limits_are_in_force() {
    let Some(s) = Scenario::new("limits") else { return };
    let disk =
        run(Command::new("sh").args(["-c", "lsblk -ndo PATH,TYPE | awk '$2 == \"disk\" { print $1; exit }'"])).stdout;
    let disk = disk.trim();
    let io = if disk.is_empty() {
        String::new()
    } else {
        format!("    blkio_config: {{device_read_bps: [{{path: {disk}, rate: '1mb'}}]}}\n")
    };
    s.compose_file(&format!(
        r#"
services:
  app:
    image: busybox:stable
    command: ["sleep", "1000"]
    stop_signal: SIGKILL
    mem_limit: 64m
    cpus: 0.5
    pids_limit: 50
{io}  deployed:
    image: busybox:stable
    command: ["sleep", "1000"]
    stop_signal: SIGKILL
    deploy: {{resources: {{limits: {{memory: 32M, cpus: "0.25", pids: 20}}}}}}
"#
    ));
    let _ = s.stack(["up", "-d"]).ok();
    // cgroup v2 first, else v1.
    let read = |service: &str, unified: &str, split: &str| {
        let line = format!("cat /sys/fs/cgroup/{unified} 2>/dev/null || cat /sys/fs/cgroup/{split}");
        s.stack(["exec", "-T", service, "sh", "-c", &line]).ok().stdout.trim().to_owned()
    };
    let memory = |service| read(service, "memory.max", "memory/memory.limit_in_bytes");
    assert_eq!((memory("app").as_str(), memory("deployed").as_str()), ("67108864", "33554432"));
    let pids = |service| read(service, "pids.max", "pids/pids.max");
    assert_eq!((pids("app").as_str(), pids("deployed").as_str()), ("50", "20"));
    let cpu = |service| {
        let text = read(service, "cpu.max", "cpu/cpu.cfs_quota_us");
        text.split(' ').next().unwrap().to_owned()
    };
    assert_eq!((cpu("app").as_str(), cpu("deployed").as_str()), ("50000", "25000"));
    if !disk.is_empty() {
        let io = read("app", "io.max", "blkio/blkio.throttle.read_bps_device");
        assert!(io.contains("1048576"), "{io}");
    }
}
