//! Keeps a run's state while it trains: its course, checkpoints when they are due, the best model, and an end in time when a signal
//! asks for it.

use std::sync::Arc;
use std::time::Instant;

use mnist_fast::checkpoint::{Checkpoint, Folder, Parcel, Run, Written};
use mnist_fast::history::Epoch;
use mnist_fast::metrics::Metrics;
use mnist_fast::model_file::{self, Model};
use mnist_fast::network::Network;
use mnist_fast::train::{Examples, Partial, Trainer};
use mnist_fast::{Error, Result};
use serde_json::Value;

use super::checkpoint::{Every, Request, identity};
use super::course::Course;
use super::interrupt;
use crate::output::{quoted, warning};

/// Keeps a run's course, and its state in a folder if that was asked for.
pub(crate) struct Keeper {
    state: Option<State>,
    course: Course,
    /// Where the epoch that the run goes on in is, and how long that took.
    under_way: (Partial, f64),
    first_epoch: usize,
}

struct State {
    folder: Folder,
    run: Run,
    every: Every,
    epochs: usize,
    /// Steps of an epoch.
    steps: usize,
    class_names: Option<Vec<String>>,
    resumed: bool,
    /// The epoch of the best model in the folder, 0 where there is none. It was better than those before it, and comes again.
    best_kept: usize,
    /// The epoch of the best model that is being written.
    best_begun: usize,
    /// Why the last checkpoint could not be written, and why the best model could not.
    failure: Option<Error>,
    best_failure: Option<Error>,
}

impl Keeper {
    /// Before the first step: makes the folder of a new run, or puts the trainer where the run was. `run` is what `request`
    /// says it is; `epochs` are of `steps` steps each, and end after `patience` of them as [`Course`] says.
    pub(crate) fn start(
        request: Request,
        run: Option<Run>,
        patience: Option<usize>,
        trainer: &mut Trainer,
        (epochs, steps): (usize, usize),
        class_names: Option<&[String]>,
    ) -> Result<Self> {
        let mut keeper = Keeper {
            state: None,
            course: Course::new(patience),
            under_way: (Partial::default(), 0.0),
            first_epoch: 1,
        };
        let (folder, checkpoint, every, resumed) = match request {
            Request::Nothing => return Ok(keeper),
            Request::New { path, every, .. } => (Folder::create(&path)?, None, every, false),
            Request::Resume { folder, resumed, every, .. } => {
                (folder, resumed.map(|r| r.checkpoint), every, true)
            }
        };
        keeper.course.keeps_best = true;
        let mut state = State {
            folder,
            run: run.expect("whoever asks for it has a run"),
            every,
            epochs,
            steps,
            class_names: class_names.map(<[String]>::to_vec),
            resumed,
            best_kept: 0,
            best_begun: 0,
            failure: None,
            best_failure: None,
        };
        match checkpoint {
            Some(checkpoint) => {
                let Checkpoint { epoch, done, seconds, history, state: optimizer, best, .. } = *checkpoint;
                let strange = |what: &str| {
                    Error::failed(format!(
                        "the newest checkpoint in {} {what}",
                        state.folder.path().display()
                    ))
                };
                if epoch > epochs + 1 || done.steps >= steps || (epoch > epochs && done.steps > 0) {
                    return Err(strange("is after more steps than there are"));
                }
                let taken = ((epoch - 1) * steps + done.steps) as u64;
                trainer
                    .set_state(&optimizer, taken)
                    .map_err(|error| strange(&format!("does not fit: {error}")))?;
                (keeper.under_way, keeper.first_epoch) = ((done, seconds), epoch);
                keeper.course.history = history;
                // Checkpoints hold weights; what comes between them is the run's.
                let activations = trainer.network().activations();
                if let Some((epoch, best)) = best {
                    let best = Network::clone(&best).with_activations(&activations)?;
                    keeper.course.best = Some((epoch, Arc::new(best)));
                }
                state.best_kept = state.find_best();
                if let Some(model) = state.better_model(&keeper.course) {
                    model_file::save(&state.folder.best(), &model)?;
                    state.best_kept = state.best_begun;
                }
            }
            None => {
                let (number, first) = state.checkpoint(trainer, &keeper.course, 1, (Partial::default(), 0.0));
                state.folder.keep(number, &first)?;
            }
        }
        interrupt::watch();
        keeper.state = Some(state);
        Ok(keeper)
    }

