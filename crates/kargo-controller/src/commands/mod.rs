//! What the world wants done, one file each. Every command ends with an event.

pub(crate) mod apply;
pub(crate) mod load;
pub(crate) mod prune;
pub(crate) mod unmark;
pub(crate) mod write;
