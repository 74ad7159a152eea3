//! What the doctor found: one step after the other, each with what to change if it failed.
//! Owns: how a step is told, to a person as soon as it is known, or to a program at the end.

use std::io::{self, Write as _};

use serde_json::{Value, json};

/// What a step came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    Ok,
    /// A producer works, but not as it should.
    Warning,
    Failed,
    /// It could not be tried, or there was nothing to try.
    Skipped,
}

impl Verdict {
    fn name(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Warning => "warning",
            Self::Failed => "failed",
            Self::Skipped => "skipped",
        }
    }
}

/// What is wrong, and what to change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Ailment {
    pub(super) found: String,
    pub(super) remedy: String,
}

impl Ailment {
    pub(super) fn new(found: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { found: found.into(), remedy: remedy.into() }
    }
}

#[derive(Debug)]
struct Step {
    name: &'static str,
    verdict: Verdict,
    found: String,
    /// More of what was found, each to stand by itself.
    lines: Vec<String>,
    remedy: Option<String>,
    /// The same for a program, in parts.
    details: Option<Value>,
}

/// The steps so far.
#[derive(Debug)]
pub(super) struct Report {
    steps: Vec<Step>,
    /// So many have been printed; `None` if nothing is before the end.
    told: Option<usize>,
}

impl Report {
    pub(super) fn new(json: bool) -> Self {
        Self { steps: Vec::new(), told: (!json).then_some(0) }
    }

    pub(super) fn ok(&mut self, name: &'static str, found: impl Into<String>) {
        self.add(name, Verdict::Ok, found.into(), None);
    }

    /// What is well, and for a program in parts.
    pub(super) fn ok_with(&mut self, name: &'static str, found: impl Into<String>, details: Value) {
        self.add(name, Verdict::Ok, found.into(), None);
        if let Some(step) = self.steps.last_mut() {
            step.details = Some(details);
        }
    }

    /// What is well, what there is to say of it line by line, and the same for a program in parts.
    pub(super) fn ok_in_lines(
        &mut self,
        name: &'static str,
        found: impl Into<String>,
        lines: Vec<String>,
        details: Value,
    ) {
        self.ok_with(name, found, details);
        if let Some(step) = self.steps.last_mut() {
            step.lines = lines;
        }
    }

    pub(super) fn skipped(&mut self, name: &'static str, why: impl Into<String>) {
        self.add(name, Verdict::Skipped, why.into(), None);
    }

    pub(super) fn warning(&mut self, name: &'static str, ailment: Ailment) {
        self.add(name, Verdict::Warning, ailment.found, Some(ailment.remedy));
    }

    pub(super) fn failed(&mut self, name: &'static str, ailment: Ailment) {
        self.add(name, Verdict::Failed, ailment.found, Some(ailment.remedy));
    }

    fn add(&mut self, name: &'static str, verdict: Verdict, found: String, remedy: Option<String>) {
        self.steps.push(Step { name, verdict, found, lines: Vec::new(), remedy, details: None });
    }

    /// What failed so far does not keep a producer from working after all.
    pub(super) fn forgive(&mut self) {
        let failed = self.steps.iter_mut().filter(|step| step.verdict == Verdict::Failed);
        failed.for_each(|step| step.verdict = Verdict::Warning);
    }

    fn count(&self, verdict: Verdict) -> usize {
        self.steps.iter().filter(|step| step.verdict == verdict).count()
    }

    pub(super) fn is_healthy(&self) -> bool {
        self.count(Verdict::Failed) == 0
    }

    /// Prints what has not been printed.
    ///
    /// # Errors
    /// Stdout is gone.
    pub(super) fn tell(&mut self) -> io::Result<()> {
        if let Some(told) = &mut self.told {
            let new = self.steps[*told..].iter().map(Step::to_text).collect::<String>();
            *told = self.steps.len();
            io::stdout().write_all(new.as_bytes())?;
        }
        Ok(())
    }

    /// The rest, and the sum.
    ///
    /// # Errors
    /// Stdout is gone.
    pub(super) fn conclude(&mut self) -> io::Result<()> {
        self.tell()?;
        match self.told {
            Some(_) => writeln!(io::stdout(), "\n{}", self.sum()),
            None => writeln!(io::stdout(), "{}", self.to_json()),
        }
    }

    fn sum(&self) -> String {
        match (self.count(Verdict::Failed), self.count(Verdict::Warning)) {
            (0, 0) => "nothing is wrong".to_owned(),
            (0, 1) => "a producer works; 1 warning".to_owned(),
            (0, warnings) => format!("a producer works; {warnings} warnings"),
            (1, _) => "1 step failed: change what its arrow says, and ask again".to_owned(),
            (failed, _) => format!("{failed} steps failed: begin with the first, and ask again"),
        }
    }

    pub(super) fn to_json(&self) -> Value {
        let steps: Vec<Value> = self
            .steps
            .iter()
            .map(|step| {
                json!({
                    "step": step.name, "verdict": step.verdict.name(), "found": step.found, "lines": step.lines, "remedy": step.remedy,
                    "details": step.details,
                })
            })
            .collect();
        json!({ "ok": self.is_healthy(), "steps": steps })
    }
}

impl Step {
    fn to_text(&self) -> String {
        let mut text = format!("{:8} {:9} {}\n", self.verdict.name(), self.name, self.found);
        for line in &self.lines {
            text += &format!("{:19}· {line}\n", "");
        }
        if let Some(remedy) = &self.remedy {
            text += &format!("{:18} → {remedy}\n", "");
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_is_a_failure_until_it_is_forgiven() {
        let mut report = Report::new(true);
        report.ok("resolve", "fine");
        report.failed("connect", Ailment::new("refused", "start it"));
        assert!(!report.is_healthy());
        assert_eq!(report.sum(), "1 step failed: change what its arrow says, and ask again");
        report.forgive();
        assert!(report.is_healthy());
        assert_eq!(report.sum(), "a producer works; 1 warning");
        assert_eq!(report.to_json()["steps"][1]["verdict"], "warning");
    }

    #[test]
    fn a_step_says_what_to_change_on_a_line_of_its_own() {
        let mut report = Report::new(false);
        report.failed("topic", Ailment::new("orders: not there", "create it"));
        let expected = "failed   topic     orders: not there\n                   → create it\n";
        assert_eq!(report.steps[0].to_text(), expected);
        report.ok_in_lines("tls", "it speaks TLS", vec!["certificate CN=b".to_owned()], Value::Null);
        let expected = "ok       tls       it speaks TLS\n                   · certificate CN=b\n";
        assert_eq!(report.steps[1].to_text(), expected);
    }
}
