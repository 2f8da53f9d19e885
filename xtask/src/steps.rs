//! The steps of a long run: each is timed, tests are counted, and at the end a table says where the time went.

use std::io::BufRead as _;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};

/// What was done so far.
#[derive(Default)]
pub(crate) struct Steps {
    /// Names of steps, and how long each took.
    done: Vec<(String, Duration)>,
    /// When the first one began. Steps that ran beside each other add up to more than the time since.
    begun: Option<Instant>,
    passed: u64,
    /// Tests, and other steps.
    failed: u64,
    /// Tests that the test runner left out.
    ignored: u64,
}

impl Steps {
    /// Nothing was done; the clock runs.
    pub(crate) fn begin() -> Self {
        Self { begun: Some(Instant::now()), ..Self::default() }
    }

    /// Does a step that has to succeed for the next ones to make sense.
    pub(crate) fn take<T>(&mut self, name: &str, step: impl FnOnce() -> anyhow::Result<T>) -> anyhow::Result<T> {
        let begun = Instant::now();
        let result = step();
        self.done.push((name.to_owned(), begun.elapsed()));
        self.failed += u64::from(result.is_err());
        result.with_context(|| name.to_owned())
    }

    /// Runs a command that has to succeed.
    pub(crate) fn run(&mut self, name: &str, mut command: Command) -> anyhow::Result<()> {
        println!("$ {}", line(&command));
        self.take(name, || match command.status()?.success() {
            true => Ok(()),
            false => bail!("failed: {}", line(&command)),
        })
    }

    /// Runs tests and counts them. Tests that fail do not end the run: the others are of interest too.
    pub(crate) fn test(&mut self, name: &str, mut command: Command) -> anyhow::Result<()> {
        println!("$ {}", line(&command));
        let begun = Instant::now();
        let mut child = command.stdout(Stdio::piped()).spawn().with_context(|| line(&command))?;
        let stdout = child.stdout.take().context("the output is piped")?;
        let failed_before = self.failed;
        for line in std::io::BufReader::new(stdout).lines() {
            let line = line?;
            println!("{line}");
            if let Some(counts) = line.strip_prefix("test result: ") {
                self.passed += count(counts, " passed");
                self.failed += count(counts, " failed");
                self.ignored += count(counts, " ignored");
            }
        }
        let is_success = child.wait()?.success();
        self.done.push((name.to_owned(), begun.elapsed()));
        // A test program that ended by a signal has no result line.
        self.failed += u64::from(!is_success && self.failed == failed_before);
        Ok(())
    }

    /// Adds what was done beside these steps.
    pub(crate) fn join(&mut self, beside: Self) {
        self.done.extend(beside.done);
        self.passed += beside.passed;
        self.failed += beside.failed;
        self.ignored += beside.ignored;
    }

    /// Prints the table and, as the last line, `N passed, N failed`. Fails when a test failed, or was left out where none may be.
    pub(crate) fn finish(self) -> anyhow::Result<()> {
        let all = self.begun.map_or(Duration::ZERO, |begun| begun.elapsed());
        println!("\n| step | seconds | share |\n|---|--:|--:|");
        for (name, took) in self.done.iter().chain([&("all".to_owned(), all)]) {
            let share = took.as_secs_f64() / all.as_secs_f64().max(f64::MIN_POSITIVE) * 100.0;
            println!("| {name} | {:.0} | {share:.0} % |", took.as_secs_f64());
        }
        println!();
        let left_out = self.ignored > 0 && std::env::var_os("CI").is_some();
        if left_out {
            println!("{} tests were left out, which is not allowed here", self.ignored);
        }
        println!("{} passed, {} failed", self.passed, self.failed);
        match self.failed == 0 && !left_out {
            true => Ok(()),
            false => bail!("tests failed or were left out"),
        }
    }
}

/// The number before a word, such as 12 in `12 passed`.
fn count(line: &str, word: &str) -> u64 {
    let before = line.split(word).next().unwrap_or_default();
    before.rsplit(|c: char| !c.is_ascii_digit()).next().and_then(|digits| digits.parse().ok()).unwrap_or(0)
}

/// A command as one would type it.
pub(crate) fn line(command: &Command) -> String {
    let program = command.get_program().to_string_lossy().into_owned();
    let program = program.rsplit('/').next().unwrap_or_default().to_owned();
    let words = command.get_args().map(|word| word.to_string_lossy().into_owned());
    std::iter::once(program).chain(words).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str) -> Command {
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        command
    }

    #[test]
    fn tests_are_counted_and_failures_do_not_end_the_run() {
        let mut steps = Steps::default();
        let result = "test result: FAILED. 12 passed; 3 failed; 1 ignored; 0 measured; 0 filtered out";
        assert!(steps.test("some", shell(&format!("echo '{result}'; exit 101"))).is_ok());
        assert_eq!((steps.passed, steps.failed, steps.ignored), (12, 3, 1));
        assert!(steps.test("killed", shell("exit 9")).is_ok());
        assert_eq!((steps.failed, steps.done.len()), (4, 2));
        assert!(steps.finish().is_err());
    }

    #[test]
    fn a_step_that_fails_is_counted() {
        let mut steps = Steps::default();
        assert!(steps.run("false", shell("exit 1")).is_err());
        assert!(steps.run("true", shell("exit 0")).is_ok());
        assert_eq!((steps.passed, steps.failed), (0, 1));
        assert!(steps.finish().is_err());
        assert!(Steps::default().finish().is_ok());
    }
}
