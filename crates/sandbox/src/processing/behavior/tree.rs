//! The tree of processes (the report reference, section 4.2).

use serde_json::{Value as Json, json};

use super::Process;

/// Deeper trees break consumers.
const MAX_DEPTH: usize = 48;

/// Those whose parent was not seen, each with its children. A parent is the process that had the id when the child began, so
/// there are no circles.
pub fn of(processes: &[Process]) -> Vec<Json> {
    let parents: Vec<Option<usize>> = (0..processes.len()).map(|at| parent(processes, at)).collect();
    let roots = (0..processes.len()).filter(|at| parents[*at].is_none());
    roots.map(|at| node(processes, &parents, at, 0)).collect()
}

fn parent(processes: &[Process], at: usize) -> Option<usize> {
    let child = &processes[at];
    (0..at).rev().find(|other| processes[*other].pid == child.ppid && child.ppid != child.pid)
}

fn node(processes: &[Process], parents: &[Option<usize>], at: usize, depth: usize) -> Json {
    let process = &processes[at];
    let children: Vec<Json> = if depth == MAX_DEPTH {
        Vec::new()
    } else {
        let own = (at + 1..processes.len()).filter(|child| parents[*child] == Some(at));
        own.map(|child| node(processes, parents, child, depth + 1)).collect()
    };
    json!({
        "pid": process.pid,
        "ppid": process.ppid,
        "process_name": process.name,
        "command_line": process.command_line,
        "first_seen": process.first_seen,
        "track": true,
        "children": children,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_that_are_used_again_form_no_circle_and_depth_ends() {
        let process = |pid, ppid| Process { pid, ppid, ..Process::default() };
        let tree = of(&[process(1, 2), process(2, 1), process(1, 2), process(5, 5)]);
        assert_eq!(tree.len(), 2);
        assert_eq!(tree[0]["children"][0]["children"][0]["pid"], 1);
        let deep: Vec<Process> = (1..200).map(|pid| process(pid, pid - 1)).collect();
        let text = serde_json::to_string(&of(&deep)).unwrap();
        assert_eq!(text.matches("children").count(), MAX_DEPTH + 1);
    }
}
