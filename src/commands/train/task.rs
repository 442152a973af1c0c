//! A run that its data has settled: the network it starts from, and all that trains it.

use mnist_fast::augment::distortion;
use mnist_fast::dataset::Dataset;
use mnist_fast::loss::Loss;
use mnist_fast::network::Network;
use mnist_fast::schedule::Schedule;
use mnist_fast::team::Team;
use mnist_fast::train::{Settings, Trainer};
use mnist_fast::{Error, Result};

use super::super::checkpoint::{INIT_SHA256, Request};
use super::super::explain::Explained;
use super::super::optimizer::Choice;
use super::images::Images;
use super::plan::Plan;
use crate::output::JsonLine;

pub(super) struct Task<'a> {
    plan: &'a Plan,
    data: &'a Dataset,
    images: &'a Images<'a>,
    pub(super) network: Network,
    /// Of the weights in the file that it starts from.
    pub(super) init_sha256: Option<String>,
    dropout: Option<Vec<f64>>,
    loss: Loss,
    schedule: Schedule,
    /// Steps of an epoch.
    pub(super) steps: usize,
}

impl<'a> Task<'a> {
    /// From the plan's network, or that of a run to go on with.
    pub(super) fn new(
        plan: &'a Plan,
        data: &'a Dataset,
        images: &'a Images<'a>,
        request: &Request,
    ) -> Result<Self> {
        let classes = images.classes(data);
        let network = request.network(data, classes)?.map_or_else(|| plan.network(data, classes), Ok)?;
        let init_sha256 = plan.init.as_ref().and_then(|_| request.init_sha256(&network));
        let dropout = plan.dropout(&network)?;
        let loss = plan.loss(&network);
        let steps = images.train().len().div_ceil(plan.batch_size);
        let schedule = plan.schedule.schedule(plan.moves.optimizer.learning_rate(), plan.epochs, steps)?;
        if let Some(range) = plan.augment {
            distortion(range, plan.seed, (data.rows, data.cols))?;
        }
        Ok(Task { plan, data, images, network, init_sha256, dropout, loss, schedule, steps })
    }

    /// Its formulas.
    pub(super) fn explained(&self) -> String {
        let Choice { optimizer, regularization, .. } = &self.plan.moves;
        let explained = Explained {
            network: &self.network,
            loss: self.loss,
            smoothing: self.plan.smoothing,
            dropout: self.dropout.as_deref(),
            augment: self.plan.augment.as_ref(),
            optimizer,
            schedule: &self.schedule,
            regularization: *regularization,
            init: self.plan.init.as_deref(),
        };
        explained.text()
    }

    /// The settings that its result depends on.
    pub(super) fn config(&self) -> Result<JsonLine> {
        let Images { chosen, held_out, .. } = self.images;
        let config = self.plan.config(self.data, &self.network, chosen.as_ref(), *held_out)?;
        Ok(match self.init_sha256.as_deref() {
            Some(sha256) => config.with(INIT_SHA256, sha256),
            None => config,
        })
    }

    /// Threads, of which each has an image of a batch at least.
    pub(super) fn team(&self) -> Result<Team> {
        let threads = self.plan.threads().min(self.images.train().len());
        Team::new(threads).map_err(|error| {
            Error::failed(format!("cannot start {threads} threads: {error}; try fewer with --threads"))
        })
    }

    /// What trains, before the first step.
    pub(super) fn trainer(self, team: Team) -> Result<Trainer> {
        let Task { plan, data, images, network, dropout, loss, schedule, .. } = self;
        let train = images.train();
        let settings = Settings {
            batch_size: plan.batch_size.min(train.len()),
            optimizer: plan.moves.optimizer,
            seed: plan.seed,
            shuffle: plan.shuffle,
            sparse: plan.engine.sparse.unwrap_or_else(|| train.are_sparse()),
        };
        let trainer = Trainer::new(plan.engine.kernels, team, network, settings)?.with_loss(loss)?;
        let trainer = trainer.with_regularization(plan.moves.regularization)?;
        let mut trainer = trainer.with_label_smoothing(plan.smoothing).with_schedule(schedule);
        if let Some(rates) = &dropout {
            trainer = trainer.with_dropout(rates)?;
        }
        if let Some(range) = plan.augment {
            trainer = trainer.with_augmentation(range, (data.rows, data.cols))?;
        }
        let most_at_once = [images.validation(), images.test()].map(|part| part.map_or(0, |part| part.len()));
        trainer.reserve(train.len(), most_at_once.into_iter().max().unwrap_or(0));
        Ok(trainer)
    }
}
