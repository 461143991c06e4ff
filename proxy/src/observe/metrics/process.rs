//! What Prometheus' clients tell of a process, from `/proc`.

use std::fmt::Write as _;
use std::fs;

/// Ticks of `/proc/PID/stat` in a second: the same on every architecture of Linux that we run on.
const TICKS: f64 = 100.0;

/// Prints what can be found out.
pub(super) fn print(out: &mut String) {
    let stat = fs::read_to_string("/proc/self/stat").unwrap_or_default();
    // The second field is the name of the program, in brackets, and may hold anything.
    let fields: Vec<&str> = stat.rsplit_once(')').map_or(Vec::new(), |(_, rest)| rest.split_whitespace().collect());
    // Numbered as in proc(5), where the field after the name is the third.
    let field = |number: usize| fields.get(number - 3).and_then(|text| text.parse::<f64>().ok());
    let mut gauge = |name: &str, kind: &str, help: &str, value: Option<f64>| {
        if let Some(value) = value {
            // Writing to a string does not fail.
            let _ = writeln!(out, "# HELP process_{name} {help}\n# TYPE process_{name} {kind}\nprocess_{name} {value}");
        }
    };
    let cpu = field(14).zip(field(15)).map(|(user, system)| (user + system) / TICKS);
    gauge("cpu_seconds_total", "counter", "Total user and system CPU time spent in seconds.", cpu);
    gauge("max_fds", "gauge", "Maximum number of open file descriptors.", most_descriptors());
    let open = fs::read_dir("/proc/self/fd").ok().and_then(|open| u32::try_from(open.count()).ok());
    gauge("open_fds", "gauge", "Number of open file descriptors.", open.map(f64::from));
    gauge("resident_memory_bytes", "gauge", "Resident memory size in bytes.", resident());
    let started = boot_time().zip(field(22)).map(|(boot, ticks)| boot + ticks / TICKS);
    gauge("start_time_seconds", "gauge", "Start time of the process since unix epoch in seconds.", started);
    gauge("virtual_memory_bytes", "gauge", "Virtual memory size in bytes.", field(23));
}

fn most_descriptors() -> Option<f64> {
    let limits = fs::read_to_string("/proc/self/limits").ok()?;
    limits.lines().find_map(|line| line.strip_prefix("Max open files"))?.split_whitespace().next()?.parse().ok()
}

fn resident() -> Option<f64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kilobytes: f64 = line.split_whitespace().next()?.parse().ok()?;
    Some(kilobytes * 1024.0)
}

fn boot_time() -> Option<f64> {
    let stat = fs::read_to_string("/proc/stat").ok()?;
    stat.lines().find_map(|line| line.strip_prefix("btime "))?.trim().parse().ok()
}
