//! What is printed, with the targets.

use std::fmt::Write as _;
use std::time::Duration;

use serde::Serialize;

use crate::deploy::Deployed;
use crate::drift::{Drift, Rounds};
use crate::idle::Idle;
use crate::push::Push;
use crate::restart::Restart;

/// How often Kargo asks git for its tip when the spec does not say, in seconds.
const INTERVAL: u64 = 30;

/// The p95 with broken apps may differ from the one without by so much: two runs of the same do.
const NOISE: f64 = 1.1;

/// All that was measured in one run.
pub(crate) struct Figures {
    pub(crate) apps: usize,
    pub(crate) objects: usize,
    pub(crate) broken: usize,
    pub(crate) floor: Duration,
    pub(crate) large_floor: Duration,
    pub(crate) deployed: Deployed,
    pub(crate) disturbed: Deployed,
    pub(crate) large: Deployed,
    pub(crate) rss_mib: f64,
    pub(crate) rss_peak_mib: f64,
    pub(crate) idle: Idle,
    pub(crate) push: Push,
    pub(crate) drift: Drift,
    pub(crate) restart: Restart,
}

/// What is printed by `--json`.
#[derive(Debug, Serialize)]
pub(crate) struct Keys {
    apps: usize,
    floor_s: f64,
    deploy_s: f64,
    deploy_ratio: f64,
    push_p50_ms: f64,
    push_ratio: f64,
    drift_first_p99_ms: f64,
    drift_100th_p99_ms: f64,
    idle_seconds: u64,
    idle_writes: usize,
    idle_lists: usize,
    idle_cpu_percent: f64,
    rss_mib: f64,
    rss_peak_mib: f64,
    restart_s: f64,
    restart_writes: usize,
}

/// One line of the table: what, the figure, what it is compared with, and the most that is good.
struct Line {
    what: String,
    figure: f64,
    unit: &'static str,
    floor: String,
    most: f64,
}

impl Line {
    fn is_met(&self) -> bool {
        self.figure <= self.most
    }
}

impl Figures {
    /// The figures under the names that machines know.
    pub(crate) fn keys(&self) -> Keys {
        let worst =
            |time: fn(&Rounds) -> Duration| time(&self.drift.deleted).max(time(&self.drift.edited));
        let (floor, deployed) = (self.floor.as_secs_f64(), self.deployed.took.as_secs_f64());
        Keys {
            apps: self.apps,
            floor_s: rounded(floor),
            deploy_s: rounded(deployed),
            deploy_ratio: rounded(deployed / floor),
            push_p50_ms: rounded(milliseconds(self.push.p50)),
            push_ratio: rounded(ratio(self.push.p50, self.push.floor_p50)),
            drift_first_p99_ms: rounded(milliseconds(worst(|rounds| rounds.first))),
            drift_100th_p99_ms: rounded(milliseconds(worst(|rounds| rounds.last))),
            idle_seconds: self.idle.seconds,
            idle_writes: self.idle.writes,
            idle_lists: self.idle.lists,
            idle_cpu_percent: rounded(self.idle.cpu_percent),
            rss_mib: rounded(self.rss_mib),
            rss_peak_mib: rounded(self.rss_peak_mib),
            restart_s: rounded(self.restart.took.as_secs_f64()),
            restart_writes: self.restart.writes,
        }
    }

    /// Whether no figure is above its target.
    pub(crate) fn meet_all_targets(&self) -> bool {
        self.lines().iter().all(Line::is_met)
    }

    /// The table for people.
    pub(crate) fn table(&self) -> String {
        let mut table = format!("{} apps of 4 objects from one repository\n\n", self.apps);
        let title = ["case", "Kargo", "", "floor", "target"];
        let [what, figure, unit, floor, most] = title;
        let _ = writeln!(table, "{what:<60} {figure:>9} {unit:<3} {floor:>14}   {most}");
        for line in self.lines() {
            let Line { what, figure, unit, floor, most } = &line;
            let verdict = if line.is_met() { "" } else { "   MISSED" };
            let _ = writeln!(
                table,
                "{what:<60} {figure:>9.2} {unit:<3} {floor:>14}   at most {most:.4}{verdict}"
            );
        }
        let Deployed { created, cpu, writes, .. } = &self.deployed;
        let _ = write!(
            table,
            "\nWhile deploying, the KargoApps took {:.2} s to be created; Kargo used {:.2} s of CPU and wrote {writes} times.",
            created.as_secs_f64(),
            cpu.as_secs_f64(),
        );
        table
    }

