//! Which attributes merge in a way of their own.

use std::sync::LazyLock;

use crate::pattern::Patterns;

/// A way of merging.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Rule {
    /// The later value counts alone.
    Replace,
    /// Mappings, lists and texts become lists of `KEY=value`, then one list.
    List,
    /// As [`Rule::List`], without items that are there already.
    ExtraHosts,
    /// A text is the context of a build.
    Build,
    /// A list names services to wait for.
    DependsOn,
    /// A list names things without settings.
    Named,
    /// Options merge only for the same driver.
    Logging,
    /// Pools are matched by subnet.
    Ipam,
}

/// The table of exceptions.
pub(super) fn table() -> &'static Patterns<Rule> {
    static TABLE: LazyLock<Patterns<Rule>> = LazyLock::new(|| {
        use Rule::{Build, DependsOn, ExtraHosts, Ipam, List, Logging, Named, Replace};
        Patterns::new(&[
            ("networks.*.ipam.config", Ipam),
            ("networks.*.labels", List),
            ("volumes.*.labels", List),
            ("services.*.annotations", List),
            ("services.*.build", Build),
            ("services.*.build.additional_contexts", List),
            ("services.*.build.args", List),
            ("services.*.build.extra_hosts", ExtraHosts),
            ("services.*.build.labels", List),
            ("services.*.command", Replace),
            ("services.*.depends_on", DependsOn),
            ("services.*.deploy.labels", List),
            ("services.*.dns", List),
            ("services.*.dns_opt", List),
            ("services.*.dns_search", List),
            ("services.*.entrypoint", Replace),
            ("services.*.env_file", List),
            ("services.*.environment", List),
            ("services.*.extra_hosts", ExtraHosts),
            ("services.*.healthcheck.test", Replace),
            ("services.*.label_file", List),
            ("services.*.labels", List),
            ("services.*.logging", Logging),
            ("services.*.models", Named),
            ("services.*.networks", Named),
            ("services.*.sysctls", List),
            ("services.*.tmpfs", List),
            ("services.*.ulimits.*", Replace),
        ])
    });
    &TABLE
}
