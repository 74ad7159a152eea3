//! A broker's process: started, recognised, signalled, ended.
//!
//! A process is its pid **and** the moment it started: a pid alone may have passed on to a stranger.
//! Never: a signal to a process that was not recognised, or to a name.

use std::fs::File;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, kill_process};
use serde::{Deserialize, Serialize};

pub use rustix::process::Signal;

use crate::error::{Doing, XtaskError};

/// One process, told from any other that gets the same pid later.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProcessId {
    /// The number the system gave it.
    pub pid: i32,
    /// When it started: in clock ticks since boot where there is `/proc`, else as `ps` writes it.
    pub started: String,
}

impl ProcessId {
    /// Recognises the process that has `pid` now; `None` if there is none or it has ended.
    pub(crate) fn of(pid: i32) -> Option<Self> {
        look(pid).map(|(_, started)| Self { pid, started })
    }

    /// Whether this very process is still there; one that ended and was not collected yet is not.
    pub fn is_alive(&self) -> bool {
        look(self.pid).is_some_and(|(_, started)| started == self.started)
    }

    /// Whether it is there and not stopped by a signal.
    pub fn is_running(&self) -> bool {
        look(self.pid).is_some_and(|(state, started)| started == self.started && state != 'T')
    }

    /// Sends `signal` to this very process. Answers whether it was there to get it.
    pub(crate) fn signal(&self, signal: Signal) -> bool {
        self.is_alive() && Pid::from_raw(self.pid).is_some_and(|pid| kill_process(pid, signal).is_ok())
    }

