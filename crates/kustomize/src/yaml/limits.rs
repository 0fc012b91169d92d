//! What is left of the budget for nodes, text and work.

use crate::yaml::node::Size;

/// What a build may still cost; counts down.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    pub(crate) nodes: usize,
    pub(crate) text_bytes: u64,
    pub(crate) steps: u64,
    pub(crate) alias_nodes: usize,
    pub(crate) depth: usize,
    pub(crate) documents: usize,
}

/// A limit has been reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Spent {
    Nodes,
    Text,
    Steps,
}

impl Limits {
    /// Pays for work.
    pub(crate) fn step(&mut self, steps: u64) -> Result<(), Spent> {
        let rest = self.steps.checked_sub(steps);
        self.steps = rest.unwrap_or(0);
        rest.map(drop).ok_or(Spent::Steps)
    }

    /// Pays for what is made.
    pub(crate) fn make(&mut self, size: Size) -> Result<(), Spent> {
        let nodes = self.nodes.checked_sub(size.nodes);
        self.nodes = nodes.unwrap_or(0);
        nodes.ok_or(Spent::Nodes)?;
        let text = self.text_bytes.checked_sub(size.text as u64);
        self.text_bytes = text.unwrap_or(0);
        text.map(drop).ok_or(Spent::Text)
    }
}
