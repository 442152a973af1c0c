//! One checkpoint as a safetensors file.
//!
//! ```text
//! network.0.weight [in, out], network.0.bias [out], network.1.weight, ...     F32, as all weights here
//! best.0.weight, ...                                                          where there is a best epoch before the last one
//! optimizer.rmsprop.0.weight, ...                                             what the optimizer has
//! history [epochs, 8], epoch [5]                                              F64: sums, counts and seconds
//! sha256 [64]                                                                 U8: of every byte of the file before it
//! __metadata__                                                                the run, its epoch, its best epoch
//! ```
//!
//! Format 1 had `best` in any case: it is read as well.
//!
//! The hash tells a damaged file from a whole one; a file that loads is consistent in itself.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Read, Write};
use std::path::Path;
use std::sync::Arc;

use serde_json::Value;

use super::{Checkpoint, PRODUCER, Run};
use crate::atomic::AtomicFile;
use crate::dataset::map;
use crate::error::{Error, Result};
use crate::hash::Sha256Hex;
use crate::history::Epoch;
use crate::little_endian;
use crate::metrics::Metrics;
use crate::model_file::safetensors::{self, Reader};
use crate::network::Network;
use crate::train::{Partial, StateTensor};

const FORMAT: &str = "2";
const FORMER: &str = "1";
const FORMAT_KEY: &str = "mnist_fast_checkpoint";
const HASH_LEN: usize = 64;
/// Of an epoch in the history: two times [`Metrics`], the second of no images where there was no validation; two times seconds.
const HISTORY: usize = 8;
/// Of the epoch under way: steps, [`Metrics`], seconds.
const EPOCH: usize = 5;

/// A tensor to write: floats of either size.
enum Values<'a> {
    F32(Vec<&'a [f32]>),
    F64(Vec<f64>),
}

