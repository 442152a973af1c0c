//! `train`: a run from its options to its result. What it asks for, works on and ends with has a file each.

mod ending;
mod images;
mod options;
mod pipe;
mod plan;
mod record;
mod task;

use std::time::Instant;

use mnist_fast::history::Epoch;
use mnist_fast::metrics::Metrics;
use mnist_fast::train::{Examples, Trainer};
use mnist_fast::{Error, Result};
use serde_json::{Map, Value};

use super::checkpoint::{self, Request};
use super::files;
use super::keeper::Keeper;
use super::progress::Progress;
use super::recipe;
use super::repeat::{self, ARGUMENTS, Like};
use super::report::{Report, Style};
use crate::args::Args;
use crate::output;
use ending::Ending;
use images::Images;
pub(crate) use options::{OPTIONS, USAGE};
use pipe::Pipe;
use plan::Plan;
use task::Task;

pub(crate) fn run(args: Args) -> Result<()> {
    let started = Instant::now();
    let (recipe, args) = recipe::expand(args)?;
    let (mut like, args) = Like::parse(args)?;
    let (request, args) = Request::parse(args)?;
    if like.is_some() && request.is_resume() {
        return Err(Error::usage(
            "--like and --resume exclude each other: a run goes on with its own options",
        ));
    }
    let (line, of_recipe) = recipe.map_or((None, None), |recipe| (Some(recipe.line), Some(recipe.taken)));
    let of_like = like.as_mut().map(|like| std::mem::take(&mut like.taken));
    let taken = of_recipe.or(of_like).or(request.taken()).unwrap_or_default();
    train(started, args, line, like, request).map_err(|error| taken.explain(error))
}

/// Trains as the arguments say, in which all that the run has from elsewhere stands by now; `recipe` is to be printed.
fn train(
    started: Instant,
    args: Args,
    recipe: Option<String>,
    like: Option<Like>,
    request: Request,
) -> Result<()> {
    let given = args.clone().take(checkpoint::is_of_run)?;
    let mut plan = Plan::parse(args)?;
    let mut outputs = std::mem::take(&mut plan.outputs);
    let files = plan.files(&outputs);
    plan.check_files(&files, &outputs, &request)?;
    let data = plan.source.open()?;
    files::require_not_data(&files, &data)?;
    let images = Images::new(&plan, &data)?;
    let task = Task::new(&plan, &data, &images, &request)?;
    if let Some(like) = &like {
        like.check_init(task.init_sha256.as_deref())?;
    }
    if plan.explain {
        return output::line(task.explained());
    }
    let isa = plan.engine.kernels.isa();
    let config = task.config()?;
    let record: Map<String, Value> = serde_json::from_str(&config.clone().finish()).expect("our own JSON");
    let arguments = repeat::in_force(&given, &record, isa);
    if plan.print_command {
        return output::line(repeat::command_line(arguments.iter().map(String::as_str)));
    }
    let config = config.with(ARGUMENTS, arguments);
    let training: Value = serde_json::from_str(&config.clone().finish()).expect("our own JSON");
    let team = task.team()?;
    let threads = team.threads();

    let (train, validation, test) = (images.train(), images.validation(), images.test());
    let mut report = Report::new(plan.style, plan.epochs, images.classes(&data));
    report.only = images.chosen_names.as_ref().map(|names| names.join(", "));
    let identity = |args| Plan::parse(args)?.identity(&data, &task.network);
    let kept = request.run(&data, isa, config.clone().finish(), identity)?;
    let mut pipe = Pipe::new(plan.save.is_some() || outputs.any() || kept.is_some());
    if plan.style == Style::Text {
        pipe.print(recipe.into_iter().collect())?;
    }
    pipe.print(report.start(
        &plan.engine.kernels,
        threads,
        &data,
        train,
        validation,
        test,
        &task.network,
        config,
    ))?;

    let steps = task.steps;
    let mut trainer = task.trainer(team)?;
    let names = images.class_names(&data);
    let mut keeper =
        Keeper::start(request, kept, plan.early_stop, &mut trainer, (plan.epochs, steps), names)?;
    pipe.print(keeper.resumed().map_or(vec![], |place| report.resumed(place)))?;
    outputs.start()?;
    for epoch in keeper.history() {
        outputs.epoch(*epoch);
        report.epoch(epoch);
    }
    for epoch in keeper.first_epoch()..=plan.epochs {
        if keeper.is_over() {
            break;
        }
        let label = format!("Epoch {epoch}/{}", plan.epochs);
        let bar = Progress::start(plan.style == Style::Text, label, trainer.steps_done(), steps);
        let (metrics, train_seconds) = keeper.train_epoch(&mut trainer, train, epoch)?;
        let start = Instant::now();
        let validation =
            validation.map(|examples| evaluate(&mut trainer, examples, (epoch, steps))).transpose()?;
        let seconds = train_seconds + start.elapsed().as_secs_f64();
        drop(bar);
        let epoch = Epoch { epoch, metrics, validation, seconds, train_seconds };
        outputs.epoch(epoch);
        pipe.print(report.epoch(&epoch))?;
        keeper.epoch(&trainer, epoch)?;
    }
    let (plan, data, images) = (&plan, &data, &images);
    Ending { started, plan, data, images, like, training, threads, report, outputs, pipe }
        .end(trainer, keeper, steps)
}

/// Evaluates after this step of this epoch, and refuses a loss that is no number: the last step can diverge as well.
fn evaluate(trainer: &mut Trainer, examples: Examples<'_>, (epoch, step): (usize, usize)) -> Result<Metrics> {
    let metrics = trainer.evaluate(examples);
    if metrics.loss_sum.is_finite() {
        return Ok(metrics);
    }
    Err(Error::failed(format!(
        "the loss is {} after epoch {epoch}, step {step}, at learning rate {:?}; {}",
        metrics.loss(),
        trainer.learning_rate(),
        trainer.remedy(true)
    )))
}
