//! Standard output of a run that may have more to do than to print.

use mnist_fast::Result;
use mnist_fast::error::Kind;

use crate::output;

/// Standard output: whoever closes it ends the run quietly, unless a file is still to be written.
pub(super) struct Pipe {
    closed: bool,
    may_close: bool,
}

impl Pipe {
    pub(super) fn new(may_close: bool) -> Self {
        Pipe { closed: false, may_close }
    }

    pub(super) fn print(&mut self, lines: Vec<String>) -> Result<()> {
        for line in lines.iter().filter(|_| !self.closed) {
            match output::line(line) {
                Err(error) if error.kind() == Kind::ClosedPipe && self.may_close => {
                    self.closed = true;
                    break;
                }
                result => result?,
            }
        }
        Ok(())
    }
}
