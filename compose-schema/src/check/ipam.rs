//! Options of address management, which Docker Compose reads and never passes on.

use super::Check;
use crate::codes::merge::IGNORED_KEY;
use crate::diagnostic::Diagnostic;
use crate::yaml::{Mapping, Node};

pub(super) fn check(check: &mut Check<'_>) {
    let root = check.root;
    for (name, network) in root.get("networks").and_then(Node::as_mapping).into_iter().flatten() {
        let options = network.node.get("ipam").and_then(Node::as_mapping).and_then(|ipam| ipam.get("options"));
        if let Some(options) =
            options.filter(|options| options.node.as_mapping().is_some_and(|all| !Mapping::is_empty(all)))
        {
            let message = format!("`networks.{name}.ipam.options` is not given to the engine");
            let found = Diagnostic::warning(IGNORED_KEY, message).at(options.key, "ignored");
            check.push(found.hint("remove it; options of the network's driver are `driver_opts`"));
        }
    }
}
