//! The kernel's drivers, from the initial file system. The builder wrote them in the order in which they need each other.

use std::fs;
use std::io;

/// Names one file a line.
const ORDER: &str = "/modules/order";

pub fn load() -> io::Result<()> {
    // A kernel with everything built in has none.
    let Ok(order) = fs::read_to_string(ORDER) else { return Ok(()) };
    for name in order.lines() {
        let path = format!("/modules/{name}");
        let image = fs::read(&path).map_err(|error| io::Error::other(format!("{path}: {error}")))?;
        match rustix::system::init_module(&image, c"") {
            // Built in, or loaded before.
            Ok(()) | Err(rustix::io::Errno::EXIST) => {}
            Err(error) => return Err(io::Error::other(format!("{name}: {error}"))),
        }
        // Out of the initial file system, which lies in memory.
        let _ = fs::remove_file(&path);
    }
    Ok(())
}