/// Writes a checkpoint as `path`, which appears whole or not at all.
pub(super) fn save(path: &Path, checkpoint: &Checkpoint) -> io::Result<()> {
    let mut tensors: Vec<(String, Vec<usize>, Values<'_>)> = vec![];
    let best = checkpoint.best.as_ref().filter(|(_, best)| !Arc::ptr_eq(best, &checkpoint.network));
    let best = best.map(|(_, network)| ("best", network));
    for (name, network) in [("network", &checkpoint.network)].into_iter().chain(best) {
        for (l, layer) in network.layers().iter().enumerate() {
            let rows = (0..layer.inputs()).map(|input| layer.weight_row(input)).collect();
            let shape = vec![layer.inputs(), layer.outputs()];
            tensors.push((format!("{name}.{l}.weight"), shape, Values::F32(rows)));
            let biases = Values::F32(vec![layer.biases()]);
            tensors.push((format!("{name}.{l}.bias"), vec![layer.outputs()], biases));
        }
    }
    for StateTensor { name, shape, values } in &checkpoint.state {
        tensors.push((format!("optimizer.{name}"), shape.clone(), Values::F32(vec![values])));
    }
    let history: Vec<f64> = checkpoint.history.iter().flat_map(row_of).collect();
    tensors.push(("history".into(), vec![checkpoint.history.len(), HISTORY], Values::F64(history)));
    let [loss_sum, correct, count] = numbers_of(Some(checkpoint.done.sums));
    let epoch = vec![checkpoint.done.steps as f64, loss_sum, correct, count, checkpoint.seconds];
    tensors.push(("epoch".into(), vec![EPOCH], Values::F64(epoch)));

    let described = tensors.iter().map(|(name, shape, values)| {
        let dtype = if matches!(values, Values::F32(_)) { "F32" } else { "F64" };
        (name.clone(), dtype, shape.clone())
    });
    let described: Vec<_> = described.chain([("sha256".into(), "U8", vec![HASH_LEN])]).collect();
    let header = safetensors::header(&metadata_of(checkpoint), &described);

    let mut buffer = Vec::with_capacity(header.len() + 2 * PIECE);
    buffer.extend(header);
    let mut file = Hashed { file: AtomicFile::create(path)?, hash: Sha256Hex::new(), buffer };
    for (_, _, values) in &tensors {
        match values {
            Values::F64(values) => file.append(values, f64::to_le_bytes)?,
            Values::F32(rows) => {
                for values in rows.iter().flat_map(|row| row.chunks(PIECE / 4)) {
                    file.append(values, f32::to_le_bytes)?;
                }
            }
        }
    }
    file.finish()
}

/// Bytes go to the file, and into its hash, in pieces of at least so many.
const PIECE: usize = 256 * 1024;

/// A file that ends with the hash of what was written before.
struct Hashed {
    file: AtomicFile,
    hash: Sha256Hex,
    /// What is not written yet.
    buffer: Vec<u8>,
}

impl Hashed {
    fn append<T: Copy, const N: usize>(
        &mut self,
        values: &[T],
        bytes: impl Fn(T) -> [u8; N],
    ) -> io::Result<()> {
        little_endian::append(&mut self.buffer, values.iter(), bytes);
        if self.buffer.len() < PIECE { Ok(()) } else { self.write() }
    }

    fn write(&mut self) -> io::Result<()> {
        self.hash.update(&self.buffer);
        self.file.write_all(&self.buffer)?;
        self.buffer.clear();
        Ok(())
    }

    fn finish(mut self) -> io::Result<()> {
        self.write()?;
        self.file.write_all(self.hash.finish().as_bytes())?;
        self.file.commit().map(drop)
    }
}

fn numbers_of(metrics: Option<Metrics>) -> [f64; 3] {
    let Metrics { loss_sum, correct, count } = metrics.unwrap_or(Metrics::zero());
    [loss_sum, correct as f64, count as f64]
}

fn row_of(epoch: &Epoch) -> impl Iterator<Item = f64> + use<> {
    let (train, validation) = (numbers_of(Some(epoch.metrics)), numbers_of(epoch.validation));
    train.into_iter().chain(validation).chain([epoch.seconds, epoch.train_seconds])
}

fn metadata_of(checkpoint: &Checkpoint) -> BTreeMap<&'static str, String> {
    let Run { options, config, data_sha256, exact, every, .. } = &checkpoint.run;
    let options = options.iter().map(|(name, value)| match value {
        Some(value) => Value::from(vec![name.as_str(), value]),
        None => Value::from(vec![name.as_str()]),
    });
    let mut metadata = BTreeMap::from([
        (FORMAT_KEY, FORMAT.into()),
        ("arithmetic", if *exact { "exact" } else { "portable" }.into()),
        ("config", config.clone()),
        ("data_sha256", data_sha256.clone()),
        ("epoch", checkpoint.epoch.to_string()),
        ("every", every.clone()),
        ("options", Value::from_iter(options).to_string()),
        ("producer", PRODUCER.into()),
    ]);
    metadata.extend(checkpoint.best.as_ref().map(|(epoch, _)| ("best_epoch", epoch.to_string())));
    metadata
}

