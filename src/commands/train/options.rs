//! The options of `train`, in the order of its help.

use super::super::recipe::RECIPE;
use super::super::repeat::{LIKE, PRINT_COMMAND};
use super::super::{
    augment, checkpoint, course, data, engine, explain, network, optimizer, outputs, schedule,
};
use crate::args::{Opt, heading};

pub(crate) const USAGE: &str = "\
Usage: mnist-fast train [options]

  mnist-fast train                                   the tutorial: 21 epochs on MNIST
  mnist-fast train --epochs 5 --save m.safetensors   shorter, and keep the model
  mnist-fast train --report r.html --log log.csv     a page with curves and mistakes, the figures
  mnist-fast train --checkpoint run1                 a run that can be killed at any instant ...
  mnist-fast train --resume run1                     ... and go on
  mnist-fast train --data ./my-digits --hidden 256   a folder of IDX files, another network
  mnist-fast train --hidden none --optimizer sgd     softmax regression
  mnist-fast train --classes 3,8 --loss binary       two classes, one sigmoid output
  mnist-fast train --hidden 256 --dropout 0.2        dropout after the hidden layer
  mnist-fast train --recipe quick                    98 % in three epochs
  mnist-fast train --augment affine                  images distorted anew in every epoch";

pub(crate) const OPTIONS: &[Opt] = &[
    heading("Data"),
    data::DATA,
    data::NUM_CLASSES,
    data::CLASSES,
    data::VALIDATION,
    data::VALIDATION_SPLIT,
    data::NO_MMAP,
    heading("Network"),
    network::HIDDEN,
    network::ACTIVATION,
    network::LOSS,
    network::LABEL_SMOOTHING,
    network::DROPOUT,
    heading("Augmentation"),
    augment::AUGMENT,
    augment::ROTATE,
    augment::SCALE,
    augment::SHEAR,
    augment::SHIFT,
    heading("Training"),
    optimizer::OPTIMIZER,
    optimizer::LR,
    schedule::SCHEDULE,
    schedule::WARMUP,
    schedule::DROP_EVERY,
    schedule::FACTOR,
    schedule::FIRST,
    schedule::FINAL,
    Opt { name: "--batch-size", value: "N", help: "images per step (default 64)" },
    Opt { name: "--epochs", value: "N", help: "(default 21)" },
    course::EARLY_STOP,
    Opt {
        name: "--seed",
        value: "N",
        help: "keys all that is random: initial weights, shuffles, ... (default 42)",
    },
    Opt { name: "--no-shuffle", value: "", help: "visit the images in the file's order, as stored" },
    Opt {
        name: "--init",
        value: "FILE",
        help: "start from a model file's weights, also of PyTorch or Keras (.npz); the\noptimizer starts anew",
    },
    Opt {
        name: "--save",
        value: "FILE",
        help: "write the trained model: safetensors, or npz for a name that ends so",
    },
    checkpoint::CHECKPOINT,
    checkpoint::EVERY,
    checkpoint::RESUME,
    LIKE,
    RECIPE,
    heading("The optimizer's numbers"),
    optimizer::MOMENTUM,
    optimizer::NESTEROV,
    optimizer::RHO,
    optimizer::CENTERED,
    optimizer::EPSILON,
    optimizer::EPSILON_AT,
    optimizer::BETA_1,
    optimizer::BETA_2,
    heading("Weights and gradients kept small"),
    optimizer::L2,
    optimizer::WEIGHT_DECAY,
    optimizer::CLIP_VALUE,
    optimizer::CLIP_NORM,
    heading("This machine"),
    Opt { name: "--threads", value: "N", help: "(default: one per core, but at most batch size / 16)" },
    engine::ISA,
    engine::SPARSE,
    heading("Output"),
    outputs::REPORT,
    outputs::PLOT,
    outputs::LOG,
    Opt { name: "--json", value: "", help: "JSON lines on standard output, and nothing else there" },
    Opt { name: "--quiet", value: "", help: "print the result only" },
    explain::EXPLAIN,
    PRINT_COMMAND,
];
