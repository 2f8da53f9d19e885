//! The action that runs a program: never through a shell; the event in `SENSOR_*` variables, its record on standard input.

use std::io::{self, Write as _};
use std::os::unix::process::CommandExt as _;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process_group};
use serde_json::Value;

use crate::watch::batch::Outcome;
use crate::watch::entry::{Event, TEXT_MAX};

/// How often a running program is checked.
const LOOK_EVERY: Duration = Duration::from_millis(10);

/// Runs the program and waits for it, at most for `timeout`: then it and what it started is killed.
pub fn run(argv: &[String], timeout: Duration, alert: &str, event: &Event) -> Outcome {
    let Some((program, args)) = argv.split_first() else { return Outcome::Refused("no program".to_owned()) };
    let mut command = Command::new(program);
    command.args(args).stdin(Stdio::piped()).process_group(0);
    // The watcher's own settings (`SENSOR_*`) would look like fields of the event.
    for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("SENSOR_")) {
        command.env_remove(name);
    }
    command.env("SENSOR_ALERT", alert).envs(variables(event));
    let mut child = match command.spawn() {
        Ok(child) => child,
        Err(error) => return Outcome::Unavailable(format!("{program}: {error}")),
    };
    if let Some(mut stdin) = child.stdin.take() {
        let line = event.json() + "\n";
        // The record fits a pipe (see `entry::RECORD_MAX`) unless the user has very many; a program need not read it.
        let writer = std::thread::Builder::new().name("watch-stdin".to_owned());
        drop(writer.spawn(move || drop(stdin.write_all(line.as_bytes()))));
    }
    match wait(&mut child, timeout) {
        Ok(Some(status)) if status.success() => Outcome::Delivered,
        Ok(Some(status)) => Outcome::Refused(format!("{program}: {status}")),
        Ok(None) => Outcome::Refused(format!("{program}: killed after {} s", timeout.as_secs())),
        Err(error) => Outcome::Unavailable(format!("{program}: {error}")),
    }
}

/// Waits for a program that leads a process group of its own. `None`: it ran longer than `timeout`, and its group was
/// killed.
pub fn wait(child: &mut Child, timeout: Duration) -> io::Result<Option<ExitStatus>> {
    let mut waited = Duration::ZERO;
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(Some(status));
        }
        if waited >= timeout {
            // The child is not reaped yet, so the number is still its group's. The group may have ended.
            let _ = kill_process_group(Pid::from_child(child), Signal::KILL);
            child.wait()?;
            return Ok(None);
        }
        std::thread::sleep(LOOK_EVERY);
        waited += LOOK_EVERY;
    }
}

/// The record's fields as variables, named as in the journal.
fn variables(event: &Event) -> Vec<(String, String)> {
    let shown = |value: &Value| match value {
        Value::String(text) => text.clone(),
        Value::Array(items) if items.iter().all(Value::is_number) => {
            items.iter().map(Value::to_string).collect::<Vec<_>>().join(",")
        }
        other => other.to_string(),
    };
    let mut variables = Vec::new();
    for (key, value) in &event.record {
        let name = match key.as_str() {
            "kind" => "SENSOR_EVENT".to_owned(),
            "id" => "SENSOR_EVENT_ID".to_owned(),
            "sensor" => "SENSOR_NAME".to_owned(),
            key if key.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_') => {
                format!("SENSOR_{}", key.to_ascii_uppercase())
            }
            // A forged record's field, which could name any variable.
            _ => continue,
        };
        let text = shown(value);
        variables.push((name, text[..text.floor_char_boundary(TEXT_MAX)].to_owned()));
    }
    variables.push(("SENSOR_DATABASE".to_owned(), event.database.clone()));
    variables
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

    use super::*;
    use crate::watch::entry::fixture::event;
    use crate::watch::state::fixture::Folder;

    fn sh(script: &str, timeout: Duration) -> Outcome {
        let argv = ["/bin/sh", "-c", script].map(str::to_owned);
        run(&argv, timeout, "chat", &event(7, "new-host", "10.0.0.5"))
    }

    const LONG: Duration = Duration::from_secs(60);

    #[test]
    fn the_event_is_in_the_environment_and_on_standard_input() {
        let folder = Folder::new("command");
        let out = folder.file("out");
        let script = format!(
            "echo \"$SENSOR_ALERT $SENSOR_EVENT $SENSOR_EVENT_ID $SENSOR_IP $SENSOR_HOSTNAME\" > {0}; cat >> {0}",
            out.display()
        );
        assert_eq!(sh(&script, LONG), Outcome::Delivered);
        let text = std::fs::read_to_string(out).unwrap();
        let json = event(7, "new-host", "10.0.0.5").json();
        assert_eq!(text, format!("chat new-host 7 10.0.0.5 nas\n{json}\n"));
    }

    #[test]
    fn names_are_arguments_of_nobody() {
        let mut hostile = event(7, "new-host", "10.0.0.5");
        for text in ["$(touch /tmp/x)", "`id`", "() { :;}; id", "=cmd()", "<script>", "'; id; '"] {
            hostile.record.insert("hostname".to_owned(), text.into());
            hostile.record.insert("LD_PRELOAD=x".to_owned(), text.into());
            let variables = variables(&hostile);
            assert!(variables.contains(&("SENSOR_HOSTNAME".to_owned(), text.to_owned())), "{variables:?}");
            assert!(variables.iter().all(|(name, _)| name.starts_with("SENSOR_")), "{variables:?}");
        }
    }

    #[test]
    fn what_goes_wrong_is_said() {
        assert_eq!(sh("exit 3", LONG), Outcome::Refused("/bin/sh: exit status: 3".to_owned()));
        let missing = run(&["/none/x".to_owned()], LONG, "a", &event(1, "bogon", "x"));
        assert!(matches!(missing, Outcome::Unavailable(text) if text.starts_with("/none/x: ")));
    }

    #[test]
    fn its_time_ends_and_so_do_its_children() {
        let folder = Folder::new("command-slow");
        let pid = folder.file("pid");
        let script = format!("sleep 600 & echo $! > {}; wait", pid.display());
        assert_eq!(sh(&script, Duration::from_secs(1)), Outcome::Refused("/bin/sh: killed after 1 s".to_owned()));
        let pid = std::fs::read_to_string(pid).unwrap();
        let stat = || std::fs::read_to_string(format!("/proc/{}/stat", pid.trim())).unwrap_or_default();
        let is_dead = |stat: &str| stat.is_empty() || stat.contains(") Z ") || stat.contains(") X ");
        // It was killed, and dies when it is its turn.
        let died = (0..600).any(|_| {
            is_dead(&stat()) || {
                std::thread::sleep(Duration::from_millis(100));
                false
            }
        });
        assert!(died, "{}", stat());
    }

    #[test]
    fn a_program_need_not_read() {
        let mut big = event(1, "bogon", "x");
        big.record.insert("details".to_owned(), "x".repeat(crate::watch::entry::RECORD_MAX - 1000).into());
        assert_eq!(run(&["/bin/true".to_owned()], LONG, "a", &big), Outcome::Delivered);
    }
}