/// Reads a checkpoint.
///
/// # Errors
/// Where the file cannot be read, was damaged, is of another version, or contradicts itself.
pub(super) fn load(path: &Path) -> Result<Checkpoint> {
    let reader = Reader::open(path)?;
    let wrong = |what: &str| Error::failed(format!("{} {what}", path.display()));
    let get = |key: &str| reader.metadata().get(key).map(String::as_str);
    match get(FORMAT_KEY) {
        Some(FORMAT | FORMER) => {}
        Some(other) => {
            return Err(wrong(&format!(
                "is a checkpoint of format {}, where this version reads formats {FORMER} and {FORMAT}; use the \
                 version that wrote it",
                safetensors::short(&other)
            )));
        }
        None => return Err(wrong("is no checkpoint")),
    }
    let mut file = Tensors { reader: &reader, taken: BTreeSet::new() };
    let network = Arc::new(file.network("network")?.ok_or_else(|| wrong("has no network"))?);
    require_hash(path)?;
    file.taken.insert("sha256".into());

    let count = |key: &str| get(key).and_then(|text| text.parse::<usize>().ok());
    let text = |key: &str| get(key).map(str::to_owned).ok_or_else(|| wrong(&format!("lacks {key}")));
    let epoch = count("epoch").filter(|epoch| *epoch > 0).ok_or_else(|| wrong("does not say its epoch"))?;
    let numbers = file.f64("epoch", &[EPOCH])?;
    let best = match (file.network("best")?, count("best_epoch")) {
        (None, None) => None,
        // The weights have not moved since.
        (None, Some(at)) if at > 0 && at == epoch - 1 && numbers[0] == 0.0 => {
            Some((at, Arc::clone(&network)))
        }
        (Some(best), Some(at)) if (1..epoch).contains(&at) && sizes(&best) == sizes(&network) => {
            Some((at, Arc::new(best)))
        }
        _ => return Err(wrong("has a best network that does not fit its others")),
    };
    let history = file.f64("history", &[epoch - 1, HISTORY])?;
    let history = history.as_chunks::<HISTORY>().0.iter().enumerate().map(|(i, row)| epoch_of(i + 1, row));
    let history =
        history.collect::<Option<_>>().ok_or_else(|| wrong("has a history of impossible numbers"))?;
    let done = metrics_of(&numbers[1..4]).zip(whole(numbers[0]));
    let done = done.map(|(sums, steps)| Partial { steps, sums });
    let exact = match get("arithmetic") {
        Some("exact") => true,
        Some("portable") => false,
        _ => return Err(wrong("does not say whether its arithmetic is exact")),
    };
    let run = Run {
        producer: text("producer")?,
        options: options(&text("options")?).ok_or_else(|| wrong("has options that are none"))?,
        config: text("config")?,
        data_sha256: text("data_sha256")?,
        exact,
        every: text("every")?,
    };
    let state = file.state()?;
    if let Some(name) = reader.tensors().keys().find(|name| !file.taken.contains(*name)) {
        return Err(wrong(&format!("has the tensor {}, which no checkpoint has", safetensors::short(name))));
    }
    Ok(Checkpoint {
        run,
        epoch,
        done: done.ok_or_else(|| wrong("has sums of impossible numbers"))?,
        seconds: seconds(numbers[4]).ok_or_else(|| wrong("has an impossible time"))?,
        history,
        network,
        state,
        best,
    })
}

/// Checks that the file ends with the hash of everything before.
fn require_hash(path: &Path) -> Result<()> {
    let (file, metadata) = map::open_regular(path)?;
    let failed = |error: io::Error| map::cannot_read(path, &error);
    let mut hash = Sha256Hex::new();
    let mut before = (&file).take(metadata.len().saturating_sub(HASH_LEN as u64));
    let mut piece = vec![0; 64 * 1024];
    loop {
        match before.read(&mut piece).map_err(failed)? {
            0 => break,
            read => hash.update(&piece[..read]),
        }
    }
    let mut stored = vec![];
    (&file).take(HASH_LEN as u64).read_to_end(&mut stored).map_err(failed)?;
    if stored == hash.finish().as_bytes() {
        return Ok(());
    }
    Err(Error::failed(format!("{} is damaged: its SHA-256 is not the one it ends with", path.display())))
}

/// The tensors of a file, each taken once.
struct Tensors<'a> {
    reader: &'a Reader,
    taken: BTreeSet<String>,
}

