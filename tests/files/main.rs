//! What is read and written: datasets, models, pictures, and predictions against those of Keras.
//!
//! One program, not one for each file: linking takes longer than compiling most of them.

mod corpus;
mod dataset;
mod dataset_defects;
mod idx;
mod inference;
mod keras;
mod keras_formulas;
#[path = "../mnist/mod.rs"]
mod mnist;
mod model_file;
mod npz;
mod picture;
#[path = "../scratch/mod.rs"]
mod scratch;
