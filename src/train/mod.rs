//! Training: epochs of steps, each step a forward pass, a backward pass and an update, shared by a team.

mod activations;
mod augmented;
mod dropout;
mod evaluate;
mod first;
mod loss;
mod sparse;
mod step;

use mnist_fast_kernels::{Kernels, LabelSmoothing, Workspace};
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use crate::augment::Augmented;
use crate::density;
use crate::error::{Error, Result};
use crate::loss::Loss;
use crate::memory;
use crate::metrics::Metrics;
use crate::network::{Layer, Network};
use crate::optimizer::norms::{self, Gradients, Sums};
use crate::optimizer::states::{LayerState, States};
use crate::phases::Phases;
use crate::random;
use crate::schedule::Schedule;
use crate::shared::{SharedMatrix, stride_of};
use crate::team::Team;
use activations::Activations;
use dropout::Dropped;
use first::FirstLayer;
use loss::Target;
use sparse::Turned;
use step::Owed;

pub use crate::checkpoint::StateTensor;
pub use crate::optimizer::{Clip, Optimizer, Regularization};
pub use crate::phases::Phase;
pub use sparse::skips;

/// Examples that are looked at to measure density.
const SAMPLE: usize = 1000;

/// Images and labels in memory: `labels.len()` images of equal size, one after the other.
#[derive(Clone, Copy, Debug)]
pub struct Examples<'a> {
    /// All pixels.
    pub images: &'a [u8],
    /// One class per image.
    pub labels: &'a [u8],
}

impl<'a> Examples<'a> {
    /// How many images.
    pub fn len(&self) -> usize {
        self.labels.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.labels.is_empty()
    }

    /// Pixels per image.
    fn image_len(&self) -> usize {
        self.images.len() / self.labels.len().max(1)
    }

    /// The pixels of one image.
    pub(crate) fn image(&self, i: usize) -> &'a [u8] {
        let len = self.image_len();
        &self.images[i * len..(i + 1) * len]
    }

    /// Whether leaving out pixels that are 0 pays, by a sample from all over the set.
    pub fn are_sparse(&self) -> bool {
        density::is_sparse(self.images, self.image_len(), SAMPLE)
    }

    /// The images in `range`.
    pub fn range(&self, range: std::ops::Range<usize>) -> Self {
        let len = self.image_len();
        Examples { images: &self.images[range.start * len..range.end * len], labels: &self.labels[range] }
    }
}

/// How to train.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    /// Images per step; the last step of an epoch takes what is left.
    pub batch_size: usize,
    /// What moves the weights.
    pub optimizer: Optimizer,
    /// Keys every random choice.
    pub seed: u64,
    /// Whether each epoch visits the images in a new order.
    pub shuffle: bool,
    /// Whether to leave out pixels that are 0: the same bits, faster where there are enough of them.
    pub sparse: bool,
}

/// How far an epoch is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Partial {
    /// Steps that are done.
    pub steps: usize,
    /// Loss and accuracy over their examples, while the weights moved.
    pub sums: Metrics,
}

impl Default for Partial {
    /// An epoch that has not begun.
    fn default() -> Self {
        Partial { steps: 0, sums: Metrics::zero() }
    }
}

/// A network in training, with everything a step needs: steps allocate nothing.
pub struct Trainer {
    kernels: Kernels,
    team: Team,
    pub(crate) settings: Settings,
    schedule: Schedule,
    regularization: Regularization,
    /// Where there is a penalty on the weights, the sums that it is of.
    penalty: Option<Sums>,
    /// Where they are clipped by their norm.
    gradients: Option<Gradients>,
    /// Steps taken so far, in all epochs.
    pub(crate) iteration: u64,
    pub(crate) network: Network,
    /// The first layer's weights and their state, while an epoch runs.
    pub(crate) first: FirstLayer,
    pub(crate) state: Vec<LayerState>,
    batch: Activations,
    workers: Vec<Mutex<Worker>>,
    /// Where zeros are left out.
    sparse: Option<Turned>,
    /// Where images are distorted.
    augmented: Option<Augmented>,
    order: Vec<u32>,
    evaluated: evaluate::Results,
    steps_done: Arc<AtomicUsize>,
    phases: Phases,
}

