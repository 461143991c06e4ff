//! Samples of what a container uses (`GET /containers/ID/stats`), with the arithmetic of the `docker` command.

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use futures_util::StreamExt;
use futures_util::stream::BoxStream;
use http::Method;
use serde::Deserialize;

use super::answers::nullable;
use super::stream::{self, Origin};
use super::{Docker, container_path, read};
use crate::backend::{Result, Usage};

/// A struct of an answer: names as they are, everything optional.
macro_rules! part {
    ($name:ident { $($(#[$attribute:meta])* $field:ident: $type:ty),* $(,)? }) => {
        #[derive(Debug, Default, Deserialize)]
        #[serde(default)]
        struct $name {
            $($(#[$attribute])* #[serde(deserialize_with = "nullable")] $field: $type),*
        }
    };
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Sample {
    #[serde(deserialize_with = "nullable")]
    cpu_stats: Cpu,
    #[serde(deserialize_with = "nullable")]
    precpu_stats: Cpu,
    #[serde(deserialize_with = "nullable")]
    memory_stats: Memory,
    #[serde(deserialize_with = "nullable")]
    networks: BTreeMap<String, Network>,
    #[serde(deserialize_with = "nullable")]
    blkio_stats: Blocks,
    #[serde(deserialize_with = "nullable")]
    pids_stats: Pids,
}
part!(Cpu { cpu_usage: CpuUsage, system_cpu_usage: u64, online_cpus: u64 });
part!(CpuUsage { total_usage: u64, percpu_usage: Vec<u64> });
part!(Memory { usage: u64, limit: u64, stats: BTreeMap<String, u64> });
part!(Network { rx_bytes: u64, tx_bytes: u64 });
part!(Blocks { io_service_bytes_recursive: Vec<Operation> });
part!(Operation { op: String, value: u64 });
part!(Pids { current: u64 });

impl Sample {
    /// Time on processors between both samples, as a share of what one processor had.
    #[expect(clippy::cast_precision_loss, reason = "a percentage with two digits is shown")]
    fn cpu(&self) -> f64 {
        let used = self.cpu_stats.cpu_usage.total_usage.saturating_sub(self.precpu_stats.cpu_usage.total_usage);
        let total = self.cpu_stats.system_cpu_usage.saturating_sub(self.precpu_stats.system_cpu_usage);
        // Old kernels do not say how many are online, but list them one by one.
        let processors = match self.cpu_stats.online_cpus {
            0 => u64::try_from(self.cpu_stats.cpu_usage.percpu_usage.len()).unwrap_or(0),
            count => count,
        };
        // The first sample of a stream has none before it: its total would be all of the host's time.
        if total == 0 || self.precpu_stats.system_cpu_usage == 0 {
            return 0.0;
        }
        used as f64 / total as f64 * processors as f64 * 100.0
    }

    /// Memory without inactive pages of files: `total_inactive_file` with cgroup v1, `inactive_file` with v2, whose
    /// own name v1 uses for the container without its children.
    fn memory(&self) -> u64 {
        let stats = &self.memory_stats.stats;
        let inactive = stats.get("total_inactive_file").or_else(|| stats.get("inactive_file"));
        let usage = self.memory_stats.usage;
        inactive.filter(|inactive| **inactive < usage).map_or(usage, |inactive| usage - inactive)
    }

    /// Bytes of block devices: operations are `Read` with cgroup v1 and `read` with v2.
    fn blocks(&self, letter: char) -> u64 {
        let operations = self.blkio_stats.io_service_bytes_recursive.iter();
        let wanted = operations.filter(|operation| operation.op.to_ascii_lowercase().starts_with(letter));
        wanted.fold(0, |sum, operation| sum.saturating_add(operation.value))
    }
}

impl From<Sample> for Usage {
    fn from(sample: Sample) -> Self {
        let sum = |bytes: fn(&Network) -> u64| sample.networks.values().map(bytes).fold(0, u64::saturating_add);
        Self {
            cpu: sample.cpu(),
            memory: sample.memory(),
            memory_limit: sample.memory_stats.limit,
            received: sum(|network| network.rx_bytes),
            sent: sum(|network| network.tx_bytes),
            read: sample.blocks('r'),
            written: sample.blocks('w'),
            pids: sample.pids_stats.current,
        }
    }
}

impl Docker {
    /// Samples as the engine takes them, about one a second; without `follow` one, which has another before it.
    pub(super) async fn usage_of(&self, id: &str, follow: bool) -> Result<BoxStream<'static, Result<Usage>>> {
        let call = read("measure container", id);
        let query = [("stream", if follow { "1" } else { "0" })];
        let response = self.open(call, Method::GET, &container_path(id, "/stats"), &query).await?;
        let origin = Origin::of(call);
        let samples = stream::json_lines::<Sample>(origin.clone(), stream::bytes(origin, response.into_body()));
        Ok(samples.map(|sample| sample.map(Into::into)).boxed())
    }
}
