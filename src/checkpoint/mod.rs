//! Checkpoints: everything from which a killed run goes on to the same bits.
//!
//! ```text
//! DIR/checkpoint-0000000782.safetensors    after so many steps of the whole run; the newest two are kept
//! DIR/best.safetensors                     the model file of the epoch after which validation loss was lowest
//! DIR/lock                                 locked by the run that uses the folder, as long as its process lives
//! ```
//!
//! Randomness is a function of seed, epoch and step, and optimizers defer nothing between steps, so weights, optimizer state
//! and position are enough. What a run tells at its end needs more: the sums of the epoch under way and the history.

mod file;
mod folder;
mod state;

pub use folder::{Folder, Found, Parcel, Written};
pub use state::StateTensor;

use std::sync::Arc;

use crate::history::Epoch;
use crate::network::Network;
use crate::train::Partial;

/// A run at a point between two steps.
#[derive(Clone)]
pub struct Checkpoint {
    /// Which run it is.
    pub run: Run,
    /// The epoch under way, from 1; one more than there are, where all are done.
    pub epoch: usize,
    /// How far that epoch is.
    pub done: Partial,
    /// How long its training took so far.
    pub seconds: f64,
    /// The epochs before.
    pub history: Vec<Epoch>,
    /// The weights.
    pub network: Arc<Network>,
    /// The optimizer's state.
    pub state: Vec<StateTensor>,
    /// The epoch after which validation loss was lowest, and the network as it was then: that of the weights above, where that was
    /// the last epoch, and then it is stored once.
    pub best: Option<(usize, Arc<Network>)>,
}

/// What stays the same from a run's begin to its end, however often it is resumed.
#[derive(Clone, Debug, PartialEq)]
pub struct Run {
    /// The version that made the checkpoint.
    pub producer: String,
    /// The options that the result depends on, as they were given: name, and value unless it is a switch.
    pub options: Vec<(String, Option<String>)>,
    /// The settings that they amount to: a JSON object.
    pub config: String,
    /// The SHA-256 of the data.
    pub data_sha256: String,
    /// Whether its kernels are among those that promise the same bits.
    pub exact: bool,
    /// When a checkpoint is due, as the option says it.
    pub every: String,
}

/// The version that makes checkpoints now.
pub const PRODUCER: &str = concat!("mnist-fast ", env!("CARGO_PKG_VERSION"));