/// What one thread has for itself.
struct Worker {
    workspace: Workspace<'static>,
    /// The input of a whole batch, or of a block to evaluate, as unit floats.
    x: SharedMatrix,
    /// The pixels of a block to evaluate, turned over, where zeros are left out.
    turned: Vec<u8>,
    /// Room for the gradient of a layer's biases, and for some rows of weights.
    gradient: Vec<f32>,
    /// Room to evaluate some images.
    evaluation: Activations,
}

/// Bytes of optimizer state, of the first layer's panels, of a copy to save, and of everything that is kept per image.
fn memory_needed(network: &Network, settings: &Settings, threads: usize) -> Option<usize> {
    let width = |columns: usize| stride_of(columns)?.checked_mul(4);
    let (mut parameters, mut per_image) = (0usize, 0usize);
    for layer in network.layers() {
        let row = width(layer.outputs())?;
        parameters = row.checked_mul(layer.inputs() + 1)?.checked_add(parameters)?;
        per_image = row.checked_mul(2)?.checked_add(per_image)?;
    }
    let rows = if settings.sparse { 0 } else { settings.batch_size.max(evaluate::BLOCK) };
    let own =
        rows.checked_mul(width(network.inputs())?)?.checked_add(per_image.checked_mul(evaluate::BLOCK)?)?;
    let turned =
        if settings.sparse { Turned::memory_needed(network, settings.batch_size, threads)? } else { 0 };
    let block = if settings.sparse { network.inputs().checked_mul(evaluate::TURNED_ROW)? } else { 0 };
    parameters
        .checked_mul(2 + settings.optimizer.states().len())?
        .checked_add(turned)?
        .checked_add(per_image.checked_mul(settings.batch_size)?)?
        .checked_add(own.checked_add(block)?.checked_mul(threads)?)
}

impl Trainer {
    /// Prepares to train `network`.
    ///
    /// # Errors
    /// Where what training needs beside the network does not fit into memory.
    pub fn new(kernels: Kernels, team: Team, network: Network, settings: Settings) -> Result<Self> {
        memory::require(memory_needed(&network, &settings, team.threads()), "training this network")?;
        let states = |rows, layer: &Layer| States::new(&settings.optimizer, rows, layer.outputs());
        let state = network.layers().iter().enumerate().map(|(l, layer)| LayerState {
            weights: states(if l > 0 { layer.inputs() } else { 0 }, layer),
            biases: states(1, layer),
        });
        let first = FirstLayer::new(
            kernels,
            &network.layers()[0],
            &settings.optimizer,
            team.threads(),
            settings.sparse,
        );
        let sparse = settings
            .sparse
            .then(|| Turned::new(&network, settings.batch_size, first.groups(), team.threads()));
        let widest = network.layers().iter().map(Layer::outputs).max().unwrap_or(0);
        let worker = || {
            Mutex::new(Worker {
                workspace: Workspace::new(),
                x: SharedMatrix::new(
                    if sparse.is_some() { 0 } else { settings.batch_size.max(evaluate::BLOCK) },
                    network.inputs(),
                ),
                turned: vec![0; if sparse.is_some() { network.inputs() * evaluate::TURNED_ROW } else { 0 }],
                gradient: norms::room(widest),
                evaluation: Activations::new(&network, evaluate::BLOCK),
            })
        };
        Ok(Trainer {
            state: state.collect(),
            first,
            batch: Activations::new(&network, settings.batch_size),
            workers: (0..team.threads()).map(|_| worker()).collect(),
            sparse,
            augmented: None,
            order: Vec::new(),
            evaluated: evaluate::Results::new(0),
            steps_done: Arc::default(),
            phases: Phases::default(),
            kernels,
            team,
            settings,
            schedule: Schedule::default(),
            regularization: Regularization::default(),
            penalty: None,
            gradients: None,
            iteration: 0,
            network,
        })
    }

