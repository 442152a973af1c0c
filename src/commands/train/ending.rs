//! After the last epoch: the test, the files that were asked for, and what there is to say.

use std::time::Instant;

use mnist_fast::Result;
use mnist_fast::dataset::Dataset;
use mnist_fast::model_file::{self, Model};
use mnist_fast::predict::{self, Evaluation, Objective, Predictor};
use mnist_fast::train::{Examples, Trainer};
use serde_json::Value;

use super::super::engine::Engine;
use super::super::keeper::Keeper;
use super::super::outputs::{Outputs, Run};
use super::super::repeat::Like;
use super::super::report::{End, Report};
use super::evaluate;
use super::images::Images;
use super::pipe::Pipe;
use super::plan::Plan;
use crate::output::thousands;

/// What a run has at its end beside what trained it.
pub(super) struct Ending<'a> {
    pub(super) started: Instant,
    pub(super) plan: &'a Plan,
    pub(super) data: &'a Dataset,
    pub(super) images: &'a Images<'a>,
    pub(super) like: Option<Like>,
    /// The settings that the result depends on.
    pub(super) training: Value,
    pub(super) threads: usize,
    pub(super) report: Report,
    pub(super) outputs: Outputs,
    pub(super) pipe: Pipe,
}

impl Ending<'_> {
    /// Ends the run. Whatever becomes of its files, the result is told.
    pub(super) fn end(mut self, mut trainer: Trainer, keeper: Keeper, steps: usize) -> Result<()> {
        if let Some((epoch, network)) = keeper.result() {
            trainer.set_network(network.clone())?;
            (self.report.result, self.training["epoch"]) = (Some(epoch), epoch.into());
        }
        let last = (self.plan.epochs, steps);
        let tested = self.images.test().map(|examples| evaluate(&mut trainer, examples, last)).transpose()?;
        let sha256 = trainer.network().sha256();
        self.save(&trainer)?;
        let seconds = self.started.elapsed().as_secs_f64();
        let written = self.write(&trainer, &sha256, seconds);
        let isa = self.plan.engine.kernels.isa();
        let likeness = self.like.as_ref().map_or(Ok(None), |like| like.compare(&self.training, &sha256, isa));
        let kept = keeper.finish();
        let (wrote, kept, failure) = match written.and_then(|lines| Ok((lines, kept?))) {
            Ok((lines, kept)) => (lines, kept, None),
            Err(error) => (vec![], None, Some(error)),
        };
        let (same, failure) = match likeness {
            Ok(same) => (same, failure),
            Err(error) => (None, failure.or(Some(error))),
        };
        let end = End {
            test: tested,
            trained: self.objective().describe(),
            sha256: &sha256,
            seconds,
            saved: self.plan.save.as_deref(),
            kept,
            wrote,
            same,
        };
        self.pipe.print(self.report.end(end))?;
        failure.map_or(Ok(()), Err)
    }

    /// Saves the model, if that was asked for.
    fn save(&self, trainer: &Trainer) -> Result<()> {
        let Some(path) = &self.plan.save else { return Ok(()) };
        let class_names = self.images.class_names(self.data).map(<[String]>::to_vec);
        let training = Some(self.training.clone());
        model_file::save(path, &Model { network: trainer.network().clone(), class_names, training })
    }

    /// Writes the other files; returns a line for each.
    fn write(&mut self, trainer: &Trainer, sha256: &str, seconds: f64) -> Result<Vec<String>> {
        let outputs = std::mem::take(&mut self.outputs);
        let judged = self.images.judged().filter(|_| outputs.report());
        let evaluated = judged
            .map(|(split, picked)| Ok((split, picked, self.evaluation(trainer, picked.examples())?)))
            .transpose();
        evaluated.and_then(|evaluated| {
            outputs.finish(&Run {
                title: "Training report",
                data: self.data,
                network: trainer.network(),
                names: self.images.names(self.data),
                evaluated: evaluated.as_ref().map(|(split, picked, found)| (*split, *picked, found)),
                verdict: self.report.verdict(),
                seconds: Some(seconds),
                training: Some(&self.training),
                more: self.circumstances(),
                weights_sha256: sha256,
            })
        })
    }

    /// What the network makes of each image.
    fn evaluation(&self, trainer: &Trainer, examples: Examples<'_>) -> Result<Evaluation> {
        let Engine { kernels, sparse, .. } = self.plan.engine;
        let settings = predict::Settings { kernels, threads: self.threads, sparse };
        Predictor::new(trainer.network(), settings)?.evaluate_as(examples, self.objective())
    }

    /// What was made small.
    fn objective(&self) -> Objective {
        Objective { smoothing: self.plan.smoothing, l2: self.plan.moves.regularization.l2 }
    }

    /// What the report tells of the run beside its settings.
    fn circumstances(&self) -> Vec<(&'static str, String)> {
        let test = self.images.test().map_or(0, |part| part.len());
        let mut rows = vec![
            ("training images", thousands(self.images.train().len())),
            ("test images", thousands(test)),
            ("kernels", self.plan.engine.kernels.isa().to_string()),
            ("threads", self.threads.to_string()),
        ];
        rows.extend(self.plan.save.as_ref().map(|path| ("saved as", path.display().to_string())));
        rows
    }
}
