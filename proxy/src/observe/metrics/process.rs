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
    gauge("max_fds", "gauge", "Maximum number of open file descriptors.", limit("Max open files"));
    let octets = network();
    let help = "Number of bytes received by the process over the network.";
    gauge("network_receive_bytes_total", "counter", help, octets.map(|(received, _)| received));
    let help = "Number of bytes sent by the process over the network.";
    gauge("network_transmit_bytes_total", "counter", help, octets.map(|(_, sent)| sent));
    let open = fs::read_dir("/proc/self/fd").ok().and_then(|open| u32::try_from(open.count()).ok());
    gauge("open_fds", "gauge", "Number of open file descriptors.", open.map(f64::from));
    gauge("resident_memory_bytes", "gauge", "Resident memory size in bytes.", resident());
    let started = boot_time().zip(field(22)).map(|(boot, ticks)| boot + ticks / TICKS);
    gauge("start_time_seconds", "gauge", "Start time of the process since unix epoch in seconds.", started);
    gauge("virtual_memory_bytes", "gauge", "Virtual memory size in bytes.", field(23));
    // What has no limit is the largest number that there is.
    let most = limit("Max address space").or(Some(u64::MAX as f64));
    gauge("virtual_memory_max_bytes", "gauge", "Maximum amount of virtual memory available in bytes.", most);
}

/// A limit of the process that is a number.
fn limit(name: &str) -> Option<f64> {
    let limits = fs::read_to_string("/proc/self/limits").ok()?;
    limits.lines().find_map(|line| line.strip_prefix(name))?.split_whitespace().next()?.parse().ok()
}

/// Bytes that came and went in the process's network namespace.
fn network() -> Option<(f64, f64)> {
    let counters = fs::read_to_string("/proc/self/net/netstat").ok()?;
    let mut lines = counters.lines().filter_map(|line| line.strip_prefix("IpExt:"));
    let (names, values) = (lines.next()?, lines.next()?);
    let mut pairs = names.split_whitespace().zip(values.split_whitespace());
    let mut value = |wanted: &str| pairs.find(|(name, _)| *name == wanted)?.1.parse().ok();
    Some((value("InOctets")?, value("OutOctets")?))
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
