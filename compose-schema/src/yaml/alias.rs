//! Anchors of a document, and how much may be copied from them.
//!
//! Each copy of an anchored value costs its number of nodes, so that a few lines cannot stand for millions.

use std::collections::HashMap;

use super::Node;

/// Copied nodes that any document may have, however short it is.
const FREE: usize = 10_000;
/// Copied nodes for each byte of the file.
const PER_BYTE: usize = 10;
/// Copied nodes that no document may exceed.
const MOST: usize = 1_000_000;

/// A value that was given a name.
#[derive(Debug)]
struct Anchored {
    node: Node,
    nodes: usize,
    height: usize,
}

/// Why an alias stands for nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum AliasError {
    /// The value is not complete: it contains the alias.
    InsideItself,
    /// The budget is spent.
    TooMuch,
}

/// The anchors that a document has defined so far.
#[derive(Debug)]
pub(super) struct Anchors {
    known: HashMap<usize, Anchored>,
    budget: usize,
}

impl Anchors {
    /// No anchors yet; the budget of a file of so many bytes.
    pub(super) fn new(file_length: usize) -> Self {
        let budget = file_length.saturating_mul(PER_BYTE).saturating_add(FREE).min(MOST);
        Self { known: HashMap::new(), budget }
    }

    /// Remembers a complete value: `nodes` in all, `height` levels of collections.
    ///
    /// # Errors
    /// Where the copy is more than the budget has left.
    pub(super) fn define(&mut self, id: usize, node: &Node, nodes: usize, height: usize) -> Result<(), AliasError> {
        self.spend(nodes)?;
        self.known.insert(id, Anchored { node: node.clone(), nodes, height });
        Ok(())
    }

    /// A copy of an anchored value, its number of nodes and its height.
    ///
    /// # Errors
    /// Where the value contains the alias, and where the copy is more than the budget has left.
    pub(super) fn copy(&mut self, id: usize) -> Result<(Node, usize, usize), AliasError> {
        let nodes = self.known.get(&id).ok_or(AliasError::InsideItself)?.nodes;
        self.spend(nodes)?;
        let anchored = self.known.get(&id).ok_or(AliasError::InsideItself)?;
        Ok((anchored.node.clone(), anchored.nodes, anchored.height))
    }

    /// Forgets the document's anchors; what was spent stays spent.
    pub(super) fn forget(&mut self) {
        self.known.clear();
    }

    fn spend(&mut self, nodes: usize) -> Result<(), AliasError> {
        self.budget = self.budget.checked_sub(nodes).ok_or(AliasError::TooMuch)?;
        Ok(())
    }
}
