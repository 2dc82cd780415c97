//! `fuzz`: one libFuzzer target for a while.

use std::fs;

use super::{Task, setup};
use crate::shell::{Result, cargo, root, run};

pub const TASK: Task = Task {
    name: "fuzz",
    usage: "fuzz TARGET [--seconds N] [-- LIBFUZZER ARGUMENT…]",
    summary: "Run one fuzz target of fuzz/ for a number of seconds (60 unless told).",
    help: "
The targets are the binaries of the workspace in fuzz/ (see fuzz/README.md). They are built on the stable
toolchain with coverage instrumentation. Inputs that widen coverage are kept in fuzz/corpus/TARGET, inputs
that fail in fuzz/artifacts/TARGET; give such a file after `--` to run it again.",
    run: fuzz,
};

fn fuzz(args: &[String]) -> Result {
    let (target, seconds, extra) = parse(args)?;
    setup::compiler()?;
    let fuzz = root().join("fuzz");
    if !fuzz.join("Cargo.toml").exists() {
        return Err("there is no fuzz/Cargo.toml".into());
    }
    let corpus = fuzz.join("corpus").join(target);
    let artifacts = fuzz.join("artifacts").join(target);
    for folder in [&corpus, &artifacts] {
        fs::create_dir_all(folder).map_err(|error| format!("cannot make {}: {error}", folder.display()))?;
    }
    // The compiler flags stand in fuzz/.cargo/config.toml, which counts only in that folder.
    let mut call = cargo(&["run", "--release", "--bin", target, "--", "-timeout=10", "-max_len=4096"]);
    call.current_dir(&fuzz).env("CARGO_TARGET_DIR", crate::shell::target().join("fuzz"));
    call.arg(format!("-max_total_time={seconds}")).arg(format!("-artifact_prefix={}/", artifacts.display()));
    let dictionary = fuzz.join("targets").join(format!("{target}.dict"));
    if dictionary.exists() {
        call.arg(format!("-dict={}", dictionary.display()));
    }
    // A file after `--` is run again; without one the corpus is widened.
    if extra.iter().all(|arg| arg.starts_with('-')) {
        call.arg(&corpus);
    }
    run(call.args(extra))
}

fn parse(args: &[String]) -> Result<(&str, u64, &[String])> {
    let (own, extra) = match args.iter().position(|arg| arg == "--") {
        Some(at) => (&args[..at], &args[at + 1..]),
        None => (args, &args[..0]),
    };
    let (mut target, mut seconds) = (None, 60);
    let mut words = own.iter();
    while let Some(word) = words.next() {
        match word.as_str() {
            "--seconds" => {
                let value = words.next().and_then(|text| text.parse().ok());
                seconds = value.ok_or("--seconds needs a whole number")?;
            }
            name if !name.starts_with('-') && target.is_none() => target = Some(name),
            other => return Err(format!("unexpected `{other}`; usage: cargo xtask {}", TASK.usage)),
        }
    }
    Ok((target.ok_or_else(|| format!("which target? usage: cargo xtask {}", TASK.usage))?, seconds, extra))
}

#[cfg(test)]
mod tests {
    use super::parse;

    #[test]
    fn arguments_are_read_in_any_order() {
        let words = |text: &str| text.split(' ').map(String::from).collect::<Vec<_>>();
        let args = words("--seconds 5 parse -- -jobs=2");
        assert_eq!(parse(&args).unwrap(), ("parse", 5, &args[4..]));
        let args = words("parse");
        assert_eq!(parse(&args).unwrap(), ("parse", 60, &args[1..]));
        assert!(parse(&words("--seconds x parse")).is_err());
        assert!(parse(&[]).is_err());
    }
}
