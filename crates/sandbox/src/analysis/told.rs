//! What the log says of a run's end, for people.

use guest_protocol::{Counts, Exit};

/// How the first process ended.
pub fn ended(exit: Exit) -> String {
    match exit {
        Exit::Code(code) => format!("the first process ended with the code {code}"),
        Exit::Signal(signal) => format!("the first process ended by the signal {signal}"),
    }
}

/// Lines about the end of a run and what was left out of it; what did not happen is not mentioned.
pub fn over(counts: &Counts) -> Vec<String> {
    let mut lines = Vec::new();
    if counts.timed_out {
        lines.push("the time was over: all processes were killed".to_owned());
    }
    if counts.memories_left_out > 0 {
        let many = counts.memories_left_out;
        lines.push(format!("the memory of {many} further processes that ended was left out"));
    }
    let counted = counts.syscalls_counted.iter().map(|counted| counted.times).fold(0, u64::saturating_add);
    let facts = [
        ("processes that were still there", counts.left_over.into()),
        ("new processes refused", counts.processes_refused),
        ("processes killed for want of memory", counts.memory_kills),
        ("bytes of standard output left out", counts.stdout_cut),
        ("bytes of standard error left out", counts.stderr_cut),
        ("dropped files left out", counts.files_left_out.into()),
        ("dropped files cut", counts.files_cut.into()),
        ("memories of processes cut", counts.memories_cut.into()),
        ("events of processes lost", counts.events_lost),
        ("system calls lost", counts.syscalls_lost),
        ("system calls only counted", counted),
    ];
    let facts = facts.iter().filter(|(_, many)| *many > 0).map(|(what, many)| format!("{what}: {many}"));
    let facts: Vec<String> = facts.collect();
    let told = if facts.is_empty() { String::new() } else { format!("; {}", facts.join(", ")) };
    let by = if counts.killed { " because it was told to end" } else { "" };
    lines.push(format!("the run is over{by}{told}"));
    lines
}

#[cfg(test)]
mod tests {
    use guest_protocol::Counted;

    use super::*;

    #[test]
    fn a_person_reads_what_was_left_out_and_nothing_else() {
        assert_eq!(over(&Counts::default()), ["the run is over"]);
        let call = |times| Counted { number: 1, is_32_bit: false, times };
        let counts = Counts {
            timed_out: true,
            left_over: 2,
            stdout_cut: 70,
            memories_left_out: 3,
            syscalls_counted: vec![call(40), call(u64::MAX)],
            ..Counts::default()
        };
        let expected = [
            "the time was over: all processes were killed".to_owned(),
            "the memory of 3 further processes that ended was left out".into(),
            format!(
                "the run is over; processes that were still there: 2, bytes of standard output left out: 70, \
                system calls only counted: {}",
                u64::MAX
            ),
        ];
        assert_eq!(over(&counts), expected);
        let killed = Counts { killed: true, files_cut: 1, ..Counts::default() };
        assert_eq!(over(&killed), ["the run is over because it was told to end; dropped files cut: 1"]);
    }

    #[test]
    fn the_end_of_a_process_is_a_sentence() {
        assert_eq!(ended(Exit::Code(3)), "the first process ended with the code 3");
        assert_eq!(ended(Exit::Signal(11)), "the first process ended by the signal 11");
    }
}
