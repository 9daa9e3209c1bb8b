//! The functions for programs.

use domain::derived::{Entry, Role};
use serde_json::{Value as Json, json};

use super::example;
use crate::catalogue::parameter_json;

/// `{"functions": […]}`.
pub(super) fn document(entries: &[&Entry]) -> Json {
    json!({ "functions": entries.iter().map(|entry| of(entry)).collect::<Vec<_>>() })
}

fn of(entry: &Entry) -> Json {
    json!({
        "function": entry.function,
        "group": entry.group.title(),
        "summary": entry.summary,
        "source": entry.source,
        "edges": entry.edges,
        "inputs": entry.roles.iter().map(role).collect::<Vec<_>>(),
        "parameters": entry.parameters.iter().map(parameter_json).collect::<Vec<_>>(),
        "example": example(entry),
    })
}

fn role(role: &Role) -> Json {
    json!({
        "name": role.name,
        "summary": role.summary,
        "quantities": role.kinds.iter().map(|kind| kind.name()).collect::<Vec<_>>(),
    })
}
