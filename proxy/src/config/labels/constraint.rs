//! The provider's `constraints`: an expression over a container's labels.

use std::collections::BTreeMap;

use crate::rule::Constraint;

/// Whether a container counts; `Err` holds what is wrong with the expression.
pub(super) fn matches(expression: &str, labels: &BTreeMap<String, String>) -> Result<bool, String> {
    if expression.is_empty() {
        return Ok(true);
    }
    Ok(Constraint::parse(expression).map_err(|error| error.message)?.matches(labels))
}