    fn lines(&self) -> Vec<Line> {
        let line = |what: &str, figure: f64, unit: &'static str, floor: String, most: f64| Line {
            what: what.to_owned(),
            figure,
            unit,
            floor,
            most,
        };
        let none = String::new;
        let seconds = |time: Duration| format!("{:.2} s", time.as_secs_f64());
        let (floor, large_floor) = (self.floor, self.large_floor);
        let (undisturbed, disturbed) = (self.deployed.p95, self.disturbed.p95);
        let idle = &self.idle;
        let polls = idle.seconds / INTERVAL + 2;
        let restarted = self.restart.took.as_secs_f64();
        let took = |what: &str, time: Duration| format!("{what}, {:.2} s", time.as_secs_f64());
        vec![
            line(
                &took("all created at once, until all are Ready", self.deployed.took),
                ratio(self.deployed.took, floor),
                "x",
                seconds(floor),
                1.3,
            ),
            line(
                &format!("push to one app, p50 {:.1} ms", milliseconds(self.push.p50)),
                ratio(self.push.p50, self.push.floor_p50),
                "x",
                format!("{:.1} ms", milliseconds(self.push.floor_p50)),
                1.5,
            ),
            line("writes about other apps for each push", self.push.other_writes, "", none(), 0.0),
            line(
                "object deleted, restored, p99, 1st time",
                milliseconds(self.drift.deleted.first),
                "ms",
                none(),
                100.0,
            ),
            line(
                "field edited, restored, p99, 1st time",
                milliseconds(self.drift.edited.first),
                "ms",
                none(),
                100.0,
            ),
            line(
                &format!("object deleted, restored, p99, {}th time", self.drift.deleted.count),
                milliseconds(self.drift.deleted.last),
                "ms",
                none(),
                100.0,
            ),
            line(
                &format!("field edited, restored, p99, {}th time", self.drift.edited.count),
                milliseconds(self.drift.edited.last),
                "ms",
                none(),
                100.0,
            ),
            line(
                &format!("idle for {} s: writes", idle.seconds),
                count(idle.writes),
                "",
                none(),
                0.0,
            ),
            line(
                &format!("idle for {} s: lists", idle.seconds),
                count(idle.lists),
                "",
                none(),
                0.0,
            ),
            line(
                &format!("idle for {} s: requests to git", idle.seconds),
                count(idle.git_requests),
                "",
                none(),
                count(polls),
            ),
            line(
                &format!("idle for {} s: CPU, of one core", idle.seconds),
                idle.cpu_percent,
                "%",
                none(),
                1.0,
            ),
            line("memory", self.rss_mib, "MiB", none(), 64.0),
            line("memory, at its peak while deploying", self.rss_peak_mib, "MiB", none(), 128.0),
            line("restart, until all verdicts are right", restarted, "s", none(), 5.0),
            line("restart: writes", count(self.restart.writes), "", none(), 0.0),
            line(
                &took(&format!("p95 of the good apps with {} broken ones", self.broken), disturbed),
                ratio(disturbed, undisturbed),
                "x",
                seconds(undisturbed),
                NOISE,
            ),
            line(
                &took(&format!("one app with {} ConfigMaps", self.objects), self.large.took),
                ratio(self.large.took, large_floor),
                "x",
                seconds(large_floor),
                1.3,
            ),
        ]
    }
}

/// The p-th percentile by the nearest rank; zero of nothing.
pub(crate) fn percentile(times: &mut [Duration], p: usize) -> Duration {
    times.sort_unstable();
    let rank = (times.len() * p).div_ceil(100).max(1);
    times.get(rank - 1).copied().unwrap_or_default()
}

fn ratio(time: Duration, floor: Duration) -> f64 {
    time.as_secs_f64() / floor.as_secs_f64()
}

fn milliseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1000.0
}

fn rounded(figure: f64) -> f64 {
    (figure * 1000.0).round() / 1000.0
}

fn count(number: impl TryInto<u32>) -> f64 {
    f64::from(number.try_into().unwrap_or(u32::MAX))
}
