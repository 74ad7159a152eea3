//! Processes that end with this one, however it ends: each has a shell beside it that waits on a pipe and kills when it closes.

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use crate::error::{Doing, XtaskError};

/// Starts the program, and ends it when standard input closes: the owner was done, or has died.
const WATCHDOG: &str = r#"
exec 3<&0
"$@" </dev/null 3<&- &
pid=$!
{ read -r line <&3; kill -KILL $pid; } >/dev/null 2>&1 &
guard=$!
wait $pid
status=$?
kill $guard 2>/dev/null
exit $status
"#;

/// A process that is killed, by its id, when this is dropped.
#[derive(Debug)]
pub(super) struct Watched(Child);

impl Watched {
    fn start(command: &Command) -> Result<Self, XtaskError> {
        let mut outer = Command::new("sh");
        outer.args(["-c", WATCHDOG, "bench-watchdog"]).arg(command.get_program()).args(command.get_args());
        outer.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let child = outer.spawn().doing(|| format!("starting {}", command.get_program().display()))?;
        Ok(Self(child))
    }

    /// Starts a server that prints the port it listens on as its first line.
    pub(super) fn start_on_a_port(command: &Command) -> Result<(Self, u16), XtaskError> {
        let mut watched = Self::start(command)?;
        let mut line = String::new();
        if let Some(stdout) = watched.0.stdout.take() {
            BufReader::new(stdout).read_line(&mut line).doing(|| "reading a port".to_owned())?;
        }
        if let Some(mut stderr) = watched.0.stderr.take() {
            if let Ok(port) = line.trim().parse() {
                // Read on, so that it never waits for a full pipe.
                std::thread::spawn(move || std::io::copy(&mut stderr, &mut std::io::sink()));
                return Ok((watched, port));
            }
            let _ = stderr.read_to_string(&mut line);
        }
        Err(XtaskError::Failed(format!("{} did not start: {}", command.get_program().display(), line.trim())))
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        drop(self.0.stdin.take());
        let _ = self.0.wait(); // gone in any case
    }
}

/// Runs a producer to its end and answers its line of results.
pub(super) fn run_for_line(command: &Command, limit: Duration) -> Result<String, XtaskError> {
    let mut watched = Watched::start(command)?;
    let streams = (watched.0.stdout.take(), watched.0.stderr.take());
    let (Some(mut stdout), Some(mut stderr)) = streams else {
        return Err(XtaskError::Failed("a process without streams".to_owned()));
    };
    let (give, take) = mpsc::channel();
    std::thread::spawn(move || {
        let said = std::thread::spawn(move || {
            let mut said = Vec::new();
            let _ = stderr.read_to_end(&mut said); // what was read until then
            said
        });
        let mut printed = Vec::new();
        let _ = stdout.read_to_end(&mut printed);
        let _ = give.send((printed, said.join().unwrap_or_default()));
    });
    let Ok((printed, said)) = take.recv_timeout(limit) else {
        return Err(XtaskError::Failed(format!("it took longer than {} s and was ended", limit.as_secs())));
    };
    let printed = String::from_utf8_lossy(&printed);
    let line = printed.lines().find(|line| line.starts_with("{\"peer\":"));
    line.map(str::to_owned).ok_or_else(|| {
        let said = String::from_utf8_lossy(&said);
        let tail: Vec<_> = said.lines().rev().take(3).collect();
        XtaskError::Failed(format!("no line of results; it said: {}", tail.join(" / ")))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Instant;

    fn shell(script: &str) -> Command {
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        command
    }

    #[test]
    fn the_line_of_results_is_found_among_others() {
        let command = shell("echo noise; echo '{\"peer\":\"x\"}'; echo more");
        assert_eq!(run_for_line(&command, Duration::from_secs(20)).unwrap(), "{\"peer\":\"x\"}");
        let error = run_for_line(&shell("echo no broker >&2; exit 1"), Duration::from_secs(20)).unwrap_err();
        assert!(error.to_string().contains("no broker"), "{error}");
    }

    #[test]
    fn a_server_is_killed_when_its_owner_lets_go_and_a_slow_producer_at_its_limit() {
        let (server, pid) = Watched::start_on_a_port(&shell("echo $(($$ % 65536)); exec sleep 600")).unwrap();
        let started = Instant::now();
        drop(server);
        assert!(started.elapsed() < Duration::from_secs(60), "it was waited for, pid {pid} mod 65536");
        let error = run_for_line(&shell("exec sleep 600"), Duration::from_millis(50)).unwrap_err();
        assert!(error.to_string().contains("longer") && started.elapsed() < Duration::from_secs(60));
    }
}
