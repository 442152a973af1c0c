//! The settings that a run's result depends on: model files, checkpoints, reports and JSON lines keep them.

use mnist_fast::Result;
use mnist_fast::activation::Activation;
use mnist_fast::dataset::{Chosen, Dataset};
use mnist_fast::network::Network;

use super::super::augment;
use super::super::checkpoint::{self, Identity};
use super::plan::Plan;
use crate::output::JsonLine;

impl Plan {
    /// The settings by which a run is the one it is, with this data and a network that may come from elsewhere.
    pub(super) fn identity(&self, data: &Dataset, network: &Network) -> Result<Identity> {
        let parts = self.source.parts(data.train.len())?;
        let from = if parts.validation_first { "first" } else { "last" };
        let chosen = self.classes.as_ref().map(|text| Chosen::parse(text, data)).transpose()?;
        let config = self.config(data, network, chosen.as_ref(), (parts.validation.len(), from))?.finish();
        let mut identity = checkpoint::identity(&config).expect("our own JSON");
        // The network may be the run's own: what was asked for counts.
        identity.extend(self.layers.asked_for());
        let classes = self.source.num_classes.unwrap_or(data.classes);
        identity.insert("num_classes".into(), classes.into());
        Ok(identity)
    }

    /// The settings that the result depends on, for the record.
    pub(super) fn config(
        &self,
        data: &Dataset,
        network: &Network,
        chosen: Option<&Chosen>,
        validation: (usize, &str),
    ) -> Result<JsonLine> {
        let hidden = network.hidden();
        let config = JsonLine::new().with("data", self.source.data.as_str());
        let config = config.with("validation", validation.0).with("validation_from", validation.1);
        let config =
            config.with("hidden", hidden).with("activation", Activation::list(&network.activations()));
        let config = self.moves.record(config);
        let config = self.schedule.record(config, self.moves.optimizer.learning_rate());
        let sparse = match self.engine.sparse {
            None => "auto",
            Some(true) => "always",
            Some(false) => "never",
        };
        let config = config
            .with("batch_size", self.batch_size)
            .with("epochs", self.epochs)
            .with("early_stop", self.early_stop)
            .with("seed", self.seed)
            .with("shuffle", self.shuffle)
            .with("init", self.init.as_ref().map(|path| path.to_string_lossy().into_owned()))
            .with("sparse", sparse)
            .with("loss", self.loss(network).to_string());
        let config = config.with("dropout", self.dropout(network)?);
        let config = config.with("label_smoothing", Some(self.smoothing.rate()).filter(|rate| *rate > 0.0));
        let config = augment::record(config, self.augment.as_ref());
        let config = config.with("classes", chosen.map(|chosen| chosen.labels().to_vec()));
        Ok(config.with("dataset_classes", data.classes))
    }
}