    /// The same with another loss than that of [`Loss::default_for`] the network's outputs.
    ///
    /// # Errors
    /// Where the loss does not fit them, or what it needs does not fit into memory.
    pub fn with_loss(mut self, loss: Loss) -> Result<Self> {
        let (outputs, rows, threads) =
            (self.network.outputs(), self.settings.batch_size, self.team.threads());
        if !loss.fits(outputs) {
            return Err(Error::failed(format!(
                "the loss {loss} does not fit a network of {outputs} outputs: binary wants one, the others several"
            )));
        }
        let images = threads.checked_mul(evaluate::BLOCK).and_then(|images| images.checked_add(rows));
        let bytes = images.and_then(|images| images.checked_mul(stride_of(outputs)? * 4));
        memory::require(bytes, "training with this loss")?;
        self.batch.target = Target::new(loss, rows, outputs);
        for worker in &mut self.workers {
            let worker = worker.get_mut().expect("no thread is at work");
            worker.evaluation.target = Target::new(loss, evaluate::BLOCK, outputs);
        }
        Ok(self)
    }

    /// The same with a penalty on weights, weight decay or clipped gradients. Losses then have the penalty in them, in training
    /// and evaluation alike, as Keras reports them.
    ///
    /// # Errors
    /// Where what it needs does not fit into memory.
    pub fn with_regularization(mut self, regularization: Regularization) -> Result<Self> {
        if let Clip::Norm(most) = regularization.clip {
            let bytes = memory_needed(&self.network, &self.settings, 0);
            memory::require(bytes, "clipping gradients by their norm")?;
            self.gradients = Some(Gradients::new(&self.network, most));
        }
        self.penalty = (regularization.l2 > 0.0).then(|| Sums::new(&self.network));
        self.regularization = regularization;
        Ok(self)
    }

    /// The same with smoothed labels, in training and evaluation alike, as in Keras.
    pub fn with_label_smoothing(mut self, smoothing: LabelSmoothing) -> Self {
        self.batch.smoothing = smoothing;
        for worker in &mut self.workers {
            worker.get_mut().expect("no thread is at work").evaluation.smoothing = smoothing;
        }
        self
    }

    /// The same with a learning rate that is not constant.
    pub fn with_schedule(self, schedule: Schedule) -> Self {
        Trainer { schedule, ..self }
    }

    /// The learning rate of the last step, or of the first one to be.
    pub fn learning_rate(&self) -> f64 {
        self.schedule.rate(self.settings.optimizer.learning_rate(), self.iteration.saturating_sub(1))
    }

