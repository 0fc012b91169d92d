//! What the world wants done, one file each. Every command ends with an event.

pub(crate) mod apply;
pub(crate) mod load;
pub(crate) mod prune;
mod recreate;
mod send;
pub(crate) mod unmark;
mod users;
pub(crate) mod write;
