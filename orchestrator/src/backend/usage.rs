//! What a container uses of its host.

/// One sample. Everything is 0 for a container that does not run.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Usage {
    /// Share of the host's processors since the sample before, in percent of one processor.
    pub cpu: f64,
    /// Memory in bytes, without what the kernel can drop at once (its cache of files that nobody reads).
    pub memory: u64,
    /// Most memory it may use, in bytes: its limit, else the host's.
    pub memory_limit: u64,
    /// Bytes received, all networks together.
    pub received: u64,
    /// Bytes sent.
    pub sent: u64,
    /// Bytes read from block devices.
    pub read: u64,
    /// Bytes written to block devices.
    pub written: u64,
    /// Processes and threads.
    pub pids: u64,
}

impl Usage {
    /// Share of the memory limit, in percent.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "a percentage with two digits is shown")]
    pub fn memory_share(&self) -> f64 {
        if self.memory_limit == 0 { 0.0 } else { self.memory as f64 / self.memory_limit as f64 * 100.0 }
    }
}
