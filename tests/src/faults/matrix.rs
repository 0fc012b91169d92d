//! Every fault, what must hold, and which test shows it.
