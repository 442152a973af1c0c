//! Contenders in another process, for what one process cannot hold: a crate built with other features, a library that
//! reads its limits from the environment once.
//!
//! The other process ([`serve`]) makes its own operands, by the same generator, checks its results itself, and times a
//! turn by the same code as this one does. It speaks lines over a pipe, fields separated by tabs, and works only while
//! it is asked to: otherwise it is blocked reading, so that turns alternate between processes as they do within one.
//!
//! ```text
//! it, at once   contender <role> <name> <isa> <threads> <build>     for each one
//!               absent <what and why>                               for each one that is not there
//!               ready
//! asked         takes <index> <shape>                answers  ok yes | ok no
//!               check <index> <shape>                         ok
//!               turn <index> <shape> <microseconds>           ok <seconds a call>
//!               anything                                      error <what>
//! ```

use std::cell::RefCell;
use std::io::{self, BufRead, BufReader, Write};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::rc::Rc;
use std::time::Duration;

use crate::contender::{Contender, Role};
use crate::shapes::{Operands, Shape};

/// Another process, which has contenders. It ends when its input does.
pub struct Worker {
    name: String,
    child: Child,
    answers: BufReader<ChildStdout>,
}

impl Worker {
    /// Starts it: its contenders, and a line about each one that it has not.
    pub fn start(name: &str, command: &mut Command) -> Result<(Vec<Contender>, Vec<String>), String> {
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(|error| format!("{name}: cannot be started ({error})"))?;
        let answers = BufReader::new(child.stdout.take().expect("it is piped"));
        let worker = Rc::new(RefCell::new(Worker { name: name.to_string(), child, answers }));
        let (mut contenders, mut absent) = (Vec::new(), Vec::new());
        loop {
            let line = worker.borrow_mut().answer()?;
            let fields: Vec<&str> = line.split('\t').collect();
            match fields[..] {
                ["ready"] => return Ok((contenders, absent)),
                ["absent", what] => absent.push(what.to_string()),
                ["contender", role, name, isa, threads, build] => {
                    let (Some(role), Ok(threads)) = (role_named(role), threads.parse()) else {
                        return Err(worker.borrow().says(&line));
                    };
                    let index = contenders.len();
                    let mut contender = Contender::there(Rc::clone(&worker), index, role, [name, isa, build]);
                    contender.threads = threads;
                    contenders.push(contender);
                }
                _ => return Err(worker.borrow().says(&line)),
            }
        }
    }

    /// Sends a request; what the answer says.
    pub(crate) fn ask(&mut self, request: &str) -> Result<String, String> {
        let to = self.child.stdin.as_mut().expect("it is piped");
        writeln!(to, "{request}").map_err(|error| format!("{}: cannot be asked ({error})", self.name))?;
        let line = self.answer()?;
        match line.split_once('\t') {
            None if line == "ok" => Ok(String::new()),
            Some(("ok", what)) => Ok(what.to_string()),
            Some(("error", what)) => Err(what.to_string()),
            _ => Err(self.says(&line)),
        }
    }

    fn answer(&mut self) -> Result<String, String> {
        let mut line = String::new();
        match self.answers.read_line(&mut line) {
            Ok(0) => {
                let status =
                    self.child.wait().map_or_else(|error| error.to_string(), |status| status.to_string());
                Err(format!("{}: ended ({status})", self.name))
            }
            Ok(_) => Ok(line.trim_end_matches(['\r', '\n']).to_string()),
            Err(error) => Err(format!("{}: cannot be read ({error})", self.name)),
        }
    }

    fn says(&self, line: &str) -> String {
        format!("{}: says '{line}', which means nothing here", self.name)
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        // Closes its input first, which ends it. How it ends is of no interest any more.
        let _ = self.child.wait();
    }
}

const ROLES: [(&str, Role); 2] = [("rival", Role::Rival), ("beside", Role::Beside)];

fn role_named(name: &str) -> Option<Role> {
    ROLES.into_iter().find(|(known, _)| *known == name).map(|(_, role)| role)
}

/// The life of the other process: offers its contenders, and answers until its input ends. Calls `checked` after each
/// check, when the contender has the threads that it will have.
///
/// # Errors
/// Of its input and output only; what goes wrong with a contender is an answer.
pub fn serve(mut contenders: Vec<Contender>, absent: &[String], mut checked: impl FnMut()) -> io::Result<()> {
    let mut to = io::stdout().lock();
    for contender in &contenders {
        let Contender { role, name, isa, threads, build, .. } = contender;
        let role = ROLES.into_iter().find(|(_, known)| known == role).map_or("?", |(name, _)| name);
        writeln!(to, "contender\t{role}\t{name}\t{isa}\t{threads}\t{build}")?;
    }
    for what in absent {
        writeln!(to, "absent\t{what}")?;
    }
    writeln!(to, "ready")?;
    to.flush()?;
    let mut current = None;
    for line in io::stdin().lock().lines() {
        let line = line?;
        let answer = answer(&mut contenders, &mut current, &line);
        if line.starts_with("check") {
            checked();
        }
        match answer {
            Ok(what) if what.is_empty() => writeln!(to, "ok")?,
            Ok(what) => writeln!(to, "ok\t{what}")?,
            Err(what) => writeln!(to, "error\t{what}")?,
        }
        to.flush()?;
    }
    Ok(())
}

/// The operands of the shape asked for last, and a C.
type Current = Option<(Operands, Vec<f32>)>;

fn answer(contenders: &mut [Contender], current: &mut Current, request: &str) -> Result<String, String> {
    let fields: Vec<&str> = request.split('\t').collect();
    let [what, index, shape, rest @ ..] = &fields[..] else {
        return Err(format!("'{request}' is no request"));
    };
    let contender = index
        .parse()
        .ok()
        .and_then(|index: usize| contenders.get_mut(index))
        .ok_or_else(|| format!("there is no contender {index}"))?;
    let shape: Shape = shape.parse()?;
    if *what == "takes" {
        return Ok((if contender.takes(&shape)? { "yes" } else { "no" }).to_string());
    }
    if current.as_ref().is_none_or(|(x, _)| x.shape != shape) {
        // The old ones go before the new ones come.
        *current = None;
        *current = Some((Operands::new(shape), vec![0.0; shape.m * shape.n]));
    }
    let (x, c) = current.as_mut().expect("just made");
    match (*what, rest) {
        ("check", []) => contender.check(x).map(|_| String::new()),
        ("turn", [micros]) => {
            let micros = micros.parse().map_err(|_| format!("'{micros}' is no time"))?;
            contender.turn(x, c, Duration::from_micros(micros)).map(|seconds| seconds.to_string())
        }
        _ => Err(format!("'{request}' is no request")),
    }
}