    /// The epochs that were done when the run went on.
    pub(crate) fn history(&self) -> &[Epoch] {
        &self.course.history
    }

    /// Whether no further epoch is to be trained, whatever their number.
    pub(crate) fn is_over(&self) -> bool {
        self.course.is_over()
    }

    /// The epoch whose weights are the result, and those, where they are not the last ones.
    pub(crate) fn result(&self) -> Option<(usize, &Network)> {
        let (epoch, network) = self.course.best.as_ref().filter(|_| self.course.patience.is_some())?;
        Some((*epoch, network))
    }

    /// The first epoch of which there is something to do, which is beyond the last one, where there is none.
    pub(crate) fn first_epoch(&self) -> usize {
        self.first_epoch
    }

    /// Where the run goes on, if it was resumed: the epoch and how many of its steps are done, then of how many.
    pub(crate) fn resumed(&self) -> Option<(usize, usize, usize)> {
        let state = self.state.as_ref().filter(|state| state.resumed)?;
        Some((self.first_epoch, self.under_way.0.steps, state.steps))
    }

    /// Trains the rest of an epoch; with its metrics comes how long all of it took.
    pub(crate) fn train_epoch(
        &mut self,
        trainer: &mut Trainer,
        train: Examples<'_>,
        epoch: usize,
    ) -> Result<(Metrics, f64)> {
        let (mut done, mut seconds) = std::mem::take(&mut self.under_way);
        loop {
            let start = Instant::now();
            let state = self.state.as_ref();
            let due = |steps: usize| state.is_some_and(|state| state.is_due(epoch, steps));
            done = trainer.train_steps(train, epoch, done, due)?;
            seconds += start.elapsed().as_secs_f64();
            match &mut self.state {
                Some(state) if done.steps < state.steps => {
                    let checkpoint = state.checkpoint(trainer, &self.course, epoch, (done, seconds));
                    state.keep_beside(&self.course, Some(checkpoint));
                    state.end_by(interrupt::received(), epoch, done.steps)?;
                }
                _ => return Ok((done.sums, seconds)),
            }
        }
    }

    /// After an epoch and its validation.
    pub(crate) fn epoch(&mut self, trainer: &Trainer, epoch: Epoch) -> Result<()> {
        let Keeper { state, course, .. } = self;
        let number = epoch.epoch;
        course.add(epoch, trainer.network());
        let Some(state) = state else { return Ok(()) };
        // Asked once: a signal that comes later than the checkpoint is for the next step to see.
        let signal = interrupt::received();
        let due = matches!(state.every, Every::Epochs(n) if number.is_multiple_of(n)) || signal.is_some();
        let due = due || number == state.epochs || course.is_over() || state.is_due(number, state.steps);
        let under_way = (Partial::default(), 0.0);
        state.keep_beside(course, due.then(|| state.checkpoint(trainer, course, number + 1, under_way)));
        state.end_by(signal, number + 1, 0)
    }

    /// What is in the folder, in words; or why the last state is not. Waits for what is still being written.
    pub(crate) fn finish(mut self) -> Result<Option<String>> {
        let Some(mut state) = self.state.take() else { return Ok(None) };
        state.settle();
        let State { folder, failure, best_failure, .. } = state;
        if let Some(error) = failure.or(best_failure) {
            return Err(error);
        }
        let mut line = format!("checkpoints are in {}", folder.path().display());
        if let Some((epoch, _)) = self.course.best {
            line += &format!("; {} is the model after epoch {epoch}, the best one", folder.best().display());
        }
        Ok(Some(line))
    }
}

impl Drop for Keeper {
    /// A run that ends early tells as well what became of its last checkpoint.
    fn drop(&mut self) {
        if let Some(state) = &mut self.state {
            state.settle();
        }
    }
}