    /// Waits until it has ended; answers whether it did within `limit`.
    pub(crate) fn wait_for_end(&self, limit: Duration) -> bool {
        let until = Instant::now() + limit;
        while self.is_alive() {
            if Instant::now() >= until {
                return false;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        true
    }
}

/// State letter and start of the process `pid`, unless it is a zombie or not there.
fn look(pid: i32) -> Option<(char, String)> {
    if Path::new("/proc/self/stat").exists() {
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        state_and_start(&stat)
    } else {
        let output =
            Command::new("ps").args(["-o", "state=,lstart=", "-p", &pid.to_string()]).output().ok()?;
        let line = String::from_utf8_lossy(&output.stdout).trim().to_owned();
        let (state, start) = line.split_once(' ')?;
        unless_ended(state.chars().next()?, start.trim())
    }
}

/// Fields 3 and 22 of `/proc/<pid>/stat`; the name in field 2 may hold blanks and brackets, so count from its end.
fn state_and_start(stat: &str) -> Option<(char, String)> {
    let fields: Vec<_> = stat.rsplit_once(") ")?.1.split(' ').collect();
    unless_ended(fields.first()?.chars().next()?, fields.get(19)?)
}

fn unless_ended(state: char, start: &str) -> Option<(char, String)> {
    (!"ZXx".contains(state)).then(|| (state, start.to_owned()))
}

/// What keeps a broker's process from outliving its owner.
#[derive(Debug)]
pub(crate) enum Keeper {
    /// A shell that waits for its standard input to close, and then kills the broker unless it was told not to.
    Watchdog(Child),
    /// The broker stays.
    None,
}

/// The watchdog: it starts the broker, prints its pid, and reads. End of input means that the owner is gone,
/// however that happened: the broker is killed and its data removed. A line means that the owner has seen to it.
const WATCHDOG: &str = r#"
"$@" </dev/null >&2 &
pid=$!
echo $pid
exec >/dev/null
orphaned=
read -r line || { orphaned=1; kill -KILL $pid; }
wait $pid
[ -z "$orphaned" ] || rm -rf "${KAFKA_DATA:?}"
"#;

impl Keeper {
    /// Starts `command` with its output in `log`, in a process group of its own, so that Ctrl-C in a terminal
    /// does not reach it. With `data`, the broker is watched: it ends with this process, and `data` is removed.
    pub(crate) fn start(
        command: &Command,
        log: File,
        data: Option<&Path>,
    ) -> Result<(Self, ProcessId), XtaskError> {
        let shown = || format!("starting {}", command.get_program().display());
        let mut outer = Command::new(if data.is_some() { "sh".as_ref() } else { command.get_program() });
        if let Some(data) = data {
            outer.env("KAFKA_DATA", data).args(["-c", WATCHDOG, "kafka-watchdog"]).arg(command.get_program());
            outer.stdin(Stdio::piped()).stdout(Stdio::piped());
        } else {
            outer.stdin(Stdio::null()).stdout(log.try_clone().doing(shown)?);
        }
        outer.args(command.get_args()).stderr(log).process_group(0);
        if let Some(dir) = command.get_current_dir() {
            outer.current_dir(dir);
        }
        let mut child = outer.spawn().doing(shown)?;
        let pid = match child.stdout.take() {
            Some(stdout) => {
                let mut line = String::new();
                BufReader::new(stdout).read_line(&mut line).doing(shown)?;
                line.trim()
                    .parse()
                    .map_err(|_| XtaskError::Failed(format!("{}: no pid, but {line:?}", shown())))?
            }
            None => child.id() as i32,
        };
        let process =
            ProcessId::of(pid).ok_or_else(|| XtaskError::Failed(format!("{}: ended at once", shown())))?;
        Ok((if data.is_some() { Self::Watchdog(child) } else { Self::None }, process))
    }

    /// Lets the watchdog go, after the broker's end: it collects the ended process, then ends itself.
    pub(crate) fn dismiss(self) {
        if let Self::Watchdog(mut child) = self {
            if let Some(mut stdin) = child.stdin.take() {
                // An error means that the watchdog is gone already, which is what is wanted.
                let _ = stdin.write_all(b"done\n");
            }
            let _ = child.wait();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn null() -> File {
        File::options().write(true).open("/dev/null").unwrap()
    }

    fn sleeper() -> Command {
        let mut command = Command::new("sleep");
        command.arg("600");
        command
    }

    #[test]
    fn a_broker_ends_when_the_pipe_to_its_watchdog_closes() {
        let data = std::env::temp_dir().join(format!("kp-watchdog-{}", std::process::id()));
        std::fs::create_dir_all(&data).unwrap();
        let (keeper, process) = Keeper::start(&sleeper(), null(), Some(&data)).unwrap();
        assert!(process.is_alive());
        let Keeper::Watchdog(mut child) = keeper else { panic!("asked for a watchdog") };
        drop(child.stdin.take()); // what the system does when the owner dies
        assert!(process.wait_for_end(Duration::from_secs(10)));
        child.wait().unwrap();
        assert!(!data.exists(), "its data is still there");
    }

    #[test]
    fn a_signal_reaches_only_the_process_that_was_meant() {
        let data = Path::new("/nowhere/to/be/found");
        let (keeper, process) = Keeper::start(&sleeper(), null(), Some(data)).unwrap();
        let stranger = ProcessId { started: "1".to_owned(), ..process.clone() };
        assert!(!stranger.signal(Signal::KILL), "another process of that pid was signalled");
        assert!(process.signal(Signal::STOP));
        while process.is_running() {
            std::thread::yield_now();
        }
        assert!(process.is_alive(), "a stopped process is still there");
        assert!(process.signal(Signal::KILL));
        assert!(process.wait_for_end(Duration::from_secs(10)));
        keeper.dismiss();
    }

    #[test]
    fn state_and_start_are_found_behind_any_process_name() {
        let fields: Vec<_> = (4..=22).map(|n| n.to_string()).collect();
        let stat = format!("7 (a) b (c)) S {}", fields.join(" "));
        assert_eq!(state_and_start(&stat), Some(('S', "22".to_owned())));
        assert_eq!(state_and_start(&stat.replace(") S", ") Z")), None, "a zombie has ended");
    }
}
