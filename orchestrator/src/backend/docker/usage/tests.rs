#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use super::Sample;
use crate::backend::Usage;

fn usage(json: &str) -> Usage {
    serde_json::from_str::<Sample>(json).unwrap().into()
}

#[test]
fn cgroup_v1() {
    let found = usage(
        r#"{"cpu_stats": {"cpu_usage": {"total_usage": 300, "percpu_usage": [1, 2, 3, 4]}, "system_cpu_usage": 2000},
            "precpu_stats": {"cpu_usage": {"total_usage": 200}, "system_cpu_usage": 1000},
            "memory_stats": {"usage": 1000, "limit": 4000, "stats": {"total_inactive_file": 200, "inactive_file": 1}},
            "networks": {"eth0": {"rx_bytes": 1, "tx_bytes": 2}, "eth1": {"rx_bytes": 10, "tx_bytes": 20}},
            "blkio_stats": {"io_service_bytes_recursive": [
                {"op": "Read", "value": 5}, {"op": "Write", "value": 6}, {"op": "Sync", "value": 7},
                {"op": "Read", "value": 50}, {"op": "Total", "value": 11}]},
            "pids_stats": {"current": 3}}"#,
    );
    let wanted =
        Usage { cpu: 40.0, memory: 800, memory_limit: 4000, received: 11, sent: 22, read: 55, written: 6, pids: 3 };
    assert_eq!(found, wanted);
    assert!((found.memory_share() - 20.0).abs() < f64::EPSILON);
}

#[test]
fn cgroup_v2() {
    let found = usage(
        r#"{"cpu_stats": {"cpu_usage": {"total_usage": 300}, "system_cpu_usage": 2000, "online_cpus": 2},
            "precpu_stats": {"cpu_usage": {"total_usage": 200}, "system_cpu_usage": 1000},
            "memory_stats": {"usage": 1000, "limit": 4000, "stats": {"inactive_file": 300}},
            "blkio_stats": {"io_service_bytes_recursive": [{"op": "read", "value": 5}, {"op": "write", "value": 6}]},
            "networks": null}"#,
    );
    assert_eq!((found.cpu, found.memory, found.read, found.written), (20.0, 700, 5, 6));
}

#[test]
fn what_makes_no_sense_is_nothing() {
    assert_eq!(usage("{}"), Usage::default());
    // The first sample of a stream, a counter that went backwards, a cache larger than what is used.
    assert_eq!(usage(r#"{"cpu_stats": {"cpu_usage": {"total_usage": 9}, "system_cpu_usage": 10}}"#).cpu, 0.0);
    let back = r#"{"cpu_stats": {"cpu_usage": {"total_usage": 1}, "system_cpu_usage": 20, "online_cpus": 1},
        "precpu_stats": {"cpu_usage": {"total_usage": 5}, "system_cpu_usage": 10}}"#;
    assert_eq!(usage(back).cpu, 0.0);
    assert_eq!(usage(r#"{"memory_stats": {"usage": 5, "stats": {"inactive_file": 9}}}"#).memory, 5);
}
