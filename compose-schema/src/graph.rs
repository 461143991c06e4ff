//! The graph of services by dependency.

use petgraph::graph::DiGraph;

use crate::model::Project;

/// An edge points from a service to one it depends on.
pub type ServiceGraph = DiGraph<String, ()>;

/// The dependency graph of a project's active services, nodes in name order.
/// Edges to services that are not active are left out.
#[must_use]
pub fn dependencies(project: &Project) -> ServiceGraph {
    let mut graph = ServiceGraph::new();
    let nodes: std::collections::BTreeMap<_, _> =
        project.services.keys().map(|name| (name.as_str(), graph.add_node(name.clone()))).collect();
    for (name, service) in &project.services {
        for dependency in service.depends_on.keys() {
            if let (Some(from), Some(to)) = (nodes.get(name.as_str()), nodes.get(dependency.as_str())) {
                graph.add_edge(*from, *to, ());
            }
        }
    }
    graph
}
