//! `bench`: every figure that has a budget.

use std::process::Stdio;

use super::{Task, setup};
use crate::shell::{Result, cargo, output};

pub const TASK: Task = Task {
    name: "bench",
    usage: "bench [NAME…] [--strict]",
    summary: "Measure every figure that has a budget and show how much of it is used.",
    help: "
Runs the programs of the table in xtask/src/tasks/bench.rs in release mode, one after another, and collects
the lines they print of the form

  BENCH <name> <figure> <unit> budget <figure>

A unit with a `/` is a rate, where more is better; any other unit is a cost, where less is better.
Only programs whose name contains one of the NAMEs run. --strict fails when a figure misses its budget;
without it the table only tells. Run on an idle machine.",
    run: bench,
};

/// A program that prints `BENCH` lines. Keep the rows in order of name.
struct Program {
    name: &'static str,
    package: &'static str,
    kind: Kind,
}

/// What the program is to cargo: benches are given the path of the package's binary, examples are plain programs.
enum Kind {
    Bench,
    Example,
}

const PROGRAMS: &[Program] = &[
    Program { name: "api", package: "harrier", kind: Kind::Bench },
    Program { name: "event_speed", package: "store", kind: Kind::Example },
    Program { name: "evidence_speed", package: "plugins", kind: Kind::Example },
    Program { name: "fleet_speed", package: "fleet", kind: Kind::Example },
    Program { name: "hosts_speed", package: "fleet", kind: Kind::Example },
    Program { name: "glob_speed", package: "plugins", kind: Kind::Example },
    Program { name: "sandbox_speed", package: "sandbox", kind: Kind::Example },
    Program { name: "parse_speed", package: "vql", kind: Kind::Example },
    Program { name: "query_speed", package: "vql", kind: Kind::Example },
    Program { name: "results_speed", package: "fleet", kind: Kind::Example },
    Program { name: "yara_speed", package: "plugins", kind: Kind::Example },
];

impl Program {
    fn arguments(&self) -> [&str; 6] {
        match self.kind {
            Kind::Bench => ["bench", "--quiet", "--package", self.package, "--bench", self.name],
            Kind::Example => ["run", "--release", "--package", self.package, "--example", self.name],
        }
    }
}

fn bench(args: &[String]) -> Result {
    let strict = args.iter().any(|arg| arg == "--strict");
    let names: Vec<&String> = args.iter().filter(|arg| *arg != "--strict").collect();
    if let Some(flag) = names.iter().find(|name| name.starts_with('-')) {
        return Err(format!("unexpected `{flag}`; usage: cargo xtask {}", TASK.usage));
    }
    setup::compiler()?;
    let chosen =
        PROGRAMS.iter().filter(|p| names.is_empty() || names.iter().any(|n| p.name.contains(n.as_str())));
    let (mut figures, mut count) = (Vec::new(), 0);
    for program in chosen {
        count += 1;
        eprintln!("running {} of {}", program.name, program.package);
        let mut call = cargo(&program.arguments());
        let text = output(call.stderr(Stdio::inherit()))?;
        let found: Vec<Figure> = text.lines().filter_map(Figure::parse).collect();
        if found.is_empty() {
            eprintln!("warning: {} printed no BENCH line; it printed\n{}", program.name, text.trim_end());
        }
        figures.extend(found);
    }
    if count == 0 {
        return Err(format!(
            "no bench is named so; there are: {}",
            PROGRAMS.iter().map(|p| p.name).collect::<Vec<_>>().join(", ")
        ));
    }
    print!("{}", table(&figures));
    let missed: Vec<&str> = figures.iter().filter(|f| f.share() > 1.0).map(|f| f.name.as_str()).collect();
    match missed.as_slice() {
        [] => Ok(()),
        names if strict => Err(format!("over budget: {}", names.join(", "))),
        names => {
            eprintln!("over budget: {}", names.join(", "));
            Ok(())
        }
    }
}

/// One measured figure.
#[derive(Debug, PartialEq)]
struct Figure {
    name: String,
    value: f64,
    unit: String,
    budget: f64,
}

impl Figure {
    fn parse(line: &str) -> Option<Figure> {
        let words: Vec<&str> = line.split_whitespace().collect();
        let &["BENCH", name, value, unit, "budget", budget] = words.as_slice() else {
            return None;
        };
        Some(Figure {
            name: name.into(),
            value: value.parse().ok()?,
            unit: unit.into(),
            budget: budget.parse().ok()?,
        })
    }

    /// The part of the budget that is used: above 1 the budget is missed.
    fn share(&self) -> f64 {
        if self.unit.contains('/') { self.budget / self.value } else { self.value / self.budget }
    }
}

fn table(figures: &[Figure]) -> String {
    let width = figures.iter().map(|f| f.name.len()).max().unwrap_or(0).max(4);
    let mut text =
        format!("{:width$}  {:>14}  {:>14}  {:<8}  {:>6}\n", "name", "figure", "budget", "unit", "used");
    for f in figures {
        let verdict = if f.share() > 1.0 { "  OVER" } else { "" };
        let share = f.share() * 100.0;
        text.push_str(&format!(
            "{:width$}  {:>14}  {:>14}  {:<8}  {share:>5.0}%{verdict}\n",
            f.name, f.value, f.budget, f.unit
        ));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_wants_more_and_a_cost_wants_less() {
        let rate = Figure::parse("BENCH parse 100 MB/s budget 50").unwrap();
        let slow = Figure::parse("BENCH runs 120 runs/min budget 60").unwrap();
        let cost = Figure::parse("BENCH start 30 ms budget 20").unwrap();
        assert_eq!((rate.share(), slow.share(), cost.share()), (0.5, 0.5, 1.5));
        assert!(table(&[rate, cost]).contains("OVER"));
    }

    #[test]
    fn other_lines_are_no_figures() {
        for line in ["", "BENCH parse", "parse 100 MB/s budget 50", "BENCH parse x MB/s budget 50"] {
            assert_eq!(Figure::parse(line), None, "{line}");
        }
    }
}
