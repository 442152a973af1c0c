//! What takes part in the comparison: a function of this process, or one of another process.

use std::cell::RefCell;
use std::hint::black_box;
use std::rc::Rc;
use std::time::{Duration, Instant};

use crate::correctness::check;
use crate::shapes::{Operands, Shape};
use crate::timing::{Calls, Plan};
use crate::worker::Worker;

/// What a contender is there for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Compared with the rivals.
    Ours,
    /// Ours too, and its bits are the truth; but it is not there to be fast.
    Reference,
    /// Ours, with B packed before: shown, but not compared with rivals, which pack in each call.
    Packed,
    /// Ours on one thread, where two are measured.
    Baseline,
    /// The best of these is what ours is compared with.
    Rival,
    /// Shown, but not compared with: it does less than the others.
    Beside,
    /// Shows where one starts from; no rival.
    Floor,
}

/// C = A B: all of C is written, its old contents are not read.
pub type Multiply = Box<dyn FnMut(&Operands, &mut [f32])>;

/// Something that multiplies.
pub struct Contender {
    /// What it is there for.
    pub role: Role,
    /// Without version and ISA.
    pub name: String,
    /// Version and features, for the header.
    pub build: String,
    /// What it runs on here, named as `Isa::name` does where it can be.
    pub isa: String,
    /// On how many threads.
    pub threads: usize,
    /// Kept from the widest ISA that it would use here.
    pub capped: bool,
    place: Place,
}

enum Place {
    Here {
        /// Whether it can do a shape, and soon enough.
        takes: Box<dyn Fn(&Shape) -> bool>,
        multiply: Multiply,
        /// For the shape that was checked last; `None`: not counted yet.
        calls: Option<Calls>,
    },
    There {
        worker: Rc<RefCell<Worker>>,
        index: usize,
    },
}

impl Contender {
    /// A function of this process, on one thread. It takes every shape.
    pub fn here(role: Role, name: &str, build: String, isa: &str, multiply: Multiply) -> Contender {
        let place = Place::Here { takes: Box::new(|_| true), multiply, calls: None };
        Contender { role, name: name.into(), build, isa: isa.into(), threads: 1, capped: false, place }
    }

    /// Number `index` of another process, which described it by these.
    pub(crate) fn there(
        worker: Rc<RefCell<Worker>>,
        index: usize,
        role: Role,
        [name, isa, build]: [&str; 3],
    ) -> Contender {
        let place = Place::There { worker, index };
        Contender {
            role,
            name: name.into(),
            build: build.into(),
            isa: isa.into(),
            threads: 1,
            capped: false,
            place,
        }
    }

    /// The same, for those shapes only. Contenders of other processes decide that there.
    pub fn only_for(mut self, shapes: impl Fn(&Shape) -> bool + 'static) -> Contender {
        if let Place::Here { takes, .. } = &mut self.place {
            *takes = Box::new(shapes);
        }
        self
    }

    /// What filters look at, and results are told by.
    pub fn label(&self) -> String {
        match self.threads {
            1 => format!("{} {}", self.name, self.isa),
            threads => format!("{} {} {threads} threads", self.name, self.isa),
        }
    }

    /// Whether it can do a shape, and soon enough.
    pub fn takes(&self, shape: &Shape) -> Result<bool, String> {
        match &self.place {
            Place::Here { takes, .. } => Ok(takes(shape)),
            Place::There { worker, index } => {
                match worker.borrow_mut().ask(&format!("takes\t{index}\t{shape}"))?.as_str() {
                    "yes" => Ok(true),
                    "no" => Ok(false),
                    other => Err(format!("{}: '{other}' is neither yes nor no", self.label())),
                }
            }
        }
    }

    /// Multiplies once, and compares with f64. Gives the result, if it is in this process.
    pub fn check(&mut self, x: &Operands) -> Result<Option<Vec<f32>>, String> {
        match &mut self.place {
            Place::Here { multiply, calls, .. } => {
                let mut c = vec![f32::NAN; x.shape.m * x.shape.n];
                let start = Instant::now();
                multiply(x, &mut c);
                // The first call is slow, but not ten times as slow as the others.
                *calls = (start.elapsed() >= 10 * Plan::SAMPLE).then_some(Calls::ONE);
                check(x, &c).map(|()| Some(c))
            }
            Place::There { worker, index } => {
                worker.borrow_mut().ask(&format!("check\t{index}\t{}", x.shape)).map(|_| None)
            }
        }
        .map_err(|what| format!("{}, {}: {what}", x.shape, self.label()))
    }

    /// One turn in a round, on the shape that was checked last: seconds a call. Another process has a C of its own.
    pub fn turn(&mut self, x: &Operands, c: &mut [f32], window: Duration) -> Result<f64, String> {
        match &mut self.place {
            Place::Here { multiply, calls, .. } => {
                let mut call = || multiply(black_box(x), black_box(&mut *c));
                let calls = *calls.get_or_insert_with(|| Calls::count(&mut call));
                Ok(calls.turn(window, call))
            }
            Place::There { worker, index } => {
                let request = format!("turn\t{index}\t{}\t{}", x.shape, window.as_micros());
                let answer = worker.borrow_mut().ask(&request)?;
                answer.parse().map_err(|_| format!("{}: '{answer}' is no time", self.label()))
            }
        }
    }
}
