//! The project's tasks: `cargo xtask TASK`. Every task lives in one file of `tasks/`; this file only picks it.

mod postgres;
mod shell;
mod tasks;

use std::process::ExitCode;

fn main() -> ExitCode {
    let mut words = std::env::args().skip(1);
    let name = words.next().unwrap_or_default();
    let rest: Vec<String> = words.collect();
    if matches!(name.as_str(), "" | "help" | "-h" | "--help") {
        println!("{}", overview());
        return ExitCode::SUCCESS;
    }
    let Some(task) = tasks::TASKS.iter().find(|task| task.name == name) else {
        eprintln!("error: there is no task `{name}`\n\n{}", overview());
        return ExitCode::from(2);
    };
    // Words after `--` belong to the program that the task starts.
    if rest.iter().take_while(|word| *word != "--").any(|word| word == "-h" || word == "--help") {
        println!("cargo xtask {}\n\n{}", task.usage, task.help.trim());
        return ExitCode::SUCCESS;
    }
    match (task.run)(&rest) {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("error: {message}");
            ExitCode::FAILURE
        }
    }
}

fn overview() -> String {
    let mut text = String::from(
        "The tasks of the project.\n\n\
         New here? `cargo xtask up` builds and starts a server; `cargo xtask test` runs every test.\n\n\
         Usage: cargo xtask TASK [ARGUMENT…]      cargo xtask TASK --help tells more\n\n",
    );
    for task in tasks::TASKS {
        text.push_str(&format!("  {:<11} {}\n", task.name, task.summary));
    }
    text.push_str("\nEverything is built below target/ (or $CARGO_TARGET_DIR); nothing else on the machine is changed,\nbut for Debian packages that `setup` installs when they are missing.");
    text
}