    /// What is likely to help where the loss is no number; `moved` says whether a step has moved the weights before.
    pub fn remedy(&self, moved: bool) -> &'static str {
        let Regularization { l2, weight_decay, .. } = self.regularization;
        let rate = self.learning_rate();
        match () {
            () if !moved || rate == 0.0 => "it started from weights that are too large: give another --init",
            // A step takes more than the whole weight away.
            () if rate * weight_decay > 1.0 => "try a smaller --weight-decay or --lr",
            () if l2 > 1.0 => "try a smaller --l2 or --lr",
            () => "try a smaller --lr",
        }
    }

    /// The same with dropout after each hidden layer: a rate for each, from 0 to below 1.
    ///
    /// # Errors
    /// Where there is not one rate for each, one is out of range, or what it needs does not fit into memory.
    pub fn with_dropout(mut self, rates: &[f64]) -> Result<Self> {
        let (hidden, rows) = (self.network.hidden(), self.settings.batch_size);
        if rates.len() != hidden.len() || rates.iter().any(|rate| !(0.0..1.0).contains(rate)) {
            return Err(Error::failed(format!(
                "dropout of {rates:?} for {} hidden layers; give each a rate from 0 to below 1",
                hidden.len()
            )));
        }
        let bytes = hidden.iter().try_fold(0usize, |sum, width| {
            stride_of(*width)?.checked_mul(4)?.checked_mul(rows)?.checked_add(sum)
        });
        memory::require(bytes, "training with dropout")?;
        let layers = self.network.layers().iter().zip(rates).enumerate();
        let layers = layers.map(|(l, (layer, rate))| {
            Dropped::new(*rate, (self.settings.seed, l), layer.activation(), (rows, layer.outputs()))
        });
        self.batch.dropped = layers.collect();
        Ok(self)
    }

    /// Makes room for epochs of `train` examples and evaluations of up to `evaluate`: they then allocate nothing.
    pub fn reserve(&mut self, train: usize, evaluate: usize) {
        self.order.reserve(train);
        self.evaluated.reserve(evaluate);
    }

    /// How many steps of the current epoch are done, for another thread to look at.
    pub fn steps_done(&self) -> Arc<AtomicUsize> {
        Arc::clone(&self.steps_done)
    }

    /// Times the phases from now on, from zero: what training computes stays the same to the bit.
    pub fn time_phases(&mut self) {
        self.phases = Phases::of(self.team.threads());
    }

    /// For each thread the time that it has spent on each of [`Phase::ALL`]; empty unless [`Trainer::time_phases`] was called.
    pub fn phase_times(&self) -> Vec<[Duration; Phase::ALL.len()]> {
        self.phases.times()
    }

    /// The network as it is now.
    pub fn network(&self) -> &Network {
        &self.network
    }

    /// Goes on with other weights: those of a network of the same layers.
    ///
    /// # Errors
    /// Where the layers differ.
    pub fn set_network(&mut self, network: Network) -> Result<()> {
        let layers = |network: &Network| (network.inputs(), network.hidden(), network.outputs());
        if layers(&network) != layers(&self.network) || network.activations() != self.network.activations() {
            return Err(Error::failed("the network has other layers than the one in training"));
        }
        self.network = network;
        Ok(())
    }

    /// Trains on every example once. Epochs count from 1. Loss and accuracy are means over the epoch while the
    /// weights move, as Keras reports them.
    ///
    /// # Errors
    /// Where the loss stops being a number.
    pub fn train_epoch(&mut self, examples: Examples<'_>, epoch: usize) -> Result<Metrics> {
        self.train_steps(examples, epoch, Partial::default(), |_| false).map(|whole| whole.sums)
    }

    /// The rest of an epoch of which `done` is done, or until after a step `pause`, which is told how many steps of the
    /// epoch are done, says so. In how many pieces an epoch is trained changes no bit: nothing is left deferred between them.
    ///
    /// # Errors
    /// As for [`Trainer::train_epoch`].
    pub fn train_steps(
        &mut self,
        examples: Examples<'_>,
        epoch: usize,
        mut done: Partial,
        mut pause: impl FnMut(usize) -> bool,
    ) -> Result<Partial> {
        self.phases.start();
        self.order.resize(examples.len(), 0);
        if self.settings.shuffle {
            random::permutation(self.settings.seed, epoch as u64, &mut self.order);
        } else {
            self.order.iter_mut().enumerate().for_each(|(i, image)| *image = i as u32);
        }
        let order = std::mem::take(&mut self.order);
        self.steps_done.store(done.steps, Relaxed);
        let batch_size = self.settings.batch_size;
        let mut result = Ok(());
        let mut owed = None;
        self.begin();
        self.team.start_laps();
        for images in order.chunks(batch_size).skip(done.steps) {
            self.batch.moment = [done.steps as u32, epoch as u32];
            done.steps += 1;
            let next = order[(done.steps * batch_size).min(order.len())..].chunks(batch_size).next();
            let rate = self.schedule.rate(self.settings.optimizer.learning_rate(), self.iteration);
            let rule = self.settings.optimizer.with_learning_rate(rate).at(self.iteration);
            let rule = self.regularization.before(rule);
            let batch = self.any_step(owed, examples, images, next.unwrap_or(&[]));
            owed = Some(Owed { rule, images: images.len() });
            self.iteration += 1;
            self.team.lap();
            self.steps_done.store(done.steps, Relaxed);
            done.sums.add(&batch);
            if !batch.loss_sum.is_finite() {
                result = Err(Error::failed(format!(
                    "the loss became {} in epoch {epoch}, step {}, at learning rate {:?}; {}",
                    batch.loss(),
                    done.steps,
                    self.learning_rate(),
                    self.remedy(self.iteration > 1)
                )));
                break;
            }
            if pause(done.steps) {
                break;
            }
        }
        if let Some(owed) = owed {
            self.update(owed, examples, &[]);
        }
        self.settle();
        self.order = order;
        self.phases.stop();
        result.map(|()| done)
    }
}
