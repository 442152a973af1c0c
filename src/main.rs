//! The command line of mnist-fast.

mod commands;
mod output;
mod signals;

use std::process::ExitCode;

use mnist_fast::args;
use mnist_fast::bug;
use mnist_fast::error::Kind;

fn main() -> ExitCode {
    bug::explain_panics();
    signals::file_size_limit_is_an_error();
    match commands::run(std::env::args_os().skip(1).collect()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let code = match error.kind() {
                // Like `head`, whoever closed the pipe has seen what they wanted.
                Kind::ClosedPipe => return ExitCode::SUCCESS,
                Kind::Interrupted(code) => {
                    output::stderr(error);
                    return ExitCode::from(code);
                }
                Kind::Usage => 2,
                Kind::Failed => 1,
            };
            output::error(&error);
            ExitCode::from(code)
        }
    }
}