impl State {
    /// Whether a checkpoint is due after so many steps of the epoch.
    fn is_due(&self, epoch: usize, steps: usize) -> bool {
        let of_all = (epoch - 1) * self.steps + steps;
        matches!(self.every, Every::Steps(n) if of_all.is_multiple_of(n)) || interrupt::received().is_some()
    }

    /// A copy of all that the run goes on from, and after how many steps that is.
    fn checkpoint(
        &self,
        trainer: &Trainer,
        course: &Course,
        epoch: usize,
        (done, seconds): (Partial, f64),
    ) -> (u64, Checkpoint) {
        // The best network is not copied: it is that of the last epoch, or stays as it is.
        let network = match &course.best {
            Some((best, network)) if best + 1 == epoch && done.steps == 0 => Arc::clone(network),
            _ => Arc::new(trainer.network().clone()),
        };
        let checkpoint = Checkpoint {
            run: self.run.clone(),
            epoch,
            done,
            seconds,
            history: course.history.clone(),
            network,
            state: trainer.state(),
            best: course.best.clone(),
        };
        (((epoch - 1) * self.steps + done.steps) as u64, checkpoint)
    }

    /// Begins to write a checkpoint, and the best model if a better one than the folder has is known. The training goes on
    /// meanwhile; it waits where the one before is not written yet.
    fn keep_beside(&mut self, course: &Course, checkpoint: Option<(u64, Checkpoint)>) {
        self.settle();
        let best = self.better_model(course);
        if best.is_some() || checkpoint.is_some() {
            self.folder.keep_beside(Parcel { best, checkpoint });
        }
    }

    /// Waits for what is being written. Training does not end because that fails: it is told now, and at the end again.
    fn settle(&mut self) {
        let Some(Written { best, checkpoint }) = self.folder.settle() else { return };
        for error in [&checkpoint, &best].into_iter().flatten().filter_map(|written| written.as_ref().err()) {
            warning(format_args!("{error}; the training goes on"));
        }
        if let Some(written) = checkpoint {
            self.failure = written.err();
        }
        if let Some(written) = best {
            self.best_kept = if written.is_ok() { self.best_begun } else { self.best_kept };
            self.best_failure = written.err();
        }
    }

    /// Ends the run if a signal asked for it, once its checkpoint of this place is written.
    fn end_by(&mut self, signal: Option<interrupt::Signal>, epoch: usize, steps: usize) -> Result<()> {
        let Some((code, signal)) = signal else { return Ok(()) };
        self.settle();
        let place = match (epoch, steps) {
            (epoch, 0) => format!("after epoch {}", epoch - 1),
            (epoch, steps) => format!("after step {steps} of {} of epoch {epoch}", self.steps),
        };
        let way = format!(
            "mnist-fast train --resume {} goes on",
            quoted(&self.folder.path().display().to_string())
        );
        Err(Error::interrupted(
            code,
            match &self.failure {
                None => format!("stopped by {signal} {place}; {way} from there"),
                Some(error) => format!("stopped by {signal} {place}, but {error}; {way} from the one before"),
            },
        ))
    }

    /// The epoch of this run whose model is the best one in the folder; 0, where there is none.
    fn find_best(&self) -> usize {
        let found = || {
            let model = model_file::load(&self.folder.best()).ok()?;
            let training = model.training?;
            let own = identity(&self.run.config)?;
            let same = own.iter().all(|(name, value)| training.get(name) == Some(value));
            usize::try_from(training.get("epoch")?.as_u64()?).ok().filter(|_| same)
        };
        found().unwrap_or(0)
    }

    /// The best model, unless the one that is there is from later in the run, and so better.
    fn better_model(&mut self, course: &Course) -> Option<Model> {
        let (epoch, network) = course.best.as_ref().filter(|(epoch, _)| *epoch > self.best_kept)?;
        let loss = course.history[epoch - 1].validation.map(|validation| validation.loss());
        let mut training: Value = serde_json::from_str(&self.run.config).expect("our own JSON");
        training["epoch"] = (*epoch).into();
        training["val_loss"] = loss.into();
        self.best_begun = *epoch;
        Some(Model {
            network: Network::clone(network),
            class_names: self.class_names.clone(),
            training: Some(training),
        })
    }
}
