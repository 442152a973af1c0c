//! One section of the comparison: shapes, the contenders that take turns on them, and what they reached.

use std::cell::RefCell;
use std::rc::Rc;
use std::thread::sleep;
use std::time::Duration;

use mnist_fast_benches::contender::{Contender, Role};
use mnist_fast_benches::pair::Pair;
use mnist_fast_benches::peak::Peak;
use mnist_fast_benches::shapes::{Operands, Shape};
use mnist_fast_benches::timing::{Plan, Throughput, rounds};

use crate::groups::Group;

/// What the threads of a section can do at most.
pub(crate) struct Meter {
    pub(crate) peaks: Vec<Peak>,
    /// The highest seen of each.
    pub(crate) highest: Vec<f64>,
    /// The second thread, where there are two.
    pub(crate) pair: Option<Rc<RefCell<Pair>>>,
}

impl Meter {
    /// Of one thread, or of both threads of `pair`.
    pub(crate) fn new(peaks: Vec<Peak>, pair: Option<Rc<RefCell<Pair>>>) -> Meter {
        Meter { highest: vec![0.0; peaks.len()], peaks, pair }
    }

    fn measure(&self, peak: &Peak) -> f64 {
        let window = Duration::from_millis(1);
        let Some(pair) = &self.pair else { return peak.measure(window) };
        let mut own = 0.0;
        let other = pair.borrow_mut().join(|| own = peak.measure(window), || peak.measure(window));
        own + other
    }
}

/// One contender on one shape.
pub(crate) struct Measured {
    pub(crate) shape: Shape,
    pub(crate) contender: usize,
    pub(crate) throughput: Throughput,
    /// Of the peak of the contender's ISA, else of the widest; `None` on a CPU without FMA, and on fewer threads than the
    /// section's.
    pub(crate) percent_of_peak: Option<f64>,
}

/// Products on one number of threads.
pub(crate) struct Section {
    pub(crate) threads: usize,
    pub(crate) groups: Vec<Group>,
    pub(crate) contenders: Vec<Contender>,
    /// The shapes that are measured, each with its contenders' places.
    pub(crate) work: Vec<(Shape, Vec<usize>)>,
    pub(crate) results: Vec<Measured>,
    pub(crate) meter: Meter,
    /// Where the calling thread is to be meanwhile; the second one is bound elsewhere.
    pub(crate) cpu: Option<usize>,
}

impl Section {
    /// Of the contenders, those that take a shape and that `selects` lets through.
    pub(crate) fn new(
        threads: usize,
        groups: Vec<Group>,
        contenders: Vec<Contender>,
        meter: Meter,
        selects: impl Fn(&Shape, &str) -> bool,
    ) -> Result<Section, String> {
        let mut work = Vec::new();
        for shape in groups.iter().flat_map(|group| &group.shapes) {
            let mut chosen = Vec::new();
            for (i, contender) in contenders.iter().enumerate() {
                if selects(shape, &contender.label()) && contender.takes(shape)? {
                    chosen.push(i);
                }
            }
            // The baseline comes and goes with what is compared with it.
            chosen.retain(|&i| contenders[i].role != Role::Baseline);
            if chosen.iter().any(|&i| contenders[i].role == Role::Ours) {
                let baseline = contenders.iter().position(|c| c.role == Role::Baseline);
                chosen.splice(0..0, baseline);
            }
            if !chosen.is_empty() {
                work.push((*shape, chosen));
            }
        }
        Ok(Section { threads, groups, contenders, work, results: Vec::new(), meter, cpu: None })
    }

    /// How many results there will be.
    pub(crate) fn len(&self) -> usize {
        self.work.iter().map(|(_, chosen)| chosen.len()).sum()
    }

    /// Runs the contenders of a shape once and checks their results; ours must have equal bits.
    pub(crate) fn check(&mut self, x: &Operands, chosen: &[usize]) -> Result<(), String> {
        let mut first_of_ours: Option<(String, Vec<f32>)> = None;
        for &i in chosen {
            let contender = &mut self.contenders[i];
            let label = contender.label();
            let c = contender.check(x)?;
            if matches!(contender.role, Role::Rival | Role::Beside | Role::Floor) {
                continue;
            }
            let c = c.ok_or_else(|| format!("{}, {label}: ours, but in another process", x.shape))?;
            match &first_of_ours {
                None => first_of_ours = Some((label, c)),
                Some((other, expected)) => {
                    // + 0.0: the sign of a zero is not part of the contract.
                    if c.iter().zip(expected).any(|(a, b)| (a + 0.0).to_bits() != (b + 0.0).to_bits()) {
                        return Err(format!("{}: {label} and {other} differ in bits", x.shape));
                    }
                }
            }
        }
        Ok(())
    }

    /// The rounds of one shape; how many results they added.
    pub(crate) fn measure(&mut self, x: &Operands, chosen: &[usize], plan: Plan) -> Result<usize, String> {
        let mut c = vec![0.0; x.shape.m * x.shape.n];
        let (meter, contenders) = (&mut self.meter, &mut self.contenders);
        let mut beside = vec![0.0_f64; meter.peaks.len()];
        // Threads of the contender before may still be spinning.
        let pause = if self.threads > 1 { Duration::from_millis(2) } else { Duration::ZERO };
        let seconds = rounds(
            plan,
            chosen.len(),
            |at| {
                sleep(pause);
                contenders[chosen[at]].turn(x, &mut c, plan.window)
            },
            || {
                sleep(pause);
                for (peak, best) in meter.peaks.iter().zip(&mut beside) {
                    *best = best.max(meter.measure(peak));
                }
            },
        )?;
        for (highest, beside) in meter.highest.iter_mut().zip(&beside) {
            *highest = highest.max(*beside);
        }
        for (&i, seconds) in chosen.iter().zip(seconds) {
            let contender = &contenders[i];
            let throughput = Throughput::of(x.shape.flop(), &seconds);
            let own = meter.peaks.iter().position(|peak| peak.isa == contender.isa).unwrap_or(0);
            let percent_of_peak = beside
                .get(own)
                .filter(|_| contender.threads == self.threads)
                .map(|peak| 100.0 * throughput.median / peak);
            self.results.push(Measured { shape: x.shape, contender: i, throughput, percent_of_peak });
        }
        Ok(chosen.len())
    }

    /// What `contender` reached on `shape`.
    pub(crate) fn find(&self, shape: &Shape, contender: usize) -> Option<&Measured> {
        self.results.iter().find(|result| result.contender == contender && result.shape == *shape)
    }

    /// The best of `some` on `shape`, by its best round.
    pub(crate) fn best_of(&self, shape: &Shape, some: &[usize]) -> Option<&Measured> {
        let found = some.iter().filter_map(|&contender| self.find(shape, contender));
        found.max_by(|a, b| a.throughput.best.total_cmp(&b.throughput.best))
    }

    /// Places of the contenders that fulfil `wanted` and have results.
    pub(crate) fn places(&self, wanted: impl Fn(&Contender) -> bool) -> Vec<usize> {
        (0..self.contenders.len())
            .filter(|&i| wanted(&self.contenders[i]))
            .filter(|&i| self.results.iter().any(|result| result.contender == i))
            .collect()
    }

    /// How many times as fast as on one thread a result is, if both were measured.
    pub(crate) fn times_one_thread(&self, result: &Measured) -> Option<f64> {
        let [baseline] = self.places(|c| c.role == Role::Baseline)[..] else { return None };
        let one = self.find(&result.shape, baseline)?;
        (self.contenders[result.contender].role == Role::Ours)
            .then(|| result.throughput.best / one.throughput.best)
    }
}
