//! Tests of what the tests and the demo stand on.

mod cluster;
mod git_server;
mod supervisor;
