//! Child processes that do not outlive the run that started them, however it ends.
//!
//! A destructor does not run after SIGKILL, and `PR_SET_PDEATHSIG` follows a thread and exists
//! on Linux only. A pipe is surer: its writing end is open in this process alone, so its reading
//! end sees end-of-file exactly when this process is gone. Two small shells wait for that:
//!
//! - the *anchor* leads a process group of its own, which all supervised children join before
//!   they run their program. A Ctrl-C at the terminal does not reach that group;
//! - the *keeper* stands outside of that group. At end-of-file it kills the group and removes
//!   the folders that nobody needs any more.

use std::io;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::OnceLock;

use anyhow::{Context as _, Result};

const ANCHOR: &str = "trap '' INT HUP TERM; while read -r _; do :; done";

/// `$1` is the group, the rest are the folders. The second kill is for a child that joined the
/// group while the first one was under way.
const KEEPER: &str = r#"
trap '' INT HUP TERM
while read -r _; do :; done
group=$1
shift
for pause in 0.1 0.3; do
  kill -s KILL -- "-$group" 2>/dev/null
  sleep "$pause"
done
[ "$#" -eq 0 ] || rm -rf -- "$@"
"#;

/// A group of child processes that ends with this value, and with this process at the latest.
#[derive(Debug)]
pub struct Supervisor {
    group: i32,
    anchor: Child,
    anchor_pipe: Option<ChildStdin>,
    keeper: Child,
    keeper_pipe: Option<ChildStdin>,
}

impl Supervisor {
    /// Starts the group. `removed_at_the_end` are folders to delete once all its processes are
    /// gone.
    pub fn start(removed_at_the_end: &[&Path]) -> Result<Self> {
        let mut anchor = shell(ANCHOR).spawn().context("sh cannot be started")?;
        let group = i32::try_from(anchor.id()).context("a process id does not fit into 31 bits")?;
        let anchor_pipe = anchor.stdin.take();
        let mut keeper = shell(KEEPER)
            .arg(group.to_string())
            .args(removed_at_the_end)
            .spawn()
            .context("sh cannot be started")?;
        let keeper_pipe = keeper.stdin.take();
        Ok(Self { group, anchor, anchor_pipe, keeper, keeper_pipe })
    }

    /// The group for everything in this process that has no shorter life of its own.
    pub fn shared() -> Result<&'static Self> {
        static SHARED: OnceLock<Supervisor> = OnceLock::new();
        if let Some(shared) = SHARED.get() {
            return Ok(shared);
        }
        let fresh = Self::start(&[])?;
        Ok(SHARED.get_or_init(|| fresh))
    }

    /// Starts `command` as a member of the group.
    pub fn spawn(&self, command: &mut Command) -> io::Result<Child> {
        command.process_group(self.group).spawn()
    }
}

impl Drop for Supervisor {
    fn drop(&mut self) {
        drop(self.keeper_pipe.take());
        drop(self.anchor_pipe.take());
        let _ = self.keeper.wait();
        let _ = self.anchor.wait();
    }
}

fn shell(script: &str) -> Command {
    let mut command = Command::new("sh");
    command
        .args(["-c", script, "kargo-supervisor"])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .process_group(0);
    command
}
