//! How the story is printed.

use std::io::{self, Stdout, Write as _};
use std::time::{Duration, Instant};

use anyhow::{Result, bail};

/// Who listens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Audience {
    /// A machine that wants to know whether all is as promised: what is late is an error.
    Machine,
    /// People who read it as it comes; what is late is told.
    Reader,
    /// People at a terminal, who press Enter between the steps.
    Terminal,
}

/// Prints the story, and remembers what was measured.
pub(crate) struct Teller {
    out: Stdout,
    audience: Audience,
    steps: u32,
    start: Instant,
    measured: Vec<(String, String)>,
}

impl Teller {
    pub(crate) fn new(audience: Audience) -> Self {
        Self { out: io::stdout(), audience, steps: 0, start: Instant::now(), measured: Vec::new() }
    }

    /// Prints lines as they are.
    pub(crate) fn say(&self, text: &str) {
        // Nobody is left to be told when standard output is closed.
        let _ = writeln!(&self.out, "{text}");
    }

    /// Begins a step: waits for Enter, if somebody is there to press it, and prints the title.
    pub(crate) async fn step(&mut self, title: &str) -> Result<()> {
        if self.audience == Audience::Terminal && self.steps > 0 {
            let _ = write!(&self.out, "\n[Enter] goes on, [Ctrl-C] ends ");
            let _ = self.out.flush();
            tokio::task::spawn_blocking(|| io::stdin().read_line(&mut String::new())).await??;
        }
        self.steps += 1;
        self.say(&format!("\n=== {}. {title} ===", self.steps));
        Ok(())
    }

    /// Something that was told has happened.
    pub(crate) fn holds(&self, what: &str) {
        self.say(&format!("  ok: {what}"));
    }

    /// Something has happened in time.
    pub(crate) fn took(&mut self, what: &str, time: Duration, limit: Duration) -> Result<()> {
        let text = format!("{:.2} s (at most {} s)", time.as_secs_f64(), limit.as_secs());
        self.measure(what, &text, time <= limit)
    }

    /// Something stays within its size.
    pub(crate) fn weighs(&mut self, what: &str, kibibytes: u64, limit: u64) -> Result<()> {
        let mebibytes = |size: u64| format!("{}.{} MiB", size / 1024, size % 1024 * 10 / 1024);
        let text = format!("{} (at most {})", mebibytes(kibibytes), mebibytes(limit));
        self.measure(what, &text, kibibytes <= limit)
    }

    /// All that was measured.
    pub(crate) fn summary(&self) {
        self.say("\n=== All as told ===");
        for (what, text) in &self.measured {
            self.say(&format!("  {what}: {text}"));
        }
        self.say(&format!("  the whole demo: {:.0} s", self.start.elapsed().as_secs_f64()));
    }

    fn measure(&mut self, what: &str, text: &str, kept: bool) -> Result<()> {
        match (kept, self.audience) {
            (true, _) => self.holds(&format!("{what}: {text}")),
            (false, Audience::Machine) => bail!("{what}: {text}"),
            (false, _) => self.say(&format!("  NOT as promised: {what}: {text}")),
        }
        self.measured.push((what.to_owned(), text.to_owned()));
        Ok(())
    }
}