impl Tensors<'_> {
    fn wrong(&self, what: &str) -> Error {
        Error::failed(format!("{} {what}", self.reader.path().display()))
    }

    fn bytes(&mut self, name: &str, dtype: &str, shape: &[usize]) -> Result<Vec<u8>> {
        match self.reader.tensors().get(name) {
            Some(tensor) if tensor.dtype == dtype && tensor.shape == shape => {
                self.taken.insert(name.to_owned());
                self.reader.read(tensor)
            }
            _ => Err(self.wrong(&format!("has no {name} of shape {shape:?}"))),
        }
    }

    fn f32(&mut self, name: &str, shape: &[usize]) -> Result<Vec<f32>> {
        let bytes = self.bytes(name, "F32", shape)?;
        Ok(bytes.as_chunks().0.iter().map(|b| f32::from_le_bytes(*b)).collect())
    }

    fn f64(&mut self, name: &str, shape: &[usize]) -> Result<Vec<f64>> {
        let bytes = self.bytes(name, "F64", shape)?;
        Ok(bytes.as_chunks().0.iter().map(|b| f64::from_le_bytes(*b)).collect())
    }

    /// The network whose tensors begin with `prefix`, if there is one.
    fn network(&mut self, prefix: &str) -> Result<Option<Network>> {
        let tensors = self.reader.tensors();
        let weights = |l: usize| tensors.get(&format!("{prefix}.{l}.weight"));
        let mut sizes: Vec<usize> = vec![];
        while let Some(tensor) = weights(sizes.len().saturating_sub(1)) {
            let [inputs, outputs] = tensor.shape[..] else {
                return Err(self.wrong(&format!("has weights of {prefix} that are no matrix")));
            };
            if sizes.is_empty() {
                sizes.push(inputs);
            }
            sizes.push(outputs);
        }
        if sizes.is_empty() {
            return Ok(None);
        }
        let mut network = Network::zeros(&sizes)?;
        for (l, layer) in network.layers_mut().iter_mut().enumerate() {
            let shape = [layer.inputs(), layer.outputs()];
            let weights = self.f32(&format!("{prefix}.{l}.weight"), &shape)?;
            let biases = self.f32(&format!("{prefix}.{l}.bias"), &shape[1..])?;
            layer.set(&weights, &biases).map_err(|error| self.wrong(&format!("is damaged: {error}")))?;
        }
        Ok(Some(network))
    }

    /// The optimizer's state. Whether it is the right one is for the trainer to say.
    fn state(&mut self) -> Result<Vec<StateTensor>> {
        let reader = self.reader;
        // In the order in which they were written: layer 10 comes after layer 2.
        let mut tensors: Vec<_> = reader.tensors().iter().collect();
        tensors.sort_by_key(|(_, tensor)| tensor.begin());
        let own =
            tensors.into_iter().filter_map(|(name, tensor)| Some((name.strip_prefix("optimizer.")?, tensor)));
        own.map(|(name, tensor)| {
            let values = self.f32(&format!("optimizer.{name}"), &tensor.shape)?;
            Ok(StateTensor { name: name.to_owned(), shape: tensor.shape.clone(), values })
        })
        .collect()
    }
}

fn sizes(network: &Network) -> Vec<(usize, usize)> {
    network.layers().iter().map(|layer| (layer.inputs(), layer.outputs())).collect()
}

fn options(text: &str) -> Option<Vec<(String, Option<String>)>> {
    let options: Vec<Vec<String>> = serde_json::from_str(text).ok()?;
    let pair = |option: Vec<String>| {
        let mut words = option.into_iter();
        let option = (words.next()?, words.next());
        words.next().is_none().then_some(option)
    };
    options.into_iter().map(pair).collect()
}

/// A count, which a double holds exactly.
fn whole(x: f64) -> Option<usize> {
    ((0.0..=(1u64 << 53) as f64).contains(&x) && x.fract() == 0.0).then_some(x as usize)
}

fn seconds(x: f64) -> Option<f64> {
    (x.is_finite() && x >= 0.0).then_some(x)
}

fn metrics_of(row: &[f64]) -> Option<Metrics> {
    let (correct, count) = (whole(row[1])?, whole(row[2])?);
    (row[0].is_finite() && correct <= count).then_some(Metrics { loss_sum: row[0], correct, count })
}

fn epoch_of(epoch: usize, row: &[f64; HISTORY]) -> Option<Epoch> {
    Some(Epoch {
        epoch,
        metrics: metrics_of(&row[..3])?,
        validation: Some(metrics_of(&row[3..6])?).filter(|validation| validation.count > 0),
        seconds: seconds(row[6])?,
        train_seconds: seconds(row[7])?,
    })
}
