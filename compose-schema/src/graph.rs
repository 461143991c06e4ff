//! The graph of services by dependency.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet, VecDeque};

use petgraph::graph::{DiGraph, NodeIndex};

use crate::model::Project;

/// An edge points from a service to one it depends on.
pub type ServiceGraph = DiGraph<String, ()>;

/// The dependency graph of a project's active services, nodes in name order.
/// Edges to services that are not active are left out.
#[must_use]
pub fn dependencies(project: &Project) -> ServiceGraph {
    let mut graph = ServiceGraph::new();
    let nodes: BTreeMap<_, _> =
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

/// Services that depend on each other: one cycle for each group, from its first service in order of names, along
/// dependencies, without the first again at the end.
#[must_use]
pub fn cycles(project: &Project) -> Vec<Vec<String>> {
    let graph = dependencies(project);
    // Kosaraju's algorithm keeps its own stack; a service that is a group by itself is only searched if it names itself,
    // so that a long chain without a cycle costs one walk.
    let mut cycles: Vec<Vec<String>> = petgraph::algo::kosaraju_scc(&graph)
        .into_iter()
        .filter(|group| group.len() > 1 || group.iter().any(|&node| graph.contains_edge(node, node)))
        .filter_map(|group| {
            let start = *group.iter().min()?;
            shortest_cycle(&graph, start)
        })
        .map(|nodes| nodes.iter().map(|node| graph[*node].clone()).collect())
        .collect();
    cycles.sort();
    cycles
}

/// The shortest way from a node back to itself, breadth first.
fn shortest_cycle(graph: &ServiceGraph, start: NodeIndex) -> Option<Vec<NodeIndex>> {
    let mut came_from: BTreeMap<NodeIndex, NodeIndex> = BTreeMap::new();
    let mut open = VecDeque::from([start]);
    while let Some(node) = open.pop_front() {
        let mut next: Vec<NodeIndex> = graph.neighbors(node).collect();
        next.sort_unstable();
        for neighbor in next {
            if neighbor == start {
                let mut path = vec![node];
                while let Some(before) = path.last().and_then(|last| came_from.get(last)) {
                    path.push(*before);
                }
                path.reverse();
                return Some(path);
            }
            if let Entry::Vacant(entry) = came_from.entry(neighbor) {
                entry.insert(node);
                open.push_back(neighbor);
            }
        }
    }
    None
}

/// Active services, each after those it depends on, otherwise in order of names.
#[must_use]
pub fn order(project: &Project) -> Vec<String> {
    let mut done: BTreeSet<&str> = BTreeSet::new();
    let mut order = Vec::with_capacity(project.services.len());
    for start in project.services.keys() {
        // A service is opened, then its dependencies are done, then it is closed.
        let mut open: Vec<(&str, bool)> = vec![(start, false)];
        while let Some((name, closing)) = open.pop() {
            if closing {
                order.push(name.to_owned());
            } else if let Some(service) = project.services.get(name)
                && done.insert(name)
            {
                open.push((name, true));
                open.extend(service.depends_on.keys().rev().map(|dependency| (dependency.as_str(), false)));
            }
        }
    }
    order
}
