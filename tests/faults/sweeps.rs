//! F13 and F3: harm at every single write of a workload. A sample of the runs, unless
//! `KARGO_FAULTS=all` asks for all of them.

use kargo_tests::faults::sweep::{Harm, sweep};
use kargo_tests::faults::workload::Workload;

/// What API servers answer when they cannot.
const CODES: [u16; 3] = [500, 503, 504];

async fn kills(workload: Workload) {
    run(workload, &[|_| Harm::KillBefore, |_| Harm::KillAfter]).await;
}

async fn errors(workload: Workload) {
    let before = |index: usize| Harm::ErrorBefore(CODES[index % CODES.len()]);
    let after = |index: usize| Harm::ErrorAfter(CODES[(index + 1) % CODES.len()]);
    run(workload, &[before, after]).await;
}

#[expect(clippy::print_stdout, reason = "cargo xtask faults shows how many runs there were")]
async fn run(workload: Workload, harms: &[fn(usize) -> Harm]) {
    match sweep(workload, harms).await {
        Ok(line) => println!("{line}"),
        Err(error) => panic!("{error:#}"),
    }
}

#[tokio::test]
async fn f13_killed_at_each_write_of_a_first_deployment() {
    kills(Workload::FirstDeployment).await;
}

#[tokio::test]
async fn f13_killed_at_each_write_of_an_update() {
    kills(Workload::Update).await;
}

#[tokio::test]
async fn f13_killed_at_each_write_of_a_deletion() {
    kills(Workload::Deletion).await;
}

#[tokio::test]
async fn f3_an_error_at_each_write_of_a_first_deployment() {
    errors(Workload::FirstDeployment).await;
}

#[tokio::test]
async fn f3_an_error_at_each_write_of_an_update() {
    errors(Workload::Update).await;
}

#[tokio::test]
async fn f3_an_error_at_each_write_of_a_deletion() {
    errors(Workload::Deletion).await;
}
